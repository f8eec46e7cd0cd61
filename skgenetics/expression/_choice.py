"""What "auto" stands for: number of factors, strengths and polygenic term, by held-out individuals.

In each of a few folds of individuals the cis part is fitted without those held out, the trans part
follows a path of strengths, and the polygenic term is fitted to what it leaves, or not. The choice
is the point that predicts the held-out best, over all genes and tissues in standardized
expression. No factors and no polygenic term are among the points, and kept unless another is
better by more than the standard error of the difference between individuals; so is a polygenic
term without factors. What is chosen is then averaged with a polygenic term alone, without a cis
part, by the weights that predict the held-out best.
"""

from collections.abc import Iterable, Iterator
from copy import copy
from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression._data import FitData
from skgenetics.expression._fold import Fold
from skgenetics.expression._parameters import (
    ALPHAS,
    LARGEST_N_COMPONENTS,
    Strengths,
    auto_parameters,
    is_nuclear,
    penalties_of,
    slope_of,
    strengths_at,
)
from skgenetics.expression._stages import CisStage, CisValues
from skgenetics.expression.cis._regression import fold_numbers, noise_of_sum
from skgenetics.expression.trans._design import make_design
from skgenetics.expression.trans._fit import TransFit
from skgenetics.expression.trans._objective import TransProblem
from skgenetics.expression.trans._path import (
    FALLING,
    RISING,
    FallingPath,
    RisingPath,
    break_even,
    n_active,
    spectrum,
)
from skgenetics.expression.trans._solvers import SOLVERS
from skgenetics.expression.trans._start import StartSettings, start_params
from skgenetics.expression.trans._targets import compress
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array

N_FOLDS = 3  # more cost as many fits of the cis part
MIN_INDIVIDUALS = 12  # with observed cells; fewer say nothing
JUDGED_TARGETS = 4096  # genes x tissues whose prediction is judged, about
MIN_GENES = 64  # judged, if there are so many
STANDARD_ERRORS = 1.0  # by which a point must be better than no factors and no polygenic term
PATIENCE = 2  # numbers of factors without a better choice that end the search
HEAD_START = 4.0  # over the best strength for fewer factors; more factors need stronger ones
N_COMPONENTS = (1, 2, 4, 8, 16, LARGEST_N_COMPONENTS)
STEPS = 10  # of the weight of a polygenic term alone
WEAK = 0.1  # strengths of the start of a rising path, of the usual ones


class Point(NamedTuple):
    """A point of a path."""

    n_components: int
    strengths: Strengths


class PathScores(NamedTuple):
    """What held-out individuals say of the points of a path."""

    points: list[Point]
    without: np.ndarray  # (points, n) squared error of each individual without polygenic term
    polygenic: np.ndarray  # (points, n) the same with it, or NaN
    weight: np.ndarray  # (n,) of the individuals, by which errors are multiplied
    variation: float  # sum of squares about the training means


class Choice(NamedTuple):
    """What a fit uses."""

    n_components: int
    strengths: Strengths
    polygenic: bool
    scores: PathScores | None = None  # None: nothing was left to the data
    alone: float = 0.0  # weight of a polygenic term without a cis part before it


