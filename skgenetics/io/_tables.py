"""Text tables of people: phenotypes, covariates, lists of IDs."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._lines import (
    find_delimiter,
    is_content,
    is_missing,
    iterate_lines,
    parse_numbers,
    read_lines,
    split_header,
    split_lines,
    split_rows,
    to_number,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_option
from skgenetics.utils._text import count_of, first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_COVARIATE_NAME = re.compile(
    r"(^|[^a-z])(e?PC_?\d|C\d|InferredCov|PEER|factor|pcr|platform|sex|gender|age|batch|array)",
    re.I,
)
_ID_NAMES = ("id", "sample", "sampleid", "sample_id", "eid", "person", "individual", "subject") + (
    *("personid", "person_id", "individualid", "individual_id", "subjectid", "subject_id"),
    *("participant", "participantid", "participant_id"),
)
_CORNERS = ("", "id", "sampleid", "sample_id", "sample", "covariate", "covariates")
_NO_VALUES = frozenset(("", "FID", "IID", "SID", "PAT", "MAT", "ID_1", "ID_2", "MISSING")) | {
    *("FAM", "FAMID", "FAMILY", "FAMILYID", "FAMILY_ID"),
}
_FAM = ("FID", "IID", "PAT", "MAT", "SEX", "phenotype")
_SAMPLE = ("ID_1", "ID_2")  # FID and IID in a .sample of SNPTEST, QCTOOL and BGEN
_KINDS_OF_SAMPLE = frozenset("0DCPB")  # of its columns, in the line below the header
_ROW_NAMES = re.compile(r"unnamed: \d+")  # as pandas calls a column without a name
_CODES = (-99, -999, -9999, -99999)  # of missing values, where everything else is far from them
_SEXES = {"1": 1.0, "2": 2.0, "m": 1.0, "f": 2.0, "male": 1.0, "female": 2.0}
_MAX_LEVELS = 50  # of a categorical covariate


def read_header(path: PathLike) -> list[str]:
    """Return the names of the columns of a table of people.

    Parameters
    ----------
    path : path-like
        As in :func:`read_table`.
    """
    name = Path(path).name
    lines = list(islice((line for line in iterate_lines(path) if is_content(line)), 3))
    if not lines:
        raise ValueError(f"{name} is empty; expected a header line and rows below it.")
    return split_header(_with_header(path, lines), name)


def _with_header(path: PathLike, lines: list[str]) -> list[str]:
    """Return the lines of a table below one of names, which some programs do not write.

    A .fam of PLINK has six columns, and maybe further phenotypes; an .eigenvec has components. A
    .sample has a line of its columns' kinds below the header, which is left out.
    """
    mark, suffix = find_delimiter(lines[0]), Path(path).suffix
    fields = split_lines(lines[:1], mark, Path(path).name)[0]
    names = [field.lstrip("#").upper() for field in fields]
    if tuple(names[:2]) == _SAMPLE:
        is_of_kinds = len(lines) > 1 and _KINDS_OF_SAMPLE.issuperset(lines[1].split(mark))
        return [lines[0], *lines[1 + is_of_kinds :]]
    if suffix not in (".fam", ".eigenvec") or "IID" in names:
        return lines
    if suffix == ".fam":
        named = [*_FAM, *(f"phenotype{k}" for k in range(2, len(fields) - 4))]
    else:
        named = ["FID", "IID", *(f"PC{k}" for k in range(1, len(fields) - 1))]
    return [(mark or " ").join(named[: len(fields)]), *lines]


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
        Separated by whitespace, TAB, comma or semicolon, packed or not, with a header:
        ``#FID IID``, ``FID IID``, ``IID``, or any other name for a first column of IDs; quoted or
        not, with or without R's names of rows. A .fam of PLINK has no header: its traits are
        phenotype, phenotype2, ...; nor has an .eigenvec of PLINK 1.9: PC1, PC2, ... A .sample has
        a second line, of its columns' kinds, which is left out.
    kind : {"phenotypes", "covariates", "people"}
        Covariate tables of GTEx, FastQTL and QTLtools (one row per covariate, one column per
        person) are recognized and transposed. A covariate of words becomes one column of 0 and 1
        for each word but the most frequent one, named ``column=word``; sex may be M and F, which
        are 1 and 2. A list of "people" holds FID and IID, or IID alone, and needs no header.
    columns : list of str, optional
        The columns to read; by default all but those without a name and FID, IID, SID, PAT and
        MAT, and of a .fam or .psam but SEX as a phenotype.
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
        person and the value), or a person twice; or where a column holds a code for missing values
        other than -9 (-99, -999, ..., far below everything else).
    """
    pd = import_optional("pandas", extra="dataframe")
    check_option(kind, "kind", ("phenotypes", "covariates", "people"))
    name = Path(path).name
    if kind == "people":
        return pd.DataFrame(index=_people(path, name))
    header, rows = _rows_of_people(path, name)
    if kind == "covariates" and _is_transposed(header, rows, samples):
        header, *rows = [list(column) for column in zip(header, *rows, strict=True)]
    ids = id_columns(header)
    _check_has_header(header, name)
    index = _index([[row[i] for i in ids] for row in rows], name)
    wanted = value_columns(path, header, kind) if columns is None else columns
    numeric = _wanted_columns(header, ids, wanted, text_columns, name)
    people = index.get_level_values("IID")
    cells = {column: [row[header.index(column)] for row in rows] for column in numeric}
    of_words = {}
    if kind == "covariates":
        of_words = {column: texts for column, texts in cells.items() if _holds_words(texts)}
    numbers = [column for column in numeric if column not in of_words]
    rows_of_numbers = list(zip(*(cells[column] for column in numbers), strict=True))
    values = parse_numbers(rows_of_numbers or [()] * len(rows), people, numbers, name)
    parsed = dict(zip(numbers, values.T, strict=True))
    data: dict[str, object] = {}
    for column, codes in parsed.items():
        _check_codes(codes, column, name)
    for column in numeric:
        if column in of_words:
            data |= _indicators(column, of_words[column], name)
        else:
            data[column] = _sex_codes(column, parsed[column])
    for column in text_columns:
        data[column] = [row[header.index(column)] for row in rows]
    return pd.DataFrame(data, index=index)


