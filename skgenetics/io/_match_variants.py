"""Variants of two tables matched by place or ID and by their alleles."""

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from skgenetics.io._sumstats_values import unify_chromosomes
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    from pandas import DataFrame

_BASES = ("A", "C", "G", "T")  # numbered 0 to 3, so that 3 - number is the base of the other strand
_OTHER_STRAND = dict(zip(_BASES, reversed(_BASES), strict=True))
_N_SNP_PAIRS = 16

PLACE_COLUMNS = {  # how tables name them, in lower case
    "chromosome": ("chromosome", "chrom", "chr"),
    "base_pair_location": ("base_pair_location", "position", "pos", "bp"),
}


def place_by_id(frame: "DataFrame", reference: "DataFrame") -> "DataFrame":
    """Give variants without a position the position that another table has for their ID.

    Parameters
    ----------
    frame, reference : pandas.DataFrame
        Variants, with the columns that :func:`harmonize` takes.

    Returns
    -------
    placed : pandas.DataFrame
        `frame` with chromosome and position filled in; still missing if `reference` has no such ID.
    """
    placed = _place_by_id(
        comparable_variants(frame, "frame"), comparable_variants(reference, "reference")
    )
    return frame.assign(
        **{
            "chromosome": placed["chromosome"].to_numpy(),
            "base_pair_location": placed["base_pair_location"].to_numpy(),
        }
    )


def comparable_variants(frame: "DataFrame", name: str) -> "DataFrame":
    """Return place, alleles and IDs of the variants of a frame, written one way."""
    pd = import_optional("pandas", extra="dataframe")
    frame = _with_known_places(frame)
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
    unplaced = ~(result["base_pair_location"] > 0).fillna(False).astype(bool)
    unplaced |= result["chromosome"].isna() | (result["chromosome"] == "0")
    result.loc[unplaced, ["chromosome", "base_pair_location"]] = None
    return result


def _with_known_places(frame: "DataFrame") -> "DataFrame":
    """Return the frame with chromosome and base_pair_location, if it has them by other names."""
    columns = {str(column).lower().lstrip("#"): column for column in frame}
    renamed = {}
    for meaning, names in PLACE_COLUMNS.items():
        present = [columns[name] for name in names if name in columns]
        if meaning not in frame and present:
            renamed[present[0]] = meaning
    return frame.rename(columns=renamed)


class Match(NamedTuple):
    """For each row of the statistics (n_rows,), its variant of the panel."""

    row: np.ndarray  # of the panel, -1 if there is none
    same_strand: np.ndarray  # whether alleles are given on the panel's strand
    swapped: np.ndarray  # whether effect and other allele are exchanged
    by_id: np.ndarray  # whether the match rests on the ID
    has_alleles: np.ndarray  # whether there are two, and they differ
    site_in_panel: np.ndarray  # whether the panel has a variant at the place


class _Alleles(NamedTuple):
    """Numbers of alleles of the statistics, then of the panel: bases are 0 to 3."""

    effect: np.ndarray
    other: np.ndarray
    pair: np.ndarray  # unordered; -1 if one is missing or both are equal
    n_pairs: int


def match_variants(rows: "DataFrame", known: "DataFrame") -> Match:
    """Match the variants of statistics and of a panel, by place or ID and pair of alleles.

    Alleles that fit on the other strand alone are turned over, except where a site has several
    pairs of alleles. Rows without their other allele have that of the panel's variant, if it is
    the only one there, and the panel's without it have that of the rows.
    """
    n_rows = len(rows)
    by_id = rows["chromosome"].isna().to_numpy()
    rows = _place_by_id(rows, known)
    if known["chromosome"].isna().any():
        unplaced = known["chromosome"].isna().to_numpy()
        known = _place_by_id(known, rows)
        by_id = by_id | _sites(rows, known[unplaced])[1]
    site, site_in_panel = _sites(rows, known)
    bare = known
    known = _with_other_alleles(known, rows, np.r_[site[n_rows:], site[:n_rows]])
    rows = _with_other_alleles(rows, bare, site)
    alleles = _number_alleles(rows, known)
    key = np.where((alleles.pair >= 0) & (site >= 0), site * alleles.n_pairs + alleles.pair, -1)
    row_of_key = _first_rows(key[n_rows:])
    row = row_of_key(key[:n_rows])

    several = _has_several_pairs(site, key, n_rows, alleles.n_pairs)
    a, b, site = alleles.effect[:n_rows], alleles.other[:n_rows], site[:n_rows]
    has_alleles = alleles.pair[:n_rows] >= 0
    is_snp = (a < 4) & (b < 4) & has_alleles
    ambiguous = a + b == 3
    turnable = (row < 0) & is_snp & ~ambiguous & (site >= 0) & ~several[site]
    low, high = np.minimum(3 - a, 3 - b), np.maximum(3 - a, 3 - b)  # on the other strand
    turned = row_of_key(np.where(turnable, site * alleles.n_pairs + 4 * low + high, -1))
    same_strand = turned < 0
    row = np.where(same_strand, row, turned)
    counted = alleles.effect[n_rows:][row]
    swapped = (row >= 0) & (np.where(same_strand, a, 3 - a) != counted)
    return Match(row, same_strand, swapped, by_id, has_alleles, site_in_panel)