def choose(
    model: Any,
    data: FitData,
    cis_stage: CisStage,
    problem: TransProblem,
    kernel: Array,
    settings: StartSettings,
    rng: np.random.RandomState,
) -> Choice:
    """Return the `Choice` of a fit: parameters as they are, or what held-out individuals say.

    Parameters
    ----------
    problem : TransProblem
        Of all individuals; its penalties do not count.
    kernel : array (I, I)
    """
    auto = auto_parameters(model)
    limit = LARGEST_N_COMPONENTS if "n_components" in auto else model.n_components
    limit = min(limit, data.weight.size - 1, problem.targets.n_targets)
    strengths = strengths_at(model, 1.0)
    if not auto or (auto <= {"n_components"} | set(ALPHAS) and limit == 0):
        return Choice(limit, strengths, bool(model.polygenic))
    rng = np.random.RandomState(rng.randint(2**31 - 1))  # however much is drawn from it
    observed = np.zeros(data.weight.size, dtype=bool)
    for block in problem.targets.blocks:
        observed[to_numpy(block.rows)] = True
    (seen,) = np.nonzero(observed)
    left_out = auto - {"polygenic"}
    polygenic = False if "polygenic" in auto else model.polygenic
    unjudged = Choice(0 if left_out else limit, strengths, polygenic)
    if seen.size < MIN_INDIVIDUALS:
        return unjudged
    folds = list(_folds(model, data, cis_stage, problem, kernel, seen, rng))
    free = model.cis_alpha is None or isinstance(model.cis_alpha, str)
    free = bool(free and data.windows and model.n_components in ("auto", 0) and model.polygenic)
    errors_alone = [fold.judge_alone() for fold in folds] if free else []
    judge = Judge(folds, model)
    if is_nuclear(model):
        _judge_falling(judge, problem, limit, auto)
    else:
        if "n_components" in auto and limit:
            limit = _likely_n_components(model, folds, problem, kernel, limit)
        _judge_rising(judge, limit, auto, settings, rng)
    if not judge.errors:  # nothing varies
        return unjudged
    best = _best(judge.scores(), with_term=model.polygenic is True)
    return _averaged(best, judge, *np.sum(errors_alone, axis=0)) if free else best


