"""The variance of a background of small effects, learned beside single effects.

z = R S (b + u) + e with u ~ N(0, tau^2) per deviation (SuSiE-inf, Cui et al. 2023). With G = T R T
= U D U', T = diag sqrt(N), and l = T z, the entries of U'(l - G b) are independent, of variances
s0^2 D + tau^2 D^2. The eigendecomposition costs O(p^3): it is made where what is left of z beside a
few strong effects is larger than noise.
"""

from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize

from skgenetics.finemapping._choice import solver_of_effects
from skgenetics.finemapping._data import MAX_DENSE_LD
from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE
from skgenetics.finemapping._likelihood import (
    background_locus,
    per_deviation_spectrum,
    root_samples,
    variance_per_deviation,
)
from skgenetics.finemapping._posterior import NEGLIGIBLE, Posterior
from skgenetics.finemapping.solvers import Problem
from skgenetics.loci._ld import GenotypeLD
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array

ROUNDS, SWEEPS = 8, 10
RELATIVE_CHANGE = 0.02  # of tau^2: the rounds end below it
PRICE = 2.0  # nats: what a variance that is fitted must gain, as if it had a prior of its own
MIN_SCORE = 1.5  # of the test that asks for eigenvectors
MIN_VARIANTS = 20  # fewer have no background
MANY_EFFECTS = 4  # or so many effects, which may be those of a background
CLEAR_LOG_BF = 8.0  # an effect of this evidence is no background
MAX_SHARE = 0.1  # of the trait: errors of a panel's LD look like more than any locus has
SCORED_ROWS = 64  # of LD, which stand for the mean LD score
SMALLEST = 1e-3  # of tau^2 D_max / s0^2: below it there is no background


class EffectsState(Protocol):
    """What the score test reads of single effects, as a solver with `sums_effects` has them."""

    presence: np.ndarray
    alpha: np.ndarray
    mean: np.ndarray
    log_bf: np.ndarray
    residual_variance: float


class Spectrum(NamedTuple):
    """The likelihood of effects along the eigenvectors of G, on the host."""

    values: np.ndarray
    """D (k,) > 0."""
    vectors: np.ndarray
    """U (p, k)."""
    rotated: np.ndarray
    """U'l (k,)."""
    rest: float
    """Of the squared length of the trait, what is outside the range of G, if the trait is known."""
    n_rest: float
    """Dimensions outside the range of G."""


def log_likelihood(
    noise: float, background: float, spectrum: Spectrum, squares: np.ndarray
) -> float:
    """Return log p(l | b) but for a constant, given E[(U'(l - G b))^2] / D (k,)."""
    variance = noise + background * spectrum.values
    outside = spectrum.n_rest * np.log(noise) + spectrum.rest / noise
    return float(-(np.sum(np.log(variance) + squares / variance) + outside) / 2)


def expected_squares(posterior: Posterior, locus: Locus, spectrum: Spectrum) -> np.ndarray:
    """Return E[(U'(l - G b))^2] / D (k,) over the posterior of b."""
    spread, factors, weights = (to_numpy(part).astype(float) for part in posterior.covariance)
    deviation = to_numpy(locus.heterozygosity).astype(float) ** 0.5
    effects = np.vstack([to_numpy(posterior.mean)[None, :], factors]) * deviation
    size = np.abs(effects).max(axis=0)
    used = np.flatnonzero(size > NEGLIGIBLE * size.max())
    moved = effects[:, used] @ spectrum.vectors[used] * spectrum.values
    variance = (spread * deviation**2)[used] @ spectrum.vectors[used] ** 2 * spectrum.values**2
    variance = variance + weights @ moved[1:] ** 2
    return ((spectrum.rotated - moved[0]) ** 2 + np.maximum(variance, 0.0)) / spectrum.values


def learn_background(problem: Problem) -> Problem:
    """Return the problem with tau^2 and s0^2 learned, of which tau^2 is 0 unless it pays.

    Single effects are fitted in turn with tau^2 (and s0^2 if it is free), from no effects on: at
    first the background explains all, and an effect has to stand out against it. The background is
    kept if the bound on the evidence is higher than that without by PRICE.
    """
    solver, locus = solver_of_effects().quick(), problem.locus
    without = problem._replace(background=0.0)
    if not affordable(locus):
        return without
    problem = problem._replace(tol=solver.default_tol)
    plain: Any
    *_, plain = islice(solver.start(problem._replace(background=0.0)), SWEEPS)
    few = np.sum(plain.presence >= 0.5) < MANY_EFFECTS
    if few and background_score(plain, locus) < MIN_SCORE:
        return without
    every, free_noise = per_deviation_spectrum(locus), problem.residual_variance is None
    spectrum = spectrum_of(problem, *every)
    state, noise, background = alternate(problem, every, plain.residual_variance, None)
    share = background * int(np.sum(to_numpy(locus.scale) > 0))  # of the trait's variance
    if background == 0 or share > (1.0 if problem.observed.panel_size == np.inf else MAX_SHARE):
        return without
    nothing = spectrum.rotated**2 / spectrum.values
    gain = state.bound + log_likelihood(noise, background, spectrum, nothing)
    gain -= plain.bound + log_likelihood(1.0 if free_noise else noise, 0.0, spectrum, nothing)
    if gain < PRICE:
        return without
    return without._replace(
        background=background / variance_per_deviation(locus, 1.0), residual_variance=noise
    )


