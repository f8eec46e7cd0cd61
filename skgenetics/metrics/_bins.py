"""Calibration: how often something happened, against how probable it was said to be, by bins."""

import numpy as np
from scipy.stats import binomtest

from skgenetics.utils._parameters import check_number, check_option


def binomial_interval(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Exact (Clopper-Pearson) interval; NaN without trials."""
    if trials == 0:
        return float("nan"), float("nan")
    interval = binomtest(int(successes), int(trials)).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def calibration_bins(
    happened: np.ndarray,
    probability: np.ndarray,
    *,
    n_bins: int,
    strategy: str,
    confidence: float,
) -> tuple[np.ndarray, ...]:
    """Return mean probability, rate, its interval (lower, upper) and size of each bin in use.

    `happened` is boolean (n,), `probability` (n,) lies in [0, 1]. Equal probabilities share a bin.
    """
    check_number(n_bins, "n_bins", integer=True, low=1, closed="left")
    check_option(strategy, "strategy", ("uniform", "quantile"))
    check_number(confidence, "confidence", low=0, high=1)
    levels = np.linspace(0, 1, n_bins + 1)[1:-1]
    edges = np.quantile(probability, levels) if strategy == "quantile" else levels
    label = np.searchsorted(edges, probability)  # bins (edge, next edge], as in scikit-learn
    _, label, size = np.unique(label, return_inverse=True, return_counts=True)
    count = np.bincount(label, weights=happened).astype(np.intp)
    intervals = [binomial_interval(k, n, confidence) for k, n in zip(count, size)]
    lower, upper = np.array(intervals).T
    mean = np.bincount(label, weights=probability) / size
    return mean, count / size, lower, upper, size
