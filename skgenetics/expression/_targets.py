"""Expression as blocks of observed cells.

Genes observed in the same cells form a group; a group in one tissue is a block, a complete matrix
of the individuals sampled there. Where a tissue is sampled for all genes or none, as in GTEx, there
is one group and one block a tissue. Sums over blocks are sums over observed cells, without masks.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.utils._array_api import move_to


class Block(NamedTuple):
    """The observed cells of a group of genes in a tissue."""

    tissue: int
    genes: slice  # of the genes in the order of `Targets`
    rows: object  # (n,) individuals sampled
    position: object  # (I,) row of each individual in this block, n where there is none
    weight: object  # (n,)
    total: float  # sum of the weights
    y: object  # (n, genes) sqrt(weight) (y - mean)
    mean: object  # (genes,) weighted mean


class Targets(NamedTuple):
    """Observed expression of I individuals, J genes and K tissues."""

    blocks: list
    groups: list  # slices of genes, each with the same observed cells
    order: object  # (J,) gene of y behind each gene here
    n_cells: float  # N, the sum of the weights of the observed cells
    n_targets: int  # M, the number of pairs of gene and tissue with observed cells
    shape: tuple  # (I, J, K)


def make_targets(y, weight, xp, device):
    """Return the `Targets` of y (I, J, K), on the host, NaN where not observed.

    weight : array (I,), on the host
    """
    n, n_genes, n_tissues = y.shape
    observed = ~np.isnan(y)
    patterns = np.packbits(observed.transpose(1, 0, 2).reshape(n_genes, -1), axis=1)
    _, label = np.unique(patterns, axis=0, return_inverse=True)
    order = np.argsort(label, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label))])
    groups = [slice(int(a), int(b)) for a, b in pairwise(bounds)]

    def array(values):
        return move_to(values, xp, device)

    blocks = []
    for genes in groups:
        members = order[genes]
        for k in range(n_tissues):
            rows = np.flatnonzero(observed[:, members[0], k])
            if rows.size == 0:
                continue
            position = np.full(n, rows.size)
            position[rows] = np.arange(rows.size)
            w, values = weight[rows], y[rows[:, None], members, k]
            mean = w @ values / w.sum()
            values = np.sqrt(w)[:, None] * (values - mean)
            blocks.append(
                Block(
                    k, genes, array(rows), array(position), array(w), float(w.sum()),
                    array(values), array(mean),
                )
            )  # fmt: skip
    n_targets = sum(block.y.shape[1] for block in blocks)
    n_cells = sum(block.total * block.y.shape[1] for block in blocks)
    return Targets(blocks, groups, array(order), n_cells, n_targets, (n, n_genes, n_tissues))


def compress(targets, xp):
    """Return `Targets` of fewer columns with the same Y Y' in every block.

    A loss that is minimized over L2-penalized loadings depends on a block's Y through Y Y' alone,
    so that at most as many columns as samples are needed, however many genes there are.
    """
    blocks, groups, start = [], [], 0
    for genes in targets.groups:
        members = [block for block in targets.blocks if block.genes == genes]
        width = max((min(block.y.shape) for block in members), default=0)
        columns = slice(start, start + width)
        for block in members:
            y = block.y
            if y.shape[1] > y.shape[0]:
                values, vectors = xp.linalg.eigh(y @ y.T)
                y = vectors * xp.sqrt(xp.clip(values, min=0.0))
            gap = xp.zeros((y.shape[0], width - y.shape[1]), dtype=y.dtype, device=y.device)
            y = xp.concat([y, gap], axis=1)
            blocks.append(block._replace(genes=columns, y=y, mean=0 * y[0, :]))
        groups.append(columns)
        start += width
    n, _, n_tissues = targets.shape
    return targets._replace(blocks=blocks, groups=groups, order=None, shape=(n, start, n_tissues))


def gather(values, block, xp):
    """Return the rows (n, T) of a block and their weighted mean (T,), from (I, T)."""
    rows = xp.take(values, block.rows, axis=0)
    return rows, block.weight @ rows / block.total


def centered(values, block, xp):
    """Return sqrt(weight) (values - mean) (n, T) and the mean (T,) of the rows of a block."""
    rows, mean = gather(values, block, xp)
    return xp.sqrt(block.weight)[:, None] * (rows - mean), mean


def spread(values, block, xp):
    """Return (I, T) with the rows (n, T) of a block in their places and 0 elsewhere."""
    padded = xp.concat([values, 0 * values[:1, :]], axis=0)
    return xp.take(padded, block.position, axis=0)
