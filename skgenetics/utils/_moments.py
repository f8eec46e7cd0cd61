"""Moments of columns, and the one definition of a constant.

A column is constant if its standard deviation is no more than the rounding of its mean,
10 eps |mean|, with eps that of its floating dtype. `center` makes this hold for any number of rows.
"""

from skgenetics.utils._arrays import column_blocks, namespace_of
from skgenetics.utils._typing import Array

ROUNDINGS = 10  # units of rounding of the mean that a constant may vary by


def is_constant(variance: Array, mean: Array) -> Array:
    """Whether columns of `variance` and `mean` (arrays of one shape) are constant."""
    xp = namespace_of(variance)
    return variance <= (ROUNDINGS * float(xp.finfo(variance.dtype).eps) * mean) ** 2


def center(block: Array, share: Array) -> tuple[Array, Array]:
    """Return the mean of `block` (n, p) or (n,) under `share` (n,) of sum 1, and block - mean.

    The mean is corrected twice by that of what it leaves: a long sum in single precision is wrong
    by 1e-3 of itself, what is left of it by 1e-6, and after that by less than rounding.
    """
    mean = share @ block
    centered = block - mean
    for _ in range(2):
        rest = share @ centered
        mean, centered = mean + rest, centered - rest
    return mean, centered


def column_moments(
    X: Array, share: Array, y_centered: Array | None = None, *, max_bytes: int = 2**25
) -> tuple[Array, Array, Array | None]:
    """Return mean, variance and covariance with y (p,) of the columns of X (n, p), by blocks.

    Parameters
    ----------
    X : array of shape (n, p)
        Of any real dtype, without NaN; blocks of it are converted to the dtype of `share`.
    share : array of shape (n,)
        Weights of sum 1.
    y_centered : array of shape (n,), optional
        A target of weighted mean 0.
    max_bytes : int
        Largest size of a block.

    Returns
    -------
    mean, variance : array of shape (p,)
        The variance of a constant column (`is_constant`) is exactly 0.
    covariance : array of shape (p,), or None
    """
    xp = namespace_of(share)
    means, variances, covariances = [], [], []
    for _, block in column_blocks(X, share.dtype, max_bytes=max_bytes):
        mean, centered = center(block, share)
        variance = share @ (centered * centered)
        means.append(mean)
        variances.append(xp.where(is_constant(variance, mean), 0 * variance, variance))
        if y_centered is not None:
            covariances.append((share * y_centered) @ centered)
    covariance = xp.concat(covariances) if covariances else None
    return xp.concat(means), xp.concat(variances), covariance


def reciprocal(values: Array) -> Array:
    """Return 1 / values, and 0 where values are 0."""
    xp = namespace_of(values)
    positive = values > 0
    return xp.where(positive, 1 / xp.where(positive, values, 1 + 0 * values), 0 * values)