def _with_other_alleles(rows: "DataFrame", known: "DataFrame", site: np.ndarray) -> "DataFrame":
    """Return `rows`; those of one allele get the other from `known`, if its site has one pair."""
    lacks_it = (rows["other_allele"].isna() & rows["effect_allele"].notna()).to_numpy()
    lost = np.flatnonzero(lacks_it & (site[: len(rows)] >= 0))
    if not len(lost):
        return rows
    variant = np.full(site.max() + 1, -1)
    panel_site = site[len(rows) :]
    placed = panel_site >= 0
    variant[panel_site[placed]] = np.flatnonzero(placed)
    variant[np.bincount(panel_site[placed], minlength=len(variant)) != 1] = -1
    lost = lost[variant[site[lost]] >= 0]
    pairs = known[["effect_allele", "other_allele"]].to_numpy()[variant[site[lost]]]
    given = rows["effect_allele"].to_numpy()[lost]
    rows = rows.copy()
    rows.loc[lost, "other_allele"] = [
        _partner(allele, pair) for allele, pair in zip(given, pairs.tolist(), strict=True)
    ]
    return rows


def _partner(allele: str, pair: list[str]) -> str | None:
    """Return the other allele of a pair, on the strand on which `allele` is of it; or None."""
    if allele in pair:
        return pair[1 - pair.index(allele)]
    turned = [_OTHER_STRAND.get(base) for base in pair]
    return turned[1 - turned.index(allele)] if allele in turned else None


def _first_rows(panel_key: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives the first row of the panel with each key, -1 if none has it."""
    pd = import_optional("pandas", extra="dataframe")
    first = np.flatnonzero((panel_key >= 0) & ~pd.Series(panel_key).duplicated().to_numpy())
    index = pd.Index(panel_key[first])

    def row_of_key(keys: np.ndarray) -> np.ndarray:
        place = index.get_indexer(keys)
        return np.where((place >= 0) & (keys >= 0), first[place], -1) if len(first) else place

    return row_of_key


def _has_several_pairs(site: np.ndarray, key: np.ndarray, n_rows: int, n_pairs: int) -> np.ndarray:
    """Return for each site whether the statistics, or the panel, have several pairs of alleles."""
    pd = import_optional("pandas", extra="dataframe")
    n_sites = max(site.max() + 1, 1)
    several = np.zeros(n_sites, dtype=bool)
    for keys in (key[:n_rows], key[n_rows:]):
        keys = pd.unique(keys[keys >= 0])
        several |= np.bincount(keys // n_pairs, minlength=n_sites) > 1
    return several


def _place_by_id(rows: "DataFrame", reference: "DataFrame") -> "DataFrame":
    """Return `rows`; those without a place get that of the one with their ID in `reference`."""
    lost = rows["chromosome"].isna()
    if not lost.any():
        return rows
    rows = rows.copy()
    placed = reference[reference["chromosome"].notna()]
    for name, reference_name in product(("variant_id", "rsid"), repeat=2):
        lost = rows["chromosome"].isna() & rows[name].notna()
        table = placed[placed[reference_name].notna()].drop_duplicates(reference_name)
        table = table.set_index(reference_name)
        for column in ("chromosome", "base_pair_location"):
            values = rows.loc[lost, name].map(table[column])
            rows.loc[lost, column] = values.astype(rows[column].dtype)
    return rows


def _sites(rows: "DataFrame", known: "DataFrame") -> tuple[np.ndarray, np.ndarray]:
    """Return a number for the place of each variant of both, and which `rows` have one in `known`.

    Without a place the ID stands in; -1 if there is neither.
    """
    pd = import_optional("pandas", extra="dataframe")
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


def _number_alleles(rows: "DataFrame", known: "DataFrame") -> _Alleles:
    """Return the numbers of alleles; pairs of bases are 4 lower + higher, others follow."""
    pd = import_optional("pandas", extra="dataframe")
    words = [frame[c] for c in ("effect_allele", "other_allele") for frame in (rows, known)]
    number, _ = pd.factorize(pd.concat([pd.Series(_BASES, dtype=object), *words]))
    effect, other = np.split(number[len(_BASES) :].astype(np.int64), 2)
    low, high = np.minimum(effect, other), np.maximum(effect, other)
    pair = 4 * low + high
    long = high >= 4
    numbered, names = pd.factorize(low[long] * (number.max() + 1) + high[long])
    pair[long] = _N_SNP_PAIRS + numbered
    pair[(low < 0) | (low == high)] = -1
    return _Alleles(effect, other, pair, _N_SNP_PAIRS + len(names))
