"""Summary statistics aligned with the variants of an LD panel."""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import Bunch

from skgenetics.io._genotypes import Genotypes
from skgenetics.io._sumstats import unify_chromosomes
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from pandas import DataFrame

MAX_FREQUENCY_DIFFERENCE = 0.2  # of a strand-ambiguous variant, between statistics and panel
MAX_AMBIGUOUS_MAF = 0.42  # above it, frequencies cannot tell the strand
_BASES = ("A", "C", "G", "T")  # numbered 0 to 3, so that 3 - number is the base of the other strand
_N_SNP_PAIRS = 16
_SAME_Z = 1e-3  # two rows of one variant agree within this share of z
_MAX_COMPARED = 1000  # variants whose frequencies are compared, besides the ambiguous ones
_MIN_COMPARED = 30


def harmonize(sumstats, panel, *, min_n_fraction=0.8, min_matched=0.5):
    """Align summary statistics with an LD panel: the same variants, counting the same alleles.

    Parameters
    ----------
    sumstats : pandas.DataFrame
        As :func:`read_sumstats` returns it: effect_allele, other_allele and z; chromosome and
        base_pair_location, or rsid or variant_id; and, where known, beta,
        effect_allele_frequency, n and any other columns.
    panel : Genotypes or pandas.DataFrame
        The LD panel, or its variants: chromosome and base_pair_location, or variant_id;
        effect_allele (the one that the panel counts), other_allele, and, if known,
        effect_allele_frequency. Of genotypes the frequencies are computed where they are needed.
    min_n_fraction : float or None, default=0.8
        Variants with n below this share of the median of the matched variants are flagged LOW_N:
        their z follow another noise than those of their neighbors. None: none are flagged.
    min_matched : float, default=0.5
        Share of the shorter of both lists of variants that must be matched.

    Returns
    -------
    harmonized : pandas.DataFrame
        A row a matched variant, in the order of the panel, with the columns of `sumstats`. Place
        and alleles are the panel's: z, beta and effect_allele_frequency are of its effect_allele.
        variant_id and rsid are those of `sumstats`, else the panel's. In addition

        * panel_index: row of the variant in the panel;
        * flag: NA, or of AMBIGUOUS (a strand-ambiguous variant, A/T or C/G, whose frequencies do
          not tell the strand: one is unknown, or the minor allele's is .42 or more), STRAND (a
          strand-ambiguous variant whose frequencies differ by .2 or more: leave it out) and LOW_N,
          joined by ";".
    report : :class:`~sklearn.utils.Bunch`
        Counts of variants: n_sumstats, n_panel, matched; of those matched same, swapped (effect
        and other allele), strand (given on the other strand; swapped or not), by_id (not by
        position), ambiguous, ambiguous_kept, AMBIGUOUS, STRAND, LOW_N, other_id (rsid is another
        in the panel). Of those left out: no_z, no_alleles (missing, or the same twice), not_found
        (place or ID is not in the panel), other_alleles (the place is, with other alleles),
        duplicates (rows that repeat a variant with the same z), conflicts (rows of a variant with
        different z). frequency_correlation: of the statistics' frequencies with the panel's;
        negative where the column of frequencies is of the other allele; NaN where unknown.

    Raises
    ------
    ValueError
        Where columns are missing, or fewer variants than `min_matched` are matched; the message
        names the likely cause.

    Notes
    -----
    A variant is matched by chromosome, position and pair of alleles; by ID and pair of alleles
    where the statistics or the panel have no positions. An ID never overrules a position. Alleles
    that fit on the other strand alone are turned over, except at indels and where a position has
    several pairs of alleles, which are matched as they are.

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
    pd = import_optional("pandas", extra="dataframe")
    check_number(min_matched, "min_matched", low=0, high=1, closed="both")
    if min_n_fraction is not None:
        check_number(min_n_fraction, "min_n_fraction", low=0, high=1, closed="both")
    rows = _variants(pd, sumstats, "sumstats")
    if "z" not in sumstats:
        raise ValueError(f"sumstats must have a column z; it has {', '.join(sumstats.columns)}.")
    known = _variants(pd, panel.variants if isinstance(panel, Genotypes) else panel, "panel")
    report = Bunch(n_sumstats=len(rows), n_panel=len(known))
    match, same_strand, swapped, by_id = _match(pd, rows, known, report)

    no_z = ~np.isfinite(sumstats["z"].to_numpy(dtype=float, na_value=np.nan))
    report.no_z = int(no_z.sum())
    match[no_z] = -1
    kept = np.flatnonzero(match >= 0)
    kept = kept[np.argsort(match[kept], kind="stable")]  # the order of the panel
    sign = np.where(swapped, -1.0, 1.0)
    kept = _without_duplicates(
        kept, match, sign * sumstats["z"].to_numpy(float, na_value=0.0), report
    )
    report.matched = len(kept)
    shorter = min(len(rows), len(known))
    if len(kept) < min_matched * shorter or not len(kept):
        raise ValueError(
            f"{len(kept):,} of {len(rows):,} variants of the statistics are in the panel, which "
            f"has {len(known):,}: {_likely_cause(rows, known, report)}"
        )
    report.swapped, report.strand = int(swapped[kept].sum()), int((~same_strand[kept]).sum())
    report.same = report.matched - int((swapped | ~same_strand)[kept].sum())
    report.by_id = int(by_id[kept].sum())
    places = match[kept]

    result = sumstats.iloc[kept].reset_index(drop=True)
    result.attrs = {}
    turned = swapped[kept]
    for column in ("z", "beta"):
        if column in result:
            values = result[column].to_numpy(dtype=float, na_value=np.nan)
            result[column] = np.where(turned, -values, values)
    if "effect_allele_frequency" in result:
        f = result["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
        result["effect_allele_frequency"] = np.where(turned, 1 - f, f)
    panel_rows = known.iloc[places].reset_index(drop=True)
    panel_rsid = panel_rows["variant_id"].where(panel_rows["variant_id"].str.startswith("rs"))
    own_rows = rows.iloc[kept].reset_index(drop=True)
    named = own_rows["rsid"].notna() & panel_rsid.notna()
    report.other_id = int((own_rows["rsid"] != panel_rsid)[named].sum())
    for column in ("chromosome", "base_pair_location", "effect_allele", "other_allele"):
        result[column] = panel_rows[column].fillna(own_rows[column])
    result["variant_id"] = own_rows["variant_id"].fillna(panel_rows["variant_id"])
    result["rsid"] = own_rows["rsid"].fillna(panel_rsid)
    result["panel_index"] = places
    result["flag"] = _flags(pd, result, panel, min_n_fraction, report)
    return result, report


def place_by_id(frame: "DataFrame", reference: "DataFrame") -> "DataFrame":
    """Give variants without a position that of the variant with their ID in another table.

    Parameters
    ----------
    frame, reference : pandas.DataFrame
        Variants, with the columns that :func:`harmonize` takes.

    Returns
    -------
    placed : pandas.DataFrame
        `frame` with chromosome and position filled in; still missing if `reference` has no such ID.
    """
    pd = import_optional("pandas", extra="dataframe")
    placed = _place_by_id(pd, _variants(pd, frame, "frame"), _variants(pd, reference, "reference"))
    return frame.assign(
        **{
            "chromosome": placed["chromosome"].to_numpy(),
            "base_pair_location": placed["base_pair_location"].to_numpy(),
        }
    )


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
        False where `n` is unknown.
    """
    n = np.asarray(n, dtype=float)
    return n < min_fraction * np.nanmedian(n) if np.isfinite(n).any() else np.zeros(len(n), bool)


