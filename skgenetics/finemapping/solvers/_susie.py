"""A sum of single effects (SuSiE) on summary statistics, with sparse products.

Source: Wang et al., JRSS B 2020, and Zou et al., PLoS Genetics 2022: its own prior, L effects with
exactly one causal variant each. Only the variants that carry an effect enter R b, O(p k) in
place of O(p^2), and the prior variance of an effect is found by a search in one dimension.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np

from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE, NoiseNorm
from skgenetics.finemapping._n_causal import poisson_binomial
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping.solvers._contract import Problem, Solver, on_host
from skgenetics.loci._credible_sets import CredibleSet, sets_of_effects
from skgenetics.loci._ld import LD
from skgenetics.loci._summary import Locus
from skgenetics.utils._numba import kernel

NEGLIGIBLE = 1e-10  # |S alpha mu| below it, in units of z's noise, does not enter R b


class SusieState(NamedTuple):
    """L single effects after a sweep, on the host."""

    alpha: np.ndarray
    """Probability (L, p) that effect l is this variant's."""
    mean: np.ndarray
    """Mean (L, p) of effect l if it is this variant's."""
    second: np.ndarray
    """Second moment (L, p), likewise."""
    strength: np.ndarray
    """Effect l has variance strength (L,) * effect_variance; 0: no effect."""
    log_bf: np.ndarray
    """Log Bayes factor (L,) of effect l against none, given the others."""
    residual_variance: float
    bound: float
    converged: bool

    def effects(self) -> "SusieState":
        """Return the state of the effects of positive strength alone."""
        used = self.strength > 0
        return self._replace(
            alpha=self.alpha[used],
            mean=self.mean[used],
            second=self.second[used],
            strength=self.strength[used],
            log_bf=self.log_bf[used],
        )


class SuSiE(Solver):
    """A sum of single effects, each on one variant; calibrated, fast, and sets directly.

    At most `max_effects` of FinemapMiXeR, each with a prior of its own on where it is, so that
    probabilities in `causal_probability` count relative to each other only. The effects are taken
    for certain, so that the interval of `n_causal_` is too narrow.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator.

    References
    ----------
    Wang et al., "A simple new approach to variable selection in regression", JRSS B 2020, and Zou
    et al., PLoS Genetics 2022, for summary statistics.
    """

    name: ClassVar[str] = "susie"
    calibrated: ClassVar[bool] = True
    sums_effects: ClassVar[bool] = True

    def start(self, problem: Problem) -> Iterator[SusieState]:
        """Return the sweeps over the effects."""
        locus = problem.locus
        z, scale, weights, slab = on_host(
            locus.z, locus.scale, problem.prior.pi, problem.prior.slab
        )
        weights = np.ones_like(z) if weights is None else weights
        if np.any(scale > 0) and not np.any(weights[scale > 0] > 0):
            raise ValueError("causal_probability is 0 for every variant that varies.")
        return susie(
            z,
            locus.ld,
            scale,
            n_effects=min(problem.max_effects, z.shape[0]),
            prior_weights=weights,
            effect_variance=slab,
            residual_variance=problem.residual_variance,
            norm=problem.noise_norm,
            tol=problem.tol,
        )

    def posterior(self, state: SusieState, locus: Locus) -> Posterior:
        """Return the `Posterior`: PIP_i = 1 - prod_l (1 - alpha_li)."""
        alpha, mean, second, *_ = state.effects()
        log_none = np.sum(np.log1p(-np.minimum(alpha, 1 - 1e-16)), axis=0)
        second = locus.array(np.sum(alpha * second, axis=0))
        return Posterior(
            pip=locus.array(-np.expm1(log_none)),
            mean=locus.array(np.sum(alpha * mean, axis=0)),
            covariance=Covariance(
                second, locus.array(alpha * mean), locus.array(-np.ones(len(alpha)))
            ),
            slab_second=second,
            residual_variance=float(state.residual_variance),
        )

    def credible_sets(self, state: SusieState, problem: Problem) -> list[CredibleSet]:
        """Return one set per effect."""
        effects = state.effects()
        return sets_of_effects(
            effects.alpha, effects.log_bf, problem.observed.ld, **problem.set_rules()
        )

    def n_causal(self, state: SusieState, posterior: Posterior) -> np.ndarray:
        """Return the distribution of the number of variants that the effects fall on.

        Effect l falls on a variant that none of those before it has with probability
        sum_i alpha_li prod_{k<l} (1 - alpha_ki); the sum over l is that of the PIPs.
        """
        alpha = state.effects().alpha
        untouched = np.cumprod(1 - alpha, axis=0)
        new = alpha[1:] * untouched[:-1]
        return poisson_binomial(np.append(alpha[:1].sum(axis=1), new.sum(axis=1)))


