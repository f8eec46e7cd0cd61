"""Summary statistics of association studies, whichever program wrote them."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, DecimalException
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import log_ndtr, ndtri_exp

from skgenetics.io._lines import (
    check_header,
    find_delimiter,
    iterate_lines,
    split_lines,
    to_number,
)
from skgenetics.io._sumstats_formats import FORMATS, MEANINGS, Format, recognize
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "chromosome",
    "base_pair_location",
    "effect_allele",
    "other_allele",
    "rsid",
    "variant_id",
    "effect_allele_frequency",
    "beta",
    "standard_error",
    "z",
    "p_value",
    "neg_log_10_p_value",
    "n",
)
_ALLELES = ("effect_allele", "other_allele", "ref_allele", "alt_allele")
_TEXT = ("chromosome", "rsid", "variant_id", "test", *_ALLELES)
_MISSING = frozenset(("", "na", "n/a", "nan", "#na", ".", "-", "null", "none", "inf", "-inf"))
_CHROMOSOMES = {"23": "X", "24": "Y", "25": "X", "26": "MT", "M": "MT", "XY": "X"}
_CHROMOSOMES |= {"PAR1": "X", "PAR2": "X"}
_ROWS_AT_ONCE = 4000  # as many as stay in the cache of a core
_TINY = 1e-300  # below this, a p-value is read from its text


def read_sumstats(
    path: PathLike,
    *,
    columns: Mapping[str, str] | None = None,
    n_samples: float | str | None = None,
    build: str | None = None,
    extra_columns: Sequence[str] = (),
) -> "pd.DataFrame":
    """Read summary statistics of one trait, under the column names of GWAS-SSF.

    Parameters
    ----------
    path : path-like
        Text, gzipped or not, with a header; separated by TAB, comma or spaces. Formats recognized
        by their header are such as GWAS-SSF, LDSC and PolyFun (SNP, A1, A2, Z), PLINK 2 ``--glm``,
        PLINK 1 association tables, REGENIE, BOLT-LMM and SAIGE. Lines that begin with ``##`` are
        left out.
    columns : dict of str to str, optional
        ``{meaning: column of the file}`` for any other table, or to overrule the recognized
        format. Meanings are chromosome, base_pair_location, effect_allele, other_allele, rsid,
        variant_id, effect_allele_frequency, beta, odds_ratio, standard_error, z, p_value,
        neg_log_10_p_value, n, n_cases, n_controls, test.
    n_samples : int, float or str, optional
        The number of people, or the file's column that holds it. A number overrules the file.
    build : str, optional
        Genome build of the positions, such as "GRCh37", kept in ``attrs``.
    extra_columns : sequence of str
        Columns of numbers kept under their own name, such as PolyFun's SNPVAR.

    Returns
    -------
    sumstats : pandas.DataFrame
        One row per variant, in the order of the file. What the file does not say is NA.

        * chromosome: without "chr"; 23, 24, 25 and 26 are X, Y, X and MT.
        * base_pair_location: Int64, in base pairs of `build`.
        * effect_allele, other_allele: upper case; `beta` and `z` are per copy of effect_allele.
        * rsid, variant_id: a column of IDs of any kind is variant_id, and those that begin with
          "rs" are rsid too.
        * effect_allele_frequency: 0..1.
        * beta, standard_error: on the scale of the file; odds and hazard ratios as logarithms.
        * z: beta / standard_error; if that is missing, the file's z or t statistic; else from
          the p-value and the sign of beta.
        * p_value, neg_log_10_p_value: two-sided; from z if the file has neither. The second stays
          exact if the first is 0 because floats end at 1e-308.
        * n: people; 4 / (1 / cases + 1 / controls) if the file counts cases and controls.

        ``attrs`` holds "format", "mixed_model" (whether that program fits a mixed model), "build",
        "source" (file name), "columns" (those used) and "notes" (sentences to show the user).

    Raises
    ------
    ValueError
        If the header is of no known format and `columns` does not say what the columns mean, a row
        has another number of fields than the header, a number is not one or is impossible (p
        outside 0..1, a negative standard error), or p = 0 has neither z nor beta and
        standard_error.

    Notes
    -----
    In tables of REGENIE and PLINK only rows of the additive test (TEST = ADD) are read. z of mixed
    models (REGENIE, BOLT-LMM, SAIGE) are larger at large effects than the LD of the sample implies.

    References
    ----------
    Hayhurst et al. (2022), A community driven GWAS summary statistics standard, bioRxiv
    2022.07.15.500230 (GWAS-SSF).
    """
    if n_samples is not None and not isinstance(n_samples, str):
        check_number(n_samples, "n_samples", low=0)
    name = Path(path).name
    table = _open(path)
    form, used = recognize(table.header)
    used |= _mapped(columns or {}, table.header, name)
    if isinstance(n_samples, str):
        used |= _mapped({"n": n_samples}, table.header, name)
    extra = {column: _column(column, table.header, name) for column in extra_columns}
    _check_columns(used, table.header, form, name)
    frame = _read_rows(table, used, extra)
    notes: list[str] = []
    if "test" in frame:
        test = form.test if form is not None and form.test else "ADD"
        frame = _of_one_test(frame, test, notes, name)
    if isinstance(n_samples, str) or n_samples is None:
        _add_n(frame)
    else:
        frame["n"] = float(n_samples)
    _add_alleles_and_ids(frame)
    _add_effects(frame, notes, name)
    mixed_model = form is not None and form.mixed_model
    if form is not None and mixed_model:
        notes.append(
            f"{name} is of {form.name}: z of a mixed model do not match the LD of the sample where "
            "effects are large."
        )
    frame = _with_all_columns(frame, extra)
    frame.attrs = {
        "format": form.name if form else "column map",
        "mixed_model": mixed_model,
        "build": build,
        "source": name,
        "columns": used | extra,
        "notes": notes,
    }
    return frame


class _Table(NamedTuple):
    """A table of text that is being read."""

    name: str
    header: list[str]
    delimiter: str | None
    lines: Iterator[str]  # below the header


def _open(path: PathLike) -> _Table:
    """Read the header of a table."""
    name = Path(path).name
    lines = (line for line in iterate_lines(path) if not line.startswith("##") and line.strip())
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{name} is empty; expected a header line and one row per variant.")
    delimiter = find_delimiter(first)
    header = [field.strip() for field in split_lines([first], delimiter, name)[0]]
    check_header(header, name)
    return _Table(name, header, delimiter, lines)


def _read_rows(table: _Table, used: dict[str, str], extra: dict[str, str]) -> "pd.DataFrame":
    """Return the rows of a table, parsed a few at a time: columns in use by their meaning."""
    pd = import_optional("pandas", extra="dataframe")
    parts, n_rows = [], 0
    while lines := list(islice(table.lines, _ROWS_AT_ONCE)):
        rows = split_lines(lines, table.delimiter, table.name)
        fields = _fields(rows, table.header, n_rows, table.name)
        wanted = {meaning: fields[column] for meaning, column in used.items()}
        numbers = {column: fields[name] for column, name in extra.items()}
        parts.append(_parse(wanted, numbers, n_rows, table.name))
        n_rows += len(lines)
    if not n_rows:
        raise ValueError(f"{table.name} has a header line only; expected one row per variant.")
    return pd.concat(parts, ignore_index=True)


def _with_all_columns(frame: "pd.DataFrame", extra: dict[str, str]) -> "pd.DataFrame":
    """Return the frame with all `COLUMNS` in their order; what the file does not say is NA."""
    pd = import_optional("pandas", extra="dataframe")
    for column in COLUMNS:
        if column not in frame:
            empty = pd.Series(pd.NA, frame.index, dtype="str") if column in _TEXT else np.nan
            frame[column] = empty
    frame["base_pair_location"] = frame["base_pair_location"].astype("Int64")
    return frame[[*COLUMNS, *extra]]


def unify_chromosomes(values: Sequence[object]) -> list[str]:
    """Return names of chromosomes as :func:`read_sumstats` writes them.

    Parameters
    ----------
    values : sequence
        Names such as "chr1", "01", 1 or "23".

    Returns
    -------
    names : list of str
        Without "chr" and leading zeros; 23, 24, 25 and 26 are X, Y, X and MT.
    """
    known = {}
    for value in set(values):
        text = str(value)
        text = (text[3:] if text[:3].lower() == "chr" else text).upper()
        text = text.removesuffix(".0").lstrip("0") or text
        known[value] = _CHROMOSOMES.get(text, text)
    return [known[value] for value in values]


def _mapped(columns: Mapping[str, str], header: list[str], name: str) -> dict[str, str]:
    """Return {meaning: column} of the caller's column map, or raise ValueError."""
    unknown = set(columns) - set(MEANINGS)
    if unknown:
        raise ValueError(
            f"columns: there is no meaning {sorted(unknown)[0]!r}; expected some of "
            f"{', '.join(MEANINGS)}."
        )
    return {meaning: _column(column, header, name) for meaning, column in columns.items()}


