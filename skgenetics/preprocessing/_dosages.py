"""Facts about the columns of a genotype matrix, found in blocks of columns.

Dosages count one allele, from 0 to the ploidy. NaN, and codes by the rule of
:mod:`skgenetics.utils._missing_codes`, are missing calls.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from skgenetics.utils._arrays import column_blocks, device_of, namespace_of
from skgenetics.utils._missing_codes import Codes, is_missing
from skgenetics.utils._moments import is_constant
from skgenetics.utils._typing import Array


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


def observed_blocks(X: Array, codes: Codes, dtype: Any) -> Iterator[tuple[slice, Array, Array]]:
    """Yield ``columns, dosages, observed`` by blocks of columns; missing dosages are 0."""
    xp = namespace_of(X)
    for columns, block in column_blocks(X, dtype):
        observed = ~is_missing(block, codes, columns)
        yield columns, xp.where(observed, block, xp.zeros_like(block[:1, :])), observed


def summarize_dosages(X: Array, codes: Codes) -> DosageSummary:
    """Return the `DosageSummary` of X (n_samples, n_variants), in double precision."""
    xp, device = namespace_of(X), device_of(X)
    summary = DosageSummary(
        *(xp.empty((X.shape[1],), dtype=xp.float64, device=device) for _ in DosageSummary._fields)
    )
    for columns, block, observed in observed_blocks(X, codes, xp.float64):
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