class EffectsPrior(NamedTuple):
    """Prior of every single effect."""

    log_weights: np.ndarray
    """Log probabilities (p,) of where it is; -inf leaves a variant out."""
    variance: np.ndarray
    """Effect variances (p,), up to the strength."""
    low: float
    """Interval of the log strength that is searched; none if low == high."""
    high: float


@kernel
def log_evidence(log_strength, residual, precision, prior, log_bf):
    """Return log sum_i pi_i BF_i and its first two derivatives in the log strength.

    At effect variance w_i = strength * variance_i, the log Bayes factor of variant i is
    residual_i^2 w_i / (2 (1 + w_i precision_i)) - log(1 + w_i precision_i) / 2. `log_bf` (p,) is
    written over.
    """
    strength, largest = np.exp(log_strength), -np.inf
    for i in range(residual.shape[0]):
        w = strength * prior.variance[i]
        exponent = 0.5 * residual[i] * residual[i] * w / (1.0 + w * precision[i])
        log_bf[i] = exponent + prior.log_weights[i]
        largest = max(largest, log_bf[i])
    total, slope, curvature = 0.0, 0.0, 0.0
    for i in range(residual.shape[0]):
        w = strength * prior.variance[i]
        unshrunk = 1.0 / (1.0 + w * precision[i])
        weight = np.exp(log_bf[i] - largest) * np.sqrt(unshrunk)
        signal = residual[i] * residual[i] * w * unshrunk * unshrunk
        first = 0.5 * (signal - w * precision[i] * unshrunk)
        second = 0.5 * (signal * (2.0 * unshrunk - 1.0) - w * precision[i] * unshrunk * unshrunk)
        total += weight
        slope += weight * first
        curvature += weight * (second + first * first)
    slope /= total
    return largest + np.log(total), slope, curvature / total - slope * slope


@kernel
def best_strength(residual, precision, prior, previous, scratch):
    """Return the strength that maximizes the evidence, and its log: 0 and 0 if none beats 0.

    Newton's steps on the log strength from the `previous` strength, halving the interval where
    they leave it; the first start is where the strongest variant alone would have it.
    """
    low, high = prior.low, prior.high
    if previous > 0.0:
        log_strength = np.log(previous)
    else:
        strongest = np.argmax(residual * residual * prior.variance + prior.log_weights)
        effect = residual[strongest] / max(precision[strongest], 1e-300)
        log_strength = np.log(max(effect**2, 1e-300) / prior.variance[strongest])
    log_strength = min(max(log_strength, low), high)
    strength, evidence = 0.0, 0.0
    while True:
        value, slope, curvature = log_evidence(log_strength, residual, precision, prior, scratch)
        if value > evidence:
            strength, evidence = np.exp(log_strength), value
        if slope > 0.0:
            low = log_strength
        else:
            high = log_strength
        step = log_strength - slope / curvature if curvature < 0.0 else low - 1.0
        if step <= low or step >= high:
            step = 0.5 * (low + high)
        if abs(step - log_strength) < 1e-4:
            return strength, evidence
        log_strength = step


@kernel
def fit_single_effect(residual, precision, prior, previous, alpha, mean, second):
    """Fit one effect: write alpha, mean, second (p,), return its strength and log Bayes factor.

    Parameters
    ----------
    residual, precision : array (p,)
        linear - G b over the other effects, and the diagonal of G, both divided by s0^2.
    prior : EffectsPrior
    previous : float
        Strength of the last sweep, from which the search starts and which it does not fall below
        in evidence.
    """
    if prior.low == prior.high:
        strength = np.exp(prior.low)
        log_bf = log_evidence(prior.low, residual, precision, prior, mean)[0]
    else:
        strength, log_bf = best_strength(residual, precision, prior, previous, mean)
    for i in range(residual.shape[0]):
        w = strength * prior.variance[i]
        shrunk = w / (1.0 + w * precision[i])
        exponent = 0.5 * residual[i] * residual[i] * shrunk
        log_weight = exponent + prior.log_weights[i] - log_bf
        alpha[i] = np.exp(log_weight) / np.sqrt(1.0 + w * precision[i])
        mean[i] = residual[i] * shrunk
        second[i] = mean[i] * mean[i] + shrunk
    return strength, log_bf