def _column(column: str, header: list[str], name: str) -> str:
    """Return `column` as the header spells it, or raise ValueError."""
    if column in header:
        return column
    alike = [known for known in header if known.lstrip("#").lower() == column.lower()]
    if len(alike) != 1:
        raise ValueError(f"{name} has no column {column!r}; it has {first_names(header, 30)}.")
    return alike[0]


def _check_columns(used: dict[str, str], header: list[str], form: Format | None, name: str) -> None:
    """Raise ValueError unless the columns say which variant, which allele and which effect."""
    has_place = "chromosome" in used and "base_pair_location" in used
    has_sign = "beta" in used or "odds_ratio" in used
    has_size = bool({"standard_error", "p_value", "neg_log_10_p_value"} & set(used))
    missing = []
    if not (has_place or "rsid" in used or "variant_id" in used):
        missing.append("chromosome and base_pair_location, or rsid or variant_id")
    if "effect_allele" not in used:
        missing.append("effect_allele")
    if not ("z" in used or (has_sign and has_size)):
        missing.append("beta (or odds_ratio) with standard_error or p_value, or z")
    if missing:
        names = ", ".join(known.name for known in FORMATS)
        origin = f"of {form.name}" if form else f"of no known format ({names})"
        raise ValueError(
            f"The header of {name} is {origin} and does not say: {'; '.join(missing)}. It has "
            f"{first_names(header, 30)}. Name them with columns={{'effect_allele': 'A1', ...}}."
        )


