"""Expression as blocks of observed cells.

Genes observed in the same cells form a group; a group in one tissue is a block, a complete matrix
of the individuals sampled there. Where a tissue is sampled for all genes or none, as in GTEx, there
is one group and one block a tissue. Sums over blocks are sums over observed cells, without masks.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.utils._array_api import move_to, to_numpy

GENE_CHUNK = 64  # genes whose cells are gathered at once, in all tissues


class Block(NamedTuple):
    """The observed cells of a group of genes in a tissue."""

    tissue: int
    genes: slice  # of the genes in the order of `Targets`
    rows: object  # (n,) individuals sampled
    pattern: int  # blocks of equal rows have the same
    position: object  # (I,) row of each individual in this block, n where there is none
    weight: object  # (n,)
    total: float  # sum of the weights
    y: object  # (n, genes) sqrt(weight) (y - mean), in the dtype of y
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

    Only observed cells are copied, by chunks of genes, in the dtype of y.

    weight : array (I,), on the host
    """
    n, n_genes, n_tissues = y.shape
    patterns = []
    for first in range(0, n_genes, GENE_CHUNK):
        seen = ~np.isnan(y[:, first : first + GENE_CHUNK]).transpose(1, 0, 2)
        packed = np.packbits(seen.reshape(len(seen), -1), axis=1)
        patterns += [own.tobytes() for own in packed]
    rank = {pattern: place for place, pattern in enumerate(sorted(set(patterns)))}
    label = np.array([rank[pattern] for pattern in patterns])
    order = np.argsort(label, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(label))])
    groups = [slice(int(a), int(b)) for a, b in pairwise(bounds)]

    def array(values):
        return move_to(values, xp, device)

    blocks, known = [], {}
    for genes in groups:
        members, sampled = order[genes], ~np.isnan(y[:, order[genes.start]])
        rows = [np.flatnonzero(sampled[:, k]) for k in range(n_tissues)]
        values = [np.empty((own.size, members.size), dtype=y.dtype) for own in rows]
        means = np.zeros((n_tissues, members.size))
        for first in range(0, members.size, GENE_CHUNK):
            chunk = slice(first, first + GENE_CHUNK)
            for k, own in enumerate(rows):
                if own.size:
                    w, cells = weight[own], y[own[:, None], members[chunk], k]
                    means[k, chunk] = w @ cells / w.sum()
                    values[k][:, chunk] = np.sqrt(w)[:, None] * (cells - means[k, chunk])
        for k, own in enumerate(rows):
            if own.size == 0:
                continue
            if own.tobytes() not in known:
                position, w = np.full(n, own.size), weight[own]
                position[own] = np.arange(own.size)
                shared = array(own), len(known), array(position), array(w), float(w.sum())
                known[own.tobytes()] = shared
            shared = known[own.tobytes()]
            blocks.append(Block(k, genes, *shared, array(values[k]), array(means[k])))
    n_targets = sum(block.y.shape[1] for block in blocks)
    n_cells = sum(block.total * block.y.shape[1] for block in blocks)
    return Targets(blocks, groups, array(order), n_cells, n_targets, (n, n_genes, n_tissues))


def same_cells(targets):
    """Return lists of the blocks of one tissue and the same individuals."""
    found = {}
    for block in targets.blocks:
        found.setdefault((block.tissue, block.pattern), []).append(block)
    return list(found.values())


def compress(targets, xp):
    """Return `Targets` of fewer columns with the same Y Y' for each tissue and set of individuals.

    A loss that is minimized over L2-penalized loadings depends on Y through Y Y' alone, so that at
    most as many columns as samples are needed, however many genes there are.
    """
    blocks, widths = [], [0] * targets.shape[2]
    for members in same_cells(targets):
        block, double = members[0], members[0].weight.dtype
        y = xp.concat([own.y for own in members], axis=1) if members[1:] else block.y
        if y.shape[1] > y.shape[0]:
            values, vectors = xp.linalg.eigh(xp.astype(y @ y.T, double, copy=False))
            y = vectors * xp.sqrt(xp.clip(values, min=0.0))
        start = widths[block.tissue]
        widths[block.tissue] = stop = start + y.shape[1]
        y = xp.astype(y, double, copy=False)
        blocks.append(block._replace(genes=slice(start, stop), y=y, mean=0 * y[0, :]))
    n, _, n_tissues = targets.shape
    shape = (n, max(widths), n_tissues)
    return targets._replace(blocks=blocks, groups=None, order=None, shape=shape)


def dense(targets):
    """Return the expression (I, J, K) behind the blocks, on the host, NaN where not observed."""
    order = to_numpy(targets.order)
    y = np.full(targets.shape, np.nan)
    for block in targets.blocks:
        rows, weight, mean = (to_numpy(a) for a in (block.rows, block.weight, block.mean))
        values = mean + to_numpy(block.y) / np.sqrt(weight)[:, None]
        y[rows[:, None], order[block.genes], block.tissue] = values
    return y


def sum_of_squares(targets, xp):
    """Return the weighted sum of squares of the observed cells."""
    return sum(
        float(xp.sum(block.y**2, dtype=xp.float64)) + block.total * float(xp.sum(block.mean**2))
        for block in targets.blocks
    )


def onto(left, block, xp):
    """Return the product (m, genes) of left (m, n) with the expression of a block."""
    return left @ xp.astype(block.y, left.dtype, copy=False)


def gather(values, block, xp):
    """Return the rows (n, T) of a block and their weighted mean (T,), from (I, T)."""
    rows = xp.take(values, block.rows, axis=0)
    return rows, block.weight @ rows / block.total


def centered(values, block, xp):
    """Return sqrt(weight) (values - mean) (n, T) and the mean (T,) of the rows of a block."""
    rows, mean = gather(values, block, xp)
    return xp.sqrt(block.weight)[:, None] * (rows - mean), mean


def centered_blocks(values, targets, xp):
    """Yield every block with `centered` values, which blocks of the same individuals share."""
    last = None
    for block in sorted(targets.blocks, key=lambda block: block.pattern):
        if block.pattern != last:
            (rows, mean), last = centered(values, block, xp), block.pattern
        yield block, rows, mean


def spread(values, block, xp):
    """Return (I, T) with the rows (n, T) of a block in their places and 0 elsewhere."""
    padded = xp.concat([values, 0 * values[:1, :]], axis=0)
    return xp.take(padded, block.position, axis=0)
