"""A sum of single effects (SuSiE) on summary statistics, with sparse products.

Source: Wang et al., JRSS B 2020, and Zou et al., PLoS Genetics 2022: its own prior, L effects with
exactly one causal variant each. Only the variants that carry an effect enter R b, O(p k) in
place of O(p^2), and the prior variance of an effect is found by a search in one dimension.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE
from skgenetics.finemapping._posterior import Posterior
from skgenetics.utils._numba import kernel

NEGLIGIBLE = 1e-10  # |S alpha mu| below it, in units of z's noise, does not enter R b


class SusieState(NamedTuple):
    """L single effects after a sweep, on the host."""

    alpha: np.ndarray  # (L, p) probability that effect l is this variant's
    mean: np.ndarray  # (L, p) mean of effect l where it is this variant's
    second: np.ndarray  # (L, p) second moment, likewise
    strength: np.ndarray  # (L,) effect l has variance strength * effect_variance; 0: no effect
    log_bf: np.ndarray  # (L,) log Bayes factor of effect l against none, given the others
    residual_variance: float
    bound: float
    converged: bool


@kernel
def fit_single_effect(
    residual, precision, log_prior, variance, low, high, previous, alpha, mean, second
):
    """Fit one effect: write alpha, mean, second (p,), return its strength and log Bayes factor.

    At effect variance w_i = strength * variance_i, the log Bayes factor of variant i is
    residual_i^2 w_i / (2 (1 + w_i precision_i)) - log(1 + w_i precision_i) / 2.

    Parameters
    ----------
    residual, precision : array (p,)
        linear - G b over the other effects, and the diagonal of G, both divided by s0^2.
    log_prior : array (p,)
        Log prior weights, whose exponentials sum to 1; -inf leaves a variant out.
    variance : array (p,)
        Effect variances, up to the strength.
    low, high : float
        Interval of the log strength that is searched; none where low == high.
    previous : float
        Strength of the last sweep, from which the search starts: kept where it finds no better.
    """
    p = residual.shape[0]

    def evidence(log_strength):
        # the log evidence and its first two derivatives in log strength
        strength, largest = np.exp(log_strength), -np.inf
        for i in range(p):
            w = strength * variance[i]
            mean[i] = 0.5 * residual[i] * residual[i] * w / (1.0 + w * precision[i]) + log_prior[i]
            largest = max(largest, mean[i])
        total, slope, curvature = 0.0, 0.0, 0.0
        for i in range(p):
            w = strength * variance[i]
            kept = 1.0 / (1.0 + w * precision[i])
            weight = np.exp(mean[i] - largest) * np.sqrt(kept)
            signal = residual[i] * residual[i] * w * kept * kept
            first = 0.5 * (signal - w * precision[i] * kept)
            second = 0.5 * (signal * (2.0 * kept - 1.0) - w * precision[i] * kept * kept)
            total += weight
            slope += weight * first
            curvature += weight * (second + first * first)
        slope /= total
        return largest + np.log(total), slope, curvature / total - slope * slope

    if low == high:
        strength = np.exp(low)
        log_bf = evidence(low)[0]
    else:
        strength, log_bf = 0.0, 0.0
        if previous > 0.0:
            log_strength = np.log(previous)
        else:  # where the strongest variant alone would have it
            strongest = np.argmax(residual * residual * variance + log_prior)
            log_strength = np.log(
                max((residual[strongest] / max(precision[strongest], 1e-300)) ** 2, 1e-300)
                / variance[strongest]
            )
        log_strength = min(max(log_strength, low), high)
        while True:  # Newton's steps, halving the interval where they leave it
            value, slope, curvature = evidence(log_strength)
            if value > log_bf:
                strength, log_bf = np.exp(log_strength), value
            if slope > 0.0:
                low = log_strength
            else:
                high = log_strength
            step = log_strength - slope / curvature if curvature < 0.0 else low - 1.0
            if step <= low or step >= high:
                step = 0.5 * (low + high)
            if abs(step - log_strength) < 1e-4:
                break
            log_strength = step
    for i in range(p):
        w = strength * variance[i]
        shrunk = w / (1.0 + w * precision[i])
        log_weight = 0.5 * residual[i] * residual[i] * shrunk + log_prior[i] - log_bf
        alpha[i] = np.exp(log_weight) / np.sqrt(1.0 + w * precision[i])
        mean[i] = residual[i] * shrunk
        second[i] = mean[i] * mean[i] + shrunk
    return strength, log_bf


def susie(z, ld, scale, *, n_effects, prior_weights, effect_variance, residual_variance, norm, tol):
    """Yield a `SusieState` a sweep over the effects (iterative Bayesian stepwise selection).

    Parameters
    ----------
    z, scale : array (p,), on the host
        z statistics and sqrt(N H); variants of scale 0 are left out.
    ld : DenseLD or GenotypeLD
    n_effects : int
        L.
    prior_weights : array (p,)
        Prior probabilities of the variants, up to a factor.
    effect_variance : None or array (p,)
        sigma_beta^2; None: a variance for each effect, maximizing its evidence.
    residual_variance : None or float
        s0^2; None: learned.
    norm : (float, float)
        z_norm and rank of `Quadratic`, needed where s0^2 is learned.
    tol : float
        Stop when the bound rises by less.
    """
    p = z.shape[0]
    linear, diagonal = scale * z, scale**2
    with np.errstate(divide="ignore"):
        weights = np.where(scale > 0, prior_weights, 0.0) if np.any(scale > 0) else prior_weights
        log_prior = np.log(weights / np.sum(weights))
    learned = effect_variance is None
    variance = np.ones(p) if learned else effect_variance
    low, high = search_interval(z, diagonal) if learned else (0.0, 0.0)
    alpha, mean, second, moved = (np.zeros((n_effects, p)) for _ in range(4))
    strength, log_bf, divergence = np.zeros(n_effects), np.zeros(n_effects), np.zeros(n_effects)
    s0 = 1.0 if residual_variance is None else residual_variance
    total, bound, converged = np.zeros(p), -np.inf, False
    while not converged:
        for k in range(n_effects):
            total -= moved[k]
            residual, precision = (linear - total) / s0, diagonal / s0
            strength[k], log_bf[k] = fit_single_effect(
                residual, precision, log_prior, variance, low, high, strength[k],
                alpha[k], mean[k], second[k],
            )  # fmt: skip
            effect = alpha[k] * mean[k]
            carriers = np.flatnonzero(np.abs(scale * effect) > NEGLIGIBLE)
            moved[k] = 0.0
            if carriers.size:  # LD by genotypes costs a pass over them
                moved[k] = scale * ld.sparse_product(carriers, (scale * effect)[carriers])
            total += moved[k]
            fitted = residual @ effect - precision @ (alpha[k] * second[k]) / 2
            divergence[k] = fitted - log_bf[k]  # KL(q_k || prior)
        effects = alpha * mean
        # E[-2 linear'b + b'Gb]: the effects are independent, each on one variant
        expected = (total - 2 * linear) @ effects.sum(axis=0)
        expected += np.sum((alpha * second) @ diagonal) - np.sum(effects * moved)
        likelihood = -expected / (2 * s0)
        if residual_variance is None:
            z_norm, rank = norm
            s0 = max((z_norm + expected) / rank, MIN_RESIDUAL_VARIANCE)
            likelihood = (z_norm - (z_norm + expected) / s0 - rank * np.log(s0)) / 2
        previous, bound = bound, float(likelihood - divergence.sum())
        converged = bound - previous < tol
        yield SusieState(alpha, mean, second, strength, log_bf, s0, bound, converged)


def susie_posterior(state, locus):
    """Return the `Posterior`; effects of strength 0 are left out."""
    used = state.strength > 0
    alpha, mean, second = state.alpha[used], state.mean[used], state.second[used]
    log_none = np.sum(np.log1p(-np.minimum(alpha, 1 - 1e-16)), axis=0)
    second = locus.array(np.sum(alpha * second, axis=0))
    return Posterior(
        pip=locus.array(-np.expm1(log_none)),
        mean=locus.array(np.sum(alpha * mean, axis=0)),
        spread=second,
        factors=locus.array(alpha * mean),
        factor_weights=locus.array(-np.ones(len(alpha))),
        slab_second=second,
        residual_variance=float(state.residual_variance),
    )


def search_interval(z, diagonal):
    """Return bounds of the log effect variance: from 1% of the noise to all of the largest z^2."""
    used = diagonal[diagonal > 0]
    if used.size == 0:
        return 0.0, 1.0
    largest = max(float(np.max(z**2)), 1.0)
    return float(np.log(0.01 / used.max())), float(np.log(10 * largest / used.min()))
