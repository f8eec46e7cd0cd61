"""Expression in units of each gene's standard deviation, and what is explained of it."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression.trans._targets import GENE_CHUNK
from skgenetics.utils._moments import is_constant


class ExpressionMoments(NamedTuple):
    """Moments of training expression."""

    mean: np.ndarray  # (J,) over all cells of the gene
    scale: np.ndarray  # (J,) standard deviation, or 1
    tissue_mean: np.ndarray  # (K, J) of standardized expression; 0 where not observed
    cells: np.ndarray  # (K, J) weight of the observed cells
    total: float  # sum of squares of standardized expression
    within: float  # the same about the means of gene and tissue


def expression_moments(y: np.ndarray, weight: np.ndarray, *, scale: bool) -> ExpressionMoments:
    """Return the `ExpressionMoments` of y (I, J, K), NaN where not observed.

    scale : bool
        Whether expression is divided by the standard deviation over a gene's cells too.
    """
    parts = [
        _gene_moments(y[:, first : first + GENE_CHUNK].astype(np.float64), weight, scale)
        for first in range(0, y.shape[1], GENE_CHUNK)
    ]
    mean, size, tissue_mean, cells, total, within = zip(*parts)
    return ExpressionMoments(
        np.concatenate(mean), np.concatenate(size), np.hstack(tissue_mean), np.hstack(cells),
        sum(total), sum(within),
    )  # fmt: skip


def _gene_moments(y, weight, scale):
    """Return the `ExpressionMoments` of a chunk of genes, in double precision."""
    cells = weight[:, None, None] * ~np.isnan(y)
    count = np.maximum(cells.sum(axis=(0, 2)), 1e-300)
    mean, z = _centered(y, cells / count[:, None])
    size = np.ones_like(mean)
    if scale:
        variance = np.sum(cells * z**2, axis=(0, 2)) / count
        size = np.where(is_constant(variance, mean), 1.0, np.sqrt(variance))
        z = z / size[:, None]
    tissue_cells = cells.sum(axis=0)
    tissue_mean = np.sum(cells * z, axis=0) / np.maximum(tissue_cells, 1e-300)
    total, within = np.sum(cells * z**2), np.sum(cells * (z - tissue_mean) ** 2)
    return ExpressionMoments(mean, size, tissue_mean.T, tissue_cells.T, float(total), float(within))


def _centered(y, share):
    """Return the means (m,) of y (I, m, K) under shares of its cells, and y less them, 0 for NaN.

    The mean is corrected by that of what it leaves, as in `skgenetics.utils._moments.center`.
    """
    mean = np.sum(share * np.nan_to_num(y), axis=(0, 2))
    z = np.nan_to_num(y - mean[:, None])
    rest = np.sum(share * z, axis=(0, 2))
    return mean + rest, np.nan_to_num(y - (mean + rest)[:, None])


class StandardizedExpression:
    """Standardized expression less what a part explains, as ``expression[:, genes]``.

    It is made when asked for, in the dtype of y, since the whole would be a copy of y.

    Parameters
    ----------
    y : array (I, J, K)
    moments : ExpressionMoments
    explained : array-like (I, J, K), optional
        Whatever gives (I, m, K) as ``explained[:, genes]``.
    """

    def __init__(self, y: np.ndarray, moments: ExpressionMoments, explained: Any = None):
        self.y, self.moments, self.explained = y, moments, explained
        self.shape, self.dtype = y.shape, y.dtype

    def __getitem__(self, index: tuple) -> np.ndarray:
        """Return the expression (I, m, K) of genes, the second index; all individuals."""
        _, genes = index
        z = self.y[:, genes] - self.moments.mean[genes, None].astype(self.dtype)
        z /= self.moments.scale[genes, None].astype(self.dtype)
        if self.explained is not None:
            z -= self.explained[:, genes]
        return z


def variance_explained(total: float, remaining: dict[str, float]) -> dict[str, dict[str, float]]:
    """Return `variance_explained_` from sums of squares.

    total : float
        About the genes' means.
    remaining : dict
        Sum of squares that the parts named so far do not explain; the first is "tissue_means".
    """
    within = remaining["tissue_means"]
    explained: dict[str, dict[str, float]] = {"within": {}, "total": {}}
    before = total
    for name, after in remaining.items():
        explained["total"][name] = (before - after) / total if total > 0 else 0.0
        if name != "tissue_means":
            explained["within"][name] = (before - after) / within if within > 0 else 0.0
        before = after
    return explained