def _rows_of_people(path: PathLike, name: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a table of people."""
    lines = [line for line in read_lines(path) if is_content(line)]
    if not lines:
        raise ValueError(f"{name} is empty; expected a header line and rows below it.")
    return split_rows(_with_header(path, lines), name)


def value_columns(path: PathLike, header: Sequence[str], kind: str) -> list[str]:
    """Return the columns that hold traits or covariates: not IDs, and not without a name.

    Sexes in a table of samples of PLINK are no traits.
    """
    lists_samples = kind == "phenotypes" and Path(path).suffix in (".fam", ".psam", ".sample")
    never = _NO_VALUES | ({"SEX"} if lists_samples else set())
    ids = id_columns([*header])
    return [
        column
        for k, column in enumerate(header)
        if k not in ids
        and column.lstrip("#").upper() not in never
        and not _ROW_NAMES.fullmatch(column.lower())
    ]


def _wanted_columns(
    header: list[str],
    ids: tuple[int, ...],
    wanted: Sequence[str],
    text_columns: Sequence[str],
    name: str,
) -> list[str]:
    """Return the wanted columns but those of text, or raise ValueError if one is not there."""
    available = [column for k, column in enumerate(header) if k not in ids and column]
    for column in (*wanted, *text_columns):
        if column not in available:
            raise ValueError(
                f"{name} has no column {column!r}; it has {first_names(available, 8)} (besides the "
                "IDs)."
            )
    numeric = [column for column in wanted if column not in text_columns]
    if not numeric and not text_columns:
        raise ValueError(f"{name} has IDs only; expected at least one more column.")
    return numeric


def is_given(text: str) -> bool:
    """Whether a cell is not missing."""
    return not is_missing(text) and text.strip() not in ("-9", "-9.0")


def _holds_words(texts: Sequence[str]) -> bool:
    """Whether most of the cells that are not missing are words."""
    given = [text for text in texts if is_given(text)]
    return sum(np.isnan(to_number(text)) for text in given) > len(given) / 2


def _indicators(column: str, texts: Sequence[str], name: str) -> dict[str, np.ndarray]:
    """Return the columns of a covariate of words: 0 and 1 for each word but the most frequent."""
    words = [text.strip() if is_given(text) else None for text in texts]
    levels = Counter(word for word in words if word is not None)
    if {level.lower() for level in levels} <= set(_SEXES) and _is_sex(column):
        codes = [np.nan if word is None else _SEXES[word.lower()] for word in words]
        return {column: np.array(codes)}
    if len(levels) > _MAX_LEVELS or len(levels) > max(2, 0.75 * sum(levels.values())):
        raise ValueError(
            f"{name}: covariate {column!r} has {len(levels)} different words, such as "
            f"{next(iter(levels))[:40]!r}: leave it out, or join them to a few."
        )
    most = max(sorted(levels), key=lambda level: levels[level])
    missing = np.array([word is None for word in words])
    return {
        f"{column}={level}": np.where(missing, np.nan, [word == level for word in words])
        for level in sorted(levels)
        if level != most
    } or {column: np.where(missing, np.nan, 0.0)}


def _is_sex(column: str) -> bool:
    """Whether a column is the sex by its name."""
    return column.lower() in ("sex", "gender")


def _check_codes(values: np.ndarray, column: str, name: str) -> None:
    """Raise ValueError if a column holds a code for missing values, such as -999."""
    known = values[np.isfinite(values)]
    lowest = known.min(initial=0)
    others = known[known != lowest]
    if lowest in _CODES and len(others) and others.min() > lowest / 5:
        n_people = count_of(len(known) - len(others), "person", "people")
        raise ValueError(
            f"{name}: {column!r} is {lowest:g} for {n_people}, and "
            f"{others.min():g} to {others.max():g} for all others: write NA where it is "
            "missing."
        )


def _sex_codes(column: str, values: np.ndarray) -> np.ndarray:
    """Return values of a column; of sex in PLINK's codes, 0 is missing."""
    if _is_sex(column) and {1.0, 2.0} <= set(values[np.isfinite(values)]) <= {0.0, 1.0, 2.0}:
        return np.where(values == 0, np.nan, values)
    return values


def read_list(path: PathLike) -> list[str]:
    """Read the first word of every line, such as variant IDs to keep.

    Parameters
    ----------
    path : path-like
        Text, packed or not.

    Returns
    -------
    names : list of str
        In the order of the file.
    """
    names = [line.split()[0].strip('"') for line in read_lines(path) if line.strip()]
    if not names:
        raise ValueError(f"{Path(path).name} is empty; expected one name per line.")
    return names


def _people(path: PathLike, name: str) -> "pd.MultiIndex":
    """Return the index of a list of people, with or without a header."""
    lines = [line.strip().replace('"', "") for line in read_lines(path) if line.strip()]
    rows = [re.split(r"[\s,]+", line) for line in lines]
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
    if "IID" in names:
        iid = names.index("IID")
        return (names.index("FID"), iid) if "FID" in names else (iid,)
    if tuple(names[:2]) == _SAMPLE:
        return (0, 1)
    # before it may be families, or names of rows, which may be numbers
    named = [k for k, name in enumerate(names) if name.lower() in _ID_NAMES]
    return tuple(named[:1] or [0])


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
    """Whether rows are covariates and columns are people.

    The people of `samples` tell. Without them, names of covariates do, else the longer side is
    that of the people.
    """
    first_column = [row[0] for row in rows]
    if samples is not None:
        known = set(samples.get_level_values("IID"))
        across, down = (
            known.intersection(header),
            known.intersection(chain.from_iterable(row[:2] for row in rows)),
        )
        if across or down:
            return len(across) > len(down)
    if header[0].lower() not in _CORNERS:
        return False
    down_names, across_names = (
        any(_COVARIATE_NAME.search(name) for name in names) for names in (first_column, header[1:])
    )
    if down_names != across_names:
        return down_names
    return len(header) - 1 > len(rows)


def _check_has_header(header: list[str], name: str) -> None:
    """Raise ValueError if the first line looks like data: it names no IID, and holds numbers."""
    numbers = [column for column in header[1:] if np.isfinite(to_number(column))]
    if numbers and "IID" not in [column.lstrip("#").upper() for column in header]:
        raise ValueError(
            f"{name} has no header: its first line holds {numbers[0]!r} where the name of a column "
            "is expected (#FID IID name ..., or IID name ...)."
        )
