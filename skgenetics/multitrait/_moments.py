"""What the data say before a model is fitted: moments of genotypes and traits."""

import warnings
from typing import NamedTuple

import numpy as np

from skgenetics.utils._arrays import column_blocks, to_numpy


class Genotypes(NamedTuple):
    """Moments of the variants, on the host."""

    mean: np.ndarray  # (P,) what is taken from the columns; 0 without an intercept
    inverse_sd: np.ndarray  # (P,) what they are multiplied with; 0 where a variant is left out
    squared_norm: np.ndarray  # (P,) d_p = x_p'Wx_p after both


def genotype_moments(X, weight, *, centered, standardize, xp):
    """Return the `Genotypes` of X (n, P) under frequency weights (n,), or None.

    Deviations have the divisor N - 1. Variants that do not vary are left out; without an intercept
    only those that are 0 throughout, and constants are not divided by anything.
    """
    n_samples = float(X.shape[0] if weight is None else xp.sum(weight))
    means, squares = [], []
    for _, block in column_blocks(X, xp, xp.float64, max_bytes=2**18):
        mean = xp.mean(block, axis=0) if weight is None else weight @ block / n_samples
        largest = xp.max(xp.abs(block), axis=0)
        block = block - mean
        block *= block
        square = xp.sum(block, axis=0) if weight is None else weight @ block
        noise = n_samples * (1e-14 * largest) ** 2
        means.append(to_numpy(mean))
        squares.append(to_numpy(xp.where(square > noise, square, 0.0)))
    mean, square = np.concatenate(means), np.concatenate(squares)
    sd = np.sqrt(square / (n_samples - 1))
    total = square if centered else square + n_samples * mean**2
    used, divided = total > 0, (sd > 0) & standardize
    inverse_sd = np.where(used, 1 / np.where(divided, sd, 1.0), 0.0)
    norm = total * inverse_sd**2
    if centered and standardize:
        norm = np.where(used, n_samples - 1, 0.0)  # the same for all, exactly
    return Genotypes(mean if centered else np.zeros_like(mean), inverse_sd, norm)


class Traits(NamedTuple):
    """Traits Y (n, J) with the moments of their observed cells, on the host."""

    values: np.ndarray  # (n, J) centered where an intercept is fitted; missing cells are 0
    observed: np.ndarray  # (n, J)
    n_observed: np.ndarray  # (J,) sum of weights
    mean: np.ndarray  # (J,) what was taken; 0 for a trait without observations
    sd: np.ndarray  # (J,) 0 where a trait does not vary
    covariance: np.ndarray  # (J, J) with missing cells; variances alone


def trait_moments(Y, weight, *, centered):
    """Return the `Traits` of Y (n, J), NaN = missing, under frequency weights (n,)."""
    observed = ~np.isnan(Y)
    n_observed = weight @ observed
    empty = np.flatnonzero(n_observed == 0)
    if len(empty):
        warnings.warn(
            f"No cell of y's column {', '.join(map(str, empty))} is observed: the trait is "
            "predicted by 0.",
            UserWarning,
            stacklevel=4,
        )
    first = np.argmax(observed, axis=0)
    origin = np.where(n_observed > 0, Y[first, np.arange(Y.shape[1])], 0.0) if centered else 0.0
    values = np.where(observed, Y - origin, 0.0)  # constants then deviate by exactly 0
    divisor = np.where(n_observed > 0, n_observed, 1.0)
    mean = weight @ values / divisor if centered else np.zeros(Y.shape[1])
    values = np.where(observed, values - mean, 0.0)
    variance = weight @ values**2 / divisor
    noise = (1e-14 * np.max(np.abs(np.where(observed, Y, 0.0)), axis=0)) ** 2
    variance = np.where(variance > noise, variance, 0.0)
    covariance = np.diag(variance)
    if observed.all():
        covariance = values.T @ (weight[:, None] * values) / weight.sum()
    return Traits(values, observed, n_observed, mean + origin, np.sqrt(variance), covariance)
