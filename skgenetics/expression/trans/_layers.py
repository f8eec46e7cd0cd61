"""The effects of factors on genes and tissues that are best given the factors.

"linear" and "sigmoid": the loadings beta. "tensor": the genes' V and the tissues' W. With L2 each
is the solution of normal equations; with L1 it is improved by proximal steps. The intercepts b are
at their minimum throughout, since blocks are centered.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from skgenetics.expression.trans._objective import Params, Penalties
from skgenetics.expression.trans._targets import (
    Block,
    Targets,
    cell_roots,
    centered,
    centered_blocks,
    equations,
    fitted,
    is_masked,
    of_seen,
    per_gene,
    spread,
    stacked,
    unstacked,
)
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

PROXIMAL_STEPS = 20


def solve_layers(
    params: Params, factors: Array, targets: Targets, penalties: Penalties, model: str
) -> Params:
    """Return the parameters with all but coef at (L1: nearer to) their minimum."""
    if model == "tensor":
        W = solve_tissue_factors(params, factors, targets, penalties)
        params = {**params, "tissue_factors": W}
        V = solve_gene_factors(params, factors, targets, penalties)
        return {**params, "gene_factors": V}
    if penalties.loading_kind == "l2":
        return {**params, "loadings": solve_loadings(factors, targets, penalties)}
    return {**params, "loadings": lasso_loadings(params, factors, targets, penalties)}


def solve_loadings(factors: Array, targets: Targets, penalties: Penalties) -> Array:
    """Return the loadings beta (K, T, J) that minimize the objective given the factors; L2 only.

    In the dtype of the expression: they are as many as its cells, or more.
    """
    xp = namespace_of(factors)
    _, n_genes, n_tissues = targets.shape
    n_components = factors.shape[1]
    dtype = targets.blocks[0].y.dtype
    loadings = xp.zeros((n_tissues, n_components, n_genes), dtype=dtype, device=factors.device)
    last = None
    for block, rows, _ in centered_blocks(factors, targets):
        if is_masked(block):
            by_gene = ridge_loadings(factors, block, targets, penalties)
            loadings[block.tissue, :, block.genes] = xp.astype(by_gene, dtype, copy=False)
            continue
        if rows is not last:
            last, (ridge, eye) = rows, _ridge(rows, targets, penalties)
            if rows.shape[0] < n_components:
                smoother = xp.linalg.solve(rows @ rows.T + ridge * eye, rows).T
            else:
                smoother = xp.linalg.solve(rows.T @ rows + ridge * eye, rows.T)
        loadings[block.tissue, :, block.genes] = xp.astype(smoother, dtype, copy=False) @ block.y
    return loadings


def ridge_loadings(factors: Array, block: Block, targets: Targets, penalties: Penalties) -> Array:
    """Return the loadings (T, genes) of a masked block, each gene's from its own X'X; L2 only."""
    xp = namespace_of(factors)
    gram, linear = equations(factors, block)
    eye = xp.eye(gram.shape[1], dtype=gram.dtype, device=factors.device)
    floor = 1e-12 * xp.linalg.trace(gram) + 1e-100
    ridge = xp.clip(floor, min=penalties.loading * targets.n_cells / targets.n_targets)
    return unstacked(xp.linalg.solve(gram + ridge[:, None, None] * eye, linear))


def _ridge(rows, targets, penalties):
    """Return the ridge of a block's loadings, and the identity of its rows or columns (n, T)."""
    xp = namespace_of(rows)
    ridge = penalties.loading * targets.n_cells / targets.n_targets
    eye = xp.eye(min(rows.shape), dtype=rows.dtype, device=rows.device)
    return max(ridge, 1e-12 * float(xp.sum(rows**2)) + 1e-100), eye


class ProjectedLoss(NamedTuple):
    """The objective with the loadings at their minimum, without the penalty of variants."""

    value: float  # the loss with the loadings' penalty
    loss: float
    d_factors: Array  # (I, T) derivative of `value`, in which that of the loadings has no part


def projected(factors: Array, targets: Targets, penalties: Penalties) -> ProjectedLoss:
    """Return the objective of variable projection in the factors (I, T); L2 only.

    With P = (RR' + ridge)^-1 y the residual is ridge P and the loadings are R'P.
    """
    xp = namespace_of(factors)
    value, loss, d_factors = 0.0, 0.0, 0 * factors
    for block in targets.blocks:
        residual, d_rows = _projected_block(factors, block, targets, penalties)
        value = value + xp.sum(residual * block.y)
        loss = loss + xp.sum(residual**2)
        d_factors = d_factors + spread(d_rows, block)
    size = 2 * targets.n_cells
    return ProjectedLoss(float(value) / size, float(loss) / size, 2 * d_factors / size)


def _projected_block(factors, block, targets, penalties):
    """Return a block's residual (n, genes) at its best loadings, and its part of the derivative."""
    xp = namespace_of(factors)
    if is_masked(block):
        loadings = ridge_loadings(factors, block, targets, penalties)
        residual = block.y - fitted(factors, loadings, block)[0]
        return residual, -(cell_roots(block) * residual) @ loadings.T
    rows, _ = centered(factors, block)
    ridge, eye = _ridge(rows, targets, penalties)
    if rows.shape[0] < rows.shape[1]:
        dual = xp.linalg.solve(rows @ rows.T + ridge * eye, block.y)
        residual = ridge * dual
        d_rows = -ridge * ((dual @ dual.T) @ rows)
    else:
        loadings = xp.linalg.solve(rows.T @ rows + ridge * eye, rows.T @ block.y)
        residual = block.y - rows @ loadings
        d_rows = -residual @ loadings.T
    return residual, cell_roots(block) * d_rows


