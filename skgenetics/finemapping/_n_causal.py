"""How many variants have an effect: the distribution that each solver's posterior gives it."""

import numpy as np

from skgenetics.finemapping.solvers._cavi import distinct_modes
from skgenetics.utils._arrays import to_numpy

NEGLIGIBLE = 1e-9  # probabilities below it are left out


def poisson_binomial(probabilities):
    """Return P(k of the independent events happen), k = 0, 1, ... up to ten deviations."""
    used = probabilities[probabilities > NEGLIGIBLE]
    width = int(np.ceil(used.sum() + 10 * np.sqrt(used.sum()))) + 10
    distribution = np.zeros(min(width, len(used)) + 1)
    distribution[0] = 1.0
    for probability in used:
        distribution[1:] += probability * (distribution[:-1] - distribution[1:])
        distribution[0] *= 1 - probability
    return distribution


def count_of_effects(state, posterior):
    """Return the distribution of the number of variants that the single effects fall on.

    Effect l falls on a variant that none of those before it has with probability
    sum_i alpha_li prod_{k<l} (1 - alpha_ki); the sum over l is that of the PIPs.
    """
    alpha = state.alpha[state.strength > 0]
    untouched = np.cumprod(1 - alpha, axis=0)
    new = alpha[1:] * untouched[:-1]
    return poisson_binomial(np.append(alpha[:1].sum(axis=1), new.sum(axis=1)))


def count_of_modes(state, posterior):
    """Return the distribution under the mixture of coordinate ascent's modes."""
    modes, weights = distinct_modes(state)
    parts = [poisson_binomial(state.gate[mode]) for mode in modes]
    total = np.zeros(max(len(part) for part in parts))
    for part, weight in zip(parts, weights):
        total[: len(part)] += weight * part
    return total


def count_of_draws(state, posterior):
    """Return the share of draws with k causal variants, k = 0, 1, ..."""
    counts = state.trace[..., 0].ravel().astype(int)
    return np.bincount(counts) / len(counts)


def count_of_pips(state, posterior):
    """Return the distribution where the variants' effects are independent."""
    return poisson_binomial(to_numpy(posterior.pip))


def summarize(distribution, coverage):
    """Return the mean and the central interval (low, high) of probability `coverage`."""
    total = np.cumsum(distribution)
    low = int(np.searchsorted(total, (1 - coverage) / 2 * total[-1]))
    high = int(np.searchsorted(total, (1 + coverage) / 2 * total[-1]))
    return float(distribution @ np.arange(len(distribution))), (low, high)
