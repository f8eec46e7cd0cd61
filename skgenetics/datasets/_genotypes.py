"""Genotypes with the allele frequencies and the linkage disequilibrium of a human population.

Founder haplotypes come from successive copying: haplotype k copies its alleles from the k earlier
ones and changes the one it copies at recombinations (Li and Stephens, Genetics 2003). At one
position this is a random recursive tree, which is the tree of the coalescent; each variant is one
mutation on a branch of the tree at its position, as under infinite sites. The haplotypes of the
sample are mosaics of the founders. The trees are drawn before the mutations, so that a mutation can
be drawn among the branches that give the allele frequency asked for.
"""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_array, check_random_state, check_scalar

from skgenetics.utils._typing import ArrayLike

SPACING = 400  # base pairs between variants of MAF >= 5% in Europeans
# Chance of a mutation on the branch of haplotype k: k ** -AGE_EXPONENT. A population of constant
# size has 1. A bottleneck lengthens the old branches, hence more; fitted to the LD of Europeans.
AGE_EXPONENT = 1.4


def make_genotypes(
    n_samples: int = 500,
    n_variants: int = 1000,
    *,
    n_founders: int = 200,
    positions: ArrayLike | None = None,
    genetic_positions: ArrayLike | None = None,
    recombination_rate: float = 1.0,
    hotspot_spacing: float = 20_000,
    effective_size: float = 4_000,
    mutation_rate: float = 2e-4,
    min_maf: float = 0.05,
    missing_rate: float = 0.0,
    dtype: Any = np.int8,
    random_state: Any = None,
) -> Bunch:
    """Simulate genotypes whose LD and allele frequencies resemble those of Europeans.

    Every haplotype of the sample is a mosaic of founder haplotypes, which are themselves made by
    successive copying with recombination and one mutation per variant. With the default values the
    decay of r^2 with distance and the spectrum of allele frequencies follow those of 358 Europeans
    (`load_geuvadis`): mean r^2 is within 0.05 at any distance.

    Parameters
    ----------
    n_samples : int, default=500
        Number of unrelated diploid people.

    n_variants : int, default=1000
        Number of variants, all on one chromosome.

    n_founders : int, default=200
        Number of founder haplotypes. Fewer give longer shared segments.

    positions : array-like of int of shape (n_variants,), default=None
        Increasing positions in base pairs. None draws them, 400 base pairs apart on average.

    genetic_positions : array-like of shape (n_variants,), default=None
        Non-decreasing positions in centimorgans. A step of 1,000 or more makes what follows
        independent, as on another chromosome. None draws them from the two next parameters.

    recombination_rate : float, default=1.0
        Mean recombination rate in centimorgans per megabase.

    hotspot_spacing : float, default=20_000
        Recombination is gathered in hotspots about this many base pairs apart (increments of the
        genetic map are gamma distributed). 0 spreads it evenly.

    effective_size : float, default=4_000
        Effective population size; a larger one has shorter LD.

    mutation_rate : float, default=2e-4
        Chance that an allele of the sample differs from the founder that it was copied from.

    min_maf : float, default=0.05
        Smallest minor allele frequency in the sample, before calls are set to missing; with 0,
        every variant has both alleles. Where the tree at a position has no branch of such a
        frequency (never seen at 0.05, common above 0.2), the variant repeats its neighbor.

    missing_rate : float, default=0.0
        Share of calls set to missing at random: NaN, or -9 in an int8 matrix.

    dtype : data-type, default=numpy.int8
        int8 or a floating type.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers drawn.

    Returns
    -------
    genotypes : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, n_variants)
            Dosage of the mutant allele: 0, 1, 2 or missing.
        complete_data : ndarray of shape (n_samples, n_variants)
            The same before calls were set to missing.
        feature_names : list of str
            variant_0, variant_1, ...
        base_pair_location : int ndarray of shape (n_variants,)
            Positions in base pairs.
        genetic_positions : ndarray of shape (n_variants,)
            Positions in centimorgans.
        founders : int8 ndarray of shape (n_founders, n_variants)
            Alleles of the founder haplotypes.
        effect_allele_frequency : ndarray of shape (n_variants,)
            Frequency of the mutant allele in `complete_data`.

    Raises
    ------
    ValueError
        If a number is out of range, positions do not increase, or no branch of the trees gives
        the allele frequency asked for.

    References
    ----------
    N. Li and M. Stephens, "Modeling linkage disequilibrium and identifying recombination hotspots
    using single-nucleotide polymorphism data", Genetics 165, 2003.

    Examples
    --------
    >>> from skgenetics.datasets import make_genotypes
    >>> make_genotypes(n_samples=100, n_variants=50, random_state=0).data.shape
    (100, 50)
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_variants, "n_variants", Integral, min_val=1)
    check_scalar(n_founders, "n_founders", Integral, min_val=2)
    for name, value, low, high, closed in (
        ("recombination_rate", recombination_rate, 0, None, "left"),
        ("hotspot_spacing", hotspot_spacing, 0, None, "left"),
        ("effective_size", effective_size, 0, None, "neither"),
        ("mutation_rate", mutation_rate, 0, 0.5, "left"),
        ("min_maf", min_maf, 0, 0.5, "left"),
        ("missing_rate", missing_rate, 0, 1, "left"),
    ):
        check_scalar(value, name, Real, min_val=low, max_val=high, include_boundaries=closed)
        if not np.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}.")
    dtype = np.dtype(dtype)
    if dtype != np.int8 and not np.issubdtype(dtype, np.floating):
        raise ValueError(f"dtype must be int8 or a floating type, got {dtype}.")
    rng = check_random_state(random_state)

    if positions is None:
        positions = np.cumsum(rng.geometric(1 / SPACING, size=n_variants))
    positions = _check_positions(positions, n_variants, "positions")
    if np.any(np.diff(positions) == 0):
        raise ValueError("positions must increase: two variants are at the same position.")
    if genetic_positions is None:
        distances = np.diff(positions)
        genetic_positions = _draw_map(distances, recombination_rate, hotspot_spacing, rng)
    genetic_positions = _check_positions(genetic_positions, n_variants, "genetic_positions")
    crossovers = 4 * effective_size * np.diff(genetic_positions) / 100

    parents = np.zeros((n_founders, n_variants), dtype=np.int32)
    for k in range(1, n_founders):
        parents[k] = np.repeat(*_draw_mosaic(k, crossovers, rng))
    mosaics = [_draw_mosaic(n_founders, crossovers, rng) for _ in range(2 * n_samples)]
    errors = [
        rng.randint(n_variants, size=rng.binomial(n_variants, mutation_rate)) for _ in mosaics
    ]
    founders, shown = _mutate(parents, mosaics, np.concatenate(errors), min_maf, rng)

    complete = _dosages(founders, mosaics, errors, shown, dtype)
    data = complete
    if missing_rate:
        data = complete.copy()
        for person in data:
            missing = rng.uniform(size=n_variants) < missing_rate
            person[missing] = -9 if dtype == np.int8 else np.nan
    return Bunch(
        data=data,
        complete_data=complete,
        feature_names=[f"variant_{k}" for k in range(n_variants)],
        base_pair_location=positions,
        genetic_positions=genetic_positions,
        founders=founders[:, shown],
        effect_allele_frequency=complete.mean(axis=0, dtype=float) / 2,
    )


def _draw_map(
    distances: np.ndarray,
    recombination_rate: float,
    hotspot_spacing: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Return genetic positions (cM) of variants at `distances` (base pairs) from their neighbors.

    With hotspots, the map length of a stretch is gamma distributed, of mean rate x length.
    """
    steps = distances * (recombination_rate / 1e6)
    if hotspot_spacing:
        steps = rng.gamma(distances / hotspot_spacing, hotspot_spacing * recombination_rate / 1e6)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _dosages(
    founders: np.ndarray,
    mosaics: list[tuple[np.ndarray, np.ndarray]],
    errors: list[np.ndarray],
    shown: np.ndarray,
    dtype: np.dtype,
) -> np.ndarray:
    """Return dosages (n_samples, n_variants), each person the sum of two mosaics of founders."""
    n_variants = founders.shape[1]
    dosages = np.zeros((len(mosaics) // 2, n_variants), dtype=dtype)
    columns = np.arange(n_variants)
    for haplotype, (mosaic, flipped) in enumerate(zip(mosaics, errors)):
        alleles = founders[np.repeat(*mosaic), columns]
        alleles[flipped] ^= 1
        dosages[haplotype // 2] += alleles[shown]
    return dosages


def _check_positions(positions: ArrayLike, n_variants: int, name: str) -> np.ndarray:
    """Return positions (n_variants,) as an array, or raise unless they are sorted numbers."""
    positions = check_array(positions, ensure_2d=False, input_name=name)
    if positions.shape != (n_variants,):
        raise ValueError(
            f"{name} must have shape ({n_variants},), one per variant, got {positions.shape}."
        )
    if np.any(np.diff(positions) < 0):
        raise ValueError(f"{name} must be sorted in increasing order.")
    return positions


def _draw_mosaic(
    n_templates: int, crossovers: np.ndarray, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the templates copied by one haplotype and the number of variants copied from each."""
    switch = rng.uniform(size=len(crossovers)) < -np.expm1(-crossovers / n_templates)
    ends = np.concatenate([np.flatnonzero(switch) + 1, [len(crossovers) + 1]])
    return rng.randint(n_templates, size=len(ends)), np.diff(ends, prepend=0)


def _mutate(
    parents: np.ndarray,
    mosaics: list[tuple[np.ndarray, np.ndarray]],
    errors: np.ndarray,
    min_maf: float,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Place one mutation per variant; return the founders' alleles and the variants to show.

    A mutation on the branch of founder k is carried by k and all that copied it. Its frequency in
    the sample is known before it is placed, so only branches within `min_maf` are drawn from, with
    room for the copying errors at the variant. If there is none, the nearest variant is shown.
    """
    n_founders, n_variants = parents.shape
    columns = np.arange(n_variants)
    steps = np.zeros((n_founders, n_variants + 1), dtype=np.int32)
    for templates, lengths in mosaics:
        ends = np.cumsum(lengths)
        np.add.at(steps, (templates, ends - lengths), 1)
        np.subtract.at(steps, (templates, ends), 1)
    carriers = np.cumsum(steps, axis=1, out=steps)[:, :-1]  # of each branch, within the sample

    lowest = np.maximum(1, min_maf * len(mosaics)) + np.bincount(errors, minlength=n_variants)
    total, mutated = np.zeros(n_variants), np.zeros(n_variants, dtype=np.int32)
    for k in range(n_founders - 1, 0, -1):  # a reservoir of size one
        allowed = (carriers[k] >= lowest) & (carriers[k] <= len(mosaics) - lowest)
        weight = allowed * k**-AGE_EXPONENT
        total += weight
        mutated[rng.uniform(size=n_variants) * total < weight] = k
        carriers[parents[k], columns] += carriers[k]

    (possible,) = np.nonzero(mutated)
    if len(possible) == 0:
        raise ValueError(
            f"No branch gives a minor allele frequency of {min_maf} at any of {n_variants} "
            "variants. Lower min_maf or mutation_rate, or raise n_founders or n_samples."
        )
    middles = (possible[1:] + possible[:-1]) / 2
    shown = possible[np.searchsorted(middles, columns)]

    founders = np.zeros((n_founders, n_variants), dtype=np.int8)
    for k in range(1, n_founders):
        founders[k] = founders[parents[k], columns] | (mutated == k)
    return founders, shown