def _fields(
    rows: list[list[str]], header: list[str], n_before: int, name: str
) -> dict[str, tuple[str, ...]]:
    """Return {column: fields} of some rows, or raise ValueError if one is too short or long."""
    for number, row in enumerate(rows, start=n_before + 1):
        if len(row) != len(header):
            raise ValueError(
                f"{name}: row {number} has {len(row)} fields, the header has {len(header)}. Fields "
                "are separated by TAB, comma or spaces, one way in a file."
            )
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def _parse(
    fields: dict[str, tuple[str, ...]], extra: dict[str, tuple[str, ...]], n_before: int, name: str
) -> "pd.DataFrame":
    """Return some rows as a frame of texts and numbers, each under its meaning."""
    pd = import_optional("pandas", extra="dataframe")
    frame: dict[str, Any] = {}
    for meaning, texts in fields.items():
        if meaning in _TEXT:
            known = {text: _text(text, meaning) for text in set(texts)}
            frame[meaning] = pd.Series([known[text] for text in texts], dtype="str")
            continue
        values = _numbers(texts, meaning, n_before, name)
        if meaning == "p_value":
            frame["neg_log_10_p_value"] = _neg_log10(values, texts)
        frame[meaning] = values
    for column, texts in extra.items():
        frame[column] = _numbers(texts, column, n_before, name)
    return pd.DataFrame(frame)


