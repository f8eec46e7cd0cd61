"""How the noise of z correlates between traits, from the z of variants without large effects.

People shared by two scans make their z correlate even without effects, by the share of people times
the correlation of the traits. Pairs (u, v) of z with abs(u), abs(v) < c follow a bivariate normal
of correlation rho, truncated to that square. Leaving the truncation out would halve rho. Of many
traits the errors of the pairs add up: in some direction the noise would seem much smaller than it
is, and its z pass for effects. So pairs are shrunk towards their mean by the share of errors.
"""

import numpy as np
from scipy.special import ndtr

from skgenetics.multitrait._covariances import check_psd
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

NULL_Z = 2.0  # c: variants whose abs(z) stays below it in both traits tell how the noise correlates
LEAST_PAIRS = 50  # variants that a correlation is estimated from
LARGEST = 0.999  # correlation that is estimated
N_STEPS = 1000  # of the grid of rho
CURVED = 10  # steps to either side of the likeliest rho, by which the curvature is measured
SINGULAR = 1e-4  # smallest eigenvalue of correlations whose traits differ


def noise_correlation(z: ArrayLike) -> np.ndarray:
    """Estimate how the noise of z correlates between traits, which shared people make it.

    Pairs of z that are small in both traits are taken as bivariate normal within these limits, so
    that effects, which are large, hardly count. Correlations are shrunk towards their mean, more
    where the variants tell less. Variants of the whole genome tell more than those of a locus.

    Parameters
    ----------
    z : array-like of shape (n_variants, n_traits)
        z statistics of single variants; NaN = not measured.

    Returns
    -------
    correlation : ndarray of shape (n_traits, n_traits)
        For `trait_correlation` of :meth:`skgenetics.MMASHRegressor.fit_summary`.

    Raises
    ------
    ValueError
        If fewer than 50 variants have abs(z) < 2 in two of the traits.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.multitrait import noise_correlation
    >>> z = np.random.default_rng(0).multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], 10_000)
    >>> noise_correlation(z).round(1)
    array([[1. , 0.3],
           [0.3, 1. ]])
    """
    values = to_numpy(z).astype(float)
    if values.ndim != 2:
        raise ValueError(f"z must have shape (n_variants, n_traits); got {values.shape}.")
    return nearest_correlation(shrunk(*truncated_correlations(values)))


def checked_correlation(z: np.ndarray, given: ArrayLike | None) -> np.ndarray:
    """Return the correlations (J, J) of the noise of z (P, J), checked or estimated.

    Raises
    ------
    ValueError
        If they are not correlations, singular, or cannot be estimated.
    """
    n_traits = z.shape[1]
    if given is None:
        return noise_correlation(z)
    correlations = to_numpy(given).astype(float)
    if correlations.shape != (n_traits, n_traits) or not np.allclose(np.diag(correlations), 1):
        raise ValueError(
            f"trait_correlation must have shape ({n_traits}, {n_traits}) and a diagonal of 1."
        )
    check_psd(correlations, "trait_correlation")
    values, vectors = np.linalg.eigh(correlations)
    if values[0] < SINGULAR:
        alike = np.flatnonzero(np.abs(vectors[:, 0]) > 0.1)
        raise ValueError(
            f"trait_correlation is singular: the noise of trait {alike[0]} follows from that of "
            f"{', '.join(map(str, alike[1:]))}. Leave one of these traits out."
        )
    return correlations


def truncated_correlations(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest correlations (J, J) of pairs of truncated columns of z, and variances.

    The variance of an error is one over the curvature of the log likelihood, 0 in the diagonal.
    """
    inside = np.where(np.abs(z) < NULL_Z, z, 0.0)
    counted = (np.abs(z) < NULL_Z).astype(float)
    n_pairs = counted.T @ counted
    if n_pairs.min() < LEAST_PAIRS and z.shape[1] > 1:
        raise ValueError(
            f"Only {n_pairs.min():.0f} variants have abs(z) < {NULL_Z:g} in two of the traits, too "
            "few to estimate how their noise correlates: give trait_correlation, for instance "
            "the identity if no person is in two of the scans."
        )
    squares = (inside**2).T @ counted
    products = inside.T @ inside
    rho = np.linspace(-LARGEST, LARGEST, 2 * N_STEPS + 1)
    log_share = np.log(share_inside(rho))
    correlations, variances = np.eye(z.shape[1]), np.zeros((z.shape[1],) * 2)
    width = CURVED * (rho[1] - rho[0])
    for i, j in zip(*np.triu_indices(z.shape[1], 1), strict=True):
        quadratic = squares[i, j] + squares[j, i] - 2 * rho * products[i, j]
        loss = n_pairs[i, j] * (log_share + np.log1p(-(rho**2)) / 2) + quadratic / 2 / (1 - rho**2)
        least = int(np.argmin(loss))
        correlations[i, j] = correlations[j, i] = rho[least]
        middle = min(max(least, CURVED), len(rho) - 1 - CURVED)
        curvature = loss[middle - CURVED] - 2 * loss[middle] + loss[middle + CURVED]
        variances[i, j] = variances[j, i] = width**2 / max(curvature, 1e-12)
    return correlations, variances


def shrunk(correlations: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Return correlations (J, J) nearer to their mean.

    The expected square error is least at a share of sum Var(r) / sum (r - mean)^2 of the mean, over
    pairs (Ledoit and Wolf 2004; Schaefer and Strimmer 2005).
    """
    pairs = np.triu_indices(len(correlations), 1)
    mean = np.mean(correlations[pairs]) if len(pairs[0]) else 0.0
    spread = np.sum((correlations[pairs] - mean) ** 2)
    share = min(np.sum(variances[pairs]) / spread, 1.0) if spread > 0 else 1.0
    nearer = (1 - share) * correlations + share * mean
    np.fill_diagonal(nearer, 1.0)
    return nearer


def share_inside(rho: np.ndarray) -> np.ndarray:
    """Return P(abs(u) < c, abs(v) < c) at the correlations `rho`, an even grid about 0.

    Its derivative is 2 [f(c, c) - f(c, -c)], f the density at correlation rho (Plackett 1954).
    """
    det = 1 - rho**2
    density = np.exp(-(NULL_Z**2) / (1 + rho)) - np.exp(-(NULL_Z**2) / (1 - rho))
    slope = 2 * density / (2 * np.pi * np.sqrt(det))
    steps = np.diff(rho) * (slope[1:] + slope[:-1]) / 2
    integral = np.concatenate([[0.0], np.cumsum(steps)])
    middle = len(rho) // 2
    return (2 * ndtr(NULL_Z) - 1) ** 2 + integral - integral[middle]


def nearest_correlation(correlations: np.ndarray) -> np.ndarray:
    """Return correlations (J, J) with their eigenvalues raised to at least `SINGULAR`."""
    values, vectors = np.linalg.eigh(correlations)
    if values[0] >= SINGULAR:
        return correlations
    raised = (vectors * np.maximum(values, 2 * SINGULAR)) @ vectors.T
    sd = np.sqrt(np.diag(raised))
    return raised / np.outer(sd, sd)
