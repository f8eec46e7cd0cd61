"""The polygenic term: what many small effects explain of each gene in each tissue.

Kernel ridge regression of the residuals of a block on the genotypes' kernel, with an intercept. The
strength of each gene and tissue minimizes the squared error of leaving out one individual, which
has a closed form; no effect at all is among the strengths.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from skgenetics.expression.trans._targets import Block, Targets, is_masked, same_cells
from skgenetics.utils._arrays import to_numpy

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of the variance, heritable
MIN_INDIVIDUALS = 3


class PolygenicBlock(NamedTuple):
    """Kernel ridge regressions of some genes in a tissue."""

    dual: np.ndarray  # (n, J) coefficients
    intercept: np.ndarray  # (J,)
    share: np.ndarray  # (J,) heritable share of the residual


class PolygenicFit(NamedTuple):
    """Kernel ridge regressions of all genes in all tissues, on the host."""

    dual: np.ndarray  # (K, I, J) coefficients, in the dtype of the expression
    intercept: np.ndarray  # (K, J)
    share: np.ndarray  # (K, J) heritable share of the residual
    sum_of_squares: float  # weighted, of what remains


class CompletePart(NamedTuple):
    """Expression of some genes in a tissue without holes."""

    tissue: int
    rows: np.ndarray  # (n,) individuals
    weight: np.ndarray  # (n,)
    genes: np.ndarray  # (m,) in the order of `Targets`
    y: np.ndarray  # (n, m)


def fit_block(kernel: np.ndarray, y: np.ndarray, weight: np.ndarray) -> PolygenicBlock:
    """Return the kernel ridge regressions of a block, each with its best strength.

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
    total, root = weight.sum(), np.sqrt(weight)
    mean = weight @ y / total
    centered = kernel - (weight @ kernel / total)[None, :]
    centered = centered - (centered @ weight / total)[:, None]
    values, vectors = np.linalg.eigh(root[:, None] * centered * root[None, :])
    values = np.clip(values, 0.0, None)
    rotated = vectors.T @ (root[:, None] * (y - mean))
    size = max(values.sum() / total, 1e-300)
    best = np.full(y.shape[1], np.inf)
    share, coef = np.zeros(y.shape[1]), np.zeros_like(rotated)
    for h in SHARES:
        inverse = 1 / (values + size * (1 - h) / h) if h > 0 else 0 * values
        leverage = np.sum(vectors**2 * (values * inverse), axis=1) / weight + 1 / total
        residual = vectors @ ((1 - values * inverse)[:, None] * rotated) / root[:, None]
        error = weight @ (residual / np.maximum(1 - leverage, 1e-12)[:, None]) ** 2
        better = error < best
        best = np.where(better, error, best)
        share = np.where(better, h, share)
        coef = np.where(better, inverse[:, None] * rotated, coef)
    dual = root[:, None] * (vectors @ coef)
    dual = dual - weight[:, None] * dual.sum(axis=0) / total
    return PolygenicBlock(dual, mean - weight @ (kernel @ dual) / total, share)


def fit_polygenic(kernel: np.ndarray, targets: Targets) -> PolygenicFit:
    """Return the `PolygenicFit` of targets (I, J, K), block by block."""
    n, n_genes, n_tissues = targets.shape
    order, sum_of_squares = to_numpy(targets.order), 0.0
    dual = np.zeros((n_tissues, n, n_genes), dtype=to_numpy(targets.blocks[0].y).dtype)
    intercept, share = np.zeros((n_tissues, n_genes)), np.zeros((n_tissues, n_genes))
    for k, rows, weight, genes, y in _complete_parts(targets):
        residual = y
        if rows.size >= MIN_INDIVIDUALS:
            among = kernel[np.ix_(rows, rows)]
            fit = fit_block(among, y, weight)
            residual = y - (among @ fit.dual + fit.intercept)
            members = order[genes]
            dual[k][rows[:, None], members] = fit.dual
            intercept[k, members], share[k, members] = fit.intercept, fit.share
        sum_of_squares += float(np.sum(weight @ residual**2))
    return PolygenicFit(dual, intercept, share, sum_of_squares)


def _complete_parts(targets: Targets) -> Iterator[CompletePart]:
    """Yield the observed cells as matrices without holes."""
    for blocks in same_cells(targets):
        genes = np.concatenate([np.arange(b.genes.start, b.genes.stop) for b in blocks])
        rows, weight = to_numpy(blocks[0].rows), to_numpy(blocks[0].weight)
        y = np.hstack([_values(block) for block in blocks])
        yield CompletePart(blocks[0].tissue, rows, weight, genes, y)
    for block in filter(is_masked, targets.blocks):
        rows, weight, y = to_numpy(block.rows), to_numpy(block.weight), _values(block)
        for place, seen in enumerate(to_numpy(block.seen).T):
            gene = np.array([block.genes.start + place])
            yield CompletePart(block.tissue, rows[seen], weight[seen], gene, y[seen][:, [place]])


def _values(block: Block) -> np.ndarray:
    """Return the expression (n, genes) of a block."""
    root = np.sqrt(to_numpy(block.weight))[:, None]
    return to_numpy(block.mean) + to_numpy(block.y) / root
