"""Squared correlation of each variant with the lead variant of a locus."""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from scipy.stats import norm

from skgenetics.utils._arrays import column_blocks, to_numpy
from skgenetics.utils._labels import Labels, column_labels, without_labels
from skgenetics.utils._moments import is_constant
from skgenetics.utils._typing import ArrayLike


def lead_of(z: np.ndarray) -> int:
    """Return the index of the lead variant, whose absolute z-score is the largest."""
    return int(np.argmax(np.abs(z)))


def genotypes_or_ld(
    X: ArrayLike | None, ld: ArrayLike | None, labels: Labels
) -> tuple[ArrayLike | None, ArrayLike | None]:
    """Return X and ld, of which one may be given, in the order of labelled variants."""
    if labels.names is None:
        return X, ld
    if X is not None:
        order, X = labels.order(column_labels(X), "X"), without_labels(X, "X")
        X = X if order is None else X[:, order]
    if ld is not None and not issparse(ld):
        ld = labels.match_square(ld, "ld")
    return X, ld


def r2_with(
    lead: int, n_variants: int, X: ArrayLike | None, ld: ArrayLike | None
) -> np.ndarray | None:
    """Return r2 (n_variants,) with a variant, from dosages or LD, of which one may be given."""
    if X is not None and ld is not None:
        raise ValueError("Give X or ld, not both: each gives the LD with the lead variant.")
    if X is not None:
        return r2_from_dosages(X, lead, n_variants)
    return None if ld is None else r2_from_ld(ld, lead, n_variants)


def r2_from_dosages(X: ArrayLike, lead: int, n_variants: int) -> np.ndarray:
    """Return r2 (n_variants,) of every column of X with column `lead`; 0 if either is constant.

    NaN and negative integers are missing calls, for which the mean of the column stands in.
    """
    X = to_numpy(X)
    if X.ndim != 2 or X.shape[1] != n_variants:
        raise ValueError(
            f"X must have one column for each of the {n_variants} fitted variants; got shape "
            f"{X.shape}."
        )
    has_codes = np.issubdtype(X.dtype, np.signedinteger)
    lead_dosage = _center_calls(X[:, [lead]].astype(float), has_codes)
    r2 = np.empty(n_variants)
    for columns, block in column_blocks(X, np.float64):
        centered = _center_calls(block, has_codes)
        scale = np.sum(centered**2, axis=0) * np.sum(lead_dosage**2)
        covariance = (lead_dosage.T @ centered)[0]
        r2[columns] = covariance**2 / np.where(scale > 0, scale, 1.0)
    return np.minimum(r2, 1.0)


def r2_from_ld(ld: ArrayLike, lead: int, n_variants: int) -> np.ndarray:
    """Return r2 (n_variants,) from row `lead` of a dense or sparse matrix of correlations."""
    ld = ld if issparse(ld) else to_numpy(ld)
    if ld.shape != (n_variants, n_variants):
        raise ValueError(
            f"ld must have shape ({n_variants}, {n_variants}), the fitted variants; got {ld.shape}."
        )
    row = ld[[lead], :]
    row = row.toarray() if issparse(row) else row
    return np.minimum(row[0].astype(float) ** 2, 1.0)


def _center_calls(block: np.ndarray, has_codes: bool) -> np.ndarray:
    """Return columns minus the means of their calls; 0 for missing calls and constant columns."""
    called = block >= 0 if has_codes else ~np.isnan(block)
    n_calls = np.maximum(called.sum(axis=0), 1)
    mean = np.where(called, block, 0.0).sum(axis=0) / n_calls
    centered = np.where(called, block - mean, 0.0)
    constant = is_constant(np.sum(centered**2, axis=0) / n_calls, mean)
    return np.where(constant, 0.0, centered)


def minus_log10_p(z: np.ndarray) -> np.ndarray:
    """Return -log10 of the two-sided p-values of `z`, which do not underflow."""
    # 0 - turns the -0.0 of a p-value of 1 into 0.0
    return 0 - (norm.logsf(np.abs(z)) + np.log(2)) / np.log(10)
