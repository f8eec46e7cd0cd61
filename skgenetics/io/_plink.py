"""PLINK 1 binary genotypes, through bed-reader."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skgenetics.io._genotypes import (
    Genotypes,
    VariantFields,
    sample_index,
    variants_frame,
)
from skgenetics.io._joined import read_by_chromosome
from skgenetics.io._lines import read_lines
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

_MAGIC = b"\x6c\x1b\x01"


class _Bed:
    """A .bed file that is opened anew at every read, so that it pickles.

    `path` is absolute: a worker process may stand in another folder.
    """

    def __init__(self, path: str, shape: tuple[int, int], num_threads: int) -> None:
        self.path, self.shape, self.num_threads = path, shape, num_threads

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = (np.ravel(index) for index in key)
        bed_reader = import_optional("bed_reader", extra="plink")
        n_samples, n_variants = self.shape
        _check_bed(Path(self.path), n_samples, n_variants)  # it may have changed meanwhile
        with bed_reader.open_bed(
            self.path, iid_count=n_samples, sid_count=n_variants, properties=_NO_PROPERTIES
        ) as bed:
            return bed.read(
                index=(rows, columns), dtype="int8", order="C", num_threads=self.num_threads
            )


# bed-reader need not read .fam and .bim again
_NO_PROPERTIES = dict.fromkeys(
    ("fid", "iid", "father", "mother", "sex", "pheno")
    + ("chromosome", "sid", "cm_position", "bp_position", "allele_1", "allele_2")
)


def read_plink(prefix: PathLike, *, num_threads: int = 1, build: str | None = None) -> Genotypes:
    """Open PLINK 1 files: ``prefix.bed``, ``.bim`` and ``.fam``.

    Parameters
    ----------
    prefix : path-like
        The common beginning of the three names; the name of the .bed will do too. With ``@`` in
        place of the chromosome (``panel_chr@``) all of them are one panel.
    num_threads : int
        Threads that bed-reader decodes with.
    build : str, optional
        Genome build of the positions, such as "GRCh37".

    Returns
    -------
    genotypes : Genotypes
        int8 dosages, read when sliced. A1 of the .bim (its fifth column) is counted and is the
        effect allele; missing calls are -127. Variants named "." get chr_pos_A2_A1.

    Raises
    ------
    FileNotFoundError
        Where one of the three files is missing.
    ValueError
        Where the .bed is not in variant-major PLINK 1 format, or its size does not fit the numbers
        of people and variants in .fam and .bim: ``3 + ceil(n / 4) * p`` bytes.
    """
    import_optional("bed_reader", extra="plink")
    prefix = Path(prefix)
    if "@" in prefix.name:
        return read_by_chromosome(
            prefix, [".bed"], partial(read_plink, num_threads=num_threads, build=build)
        )
    if prefix.suffix == ".bed":
        prefix = prefix.with_suffix("")
    bed, bim, fam = (prefix.with_name(prefix.name + ending) for ending in (".bed", ".bim", ".fam"))
    for path in (bed, bim, fam):
        if not path.is_file():
            raise FileNotFoundError(
                f"There is no file {path}: PLINK 1 data are three files, "
                f"{bed.name}, {bim.name} and {fam.name}."
            )
    people, variants = _columns(fam, at_least=2), _columns(bim, at_least=5)
    _check_bed(bed, len(people), len(variants))

    at = (0, 2, 1, 3, 4) if len(variants[0]) == 5 else (0, 3, 1, 4, 5)  # without centimorgans
    fields = [VariantFields(*(row[k] for k in at)) for row in variants]
    return Genotypes(
        _Bed(str(bed.absolute()), (len(people), len(variants)), num_threads),
        sample_index([row[0] for row in people], [row[1] for row in people]),
        variants_frame(fields, bim.name),
        counted_allele=f"A1 of {bim.name}",
        source=bed.name,
        build=build,
    )


def _columns(path: Path, at_least: int) -> list[list[str]]:
    """Return the rows of a .fam or .bim, of as many fields each.

    A .fam may hold further phenotypes, or none, and a .bim no centimorgans.
    """
    rows = [line.split() for line in read_lines(path) if line.strip()]
    if not rows:
        raise ValueError(f"{path.name} is empty.")
    for number, row in enumerate(rows, start=1):
        if len(row) < at_least or len(row) != len(rows[0]):
            expected = f"{at_least} or more" if number == 1 else f"{len(rows[0])} as in the first"
            raise ValueError(
                f"{path.name}, row {number} has {len(row)} fields; expected {expected}."
            )
    return rows


def _check_bed(path: Path, n_samples: int, n_variants: int) -> None:
    """Raise ValueError unless the .bed begins and is as long as it must be."""
    with open(path, "rb") as file:
        magic = file.read(3)
    if magic[:2] != _MAGIC[:2]:
        raise ValueError(
            f"{path.name} is not a PLINK 1 .bed: it begins with the bytes {magic.hex()} and not "
            f"with {_MAGIC.hex()}."
        )
    if magic != _MAGIC:
        raise ValueError(
            f"{path.name} is a sample-major .bed of an old PLINK: rewrite it with plink --make-bed."
        )
    size, expected = path.stat().st_size, 3 + -(-n_samples // 4) * n_variants
    if size != expected:
        problem = "it is truncated" if size < expected else "it is too long"
        raise ValueError(
            f"{path.name} has {size} bytes, but {n_samples} people in the .fam and {n_variants} "
            f"variants in the .bim need {expected}: {problem}, or the files are not of one set."
        )
