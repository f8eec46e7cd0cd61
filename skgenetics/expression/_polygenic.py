"""The polygenic term: what many small effects explain of each gene in each tissue.

Kernel ridge regression of the residuals of a block on the genotypes' kernel, with an intercept. The
strength of each gene and tissue minimizes the squared error of leaving out one individual, which
has a closed form; no effect at all is among the strengths.
"""

import numpy as np

from skgenetics.expression.trans._targets import is_masked, same_cells
from skgenetics.utils._arrays import to_numpy

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of the variance, heritable


def fit_block(kernel, y, weight):
    """Return dual coefficients (n, J), intercepts (J,) and heritable shares (J,) of a block.

    Parameters
    ----------
    kernel : array (n, n)
        Of mean diagonal 1 in the training set.
    y : array (n, J)
    weight : array (n,)
        Frequencies: leaving out one individual leaves out one of its copies.

    Notes
    -----
    With H the smoother of the doubly centered kernel, a left-out residual is the residual over
    1 - H_ii / w_i - 1 / sum(w).
    """
    total = weight.sum()
    mean = weight @ y / total
    root = np.sqrt(weight)
    centered = kernel - (weight @ kernel / total)[None, :]
    centered = centered - (centered @ weight / total)[:, None]
    values, vectors = np.linalg.eigh(root[:, None] * centered * root[None, :])
    values = np.clip(values, 0.0, None)
    rotated = vectors.T @ (root[:, None] * (y - mean))
    size = max(values.sum() / total, 1e-300)
    best = np.full(y.shape[1], np.inf)
    share, weights = np.zeros(y.shape[1]), np.zeros_like(rotated)
    for h in SHARES:
        inverse = 1 / (values + size * (1 - h) / h) if h > 0 else 0 * values
        leverage = np.sum(vectors**2 * (values * inverse), axis=1) / weight + 1 / total
        residual = vectors @ ((1 - values * inverse)[:, None] * rotated) / root[:, None]
        error = weight @ (residual / np.maximum(1 - leverage, 1e-12)[:, None]) ** 2
        better = error < best
        best = np.where(better, error, best)
        share = np.where(better, h, share)
        weights = np.where(better, inverse[:, None] * rotated, weights)
    dual = root[:, None] * (vectors @ weights)
    dual = dual - weight[:, None] * dual.sum(axis=0) / total
    return dual, mean - weight @ (kernel @ dual) / total, share


def fit_polygenic(kernel, targets):
    """Fit every block on its own.

    Returns
    -------
    dual : array (K, I, J), in the dtype of the expression
    intercept, share : arrays (K, J)
    left : float
        Weighted sum of squares of the residuals.
    """
    n, n_genes, n_tissues = targets.shape
    order, left = to_numpy(targets.order), 0.0
    dual = np.zeros((n_tissues, n, n_genes), dtype=to_numpy(targets.blocks[0].y).dtype)
    intercept, share = np.zeros((n_tissues, n_genes)), np.zeros((n_tissues, n_genes))
    for k, rows, weight, genes, y in _complete_parts(targets):
        genes = order[genes]
        if rows.size >= 3:
            own = kernel[np.ix_(rows, rows)]
            found, offset, share[k, genes] = fit_block(own, y, weight)
            y -= own @ found + offset
            dual[k][rows[:, None], genes], intercept[k, genes] = found, offset
        left += float(np.sum(weight @ y**2))
    return dual, intercept, share, left


def _complete_parts(targets):
    """Yield tissue, individuals, their weights, genes, and expression (n, genes) without holes."""
    for blocks in same_cells(targets):
        genes = np.concatenate([np.arange(b.genes.start, b.genes.stop) for b in blocks])
        rows, weight = to_numpy(blocks[0].rows), to_numpy(blocks[0].weight)
        yield blocks[0].tissue, rows, weight, genes, np.hstack([_values(b) for b in blocks])
    for block in filter(is_masked, targets.blocks):
        rows, weight, y = to_numpy(block.rows), to_numpy(block.weight), _values(block)
        for place, seen in enumerate(to_numpy(block.seen).T):
            genes = np.array([block.genes.start + place])
            yield block.tissue, rows[seen], weight[seen], genes, y[seen][:, [place]]


def _values(block):
    """Return the expression (n, genes) of a block."""
    root = np.sqrt(to_numpy(block.weight))[:, None]
    return to_numpy(block.mean) + to_numpy(block.y) / root
