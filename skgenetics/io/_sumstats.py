"""Summary statistics of association studies, whichever program wrote them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io._lines import to_number
from skgenetics.io._regions import Region
from skgenetics.io._sumstats_effects import effects_of
from skgenetics.io._sumstats_formats import (
    MEANINGS,
    Format,
    missing_meanings,
    overruled,
    traits_of,
)
from skgenetics.io._sumstats_guess import check_cases, check_effect_allele, guessed_columns
from skgenetics.io._sumstats_programs import recognize
from skgenetics.io._sumstats_rows import read_sumstats_rows
from skgenetics.io._sumstats_source import Source, open_source
from skgenetics.io._sumstats_values import WORDS, taken_apart, to_numbers
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
_MANY_ROWS = 10_000


def read_sumstats(
    path: PathLike,
    *,
    columns: Mapping[str, str] | None = None,
    n_samples: float | str | None = None,
    build: str | None = None,
    extra_columns: Sequence[str] = (),
    trait: str | None = None,
    region: Region | None = None,
    strict: bool = False,
) -> "pd.DataFrame":
    """Read summary statistics of one trait, under the column names of GWAS-SSF.

    Parameters
    ----------
    path : path-like
        Text, packed by gzip, bzip2, xz or zstd or not, with a header; separated by TAB, comma,
        semicolon or spaces; or GWAS-VCF, or parquet. Formats are recognized by their header: those
        of GWAS-SSF, REGENIE, BOLT-LMM, SAIGE, PLINK, GEMMA, METAL and others that
        ``doc/formats.md`` lists. Comments (``#``) are left out.
    columns : dict of str to str, optional
        ``{meaning: column of the file}`` for any other table, or to overrule the recognized
        format. Meanings are chromosome, base_pair_location, effect_allele, other_allele, rsid,
        variant_id, effect_allele_frequency, beta, odds_ratio, standard_error, z, p_value,
        neg_log_10_p_value, n, n_cases, n_controls, test, ref_allele and alt_allele (two alleles,
        of which effect_allele is the one or the other), chr_pos_ref_alt (an ID that names place
        and alleles; alt has the effect). What is named here is used whatever else the file says.
    n_samples : int, float or str, optional
        The number of people, or the file's column that holds it. A number overrules the file.
    build : str, optional
        Genome build of the positions, such as "GRCh37", kept in ``attrs``.
    extra_columns : sequence of str
        Columns of numbers kept under their own name, such as PolyFun's SNPVAR.
    trait : str, optional
        Which of the traits of a table of several: REGENIE's ``BETA.Y1`` is of trait Y1, and a
        GWAS-VCF has a column of each. Of Pan-UKB's files, which population.
    region : Region, optional
        Read only the variants of this part of the genome. A file that bgzip packed and tabix
        indexed (``.tbi`` or ``.csi`` beside it) is read there only, through pysam if it is
        installed (extra ``vcf``).
    strict : bool, default=False
        Raise on the first row that cannot be read, in place of leaving it out.

    Returns
    -------
    sumstats : pandas.DataFrame
        One row per variant, in the order of the file. What the file does not say is NA.

        * chromosome: without "chr"; 23, 24, 25 and 26 are X, Y, X and MT; 0 is missing, and so is
          position 0. If a file has no places but IDs such as ``1:1000:A:G``, they are taken apart.
        * base_pair_location: Int64, in base pairs of `build`.
        * effect_allele, other_allele: upper case; `beta` and `z` are per copy of effect_allele.
        * rsid, variant_id: a column of IDs of any kind is variant_id, and those that begin with
          "rs" are rsid too.
        * effect_allele_frequency: 0..1.
        * beta, standard_error: on the scale of the file; odds and hazard ratios as logarithms.
          Standard errors of the ratios themselves, which p-values tell, are divided by them.
        * z: beta / standard_error; if that is missing, the file's z or t statistic; else from
          the p-value and the sign of beta.
        * p_value, neg_log_10_p_value: two-sided; from z if the file has neither. The second stays
          exact if the first is 0 because floats end at 1e-308.
        * n: people; 4 / (1 / cases + 1 / controls) if the file counts cases and controls and
          `n_samples` does not name a column.

        ``attrs`` holds "format", "mixed_model" (whether that program fits a mixed model), "build",
        "source" (file name), "columns" (those used), "n_left_out" (rows that cannot be read) and
        "notes" (sentences to show the user).

    Raises
    ------
    ValueError
        If the header is of no known format and `columns` does not say what the columns mean (the
        message guesses them); if the header leaves open which allele has the effect, or has a
        column twice but for upper and lower case; if effects seem to be odds ratios, or -log10 p to
        be p; if more than 5% of the rows (and more than 10)
        have another number of fields than the header, or a number that is none or impossible (p
        outside 0..1, a negative standard error); or if p = 0 has neither z nor beta and
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
    source = open_source(path, trait, region)
    name, header = source.name, source.header
    notes: list[str] = []
    form, used = recognize(header, _trait_to_read(source, trait))
    if form is not None and form.build not in (None, build) and build is not None:
        form, used = recognize([column for column in header if not column.startswith("hm_")])
        notes.append(
            f"{name}: the original columns were read, because the harmonised ones (hm_...) are of "
            f"GRCh38 and not of {build}."
        )
    named = _mapped(columns or {}, header, name)
    if isinstance(n_samples, str):
        named |= _mapped({"n": n_samples}, header, name)
    if "effect_allele" not in named:
        check_effect_allele(used, header, name)
    check_cases(used, named, header, name)
    used = overruled(used, named)
    extra = {column: _column(column, header, name) for column in extra_columns}
    _check_columns(used, source, form)
    frame, of_rows = read_sumstats_rows(source, form, used, extra, strict)
    notes += of_rows
    n_left_out = frame.attrs["n_left_out"]
    if form is not None and form.adjust is not None:
        form.adjust(frame, header)
    if isinstance(n_samples, str) or n_samples is None:
        _add_n(frame, "n" in named)
    else:
        frame["n"] = float(n_samples)
    _fill_places(frame)
    if region is not None:
        frame = _inside(frame, region)
    effects = effects_of(frame, used, named, notes, name)
    mixed_model = form is not None and form.mixed_model
    if form is not None and mixed_model:
        notes.append(
            f"{name} is of {form.name}: z of a mixed model do not match the LD of the sample where "
            "effects are large."
        )
    if form is not None and form.note:
        notes.append(f"{name}: {form.note}.")
    if form is not None and form.guess and "effect_allele" not in named:
        notes.append(f"{name}: {form.guess}.")
    frame = _all_columns(frame, effects, extra)
    frame.attrs = {
        "format": form.name if form else "column map",
        "mixed_model": mixed_model,
        "build": build,
        "source": name,
        "columns": used | extra,
        "n_left_out": n_left_out,
        "notes": notes,
    }
    return frame


def _trait_to_read(source: Source, trait: str | None) -> str | None:
    """Return the trait whose columns are read, of a table of several; None if it is of one."""
    form = recognize(source.header)[0]
    if source.is_of_trait:
        return None
    traits = [] if form is None else traits_of(form, source.header)
    of = "trait" if form is None else form.of
    if trait is not None and not traits:
        raise ValueError(
            f"{source.name} is of one trait, without a name: there is no trait {trait!r} in it "
            "(leave --trait out)."
        )
    if trait is not None and trait not in traits:
        raise ValueError(
            f"{source.name} has no columns of {of} {trait!r}; it has {first_names(traits, 10)}."
        )
    if len(traits) > 1 and trait is None:
        raise ValueError(
            f"{source.name} has columns of {len(traits)} {of}s ({first_names(traits, 10)}): "
            "name one as trait (--trait)."
        )
    return trait or (traits[0] if traits else None)


def _fill_places(frame: "pd.DataFrame") -> None:
    """Take places from IDs such as ``1:1000:A:G`` if the table has no others."""
    pa = import_optional("pyarrow", extra="dataframe")
    if "chromosome" in frame and "base_pair_location" in frame:
        return
    for column in ("variant_id", "rsid"):
        if column not in frame:
            continue
        names = pa.chunked_array(pa.array(frame[column], pa.large_string()))
        parts = taken_apart(names.combine_chunks())
        if parts["chromosome"].null_count < len(frame):
            frame["chromosome"] = parts["chromosome"].to_pandas()
            frame["base_pair_location"] = to_numbers(
                parts["base_pair_location"], "base_pair_location"
            )[0]
            return


def _inside(frame: "pd.DataFrame", region: Region) -> "pd.DataFrame":
    """Return the rows of a region."""
    if not {"chromosome", "base_pair_location"} <= set(frame):
        raise ValueError("The statistics have no places: a region of them cannot be read.")
    inside = frame["base_pair_location"].between(region.start, region.end)
    return frame[inside & (frame["chromosome"] == region.chromosome)].reset_index(drop=True)


def _add_n(frame: "pd.DataFrame", is_named: bool) -> None:
    """Add the effective number of people if cases and controls are counted."""
    if "n_cases" in frame and "n_controls" in frame and not is_named:
        with np.errstate(divide="ignore"):
            effective = 4 / (1 / frame["n_cases"] + 1 / frame["n_controls"])
        frame["n"] = effective.fillna(frame["n"]) if "n" in frame else effective


def _all_columns(
    frame: "pd.DataFrame", effects: dict[str, np.ndarray], extra: dict[str, str]
) -> "pd.DataFrame":
    """Return a frame of all `COLUMNS` in their order; what the file does not say is NA."""
    pa = import_optional("pyarrow", extra="dataframe")
    pd = import_optional("pandas", extra="dataframe")
    columns: dict[str, Any] = {}
    for column in (*COLUMNS, *extra):
        if column in effects:  # not to be copied
            columns[column] = effects[column]
        elif column in frame:
            columns[column] = frame[column]
        elif column in WORDS:
            nothing = pa.nulls(min(len(frame), _MANY_ROWS), pa.large_string())
            parts = [nothing] * (len(frame) // max(1, len(nothing)))  # of the same memory
            parts.append(nothing[: len(frame) - len(nothing) * len(parts)])
            columns[column] = pd.array(pa.chunked_array(parts), dtype="str")
        else:
            columns[column] = np.full(len(frame), np.nan)
    places = np.asarray(columns["base_pair_location"], dtype=float)
    unknown = np.isnan(places)
    whole = (np.where(unknown, 0, places) if unknown.any() else places).astype(np.int64)
    columns["base_pair_location"] = pd.arrays.IntegerArray(whole, unknown)
    return pd.DataFrame(columns, frame.index, copy=False)


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


def _check_columns(used: dict[str, str], source: Source, form: Format | None) -> None:
    """Raise ValueError unless the columns say which variant, which allele and which effect."""
    missing = missing_meanings(used)
    if not missing:
        return
    header = source.header
    numbers = [name for name in header if np.isfinite(to_number(name))]
    if form is None and numbers:
        raise ValueError(
            f"{source.name} has no header: its first line holds {numbers[0]!r} where the name of a "
            "column is expected."
        )
    if form is not None:
        hint = "Name them with columns={'effect_allele': 'A1', ...}"
        origin = f"of {form.name} and does not say: {'; '.join(missing)}"
    else:
        hint = guessed_columns(source)
        origin = "of no known format"
    raise ValueError(
        f"The header of {source.name} is {origin}. It has {first_names(header, 12)}. {hint}."
    )
