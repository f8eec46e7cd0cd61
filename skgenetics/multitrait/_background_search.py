"""The order of the updates, and the background with the best bound."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skgenetics.multitrait._background import LIKELY, MAX_SAMPLES, Relationship
from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._problem import revived
from skgenetics.multitrait.solvers import Problem, Solver, State

SEARCH_SWEEPS = 30  # at most so many for each delta that polygenic="auto" tries
SEARCH_TOL = 0.05


class Candidate(NamedTuple):
    """A background, the bound it reached, and where to go on from."""

    bound: float
    delta: float
    design: Design
    problem: Problem


def update_order(model: Any, solver: Solver, design: Design, problem: Problem) -> np.ndarray | None:
    """Return the order (P,) that the parameter `update_order` asks for; None: by column."""
    if not solver.uses_order or model.update_order == "sequential":
        return None
    if model.update_order == "random":
        return check_random_state(model.random_state).permutation(len(design.squared_norm))
    return np.argsort(-solver.log_evidence(design, problem), kind="stable")


def choose_design(
    model: Any,
    solver: Solver,
    design: Design,
    problem: Problem,
    *,
    delta_before: float | None,
) -> tuple[Design, float, Problem]:
    """Return the design in its order with its background, delta, and where to start.

    delta_before : float or None
        The background of the fit that warm_start goes on from.
    """
    order = update_order(model, solver, design, problem)
    if order is not None:
        design.grams.clear()  # they are made anew
        design = design.arranged(order=order)
    if not isinstance(design, GenotypeDesign):
        if model.polygenic not in ("auto", 0):
            raise ValueError(
                f"polygenic={model.polygenic} needs the samples, which summary statistics do not "
                "hold. Use polygenic=0 or 'auto', which is 0 here."
            )
        return design, 0.0, problem
    if model.polygenic == 0:
        return design, 0.0, problem
    if model.polygenic != "auto":
        background = Relationship(design).background(model.polygenic)
        return design.arranged(order=order, background=background), float(model.polygenic), problem
    if len(design.host_weight) > MAX_SAMPLES or design.n_used == 0 or delta_before == 0:
        return design, 0.0, problem
    search = BackgroundSearch(solver, design, order)
    best = search.start(problem) if delta_before is None else search.go_on(problem, delta_before)
    return best.design, best.delta, best.problem


class BackgroundSearch:
    """The search of delta on the bound, from the likeliest one without a mixture."""

    def __init__(self, solver: Solver, design: GenotypeDesign, order: np.ndarray | None) -> None:
        self.solver, self.design, self.order = solver, design, order
        self.relationship = Relationship(design)

    def start(self, problem: Problem) -> Candidate:
        """Return the best candidate near the likeliest delta, or that without a background.

        With almost as many traits as samples, the bound alone takes noise for a background; so
        the background must also predict samples left out better than the traits' means do.
        """
        delta, covariance = self.relationship.likeliest(problem.covariance, problem.covariance_step)
        plain = self.reached(0.0, self.design, problem)
        best = self.go_on(problem._replace(covariance=covariance), delta)
        errors = self.relationship.left_out_errors(self.relationship.background(best.delta))
        return plain if plain.bound > best.bound or np.mean(errors) >= 1 else best

    def go_on(self, problem: Problem, delta: float) -> Candidate:
        """Halve or double delta while that raises the bound."""
        best = self.candidate(delta, problem)
        for factor in (0.5, 2.0):
            tried = self.candidate(factor * best.delta, best.problem)
            while tried.bound > best.bound + SEARCH_TOL and tried.delta <= LIKELY[1]:
                best = tried
                tried = self.candidate(factor * best.delta, best.problem)
            if best.delta != delta:
                break
        return best

    def candidate(self, delta: float, problem: Problem) -> Candidate:
        """Return the candidate of a background of `delta`."""
        background = self.relationship.background(delta)
        design = self.design.arranged(order=self.order, background=background)
        return self.reached(delta, design, problem)

    def reached(self, delta: float, design: Design, problem: Problem) -> Candidate:
        """Return the candidate that some sweeps reach."""
        states: Iterator[State] = self.solver.start(design, problem, tol=SEARCH_TOL)
        state = deque(islice(states, SEARCH_SWEEPS), maxlen=1).pop()
        # a component without weight may be needed at another delta
        weights = revived(state.weights) if problem.learn_weights else state.weights
        reached = problem._replace(
            weights=weights, covariance=state.covariance, effects=state.effects
        )
        return Candidate(state.bound, delta, design, reached)
