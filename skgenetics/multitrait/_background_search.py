"""The order of the updates, and the background with the best bound."""

from collections import deque
from itertools import islice
from typing import NamedTuple

from sklearn.utils import check_random_state

from skgenetics.multitrait._background import MAX_SAMPLES, Relationship
from skgenetics.multitrait._problem import Problem, revived
from skgenetics.multitrait.solvers._coordinate_ascent import coordinate_ascent, evidence_order

SEARCH_SWEEPS = 30  # at most so many for each delta that polygenic="auto" tries
SEARCH_TOL = 0.05


class Candidate(NamedTuple):
    """A background, what it reached, and where to go on from."""

    bound: float
    delta: float
    design: object
    problem: Problem


def solve(options, design, problem, *, tol):
    """Return the generator of coordinate ascent."""
    return coordinate_ascent(
        design,
        problem.prior,
        weights=problem.weights,
        learn_weights=options.weights is None,
        covariance=problem.covariance,
        covariance_step=problem.covariance_step,
        tol=tol,
        effects=problem.effects,
        weight_threshold=options.weight_threshold,
    )


def choose_design(options, make_design, design, problem):
    """Choose the order and the background; return the design, delta and where to start."""
    order = None
    if options.update_order == "random":
        order = check_random_state(options.random_state).permutation(len(design.squared_norm))
    elif options.update_order == "evidence":
        components = problem.prior.whitened(problem.covariance)
        order = evidence_order(design, components, problem.weights, problem.covariance)
    if order is not None:
        design = make_design(background=None, order=order)
    if not design.rows_known and options.polygenic not in ("auto", 0):
        raise ValueError(
            f"polygenic={options.polygenic} needs the samples, which summary statistics do not "
            "hold. Use polygenic=0 or 'auto', which is 0 here."
        )
    if not design.rows_known:
        return design, 0.0, problem
    if not isinstance(options.polygenic, str):
        if options.polygenic == 0:
            return design, 0.0, problem
        background = Relationship(design).background(options.polygenic)
        design = make_design(background=background, order=order)
        return design, float(options.polygenic), problem
    if len(design.host_weight) > MAX_SAMPLES or design.n_used == 0:
        return design, 0.0, problem
    relationship = Relationship(design)

    def candidate(delta, problem, design):
        if design is None:
            design = make_design(background=relationship.background(delta), order=order)
        states = islice(solve(options, design, problem, tol=SEARCH_TOL), SEARCH_SWEEPS)
        state = deque(states, maxlen=1).pop()
        # what vanished may be needed at another delta
        weights = state.weights if options.weights is not None else revived(state.weights)
        reached = problem._replace(
            weights=weights, covariance=state.covariance, effects=state.posterior.effects
        )
        return Candidate(state.bound, delta, design, reached)

    if problem.effects is not None:  # warm_start
        if options.polygenic_ == 0:
            return design, 0.0, problem
        delta, plain = options.polygenic_, None
    else:
        delta, covariance = relationship.likeliest(problem.covariance, problem.covariance_step)
        plain = candidate(0.0, problem, design)
        problem = problem._replace(covariance=covariance)
    best = candidate(delta, problem, None)
    for factor in (0.5, 2.0):
        tried = candidate(factor * best.delta, best.problem, None)
        while tried.bound > best.bound + SEARCH_TOL:
            best = tried
            tried = candidate(factor * best.delta, best.problem, None)
        if best.delta != delta:
            break
    if plain is not None and plain.bound > best.bound:
        best = plain
    return best.design, best.delta, best.problem