def allele_frequencies(genotypes):
    """Return the frequency of the counted allele of each variant, NaN where it is unknown."""
    result = np.full(genotypes.shape[1], np.nan)
    for columns, block in column_blocks(genotypes, np, np.float64):
        known = block >= 0  # not for NaN, nor for codes of missing calls
        count = known.sum(axis=0)
        total = np.where(known, block, 0).sum(axis=0)
        result[columns] = np.where(count > 0, total / (2 * np.maximum(count, 1)), np.nan)
    return result


def _variants(pd, frame, name):
    """Return place, alleles and IDs of the variants of a frame, written one way."""
    missing = [column for column in ("effect_allele", "other_allele") if column not in frame]
    placed = {"chromosome", "base_pair_location"} <= set(frame)
    if not placed and not {"rsid", "variant_id"} & set(frame):
        missing.append("chromosome and base_pair_location, or rsid or variant_id")
    if missing:
        raise ValueError(
            f"{name} must have {'; '.join(missing)}; it has {', '.join(map(str, frame.columns))}."
        )
    result = pd.DataFrame(index=pd.RangeIndex(len(frame)))
    for column in ("chromosome", "effect_allele", "other_allele", "rsid", "variant_id"):
        values = frame[column].to_numpy(dtype=object) if column in frame else [None] * len(frame)
        number, names = pd.factorize(np.asarray(values, dtype=object))
        if column == "chromosome":
            names = unify_chromosomes(names)
        elif "allele" in column:
            names = [str(name).upper() for name in names]
        result[column] = np.array([*(name or None for name in names), None], dtype=object)[number]
    position = frame["base_pair_location"] if placed else pd.Series(pd.NA, frame.index)
    result["base_pair_location"] = position.astype("Int64").reset_index(drop=True)
    unplaced = result["chromosome"].isna() | result["base_pair_location"].isna()
    result.loc[unplaced, ["chromosome", "base_pair_location"]] = None
    return result


