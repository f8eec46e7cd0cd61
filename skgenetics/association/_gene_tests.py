r"""Tests of genes: the equations, for one gene, on arrays.

Predicted expression of n people is :math:`g = X w`, with dosages X (n, p) and weights w (p,) on the
dosage scale; :math:`\Sigma` (p, p) is the covariance of dosages, R their correlation and
:math:`\sigma` their standard deviations.
"""

import numpy as np
from scipy.linalg import eigh, solve
from scipy.special import gammaincc, gammaln, log_ndtr

from skgenetics.utils._typing import ArrayLike

MIN_EIGENVALUE_SHARE = 1 / 30  # of the largest, in the joint test of tissues
IMPUTATION_RIDGE = 0.1
_SMALL_P = 1e-16
_FRACTION_TERMS = 80


def gene_variance(weights: np.ndarray, covariance: np.ndarray) -> float:
    r"""(1) Variance of predicted expression, :math:`w' \Sigma w`."""
    return max(float(weights @ covariance @ weights), 0.0)


def gene_z(weights: np.ndarray, z: np.ndarray, covariance: np.ndarray) -> float:
    r"""(2) :math:`Z = \sum_l w_l \sigma_l z_l / \sqrt{w' \Sigma w}`.

    z (p,) are those of the variants' marginal effects on the trait.
    """
    sd = np.sqrt(np.diag(covariance))
    return float((weights * sd) @ z / np.sqrt(gene_variance(weights, covariance)))


def gene_effect(weights: np.ndarray, beta: np.ndarray, covariance: np.ndarray) -> float:
    r"""(3) :math:`\sum_l w_l \sigma_l^2 \beta_l / (w' \Sigma w)`.

    The change of the trait per unit of predicted expression, from effects per allele beta (p,).
    """
    variance = np.diag(covariance)
    return float((weights * variance) @ beta / gene_variance(weights, covariance))


