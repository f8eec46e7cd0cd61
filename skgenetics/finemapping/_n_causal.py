"""How many variants have an effect: distributions P(k variants have one), k = 0, 1, ..."""

import numpy as np

NEGLIGIBLE = 1e-9  # probabilities below it are left out


def poisson_binomial(probabilities: np.ndarray) -> np.ndarray:
    """Return P(k of the independent events happen), k = 0, 1, ... up to ten deviations."""
    used = probabilities[probabilities > NEGLIGIBLE]
    width = int(np.ceil(used.sum() + 10 * np.sqrt(used.sum()))) + 10
    distribution = np.zeros(min(width, len(used)) + 1)
    distribution[0] = 1.0
    for probability in used:
        distribution[1:] += probability * (distribution[:-1] - distribution[1:])
        distribution[0] *= 1 - probability
    return distribution


def mixture(distributions: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of distributions of different lengths."""
    total = np.zeros(max(len(distribution) for distribution in distributions))
    for distribution, weight in zip(distributions, weights):
        total[: len(distribution)] += weight * distribution
    return total


def summarize(distribution: np.ndarray, coverage: float) -> tuple[float, tuple[int, int]]:
    """Return the mean and the central interval (low, high) of probability `coverage`."""
    total = np.cumsum(distribution)
    low = int(np.searchsorted(total, (1 - coverage) / 2 * total[-1]))
    high = int(np.searchsorted(total, (1 + coverage) / 2 * total[-1]))
    return float(distribution @ np.arange(len(distribution))), (low, high)
