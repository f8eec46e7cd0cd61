"""Matrices of linkage disequilibrium: correlations of dosages."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._arrays import load_arrays
from skgenetics.io._genotypes import VariantFields, variants_frame, variants_from_names
from skgenetics.io._lines import (
    find_delimiter,
    iterate_lines,
    read_lines,
    split_lines,
    split_rows,
)
from skgenetics.io._match_variants import PLACE_COLUMNS
from skgenetics.io._plink2 import read_pvar
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import ArrayLike, PathLike

if TYPE_CHECKING:
    import pandas as pd

_TOLERANCE = 5e-3  # text holds few digits
_ROWS_AT_ONCE = 1024
_WEAK, _MANY_WEAK = 0.1, 60  # correlations, of which half are negative by chance
_NAMES = {
    **PLACE_COLUMNS,
    "variant_id": ("rsid", "variant_id", "id", "snp", "variant_ids"),
    "effect_allele": ("effect_allele", "allele1", "a1"),
    "other_allele": ("other_allele", "allele2", "a2"),
}


def read_ld(
    path: PathLike, *, variants: PathLike | None = None
) -> tuple[np.ndarray, "pd.DataFrame | None"]:
    """Read a square matrix of correlations r between the dosages of variants.

    Parameters
    ----------
    path : path-like
        * ``.npy``; ``.npz`` with one square array, and optionally ``variant_id``, ``chromosome``,
          ``base_pair_location``, ``effect_allele`` and ``other_allele``.
        * ``.npz`` of a sparse matrix (``scipy.sparse.save_npz``): symmetric, or a triangle. UK
          Biobank LD of the Alkes group is a triangle with .5 on the diagonal: R = L + L'.
        * Text of PLINK (``--r square``, ``square0`` or ``triangle``; ``.ld``, ``.vcor1``, ``.txt``)
          or others: separated by TAB, comma or spaces, packed by gzip or zstd or not, a first line
          and column of names allowed.
        * ``.bin``: PLINK's binary ``square`` and ``triangle``, of 8 or 4 bytes a number.
    variants : path-like, optional
        What the variants are: a ``.bim``, a ``.pvar``, ``.vars`` of PLINK 2 (IDs), or a table with
        a header and columns rsid, chromosome, position, allele1 (counted) and allele2. Where the LD
        names its own variants, they are looked up by ID, else the rows are the same. LD
        names them in the file beside it (``path.vars``, or ``x.gz`` beside a UK Biobank
        ``x.npz``), or inside.

    Returns
    -------
    ld : ndarray of shape (n_variants, n_variants)
        Symmetric, 1 on the diagonal; float32 or float64 as in the file.
    variants : pandas.DataFrame of length n_variants, or None
        Columns chromosome, base_pair_location, variant_id, effect_allele, other_allele, as far
        as known (NA
        or ""). r is between counts of the effect alleles; counting all the other alleles gives the
        same matrix. ``attrs["notes"]`` are sentences to show the user.

    Raises
    ------
    ValueError
        Where the file is damaged, not square or not symmetric, holds numbers beyond -1..1, another
        diagonal than 1, or r2 or pairs in place of a matrix of r; where it holds NaN, which is the
        r of a variant that does not vary, and the variants are not known; or where `variants` does
        not fit.

    Warns
    -----
    UserWarning
        Where no correlation of 20 variants or more is negative, but few are so weak that chance
        alone would make some negative: the numbers may be r2.

    Notes
    -----
    Variants that are known and do not vary are left out of both results, and a note says so.

    The sign of r depends on the alleles counted. PLINK 1 counts A1 of the .bim; with
    ``--keep-allele-order`` that is the allele of the .bim it was given. PLINK 2 counts the major
    allele of each variant unless it is told ``--r-unphased ref-based``: without, no file says what
    was counted.

    References
    ----------
    Weissbrod et al. (2020), Nature Genetics 52:1355 (UK Biobank LD); Chang et al. (2015),
    GigaScience 4:7 (PLINK).
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if ".vcor2" in path.suffixes:
        raise ValueError(f"{path.name} holds r2, which has lost the sign of r: use --r-unphased.")
    beside, listed = _read_variants(_beside(path)), _read_variants(variants)
    known = beside if beside is not None else listed
    if path.suffix in (".npz", ".npy"):
        ld, inside = _read_numpy(path)
    elif path.suffix == ".bin":
        ld, inside = _read_binary(path, None if known is None else len(known)), None
    else:
        ld, inside = _read_text(path)
    frame = _looked_up(beside if beside is not None else inside, listed, path.name)
    if ld.ndim != 2 or ld.shape[0] != ld.shape[1] or not len(ld):
        raise ValueError(f"{path.name} has shape {ld.shape}; expected a square matrix.")
    if frame is not None and len(frame) != len(ld):
        raise ValueError(
            f"{path.name} is LD of {len(ld)} variants, but {len(frame)} are named: they must agree."
        )
    if ld.dtype.kind not in "iuf":
        raise ValueError(f"{path.name} holds {ld.dtype}: it is not a matrix of numbers.")
    if np.isinf(ld).any():
        raise ValueError(f"{path.name} holds infinite numbers; expected correlations.")
    ld, frame = _of_varying(_completed(ld, path.name), frame, path.name)
    _check_values(ld, frame, path.name)
    return ld, frame


