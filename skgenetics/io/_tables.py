"""Text tables of people: phenotypes, covariates, lists of IDs."""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_option
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import ArrayLike, PathLike

if TYPE_CHECKING:
    import pandas as pd

MISSING_WORDS = frozenset(("", "NA", "N/A", "NaN", "nan", "na", "."))
_COVARIATE_NAME = re.compile(r"^(PC\d|C\d|InferredCov|PEER|pcr|platform|sex|age|batch)", re.I)


def iterate_lines(path: PathLike) -> Iterator[str]:
    """Yield lines of text, packed by gzip or zstd or not, without byte-order mark and line end."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        magic = file.read(4)
    opened: Any = open
    damage: tuple = (gzip.BadGzipFile, EOFError, zlib.error)
    if magic[:2] == b"\x1f\x8b":
        opened = gzip.open
    elif magic == b"\x28\xb5\x2f\xfd":
        zstandard = import_optional("zstandard", extra="plink")
        opened, damage = zstandard.open, (zstandard.ZstdError, EOFError)
    try:
        with opened(path, "rt", encoding="utf-8-sig") as file:
            for line in file:
                if "\0" in line:
                    raise ValueError(f"{path.name} holds NUL bytes: it is damaged, or not text.")
                yield line.rstrip("\n")
    except damage as error:
        raise ValueError(f"{path.name} is a damaged packed file: {error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not a text file in UTF-8: {error.reason}.") from error


def read_lines(path: PathLike) -> list[str]:
    """Return the lines of a text file as a list."""
    return list(iterate_lines(path))


def find_delimiter(line: str) -> str | None:
    """Return what separates the fields of a header: TAB, a comma, or None for any spaces."""
    return next((mark for mark in "\t," if mark in line), None)


def split_lines(lines: Sequence[str], delimiter: str | None, name: str) -> list[list[str]]:
    """Return lists of fields; quoted fields may hold the delimiter, but not an end of line."""
    if delimiter is None:
        return [line.split() for line in lines]
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"{name} is not a table: {error}.") from error
    if len(rows) != len(lines):
        raise ValueError(f"{name} has a quotation mark that is not closed on its line.")
    return rows


def check_header(header: list[str], name: str) -> None:
    """Raise ValueError if two columns have one name, or a name is too long to be one."""
    if len(set(header)) < len(header):
        repeated = next(column for column in header if header.count(column) > 1)
        raise ValueError(f"{name} has more than one column named {repeated[:60]!r}.")
    longest = max(header, key=len)
    if len(longest) > 200:
        raise ValueError(
            f"{name} has a column name of {len(longest)} characters, {longest[:40]!r}...: it is "
            "damaged, or its fields are not separated by TAB, comma or spaces."
        )


def split_rows(lines: list[str], name: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of lines that are not blank, all of as many fields as the header."""
    header, *rows = [
        [field.strip() for field in row]
        for row in split_lines(lines, find_delimiter(lines[0]), name)
    ]
    if not rows:
        raise ValueError(f"{name} has a header line only; expected rows below it.")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{name}: row {number} (ID {row[0][:60]}) has {len(row)} fields, the header has "
                f"{len(header)}. Fields are separated by TAB, comma or spaces, one way in a file."
            )
    check_header(header, name)
    return header, rows


def _is_content(line: str) -> bool:
    """Whether a line of a table is neither blank nor a comment."""
    return bool(line.strip()) and not line.startswith("##")


