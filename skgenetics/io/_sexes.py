"""Sexes of people, as PLINK writes them."""

from pathlib import Path

import numpy as np

from skgenetics.io._lines import read_lines
from skgenetics.utils._typing import PathLike

_COPIES_OF_X = {"1": 1, "M": 1, "m": 1, "2": 2, "F": 2, "f": 2}
_FAM_SEX = 4  # column of a .fam, and of a .psam without a header


def read_sexes(path: PathLike) -> np.ndarray:
    """Read how many copies of chromosome X people have, from a table of samples of PLINK.

    Parameters
    ----------
    path : path-like
        A .fam, or a .psam with or without a header.

    Returns
    -------
    copies : ndarray of shape (n_people,)
        In the order of the file: 1 of men, 2 of women, 0 if unknown.
    """
    rows = [line.split() for line in read_lines(path) if line.strip() and line[:2] != "##"]
    column: int | None = _FAM_SEX
    if Path(path).suffix == ".psam" and rows and rows[0][0].startswith("#"):
        header = [name.lstrip("#").upper() for name in rows.pop(0)]
        column = header.index("SEX") if "SEX" in header else None
    if column is None:
        return np.zeros(len(rows), dtype=int)
    return np.array(
        [_COPIES_OF_X.get(row[column], 0) if len(row) > column else 0 for row in rows], dtype=int
    )
