"""A panel over files by chromosome is the panel in one file."""

import pickle

import numpy as np
import pytest

pd = pytest.importorskip("pandas")
bed_reader = pytest.importorskip("bed_reader")

from skgenetics.io import read_plink  # noqa: E402


def write_bed(path, X, chromosome, people):
    bed_reader.to_bed(
        path,
        X,
        properties={
            "fid": people,
            "iid": people,
            "sid": [f"rs{chromosome}_{j}" for j in range(X.shape[1])],
            "chromosome": [chromosome] * X.shape[1],
            "bp_position": np.arange(1, X.shape[1] + 1),
            "allele_1": ["A"] * X.shape[1],
            "allele_2": ["C"] * X.shape[1],
        },
    )


def test_files_by_chromosome_are_one_panel(tmp_path):
    rng = np.random.default_rng(0)
    people = [f"I{i}" for i in range(9)]
    parts = {name: rng.integers(0, 3, (9, p)).astype(np.int8) for name, p in (("1", 4), ("2", 3))}
    parts |= {"10": rng.integers(0, 3, (9, 5)).astype(np.int8)}
    for name, X in parts.items():
        write_bed(tmp_path / f"panel_chr{name}.bed", X, name, people)
    genotypes = read_plink(tmp_path / "panel_chr@")
    expected = np.hstack([parts["1"], parts["2"], parts["10"]])
    np.testing.assert_array_equal(genotypes[:, :], expected)
    assert genotypes.variants["chromosome"].tolist() == ["1"] * 4 + ["2"] * 3 + ["10"] * 5
    rows, columns = [5, 0, 2], [11, 0, 5, 4]
    loaded = pickle.loads(pickle.dumps(genotypes))
    np.testing.assert_array_equal(loaded[rows, columns], expected[np.ix_(rows, columns)])
    part, inside = genotypes.values.part_of(np.array([8, 7]))
    np.testing.assert_array_equal(part[np.ix_(range(9), inside)], parts["10"][:, [1, 0]])
    assert genotypes.values.part_of(np.array([3, 4]))[0] is genotypes.values


def test_other_people_and_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"panel_chr@.bed with a chromosome"):
        read_plink(tmp_path / "panel_chr@")
    X = np.ones((2, 3), dtype=np.int8)
    write_bed(tmp_path / "p1.bed", X, "1", ["a", "b"])
    write_bed(tmp_path / "p2.bed", X, "2", ["b", "a"])
    with pytest.raises(ValueError, match=r"p1\.bed and p2\.bed are not of the same people"):
        read_plink(tmp_path / "p@.bed")
