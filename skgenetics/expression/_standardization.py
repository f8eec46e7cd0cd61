"""Expression in units of each gene's standard deviation, and what is explained of it."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression.trans._targets import gene_chunks
from skgenetics.utils._arrays import move_to, namespace_of, to_numpy
from skgenetics.utils._moments import is_constant


class ExpressionMoments(NamedTuple):
    """Moments of training expression."""

    mean: np.ndarray  # (J,) over all cells of the gene
    scale: np.ndarray  # (J,) standard deviation, or 1
    tissue_mean: np.ndarray  # (K, J) of standardized expression; 0 where not observed
    cells: np.ndarray  # (K, J) weight of the observed cells
    total: float  # sum of squares of standardized expression
    within: float  # the same about the means of gene and tissue


def expression_moments(
    y: np.ndarray, weight: np.ndarray, xp: Any, device: Any, *, scale: bool
) -> ExpressionMoments:
    """Return the `ExpressionMoments` of y (I, J, K), NaN where not observed.

    They are computed in a namespace and on a device, by chunks of genes, and come back to the host.

    scale : bool
        Whether expression is divided by the standard deviation over a gene's cells too.
    """
    moved = move_to(weight, xp, device, xp.float64)
    parts = [
        _gene_moments(move_to(y[:, genes], xp, device, xp.float64), moved, scale)
        for genes in gene_chunks(y.shape, moved)
    ]
    mean, size, tissue_mean, cells, total, within = zip(*parts)
    return ExpressionMoments(
        np.concatenate(mean), np.concatenate(size), np.hstack(tissue_mean), np.hstack(cells),
        sum(total), sum(within),
    )  # fmt: skip


def _gene_moments(y, weight, scale):
    """Return the `ExpressionMoments` of a chunk of genes, in double precision.

    The mean is corrected by that of what it leaves, as in `skgenetics.utils._moments.center`.
    """
    xp = namespace_of(y)
    seen = ~xp.isnan(y)
    cells = _sums(weight, xp.astype(seen, y.dtype))
    count = xp.clip(xp.sum(cells, axis=1), min=1e-300)
    mean, z = 0.0 * count, xp.where(seen, y, 0.0)
    for _ in range(2):
        mean = mean + xp.sum(_sums(weight, z), axis=1) / count
        z = xp.where(seen, y - mean[:, None], 0.0)
    squares = xp.sum(_sums(weight, z * z), axis=1)
    size = 1.0 + 0.0 * mean
    if scale:
        variance = squares / count
        size = xp.where(is_constant(variance, mean), size, xp.sqrt(variance))
    tissue_mean = _sums(weight, z) / xp.clip(cells, min=1e-300)
    z = xp.where(seen, z - tissue_mean, 0.0)
    within = xp.sum(_sums(weight, z * z), axis=1)
    total, within = (float(xp.sum(part / size**2)) for part in (squares, within))
    tissue_mean = tissue_mean / size[:, None]
    return ExpressionMoments(
        to_numpy(mean), to_numpy(size), to_numpy(tissue_mean.T), to_numpy(cells.T), total, within
    )


def _sums(weight, values):
    """Return the weighted sums (m, K) over individuals of values (I, m, K)."""
    n, *shape = values.shape
    xp = namespace_of(values)
    return xp.reshape(weight @ xp.reshape(values, (n, -1)), tuple(shape))


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
