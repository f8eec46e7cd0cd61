"""The share of expression's variance that the variants near a gene explain together."""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import chi2

_LARGEST = 0.999
_STEP = 1e-3  # of the second difference at the maximum


class CisHeritability(NamedTuple):
    """Heritability, its standard error and the p-value of the likelihood ratio against none."""

    share: float
    standard_error: float
    pvalue: float


def cis_heritability(X: np.ndarray, y: np.ndarray, n_covariates: int) -> CisHeritability:
    """Return the REML estimate under y ~ N(0, s^2 (h K + (1 - h) I)), K the variants' kinship.

    Parameters
    ----------
    X : ndarray of shape (n_people, n_variants)
        Genotypes without an intercept and covariates.
    y : ndarray of shape (n_people,)
        Expression without them.
    n_covariates : int
        How many there were, without the intercept.

    Notes
    -----
    X is scaled to variance 1, and K = XX' / p. The likelihood leaves out the directions of the
    intercept and the covariates, in which K and y are 0. Without heritability the likelihood ratio
    is 0 half of the time, and a chi-square of 1 degree of freedom otherwise.
    """
    n = len(y)
    scale = X.std(axis=0)
    Z = X[:, scale > 1e-8] / scale[scale > 1e-8]
    eigenvalues, vectors = np.linalg.eigh(Z @ Z.T / max(Z.shape[1], 1))
    eigenvalues, squares = np.maximum(eigenvalues, 0), (vectors.T @ y) ** 2
    n_without = 1 + n_covariates

    def minus_log_likelihood(share: float) -> float:
        variance = share * eigenvalues + (1 - share)
        log_determinant = np.log(variance).sum() - n_without * np.log(1 - share)
        return 0.5 * (log_determinant + (n - n_without) * np.log((squares / variance).sum()))

    best = minimize_scalar(minus_log_likelihood, bounds=(0, _LARGEST), method="bounded")
    share, lowest, null = float(best.x), float(best.fun), minus_log_likelihood(0.0)
    if null <= lowest:
        share, lowest = 0.0, null
    inside = min(max(share, _STEP), _LARGEST - _STEP)
    points = [minus_log_likelihood(inside + step) for step in (-_STEP, 0.0, _STEP)]
    curvature = (points[0] - 2 * points[1] + points[2]) / _STEP**2
    error = curvature**-0.5 if curvature > 0 else np.nan
    ratio = 2 * (null - lowest)
    return CisHeritability(share, float(error), float(chi2.sf(ratio, 1) / 2) if ratio > 0 else 1.0)