def read_rows(path: PathLike) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table, each a list of as many fields as the header."""
    name = Path(path).name
    lines = [line for line in read_lines(path) if _is_content(line)]
    if not lines:
        raise ValueError(f"{name} is empty; expected a header line and rows below it.")
    return split_rows(lines, name)


def read_header(path: PathLike) -> list[str]:
    """Return the names of the columns of a table of people.

    Parameters
    ----------
    path : path-like
        As in :func:`read_table`.
    """
    name = Path(path).name
    first = next((line for line in iterate_lines(path) if _is_content(line)), None)
    if first is None:
        raise ValueError(f"{name} is empty; expected a header line and rows below it.")
    return [field.strip() for field in split_lines([first], find_delimiter(first), name)[0]]


def parse_numbers(
    rows: Sequence[Sequence[str]],
    row_names: ArrayLike,
    column_names: Sequence[str],
    source: str,
    *,
    missing_code: float | None = -9,
) -> np.ndarray:
    """Return rows of text as float64; words for missing and `missing_code` become NaN."""
    values = np.empty((len(rows), len(column_names)))
    for k, row in enumerate(rows):
        try:
            values[k] = [float(text) for text in row]
        except ValueError:
            values[k] = [to_number(text) for text in row]
        for j in np.flatnonzero(~np.isfinite(values[k])).tolist():
            if row[j] not in MISSING_WORDS:
                raise ValueError(
                    f"{source}: column {column_names[j]!r} of {row_names[k][:60]} is "
                    f"{str(row[j])[:40]!r}; expected a number (missing: NA)."
                )
    if missing_code is not None:
        values[values == missing_code] = np.nan
    return values


def is_position(text: str) -> bool:
    """Whether a text is a whole number of base pairs."""
    return text.isascii() and text.isdigit() and len(text) < 11 and int(text) < 2**31


def to_number(text: str) -> float:
    """Return a text as a float; NaN if it is not a number."""
    try:
        return float(text)
    except ValueError:
        return np.nan


def read_table(
    path: PathLike,
    *,
    kind: str = "phenotypes",
    columns: Sequence[str] | None = None,
    text_columns: Sequence[str] = (),
    samples: "pd.MultiIndex | None" = None,
) -> "pd.DataFrame":
    """Read phenotypes or covariates of people, or a list of people.

    Parameters
    ----------
    path : path-like
        Separated by whitespace, TAB or comma, gzipped or not, with a header: ``#FID IID``,
        ``FID IID``, ``IID``, or any other name for a first column of IDs.
    kind : {"phenotypes", "covariates", "people"}
        Covariate tables of GTEx, FastQTL and QTLtools (one row per covariate, one column per
        person) are recognized and transposed. A list of "people" holds FID and IID, or IID alone,
        and needs no header.
    columns : list of str, optional
        The columns to read; by default all.
    text_columns : sequence of str
        Columns kept as text, such as families.
    samples : pandas.MultiIndex, optional
        The people known from the genotypes, which tell a transposed table for certain.

    Returns
    -------
    table : pandas.DataFrame
        Indexed by (FID, IID), FID "0" if the file has none; float64, with NaN for NA and -9,
        and text for `text_columns`.

    Raises
    ------
    ValueError
        Where the file is empty, has no header, has text in a column of numbers (named with the
        person and the value), or a person twice.
    """
    pd = import_optional("pandas", extra="dataframe")
    check_option(kind, "kind", ("phenotypes", "covariates", "people"))
    name = Path(path).name
    if kind == "people":
        return pd.DataFrame(index=_people(path, name))
    header, rows = read_rows(path)
    if kind == "covariates" and _is_transposed(header, rows, samples):
        header, *rows = [list(column) for column in zip(header, *rows, strict=True)]
    ids = id_columns(header)
    _check_has_header(header, name)
    index = _index([[row[i] for i in ids] for row in rows], name)

    available = [column for column in header if header.index(column) not in ids]
    wanted = available if columns is None else [*columns]
    for column in (*wanted, *text_columns):
        if column not in available:
            raise ValueError(
                f"{name} has no column {column!r}; it has {first_names(available, 8)} (besides the "
                "IDs)."
            )
    numeric = [column for column in wanted if column not in text_columns]
    if not numeric and not text_columns:
        raise ValueError(f"{name} has IDs only; expected at least one more column.")
    positions = [header.index(column) for column in numeric]
    cells = [[row[i] for i in positions] for row in rows]
    values = parse_numbers(cells, index.get_level_values("IID"), numeric, name)
    table = pd.DataFrame(values, index=index, columns=numeric)
    for column in text_columns:
        table[column] = [row[header.index(column)] for row in rows]
    return table


def read_list(path: PathLike) -> list[str]:
    """Read the first word of every line, such as variant IDs to keep.

    Parameters
    ----------
    path : path-like
        Text, gzipped or not.

    Returns
    -------
    names : list of str
        In the order of the file.
    """
    names = [line.split()[0] for line in read_lines(path) if line.strip()]
    if not names:
        raise ValueError(f"{Path(path).name} is empty; expected one name per line.")
    return names


def _people(path: PathLike, name: str) -> "pd.MultiIndex":
    """Return the index of a list of people, with or without a header."""
    rows = [re.split(r"[\s,]+", line.strip()) for line in read_lines(path) if line.strip()]
    if rows and rows[0][0] in ("#FID", "FID", "#IID", "IID"):
        header, *rows = rows
        ids = id_columns(header)
    else:
        ids = (0, 1) if rows and len(rows[0]) > 1 else (0,)
    if not rows:
        raise ValueError(f"{name} is empty; expected FID and IID, or IID, on every line.")
    if any(len(row) <= max(ids) for row in rows):
        raise ValueError(f"{name}: every line must hold {'FID and IID' if ids[1:] else 'an IID'}.")
    return _index([[row[i] for i in ids] for row in rows], name)


def id_columns(header: list[str]) -> tuple[int, ...]:
    """Return where FID and IID, or the IDs alone, stand in a header."""
    names = [column.lstrip("#").upper() for column in header]
    if names[:2] == ["FID", "IID"]:
        return (0, 1)
    return (names.index("IID"),) if "IID" in names else (0,)


def _index(ids: list[list[str]], name: str) -> "pd.MultiIndex":
    """Return the MultiIndex (FID, IID), or raise if a person comes twice or has no name."""
    pd = import_optional("pandas", extra="dataframe")
    pairs = [("0", row[0]) if len(row) == 1 else tuple(row) for row in ids]
    seen: set[tuple[str, ...]] = set()
    for number, pair in enumerate(pairs, start=1):
        if pair[1] in ("", "NA"):
            raise ValueError(f"{name}: row {number} has no ID.")
        if pair in seen:
            raise ValueError(
                f"{name}: ID {pair[1]} comes more than once (again in row {number}); "
                "expected one row per person."
            )
        seen.add(pair)
    return pd.MultiIndex.from_tuples(pairs, names=["FID", "IID"])


def _is_transposed(
    header: list[str], rows: list[list[str]], samples: "pd.MultiIndex | None"
) -> bool:
    """Whether rows are covariates and columns are people."""
    first_column = [row[0] for row in rows]
    if samples is not None:
        known = set(samples.get_level_values("IID"))
        across, down = known.intersection(header), known.intersection(first_column)
        if across or down:
            return len(across) > len(down)
    named = [bool(_COVARIATE_NAME.match(value)) for value in first_column]
    return header[0].lower() in ("", "id", "sampleid", "covariate") and any(named)


def _check_has_header(header: list[str], name: str) -> None:
    """Raise ValueError if the first line looks like data: it names no IID, and holds numbers."""
    numbers = [column for column in header[1:] if np.isfinite(to_number(column))]
    if numbers and "IID" not in [column.lstrip("#").upper() for column in header]:
        raise ValueError(
            f"{name} has no header: its first line holds {numbers[0]!r} where the name of a column "
            "is expected (#FID IID name ..., or IID name ...)."
        )
