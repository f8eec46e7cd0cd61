"""Fitting the models on cross-validation folds and scoring them."""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from skgenetics._version import __version__, code_identity
from skgenetics.cli.compare.models import ModelEntry
from skgenetics.cli.compare.tasks import Task, fold_numbers
from skgenetics.cli.estimators import FlatTargetRegressor
from skgenetics.cli.genotypes import Stamp, stamp_of
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.metrics import masked_r2_score
from skgenetics.preprocessing import GenotypeImputer
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._writing import load_content, save_content

N_INNER_FOLDS = 3
_SHARE_HELD = 0.95  # of the squared effects, by "variants used"


class Fit(NamedTuple):
    """One fit to make: a model of a task on the people outside a fold (None: on all people)."""

    task: Task
    model: ModelEntry
    fold: int | None
    seed: int  # of the inner folds
    folder: Path | None = None  # of finished fits
    inputs: str = ""  # a hash of what the task was made of


@dataclass
class Result:
    """What one fit gave."""

    task: str
    traits: tuple[str, ...]
    model: str
    fold: int | None
    scores: dict[str, dict[str, float]] = field(default_factory=dict)  # by trait and metric
    n_used: dict[str, float] = field(default_factory=dict)  # variants, by trait
    seconds: float = 0.0
    estimator: Pipeline | None = None  # of a fit to all people
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    joint: bool = False


_KEPT = ("scores", "n_used", "seconds", "warnings")


def compare_models(
    tasks: list[Task],
    models: tuple[ModelEntry, ...],
    *,
    n_jobs: int,
    seed: int,
    keep_all: bool = False,
    folder: Path | None = None,
) -> tuple[list[str], Iterator[Result]]:
    """Return the model of each fit to make, and an iterator of their `Result`, task by task.

    There is one for every task, model and fold, and one to all people for every model that gives
    credible sets, or for every model if `keep_all`. Those of folds are kept in `folder`, and taken
    from there if they are of the same inputs; a fit to all people is a model, and is made again.
    """
    fits = []
    stamp = () if folder is None else stamp_of(tasks[0].genotypes)  # all are of one study
    for task in tasks:
        inputs = "" if folder is None else _hash_of(task, stamp)
        for model in task.models(models):
            folds = range(task.fold.max() + 1)
            fits += [Fit(task, model, fold, seed, folder, inputs) for fold in folds]
            if keep_all or model.credible_sets:
                fits.append(Fit(task, model, None, seed))
    results = run_parallel(
        fit_and_score, fits, n_jobs=n_jobs, random_state=seed, died=result_of_death
    )
    return [fit.model.name for fit in fits], results


def _hash_of(task: Task, stamp: Stamp) -> str:
    """Return a hash of all that the fits of a task follow from, the code included."""
    names = task.genotypes.variants, task.genotypes.samples
    fields = {name: value for name, value in vars(task).items() if name != "genotypes"}
    return joblib.hash((__version__, code_identity(), stamp, names, fields))


def result_of_death(_: Any, fit: Fit, message: str) -> Result:
    """Return what is known of a fit whose process ended."""
    task = fit.task
    return Result(task.name, task.traits, fit.model.name, fit.fold, error=message, joint=task.joint)


def fit_and_score(_: Any, fit: Fit, model_seed: int) -> Result:
    """Make one fit; an error in it becomes part of the result."""
    task = fit.task
    result = Result(task.name, task.traits, fit.model.name, fit.fold, joint=task.joint)
    if fit.folder is not None:
        key = joblib.hash((fit.inputs, fit.model.name, fit.fold, fit.seed, model_seed))
        path = fit.folder / f"{key}.json.gz"
        if (earlier := load_content(path, key)) is not None:
            return replace(result, **earlier)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _fit_and_score(fit, model_seed % 2**31, result)
        except Exception as error:  # one failed fit must not end the others
            result.error = " ".join(f"{type(error).__name__}: {error}".split())
    result.seconds = time.perf_counter() - start
    for_users = (w for w in caught if issubclass(w.category, UserWarning))
    result.warnings = sorted({" ".join(str(warning.message).split()) for warning in for_users})
    if fit.folder is not None and result.error is None:
        save_content(path, {name: getattr(result, name) for name in _KEPT}, key)
    return result


def _fit_and_score(fit: Fit, model_seed: int, result: Result) -> None:
    """Fill `result` with the scores on people of the fold, or the fit to all people."""
    task, model = fit.task, fit.model
    train = np.flatnonzero(task.fold != fit.fold)
    estimator = build_pipeline(fit, inner_splits(task, train, fit.seed), model_seed)
    X = task.X(train)
    if fit.fold is None:  # a model that is kept knows the names of its columns
        X = _named(X, task)
        estimator.set_output(transform="pandas")
    estimator.fit(X, task.target(train, model.target))
    genotypes = np.asarray(X)[:, : task.n_variants]
    n_used = variants_used(estimator, genotypes, model.variants_used)
    result.n_used = dict(zip(task.traits, np.broadcast_to(n_used, len(task.traits)), strict=True))
    if fit.fold is None:
        result.estimator = estimator
        return
    test = np.flatnonzero(task.fold == fit.fold)
    result.scores = score_traits(task, train, test, _predict(task, estimator, test))


