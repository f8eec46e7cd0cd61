"""Model comparison: fitting models on cross-validation folds and scoring them."""

import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline

from skgenetics import FinemapMiXeR, MMASHRegressor
from skgenetics.cli.compare.models import TopVariantRegressor
from skgenetics.cli.compare.tasks import fold_numbers
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.metrics import masked_r2_score
from skgenetics.preprocessing import GenotypeImputer
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parallel import run_parallel

N_INNER_FOLDS = 3


@dataclass
class Result:
    """What fitting one model on one fold (None: on all people) gave."""

    task: str
    traits: tuple
    model: str
    fold: int | None
    scores: dict = field(default_factory=dict)  # metric to score, by trait
    n_used: dict = field(default_factory=dict)  # variants, by trait
    seconds: float = 0.0
    estimator: object = None
    warnings: list = field(default_factory=list)
    error: str | None = None
    joint: bool = False


def compare_models(tasks, model_names, *, n_jobs, seed, keep_all=False):
    """Return how many fits there are, and an iterator of their `Result`, task by task.

    One for every task, model and fold, and the fits to all people:
    FinemapMiXeR is fitted to all people for its credible sets, every model where `keep_all`.
    """
    units = []
    for task in tasks:
        for model in (name for name in task.models(None, seed) if name in model_names):
            units += [(task, model, fold, seed) for fold in range(task.fold.max() + 1)]
            if keep_all or model == "FinemapMiXeR":
                units.append((task, model, None, seed))
    return len(units), run_parallel(fit_unit, units, n_jobs=n_jobs, random_state=seed)


def fit_unit(_, unit, unit_seed):
    """Fit one model on the people outside one fold and score it on the others."""
    task, model, fold, seed = unit
    result = Result(task.name, task.traits, model, fold, joint=task.joint)
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            _fit_and_score(task, model, fold, seed, unit_seed, result)
        except Exception as error:  # one failed unit must not end the others
            result.error = " ".join(f"{type(error).__name__}: {error}".split())
    result.seconds = time.perf_counter() - start
    kept = (warning for warning in caught if issubclass(warning.category, UserWarning))
    result.warnings = sorted({" ".join(str(warning.message).split()) for warning in kept})
    return result


def _fit_and_score(task, model, fold, seed, unit_seed, result):
    """Fill `result` with the scores on people of `fold`, or the fit to all people."""
    train = np.flatnonzero(task.fold != fold)
    inner = fold_numbers(
        len(train),
        N_INNER_FOLDS,
        labels=task.y[train] if task.binary else None,
        groups=None if task.groups is None else task.groups[train],
        seed=seed,
    )
    cv = [(np.flatnonzero(inner != k), np.flatnonzero(inner == k)) for k in range(N_INNER_FOLDS)]
    estimator = task.models(cv, unit_seed % 2**31)[model]
    if fold is None and model == "FinemapMiXeR":
        estimator = FinemapMiXeR()  # sets come from its defaults, not from a search for prediction
    n_variants, n_covariates = task.genotypes.shape[1], task.covariates.shape[1]
    if n_covariates and not task.binary:
        columns = list(range(n_variants, n_variants + n_covariates))
        estimator = CovariateAdjustedRegressor(estimator, covariates=columns)
    estimator = make_pipeline(GenotypeImputer(), estimator)
    X = task.X(train)
    if fold is None:  # a model that is kept knows the names of its columns
        pd = import_optional("pandas", extra="dataframe")
        names = pd.Series([*task.genotypes.variants["variant_id"], *task.covariate_names])
        repeat = names.groupby(names).cumcount()
        X = pd.DataFrame(X, columns=names.where(repeat == 0, names + "." + repeat.astype(str)))
        estimator.set_output(transform="pandas")
    estimator.fit(X, task.target(train, model))
    if model != "covariates only":
        used = _variants_used(estimator[-1], np.asarray(X)[:, :n_variants])
        result.n_used = dict(zip(task.traits, np.broadcast_to(used, len(task.traits)), strict=True))
    if fold is None:
        result.estimator = estimator
        return
    test = np.flatnonzero(task.fold == fold)
    predict = estimator.predict_proba if task.binary else estimator.predict
    prediction = predict(task.X(test))
    if task.binary and len(task.traits) == 1:
        prediction = prediction[:, 1]
    result.scores = _scores(task, train, test, prediction.reshape(len(test), -1))


def _scores(task, train, test, prediction):
    """Return the scores of predictions (people of `test`, traits), by trait and metric."""
    scores = {}
    for trait, y, guess in zip(task.traits, task.y.T, prediction.T, strict=True):
        known, seen = train[np.isfinite(y[train])], np.isfinite(y[test])
        tested, guess = test[seen], guess[seen]
        if task.binary:
            scores[trait] = {
                "ROC AUC": float(roc_auc_score(y[tested], guess)),
                "average precision": float(average_precision_score(y[tested], guess)),
            }
            continue
        baseline = np.full(len(tested), y[known].mean())
        if task.covariates.shape[1]:
            covariates_only = LinearRegression().fit(task.covariates[known], y[known])
            baseline = covariates_only.predict(task.covariates[tested])
        scores[trait] = {"R2": masked_r2_score(y[tested], guess, baseline=baseline)}
    return scores


def inner_model(estimator):
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


def _variants_used(estimator, X):
    """Return the fewest variants that hold 95% of a linear model's squared effects per SD.

    One number a trait. A network uses all; NaN where a model does not say.
    """
    model, n_variants = inner_model(estimator), X.shape[1]
    if hasattr(model, "coefs_"):
        return float(n_variants)
    if not hasattr(model, "coef_"):
        return np.nan
    effects = np.reshape(model.coef_, (-1, np.shape(model.coef_)[-1]))[:, :n_variants]
    if isinstance(model, (TopVariantRegressor, FinemapMiXeR, MMASHRegressor)):
        effects = effects * np.nanstd(X, axis=0)  # the others see scaled genotypes
    share = -np.sort(-(effects**2), axis=1)
    total = share.sum(axis=1, keepdims=True)
    return np.where(total[:, 0] > 0, (share.cumsum(axis=1) < 0.95 * total).sum(axis=1) + 1.0, 0.0)
