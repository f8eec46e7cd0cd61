"""Solvers of the trans models: generators that yield a `TransState` an iteration.

The intercepts b are at their minimum throughout, where blocks are centered: parameters have no
"offset". Solvers of L2-penalized scores take a root of the kernel as the design, where the sizes of
S and, for `varpro` and the alternating solver, of J no longer matter (`compress`).
"""

from typing import NamedTuple

from skgenetics.expression.trans._lbfgs import lbfgs
from skgenetics.expression.trans._objective import (
    data_loss,
    objective,
    objective_and_gradients,
    penalty,
    scores_to_factors,
    tissue_loadings,
)
from skgenetics.expression.trans._targets import (
    cell_roots,
    centered,
    centered_blocks,
    compress,
    equations,
    fitted,
    is_masked,
    of_seen,
    per_gene,
    spread,
    stacked,
    unstacked,
)

CG_STEPS = 20
PROXIMAL_STEPS = 20


class TransState(NamedTuple):
    """A solver's parameters after an iteration, its objective and the data's share of it."""

    params: dict
    value: float
    loss: float
    converged: bool


def solve_loadings(factors, targets, penalties, xp):
    """Return the loadings (K, T, J) that minimize the objective given the factors; L2 only.

    In the dtype of the expression: they are as many as its cells, or more.
    """
    _, n_genes, n_tissues = targets.shape
    n_components = factors.shape[1]
    dtype = targets.blocks[0].y.dtype
    loadings = xp.zeros((n_tissues, n_components, n_genes), dtype=dtype, device=factors.device)
    last = None
    for block, rows, _ in centered_blocks(factors, targets, xp):
        if is_masked(block):
            own = ridge_loadings(factors, block, targets, penalties, xp)
            loadings[block.tissue, :, block.genes] = xp.astype(own, dtype, copy=False)
            continue
        if rows is not last:
            last, (ridge, eye) = rows, _ridge(rows, targets, penalties, xp)
            if rows.shape[0] < n_components:
                smoother = xp.linalg.solve(rows @ rows.T + ridge * eye, rows).T
            else:
                smoother = xp.linalg.solve(rows.T @ rows + ridge * eye, rows.T)
        loadings[block.tissue, :, block.genes] = xp.astype(smoother, dtype, copy=False) @ block.y
    return loadings


def ridge_loadings(factors, block, targets, penalties, xp):
    """Return the loadings (T, genes) of a masked block, each gene's from its own X'X; L2 only."""
    gram, linear = equations(factors, block, xp)
    eye = xp.eye(gram.shape[1], dtype=gram.dtype, device=factors.device)
    floor = 1e-12 * xp.linalg.trace(gram) + 1e-100
    ridge = xp.clip(floor, min=penalties.loading * targets.n_cells / targets.n_targets)
    return unstacked(xp.linalg.solve(gram + ridge[:, None, None] * eye, linear), xp)


def _ridge(rows, targets, penalties, xp):
    """Return the ridge of a block's loadings, and the identity of its rows or columns (n, T)."""
    ridge = penalties.loading * targets.n_cells / targets.n_targets
    eye = xp.eye(min(rows.shape), dtype=rows.dtype, device=rows.device)
    return max(ridge, 1e-12 * float(xp.sum(rows**2)) + 1e-100), eye


def projected(factors, targets, penalties, xp):
    """Return what is left of the objective when the loadings are at their minimum; L2 only.

    The loss with the loadings' penalty, the loss alone, and the derivative of the first in the
    factors (I, T), in which that of the loadings has no part. With P = (RR' + ridge)^-1 y the
    residual is ridge P and the loadings R'P.
    """
    both, loss, d_factors = 0.0, 0.0, 0 * factors
    for block in targets.blocks:
        rows, _ = centered(factors, block, xp)
        if is_masked(block):
            loadings = ridge_loadings(factors, block, targets, penalties, xp)
            residual = block.y - fitted(factors, loadings, block, xp)[0]
            own = -(cell_roots(block, xp) * residual) @ loadings.T
        else:
            ridge, eye = _ridge(rows, targets, penalties, xp)
            if rows.shape[0] < rows.shape[1]:
                inner = xp.linalg.solve(rows @ rows.T + ridge * eye, block.y)
                residual = ridge * inner
                own = -ridge * ((inner @ inner.T) @ rows)
            else:
                loadings = xp.linalg.solve(rows.T @ rows + ridge * eye, rows.T @ block.y)
                residual = block.y - rows @ loadings
                own = -residual @ loadings.T
            own = cell_roots(block, xp) * own
        both = both + xp.sum(residual * block.y)
        loss = loss + xp.sum(residual**2)
        d_factors = d_factors + spread(own, block, xp)
    size = 2 * targets.n_cells
    return float(both) / size, float(loss) / size, 2 * d_factors / size


