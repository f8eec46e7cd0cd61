"""What the tests of genes start from: the weights' variants in the panel and in the statistics."""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils import Bunch

from skgenetics.association._matching import UniqueVariants, place_variants
from skgenetics.association._weights import ExpressionWeights
from skgenetics.io._genotypes import Genotypes
from skgenetics.io._harmonize import Reference, allele_frequencies, harmonize_with
from skgenetics.io._regions import chromosome_order
from skgenetics.io._sumstats_values import unify_chromosomes

if TYPE_CHECKING:
    import pandas as pd

_AMBIGUOUS = ("AT", "TA", "CG", "GC")  # pairs that are the same on the other strand

WEIGHTS = Reference(
    "the weights",
    "have",
    "Take statistics of the chromosomes of the weights",
    "the weights are of another region",
)


@dataclass
class Panel:
    """Where the LD has the variants of the weights."""

    variants: "pd.DataFrame"
    held: np.ndarray
    row: np.ndarray
    sign: np.ndarray
    n_other_alleles: int


@dataclass
class Statistics:
    """Of each variant of the weights, (n_variants,), NaN where unknown."""

    z: np.ndarray
    se: np.ndarray
    n: np.ndarray


@dataclass
class Unit:
    """A gene: its models, and its variants."""

    models: slice
    rows: slice  # of the table of weights
    numbers: np.ndarray  # of the unique variants
    place: np.ndarray  # of each row among `numbers`


def find_in_panel(unique: UniqueVariants, ld: Genotypes | None) -> Panel:
    """Find the variants in the panel, and take the frequencies of those whose strand is unclear."""
    n = len(unique.table)
    if ld is None:
        return Panel(unique.table, np.ones(n, bool), np.zeros(n, int), np.ones(n), 0)
    placed = place_variants(unique.table, ld.variants)
    held = placed.row >= 0
    if not held.any():
        one, other = unique.table.iloc[0], ld.variants.iloc[0]
        what = (
            f"{int(placed.other_alleles.sum()):,} are there with other alleles."
            if placed.other_alleles.any()
            else "Check that the builds (GRCh37, GRCh38) and the chromosomes are the same."
        )
        raise ValueError(
            f"None of the {n:,} variants of the weights is in {ld.source}: they are such as "
            f"{one['variant_id']} and {other['variant_id']}. {what}"
        )
    pairs = unique.table["effect_allele"] + unique.table["other_allele"]
    unclear = np.flatnonzero(held & pairs.isin(_AMBIGUOUS).to_numpy(dtype=bool, na_value=False))
    frequency = np.full(n, np.nan)
    if len(unclear):
        f = allele_frequencies(ld.select(columns=placed.row[unclear]))
        frequency[unclear] = np.where(placed.sign[unclear] > 0, f, 1 - f)
    variants = unique.table.assign(effect_allele_frequency=frequency)
    return Panel(variants, held, placed.row, placed.sign, int(placed.other_alleles.sum()))


def align_statistics(
    sumstats: "pd.DataFrame", variants: "pd.DataFrame", n_samples: float | None
) -> tuple[Statistics, Bunch]:
    """Return the statistics of each variant, of the weights' effect allele."""
    named = variants.assign(variant_id=variants["rsid"].fillna(variants["variant_id"]))
    table, report = harmonize_with(sumstats, named, WEIGHTS, None, 0)
    kept = ~table["flag"].fillna("").str.contains("STRAND").to_numpy(dtype=bool)
    table = table[kept]
    columns: dict[str, np.ndarray] = {}
    for name in ("z", "beta", "standard_error", "n"):
        columns[name] = np.full(len(variants), np.nan)
        if name in table:
            values = table[name].to_numpy(dtype=float, na_value=np.nan)
            columns[name][table["panel_index"].to_numpy()] = values
    z, beta = columns["z"], columns["beta"]
    with np.errstate(divide="ignore", invalid="ignore"):
        se = np.where(z != 0, np.abs(beta / z), columns["standard_error"])
    se = np.where(np.isfinite(beta) & (se > 0), se, np.nan)
    n = columns["n"] if n_samples is None else np.where(np.isfinite(z), float(n_samples), np.nan)
    return Statistics(z, se, n), report


def chromosomes(table: "pd.DataFrame") -> list[str]:
    """Return the names of chromosomes, written one way, empty where unknown."""
    return unify_chromosomes(table["chromosome"].fillna("").tolist())


def gene_units(weights: ExpressionWeights, unique: UniqueVariants) -> list[Unit]:
    """Return the genes that have weights, along the genome."""
    gene = weights.genes["gene"].to_numpy(dtype=object)
    ends = np.r_[0, np.cumsum(weights.genes["n_variants"].to_numpy())]
    cuts = np.flatnonzero(np.r_[True, gene[1:] != gene[:-1], True])
    places = [
        chromosome_order(name)
        for name in unify_chromosomes(unique.table["chromosome"].fillna("").tolist())
    ]
    position = unique.table["base_pair_location"].to_numpy(dtype=float, na_value=0)
    units = []
    for start, end in pairwise(cuts.tolist()):
        rows = slice(int(ends[start]), int(ends[end]))
        numbers, place = np.unique(unique.number[rows], return_inverse=True)
        if len(numbers):
            units.append(Unit(slice(start, end), rows, numbers, place))
    units.sort(key=lambda unit: (places[unit.numbers[0]], position[unit.numbers].min()))
    return units
