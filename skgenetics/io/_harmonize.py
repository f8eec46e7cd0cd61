"""Summary statistics aligned with the variants of an LD panel."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenetics.io._genotypes import Genotypes
from skgenetics.io._match_variants import Match, comparable_variants, match_variants
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from pandas import DataFrame, Series

MAX_FREQUENCY_DIFFERENCE = 0.2  # of a strand-ambiguous variant, between statistics and panel
MAX_AMBIGUOUS_MAF = 0.42  # above it, frequencies cannot tell the strand
_SAME_Z = 1e-3  # two rows of one variant agree within this share of z
_MAX_COMPARED = 1000  # variants whose frequencies are compared, besides the ambiguous ones
_MIN_COMPARED = 30
_AMBIGUOUS = ("AT", "TA", "CG", "GC")  # pairs that are the same on the other strand


class Reference(NamedTuple):
    """What errors call the table that statistics are aligned with, and what they advise."""

    name: str
    has: str
    other_chromosomes: str
    elsewhere: str


PANEL = Reference(
    "the panel",
    "has",
    "Take the panel of the same chromosomes (panel_chr@ takes files by chromosome)",
    "the panel is of another region",
)


def harmonize(
    sumstats: "DataFrame",
    panel: "Genotypes | DataFrame",
    *,
    min_n_fraction: float | None = 0.8,
    min_matched: float = 0.5,
) -> tuple["DataFrame", Bunch]:
    """Align summary statistics with an LD panel: the same variants, counting the same alleles.

    Parameters
    ----------
    sumstats : pandas.DataFrame
        As :func:`read_sumstats` returns it: effect_allele, other_allele and z; chromosome and
        base_pair_location, or rsid or variant_id; and, if known, beta,
        effect_allele_frequency, n and any other columns.
    panel : Genotypes or pandas.DataFrame
        The LD panel, or its variants: chromosome and base_pair_location, or variant_id;
        effect_allele (the one that the panel counts), other_allele, and, if known,
        effect_allele_frequency. The frequencies of genotypes are computed when they are needed.
    min_n_fraction : float or None, default=0.8
        Variants with n below this share of the median of the matched variants are flagged LOW_N:
        their z have other noise than the z of their neighbors. None: no variant is flagged.
    min_matched : float, default=0.5
        Share of the shorter of both lists of variants that must be matched.

    Returns
    -------
    harmonized : pandas.DataFrame
        One row per matched variant, in the order of the panel, with the columns of `sumstats`.
        Place and alleles are the panel's: z, beta and effect_allele_frequency are of its
        effect_allele. variant_id and rsid come from `sumstats`, else from the panel. In addition

        * panel_index: row of the variant in the panel;
        * flag: NA, or of AMBIGUOUS (a strand-ambiguous variant, A/T or C/G, whose frequencies do
          not tell the strand: one is unknown, or the minor allele's is .42 or more), STRAND (a
          strand-ambiguous variant whose frequencies differ by .2 or more: leave it out) and LOW_N,
          joined by ";".
    report : :class:`~sklearn.utils.Bunch`
        Counts of variants: n_sumstats, n_panel, matched; of those matched same, swapped (effect
        and other allele), strand (given on the other strand; swapped or not), by_id (not by
        position), ambiguous, ambiguous_kept, AMBIGUOUS, STRAND, LOW_N, other_id (rsid is another
        in the panel), completed (the other allele is the panel's). Of those left out: no_z,
        no_alleles (missing, or the same twice), not_found (place or ID is not in the panel),
        other_alleles (the place is, with other alleles), duplicates (rows that repeat a variant
        with the same z), conflicts (rows of a variant with different z). frequency_correlation: of
        the statistics' frequencies with the panel's;
        negative if the column of frequencies is of the other allele; NaN if unknown.

    Raises
    ------
    ValueError
        Where columns are missing, or fewer variants than `min_matched` are matched; the message
        names the likely cause.

    Notes
    -----
    Columns chrom or chr are taken for chromosome, and position, pos or bp for base_pair_location.

    A variant is matched by chromosome, position and pair of alleles; by ID and pair of alleles
    if the statistics or the panel have no positions, or 0 for them. Where the statistics lack the
    other allele (PLINK 1.9), it is that of the panel's variant, if it is the only one at its place
    and has the effect allele. An ID never overrules a position. Alleles that fit on the other
    strand alone are turned over, except at indels and where a position has several pairs of
    alleles, which are matched as they are.

    Examples
    --------
    >>> import pandas as pd
    >>> from skgenetics.io import harmonize
    >>> panel = pd.DataFrame(
    ...     {"chromosome": "1", "base_pair_location": [100, 200],
    ...      "variant_id": ["rs1", "rs2"], "effect_allele": ["A", "C"], "other_allele": ["G", "T"]}
    ... )
    >>> statistics = pd.DataFrame(
    ...     {"chromosome": "chr1", "base_pair_location": [200, 100],
    ...      "effect_allele": ["T", "A"], "other_allele": ["C", "G"], "z": [5.0, 1.0]}
    ... )
    >>> harmonized, report = harmonize(statistics, panel)
    >>> harmonized["z"].tolist(), report.swapped
    ([1.0, -5.0], 1)
    """
    return harmonize_with(sumstats, panel, PANEL, min_n_fraction, min_matched)


def harmonize_with(
    sumstats: "DataFrame",
    panel: "Genotypes | DataFrame",
    called: Reference,
    min_n_fraction: float | None,
    min_matched: float,
) -> tuple["DataFrame", Bunch]:
    """Align summary statistics as `harmonize` does, with a table that errors call otherwise."""
    check_number(min_matched, "min_matched", low=0, high=1, closed="both")
    if min_n_fraction is not None:
        check_number(min_n_fraction, "min_n_fraction", low=0, high=1, closed="both")
    rows = comparable_variants(sumstats, "sumstats")
    if "z" not in sumstats:
        raise ValueError(f"sumstats must have a column z; it has {', '.join(sumstats.columns)}.")
    known = comparable_variants(
        panel.variants if isinstance(panel, Genotypes) else panel, called.name
    )
    match = match_variants(rows, known)
    report = Bunch(n_sumstats=len(rows), n_panel=len(known))
    matched = _matched_rows(sumstats, match, report)
    _check_share_matched(matched, min_matched, rows, known, report, called)
    result = _on_panel_alleles(sumstats.iloc[matched], match.swapped[matched])
    _describe_variants(result, rows.iloc[matched], known.iloc[match.row[matched]], report)
    result["panel_index"] = match.row[matched]
    result["flag"] = _flags(result, panel, min_n_fraction, report)
    return result, report


def _matched_rows(sumstats: "DataFrame", match: Match, report: Bunch) -> np.ndarray:
    """Return the rows of the statistics that are used, in the order of the panel, and count."""
    z = sumstats["z"].to_numpy(dtype=float, na_value=np.nan)
    no_z = ~np.isfinite(z)
    matched = np.flatnonzero((match.row >= 0) & ~no_z)
    matched = matched[np.argsort(match.row[matched], kind="stable")]
    signed = np.where(match.swapped, -z, z)
    matched = _without_duplicates(matched, match.row, signed, report)
    swapped, turned = match.swapped[matched], ~match.same_strand[matched]
    report.no_z = int(no_z.sum())
    report.no_alleles = int((~match.has_alleles).sum())
    report.completed = int(sumstats["other_allele"].isna().to_numpy()[matched].sum())
    lost = (match.row < 0) & match.has_alleles
    report.other_alleles = int((lost & match.site_in_panel).sum())
    report.not_found = int((lost & ~match.site_in_panel).sum())
    report.matched = len(matched)
    report.swapped, report.strand = int(swapped.sum()), int(turned.sum())
    report.same = int((~swapped & ~turned).sum())
    report.by_id = int(match.by_id[matched].sum())
    return matched


def _check_share_matched(
    matched: np.ndarray,
    min_matched: float,
    rows: "DataFrame",
    known: "DataFrame",
    report: Bunch,
    called: Reference,
) -> None:
    """Raise ValueError if too few variants are in the panel."""
    shorter = min(len(rows), len(known))
    if len(matched) < min_matched * shorter or not len(matched):
        raise ValueError(
            f"{len(matched):,} of {len(rows):,} variants of the statistics are in {called.name}, "
            f"which {called.has} {len(known):,}: {_likely_cause(rows, known, report, called)}"
        )


def _on_panel_alleles(sumstats: "DataFrame", swapped: np.ndarray) -> "DataFrame":
    """Return statistics of the panel's effect alleles, given which alleles are exchanged."""
    result = sumstats.reset_index(drop=True)
    result.attrs = {}
    for column in ("z", "beta"):
        if column in result:
            values = result[column].to_numpy(dtype=float, na_value=np.nan)
            result[column] = np.where(swapped, -values, values)
    if "effect_allele_frequency" in result:
        f = result["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
        result["effect_allele_frequency"] = np.where(swapped, 1 - f, f)
    return result


def _describe_variants(
    result: "DataFrame", rows: "DataFrame", known: "DataFrame", report: Bunch
) -> None:
    """Set place and alleles of the panel, and IDs of the statistics if they have any."""
    rows, known = rows.reset_index(drop=True), known.reset_index(drop=True)
    panel_rsid = known["variant_id"].where(known["variant_id"].str.startswith("rs"))
    has_both = rows["rsid"].notna() & panel_rsid.notna()
    report.other_id = int((rows["rsid"] != panel_rsid)[has_both].sum())
    for column in ("chromosome", "base_pair_location", "effect_allele", "other_allele"):
        result[column] = known[column].fillna(rows[column])
    result["variant_id"] = rows["variant_id"].fillna(known["variant_id"])
    result["rsid"] = rows["rsid"].fillna(panel_rsid)


def is_low_n(n: ArrayLike, min_fraction: float) -> np.ndarray:
    """Return which variants come from too few people: the flag LOW_N of :func:`harmonize`.

    Parameters
    ----------
    n : array-like of shape (n_variants,)
        Number of people of each variant, NaN if unknown.
    min_fraction : float
        Share of the median of `n` below which a variant is flagged.

    Returns
    -------
    low : ndarray of bool of shape (n_variants,)
        False if `n` is unknown.
    """
    n = np.asarray(n, dtype=float)
    return n < min_fraction * np.nanmedian(n) if np.isfinite(n).any() else np.zeros(len(n), bool)


def allele_frequencies(genotypes: Genotypes) -> np.ndarray:
    """Return the frequency of the counted allele of each variant, NaN if it is unknown."""
    result = np.full(genotypes.shape[1], np.nan)
    for columns, block in column_blocks(genotypes, np.float64):
        called = block >= 0  # not for NaN, nor for codes of missing calls
        count = called.sum(axis=0)
        total = np.where(called, block, 0).sum(axis=0)
        result[columns] = np.where(count > 0, total / (2 * np.maximum(count, 1)), np.nan)
    return result


def _without_duplicates(
    rows: np.ndarray, variant_of_row: np.ndarray, z: np.ndarray, report: Bunch
) -> np.ndarray:
    """Return `rows`, sorted by variant, with one per variant: none if their z differ."""
    variant = variant_of_row[rows]
    starts = np.flatnonzero(np.r_[True, variant[1:] != variant[:-1]]) if len(rows) else rows
    sizes = np.diff(np.r_[starts, len(rows)])
    if len(rows) == len(starts):
        report.duplicates = report.conflicts = 0
        return rows
    values = z[rows]
    spread = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    agree = spread <= _SAME_Z * np.maximum(1, np.abs(values[starts]))
    report.duplicates = int((sizes - 1)[agree].sum())
    report.conflicts = int(sizes[~agree].sum())
    return rows[starts[agree]]


def _flags(
    result: "DataFrame", panel: "Genotypes | DataFrame", min_n_fraction: float | None, report: Bunch
) -> "Series":
    """Return the column of flags of the matched variants, and count them."""
    pd = import_optional("pandas", extra="dataframe")
    pairs = result["effect_allele"].astype(str) + result["other_allele"].astype(str)
    ambiguous = pairs.isin(_AMBIGUOUS).to_numpy()
    panel_frequency = _panel_frequencies(result, panel, ambiguous)
    frequency = np.full(len(result), np.nan)
    if "effect_allele_frequency" in result:
        frequency = result["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
    both_known = np.isfinite(frequency) & np.isfinite(panel_frequency)
    report.frequency_correlation = _correlation(
        frequency[both_known & ~ambiguous], panel_frequency[both_known & ~ambiguous]
    )
    maf = np.fmax(_minor(frequency), _minor(panel_frequency))
    settled = both_known & (maf < MAX_AMBIGUOUS_MAF)
    differ = settled & (np.abs(frequency - panel_frequency) >= MAX_FREQUENCY_DIFFERENCE)
    low_n = np.zeros(len(result), dtype=bool)
    if min_n_fraction is not None and "n" in result:
        low_n = is_low_n(result["n"].to_numpy(dtype=float, na_value=np.nan), min_n_fraction)
    report.ambiguous = int(ambiguous.sum())
    report.ambiguous_kept = int((ambiguous & settled & ~differ).sum())
    text = pd.Series("", index=result.index, dtype=object)
    flags = {"AMBIGUOUS": ambiguous & ~settled, "STRAND": ambiguous & differ, "LOW_N": low_n}
    for name, flagged in flags.items():
        report[name] = int(flagged.sum())
        text[flagged] += ";" + name
    return text.str[1:].where(text != "", None).astype("string")


def _minor(frequency: np.ndarray) -> np.ndarray:
    """Return the frequency of the rarer allele."""
    return np.minimum(frequency, 1 - frequency)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return the correlation of frequencies, NaN of too few or constant ones."""
    if len(one) < _MIN_COMPARED or min(one.std(), other.std()) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def _panel_frequencies(
    result: "DataFrame", panel: "Genotypes | DataFrame", ambiguous: np.ndarray
) -> np.ndarray:
    """Return the panel's frequencies of the matched variants, NaN if unknown or not needed."""
    if not isinstance(panel, Genotypes):
        if "effect_allele_frequency" not in panel:
            return np.full(len(result), np.nan)
        frequency = panel["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
        return frequency[result["panel_index"]]
    frequency = np.full(len(result), np.nan)
    if "effect_allele_frequency" in result and result["effect_allele_frequency"].notna().any():
        unambiguous = np.flatnonzero(~ambiguous)
        sample = unambiguous[:: max(1, len(unambiguous) // _MAX_COMPARED)]
        needed = np.union1d(np.flatnonzero(ambiguous), sample)
        columns = result["panel_index"].to_numpy()[needed]
        frequency[needed] = allele_frequencies(panel.select(columns=columns))
    return frequency


def _likely_cause(rows: "DataFrame", known: "DataFrame", report: Bunch, called: Reference) -> str:
    """Return in a sentence why so few variants are in the panel."""
    chromosomes, panel_chromosomes = (
        frame["chromosome"].dropna().unique() for frame in (rows, known)
    )
    if report.no_z > len(rows) / 2:
        return f"{report.no_z:,} have no z. Give beta and standard_error, or z."
    if report.conflicts > len(rows) / 2:
        return f"{report.conflicts:,} are in several rows with different z. Keep one row of each."
    if report.no_alleles > len(rows) / 2:
        return f"{report.no_alleles:,} lack an allele. Both alleles of each variant are needed."
    if (
        len(chromosomes)
        and len(panel_chromosomes)
        and not set(chromosomes) & set(panel_chromosomes)
    ):
        return (
            f"the statistics name chromosomes {', '.join(chromosomes[:5])}, {called.name} "
            f"{', '.join(panel_chromosomes[:5])}. {called.other_chromosomes}, or name them alike."
        )
    half = min(len(rows), len(known)) / 2
    if report.other_alleles > half:
        return (
            f"{report.other_alleles:,} are at a position of {called.name} with other alleles. "
            "Check that the columns of alleles are the right ones."
        )
    ids = known["variant_id"].dropna()
    shared = rows["rsid"].isin(ids) | rows["variant_id"].isin(ids)
    first = rows["rsid"].fillna(rows["variant_id"]).dropna()
    names = f"{first.iloc[0] if len(first) else 'NA'} and {ids.iloc[0] if len(ids) else 'NA'}"
    if not len(chromosomes) and not len(first):
        return "the statistics have neither positions nor IDs. Name their columns (--columns)."
    if not len(chromosomes) or not len(panel_chromosomes):
        lacking = called.name if len(chromosomes) else "the statistics"
        reason = f"IDs are written differently, such as {names}"
        if not len(first) or not len(ids):
            lacks_ids = f"{called.name} {called.has}" if len(first) else "the statistics have"
            reason = f"{lacks_ids} no IDs"
        return (
            f"they were matched by ID, for want of chromosome and base_pair_location in {lacking}, "
            f"and {reason}."
        )
    if shared.sum() > half:
        return (
            f"{shared.sum():,} have their ID in {called.name}, at another position. The genome "
            "builds differ (GRCh37 and GRCh38): lift one table over."
        )
    return (
        "neither positions nor IDs agree. The genome builds differ (GRCh37 and GRCh38), or "
        f"{called.elsewhere}; IDs are such as {names}."
    )
