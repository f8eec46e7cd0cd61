"""Moments of columns, and the one definition of a constant.

A column is constant if its standard deviation is no more than the rounding of its mean,
10 eps |mean|, with eps that of its floating dtype. `center` makes this hold for any number of rows.
"""

from typing import Any

from skgenetics.utils._arrays import column_blocks, namespace_of
from skgenetics.utils._typing import Array

ROUNDINGS = 10  # units of rounding of the mean that a constant may vary by
LARGEST_RANGE = 1e15  # of a column of X: its square fits float32


def is_constant(variance: Array, mean: Array) -> Array:
    """Whether columns of `variance` and `mean` (arrays of one shape) are constant."""
    xp = namespace_of(variance)
    return variance <= (ROUNDINGS * float(xp.finfo(variance.dtype).eps) * mean) ** 2


def check_spread(
    X: Array,
    dtype: Any,
    *,
    name: str = "X",
    column_names: Any = None,
    reach: float | None = None,
    tiny: bool = True,
) -> None:
    """Raise ValueError if a column is too large, or varies too little, to be squared and summed.

    Parameters
    ----------
    X : array of shape (n, p)
        Floats; NaN is passed over. Integers pass.
    dtype : dtype
        Of the sums.
    name : str
        That of the argument, for the error.
    column_names : sequence of str, optional
    reach : float, optional
        Largest range of a column, and 1 / the smallest of one that is not constant. None: 1e-4
        times the root of the largest number of `dtype`.
    tiny : bool
        Whether columns that vary too little are refused.
    """
    xp = namespace_of(X)
    if 0 in X.shape or not xp.isdtype(X.dtype, "real floating"):
        return
    if reach is None:
        reach = 1e-4 * float(xp.finfo(dtype).max) ** 0.5
    farthest = min(reach / 2, float(xp.finfo(X.dtype).max))  # a number of X may hold less
    for columns, block in column_blocks(X, X.dtype):
        observed = ~xp.isnan(block)
        low = xp.min(xp.where(observed, block, xp.inf), axis=0)
        high = xp.max(xp.where(observed, block, -xp.inf), axis=0)
        half = xp.where(xp.isfinite(low), high / 2 - low / 2, 0.0)  # may overflow, the whole
        size = xp.where(half > 0, xp.maximum(xp.abs(low), xp.abs(high)), 0.0)
        varies = half > ROUNDINGS * float(xp.finfo(X.dtype).eps) * size
        wrong = (half > farthest) | (tiny & varies & (half < 0.5 / reach))
        if bool(xp.any(wrong)):
            place = int(xp.argmax(xp.astype(wrong, xp.int8)))
            column = columns.start + place
            label = f"column {column if column_names is None else column_names[column]} of {name}"
            raise ValueError(
                f"The numbers in {label if X.shape[1] > 1 else name} range from "
                f"{float(low[place]):.6g} to {float(high[place]):.6g}: too "
                f"{'far apart' if half[place] > 1 else 'close together'} for sums of squares. "
                "Multiply or divide them so that they vary by about 1."
            )


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
