"""Simulated case-control studies under the liability threshold model."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import Bunch, check_random_state, check_scalar

from skgenetics.datasets._simulation import (
    check_dosages,
    check_share,
    draw_additive,
    draw_noise,
)
from skgenetics.utils._typing import ArrayLike


def make_case_control(
    X: ArrayLike,
    *,
    prevalence: float = 0.1,
    h2: float = 0.5,
    n_causal: float = 20,
    n_pairs: int = 0,
    pairs_h2: float = 0.0,
    n_cases: int | None = None,
    n_controls: int | None = None,
    case_fraction: float | None = None,
    frequency_exponent: float = 0.0,
    random_state: Any = None,
) -> Bunch:
    """Simulate a disease by the liability threshold model, and a case-control study of the disease.

    Liability is the sum of additive effects, of optional products of pairs of variants, and of
    noise. The people with the highest liability have the disease; the study takes cases and
    controls from the population `X` at random.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_variants)
        Complete dosages of the population, none of them constant.

    prevalence : float, default=0.1
        Share of the population with the disease; exact to one person.

    h2 : float, default=0.5
        Additive heritability of liability: the variance of the additive values over the sum of the
        variances of all parts, exact in the population.

    n_causal : int or float, default=20
        Number of variants with an additive effect, or (a float below 1) the chance of each.

    n_pairs : int, default=0
        Number of pairs of variants that act by the product of their standardized dosages. All are
        different variants, drawn without regard to the additive effects.

    pairs_h2 : float, default=0.0
        Share of the variance of liability due to the pairs, as `h2`.

    n_cases, n_controls : int, default=None
        Number of cases and of controls in the study. None takes all there are.

    case_fraction : float, default=None
        Share of cases in the study, which is then the largest possible; instead of `n_cases` and
        `n_controls`.

    frequency_exponent : float, default=0.0
        As in `make_trait`.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers drawn.

    Returns
    -------
    study : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_study, n_variants)
            The rows of X in the study.
        target : int ndarray of shape (n_study,)
            1 for cases, 0 for controls.
        rows : int ndarray of shape (n_study,)
            The rows of X that were taken, in increasing order.
        liability : ndarray of shape (n_samples,)
            Liability in the population, of mean 0 and, apart from the chance correlation of its
            parts, variance 1.
        threshold : float
            Cases have a liability above it.
        coef : ndarray of shape (n_variants,)
            Additive effects per allele on liability.
        causal : int ndarray
            Indices of the variants whose additive effect is not zero.
        pairs : int ndarray of shape (n_pairs, 2)
            Indices of the variants that act as pairs.
        pair_coef : ndarray of shape (n_pairs,)
            Effect of the product of the two standardized dosages.
        genetic_values : ndarray of shape (n_samples,)
            Additive values of the population, centered.
        pair_values : ndarray of shape (n_samples,)
            Values of the pairs in the population, centered.
        prevalence : float
            Realized prevalence in the population.

    Raises
    ------
    ValueError
        If X has missing calls or constant variants, a parameter is out of range, or the population
        has too few cases or controls.

    References
    ----------
    S. H. Lee et al., "Estimating missing heritability for disease from genome-wide association
    studies", American Journal of Human Genetics 88, 2011.

    Examples
    --------
    >>> from skgenetics.datasets import make_case_control, make_genotypes
    >>> X = make_genotypes(n_samples=2000, random_state=0).data
    >>> study = make_case_control(X, prevalence=0.05, case_fraction=0.5, random_state=0)
    >>> study.target.size, study.target.mean()
    (200, np.float64(0.5))
    """
    check_share(h2, "h2")
    check_share(pairs_h2, "pairs_h2")
    check_scalar(n_pairs, "n_pairs", Integral, min_val=0)
    check_scalar(frequency_exponent, "frequency_exponent", Real)
    if h2 + pairs_h2 >= 1:
        raise ValueError(f"h2 + pairs_h2 must be below 1, got {h2 + pairs_h2}.")
    if (n_pairs > 0) != (pairs_h2 > 0):
        raise ValueError(
            f"n_pairs and pairs_h2 must both be zero or both positive, got {n_pairs}, {pairs_h2}."
        )
    dosages = check_dosages(X)
    n_samples, n_variants = dosages.shape
    if 2 * n_pairs > n_variants:
        raise ValueError(f"n_pairs is {n_pairs}, but X has only {n_variants} variants.")
    population_cases = _count_cases(prevalence, n_samples)
    n_cases, n_controls = _study_size(
        n_cases, n_controls, case_fraction, population_cases, n_samples - population_cases
    )
    rng = check_random_state(random_state)

    coef, genetic = draw_additive(dosages, n_causal, h2, frequency_exponent, rng)
    pairs, pair_coef, pair_values = _draw_pairs(dosages, n_pairs, pairs_h2, rng)
    noise = draw_noise(n_samples, np.eye(1), 1 - h2 - pairs_h2, rng)
    liability = genetic + pair_values + noise[:, 0]

    order = np.argsort(liability)
    threshold = liability[order[-population_cases - 1]]
    cases = rng.permutation(order[-population_cases:])[:n_cases]
    controls = rng.permutation(order[:-population_cases])[:n_controls]
    rows = np.sort(np.concatenate([cases, controls]))
    return Bunch(
        data=dosages[rows],
        target=(liability[rows] > threshold).astype(int),
        rows=rows,
        liability=liability,
        threshold=float(threshold),
        coef=coef,
        causal=np.flatnonzero(coef),
        pairs=pairs,
        pair_coef=pair_coef,
        genetic_values=genetic,
        pair_values=pair_values,
        prevalence=population_cases / n_samples,
    )


def _draw_pairs(
    X: np.ndarray, n_pairs: int, pairs_h2: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return pairs of variants (n_pairs, 2), their effects, and their values (n,) of variance h2.

    A pair acts by the product of its two standardized dosages.
    """
    pairs = rng.permutation(X.shape[1])[: 2 * n_pairs].reshape(n_pairs, 2)
    dosages = X[:, pairs].astype(float)
    products = np.prod((dosages - dosages.mean(axis=0)) / dosages.std(axis=0), axis=2)
    coef = rng.normal(size=n_pairs)
    values = products @ coef
    values -= values.mean()
    scale = np.sqrt(pairs_h2 / values.var()) if n_pairs else 1.0
    return pairs, scale * coef, scale * values


