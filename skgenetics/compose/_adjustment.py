"""Weighted least squares on a few covariates, for many columns at a time.

All of it in double precision and with an intercept. Covariates may repeat one another: of the
coefficients that fit equally well the shortest are taken, on the scale of covariates divided by
their standard deviation.
"""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._arrays import column_blocks, move_to, to_numpy

ROUNDING = 1e-10  # a column's residuals below this share of it are rounding


class Design(NamedTuple):
    """What turns a column into its coefficients on the covariates."""

    share: Any  # (n_samples,) weights that sum to 1
    mean: Any  # (n_covariates,) weighted means of the covariates
    solve: Any  # (n_covariates, n_samples) weighted pseudo-inverse of the centered covariates


def make_design(C, weight, xp):
    """Return the `Design` of covariates C (n_samples, n_covariates) under `weight` or None."""
    share = xp.ones_like(C[:, 0]) if weight is None else xp.astype(weight, C.dtype, copy=False)
    share = share / xp.sum(share)
    mean = xp.matmul(share, C)
    root = xp.sqrt(share)[:, None]
    centered = root * (C - mean)
    sd = xp.sqrt(xp.sum(centered * centered, axis=0))
    sd = xp.where(sd > 0, sd, 1.0)
    return Design(share, mean, xp.linalg.pinv(centered / sd) * root.T / sd[:, None])


def regress(design, Y, xp):
    """Return coefficients (n_covariates, n_columns) and intercepts (n_columns,) of Y's columns."""
    mean = xp.matmul(design.share, Y)
    coef = xp.matmul(design.solve, Y - mean)
    return coef, mean - xp.matmul(design.mean, coef)


def regress_observed(C, Y, weight, xp, device):
    """Return coefficients and intercepts of Y (n_samples, n_columns), where NaN is not observed.

    Each column is regressed on its observed samples. Columns observed in the same samples share a
    design. A column without any gets zeros.
    """
    observed = ~np.isnan(to_numpy(Y))
    if weight is not None:
        observed &= to_numpy(weight)[:, None] > 0
    patterns, which = np.unique(np.packbits(observed, axis=0), axis=1, return_inverse=True)
    order, coefs, intercepts = [], [], []
    for pattern in range(patterns.shape[1]):
        columns = np.flatnonzero(which == pattern)
        rows = np.flatnonzero(observed[:, columns[0]])
        if rows.size:
            kept = move_to(rows, xp, device)
            seen = xp.take(xp.take(Y, kept, axis=0), move_to(columns, xp, device), axis=1)
            share = None if weight is None else xp.take(weight, kept, axis=0)
            coef, intercept = regress(make_design(xp.take(C, kept, axis=0), share, xp), seen, xp)
        else:
            coef = xp.zeros((C.shape[1], columns.size), dtype=C.dtype, device=device)
            intercept = xp.zeros((columns.size,), dtype=C.dtype, device=device)
        order.append(columns)
        coefs.append(coef)
        intercepts.append(intercept)
    place = move_to(np.argsort(np.concatenate(order)), xp, device)
    return (
        xp.take(xp.concat(coefs, axis=1), place, axis=1),
        xp.take(xp.concat(intercepts), place),
    )


def regress_blocks(C, design, parts, dtype, xp, device):
    """Return coefficients, intercepts and what is kept, as `dtype`, of all columns of `parts`.

    `parts` are matrices side by side, read in blocks of columns. A column that the covariates C
    explain but for rounding is kept 0 times, any other once.
    """
    n_columns = sum(part.shape[1] for part in parts)
    coef = xp.empty((design.mean.shape[0], n_columns), dtype=dtype, device=device)
    intercept = xp.empty((n_columns,), dtype=dtype, device=device)
    kept = xp.empty((n_columns,), dtype=dtype, device=device)
    for columns, block in _blocks(parts, xp):
        block_coef, block_intercept = regress(design, block, xp)
        residual = block - (xp.matmul(C, block_coef) + block_intercept)
        left, whole = (xp.matmul(design.share, part * part) for part in (residual, block))
        kept[columns] = xp.astype(left > ROUNDING**2 * whole, dtype)
        coef[:, columns] = xp.astype(block_coef, dtype)
        intercept[columns] = xp.astype(block_intercept, dtype)
    return coef, intercept, kept


def residuals(C, parts, coef, intercept, kept, xp, device):
    """Return the columns of `parts` minus ``C coef + intercept``, times `kept`: one new matrix."""
    shape = (C.shape[0], intercept.shape[0])
    adjusted = xp.empty(shape, dtype=intercept.dtype, device=device)
    for columns, block in _blocks(parts, xp):
        part = xp.matmul(C, xp.astype(coef[:, columns], C.dtype)) + intercept[columns]
        part = xp.astype(block - part, adjusted.dtype, copy=False)
        adjusted[:, columns] = part * kept[columns]
    return adjusted


def _blocks(parts, xp):
    """Yield ``columns, block`` in double precision over `parts`, matrices side by side."""
    offset = 0
    for part in parts:
        for columns, block in column_blocks(part, xp, xp.float64):
            yield slice(offset + columns.start, offset + columns.stop), block
        offset += part.shape[1]


def observed_means(Y, weight, xp):
    """Return the weighted mean (n_columns,) of Y's observed cells; 0 where none is observed."""
    share = xp.astype(~xp.isnan(Y), Y.dtype)
    if weight is not None:
        share = share * xp.astype(weight, Y.dtype)[:, None]
    mass = xp.sum(share, axis=0)
    total = xp.sum(xp.where(xp.isnan(Y), 0.0, Y) * share, axis=0)
    return total / xp.where(mass > 0, mass, 1.0)
