r"""The trans part along strengths of its penalties, each point started at the one before.

"linear" and "sigmoid" with L2 on both layers. Near 0 the effects of variants on genes enter as
:math:`B_k = C \beta_k`, whose two penalties are at least :math:`\sqrt{\lambda_\alpha\lambda_\beta
/ M}` times the nuclear norm of B (Srebro, Rennie, Jaakkola 2004). With S_k = A_k'Y_k the products
of the design with the centered expression of tissue k, no factor has an effect if and only if

.. math::

    \sqrt{\lambda_\alpha \lambda_\beta} \ge \frac{\sqrt{M}}{N} \sigma_1([S_1 \dots S_K]) ,

and below it about as many factors have effects as singular values lie above. So the path falls
from that strength, and factors join at the singular vectors, at the size that would be best for
each alone. Other penalties have no such point: 0 is a local minimum at any strength. Their path
rises from the staged start, and factors leave it.
"""

from itertools import islice
from typing import NamedTuple

import numpy as np

from skgenetics.expression.trans._objective import (
    Params,
    Penalties,
    TransProblem,
    factors_of,
    objective,
    penalty,
)
from skgenetics.expression.trans._solvers import Solver
from skgenetics.expression.trans._targets import Targets, onto, sum_of_squares
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._typing import Array

FALLING = np.geomspace(1.0, 0.02, 7)  # strengths, of the largest
RISING = np.geomspace(0.2, 8.0, 6)  # strengths, of the one that costs what the factors gain
PATH_TOL = 1e-4
FALLING_ITERATIONS, RISING_ITERATIONS = 30, 6  # at a point, at most


class Spectrum(NamedTuple):
    """Where factors join a falling path."""

    strengths: np.ndarray  # (r,) falling: sqrt(variant x loading) at which each joins
    directions: Array  # (r, r) their coefficients, as columns of length 1
    spreads: Array  # (r,) sum of squares of the scores of each, the mean over tissues


def spectrum(problem: TransProblem) -> Spectrum:
    """Return the `Spectrum` of a problem whose targets may be compressed."""
    targets, design, _, model = problem
    A = design.matrix[:, :-1] if model == "sigmoid" else design.matrix
    xp = namespace_of(A)
    products, spreads, weight = 0.0, 0.0, 0.0
    grams = []
    for block in targets.blocks:
        rows = xp.sqrt(block.weight)[:, None] * xp.take(A, block.rows, axis=0)
        linear = onto(rows.T, block)
        products = products + linear @ linear.T
        grams.append((rows, float(xp.sum(block.y**2))))
    values, vectors = xp.linalg.eigh(products)
    values, vectors = xp.flip(values), xp.flip(vectors, axis=1)
    for rows, energy in grams:
        scores = rows @ vectors
        centered = scores - xp.mean(scores, axis=0)
        spreads = spreads + energy * xp.sum(centered**2, axis=0)
        weight += energy
    sizes = np.sqrt(np.clip(to_numpy(values), 0.0, None))
    strengths = np.sqrt(targets.n_targets) * sizes / targets.n_cells
    return Spectrum(strengths, vectors, spreads / max(weight, 1e-300))


def joining(found: Spectrum, members: slice, problem: TransProblem, slope: float) -> Array:
    """Return the coefficients (r, m) of factors that join, each at its best size alone.

    With scores tau A u, loadings at their minimum and ridge rho = lambda_beta N / M, the objective
    in x = tau^2 is lowest at x = (sigma sqrt(rho / (N lambda_alpha)) - rho) / |A u|^2.

    slope : float
        Of the factors in the scores.
    """
    targets, design, penalties, model = problem
    xp = namespace_of(found.directions)
    ridge = penalties.loading * targets.n_cells / targets.n_targets
    sigma = found.strengths[members] * targets.n_cells / targets.n_targets**0.5
    variant = max(penalties.variant / slope**2, 1e-300)
    grown = sigma * np.sqrt(ridge / (targets.n_cells * variant)) - ridge
    spread = np.maximum(to_numpy(found.spreads)[members], 1e-300)
    size = np.sqrt(np.maximum(grown, 1e-3 * ridge) / spread) / slope
    size = xp.asarray(size, dtype=design.penalized.dtype, device=design.penalized.device)
    coef = found.directions[:, members] * size
    if model == "sigmoid":
        coef = xp.concat([coef, 0 * coef[:1, :]], axis=0)
    return coef


class FallingPath:
    """Factors as strengths fall; the loadings are at their minimum.

    Parameters
    ----------
    problem : TransProblem
        With compressed targets; its penalties do not count.
    found : Spectrum
        Of it.
    solver : Solver
        That takes "coef" alone.
    slope : float
        Of the factors in the scores, at 0.
    """

    def __init__(self, problem: TransProblem, found: Spectrum, solver: Solver, slope: float):
        self.problem, self.spectrum, self.solver, self.slope = problem, found, solver, slope
        self.params: Params = {"coef": 0 * problem.design.penalized[:, None][:, :0]}

    def move(self, penalties: Penalties, n_components: int) -> Params:
        """Return the parameters of so many factors at falling penalties."""
        problem = self.problem._replace(penalties=penalties)
        coef = self.params["coef"]
        xp, before = namespace_of(coef), coef.shape[1]
        n_components = min(n_components, self.spectrum.directions.shape[1])
        if n_components > before:
            new = joining(self.spectrum, slice(before, n_components), problem, self.slope)
            self.params = {"coef": xp.concat([coef, new], axis=1)}
        if self.params["coef"].shape[1]:
            self.params = _solved(self.params, problem, self.solver, FALLING_ITERATIONS)
        return self.params


class RisingPath:
    """Factors as strengths rise, from a start."""

    def __init__(self, problem: TransProblem, solver: Solver, start: Params):
        self.problem, self.solver, self.params = problem, solver, start

    def move(self, penalties: Penalties, n_components: int) -> Params:
        """Return the parameters at rising penalties."""
        problem = self.problem._replace(penalties=penalties)
        self.params = _solved(self.params, problem, self.solver, RISING_ITERATIONS)
        return self.params


def _solved(params, problem, solver, n_iter):
    """Return parameters after some iterations of a solver."""
    for state in islice(solver.run(params, problem, tol=PATH_TOL), n_iter):
        params = state.params
    return params


def break_even(start: Params, problem: TransProblem) -> float:
    """Return by what to multiply the penalties for them to cost what the factors of a start gain.

    0 if these gain nothing.
    """
    whole = sum_of_squares(_centered(problem.targets)) / (2 * problem.targets.n_cells)
    cost = float(penalty(start, problem))
    gain = whole - (float(objective(start, problem)) - cost)
    return gain / cost if gain > 0 and cost > 0 else 0.0


def _centered(targets: Targets) -> Targets:
    """Return targets with means of 0."""
    return targets._replace(blocks=[b._replace(mean=0 * b.mean) for b in targets.blocks])


def n_active(params: Params, problem: TransProblem) -> int:
    """Return the number of factors with scores that are not 0."""
    factors, _ = factors_of(params["coef"], problem)
    xp = namespace_of(factors)
    spread = xp.max(factors, axis=0) - xp.min(factors, axis=0) if factors.shape[1] else factors[0]
    return int(xp.sum(xp.astype(spread > 0, xp.int64)))
