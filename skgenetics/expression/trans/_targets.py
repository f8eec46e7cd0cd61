"""Expression as blocks of observed cells.

Genes observed in the same cells form a group; a group in one tissue is a block, a complete matrix
of the individuals sampled there. Where a tissue is sampled for all genes or none, as in GTEx, there
is one group and one block a tissue. Sums over blocks are sums over observed cells, without masks.
Genes whose cells few others share are grouped nevertheless, with a mask of the cells.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.utils._arrays import move_to, to_numpy

GENE_CHUNK = 64  # genes whose cells are gathered at once, in all tissues, and largest masked group
MANY = 16  # genes with the same observed cells, for a group of their own


class Block(NamedTuple):
    """The observed cells of a group of genes in a tissue."""

    tissue: int
    genes: slice  # of the genes in the order of `Targets`
    rows: object  # (n,) individuals sampled
    pattern: int  # blocks of equal rows have the same
    position: object  # (I,) row of each individual in this block, n where there is none
    weight: object  # (n,)
    total: object  # sum of the weights of the observed cells: a float, or (genes,) with a mask
    y: object  # (n, genes) sqrt(weight) (y - mean), 0 where not observed, in the dtype of y
    mean: object  # (genes,) weighted mean
    seen: object = None  # None: all observed; (1, genes) genes that are; or (n, genes) cells


class Targets(NamedTuple):
    """Observed expression of I individuals, J genes and K tissues."""

    blocks: list
    groups: list  # slices of genes, each with its blocks
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
    order, groups, shared = _grouped(y)

    def array(values):
        return move_to(values, xp, device)

    blocks, known, n_cells, n_targets = [], {}, 0.0, 0
    for genes, same in zip(groups, shared):
        members = order[genes]
        sampled = ~np.isnan(y[:, members[:1] if same else members])
        rows = [np.flatnonzero(own) for own in sampled.any(axis=1).T]
        seen = [sampled[own, :, k] for k, own in enumerate(rows)]
        values = [np.empty((own.size, members.size), dtype=y.dtype) for own in rows]
        means = np.zeros((n_tissues, members.size))
        for first in range(0, members.size, GENE_CHUNK):
            chunk = slice(first, first + GENE_CHUNK)
            part = y[:, members[chunk]]
            for k, own in enumerate(rows):
                w = weight[own, None] * seen[k]
                cells = np.where(seen[k], part[own, :, k], 0)
                means[k, chunk] = np.sum(w * cells, axis=0) / np.maximum(w.sum(axis=0), 1e-300)
                values[k][:, chunk] = np.sqrt(w) * (cells - means[k, chunk])
        for k, own in enumerate(rows):
            if own.size == 0:
                continue
            if own.tobytes() not in known:
                position = np.full(n, own.size)
                position[own] = np.arange(own.size)
                known[own.tobytes()] = array(own), len(known), array(position), array(weight[own])
            mask = seen[k]
            if mask.all():
                total, mask = float(weight[own].sum()), None
                n_cells, n_targets = n_cells + total * members.size, n_targets + members.size
            else:
                total = weight[own] @ mask
                n_cells, n_targets = n_cells + total.sum(), n_targets + np.count_nonzero(total)
                if np.all(mask == mask.any(axis=0)):
                    mask = mask[:1]
                total, mask = array(total), array(mask)
            rest = total, array(values[k]), array(means[k]), mask
            blocks.append(Block(k, genes, *known[own.tobytes()], *rest))
    n_cells, n_targets = float(n_cells), int(n_targets)
    return Targets(blocks, groups, array(order), n_cells, n_targets, (n, n_genes, n_tissues))


def _grouped(y):
    """Return the order of genes, slices of it, and whether the genes of each share their cells."""
    patterns = []
    for first in range(0, y.shape[1], GENE_CHUNK):
        seen = ~np.isnan(y[:, first : first + GENE_CHUNK]).transpose(1, 0, 2)
        packed = np.packbits(seen.reshape(len(seen), -1), axis=1)
        patterns += [own.tobytes() for own in packed]
    _, label, count = np.unique(
        np.array(patterns, dtype=object), return_inverse=True, return_counts=True
    )
    own_group = (count >= MANY) | (count.size == 1)
    label = np.where(own_group[label], label, -1)
    order, rare = np.argsort(label, kind="stable"), int(np.sum(label < 0))
    starts = np.flatnonzero(np.diff(label[order][rare:], prepend=-1)) + rare
    bounds = [*range(0, rare, GENE_CHUNK), *map(int, starts), label.size]
    groups = [slice(a, b) for a, b in pairwise(bounds)]
    return order, groups, [group.start >= rare for group in groups]


def is_masked(block):
    """Whether the genes of a block differ in their individuals."""
    return block.seen is not None and block.seen.shape[0] > 1


def same_cells(targets):
    """Return lists of the blocks of one tissue and the same individuals, all but masked ones."""
    found = {}
    for block in targets.blocks:
        if not is_masked(block):
            found.setdefault((block.tissue, block.pattern), []).append(block)
    return list(found.values())


def compress(targets, xp):
    """Return `Targets` of fewer columns with the same Y Y' for each tissue and set of individuals.

    A loss that is minimized over L2-penalized loadings depends on Y through Y Y' alone, so that at
    most as many columns as samples are needed, however many genes there are. Masked blocks stay.
    """
    blocks, widths = [], [0] * targets.shape[2]
    members = same_cells(targets) + [[block] for block in targets.blocks if is_masked(block)]
    for block, *others in members:
        y, double = block.y, block.weight.dtype
        if others:
            y = xp.concat([y, *(own.y for own in others)], axis=1)
        if not is_masked(block):
            if y.shape[1] > y.shape[0]:
                values, vectors = xp.linalg.eigh(xp.astype(y @ y.T, double, copy=False))
                y = vectors * xp.sqrt(xp.clip(values, min=0.0))
            total = xp.sum(block.weight)
            block = block._replace(seen=None, total=float(total))
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
        if block.seen is not None:
            values = np.where(to_numpy(block.seen), values, np.nan)
        y[rows[:, None], order[block.genes], block.tissue] = values
    return y


def sum_of_squares(targets, xp):
    """Return the weighted sum of squares of the observed cells."""
    return sum(
        float(xp.sum(block.y**2, dtype=xp.float64)) + float(xp.sum(block.total * block.mean**2))
        for block in targets.blocks
    )


def onto(left, block, xp):
    """Return the product (m, genes) of left (m, n) with the expression of a block."""
    return left @ xp.astype(block.y, left.dtype, copy=False)


def gather(values, block, xp):
    """Return the rows (n, T) of a block and their weighted mean (T,), from (I, T)."""
    rows = xp.take(values, block.rows, axis=0)
    return rows, block.weight @ rows / xp.sum(block.weight)


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


def cell_roots(block, xp):
    """Return the roots of the weights, (n, 1), or (n, genes) and 0 if missing in a masked block."""
    root = xp.sqrt(block.weight)[:, None]
    return root * xp.astype(block.seen, root.dtype) if is_masked(block) else root


def of_seen(loadings, block, xp):
    """Return loadings (T, genes) with 0 for genes that a block lacks."""
    if block.seen is None or is_masked(block):
        return loadings
    return loadings * xp.astype(block.seen, loadings.dtype)


def fitted(values, loadings, block, xp):
    """Return what loadings (T, genes) make of values (I, T) in a block.

    root (fit - mean) (n, genes), 0 where not observed, and the weighted mean (genes,).
    """
    if not is_masked(block):
        rows, _ = centered(values, block, xp)
        fit = xp.astype(rows, loadings.dtype, copy=False) @ of_seen(loadings, block, xp)
        return fit, fitted_mean(values, loadings, block, xp)
    rows = xp.astype(xp.take(values, block.rows, axis=0), loadings.dtype, copy=False)
    fit, root = rows @ loadings, cell_roots(block, xp)
    mean = xp.sum(root**2 * fit, axis=0) / xp.clip(block.total, min=1e-300)
    return root * (fit - mean), mean


def fitted_mean(values, loadings, block, xp):
    """Return the weighted mean (genes,) of `fitted`."""
    if is_masked(block):
        return fitted(values, loadings, block, xp)[1]
    _, mean = gather(values, block, xp)
    return xp.astype(mean, loadings.dtype, copy=False) @ of_seen(loadings, block, xp)


def equations(values, block, xp):
    """Return X'X (g, T, T) and X'y (g, T, m) of the regressions of genes on values (I, T).

    One X'X for all genes of the block, or where it is masked one for each: g m genes.
    """
    if not is_masked(block):
        rows, _ = centered(values, block, xp)
        return (rows.T @ rows)[None, ...], onto(rows.T, block, xp)[None, ...]
    rows, root = xp.take(values, block.rows, axis=0), cell_roots(block, xp)
    mean = (root**2).T @ rows / xp.clip(block.total, min=1e-300)[:, None]
    X = root.T[:, :, None] * (rows[None, :, :] - mean[:, None, :])
    transposed = xp.matrix_transpose(X)
    y = xp.astype(block.y, X.dtype, copy=False)
    return transposed @ X, transposed @ y.T[:, :, None]


def per_gene(gram, linear, block, xp):
    """Return `equations` with X'X of each gene, 0 for genes that the block lacks."""
    if is_masked(block):
        return gram, linear
    here = 1 + 0 * linear[0, 0, :]
    if block.seen is not None:
        here = here * xp.astype(block.seen[0, :], here.dtype)
    return here[:, None, None] * gram, stacked(linear[0, ...], here.shape[0], xp)


def stacked(values, g, xp):
    """Return values (T, g m) as (g, T, m)."""
    T, size = values.shape
    return xp.permute_dims(xp.reshape(values, (T, g, size // g)), (1, 0, 2))


def unstacked(values, xp):
    """Return values (g, T, m) as (T, g m)."""
    g, T, m = values.shape
    return xp.reshape(xp.permute_dims(values, (1, 0, 2)), (T, g * m))


def spread(values, block, xp):
    """Return (I, T) with the rows (n, T) of a block in their places and 0 elsewhere."""
    padded = xp.concat([values, 0 * values[:1, :]], axis=0)
    return xp.take(padded, block.position, axis=0)