def solve_tissue_factors(
    params: Params, factors: Array, targets: Targets, penalties: Penalties
) -> Array:
    """Return W (K, T) that minimizes the tensor model's objective given F and V; L2 or L1."""
    xp = namespace_of(factors)
    V, W = params["gene_factors"], 0 * params["tissue_factors"]
    eye = xp.eye(factors.shape[1], dtype=factors.dtype, device=factors.device)
    strength = penalties.tissue / W.shape[0] * targets.n_cells
    for k in range(W.shape[0]):
        gram, linear = 0 * eye, 0 * factors[0, :]
        for block in targets.blocks:
            if block.tissue == k:
                block_gram, block_linear = equations(factors, block)
                v = stacked(of_seen(V[block.genes, :].T, block), block_gram.shape[0])
                gram = gram + xp.sum(block_gram * (v @ xp.matrix_transpose(v)), axis=0)
                linear = linear + xp.sum(block_linear * v, axis=(0, 2))
        if penalties.tissue_kind == "l2":
            w = _solve_psd(gram + strength * eye, linear[:, None], eye)
        else:
            start = params["tissue_factors"][k, :][:, None]
            w = lasso_steps(gram, linear[:, None], strength, start)
        W[k, :] = w[:, 0]
    return W


def gene_equations(
    params: Params, factors: Array, targets: Targets
) -> Iterator[tuple[slice, Array, Array]]:
    """Yield genes, X'X (g, T, T) and X'y (g, T, m) of the regressions of genes on F * W."""
    W = params["tissue_factors"]
    by_genes: dict[int, list[Block]] = defaultdict(list)
    for block in targets.blocks:
        by_genes[block.genes.start].append(block)
    for blocks in by_genes.values():
        gram, linear = 0.0, 0.0
        alike = all(block.seen is None for block in blocks)
        for block in blocks:
            block_gram, block_linear = equations(factors, block)
            if not alike:
                block_gram, block_linear = per_gene(block_gram, block_linear, block)
            w = W[block.tissue, :]
            gram = gram + block_gram * (w[:, None] * w[None, :])
            linear = linear + w[:, None] * block_linear
        yield blocks[0].genes, gram, linear


def solve_gene_factors(
    params: Params, factors: Array, targets: Targets, penalties: Penalties
) -> Array:
    """Return V (J, T) that minimizes the tensor model's objective given F and W; L2 or L1."""
    xp = namespace_of(factors)
    V = 0 * params["gene_factors"]
    strength = penalties.loading / V.shape[0] * targets.n_cells
    eye = xp.eye(factors.shape[1], dtype=factors.dtype, device=factors.device)
    for genes, gram, linear in gene_equations(params, factors, targets):
        if penalties.loading_kind == "l2":
            v = _solve_psd(gram + strength * eye, linear, eye)
        else:
            start = stacked(params["gene_factors"][genes, :].T, gram.shape[0])
            v = lasso_steps(gram, linear, strength, start)
        V[genes, :] = unstacked(v).T
    return V


def _solve_psd(gram, linear, eye):
    """Solve a system that may be singular in directions without data."""
    xp = namespace_of(gram)
    floor = 1e-12 * xp.linalg.trace(gram) + 1e-100
    return xp.linalg.solve(gram + floor[..., None, None] * eye, linear)


def lasso_loadings(params: Params, factors: Array, targets: Targets, penalties: Penalties) -> Array:
    """Return loadings (K, T, J) after proximal steps on their L1-penalized regressions."""
    loadings = 0 * params["loadings"]
    strength = penalties.loading * targets.n_cells / targets.n_targets
    for block in targets.blocks:
        gram, linear = equations(factors, block)
        start = stacked(params["loadings"][block.tissue, :, block.genes], gram.shape[0])
        coef = lasso_steps(gram, linear, strength, start)
        loadings[block.tissue, :, block.genes] = unstacked(coef)
    return loadings


def soft_threshold(values: Array, threshold: Array | float) -> Array:
    """Return the proximal map of threshold times the sum of absolute values: exact zeros."""
    xp = namespace_of(values)
    return xp.sign(values) * xp.clip(xp.abs(values) - threshold, min=0.0)


def lasso_steps(gram: Array, linear: Array, strength: float, coef: Array) -> Array:
    """Improve coef (..., T, m) of b'Gb/2 - l'b + strength |b|_1 by accelerated proximal steps.

    Every column restarts its momentum if that points uphill (O'Donoghue and Candes 2015).
    """
    xp = namespace_of(gram)
    curvature = xp.linalg.matrix_norm(gram, ord=2, keepdims=True)
    length = xp.where(curvature > 0, 1 / xp.clip(curvature, min=1e-300), 0.0)
    coef = xp.where(curvature > 0, coef, 0.0)
    ahead, momentum = coef, 1 + 0 * coef[..., :1, :]
    for _ in range(PROXIMAL_STEPS):
        gradient = gram @ ahead - linear
        new = soft_threshold(ahead - length * gradient, length * strength)
        uphill = xp.sum((ahead - new) * (new - coef), axis=-2, keepdims=True) > 0
        momentum = xp.where(uphill, 1.0, momentum)
        grown = (1 + xp.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + xp.where(uphill, 0.0, (momentum - 1) / grown) * (new - coef)
        coef, momentum = new, grown
    return coef
