"""Expression as blocks of observed cells.

Genes observed in the same cells form a group; a group in one tissue is a block, a complete matrix
of the individuals sampled there. If each tissue is sampled for all genes or none, as in GTEx, there
is one group and one block per tissue. Sums over blocks are sums over observed cells, without masks.
Genes whose cells few others share are grouped nevertheless, with a mask of the cells.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._arrays import (
    device_of,
    move_to,
    namespace_of,
    slices,
    to_numpy,
    working_size,
)
from skgenetics.utils._typing import Array

GENE_CHUNK = 64  # genes whose cells are gathered at once, in all tissues, and largest masked group
MIN_GROUP_SIZE = 16  # genes with the same observed cells that get a group without masks


class Block(NamedTuple):
    """The observed cells of a group of genes in a tissue."""

    tissue: int
    genes: slice  # of the genes in the order of `Targets`
    rows: Array  # (n,) individuals sampled
    pattern: int  # blocks of equal rows have the same
    position: Array  # (I,) row of each individual in this block, n if there is none
    weight: Array  # (n,)
    total: Any  # sum of the weights of the observed cells: a float, or (genes,) with a mask
    y: Array  # (n, genes) sqrt(weight) (y - mean), 0 where not observed, in the dtype of y
    mean: Array  # (genes,) weighted mean
    seen: Array | None = None  # None: all observed; (1, genes) genes that are; or (n, genes) cells


class Targets(NamedTuple):
    """Observed expression of I individuals, J genes and K tissues."""

    blocks: list[Block]
    groups: list[slice]  # of genes, each with its blocks; none if compressed
    order: Array  # (J,) gene of y behind each gene of the blocks; None if compressed
    n_cells: float  # N, the sum of the weights of the observed cells
    n_targets: int  # M, the number of pairs of gene and tissue with observed cells
    shape: tuple[int, int, int]  # (I, J, K)


class GeneGroup(NamedTuple):
    """Genes that share their blocks."""

    genes: slice  # of the genes in the order of `Targets`
    same_cells: bool  # whether all are observed in the same cells


class Sampled(NamedTuple):
    """The individuals of a block, as its fields from rows to weight."""

    rows: Array
    pattern: int
    position: Array
    weight: Array


class _BlockMaker:
    """Makes blocks on a device, where those of the same individuals share their arrays."""

    def __init__(self, weight, xp, device):
        self.weight, self.xp, self.device = weight, xp, device
        self.shared: dict[bytes, Sampled] = {}

    def array(self, values: np.ndarray) -> Array:
        """Return an array on the device."""
        return move_to(values, self.xp, self.device)

    def individuals(self, rows: np.ndarray) -> Sampled:
        """Return the `Sampled` individuals of some rows, made once."""
        key = rows.tobytes()
        if key not in self.shared:
            position = np.full(self.weight.size, rows.size)
            position[rows] = np.arange(rows.size)
            weight = self.array(self.weight[rows])
            self.shared[key] = Sampled(
                self.array(rows), len(self.shared), self.array(position), weight
            )
        return self.shared[key]

    def block(
        self, tissue: int, genes: slice, sampled: Sampled, seen: np.ndarray, y: Array, mean: Array
    ) -> tuple[Block, float, int]:
        """Return a `Block`, the weight N of its cells and the number of its observed genes.

        seen : bool array (n, genes), or (n, 1) for all genes, on the host
        """
        n_genes = y.shape[1]
        total: Any
        mask: Any = None
        if seen.all():
            total = float(self.xp.sum(sampled.weight))
            n_cells, n_targets = total * n_genes, n_genes
        else:
            by_gene = to_numpy(sampled.weight) @ seen
            n_cells, n_targets = float(by_gene.sum()), np.count_nonzero(by_gene)
            mask = seen[:1] if np.all(seen == seen.any(axis=0)) else seen
            total, mask = self.array(by_gene), self.array(mask)
        block = Block(tissue, genes, *sampled, total, y, mean, mask)
        return block, n_cells, n_targets


def make_targets(y: Any, weight: np.ndarray, xp: Any, device: Any) -> Targets:
    """Return the `Targets` of y (I, J, K), on the host, NaN where not observed.

    Only observed cells are copied, by chunks of genes, in the dtype of y. What is computed of them
    is computed on the device.

    weight : array (I,), on the host
    """
    n, n_genes, n_tissues = y.shape
    make = _BlockMaker(weight, xp, device)
    order, groups = _grouped(y, make)
    blocks, n_cells, n_targets = [], 0.0, 0
    for genes, same_cells in groups:
        for k, parts in enumerate(_gather(y, order[genes], same_cells, make)):
            if parts[1].size:
                block, cells, targets = make.block(k, genes, *parts)
                blocks.append(block)
                n_cells, n_targets = n_cells + cells, n_targets + targets
    slices = [group.genes for group in groups]
    shape = (n, n_genes, n_tissues)
    return Targets(blocks, slices, make.array(order), float(n_cells), int(n_targets), shape)


def gene_chunks(shape: tuple[int, int, int], like: Array) -> Iterator[slice]:
    """Yield slices of the genes of expression (I, J, K) that are worked on at once, beside `like`.

    They are `GENE_CHUNK` genes, or as many more as a GPU takes.
    """
    n, n_genes, n_tissues = shape
    cells = max(n * n_tissues, 1)
    yield from slices(n_genes, working_size(GENE_CHUNK * cells, like) // cells)


def _gather(y, members, same_cells, make):
    """Return, per tissue, what a group's genes have there, as the parts of a block.

    `Sampled`, seen (n, genes) or (n, 1) on the host, values (n, genes) and means.
    """
    xp, (n, _, n_tissues) = make.xp, y.shape
    observed = ~np.isnan(y[:, members[:1] if same_cells else members])
    rows = [np.flatnonzero(of_tissue) for of_tissue in observed.any(axis=1).T]
    seen = [observed[sampled_rows, :, k] for k, sampled_rows in enumerate(rows)]
    sampled = [make.individuals(sampled_rows) for sampled_rows in rows]
    place = {"device": make.device}
    values = [
        xp.empty((of_tissue.size, members.size), dtype=getattr(xp, y.dtype.name), **place)
        for of_tissue in rows
    ]
    means = [xp.zeros(members.size, dtype=xp.float64, **place) for _ in rows]
    for chunk in gene_chunks((n, members.size, n_tissues), means[0]):
        part = make.array(y[:, members[chunk]])
        for k, individuals in enumerate(sampled):
            in_chunk = make.array(seen[k] if same_cells else seen[k][:, chunk])
            w = individuals.weight[:, None] * xp.astype(in_chunk, xp.float64)
            cells = xp.where(in_chunk, xp.take(part[:, :, k], individuals.rows, axis=0), 0.0)
            mean = xp.sum(w * cells, axis=0) / xp.clip(xp.sum(w, axis=0), min=1e-300)
            means[k][chunk] = mean
            values[k][:, chunk] = xp.astype(xp.sqrt(w) * (cells - mean), values[k].dtype)
    return list(zip(sampled, seen, values, means))


def _grouped(y, make):
    """Return the order of genes and the `GeneGroup` of each run of it."""
    xp, patterns = make.xp, []
    for chunk in gene_chunks(y.shape, make.array(make.weight)):
        missing = to_numpy(xp.permute_dims(xp.isnan(make.array(y[:, chunk])), (1, 0, 2)))
        packed = np.packbits(missing.reshape(len(missing), -1), axis=1)
        patterns += [of_gene.tobytes() for of_gene in packed]
    _, label, count = np.unique(
        np.array(patterns, dtype=object), return_inverse=True, return_counts=True
    )
    shared = (count >= MIN_GROUP_SIZE) | (count.size == 1)
    label = np.where(shared[label], label, -1)
    order, rare = np.argsort(label, kind="stable"), int(np.sum(label < 0))
    starts = np.flatnonzero(np.diff(label[order][rare:], prepend=-1)) + rare
    bounds = [*range(0, rare, GENE_CHUNK), *map(int, starts), label.size]
    return order, [GeneGroup(slice(a, b), a >= rare) for a, b in pairwise(bounds)]


def is_masked(block: Block) -> bool:
    """Whether the genes of a block differ in their individuals."""
    return block.seen is not None and block.seen.shape[0] > 1


def same_cells(targets: Targets) -> list[list[Block]]:
    """Return lists of the blocks of one tissue and the same individuals, all but masked ones."""
    by_cells: dict[tuple[int, int], list[Block]] = {}
    for block in targets.blocks:
        if not is_masked(block):
            by_cells.setdefault((block.tissue, block.pattern), []).append(block)
    return list(by_cells.values())


def compress(targets: Targets) -> Targets:
    """Return `Targets` of fewer columns with the same Y Y' for each tissue and set of individuals.

    A loss that is minimized over L2-penalized loadings depends on Y through Y Y' alone, so that at
    most as many columns as samples are needed, however many genes there are. Masked blocks stay.
    """
    xp = namespace_of(targets.blocks[0].weight)
    blocks: list[Block] = []
    widths = [0] * targets.shape[2]
    members = same_cells(targets) + [[block] for block in targets.blocks if is_masked(block)]
    for alike in members:
        block, double = alike[0], alike[0].weight.dtype
        y = block.y if len(alike) == 1 else xp.concat([part.y for part in alike], axis=1)
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
    return targets._replace(blocks=blocks, groups=[], order=None, shape=shape)


def dense(targets: Targets) -> np.ndarray:
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


def sum_of_squares(targets: Targets) -> float:
    """Return the weighted sum of squares of the observed cells."""
    return sum_of_products(targets, targets)


def sum_of_products(targets: Targets, others: Targets) -> float:
    """Return the weighted sum of products over the observed cells, which are the same ones."""
    xp = namespace_of(targets.blocks[0].y)
    return sum(
        float(xp.sum(block.y * other.y, dtype=xp.float64))
        + float(xp.sum(block.total * block.mean * other.mean))
        for block, other in zip(targets.blocks, others.blocks)
    )


def onto(left: Array, block: Block) -> Array:
    """Return the product (m, genes) of left (m, n) with the expression of a block."""
    xp = namespace_of(left)
    return left @ xp.astype(block.y, left.dtype, copy=False)


def gather(values: Array, block: Block) -> tuple[Array, Array]:
    """Return the rows (n, T) of a block and their weighted mean (T,), from (I, T)."""
    xp = namespace_of(values)
    rows = xp.take(values, block.rows, axis=0)
    return rows, block.weight @ rows / xp.sum(block.weight)


def centered(values: Array, block: Block) -> tuple[Array, Array]:
    """Return sqrt(weight) (values - mean) (n, T) and the mean (T,) of the rows of a block."""
    xp = namespace_of(values)
    rows, mean = gather(values, block)
    return xp.sqrt(block.weight)[:, None] * (rows - mean), mean


def centered_blocks(values: Array, targets: Targets) -> Iterator[tuple[Block, Array, Array]]:
    """Yield every block with `centered` values, which blocks of the same individuals share."""
    last = None
    for block in sorted(targets.blocks, key=lambda block: block.pattern):
        if block.pattern != last:
            (rows, mean), last = centered(values, block), block.pattern
        yield block, rows, mean


def cell_roots(block: Block) -> Array:
    """Return the roots of the weights, (n, 1), or (n, genes) and 0 if missing in a masked block."""
    xp = namespace_of(block.weight)
    root = xp.sqrt(block.weight)[:, None]
    return root * xp.astype(block.seen, root.dtype) if is_masked(block) else root


def of_seen(loadings: Array, block: Block) -> Array:
    """Return loadings (T, genes) with 0 for genes that a block lacks."""
    xp = namespace_of(loadings)
    if block.seen is None or is_masked(block):
        return loadings
    return loadings * xp.astype(block.seen, loadings.dtype)


def fitted(values: Array, loadings: Array, block: Block) -> tuple[Array, Array]:
    """Return what loadings (T, genes) make of values (I, T) in a block.

    root (fit - mean) (n, genes), 0 where not observed, and the weighted mean (genes,).
    """
    xp = namespace_of(values)
    if not is_masked(block):
        rows, _ = centered(values, block)
        fit = xp.astype(rows, loadings.dtype, copy=False) @ of_seen(loadings, block)
        return fit, fitted_mean(values, loadings, block)
    rows = xp.astype(xp.take(values, block.rows, axis=0), loadings.dtype, copy=False)
    fit, root = rows @ loadings, cell_roots(block)
    mean = xp.sum(root**2 * fit, axis=0) / xp.clip(block.total, min=1e-300)
    return root * (fit - mean), mean


def fitted_mean(values: Array, loadings: Array, block: Block) -> Array:
    """Return the weighted mean (genes,) of `fitted`."""
    xp = namespace_of(values)
    if is_masked(block):
        return fitted(values, loadings, block)[1]
    _, mean = gather(values, block)
    return xp.astype(mean, loadings.dtype, copy=False) @ of_seen(loadings, block)


def equations(values: Array, block: Block) -> tuple[Array, Array]:
    """Return X'X (g, T, T) and X'y (g, T, m) of the regressions of genes on values (I, T).

    One X'X for all genes of the block, or one for each if it is masked: g m genes.
    """
    xp = namespace_of(values)
    if not is_masked(block):
        rows, _ = centered(values, block)
        return (rows.T @ rows)[None, ...], onto(rows.T, block)[None, ...]
    rows, root = xp.take(values, block.rows, axis=0), cell_roots(block)
    mean = (root**2).T @ rows / xp.clip(block.total, min=1e-300)[:, None]
    X = root.T[:, :, None] * (rows[None, :, :] - mean[:, None, :])
    transposed = xp.matrix_transpose(X)
    y = xp.astype(block.y, X.dtype, copy=False)
    return transposed @ X, transposed @ y.T[:, :, None]


def per_gene(gram: Array, linear: Array, block: Block) -> tuple[Array, Array]:
    """Return `equations` with X'X of each gene, 0 for genes that the block lacks."""
    xp = namespace_of(linear)
    if is_masked(block):
        return gram, linear
    observed = xp.ones(linear.shape[2], dtype=linear.dtype, device=device_of(linear))
    if block.seen is not None:
        observed = observed * xp.astype(block.seen[0, :], observed.dtype)
    return observed[:, None, None] * gram, stacked(linear[0, ...], observed.shape[0])


def stacked(values: Array, g: int) -> Array:
    """Return values (T, g m) as (g, T, m)."""
    xp = namespace_of(values)
    T, size = values.shape
    return xp.permute_dims(xp.reshape(values, (T, g, size // g)), (1, 0, 2))


def unstacked(values: Array) -> Array:
    """Return values (g, T, m) as (T, g m)."""
    xp = namespace_of(values)
    g, T, m = values.shape
    return xp.reshape(xp.permute_dims(values, (1, 0, 2)), (T, g * m))


def spread(values: Array, block: Block) -> Array:
    """Return (I, T) with the rows (n, T) of a block in their places and 0 elsewhere."""
    xp = namespace_of(values)
    padded = xp.concat([values, 0 * values[:1, :]], axis=0)
    return xp.take(padded, block.position, axis=0)