def _read_numpy(path: Path) -> "tuple[np.ndarray, pd.DataFrame | None]":
    """Return the matrix in an .npy or .npz, dense or sparse, and its variants or None."""
    arrays = load_arrays(path)
    if isinstance(arrays, np.ndarray):
        return arrays, None
    square = [key for key, array in arrays.items() if array.ndim == 2]
    if len(square) != 1:
        raise ValueError(
            f"{path.name} holds {', '.join(sorted(arrays)) or 'nothing'}; expected one square "
            "array, or a sparse matrix saved by scipy.sparse.save_npz."
        )
    ld = arrays.pop(square[0])
    columns = {key: array.astype(str) for key, array in arrays.items() if array.ndim == 1}
    return ld, _variants_of(columns, path.name) if columns else None


def _read_binary(path: Path, n_variants: int | None) -> np.ndarray:
    """Return the matrix in a .bin of PLINK: square or triangle, 8 or 4 bytes a number."""
    size = path.stat().st_size
    candidates = []
    for dtype in (np.dtype("<f8"), np.dtype("<f4")):
        count, rest = divmod(size, dtype.itemsize)
        square, triangle = round(count**0.5), round(((8 * count + 1) ** 0.5 - 1) / 2)
        for p, expected in ((square, square**2), (triangle, triangle * (triangle + 1) // 2)):
            if p and not rest and expected == count and n_variants in (None, p):
                values = np.fromfile(path, dtype=dtype)
                ld = values.reshape(p, p) if expected == p * p else _from_triangle(values, p)
                if np.allclose(np.diag(ld), 1, atol=_TOLERANCE, equal_nan=True):
                    candidates.append(ld)
    if len(candidates) != 1:
        verb = "may be more than one" if candidates else "is no"
        whose = "" if n_variants is None else f" of {n_variants} variants"
        raise ValueError(
            f"{path.name} has {size} bytes, which {verb} square or triangle of correlations{whose} "
            "in 8 or 4 bytes: it is damaged, or the variants are not its own (PLINK 2 writes them "
            "beside it, in .vars)."
        )
    return candidates[0]


def _from_triangle(values: np.ndarray, p: int) -> np.ndarray:
    """Return the matrix whose lower triangle, with its diagonal, is `values` row by row."""
    ld = np.zeros((p, p), dtype=values.dtype)
    ld[np.tril_indices(p)] = values
    return ld


def _read_text(path: Path) -> "tuple[np.ndarray, pd.DataFrame | None]":
    """Return the matrix in a text, square or lower triangle, and its variants or None."""
    name = path.name
    header, rows = _rows_of_numbers(path)
    if not rows:
        raise ValueError(f"{name} has one line of names only; expected a matrix of correlations.")
    lengths, p = [len(row) for row in rows], len(rows)
    frame = variants_from_names(header[-p:]) if header is not None else None
    if lengths == [*range(1, p + 1)]:
        return _from_triangle(np.concatenate(rows), p), frame
    for number, length in enumerate(lengths, start=1):
        if length != p:
            raise ValueError(
                f"{name}: row {number} has {length} numbers, but there are {p} rows; expected a "
                "square matrix or its lower triangle."
            )
    return np.array(rows), frame


def _rows_of_numbers(path: Path) -> tuple[list[str] | None, list[np.ndarray]]:
    """Return the names in the first line, if there are any, and the rows without their names."""
    name = path.name
    lines = (line for line in iterate_lines(path) if line.strip())
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{name} is empty; expected a matrix of correlations.")
    header = _fields(first, name)
    if any(field.startswith(("ID_A", "SNP_A")) for field in header):
        raise ValueError(
            f"{name} is a table of pairs, from which PLINK left out small correlations: make a "
            "matrix with --r-unphased square."
        )
    has_header = not all(_is_float(field) for field in header)
    rows = [] if has_header else [_numbers(header, 1, name)]
    named_rows = False
    for number, line in enumerate(lines, start=len(rows) + 1):
        row = _fields(line, name)
        if number == 1:
            named_rows = not _is_float(row[0])
        rows.append(_numbers(row[named_rows:], number, name))
    return (header if has_header else None), rows


def _fields(line: str, name: str) -> list[str]:
    """Return the fields of a line."""
    line = line.rstrip()  # PLINK 1 ends lines with a TAB
    return [field.strip() for field in split_lines([line], find_delimiter(line), name)[0]]


def _is_float(text: str) -> bool:
    """Whether `text` is a number or NaN."""
    try:
        float(text.replace("NA", "nan"))
    except ValueError:
        return False
    return True


def _numbers(fields: list[str], number: int, name: str) -> np.ndarray:
    """Return a row of text as float64."""
    for field in fields:
        if not _is_float(field):
            raise ValueError(f"{name}: row {number} holds {field[:40]!r}; expected correlations.")
    return np.array([float(field.replace("NA", "nan")) for field in fields])


def _completed(ld: np.ndarray, name: str) -> np.ndarray:
    """Return a symmetric matrix, from one that is symmetric already or one triangle of it."""
    if ld.dtype not in (np.float32, np.float64):
        ld = ld.astype(np.float64)
    upper = lower = False
    for start in range(0, len(ld), _ROWS_AT_ONCE):
        block = ld[start : start + _ROWS_AT_ONCE]
        upper = upper or bool(np.triu(block, start + 1).any())
        lower = lower or bool(np.tril(block, start - 1).any())
    if not (upper and lower):
        diagonal = np.diag(ld).copy()
        ld = ld + ld.T
        # a diagonal of .5 is half of it too
        np.fill_diagonal(ld, np.where(np.abs(diagonal - 0.5) < _TOLERANCE, 1, diagonal))
        return ld
    for start in range(0, len(ld), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        differs = np.abs(ld[rows] - ld[:, rows].T) > _TOLERANCE
        if differs.any():
            row, column = np.argwhere(differs)[0] + (start, 0)
            raise ValueError(
                f"{name} is not symmetric: row {row + 1}, column {column + 1} is "
                f"{ld[row, column]:g}, but row {column + 1}, column {row + 1} is "
                f"{ld[column, row]:g}."
            )
    return ld


def _of_varying(
    ld: np.ndarray, frame: "pd.DataFrame | None", name: str
) -> "tuple[np.ndarray, pd.DataFrame | None]":
    """Return the LD and the frame of the variants that have r."""
    undefined = np.isnan(ld)
    if not undefined.any():
        return ld, frame
    # r of one that does not vary is NaN with all others, whatever its diagonal says
    varies = undefined.sum(axis=1) < max(len(ld) - 1, 1)
    first = int(np.argmin(varies)) if not varies.all() else int(np.argmax(undefined.any(axis=1)))
    if frame is None or not varies.any() or undefined[np.ix_(varies, varies)].any():
        who = f"variant {first + 1}" if frame is None else frame["variant_id"].iloc[first]
        raise ValueError(
            f"{name} holds NaN (first: {who}): variants that do not vary have no r. Make the LD "
            "without them (PLINK: --mac 1), or name its variants, so that they can be left out."
        )
    frame = frame[varies].reset_index(drop=True)
    frame.attrs["notes"] = [
        f"{name}: {(~varies).sum():,} variants that do not vary were left out of the LD."
    ]
    return ld[np.ix_(varies, varies)], frame


def _check_values(ld: np.ndarray, frame: "pd.DataFrame | None", name: str) -> None:
    """Raise ValueError unless the numbers are correlations; warn if they look like r2."""

    def variant(row: int) -> str:
        return f"variant {row + 1}" if frame is None else frame["variant_id"].iloc[row]

    wrong = np.flatnonzero(np.abs(np.diag(ld) - 1) > _TOLERANCE)
    if len(wrong):
        raise ValueError(
            f"{name}: r of {variant(wrong[0])} with itself is {ld[wrong[0], wrong[0]]:g}; expected "
            "1. A covariance matrix must be divided by its standard deviations first."
        )
    if max(ld.max(), -ld.min()) > 1 + _TOLERANCE:
        row, column = np.unravel_index(np.abs(ld).argmax(), ld.shape)
        raise ValueError(
            f"{name}: r of {variant(row)} and {variant(column)} is {ld[row, column]:g}; expected "
            "-1 to 1."
        )
    if len(ld) < 20 or ld.min() < 0:
        return
    if np.count_nonzero((ld > 0) & (ld < _WEAK)) > _MANY_WEAK:
        raise ValueError(
            f"{name} holds no negative correlation of {len(ld):,} variants: it is r2, which has "
            "lost the sign of r. Make the matrix of r (PLINK 1: --r square, PLINK 2: --r-unphased)."
        )
    warnings.warn(
        f"{name} holds no negative correlation: it may be r2, which has lost the sign of r.",
        stacklevel=3,
    )


def _beside(path: Path) -> Path | None:
    """Return the file beside LD that names its variants, or None."""
    names = [path.name + ".vars"]
    if path.suffix in (".zst", ".gz"):
        names.append(path.stem + ".vars")
    if path.suffix == ".npz":
        names.append(path.stem + ".gz")
    return next((path.with_name(name) for name in names if path.with_name(name).is_file()), None)


def _read_variants(path: PathLike | None) -> "pd.DataFrame | None":
    """Return the frame of the variants in a file, or None if there is none."""
    if path is None:
        return None
    path = Path(path)
    name, endings = path.name, path.suffixes
    if ".pvar" in endings:
        return read_pvar(path).frame
    lines = [line for line in read_lines(path) if line.strip()]
    if not lines:
        raise ValueError(f"{name} is empty; expected one variant per line.")
    if ".vars" in endings:
        return variants_from_names([line.split()[0] for line in lines])
    if ".bim" in endings:
        lines = ["chr id cm bp a1 a2".replace(" ", find_delimiter(lines[0]) or " "), *lines]
    header, rows = split_rows(lines, name)
    return _variants_of(dict(zip(header, zip(*rows))), name)


def _looked_up(
    named: "pd.DataFrame | None", listed: "pd.DataFrame | None", name: str
) -> "pd.DataFrame | None":
    """Return the variants that the LD names, in its order, as the file of variants lists them."""
    frame = named if listed is None else listed
    if named is not None and listed is not None:
        row_of = {variant: row for row, variant in enumerate(listed["variant_id"])}
        missing = [variant for variant in named["variant_id"] if variant not in row_of]
        if missing:
            raise ValueError(
                f"{len(missing)} of the {len(named)} variants of {name} (first: {missing[0][:60]}) "
                "are not in the file of variants: they are looked up by ID."
            )
        repeated = listed["variant_id"][listed["variant_id"].duplicated()]
        repeated = repeated[repeated.isin(named["variant_id"])]
        if len(repeated):
            raise ValueError(f"{repeated.iloc[0][:60]} is in the file of variants twice.")
        frame = listed.iloc[[row_of[variant] for variant in named["variant_id"]]]
    if frame is not None:
        frame = frame.reset_index(drop=True)
        frame.attrs["notes"] = []
    return frame


def _variants_of(columns: Mapping[str, ArrayLike], name: str) -> "pd.DataFrame":
    """Return the variants frame of columns under any of their usual names."""
    known = {column.lstrip("#").lower(): values for column, values in columns.items()}
    n_rows = len(next(iter(columns.values())))
    values_of = {
        column: next((known[other] for other in names if other in known), None)
        for column, names in _NAMES.items()
    }
    if values_of["variant_id"] is None and values_of["base_pair_location"] is None:
        raise ValueError(
            f"{name} has columns {first_names([*columns], 8)}; expected rsid, chromosome, "
            "position, allele1 and allele2, or some of these."
        )
    texts = [[""] * n_rows if values is None else values for values in values_of.values()]
    return variants_frame(
        [VariantFields(*fields) for fields in zip(*texts, strict=True)],
        name,
    )