def solve_tissue_factors(params, factors, targets, penalties, xp):
    """Return W (K, T) that minimizes the tensor model's objective given F and V; L2 or L1."""
    gene_factors, W = params["gene_factors"], 0 * params["tissue_factors"]
    n_components = factors.shape[1]
    eye = xp.eye(n_components, dtype=factors.dtype, device=factors.device)
    strength = penalties.tissue / W.shape[0] * targets.n_cells
    for k in range(W.shape[0]):
        gram, linear = 0 * eye, 0 * factors[0, :]
        for block in targets.blocks:
            if block.tissue == k:
                own, right = equations(factors, block, xp)
                V = stacked(of_seen(gene_factors[block.genes, :].T, block, xp), own.shape[0], xp)
                gram = gram + xp.sum(own * (V @ xp.matrix_transpose(V)), axis=0)
                linear = linear + xp.sum(right * V, axis=(0, 2))
        if penalties.tissue_kind == "l2":
            found = _solve_psd(gram + strength * eye, linear[:, None], eye, xp)
        else:
            start = params["tissue_factors"][k, :][:, None]
            found = lasso_steps(gram, linear[:, None], strength, start, xp)
        W[k, :] = found[:, 0]
    return W


def gene_equations(params, factors, targets, xp):
    """Yield genes, X'X (g, T, T) and X'y (g, T, m) of the regressions of genes on F * W."""
    W, members = params["tissue_factors"], {}
    for block in targets.blocks:
        members.setdefault(block.genes.start, []).append(block)
    for blocks in members.values():
        gram, linear = 0.0, 0.0
        alike = all(block.seen is None for block in blocks)
        for block in blocks:
            own, right = equations(factors, block, xp)
            if not alike:
                own, right = per_gene(own, right, block, xp)
            w = W[block.tissue, :]
            gram = gram + own * (w[:, None] * w[None, :])
            linear = linear + w[:, None] * right
        yield blocks[0].genes, gram, linear


def solve_gene_factors(params, factors, targets, penalties, xp):
    """Return V (J, T) that minimizes the tensor model's objective given F and W; L2 or L1."""
    V = 0 * params["gene_factors"]
    strength = penalties.loading / V.shape[0] * targets.n_cells
    eye = xp.eye(factors.shape[1], dtype=factors.dtype, device=factors.device)
    for genes, gram, linear in gene_equations(params, factors, targets, xp):
        if penalties.loading_kind == "l2":
            found = _solve_psd(gram + strength * eye, linear, eye, xp)
        else:
            start = stacked(params["gene_factors"][genes, :].T, gram.shape[0], xp)
            found = lasso_steps(gram, linear, strength, start, xp)
        V[genes, :] = unstacked(found, xp).T
    return V


def _solve_psd(gram, linear, eye, xp):
    """Solve a system that may be singular in directions without data."""
    floor = 1e-12 * xp.linalg.trace(gram) + 1e-100
    return xp.linalg.solve(gram + floor[..., None, None] * eye, linear)


def lasso_loadings(params, factors, targets, penalties, xp):
    """Return loadings (K, T, J) after proximal steps on their L1-penalized regressions."""
    loadings = 0 * params["loadings"]
    strength = penalties.loading * targets.n_cells / targets.n_targets
    for block in targets.blocks:
        gram, linear = equations(factors, block, xp)
        start = stacked(params["loadings"][block.tissue, :, block.genes], gram.shape[0], xp)
        found = lasso_steps(gram, linear, strength, start, xp)
        loadings[block.tissue, :, block.genes] = unstacked(found, xp)
    return loadings


def soft_threshold(values, threshold, xp):
    """Return the proximal map of threshold times the sum of absolute values: exact zeros."""
    return xp.sign(values) * xp.clip(xp.abs(values) - threshold, min=0.0)