def noise_beside_background(problem: Problem) -> float:
    """Return s0^2, learned beside single effects and a background that is given."""
    held = variance_per_deviation(problem.locus, float(problem.background or 0.0))
    return alternate(problem, per_deviation_spectrum(problem.locus), 1.0, held)[1]


def alternate(
    problem: Problem, every: tuple[Array, Array], noise: float, held: float | None
) -> tuple[Any, float, float]:
    """Fit single effects and the variances in turn; return the state, s0^2 and tau^2.

    s0^2 is free if it is None in the problem, tau^2 unless it is `held`. `every` holds the
    eigenvalues and eigenvectors of G.
    """
    solver, locus, spectrum = (
        solver_of_effects().quick(),
        problem.locus,
        spectrum_of(problem, *every),
    )
    squares = spectrum.rotated**2 / spectrum.values
    free_noise = problem.residual_variance is None
    state, background = None, np.inf
    for _ in range(ROUNDS):
        previous = noise, background
        noise, background = best_variances(spectrum, squares, noise, free_noise, held)
        if held is None and background * spectrum.values.max() < SMALLEST * noise:
            return state, noise, 0.0
        changes = abs(noise - previous[0]) / noise, abs(background - previous[1]) / background
        if max(changes) < RELATIVE_CHANGE:
            break
        with_it = background_locus(locus, *every, background / noise)
        fixed = problem._replace(locus=with_it, residual_variance=noise, tol=solver.default_tol)
        *_, state = islice(solver.start(fixed), SWEEPS)
        squares = expected_squares(solver.posterior(state, with_it), locus, spectrum)
    return state, noise, background


def affordable(locus: Locus) -> bool:
    """Whether variants are enough to have a background, and few enough for eigenvectors of R."""
    if np.sum(to_numpy(locus.scale) > 0) < MIN_VARIANTS:
        return False
    people = locus.ld.X.shape[0] if isinstance(locus.ld, GenotypeLD) else np.inf
    return min(locus.z.shape[0], people) <= MAX_DENSE_LD


def background_score(state: EffectsState, locus: Locus) -> float:
    """Return the score test of tau^2 = 0 beside effects of clear evidence, a standard normal.

    At tau^2 = 0 the derivative of the log likelihood in tau^2 is (e'e - p s0^2) / 2 up to a factor,
    for e = z - R S b, and e'e has the variance 2 s0^4 sum r_ij^2. Effects of little evidence may be
    background, and are left in e.
    """
    scale, n_variants = to_numpy(locus.scale), locus.z.shape[0]
    clear = state.log_bf >= CLEAR_LOG_BF
    effects = np.sum(state.presence[clear, None] * state.alpha[clear] * state.mean[clear], axis=0)
    carriers = np.flatnonzero(np.abs(scale * effects) > NEGLIGIBLE)
    left = to_numpy(locus.z).astype(float)
    if carriers.size:
        left = left - locus.ld.sparse_product(carriers, (scale * effects)[carriers])
    sample = np.unique(np.linspace(0, n_variants - 1, SCORED_ROWS).astype(int))
    ld_score = float(np.mean(np.sum(to_numpy(locus.ld.rows(sample)).astype(float) ** 2, axis=1)))
    noise = state.residual_variance
    return float((left @ left / noise - n_variants) / np.sqrt(2 * n_variants * ld_score))


def spectrum_of(problem: Problem, values: Array, vectors: Array) -> Spectrum:
    """Return the `Spectrum` of a problem whose G has these eigenvalues and eigenvectors.

    Of a panel of m people, eigenvalues of R below p / m are errors for the most part, and are left
    out.
    """
    locus, norm = problem.locus, problem.noise_norm
    values, vectors = to_numpy(values).astype(float), to_numpy(vectors).astype(float)
    errors = values.sum() / problem.observed.panel_size
    used = values > max(1e-6 * values.max(), errors)
    values, vectors = values[used], vectors[:, used]
    rotated = to_numpy(locus.z * root_samples(locus)).astype(float) @ vectors
    rest, n_rest = 0.0, 0.0
    if problem.residual_variance is None:
        rest = max(float(norm.z_norm) - float(np.sum(rotated**2 / values)), 0.0)
        n_rest = max(float(norm.rank) - len(values), 0.0)
    return Spectrum(values, vectors, rotated, rest, n_rest)


def best_variances(
    spectrum: Spectrum, squares: np.ndarray, noise: float, free_noise: bool, held: float | None
) -> tuple[float, float]:
    """Return s0^2 and tau^2 that maximize `log_likelihood`, as far as they are free."""
    background = held
    if held is None:
        grid = np.append(0.0, np.geomspace(1e-4, 1e4, 33) / spectrum.values.max())
        background = max(grid, key=lambda tau: log_likelihood(noise, tau, spectrum, squares))
        if background == 0:
            return noise, 0.0
    start = np.log(np.array([noise, background]))
    free = np.array([free_noise, held is None])

    def loss(logs: np.ndarray) -> float:
        both = start.copy()
        both[free] = logs
        return -log_likelihood(np.exp(both[0]), np.exp(both[1]), spectrum, squares)

    limits = np.array([[np.log(MIN_RESIDUAL_VARIANCE), np.log(2.0)], start[1] + [-1, 1]])
    if free.any():
        start[free] = minimize(loss, start[free], bounds=limits[free], method="L-BFGS-B").x
    return float(np.exp(start[0])), float(np.exp(start[1]))