def inner_splits(task: Task, train: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the (train, test) rows, among those of `train`, by which a model is tuned."""
    n_folds = N_INNER_FOLDS
    if task.groups is not None:
        n_folds = min(n_folds, len(np.unique(task.groups[train])))
    fold = fold_numbers(
        len(train),
        n_folds,
        labels=task.y[train] if task.binary else None,
        groups=None if task.groups is None else task.groups[train],
        seed=seed,
    )
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def build_pipeline(fit: Fit, cv: list[tuple[np.ndarray, np.ndarray]], seed: int) -> Pipeline:
    """Return the unfitted model behind imputation and, of quantitative traits, adjustment."""
    task, model = fit.task, fit.model
    build = model.builder(task.binary)
    if fit.fold is None and model.credible_sets:
        build = model.credible_sets
    assert build is not None  # `Task.models` gives no other entries
    estimator = build(task.settings(cv, seed))
    if task.own and model.target == "traits":
        estimator = FlatTargetRegressor(estimator)
    if task.covariates.shape[1] and not task.binary:
        first = task.n_variants
        estimator = CovariateAdjustedRegressor(
            estimator,
            covariates=[first + column for column in task.shared],
            tissue_covariates=[[first + column for column in own] for own in task.own] or None,
        )
    return make_pipeline(GenotypeImputer(), estimator)


def _named(X: np.ndarray, task: Task) -> Any:
    """Return X as a frame; equal names of variants get a number."""
    pd = import_optional("pandas", extra="dataframe")
    names = pd.Series([*task.genotypes.variants["variant_id"], *task.covariate_names])
    repeat = names.groupby(names).cumcount()
    return pd.DataFrame(X, columns=names.where(repeat == 0, names + "." + repeat.astype(str)))


def _predict(task: Task, estimator: Pipeline, test: np.ndarray) -> np.ndarray:
    """Return predictions, or probabilities of being a case, (people of `test`, traits)."""
    if not task.binary:
        prediction = estimator.predict(task.X(test))
    else:
        prediction = estimator.predict_proba(task.X(test))
        if len(task.traits) == 1:
            prediction = prediction[:, 1]
    return prediction.reshape(len(test), -1)


def score_traits(
    task: Task, train: np.ndarray, test: np.ndarray, prediction: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return the scores of predictions (people of `test`, traits), by trait and metric."""
    scores = {}
    for number, (trait, y) in enumerate(zip(task.traits, task.y.T, strict=True)):
        guess = prediction[:, number]
        observed = np.isfinite(y[test])
        learned, tested, guess = train[np.isfinite(y[train])], test[observed], guess[observed]
        if task.binary:
            scores[trait] = {
                "ROC AUC": float(roc_auc_score(y[tested], guess)),
                "average precision": float(average_precision_score(y[tested], guess)),
            }
            continue
        baseline = np.full(len(tested), y[learned].mean())
        if task.covariates.shape[1]:
            C = task.covariates_of(number)
            baseline = LinearRegression().fit(C[learned], y[learned]).predict(C[tested])
        scores[trait] = {"R2": masked_r2_score(y[tested], guess, baseline=baseline)}
    return scores


def inner_model(estimator: Any) -> Any:
    """Return the model inside covariate adjustment, pipelines and searches."""
    while True:
        if hasattr(estimator, "regressor_"):
            estimator = estimator.regressor_
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "steps"):
            estimator = estimator[-1]
        else:
            return estimator


def variants_used(estimator: Any, genotypes: np.ndarray, counted: str) -> float | np.ndarray:
    """Return the number of variants that a fitted model uses, for each trait or for all.

    Of a linear model it is the fewest that hold 95% of its squared effects per standard deviation.
    `counted` is `variants_used` of a `ModelEntry`; NaN if it does not say.
    """
    n_variants = genotypes.shape[1]
    if counted in ("all", "none", "unknown"):
        return {"all": float(n_variants), "none": 0.0, "unknown": np.nan}[counted]
    model = inner_model(estimator)
    coef = np.asarray(model.coef_) + getattr(model, "background_coef_", 0.0)
    effects = coef.reshape(-1, coef.shape[-1])[:, :n_variants]  # (traits, variants)
    if counted == "per allele":
        effects = effects * np.nanstd(genotypes, axis=0)
    squares = -np.sort(-(effects**2), axis=1)
    total = squares.sum(axis=1)
    n_used = (squares.cumsum(axis=1) < _SHARE_HELD * total[:, None]).sum(axis=1) + 1.0
    return np.where(total > 0, n_used, 0.0)