def lasso_steps(gram, linear, strength, coef, xp):
    """Improve coef (..., T, m) of b'Gb/2 - l'b + strength |b|_1 by accelerated proximal steps.

    Every column restarts its momentum where that points uphill (O'Donoghue and Candes 2015).
    """
    curvature = xp.linalg.matrix_norm(gram, ord=2, keepdims=True)
    length = xp.where(curvature > 0, 1 / xp.clip(curvature, min=1e-300), 0.0)
    coef = xp.where(curvature > 0, coef, 0.0)
    ahead, momentum = coef, 1 + 0 * coef[..., :1, :]
    for _ in range(PROXIMAL_STEPS):
        gradient = gram @ ahead - linear
        new = soft_threshold(ahead - length * gradient, length * strength, xp)
        uphill = xp.sum((ahead - new) * (new - coef), axis=-2, keepdims=True) > 0
        momentum = xp.where(uphill, 1.0, momentum)
        grown = (1 + xp.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + xp.where(uphill, 0.0, (momentum - 1) / grown) * (new - coef)
        coef, momentum = new, grown
    return coef


def coef_gradient(params, targets, design, penalties, model, xp):
    """Return objective, loss, and the derivative of the smooth part in "coef"."""
    factors, slope = scores_to_factors(design.matrix @ params["coef"], model, xp)
    loss, d_factors, _ = data_loss(params, factors, targets, xp)
    gradient = design.matrix.T @ (d_factors * slope)
    if penalties.variant_kind == "l2":
        gradient = gradient + penalties.variant * design.penalized[:, None] * params["coef"]
    return loss + penalty(params, targets, design, penalties, xp), loss, gradient


def newton_factors(params, targets, design, penalties, *, model, xp):
    """Return coef after a Gauss-Newton step in it, by conjugate gradients; L2 only.

    In "linear" and "tensor" the objective is quadratic in coef.
    """
    coef = params["coef"]
    value, _, gradient = coef_gradient(params, targets, design, penalties, model, xp)
    _, slope = scores_to_factors(design.matrix @ coef, model, xp)
    products = []
    for block in targets.blocks:
        loadings = of_seen(tissue_loadings(params, block.tissue, block.genes), block, xp)
        products.append(loadings if is_masked(block) else loadings @ loadings.T)

    def curvature(step):
        moved, total = (design.matrix @ step) * slope, 0 * slope
        for block, product in zip(targets.blocks, products):
            if is_masked(block):
                fit, _ = fitted(moved, product, block, xp)
                own = (cell_roots(block, xp) * fit) @ product.T
            else:
                rows, _ = centered(moved, block, xp)
                own = cell_roots(block, xp) * (rows @ product)
            total = total + spread(own, block, xp)
        step = penalties.variant * design.penalized[:, None] * step
        return design.matrix.T @ (total * slope) / targets.n_cells + step

    residual = -gradient
    direction, step = residual, 0 * coef
    size = start = float(xp.sum(residual**2))
    for _ in range(CG_STEPS):
        if size <= 1e-6 * start or size == 0:
            break
        moved = curvature(direction)
        bend = float(xp.sum(direction * moved))
        if bend <= 0:
            break
        step = step + size / bend * direction
        residual = residual - size / bend * moved
        size, before = float(xp.sum(residual**2)), size
        direction = residual + size / before * direction
    length = 1.0
    while length > 1e-8:
        tried = {**params, "coef": coef + length * step}
        if float(objective(tried, targets, design, penalties, model=model, xp=xp)) <= value:
            return tried["coef"]
        length = length / 2
    return coef


def lasso_coef(params, length, targets, design, penalties, *, model, xp):
    """Return coef after proximal gradient steps, and their last length; L1 on the variants."""
    coef = params["coef"]
    ahead, momentum = coef, 1.0
    for _ in range(PROXIMAL_STEPS):
        at = {**params, "coef": ahead}
        factors, slope = scores_to_factors(design.matrix @ ahead, model, xp)
        loss, d_factors, _ = data_loss(at, factors, targets, xp)
        gradient = design.matrix.T @ (d_factors * slope)
        while True:
            threshold = length * penalties.variant * design.penalized[:, None]
            new = soft_threshold(ahead - length * gradient, threshold, xp)
            move = new - ahead
            factors, _ = scores_to_factors(design.matrix @ new, model, xp)
            reached, _, _ = data_loss(at, factors, targets, xp)
            bound = loss + xp.sum(gradient * move) + xp.sum(move**2) / (2 * length)
            if float(reached) <= float(bound) + 1e-14 * abs(float(loss)) or length < 1e-12:
                break
            length = length / 2
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        if float(xp.sum((ahead - new) * (new - coef))) > 0:
            grown, ahead = 1.0, new
        else:
            ahead = new + (momentum - 1) / grown * (new - coef)
        coef, momentum = new, grown
    return coef, 2 * length


def varpro(params, targets, design, penalties, *, model, tol, xp):
    """Variable projection: L-BFGS on coef alone, the loadings being at their minimum.

    "linear" and "sigmoid", L2 on both layers. The states' parameters are coef alone.
    """
    small = compress(targets, xp)

    def function(coef):
        factors, slope = scores_to_factors(design.matrix @ coef, model, xp)
        both, loss, d_factors = projected(factors, small, penalties, xp)
        shrunken = penalties.variant * design.penalized[:, None] * coef
        gradient = design.matrix.T @ (d_factors * slope) + shrunken
        return both + float(xp.sum(shrunken * coef)) / 2, gradient, loss

    for iterate in lbfgs(function, params["coef"], tol=tol, xp=xp):
        yield TransState({"coef": iterate.x}, iterate.value, iterate.extra, iterate.converged)


def alternate(params, targets, design, penalties, *, model, tol, xp):
    """Alternate between the layers, each at or near its minimum given the others.

    L2: exact loadings, Gauss-Newton scores. L1: proximal steps, which give exact zeros.
    """
    if model != "tensor" and penalties.loading_kind == "l2":
        targets = compress(targets, xp)
    value, converged, length = float("inf"), False, 1.0
    while not converged:
        factors, _ = scores_to_factors(design.matrix @ params["coef"], model, xp)
        params = solve_layers(params, factors, targets, penalties, model, xp)
        options = {"model": model, "xp": xp}
        if penalties.variant_kind == "l2":
            coef = newton_factors(params, targets, design, penalties, **options)
        else:
            coef, length = lasso_coef(params, length, targets, design, penalties, **options)
        params = {**params, "coef": coef}
        factors, _ = scores_to_factors(design.matrix @ coef, model, xp)
        loss = float(data_loss(params, factors, targets, xp)[0])
        before, value = value, loss + float(penalty(params, targets, design, penalties, xp))
        converged = before - value <= tol * abs(value)
        yield TransState(params, value, loss, converged)


def solve_layers(params, factors, targets, penalties, model, xp):
    """Return the parameters with all but coef at (L1: nearer to) their minimum."""
    if model == "tensor":
        W = solve_tissue_factors(params, factors, targets, penalties, xp)
        params = {**params, "tissue_factors": W}
        V = solve_gene_factors(params, factors, targets, penalties, xp)
        return {**params, "gene_factors": V}
    if penalties.loading_kind == "l2":
        return {**params, "loadings": solve_loadings(factors, targets, penalties, xp)}
    return {**params, "loadings": lasso_loadings(params, factors, targets, penalties, xp)}


def gradient_descent(params, targets, design, penalties, *, model, tol, xp):
    """Take full gradient steps in one parameter after the other, as the paper; L2 only.

    A step that would raise the objective is halved; the next one starts at twice the last.
    """
    lengths = dict.fromkeys(params, 1.0)
    options = {"model": model, "xp": xp}
    value, converged = float("inf"), False
    while not converged:
        before = value
        for name in params:
            now, gradients = objective_and_gradients(params, targets, design, penalties, **options)
            size = float(xp.sum(gradients[name] ** 2))
            lengths[name] = 2 * lengths[name]
            while True:
                tried = {**params, name: params[name] - lengths[name] * gradients[name]}
                value = float(objective(tried, targets, design, penalties, **options))
                if value <= float(now) - lengths[name] * size / 2 or lengths[name] < 1e-12:
                    break
                lengths[name] = lengths[name] / 2
            params = tried
        loss = value - float(penalty(params, targets, design, penalties, xp))
        converged = before - value <= tol * abs(value)
        yield TransState(params, value, loss, converged)
