"""Weighted least squares on a few covariates, for many columns at a time.

All of it in double precision and with an intercept. Covariates may repeat one another: of the
coefficients that fit equally well the shortest are taken, on the scale of covariates divided by
their standard deviation. A constant covariate has coefficients of 0.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._arrays import column_blocks, device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._moments import center, is_constant, reciprocal
from skgenetics.utils._typing import Array

ROUNDING = 1e-10  # a column's residuals below this share of it are rounding


class Design(NamedTuple):
    """What turns a column into its coefficients on the covariates."""

    share: Array
    """(n_samples,) weights that sum to 1."""
    mean: Array
    """(n_covariates,) weighted means of the covariates."""
    solve: Array
    """(n_covariates, n_samples) weighted pseudo-inverse of the centered covariates."""


class Regression(NamedTuple):
    """Least-squares fits of many columns on the covariates."""

    coef: Array
    """(n_covariates, n_columns)."""
    intercept: Array
    """(n_columns,)."""


class FeatureRegression(NamedTuple):
    """A `Regression`, and which columns the covariates do not explain."""

    coef: Array
    intercept: Array
    kept: Array
    """(n_columns,) 0 for a column that the covariates explain but for rounding, else 1."""


def make_design(C: Array, weight: Array | None) -> Design:
    """Return the `Design` of covariates C (n_samples, n_covariates) under `weight` or None."""
    xp = namespace_of(C)
    if weight is None:
        weight = xp.ones(C.shape[0], dtype=C.dtype, device=device_of(C))
    share = xp.astype(weight, C.dtype, copy=False)
    share = share / xp.sum(share)
    mean, centered = center(C, share)
    variance = share @ (centered * centered)
    inverse_sd = reciprocal(xp.sqrt(xp.where(is_constant(variance, mean), 0.0, variance)))
    root = xp.sqrt(share)
    standardized = root[:, None] * centered * inverse_sd
    return Design(share, mean, inverse_sd[:, None] * xp.linalg.pinv(standardized) * root)


def regress(design: Design, Y: Array) -> Regression:
    """Return the fits of the columns of Y (n_samples, n_columns)."""
    mean = design.share @ Y
    coef = design.solve @ (Y - mean)
    return Regression(coef, mean - design.mean @ coef)


def regress_observed(C: Array, Y: Array, weight: Array | None) -> Regression:
    """Return the fits of the columns of Y (n_samples, n_columns), where NaN is not observed.

    Each column is regressed on its observed samples. Columns observed in the same samples share a
    design. A column without any gets zeros.
    """
    xp, device = namespace_of(Y), device_of(Y)
    observed = ~np.isnan(to_numpy(Y))
    if weight is not None:
        observed &= to_numpy(weight)[:, None] > 0
    patterns, pattern_of = np.unique(np.packbits(observed, axis=0), axis=1, return_inverse=True)
    order, fits = [], []
    for pattern in range(patterns.shape[1]):
        columns = np.flatnonzero(pattern_of == pattern)
        samples = np.flatnonzero(observed[:, columns[0]])
        if samples.size:
            rows = move_to(samples, xp, device)
            Y_rows = xp.take(Y, rows, axis=0)
            share = None if weight is None else xp.take(weight, rows, axis=0)
            design = make_design(xp.take(C, rows, axis=0), share)
            fits.append(regress(design, xp.take(Y_rows, move_to(columns, xp, device), axis=1)))
        else:
            coef = xp.zeros((C.shape[1], columns.size), dtype=C.dtype, device=device)
            fits.append(Regression(coef, xp.sum(coef, axis=0)))
        order.append(columns)
    place = move_to(np.argsort(np.concatenate(order)), xp, device)
    return Regression(
        xp.take(xp.concat([fit.coef for fit in fits], axis=1), place, axis=1),
        xp.take(xp.concat([fit.intercept for fit in fits]), place),
    )


def regress_features(
    C: Array, weight: Array | None, features: Sequence[Array], dtype: Any
) -> FeatureRegression:
    """Return the fits, as `dtype`, of all columns of `features` on the covariates C.

    `features` are matrices side by side, read in blocks of columns.
    """
    xp, device = namespace_of(C), device_of(C)
    design = make_design(C, weight)
    n_columns = sum(matrix.shape[1] for matrix in features)
    fit = FeatureRegression(
        coef=xp.empty((C.shape[1], n_columns), dtype=dtype, device=device),
        intercept=xp.empty((n_columns,), dtype=dtype, device=device),
        kept=xp.empty((n_columns,), dtype=dtype, device=device),
    )
    for columns, block in _blocks(features):
        coef, intercept = regress(design, block)
        residual = block - (C @ coef + intercept)
        unexplained = design.share @ (residual * residual)
        total = design.share @ (block * block)
        fit.kept[columns] = xp.astype(unexplained > ROUNDING**2 * total, dtype)
        fit.coef[:, columns] = xp.astype(coef, dtype)
        fit.intercept[columns] = xp.astype(intercept, dtype)
    return fit


def residuals(C: Array, features: Sequence[Array], fit: FeatureRegression) -> Array:
    """Return the columns of `features` minus ``C coef + intercept``, times `kept`: a new matrix."""
    xp = namespace_of(C)
    shape = (C.shape[0], fit.intercept.shape[0])
    adjusted = xp.empty(shape, dtype=fit.intercept.dtype, device=device_of(C))
    for columns, block in _blocks(features):
        coef = xp.astype(fit.coef[:, columns], C.dtype)
        residual = block - (C @ coef + fit.intercept[columns])
        adjusted[:, columns] = xp.astype(residual, adjusted.dtype, copy=False) * fit.kept[columns]
    return adjusted


def _blocks(features: Sequence[Array]) -> Iterator[tuple[slice, Array]]:
    """Yield ``columns, block`` in double precision over `features`, matrices side by side."""
    offset = 0
    for matrix in features:
        xp = namespace_of(matrix)
        for columns, block in column_blocks(matrix, xp.float64):
            yield slice(offset + columns.start, offset + columns.stop), block
        offset += matrix.shape[1]


def observed_means(Y: Array, weight: Array | None) -> Array:
    """Return the weighted mean (n_columns,) of Y's observed cells; 0 where none is observed."""
    xp = namespace_of(Y)
    share = xp.astype(~xp.isnan(Y), Y.dtype)
    if weight is not None:
        share = share * xp.astype(weight, Y.dtype)[:, None]
    mass = xp.sum(share, axis=0)
    total = xp.sum(xp.where(xp.isnan(Y), 0.0, Y) * share, axis=0)
    return total / xp.where(mass > 0, mass, 1.0)


def tissue_part(tissues: Sequence[Array], coef: Array) -> Array:
    """Return what the covariates of each tissue explain, (n_samples, n_genes, n_tissues).

    Parameters
    ----------
    tissues : sequence of array (n_samples, n_covariates of the tissue)
        Centered; NaN counts as the mean.
    coef : array (n_tissue_covariates, n_genes)
        Tissue after tissue.
    """
    parts, start = [], 0
    for covariates in tissues:
        xp, stop = namespace_of(covariates), start + covariates.shape[1]
        filled = xp.where(xp.isnan(covariates), 0.0, covariates)
        parts.append(filled @ xp.astype(coef[start:stop, :], filled.dtype))
        start = stop
    return xp.stack(parts, axis=2)
