"""The order of the updates, and the background with the best bound."""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skgenetics.multitrait._background import MAX_SAMPLES, Relationship
from skgenetics.multitrait._canonical_design import CanonicalDesign
from skgenetics.multitrait._data import Data
from skgenetics.multitrait._design import Design
from skgenetics.multitrait._genetic_covariance import LIKELY, TraitCovariances
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._problem import Start, revived
from skgenetics.multitrait._residual_covariance import full_step, residual_covariance
from skgenetics.multitrait._scan_background import with_scan_background
from skgenetics.multitrait._summary_design import SummaryDesign
from skgenetics.multitrait.solvers import Problem, Solver, State
from skgenetics.utils._typing import Array

SEARCH_SWEEPS = 30  # at most so many for each delta that polygenic="auto" tries
SEARCH_TOL = 0.05
MAX_ROUNDS = 3  # of covariances learned from what the mixture leaves


Level = float | TraitCovariances
"""A background: one delta, or covariances of traits that have one each."""


class Candidate(NamedTuple):
    """A background, the bound it reached, and where to go on from."""

    bound: float
    level: Level
    design: Design
    problem: Problem


def largest_delta(level: Level) -> float:
    """Return delta, or the largest of them."""
    return float(np.max(level.deltas)) if isinstance(level, TraitCovariances) else level


def scaled(level: Level, factor: float) -> Level:
    """Return the background with `factor` times the variance."""
    if isinstance(level, TraitCovariances):
        return level._replace(genetic=factor * level.genetic)
    return factor * level


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
    data: Data,
    problem: Problem,
    start: Start | None,
    panel_size: np.ndarray | None,
) -> tuple[Design, Problem]:
    """Return the design in its order with its background, and where to start.

    start : Start or None
        Where warm_start goes on from.
    panel_size : array or None
        People behind the LD of summary statistics; infinity: those of the scan.
    """
    design, traits = data.design, data.modeled
    order = update_order(model, solver, design, problem)
    if order is not None:
        design.grams.clear()  # they are made anew
        design = design.arranged(order=order)
    if not isinstance(design, GenotypeDesign):
        if model.polygenic not in ("auto", 0):
            raise ValueError(
                f"polygenic={model.polygenic} needs the samples, which summary statistics do not "
                "hold. Use polygenic=0, or 'auto', which learns it with solver='single_effects'."
            )
        if isinstance(design, SummaryDesign) and model.polygenic == "auto" and solver.sums_effects:
            return with_scan_background(solver, design, problem, panel_size, tol=model.tol)
        return design, problem
    if model.polygenic == 0:
        return design, problem
    if model.polygenic != "auto":
        background = Relationship(design).background(model.polygenic)
        return design.arranged(order=order, background=background), problem
    none_before = start is not None and not np.any(start.genetic_covariance)
    if len(design.host_weight) > MAX_SAMPLES or design.n_used == 0 or none_before:
        return design, problem
    search = BackgroundSearch(solver, design, order)
    by_trait = solver.by_trait and design.n_traits > 1 and problem.covariance_step is full_step
    if start is not None:
        best = search.go_on(problem, start.level(traits, by_trait=by_trait))
    else:
        best = search.start_by_trait(problem) if by_trait else search.start(problem)
    return best.design, best.problem


def residual_in_traits(design: Design) -> Array:
    """Return Y - XB (n, J) of the effects that a design has, beside X."""
    if not isinstance(design, GenotypeDesign):
        raise TypeError("Only samples have residuals.")
    return design.array(design.in_traits(design.residual))


class BackgroundSearch:
    """The search of the background on the bound, from the likeliest one without a mixture."""

    def __init__(self, solver: Solver, design: GenotypeDesign, order: np.ndarray | None) -> None:
        self.solver, self.design, self.order = solver, design, order
        self.relationship = Relationship(design)

    def start(self, problem: Problem) -> Candidate:
        """Return the best candidate near the likeliest delta, or that without a background."""
        delta, covariance = self.relationship.likeliest(problem.covariance, problem.covariance_step)
        plain = self.reached(0.0, self.design, problem)
        best = self.go_on(problem._replace(covariance=covariance), delta)
        return self.better(plain, best)

    def start_by_trait(self, problem: Problem) -> Candidate:
        """Return the best candidate with a delta for every trait, or that without a background.

        The covariances are the likeliest ones without a mixture, then of what the mixture leaves,
        as long as that raises the bound. Traits whose left-out samples their background does not
        predict better than their mean have none.
        """
        plain = self.reached(0.0, self.design, problem)
        relationship = self.relationship
        level = relationship.likeliest_by_trait(self.design.Y)
        errors = relationship.left_out_errors(relationship.by_trait(level))
        if np.mean(errors) >= 1:
            return plain
        helped = np.outer(errors < 1, errors < 1)
        level = level._replace(genetic=level.genetic * helped)
        noise = residual_covariance(level.residual)
        best = self.candidate(level, problem._replace(covariance=noise))
        for _ in range(MAX_ROUNDS):
            level = relationship.likeliest_by_trait(residual_in_traits(best.design))
            level = level._replace(genetic=level.genetic * helped)
            tried = self.candidate(
                level, best.problem._replace(covariance=residual_covariance(level.residual))
            )
            if tried.bound <= best.bound + SEARCH_TOL:
                break
            best = tried
        return self.better(plain, best)

    def better(self, plain: Candidate, best: Candidate) -> Candidate:
        """Return the candidate with a background unless the one without is better.

        With almost as many traits as samples, the bound alone takes noise for a background; so
        the background must also predict samples left out better than the traits' means do.
        """
        errors = self.relationship.left_out_errors(best.design.background)
        return plain if plain.bound > best.bound or np.mean(errors) >= 1 else best

    def go_on(self, problem: Problem, level: Level) -> Candidate:
        """Halve or double the background while that raises the bound."""
        best = first = self.candidate(level, problem)
        for factor in (0.5, 2.0):
            tried = self.candidate(scaled(best.level, factor), best.problem)
            while tried.bound > best.bound + SEARCH_TOL and largest_delta(tried.level) <= LIKELY[1]:
                best = tried
                tried = self.candidate(scaled(best.level, factor), best.problem)
            if best is not first:
                break
        return best

    def candidate(self, level: Level, problem: Problem) -> Candidate:
        """Return the candidate of a background."""
        design = self.design
        if isinstance(level, TraitCovariances):
            background = self.relationship.by_trait(level)
            if background is not None:
                design = CanonicalDesign(self.design, background, order=self.order)
        else:
            design = self.design.arranged(
                order=self.order, background=self.relationship.background(level)
            )
        return self.reached(level, design, problem)

    def reached(self, level: Level, design: Design, problem: Problem) -> Candidate:
        """Return the candidate that some sweeps reach; only the last fit looks for other optima."""
        searched = problem._replace(refine=False)
        states: Iterator[State] = self.solver.start(design, searched, tol=SEARCH_TOL)
        state = deque(islice(states, SEARCH_SWEEPS), maxlen=1).pop()
        # a component without weight may be needed at another delta
        weights = revived(state.weights) if problem.learn_weights else state.weights
        reached = problem._replace(
            weights=weights, covariance=state.covariance, effects=state.effects
        )
        return Candidate(state.bound, level, design, reached)