def susie(
    z: np.ndarray,
    ld: LD,
    scale: np.ndarray,
    *,
    n_effects: int,
    prior_weights: np.ndarray,
    effect_variance: np.ndarray | None,
    residual_variance: float | None,
    norm: NoiseNorm,
    tol: float,
) -> Iterator[SusieState]:
    """Yield a `SusieState` per sweep over the effects (iterative Bayesian stepwise selection).

    Parameters
    ----------
    z, scale : array (p,), on the host
        z statistics and sqrt(N H); variants of scale 0 are left out.
    ld : any form of LD
    n_effects : int
        L.
    prior_weights : array (p,)
        Prior probabilities of the variants, up to a factor.
    effect_variance : None or array (p,)
        sigma_beta^2; None: a variance for each effect, maximizing its evidence.
    residual_variance : None or float
        s0^2; None: learned.
    norm : NoiseNorm
        Needed if s0^2 is learned.
    tol : float
        Stop when the bound rises by less.
    """
    linear, diagonal = scale * z, scale**2
    prior = effects_prior(z, scale, prior_weights, effect_variance)
    fit = EffectsFit(n_effects, len(z))
    noise = 1.0 if residual_variance is None else residual_variance
    bound, converged = -np.inf, False
    while not converged:
        for k in range(n_effects):
            update_effect(fit, k, linear, scale, ld, prior, noise)
        residual = expected_quadratic(fit, linear, diagonal)
        likelihood = -residual / (2 * noise)
        if residual_variance is None:
            error = norm.z_norm + residual
            noise = max(error / norm.rank, MIN_RESIDUAL_VARIANCE)
            likelihood = (norm.z_norm - error / noise - norm.rank * np.log(noise)) / 2
        previous, bound = bound, float(likelihood - fit.divergence.sum())
        converged = bound - previous < tol
        parts = fit.alpha, fit.mean, fit.second, fit.strength, fit.log_bf
        yield SusieState(*parts, noise, bound, converged)


class EffectsFit:
    """The arrays of L single effects that a sweep updates, as in `SusieState`."""

    def __init__(self, n_effects: int, n_variants: int):
        shape = n_effects, n_variants
        self.alpha, self.mean, self.second, self.moved = (np.zeros(shape) for _ in range(4))
        self.strength, self.log_bf, self.divergence = (np.zeros(n_effects) for _ in range(3))
        self.total = np.zeros(n_variants)  # G b = the sum of moved, G alpha mean of each effect


def effects_prior(
    z: np.ndarray, scale: np.ndarray, weights: np.ndarray, effect_variance: np.ndarray | None
) -> EffectsPrior:
    """Return the prior of an effect; a variance of None is searched for."""
    weights = np.where(scale > 0, weights, 0.0) if np.any(scale > 0) else weights
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights / np.sum(weights))
    if effect_variance is None:
        return EffectsPrior(log_weights, np.ones(len(z)), *search_interval(z, scale**2))
    return EffectsPrior(log_weights, effect_variance, 0.0, 0.0)


def update_effect(
    fit: EffectsFit,
    k: int,
    linear: np.ndarray,
    scale: np.ndarray,
    ld: LD,
    prior: EffectsPrior,
    noise: float,
) -> None:
    """Fit effect k given all others, G b of which is kept up to date in `fit`."""
    fit.total -= fit.moved[k]
    residual, precision = (linear - fit.total) / noise, scale**2 / noise
    fit.strength[k], fit.log_bf[k] = fit_single_effect(
        residual, precision, prior, fit.strength[k], fit.alpha[k], fit.mean[k], fit.second[k]
    )
    effect = fit.alpha[k] * fit.mean[k]
    carriers = np.flatnonzero(np.abs(scale * effect) > NEGLIGIBLE)
    fit.moved[k] = 0.0
    if carriers.size:  # LD by genotypes costs a pass over them
        fit.moved[k] = scale * ld.sparse_product(carriers, (scale * effect)[carriers])
    fit.total += fit.moved[k]
    fitted = residual @ effect - precision @ (fit.alpha[k] * fit.second[k]) / 2
    fit.divergence[k] = fitted - fit.log_bf[k]  # KL(q_k || prior)


def expected_quadratic(fit: EffectsFit, linear: np.ndarray, diagonal: np.ndarray) -> float:
    """Return E[-2 linear'b + b'Gb]: the effects are independent, each on one variant."""
    effects = fit.alpha * fit.mean
    expected = (fit.total - 2 * linear) @ effects.sum(axis=0)
    return expected + (np.sum((fit.alpha * fit.second) @ diagonal) - np.sum(effects * fit.moved))


def search_interval(z: np.ndarray, diagonal: np.ndarray) -> tuple[float, float]:
    """Return bounds of the log effect variance: from 1% of the noise to all of the largest z^2."""
    used = diagonal[diagonal > 0]
    if used.size == 0:
        return 0.0, 1.0
    largest = max(float(np.max(z**2)), 1.0)
    return float(np.log(0.01 / used.max())), float(np.log(10 * largest / used.min()))
