"""Expression in units of each gene's standard deviation, and what is explained of it."""

from typing import NamedTuple

import numpy as np

from skgenetics.expression.trans._targets import GENE_CHUNK


class Moments(NamedTuple):
    """Moments of training expression."""

    mean: np.ndarray  # (J,) over all cells of the gene
    scale: np.ndarray  # (J,)
    tissue_mean: np.ndarray  # (K, J) of standardized expression; 0 where not observed
    cells: np.ndarray  # (K, J) weight of the observed cells
    total: float  # sum of squares of standardized expression
    within: float  # the same about the means of gene and tissue


def expression_moments(y, weight, *, scale):
    """Return the `Moments` of y (I, J, K), NaN where not observed.

    scale : bool
        Whether expression is divided by the standard deviation over a gene's cells too.
    """
    parts = [
        _gene_moments(y[:, first : first + GENE_CHUNK].astype(np.float64), weight, scale)
        for first in range(0, y.shape[1], GENE_CHUNK)
    ]
    mean, size, tissue_mean, cells, total, within = zip(*parts)
    return Moments(
        np.concatenate(mean), np.concatenate(size), np.hstack(tissue_mean), np.hstack(cells),
        sum(total), sum(within),
    )  # fmt: skip


def _gene_moments(y, weight, scale):
    """Return the `Moments` of a chunk of genes, in double precision."""
    cells = weight[:, None, None] * ~np.isnan(y)
    count = np.maximum(cells.sum(axis=(0, 2)), 1e-300)
    mean = np.sum(cells * np.nan_to_num(y), axis=(0, 2)) / count
    z = np.nan_to_num(y - mean[:, None])
    size = np.ones_like(mean)
    if scale:
        size = np.sqrt(np.sum(cells * z**2, axis=(0, 2)) / count)
        size = np.where(size > 1e-12 * np.maximum(np.abs(mean), 1e-300), size, 1.0)
        z = z / size[:, None]
    tissue_cells = cells.sum(axis=0)
    tissue_mean = np.sum(cells * z, axis=0) / np.maximum(tissue_cells, 1e-300)
    total, within = np.sum(cells * z**2), np.sum(cells * (z - tissue_mean) ** 2)
    return Moments(mean, size, tissue_mean.T, tissue_cells.T, float(total), float(within))


class Remaining:
    """Expression in units of `Moments` less what a part explains, as ``remaining[:, genes]``.

    It is made when asked for, in the dtype of y, since the whole would be a copy of y.
    """

    def __init__(self, y, moments, explained=None):
        """Take y (I, J, K) and a function from genes to what is explained of them (I, m, K)."""
        self.y, self.moments, self.explained = y, moments, explained
        self.shape, self.dtype = y.shape, y.dtype

    def __getitem__(self, index):
        """Return the expression (I, m, K) of genes, the second index; all individuals."""
        _, genes = index
        z = self.y[:, genes] - self.moments.mean[genes, None].astype(self.dtype)
        z /= self.moments.scale[genes, None].astype(self.dtype)
        if self.explained is not None:
            z -= self.explained(genes)
        return z


def shares(total, remaining):
    """Return `variance_explained_` from sums of squares.

    total : float
        About the genes' means.
    remaining : dict
        Sum of squares left after the parts named, in their order; the first is "tissue_means".
    """
    within = remaining["tissue_means"]
    explained, before = {"within": {}, "total": {}}, total
    for name, left in remaining.items():
        explained["total"][name] = (before - left) / total if total > 0 else 0.0
        if name != "tissue_means":
            explained["within"][name] = (before - left) / within if within > 0 else 0.0
        before = left
    return explained
