"""The polygenic term: what many small effects explain of each gene in each tissue.

Kernel ridge regression of the residuals of a block on the genotypes' kernel, with an intercept. The
strength of each gene and tissue minimizes the squared error of leaving out one individual, which
has a closed form; no effect at all is among the strengths.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from skgenetics.expression.trans._targets import (
    Block,
    Targets,
    is_masked,
    same_cells,
    sum_of_products,
)
from skgenetics.utils._arrays import to_numpy

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)  # of the variance, heritable
MIN_INDIVIDUALS = 3
MAX_SMOOTHERS = 64  # kept, each of the size of three kernels


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


class Share(NamedTuple):
    """Expression that a share of a prediction is about."""

    targets: Targets
    weight: float = 1.0
    smoothed: bool = True  # False: no polygenic term


def sum_of_squares_left(shares: Sequence[Share]) -> float:
    """Return the weighted sum of squares of the average of shares, which are of the same cells."""
    return sum(
        one.weight * other.weight * sum_of_products(one.targets, other.targets)
        for one in shares
        for other in shares
    )


class CompletePart(NamedTuple):
    """Expression of some genes in a tissue without holes."""

    tissue: int
    rows: np.ndarray  # (n,) individuals
    weight: np.ndarray  # (n,)
    genes: np.ndarray  # (m,) in the order of `Targets`
    y: np.ndarray  # (n, m)


class Smoother(NamedTuple):
    """What the individuals of a block say of any expression of theirs."""

    kernel: np.ndarray  # (n, n)
    weight: np.ndarray  # (n,) frequencies
    values: np.ndarray  # (n,) eigenvalues of the doubly centered and weighted kernel
    vectors: np.ndarray  # (n, n)
    inverses: np.ndarray  # (shares, n) 1 / (values + ridge), 0 for a share of 0
    leverages: np.ndarray  # (shares, n)


def make_smoother(kernel: np.ndarray, weight: np.ndarray) -> Smoother:
    """Return the `Smoother` of individuals.

    Parameters
    ----------
    kernel : array (n, n)
        Of mean diagonal 1 in the training set.
    weight : array (n,)
        Frequencies: leaving out one individual leaves out one of its copies.
    """
    total, root = weight.sum(), np.sqrt(weight)
    centered = kernel - (weight @ kernel / total)[None, :]
    centered = centered - (centered @ weight / total)[:, None]
    values, vectors = np.linalg.eigh(root[:, None] * centered * root[None, :])
    values = np.clip(values, 0.0, None)
    size = max(values.sum() / total, 1e-300)
    shares = np.array(SHARES)[:, None]
    heritable = shares > 0
    ridge = size * (1 - shares) / np.where(heritable, shares, 1.0)
    inverses = np.where(heritable, 1 / (values + ridge), 0.0)
    leverages = (values * inverses) @ (vectors**2).T / weight + 1 / total
    return Smoother(kernel, weight, values, vectors, inverses, leverages)


def fit_block(smoother: Smoother, y: np.ndarray) -> PolygenicBlock:
    """Return the kernel ridge regressions of expression y (n, J), each with its best strength.

    Notes
    -----
    With H the smoother of the doubly centered kernel, a left-out residual is the residual over
    1 - H_ii / w_i - 1 / sum(w).
    """
    kernel, weight, values, vectors, inverses, leverages = smoother
    total, root = weight.sum(), np.sqrt(weight)
    mean = weight @ y / total
    rotated = vectors.T @ (root[:, None] * (y - mean))
    best = np.full(y.shape[1], np.inf)
    share, coef = np.zeros(y.shape[1]), np.zeros_like(rotated)
    for h, inverse, leverage in zip(SHARES, inverses, leverages):
        residual = vectors @ ((1 - values * inverse)[:, None] * rotated)
        error = np.maximum(1 - leverage, 1e-12) ** -2 @ residual**2
        better = error < best
        best = np.where(better, error, best)
        share = np.where(better, h, share)
        coef = np.where(better, inverse[:, None] * rotated, coef)
    dual = root[:, None] * (vectors @ coef)
    dual = dual - weight[:, None] * dual.sum(axis=0) / total
    return PolygenicBlock(dual, mean - weight @ (kernel @ dual) / total, share)


class PolygenicTerm:
    """Kernel ridge regressions on a kernel (I, I), decomposed once for each set of individuals."""

    def __init__(self, kernel: np.ndarray):
        self.kernel = kernel
        self.smoothers: dict[bytes, Smoother] = {}

    def fit(self, *shares: Share) -> PolygenicFit:
        """Return the `PolygenicFit` of targets (I, J, K), block by block.

        With several shares, of the same cells, it is the average by their weights.
        """
        targets = shares[0].targets
        n, n_genes, n_tissues = targets.shape
        order, sum_of_squares = to_numpy(targets.order), 0.0
        dual = np.zeros((n_tissues, n, n_genes), dtype=to_numpy(targets.blocks[0].y).dtype)
        intercept, heritable = np.zeros((n_tissues, n_genes)), np.zeros((n_tissues, n_genes))
        for parts in zip(*(_complete_parts(share.targets) for share in shares)):
            k, rows, weight, genes, _ = parts[0]
            members, residual = order[genes], np.zeros((rows.size, genes.size))
            for share, part in zip(shares, parts):
                left = part.y
                if share.smoothed and rows.size >= MIN_INDIVIDUALS:
                    smoother = self._smoother(rows, weight)
                    fit = fit_block(smoother, part.y)
                    left = part.y - (smoother.kernel @ fit.dual + fit.intercept)
                    dual[k][rows[:, None], members] += share.weight * fit.dual
                    intercept[k, members] += share.weight * fit.intercept
                    heritable[k, members] += share.weight * fit.share
                residual += share.weight * left
            sum_of_squares += float(np.sum(weight @ residual**2))
        return PolygenicFit(dual, intercept, heritable, sum_of_squares)

    def _smoother(self, rows: np.ndarray, weight: np.ndarray) -> Smoother:
        """Return the `Smoother` of some individuals, made once while there are few."""
        key = rows.tobytes()
        if key not in self.smoothers:
            if len(self.smoothers) >= MAX_SMOOTHERS:  # genes with cells of their own
                self.smoothers.clear()
            self.smoothers[key] = make_smoother(self.kernel[np.ix_(rows, rows)], weight)
        return self.smoothers[key]


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