def _folds(model, data, cis_stage, problem, kernel, seen, rng) -> Iterator[Fold]:
    """Yield each `Fold` of the individuals with observed cells."""
    _, n_genes, n_tissues = data.training.y.shape
    count = min(n_genes, max(MIN_GENES, JUDGED_TARGETS // n_tissues))
    genes = np.sort(rng.choice(n_genes, count, replace=False))
    number = fold_numbers(seen.size, N_FOLDS, rng)
    for f in range(N_FOLDS):
        held_out = np.zeros(data.weight.size, dtype=bool)
        held_out[seen[number == f]] = True
        effects = cis_stage.fit_without(held_out)
        explained = CisValues(data.training.X, effects)
        residual = data.standardized(data.training, explained)
        yield Fold(model, data, residual, kernel, problem, held_out, genes)


class Judge:
    """Collects what held-out individuals say of points, all folds in step.

    Every point is judged without polygenic term, and the best of each path with it, since that
    takes longest.

    Parameters
    ----------
    folds : list of Fold
    model : MILAGERegressor
    """

    def __init__(self, folds: list[Fold], model: Any):
        self.folds, self.model = folds, model
        self.with_term = model.polygenic is not False
        self.points: list[Point] = []
        self.errors: list[np.ndarray] = []  # (2, n) per point, without and with polygenic term
        self.products: list[np.ndarray] = []  # the same, with the errors of that term alone

    @property
    def best(self) -> float:
        """The least error of the choices so far."""
        return float(np.nanmin(self._totals(), initial=np.inf))

    def _totals(self) -> np.ndarray:
        """Return the error (points, 2) of each choice, NaN if the model does not allow it."""
        totals = np.array([errors.sum(axis=1) for errors in self.errors]).reshape(-1, 2)
        if self.model.polygenic is True:
            totals[:, 0] = np.nan
        return totals

    def visit(self, point: Point, paths: list[Any]) -> list[TransFit | None]:
        """Judge a point that paths move to without polygenic term, and return its fits."""
        fits: list[TransFit | None] = [None] * len(self.folds)
        if point.n_components:
            penalties = penalties_of(self.model, point.strengths)
            moved = [path.move(penalties, point.n_components) for path in paths]
            fits = [fold.fit_of(params, penalties) for fold, params in zip(self.folds, moved)]
        shape = 2, sum(fold.held_out.size for fold in self.folds)
        self.points.append(point)
        self.errors.append(np.full(shape, np.nan))
        self.products.append(np.full(shape, np.nan))
        self._compare(-1, fits, False)
        return fits

    def _compare(self, place: int, fits: list[TransFit | None], term: bool) -> None:
        """Write the errors of a point without or with polygenic term."""
        found = [fold.errors_of(fit, term) for fold, fit in zip(self.folds, fits)]
        kind = int(term)
        self.errors[place][kind], self.products[place][kind] = np.concatenate(found, axis=1)

    def follow(self, points: Iterable[Point], paths: list[Any], patience: int = 1) -> bool:
        """Judge points until so many are no better than the best, and that one with the term too.

        Returns whether any choice was the best of all paths.
        """
        before, least, stale = self.best, np.inf, 0
        best_fits: list[TransFit | None] = []
        place = -1
        for point in points:
            fits = self.visit(point, paths)
            error, stale = float(self.errors[-1][0].sum()), stale + 1
            if error < least:
                least, place, best_fits, stale = error, len(self.points) - 1, fits, 0
            if stale >= patience:
                break
        if self.with_term and place >= 0 and self._is_promising(least):
            self._compare(place, best_fits, True)
        return self.best < before

    def _is_promising(self, error: float) -> bool:
        """Return whether the polygenic term may make a point of this error the best choice.

        It gains less after factors than it did without any.
        """
        gain = float(np.nan_to_num(self.errors[0][0] - self.errors[0][1]).sum())
        return not np.isfinite(self.errors[0][1]).all() or error - max(gain, 0.0) < self.best

    def scores(self) -> PathScores:
        """Return what was collected."""
        without, polygenic = np.stack(self.errors, axis=1)
        weight = np.concatenate([fold.weight for fold in self.folds])
        variation = sum(fold.variation for fold in self.folds)
        return PathScores(self.points, without, polygenic, weight, variation)


def _judge_falling(judge: Judge, problem: TransProblem, limit: int, auto: set[str]) -> None:
    """Judge falling strengths, from the one that leaves no factor, for each number of factors.

    Few factors of weak penalties predict better than many of strong ones if few exist: the path of
    each number falls until held-out individuals are predicted worse.
    """
    model = judge.model
    joins = spectrum(problem._replace(targets=compress(problem.targets))).strengths
    largest = joins[0] if joins.size else 0.0
    if auto - {"polygenic"}:
        judge.follow([Point(0, strengths_at(model, largest))], [])
    values = largest * FALLING[1:]
    if not auto & set(ALPHAS):
        given = strengths_at(model, 1.0)
        values = np.array([np.sqrt(given.variant * given.loading)])
    problems = [fold.problem for fold in judge.folds]
    spectra = [spectrum(of_fold) for of_fold in problems]
    ladder = [limit]
    if "n_components" in auto:
        ladder = [n for n in N_COMPONENTS if n <= min(limit, np.sum(joins > values.min()))]
    stale, start = 0, np.inf
    for n_components in ladder if limit else []:
        paths = [
            FallingPath(of_fold, found, SOLVERS["varpro"], slope_of(model))
            for of_fold, found in zip(problems, spectra)
        ]
        least = n_components if "n_components" in auto else 1
        if not auto - {"polygenic"}:
            least = 0  # what is given is judged even if it leaves no factor
        reached = [value for value in values if np.sum(joins > value) >= least]
        tried = [value for value in reached if value <= start or value == reached[-1]]
        points = [
            Point(min(n_components, int(np.sum(joins > value))), strengths_at(model, value))
            for value in tried
        ]
        place = len(judge.points)
        stale = 0 if judge.follow(points, paths) else stale + 1
        if stale >= PATIENCE or not tried:
            break
        errors = [without.sum() for without, _ in judge.errors[place:]]
        start = HEAD_START * tried[int(np.argmin(errors))]


def _judge_rising(
    judge: Judge, limit: int, auto: set[str], settings: StartSettings, rng: np.random.RandomState
) -> None:
    """Judge rising strengths, from a staged start, until no factor is left."""
    model, solver = judge.model, SOLVERS[judge.model.solver_]
    if auto - {"polygenic"}:
        judge.follow([Point(0, strengths_at(model, 1.0))], [])
    weak = penalties_of(model, strengths_at(model, WEAK))
    paths, scales = [], []
    for fold in judge.folds if limit else []:
        problem = fold.problem._replace(penalties=weak)
        start = start_params(problem, fold.training_weight, limit, solver, settings, rng)
        paths.append(RisingPath(fold.problem, solver, start))
        scales.append(WEAK * break_even(start, problem))
    values = np.median(scales) * RISING if auto & set(ALPHAS) and limit else [1.0]

    def rising() -> Iterator[Point]:
        for value in values if limit else []:
            yield Point(limit, strengths_at(model, value))
            if not any(n_active(path.params, path.problem) for path in paths):
                return

    judge.follow(rising(), paths, patience=len(RISING))


def _likely_n_components(
    model: Any, folds: list[Fold], problem: TransProblem, kernel: Array, limit: int
) -> int:
    """Return the number of factors, 1 or more, that suits "linear" with L2, the fastest to fit."""
    twin = copy(model)
    twin.trans_model, twin.polygenic = "linear", False
    for name, value in {"alpha": "auto", "penalty": "l2"}.items():
        for layer in ("variant", "loading"):
            setattr(twin, f"{layer}_{name}", value)
    design = make_design(problem.design.genotypes, kernel, "l2", "linear")
    judge = Judge([fold.as_linear(twin) for fold in folds], twin)
    whole = problem._replace(design=design, model="linear")
    _judge_falling(judge, whole, limit, {"n_components", *ALPHAS})
    errors = [
        np.inf if not point.n_components else float(values[0].sum())
        for point, values in zip(judge.points, judge.errors)
    ]
    return max(judge.points[int(np.argmin(errors))].n_components, 1)


def strength_path(scores: PathScores) -> dict[str, np.ndarray]:
    """Return the path as columns: points, and R2 within gene and tissue of the held-out."""
    columns = {"n_components": [point.n_components for point in scores.points]}
    for name in Strengths._fields:
        columns[f"{name}_alpha"] = [getattr(point.strengths, name) for point in scores.points]
    for name, errors in (("score", scores.without), ("polygenic_score", scores.polygenic)):
        columns[name] = 1 - errors.sum(axis=1) / max(scores.variation, 1e-300)
    return {name: np.asarray(values) for name, values in columns.items()}


def _best(scores: PathScores, *, with_term: bool) -> Choice:
    """Return the `Choice` of the smallest error, unless a simpler one is as good.

    Simpler are the first point without and with polygenic term, in this order.

    with_term : bool
        Whether the polygenic term was asked for.
    """
    without = np.full_like(scores.without, np.nan) if with_term else scores.without
    errors = np.concatenate([without, scores.polygenic])
    n_points = len(scores.points)
    best = int(np.nanargmin(errors.sum(axis=1)))
    for place in (0, n_points):
        gain = errors[place] - errors[best]
        noise = noise_of_sum(gain, scores.weight)
        if gain.sum() <= STANDARD_ERRORS * noise:  # not if NaN, a kind that was not judged
            best = place
            break
    return Choice(*scores.points[best % n_points], best >= n_points, scores)


def _averaged(best: Choice, judge: Judge, nothing: float, alone: float) -> Choice:
    """Return a choice, averaged with a polygenic term alone by what predicts the held-out best.

    Many small effects in a window are too weak to be selected one by one; and what a cis part that
    tries leaves of them in training is too little for a polygenic term.

    nothing, alone : float
        Squared errors of the means and of the polygenic term alone.
    """
    place = judge.points.index(Point(best.n_components, best.strengths))
    chosen, shared = (
        float(of_points[place][int(best.polygenic)].sum())
        for of_points in (judge.errors, judge.products)
    )
    apart = chosen - 2 * shared + alone  # squared distance of the two predictions
    if alone >= nothing or apart <= 0:
        return best
    weight = round(STEPS * min(max((chosen - shared) / apart, 0.0), 1.0)) / STEPS
    if weight == 1:
        best = best._replace(n_components=0, polygenic=True)
    return best._replace(alone=weight)