def _count_cases(prevalence: float, n_samples: int) -> int:
    """Return the number of people with the disease: some, but not all."""
    check_scalar(prevalence, "prevalence", Real, min_val=0, max_val=1, include_boundaries="neither")
    n_cases = round(prevalence * n_samples)
    if not 0 < n_cases < n_samples:
        raise ValueError(
            f"A prevalence of {prevalence} makes {n_cases} of {n_samples} people cases; X needs "
            "more people."
        )
    return n_cases


def _study_size(
    n_cases: int | None,
    n_controls: int | None,
    case_fraction: float | None,
    population_cases: int,
    population_controls: int,
) -> list[int]:
    """Return how many cases and controls the study has, from their numbers in the population."""
    if case_fraction is not None:
        if n_cases is not None or n_controls is not None:
            raise ValueError("Give either case_fraction, or n_cases and n_controls.")
        check_scalar(
            case_fraction, "case_fraction", Real, min_val=0, max_val=1, include_boundaries="neither"
        )
        total = min(population_cases / case_fraction, population_controls / (1 - case_fraction))
        n_cases, n_controls = round(total * case_fraction), round(total * (1 - case_fraction))
    sizes: list[int] = []
    for name, wanted, available in (
        ("n_cases", n_cases, population_cases),
        ("n_controls", n_controls, population_controls),
    ):
        size = available if wanted is None else wanted
        check_scalar(size, name, Integral, min_val=1)
        if size > available:
            raise ValueError(f"{name} is {size}, but the population has only {available}.")
        sizes.append(size)
    return sizes