def _text(text: str, meaning: str) -> str | None:
    """Return a text, or None if it stands for nothing."""
    text = text.strip()
    if text in ("", "NA", "."):
        return None
    if meaning == "chromosome":
        return unify_chromosomes([text])[0]
    return text.upper() if meaning in _ALLELES else text


# meaning: lowest, highest, and what is expected
_RANGES = {
    "base_pair_location": (0, 2**31 - 1, "a position in base pairs"),
    "effect_allele_frequency": (0, 1, "a frequency from 0 to 1"),
    "odds_ratio": (0, np.inf, "a ratio, not negative"),
    "standard_error": (0, np.inf, "a standard error, not negative"),
    "p_value": (0, 1, "a p-value from 0 to 1 (-log10 p is neg_log_10_p_value)"),
    "neg_log_10_p_value": (0, np.inf, "-log10 of a p-value, not negative"),
    "n": (0, np.inf, "a number of people"),
    "n_cases": (0, np.inf, "a number of people"),
    "n_controls": (0, np.inf, "a number of people"),
}


def _numbers(texts: Sequence[str], meaning: str, n_before: int, name: str) -> np.ndarray:
    """Return texts as float64, NaN if missing, or raise ValueError for the first bad one."""
    low, high, expected = _RANGES.get(meaning, (-np.inf, np.inf, "a number"))
    try:
        values = np.array([float(text) for text in texts])
    except ValueError:
        values = np.array([to_number(text) for text in texts])
    bad = (values < low) | (values > high) | np.isinf(values)
    if meaning == "base_pair_location":
        bad |= values != np.floor(values)
    bad |= np.isnan(values)
    for row in np.flatnonzero(bad).tolist():
        if texts[row].strip().lower() not in _MISSING:
            raise ValueError(
                f"{name}: {meaning} in row {n_before + row + 1} is {texts[row].strip()[:40]!r}; "
                f"expected {expected}, or NA."
            )
    values[bad] = np.nan
    return values


