"""Model comparison: the models, and fitting them on cross-validation folds."""

import time
import warnings
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import ElasticNetCV, LinearRegression, LogisticRegression, RidgeCV
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.io import Genotypes
from skgenetics.metrics import masked_r2_score
from skgenetics.preprocessing import GenotypeImputer
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._validation import import_optional

N_INNER_FOLDS = 3


class TopVariantRegressor(RegressorMixin, BaseEstimator):
    """Least squares on the one variant that correlates most with the trait in training."""

    def fit(self, X, y):
        """Choose the lead variant and fit its slope."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        mean, sd = X.mean(axis=0), X.std(axis=0)
        covariance = (y - y.mean()) @ X / len(y)
        varies = sd > 1e-8 * sd.max()
        correlation = np.where(varies, covariance / np.where(varies, sd, 1.0), 0.0)
        lead = int(np.argmax(np.abs(correlation)))
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[lead] = correlation[lead] / sd[lead] if varies[lead] else 0.0
        self.intercept_ = float(y.mean() - mean[lead] * self.coef_[lead])
        return self

    def predict(self, X):
        """Predict the trait."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ + self.intercept_


def regressors(n_variants, cv, seed):
    """Return the models for a quantitative trait, one line each; `cv` chooses their settings."""
    search = partial(GridSearchCV, cv=cv, error_score="raise")
    scaled = partial(make_pipeline, StandardScaler())
    trees = HistGradientBoostingRegressor(
        max_iter=50, max_bins=16, max_features=0.2, early_stopping=False, random_state=seed
    )
    network = MLPRegressor(
        hidden_layer_sizes=(16,), solver="lbfgs", tol=1e-2, max_iter=500, random_state=seed
    )
    return {
        "top variant": TopVariantRegressor(),
        "RidgeCV": scaled(RidgeCV(alphas=n_variants * np.array([1.0, 10.0, 100.0]))),
        "ElasticNet": scaled(ElasticNetCV(l1_ratio=0.5, alphas=10, eps=0.05, tol=1e-3, cv=cv)),
        "FinemapMiXeR": search(FinemapMiXeR(), {"max_effects": [1, 3, 10]}),
        "HistGradientBoosting": search(trees, {"max_leaf_nodes": [2, 4, 8]}),
        "MLP": scaled(search(network, {"alpha": [30.0, 100.0, 300.0]})),
    }


def classifiers(n_variants, cv, seed):
    """Return the models for a binary trait; covariates are the columns after the variants.

    Genotypes are divided by the root of their number, so that the penalty that suits their sum
    leaves the covariates nearly free.
    """
    search = partial(GridSearchCV, cv=cv, error_score="raise", scoring="neg_log_loss")
    variants = slice(0, n_variants)
    shrink = FunctionTransformer(_multiply, kw_args={"factor": n_variants**-0.5})
    covariates = make_column_transformer(("drop", variants), remainder=StandardScaler())
    both = make_column_transformer(
        (make_pipeline(StandardScaler(), shrink), variants), remainder=StandardScaler()
    )
    trees = HistGradientBoostingClassifier(
        max_iter=50, max_features=0.2, early_stopping=False, random_state=seed
    )
    logistic = LogisticRegression(max_iter=1000)
    return {
        "covariates only": make_pipeline(covariates, LogisticRegression(C=100.0, max_iter=1000)),
        "LogisticRegression": make_pipeline(both, search(logistic, {"C": [4.0, 0.4, 0.04]})),
        "HistGradientBoosting": search(trees, {"max_leaf_nodes": [2, 4, 8]}),
    }


def _multiply(X, factor):
    """Return X times a constant."""
    return X * factor


MODELS = tuple(dict.fromkeys([*regressors(1, None, 0), *classifiers(1, None, 0)]))


@dataclass(frozen=True)
class Task:
    """One trait, or the expression of one gene, to be predicted from the genotypes of people."""

    name: str
    genotypes: Genotypes  # people used x variants
    y: np.ndarray
    covariates: np.ndarray  # (people, covariates)
    fold: np.ndarray  # the fold in which each person is tested
    covariate_names: tuple = ()
    groups: np.ndarray | None = None
    binary: bool = False
    gene: dict | None = None

    def models(self, cv, seed):
        """Return the unfitted models by name."""
        make = classifiers if self.binary else regressors
        models = make(self.genotypes.shape[1], cv, seed)
        if not self.covariates.shape[1]:
            models.pop("covariates only", None)
        return models

    def metrics(self):
        """Return the names of the scores."""
        return ("ROC AUC", "average precision") if self.binary else ("R2",)

    def X(self, rows):
        """Return genotypes (missing NaN), then covariates, of some people."""
        X = self.genotypes[rows, :]
        return np.hstack([np.where(X < 0, np.nan, X), self.covariates[rows]])


@dataclass
class Result:
    """What fitting one model on one fold (None: on all people) gave."""

    task: str
    model: str
    fold: int | None
    scores: dict = field(default_factory=dict)
    n_used: float = 0.0
    seconds: float = 0.0
    estimator: object = None
    warnings: list = field(default_factory=list)
    error: str | None = None


def fold_numbers(n_samples, n_folds, *, y=None, groups=None, seed=0):
    """Return the fold in which each person is tested; `y` given: classes spread evenly."""
    kind = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }[y is not None, groups is not None]
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    fold = np.empty(n_samples, dtype=int)
    for number, (_, test) in enumerate(splitter.split(np.empty((n_samples, 1)), y, groups)):
        fold[test] = number
    return fold


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
    result = Result(task.name, model, fold)
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
    y = task.y[train]
    groups = None if task.groups is None else task.groups[train]
    inner = fold_numbers(
        len(train), N_INNER_FOLDS, y=y if task.binary else None, groups=groups, seed=seed
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
    estimator.fit(X, y)
    if model != "covariates only":
        result.n_used = _variants_used(estimator[-1], np.asarray(X)[:, :n_variants])
    if fold is None:
        result.estimator = estimator
        return
    test = np.flatnonzero(task.fold == fold)
    if task.binary:
        probability = estimator.predict_proba(task.X(test))[:, 1]
        result.scores = {
            "ROC AUC": float(roc_auc_score(task.y[test], probability)),
            "average precision": float(average_precision_score(task.y[test], probability)),
        }
        return
    baseline = np.full(len(test), y.mean())
    if n_covariates:
        covariates_only = LinearRegression().fit(task.covariates[train], y)
        baseline = covariates_only.predict(task.covariates[test])
    prediction = estimator.predict(task.X(test))
    result.scores = {"R2": masked_r2_score(task.y[test], prediction, baseline=baseline)}


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

    A network uses all; NaN where a model does not say.
    """
    model, n_variants = inner_model(estimator), X.shape[1]
    if hasattr(model, "coefs_"):
        return float(n_variants)
    if not hasattr(model, "coef_"):
        return np.nan
    effects = np.ravel(model.coef_)[:n_variants]
    if isinstance(model, (TopVariantRegressor, FinemapMiXeR)):  # the others see scaled genotypes
        effects = effects * np.nanstd(X, axis=0)
    share = np.sort(effects**2)[::-1].cumsum()
    return float(np.searchsorted(share, 0.95 * share[-1]) + 1) if share[-1] > 0 else 0.0
