"""How well weights predict expression in folds of people that were not used for training."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

_LARGEST_R = 1 - 1e-12  # atanh stays finite
MIN_RHO, MAX_P = 0.1, 0.05  # PredictDB's rule of what is kept


class Held(NamedTuple):
    """Expression of the people of one fold, and what was predicted: without covariates."""

    y: np.ndarray
    guess: np.ndarray


class Performance(NamedTuple):
    """Performance over folds."""

    rho: float
    """Mean over the folds of the correlation of prediction and expression."""
    r2: float
    """Its square: PredictDB's "pred.perf.R2"."""
    pvalue: float
    """Two-sided, of the folds' correlations jointly: PredictDB's "pred.perf.pval"."""
    held_out_r2: float
    """1 - sum of squared errors over that of the training mean."""
    pooled_r2: float
    """Adjusted R2 of the regression of expression on the prediction, all folds together: FUSION's
    "rsq"."""
    pooled_pvalue: float
    """Of that regression: FUSION's "pval"."""

    @property
    def kept(self) -> bool:
        """Whether PredictDB would keep the gene."""
        return self.rho > MIN_RHO and self.pvalue < MAX_P


def correlation(y: np.ndarray, guess: np.ndarray) -> float:
    """Return the correlation of two vectors; 0 if one of them is constant."""
    y, guess = y - y.mean(), guess - guess.mean()
    scale = np.sqrt((y @ y) * (guess @ guess))
    return float(y @ guess / scale) if scale > 0 else 0.0


def performance_over_folds(folds: Sequence[Held]) -> Performance:
    """Return the performance over folds of at least 4 people; smaller ones are left out.

    With the correlation r_k and n_k people in fold k of K, the mean of r_k is rho, and

        z = sum_k atanh(r_k) sqrt(n_k - 3) / sqrt(K)

    is standard normal if the prediction is worth nothing (Fisher; Stouffer).
    """
    folds = [held for held in folds if len(held.y) > 3]
    if not folds:
        raise ValueError("No fold has 4 people with expression: use fewer folds.")
    r = np.array([correlation(*held) for held in folds])
    n = np.array([len(held.y) for held in folds])
    z = np.arctanh(np.clip(r, -_LARGEST_R, _LARGEST_R)) @ np.sqrt(n - 3) / np.sqrt(len(folds))
    y, guess = (np.concatenate(parts) for parts in zip(*folds, strict=True))
    error = y - guess
    pooled_r, freedom = correlation(y, guess), len(y) - 2
    unexplained = 1 - min(pooled_r**2, _LARGEST_R)
    statistic = abs(pooled_r) * np.sqrt(freedom / unexplained)
    return Performance(
        rho=float(r.mean()),
        r2=float(r.mean() ** 2),
        pvalue=float(2 * norm.sf(abs(z))),
        held_out_r2=float(1 - error @ error / (y @ y)),
        pooled_r2=float(1 - unexplained * (freedom + 1) / freedom),
        pooled_pvalue=float(2 * student.sf(statistic, freedom)),
    )