def _match(pd, rows, known, report):
    """Return for each row the variant of the panel, or -1, and how the two are the same.

    Returns arrays (n_rows,): the panel's row; whether alleles are given on its strand; whether
    effect and other allele are exchanged; whether the match rests on the ID.
    """
    n_rows = len(rows)
    by_id = rows["chromosome"].isna().to_numpy()
    rows = _place_by_id(pd, rows, known)
    if known["chromosome"].isna().any():
        unplaced = known["chromosome"].isna().to_numpy()
        known = _place_by_id(pd, known, rows)
        by_id = by_id | _sites(pd, rows, known[unplaced])[1]
    site, in_panel = _sites(pd, rows, known)
    effect, other, pair, n_pairs = _alleles(pd, rows, known)
    complete = pair >= 0
    key = np.where(complete & (site >= 0), site * n_pairs + pair, -1)
    own, panel_key = key[:n_rows], key[n_rows:]
    n_sites = max(site.max() + 1, 1)
    several = np.zeros(n_sites, dtype=bool)
    for keys in (own, panel_key):
        keys = pd.unique(keys[keys >= 0])
        several |= np.bincount(keys // n_pairs, minlength=n_sites) > 1

    first = np.flatnonzero((panel_key >= 0) & ~pd.Series(panel_key).duplicated().to_numpy())
    index = pd.Index(panel_key[first])

    def find(keys):
        found = index.get_indexer(keys)
        return np.where((found >= 0) & (keys >= 0), first[found], -1) if len(first) else found

    match = find(own)
    own_site, a, b = site[:n_rows], effect[:n_rows], other[:n_rows]
    is_snp = (a < 4) & (b < 4) & complete[:n_rows]
    turn = (match < 0) & is_snp & (a + b != 3) & (own_site >= 0) & ~several[own_site]
    opposite = own_site * n_pairs + 4 * np.minimum(3 - a, 3 - b) + np.maximum(3 - a, 3 - b)
    turned = np.where(turn, find(np.where(turn, opposite, -1)), -1)
    same_strand = turned < 0
    match = np.where(same_strand, match, turned)
    counted = effect[n_rows:][match]
    swapped = (match >= 0) & (np.where(same_strand, a, 3 - a) != counted)
    report.no_alleles = int((~complete[:n_rows]).sum())
    lost = (match < 0) & complete[:n_rows]
    report.other_alleles = int((lost & in_panel).sum())
    report.not_found = int((lost & ~in_panel).sum())
    return match, same_strand, swapped, by_id


def _place_by_id(pd, rows, others):
    """Return `rows` where those without a place have that of the one with their ID in `others`."""
    lost = rows["chromosome"].isna()
    if not lost.any():
        return rows
    rows = rows.copy()
    placed = others[others["chromosome"].notna()]
    for own in ("variant_id", "rsid"):
        for theirs in ("variant_id", "rsid"):
            lost = rows["chromosome"].isna() & rows[own].notna()
            table = placed[placed[theirs].notna()].drop_duplicates(theirs).set_index(theirs)
            for column in ("chromosome", "base_pair_location"):
                found = rows.loc[lost, own].map(table[column])
                rows.loc[lost, column] = found.astype(rows[column].dtype)
    return rows


def _sites(pd, rows, known):
    """Return a number for the place of each variant of both, and which `rows` have one in `known`.

    Without a place the ID stands for it; -1 where there is neither.
    """
    both = pd.concat([rows, known], ignore_index=True)
    number, _ = pd.factorize(both["chromosome"])
    position = both["base_pair_location"].to_numpy(dtype=np.int64, na_value=0)
    name = both["variant_id"].fillna(both["rsid"])
    named, _ = pd.factorize(name)
    place = np.where(number >= 0, (number.astype(np.int64) << 32) + position, -2 - named)
    place = np.where((number < 0) & (named < 0), -1, place)
    site, places = pd.factorize(place)
    site = np.where(place == -1, -1, site)
    present = np.zeros(len(places) + 1, dtype=bool)
    present[site[len(rows) :]] = True
    present[-1] = False  # what has no place
    return site, present[site[: len(rows)]]


def _alleles(pd, rows, known):
    """Return numbers of effect alleles, other alleles and unordered pairs, of both frames in turn.

    Pairs of bases are 4 lower + higher, others follow; -1 where one is missing or both are equal.
    """
    words = [frame[c] for c in ("effect_allele", "other_allele") for frame in (rows, known)]
    number, _ = pd.factorize(pd.concat([pd.Series(_BASES, dtype=object), *words]))
    effect, other = np.split(number[len(_BASES) :].astype(np.int64), 2)
    low, high = np.minimum(effect, other), np.maximum(effect, other)
    pair = 4 * low + high
    long = high >= 4
    numbered, names = pd.factorize(low[long] * (number.max() + 1) + high[long])
    pair[long] = _N_SNP_PAIRS + numbered
    pair[(low < 0) | (low == high)] = -1
    return effect, other, pair, _N_SNP_PAIRS + len(names)


def _without_duplicates(kept, match, z, report):
    """Return `kept`, sorted by variant, with one row a variant: none where their z differ."""
    variant = match[kept]
    starts = np.flatnonzero(np.r_[True, variant[1:] != variant[:-1]]) if len(kept) else kept
    sizes = np.diff(np.r_[starts, len(kept)])
    if len(kept) == len(starts):
        report.duplicates = report.conflicts = 0
        return kept
    values = z[kept]
    spread = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    agree = spread <= _SAME_Z * np.maximum(1, np.abs(values[starts]))
    report.duplicates = int((sizes - 1)[agree].sum())
    report.conflicts = int(sizes[~agree].sum())
    return kept[starts[agree]]


def _flags(pd, result, panel, min_n_fraction, report):
    """Return the column of flags of the matched variants, and count them."""
    pairs = result["effect_allele"].astype(str) + result["other_allele"].astype(str)
    ambiguous = pairs.isin(["AT", "TA", "CG", "GC"]).to_numpy()
    theirs = _panel_frequencies(result, panel, ambiguous)
    ours = np.full(len(result), np.nan)
    if "effect_allele_frequency" in result:
        ours = result["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
    largest_maf = np.fmax(np.minimum(ours, 1 - ours), np.minimum(theirs, 1 - theirs))
    told = np.isfinite(ours) & np.isfinite(theirs) & (largest_maf < MAX_AMBIGUOUS_MAF)
    differ = told & (np.abs(ours - theirs) >= MAX_FREQUENCY_DIFFERENCE)
    compared = np.isfinite(ours) & np.isfinite(theirs) & ~ambiguous
    report.frequency_correlation = np.nan
    if compared.sum() >= _MIN_COMPARED and min(ours[compared].std(), theirs[compared].std()) > 0:
        report.frequency_correlation = float(np.corrcoef(ours[compared], theirs[compared])[0, 1])
    flags = {"AMBIGUOUS": ambiguous & ~told, "STRAND": ambiguous & differ}
    low = np.zeros(len(result), dtype=bool)
    if min_n_fraction is not None and "n" in result:
        low = is_low_n(result["n"].to_numpy(dtype=float, na_value=np.nan), min_n_fraction)
    flags["LOW_N"] = low
    report.ambiguous = int(ambiguous.sum())
    report.ambiguous_kept = int((ambiguous & told & ~differ).sum())
    text = pd.Series("", index=result.index, dtype=object)
    for name, where in flags.items():
        report[name] = int(where.sum())
        text[where] += ";" + name
    return text.str[1:].where(text != "", None).astype("string")


def _panel_frequencies(result, panel, ambiguous):
    """Return the panel's frequencies of the matched variants, NaN where not known or not needed."""
    if not isinstance(panel, Genotypes):
        if "effect_allele_frequency" not in panel:
            return np.full(len(result), np.nan)
        frequency = panel["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
        return frequency[result["panel_index"]]
    frequency = np.full(len(result), np.nan)
    if "effect_allele_frequency" in result and result["effect_allele_frequency"].notna().any():
        others = np.flatnonzero(~ambiguous)
        sample = others[:: max(1, len(others) // _MAX_COMPARED)]
        needed = np.union1d(np.flatnonzero(ambiguous), sample)
        columns = result["panel_index"].to_numpy()[needed]
        frequency[needed] = allele_frequencies(panel.select(columns=columns))
    return frequency


def _likely_cause(rows, known, report):
    """Return in a sentence why so few variants are in the panel."""
    own, theirs = (frame["chromosome"].dropna().unique() for frame in (rows, known))
    if report.no_z > len(rows) / 2:
        return f"{report.no_z:,} have no z. Give beta and standard_error, or z."
    if report.no_alleles > len(rows) / 2:
        return f"{report.no_alleles:,} lack an allele. Both alleles of each variant are needed."
    if len(own) and len(theirs) and not set(own) & set(theirs):
        return (
            f"the statistics name chromosomes {', '.join(own[:5])}, the panel "
            f"{', '.join(theirs[:5])}. They must be of the same chromosomes, named alike."
        )
    half = min(len(rows), len(known)) / 2
    if report.other_alleles > half:
        return (
            f"{report.other_alleles:,} are at a position of the panel with other alleles. Check "
            "that the columns of alleles are the right ones."
        )
    ids = known["variant_id"].dropna()
    shared = rows["rsid"].isin(ids) | rows["variant_id"].isin(ids)
    first = rows["rsid"].fillna(rows["variant_id"]).dropna()
    names = f"{first.iloc[0] if len(first) else 'NA'} and {ids.iloc[0] if len(ids) else 'NA'}"
    if not len(own) or not len(theirs):
        return f"they were matched by ID, and IDs are written differently, such as {names}."
    if shared.sum() > half:
        return (
            f"{shared.sum():,} have their ID in the panel, at another position. The genome builds "
            "differ (GRCh37 and GRCh38): lift one of them over."
        )
    return (
        "neither positions nor IDs agree. The genome builds differ (GRCh37 and GRCh38), or the "
        f"panel is of another region; IDs are such as {names}."
    )
