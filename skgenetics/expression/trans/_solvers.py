"""Solvers of the trans models: generators that yield a `TransState` an iteration.

The intercepts b are at their minimum throughout, since blocks are centered: parameters have no
"offset". With L2-penalized scores the design is a root of the kernel, so that the number of
variants no longer matters nor, for `varpro` and `alternate`, that of genes (`compress`).

A solver is a generator here and a line in `SOLVERS`.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from skgenetics.expression.trans._layers import (
    PROXIMAL_STEPS,
    projected,
    soft_threshold,
    solve_layers,
)
from skgenetics.expression.trans._objective import (
    Params,
    TransProblem,
    data_loss,
    factors_of,
    objective,
    objective_and_gradients,
    penalty,
    tissue_loadings,
)
from skgenetics.expression.trans._targets import (
    cell_roots,
    centered,
    compress,
    fitted,
    is_masked,
    of_seen,
    spread,
)
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._lbfgs import lbfgs
from skgenetics.utils._typing import Array

CG_STEPS = 20
HALVINGS = 60  # of a step, after which it is the last


class TransState(NamedTuple):
    """A solver's parameters after an iteration, its objective and the data's share of it."""

    params: Params
    value: float
    loss: float
    converged: bool


def varpro(params: Params, problem: TransProblem, *, tol: float) -> Iterator[TransState]:
    """Variable projection: L-BFGS on coef alone, the loadings being at their minimum.

    "linear" and "sigmoid", L2 on both layers. The states' parameters are coef alone.
    """
    objective_of_coef = ProjectedObjective(problem._replace(targets=compress(problem.targets)))
    for iterate in lbfgs(objective_of_coef, params["coef"], tol=tol):
        yield TransState({"coef": iterate.x}, iterate.value, iterate.extra, iterate.converged)


class ProjectedObjective:
    """The objective as a function of coef (r, T), the loadings being at their minimum."""

    def __init__(self, problem: TransProblem):
        self.problem = problem

    def __call__(self, coef: Array) -> tuple[float, Array, float]:
        """Return the objective, its gradient, and the loss."""
        _, design, penalties, _ = self.problem
        factors, slope = factors_of(coef, self.problem)
        value, loss, d_factors = projected(factors, self.problem.targets, penalties)
        shrunken = penalties.variant * design.penalized[:, None] * coef
        gradient = design.matrix.T @ (d_factors * slope) + shrunken
        return value + float(namespace_of(coef).sum(shrunken * coef)) / 2, gradient, loss


def alternate(params: Params, problem: TransProblem, *, tol: float) -> Iterator[TransState]:
    """Alternate between the layers, each at or near its minimum given the others.

    L2: exact loadings, Gauss-Newton scores. L1: proximal steps, which give exact zeros.
    """
    penalties = problem.penalties
    if problem.model != "tensor" and penalties.loading_kind == "l2":
        problem = problem._replace(targets=compress(problem.targets))
    value, converged, length = float("inf"), False, 1.0
    while not converged:
        factors, _ = factors_of(params["coef"], problem)
        params = solve_layers(params, factors, problem.targets, penalties, problem.model)
        if penalties.variant_kind == "l2":
            coef = newton_coef(params, problem)
        else:
            coef, length = lasso_coef(params, length, problem)
        params = {**params, "coef": coef}
        factors, _ = factors_of(coef, problem)
        loss = float(data_loss(params, factors, problem.targets).value)
        before, value = value, loss + float(penalty(params, problem))
        converged = before - value <= tol * abs(value)
        yield TransState(params, value, loss, converged)


def gradient_descent(params: Params, problem: TransProblem, *, tol: float) -> Iterator[TransState]:
    """Take full gradient steps in one parameter after the other, as the paper; L2 only.

    A step that would raise the objective is halved; the next one starts at twice the last.
    """
    lengths = dict.fromkeys(params, 1.0)
    value, converged = float("inf"), False
    while not converged:
        before = value
        for name in params:
            now, gradients = objective_and_gradients(params, problem)
            params, value, lengths[name] = _gradient_step(
                params, name, gradients[name], float(now), 2 * lengths[name], problem
            )
        loss = value - float(penalty(params, problem))
        converged = before - value <= tol * abs(value)
        yield TransState(params, value, loss, converged)


def _gradient_step(params, name, gradient, now, length, problem):
    """Return parameters after a step in one of them, their objective, and the step's length."""
    size = float(namespace_of(gradient).sum(gradient**2))
    for _ in range(HALVINGS):
        tried = {**params, name: params[name] - length * gradient}
        value = float(objective(tried, problem))
        if value <= now - length * size / 2:
            break
        length = length / 2
    return tried, value, length


class Solver(NamedTuple):
    """How to run a solver, what it can minimize, and what it starts from."""

    run: Callable[..., Iterator[TransState]]
    l1: bool = False  # whether penalties may be L1
    tensor: bool = True  # whether it fits the tensor model
    has_layers: bool = True  # whether its parameters include loadings, or V and W
    solves_layers: bool = True  # whether it begins by solving for them given the factors