def _neg_log10(p: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    """Return -log10 of p-values; those that floats cannot hold are read from their text."""
    with np.errstate(divide="ignore"):
        result = -np.log10(p)
    for row in np.flatnonzero(p < _TINY).tolist():
        try:
            result[row] = -float(Decimal(texts[row].strip()).log10())
        except DecimalException:
            result[row] = np.inf
    return result


def _of_one_test(frame: "pd.DataFrame", test: str, notes: list[str], name: str) -> "pd.DataFrame":
    """Return the rows of the additive test."""
    of_test = (frame["test"] == test).to_numpy()
    if not of_test.any():
        tests = first_names(sorted(frame["test"].dropna().unique()), 5)
        raise ValueError(f"{name} has no row whose TEST is {test}, but {tests or 'NA'} only.")
    if not of_test.all():
        notes.append(f"{name}: {(~of_test).sum():,} rows whose TEST is not {test} were left out.")
    return frame[of_test].reset_index(drop=True)


def _add_n(frame: "pd.DataFrame") -> None:
    """Add the effective number of people if cases and controls are counted."""
    if "n_cases" in frame and "n_controls" in frame:
        with np.errstate(divide="ignore"):
            effective = 4 / (1 / frame["n_cases"] + 1 / frame["n_controls"])
        frame["n"] = effective.fillna(frame["n"]) if "n" in frame else effective


def _add_alleles_and_ids(frame: "pd.DataFrame") -> None:
    """Add the allele that PLINK 2 does not name, and rsid from IDs of any kind."""
    if "other_allele" not in frame and "ref_allele" in frame and "alt_allele" in frame:
        counts_ref = frame["effect_allele"] == frame["ref_allele"]
        frame["other_allele"] = frame["alt_allele"].where(counts_ref, frame["ref_allele"])
    if "variant_id" in frame:
        is_rsid = frame["variant_id"].str.match(r"rs\d", na=False)
        rsid = frame["variant_id"].where(is_rsid)
        frame["rsid"] = frame["rsid"].fillna(rsid) if "rsid" in frame else rsid


def _add_effects(frame: "pd.DataFrame", notes: list[str], name: str) -> None:
    """Add beta, z and p-values, each from what the file has."""
    beta, se = _beta(frame), _standard_error(frame, notes, name)
    _check_signs(beta, _column_or_nan(frame, "z"), name)
    neg_log_p = _column_or_nan(frame, "neg_log_10_p_value")
    z_of_ratio = beta / se
    z = np.where(np.isnan(z_of_ratio), _column_or_nan(frame, "z"), z_of_ratio)
    _check_strength(z, neg_log_p, name)
    z_of_p = -ndtri_exp(-neg_log_p * np.log(10) - np.log(2))
    _note_disagreement(z_of_ratio, z_of_p, notes, name)
    sign = np.where((beta == 0) & (neg_log_p > 0), np.nan, np.sign(beta))
    z = np.where(np.isnan(z), sign * z_of_p, z)
    neg_log_of_z = -(log_ndtr(-np.abs(z)) + np.log(2)) / np.log(10)
    neg_log_p = np.where(np.isfinite(neg_log_p), neg_log_p, np.maximum(neg_log_of_z, 0))
    p = _column_or_nan(frame, "p_value")
    frame["beta"], frame["standard_error"], frame["z"] = beta, se, z
    frame["neg_log_10_p_value"] = neg_log_p
    frame["p_value"] = np.where(np.isnan(p), 10.0**-neg_log_p, p)


def _column_or_nan(frame: "pd.DataFrame", meaning: str) -> np.ndarray:
    """Return a column of numbers, NaN if there is none."""
    return frame[meaning].to_numpy(dtype=float) if meaning in frame else np.full(len(frame), np.nan)


def _beta(frame: "pd.DataFrame") -> np.ndarray:
    """Return effects, the logarithm of the odds ratio if there is no other."""
    beta = _column_or_nan(frame, "beta")
    with np.errstate(divide="ignore"):
        log_ratio = np.log(_column_or_nan(frame, "odds_ratio"))
    return np.where(np.isnan(beta) & np.isfinite(log_ratio), log_ratio, beta)


def _standard_error(frame: "pd.DataFrame", notes: list[str], name: str) -> np.ndarray:
    """Return standard errors; 0 counts as missing."""
    se = _column_or_nan(frame, "standard_error")
    n_zero = int(np.sum(se == 0))
    if n_zero:
        notes.append(f"{name}: {n_zero:,} standard errors of 0 were taken as missing.")
    return np.where(se == 0, np.nan, se)


def _check_signs(beta: np.ndarray, z: np.ndarray, name: str) -> None:
    """Raise ValueError if effects and z have opposite signs."""
    contrary = np.sign(beta) * np.sign(z) < 0
    if contrary.any():
        raise ValueError(
            f"{name}: in {contrary.sum():,} rows, first row {np.flatnonzero(contrary)[0] + 1} of "
            "the variants, beta (or the odds ratio) and z have opposite signs: they are not of one "
            "allele, or z has no sign."
        )


def _check_strength(z: np.ndarray, neg_log_p: np.ndarray, name: str) -> None:
    """Raise ValueError if p is 0 and nothing else says how strong the effect is."""
    lost = np.isnan(z) & np.isinf(neg_log_p)
    if lost.any():
        raise ValueError(
            f"{name}: p_value in row {np.flatnonzero(lost)[0] + 1} of the variants is 0, and there "
            "is neither z nor beta with standard_error: how strong the effect is was lost."
        )


def _note_disagreement(
    z_of_ratio: np.ndarray, z_of_p: np.ndarray, notes: list[str], name: str
) -> None:
    """Say so if standard errors and p-values tell of different effects."""
    both_known = np.isfinite(z_of_ratio) & np.isfinite(z_of_p) & (z_of_p > 1)
    if both_known.any():
        factor = np.median(np.abs(z_of_ratio[both_known]) / z_of_p[both_known])
        if not 0.8 < factor < 1.25:
            notes.append(
                f"{name}: beta / standard_error is in the median {factor:.2g} times the z of "
                "p_value: standard_error may belong to an odds ratio, or p_value be corrected."
            )
