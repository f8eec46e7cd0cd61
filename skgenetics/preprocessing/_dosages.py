"""Facts about the columns of a genotype matrix, found in blocks of columns.

Dosages count one allele, from 0 to the ploidy. NaN, and any negative number in a matrix or data
frame column of integers (-9, -127, -1), is a missing call.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from skgenetics.utils._arrays import (
    column_blocks,
    device_of,
    get_namespace_and_device,
    namespace_of,
)
from skgenetics.utils._moments import is_constant
from skgenetics.utils._typing import Array, ArrayLike


class DosageSummary(NamedTuple):
    """Observed dosages of each variant, arrays of shape (n_variants,); 0 if never observed."""

    n_observed: Array
    total: Array
    mean: Array
    variance: Array  # about the mean, divided by n_observed
    low: Array
    high: Array

    def varies(self) -> Array:
        """Whether a variant is not constant."""
        return ~is_constant(self.variance, self.mean)


def validate_dosages(estimator: Any, X: ArrayLike, *, reset: bool) -> tuple[Array, Any, Any]:
    """Validate X, missing calls allowed, in its own dtype. Returns ``X, xp, device``."""
    xp, device = get_namespace_and_device(X)
    frame = X
    X = validate_data(estimator, X, reset=reset, ensure_all_finite="allow-nan")
    if hasattr(frame, "iloc"):
        mark_missing(X, frame.dtypes)
    return X, xp, device


def mark_missing(X: np.ndarray, dtypes: Any) -> None:
    """Write NaN for negative integers in X, converted from a data frame of `dtypes`.

    A data frame of integers and floats becomes one array of floats, in which -9 would be data.
    """
    if X.dtype.kind == "f":
        for column in [place for place, dtype in enumerate(dtypes) if dtype.kind == "i"]:
            X[X[:, column] < 0, column] = np.nan


def observed_blocks(
    X: Array, dtype: Any, *, codes: Sequence[float] = ()
) -> Iterator[tuple[slice, Array, Array]]:
    """Yield ``columns, dosages, observed`` by blocks of columns; missing dosages are 0.

    `codes` are further numbers that stand for a missing call.
    """
    xp = namespace_of(X)
    signed = xp.isdtype(X.dtype, "signed integer")
    for columns, block in column_blocks(X, dtype):
        observed = block >= 0 if signed else ~xp.isnan(block)
        for code in codes:
            observed = observed & (block != code)
        yield columns, xp.where(observed, block, 0.0), observed


def summarize_dosages(X: Array, *, codes: Sequence[float] = ()) -> DosageSummary:
    """Return the `DosageSummary` of X (n_samples, n_variants), in double precision."""
    xp, device = namespace_of(X), device_of(X)
    summary = DosageSummary(
        *(xp.empty((X.shape[1],), dtype=xp.float64, device=device) for _ in DosageSummary._fields)
    )
    for columns, block, observed in observed_blocks(X, xp.float64, codes=codes):
        n_observed = xp.sum(xp.astype(observed, xp.float64), axis=0)
        denominator = xp.where(n_observed > 0, n_observed, 1.0)
        total = xp.sum(block, axis=0)
        mean = total / denominator
        deviation = xp.where(observed, block - mean, 0.0)
        for _ in range(2):  # the rounding of a long sum, as in `utils._moments.center`
            rest = xp.sum(deviation, axis=0) / denominator
            deviation = xp.where(observed, deviation - rest, 0.0)
        summary.n_observed[columns] = n_observed
        summary.total[columns] = total
        summary.mean[columns] = mean
        summary.variance[columns] = xp.sum(deviation * deviation, axis=0) / denominator
        low = xp.min(xp.where(observed, block, xp.inf), axis=0)
        high = xp.max(xp.where(observed, block, -xp.inf), axis=0)
        summary.low[columns] = xp.where(n_observed > 0, low, 0.0)
        summary.high[columns] = xp.where(n_observed > 0, high, 0.0)
    return summary


def are_dosages(summary: DosageSummary, ploidy: int) -> Array:
    """Whether all that was observed of each variant lies between 0 and `ploidy`."""
    return (summary.low >= 0) & (summary.high <= ploidy)


def minor_allele_frequencies(summary: DosageSummary, ploidy: int) -> Array:
    """Return the frequency of the rarer allele, NaN for columns that are not dosages.

    The counts are divided once, so that a frequency equal to a threshold compares as equal.
    """
    xp = namespace_of(summary.total)
    alleles = ploidy * summary.n_observed
    minor = xp.minimum(summary.total, alleles - summary.total)
    frequency = minor / xp.where(alleles > 0, alleles, 1.0)
    return xp.where(are_dosages(summary, ploidy), frequency, xp.nan)
