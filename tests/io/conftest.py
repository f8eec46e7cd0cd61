import numpy as np
import pytest


@pytest.fixture
def write(tmp_path):
    """Write text to a file of a temporary folder and return its path."""

    def write(text, name="table.txt", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture
def plink_prefix(tmp_path):
    """PLINK files of 7 people and 5 variants, written byte by byte."""
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, 2 * 5, dtype=np.uint8).tobytes()
    (tmp_path / "study.bed").write_bytes(b"\x6c\x1b\x01" + data)
    (tmp_path / "study.fam").write_text("".join(f"F{i} I{i} 0 0 0 -9\n" for i in range(7)))
    names = ["rs1", ".", "rs3", "rs4", "rs5"]
    (tmp_path / "study.bim").write_text(
        "".join(f"2\t{name}\t0\t{100 + j}\tA\tG\n" for j, name in enumerate(names))
    )
    return tmp_path / "study"
