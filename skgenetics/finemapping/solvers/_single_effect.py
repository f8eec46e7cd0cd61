"""One effect on one of p variants, and how many there are: the parts that single effects are of.

Source: Wang et al., JRSS B 2020, for the single effect. Its size has a prior that is integrated
over, in place of a variance that maximizes the evidence, and it is there with a probability.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skgenetics.finemapping._n_causal import poisson_binomial
from skgenetics.utils._numba import kernel

# Hyperprior of an effect's variance: scaled inverse chi^2 of 4 degrees of freedom and scale
# 20 / (N H), a variant of z^2 about 20, on a grid; the grid goes on to a z of 100.
HYPER_DEGREES, HYPER_Z2 = 4.0, 20.0
STRENGTHS = 3.0 * 2.5 ** np.arange(10)
CERTAIN = 50.0  # log odds


class EffectPrior(NamedTuple):
    """Prior of every single effect, given that it is there."""

    log_weights: np.ndarray
    """Log probabilities (p,) of where it is; -inf leaves a variant out."""
    variance: np.ndarray
    """Effect variances (p,), up to the strength."""
    strengths: np.ndarray
    """(g,) What `variance` is multiplied by, rising."""
    log_strengths: np.ndarray
    """Log probabilities (g,) of the strengths."""


def effect_prior(
    scale: np.ndarray, n_samples: float, weights: np.ndarray, effect_variance: np.ndarray | None
) -> EffectPrior:
    """Return the prior of an effect; a variance of None is integrated over.

    An effect does not explain more than the trait: N H times its variance stays below N.
    """
    weights = np.where(scale > 0, weights, 0.0) if np.any(scale > 0) else weights
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights / np.sum(weights))
    if effect_variance is not None:
        return EffectPrior(log_weights, effect_variance, np.ones(1), np.zeros(1))
    used = scale[scale > 0]
    unit = np.median(used**2) if used.size else 1.0
    z2 = STRENGTHS[max(n_samples, STRENGTHS[0]) >= STRENGTHS]
    log_density = -HYPER_DEGREES / 2 * (np.log(z2) + HYPER_Z2 / z2)
    log_density -= np.logaddexp.reduce(log_density)
    return EffectPrior(log_weights, np.ones(len(scale)), z2 / unit, log_density)


@kernel
def fit_single_effect(residual, precision, prior, alpha, mean, second):
    """Fit one effect: write alpha, mean, second (p,), and return its log Bayes factor.

    At effect variance w the log Bayes factor of variant i is
    residual_i^2 w / (2 (1 + w precision_i)) - log(1 + w precision_i) / 2. It is averaged over the
    strengths, then over the variants.

    Parameters
    ----------
    residual, precision : array (p,)
        linear - G b over the other effects, and the diagonal of G, both divided by s0^2.
    prior : EffectPrior
    """
    n_strengths, largest = prior.strengths.shape[0], -np.inf
    for i in range(residual.shape[0]):
        w = prior.strengths[n_strengths - 1] * prior.variance[i]
        exponent = 0.5 * residual[i] * residual[i] * w / (1.0 + w * precision[i])
        alpha[i] = exponent + prior.log_weights[i]
        largest = max(largest, alpha[i])
    total = 0.0
    for i in range(residual.shape[0]):
        sum_weights, sum_mean, sum_second = 0.0, 0.0, 0.0
        if prior.log_weights[i] > -np.inf:
            highest = alpha[i] - prior.log_weights[i]
            for g in range(n_strengths):
                w = prior.strengths[g] * prior.variance[i]
                unshrunk = 1.0 / (1.0 + w * precision[i])
                size = residual[i] * w * unshrunk
                exponent = 0.5 * residual[i] * size - highest + prior.log_strengths[g]
                weight = np.exp(exponent) * np.sqrt(unshrunk)
                sum_weights += weight
                sum_mean += weight * size
                sum_second += weight * (size * size + w * unshrunk)
            alpha[i] = np.exp(alpha[i] - largest) * sum_weights
            mean[i] = sum_mean / sum_weights
            second[i] = sum_second / sum_weights
            total += alpha[i]
        else:
            alpha[i], mean[i], second[i] = 0.0, 0.0, 0.0
    for i in range(residual.shape[0]):
        alpha[i] /= total
    return largest + np.log(total)


class CountPrior(NamedTuple):
    """Prior of the number of effects: P(k) is proportional to the product of odds up to k."""

    log_odds: np.ndarray
    """Log of P(k + 1 effects) / P(k) (L,), for k = 0, 1, ..., of effects in any order."""
    log_total: float
    """What an effect that may be there adds to log sum P; 0: P is relative to P(0)."""

    def presence(self, log_bf: float, others: np.ndarray) -> float:
        """Return the probability of an effect, given those of the `others` that they are there."""
        return float(expit(self.expected_log_odds(others) + log_bf))

    def expected_log_odds(self, others: np.ndarray) -> float:
        """Return E[log_odds] over the number of the others."""
        distribution = poisson_binomial(others)
        return float(distribution @ self.log_odds[: len(distribution)])

    def log_prior(self, presence: np.ndarray) -> float:
        """Return E[log P] over the number of effects."""
        distribution = poisson_binomial(presence)
        log_p = np.append(0.0, np.cumsum(self.log_odds))[: len(distribution)]
        return float(distribution @ log_p) - len(presence) * self.log_total


def count_prior(pi: np.ndarray | None, n_effects: int, n_variants: int) -> CountPrior:
    """Return the prior of the number of effects that prior probabilities `pi` (p,) stand for.

    One more effect has the odds sum_i pi_i / (1 - pi_i). None: pi ~ Beta(1, p) is integrated over,
    one causal variant a locus, so that one more variant has the odds (1 + k) / (2 p - 1 - k). An
    effect more has odds of 1 at most: found effects are no reason to believe in more without end.
    """
    if pi is None:
        k = np.arange(n_effects)
        odds = n_variants * (1 + k) / (2 * n_variants - 1 - k)
        return CountPrior(np.log(np.minimum(odds, 1.0)), 0.0)
    with np.errstate(divide="ignore"):
        log_odds = np.log(np.sum(pi / (1 - pi)))
    log_odds = float(np.clip(log_odds, -CERTAIN, CERTAIN))
    return CountPrior(np.full(n_effects, log_odds), float(np.logaddexp(0, log_odds)))