def impute_z(z: np.ndarray, correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""(4) Fill missing z from the others, and return how well.

    :math:`z_m = A z_o / \sqrt{r^2}` with :math:`A = R_{mo} (R_{oo} + 0.1 I)^{-1}` and
    :math:`r^2 = \mathrm{diag}(A R_{oo} A')`, as in FUSION.

    Parameters
    ----------
    z : ndarray of shape (n_variants,)
        NaN where missing.
    correlation : ndarray of shape (n_variants, n_variants)

    Returns
    -------
    filled : ndarray of shape (n_variants,)
        0 where nothing tells of a variant.
    r2 : ndarray of shape (n_variants,)
        1 where z was there.
    """
    missing = ~np.isfinite(z)
    filled, r2 = np.where(missing, 0.0, z), np.where(missing, 0.0, 1.0)
    if missing.all() or not missing.any():
        return filled, r2
    observed = correlation[np.ix_(~missing, ~missing)]
    across = correlation[np.ix_(~missing, missing)]
    ridge = observed + IMPUTATION_RIDGE * np.eye(len(observed))
    a = solve(ridge, across, assume_a="pos").T
    r2[missing] = np.clip(np.sum((a @ observed) * a, axis=1), 0, 1)
    scale = np.sqrt(np.where(r2[missing] > 0, r2[missing], 1))
    filled[missing] = a @ z[~missing] / scale
    return filled, r2


def used_correlation(weights: np.ndarray, used: np.ndarray, covariance: np.ndarray) -> float:
    r"""(5) :math:`r = w_u' \Sigma w / \sqrt{w_u' \Sigma w_u \; w' \Sigma w}`.

    The correlation of the expression that the `used` (p,) variants predict with that of all.
    """
    part = np.where(used, weights, 0)
    variance = gene_variance(part, covariance) * gene_variance(weights, covariance)
    return float(part @ covariance @ weights / np.sqrt(variance)) if variance > 0 else 0.0


def deflated_z(z: ArrayLike, phi: ArrayLike, n_samples: float, h2: float) -> np.ndarray:
    r"""(6) :math:`Z / \sqrt{1 + \max(\phi, 0) N h^2}`, NaN where :math:`\phi` is unknown.

    It undoes the inflation of Z by polygenic effects on the trait, in proportion to the people of
    the study, the heritability and a factor :math:`\phi` of each gene's model.
    """
    phi = np.asarray(phi, dtype=float)
    return np.asarray(z, dtype=float) / np.sqrt(1 + np.maximum(phi, 0) * n_samples * h2)


def predicted_covariance(weights: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    r"""(7) :math:`W' \Sigma W`, of the expression predicted by the columns of W (p, k)."""
    return weights.T @ covariance @ weights


def joint_test(z: np.ndarray, correlation: np.ndarray) -> tuple[float, int]:
    r"""(8) :math:`\chi^2 = z' R^+ z` of a gene's z in several tissues, as in S-MultiXcan.

    Parameters
    ----------
    z : ndarray of shape (n_tissues,)
    correlation : ndarray of shape (n_tissues, n_tissues)
        Of predicted expression. Eigenvalues below 1/30 of the largest are left out.

    Returns
    -------
    chi2 : float
    n_independent : int
        Eigenvalues kept, the degrees of freedom.
    """
    values, vectors = eigh(correlation)
    kept = values >= MIN_EIGENVALUE_SHARE * values[-1]
    scores = vectors[:, kept].T @ z
    return float(np.sum(scores**2 / values[kept])), int(kept.sum())


def acat(log10_p: np.ndarray, weights: np.ndarray | None = None) -> float:
    r"""(9) Combine dependent p-values by the Cauchy distribution (ACAT); log10 of the result.

    :math:`T = \sum_i \omega_i \tan((1/2 - p_i) \pi)` with weights that sum to 1, and
    :math:`p = 1/2 - \arctan(T) / \pi`. Both are computed on the log scale, so that no p is 0.
    A p of exactly 1 counts as 1 - 1/k among k.
    """
    log10_p = np.asarray(log10_p, dtype=float)
    k = len(log10_p)
    omega = np.full(k, 1 / k) if weights is None else np.asarray(weights) / np.sum(weights)
    log_p = log10_p * np.log(10)
    scale = max(0.0, float(np.max(-log_p)))  # T / exp(scale) neither overflows nor underflows
    p = np.exp(log_p)
    p = np.where((p >= 1) & (k > 1), 1 - 1 / k, p)
    # tan((1/2 - p) pi) is 1 / tan(p pi), which is 1 / (p pi) where p is small
    small = p < _SMALL_P
    tangent = 1 / np.tan(np.where(small, 0.5, p) * np.pi)
    terms = np.where(small, np.exp(-log_p - scale) / np.pi, tangent * np.exp(-scale))
    total = float(omega @ terms)
    if scale > -np.log(_SMALL_P) and total > 0:
        return float(-(np.log(total) + scale + np.log(np.pi)) / np.log(10))
    return float(np.log10(np.arctan2(np.exp(-scale), total) / np.pi))


def log10_p_of_z(z: ArrayLike) -> np.ndarray:
    """Return log10 of the two-sided p-values of normal statistics."""
    return (log_ndtr(-np.abs(np.asarray(z, dtype=float))) + np.log(2)) / np.log(10)


def log10_p_of_chi2(chi2: float, df: int) -> float:
    r"""Return log10 of the upper tail of :math:`\chi^2`.

    Where the tail underflows it is :math:`\Gamma(a, x) / \Gamma(a)`, by its continued fraction.
    """
    a, x = df / 2, chi2 / 2
    tail = float(gammaincc(a, x))
    if tail > 1e-290:
        return float(np.log10(tail))
    fraction = x + 2 * _FRACTION_TERMS + 1 - a
    for k in range(_FRACTION_TERMS, 0, -1):
        fraction = x + 2 * k - 1 - a - k * (k - a) / fraction
    return float((a * np.log(x) - x - gammaln(a) - np.log(fraction)) / np.log(10))


def p_of_log10(log10_p: ArrayLike) -> np.ndarray:
    """Return p; what is smaller than any float is the smallest normal one, never 0."""
    power = np.maximum(np.asarray(log10_p, dtype=float), np.log10(np.finfo(float).tiny))
    return 10.0**power
