"""What a solver is asked of a locus: the `Problem` of an estimator's parameters."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skgenetics.finemapping._background import learn_background, noise_beside_background
from skgenetics.finemapping._elbo import NoiseNorm
from skgenetics.finemapping._likelihood import with_background, with_overlap
from skgenetics.finemapping._panel import with_panel
from skgenetics.finemapping._prior import FixedPrior, known_prior
from skgenetics.finemapping.solvers import Problem, Solver
from skgenetics.loci._summary import Locus

MAX_EFFECTS = 10  # of a solver that sums single effects, if the user sets no limit


def pose_problem(estimator: Any, solver: Solver, observed: Locus, fixed: FixedPrior) -> Problem:
    """Return what `solver` is asked of a locus by the parameters of a FinemapMiXeR."""
    problem = own_problem(estimator, solver, observed, fixed)
    if problem.residual_variance is not None and observed.panel_size < np.inf:
        problem = with_panel(problem, believing=solver.believes_ld)
    return problem if solver.learns_background else held_background(problem)


def own_problem(estimator: Any, solver: Solver, observed: Locus, fixed: FixedPrior) -> Problem:
    """Return it as if the LD were of the scan's people, and without a background."""
    noise = estimator.residual_variance
    if noise == "auto":
        noise = None if observed.trait_known else 1.0
    locus = with_overlap(observed)
    return Problem(
        locus=locus,
        observed=observed,
        fixed=fixed,
        prior=known_prior(fixed, locus, has_pi=solver.has_pi),
        residual_variance=noise,
        noise_norm=solver.noise_norm(locus) if noise is None else NoiseNorm(),
        background=None if estimator.background == "auto" else float(estimator.background),
        annotations=None,
        max_effects=min(estimator.max_effects or MAX_EFFECTS, observed.z.shape[0]),
        max_iter=solver.n_iterations(estimator.max_iter),
        tol=solver.default_tol if estimator.tol is None else estimator.tol,
        coverage=estimator.coverage,
        min_purity=estimator.min_purity,
        rng=check_random_state(estimator.random_state),
    )


def held_background(problem: Problem) -> Problem:
    """Return the problem with its background, as it is given or learned, in the likelihood."""
    if problem.background is None:
        problem = learn_background(problem)
    background, noise = problem.background, problem.residual_variance
    if not background:
        return problem
    if noise is None:
        noise = noise_beside_background(problem)
    locus = with_background(problem.locus, background, noise)
    return problem._replace(locus=locus, residual_variance=noise)