SOLVERS = {
    "varpro": Solver(varpro, tensor=False, has_layers=False),
    "als": Solver(alternate),
    "proximal": Solver(alternate, l1=True),
    "gd": Solver(gradient_descent, solves_layers=False),
}


def coef_gradient(params: Params, problem: TransProblem) -> tuple[Any, Array]:
    """Return the objective, and the derivative in "coef" of all of it but the L1 penalties."""
    design, penalties = problem.design, problem.penalties
    factors, slope = factors_of(params["coef"], problem)
    loss = data_loss(params, factors, problem.targets)
    gradient = design.matrix.T @ (loss.d_factors * slope)
    if penalties.variant_kind == "l2":
        gradient = gradient + penalties.variant * design.penalized[:, None] * params["coef"]
    return loss.value + penalty(params, problem), gradient


class Curvature:
    """The Gauss-Newton Hessian of the objective in "coef", as a function of a step (r, T)."""

    def __init__(self, params: Params, problem: TransProblem):
        self.problem = problem
        _, self.slope = factors_of(params["coef"], problem)
        self.loadings = []  # (T, genes) of masked blocks, else their product (T, T) with themselves
        for block in problem.targets.blocks:
            loadings = of_seen(tissue_loadings(params, block.tissue, block.genes), block)
            self.loadings.append(loadings if is_masked(block) else loadings @ loadings.T)

    def __call__(self, step: Array) -> Array:
        """Return the product of the Hessian with a step."""
        targets, design, penalties, _ = self.problem
        moved, total = (design.matrix @ step) * self.slope, 0 * self.slope
        for block, loadings in zip(targets.blocks, self.loadings):
            if is_masked(block):
                fit, _ = fitted(moved, loadings, block)
                d_rows = (cell_roots(block) * fit) @ loadings.T
            else:
                rows, _ = centered(moved, block)
                d_rows = cell_roots(block) * (rows @ loadings)
            total = total + spread(d_rows, block)
        shrunken = penalties.variant * design.penalized[:, None] * step
        return design.matrix.T @ (total * self.slope) / targets.n_cells + shrunken


def conjugate_gradients(product: Callable[[Array], Array], right: Array) -> Array:
    """Return an approximate solution of product(x) = right after at most `CG_STEPS` steps."""
    xp = namespace_of(right)
    residual, direction, solution = right, right, 0 * right
    size = start = float(xp.sum(residual**2))
    for _ in range(CG_STEPS):
        if size <= 1e-6 * start or size == 0:
            break
        moved = product(direction)
        bend = float(xp.sum(direction * moved))
        if bend <= 0:
            break
        solution = solution + size / bend * direction
        residual = residual - size / bend * moved
        size, before = float(xp.sum(residual**2)), size
        direction = residual + size / before * direction
    return solution


def newton_coef(params: Params, problem: TransProblem) -> Array:
    """Return coef after a Gauss-Newton step in it, halved until it helps; L2 only.

    In "linear" and "tensor" the objective is quadratic in coef.
    """
    coef, (value, gradient) = params["coef"], coef_gradient(params, problem)
    step = conjugate_gradients(Curvature(params, problem), -gradient)
    length = 1.0
    while length > 1e-8:
        tried = {**params, "coef": coef + length * step}
        if float(objective(tried, problem)) <= value:
            return tried["coef"]
        length = length / 2
    return coef


def lasso_coef(params: Params, length: float, problem: TransProblem) -> tuple[Array, float]:
    """Return coef after accelerated proximal steps, and their last length; L1 on the variants."""
    xp = namespace_of(params["coef"])
    coef, ahead, momentum = params["coef"], params["coef"], 1.0
    for _ in range(PROXIMAL_STEPS):
        new, length = _proximal_step({**params, "coef": ahead}, length, problem)
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        if float(xp.sum((ahead - new) * (new - coef))) > 0:  # restart
            grown, ahead = 1.0, new
        else:
            ahead = new + (momentum - 1) / grown * (new - coef)
        coef, momentum = new, grown
    return coef, 2 * length


def _proximal_step(params, length, problem):
    """Return coef after a proximal step, halved until the quadratic bound holds, and its length."""
    targets, design, penalties, _ = problem
    ahead, xp = params["coef"], namespace_of(params["coef"])
    factors, slope = factors_of(ahead, problem)
    loss = data_loss(params, factors, targets)
    gradient = design.matrix.T @ (loss.d_factors * slope)
    for _ in range(HALVINGS):
        threshold = length * penalties.variant * design.penalized[:, None]
        new = soft_threshold(ahead - length * gradient, threshold)
        move = new - ahead
        factors, _ = factors_of(new, problem)
        reached = data_loss(params, factors, targets).value
        bound = loss.value + xp.sum(gradient * move) + xp.sum(move**2) / (2 * length)
        if float(reached) <= float(bound) + 1e-14 * abs(float(loss.value)):
            break
        length = length / 2
    return new, length
