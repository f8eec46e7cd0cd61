"""Model comparison: the models, one line each, with the settings they choose from."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import ElasticNetCV, LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics import (
    FinemapMiXeR,
    LINAClassifier,
    LINARegressor,
    MILAGERegressor,
    MMASHRegressor,
)
from skgenetics.metrics import masked_r2_scorer, masked_roc_auc_scorer


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


class ScaledTraitsRegressor(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """A regressor on traits of mean 0 and variance 1; NaN is a cell that is not observed."""

    def __init__(self, regressor):
        self.regressor = regressor

    def fit(self, X, y):
        """Scale the traits and fit the regressor."""
        sd = np.nanstd(y, axis=0)
        self.mean_, self.scale_ = np.nanmean(y, axis=0), np.where(sd > 0, sd, 1.0)
        self.regressor_ = clone(self.regressor).fit(X, (y - self.mean_) / self.scale_)
        return self

    def predict(self, X):
        """Predict the traits in their own units."""
        return self.regressor_.predict(X) * self.scale_ + self.mean_


def regressors(n_variants, cv, seed):
    """Return the models of one quantitative trait; `cv` chooses their settings."""
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


def joint_regressors(n_variants, cv, seed, windows=None):
    """Return the models of all quantitative traits at once.

    `windows` are the columns of each trait's cis window, where the traits are genes.
    """
    search = partial(GridSearchCV, cv=cv, error_score="raise", scoring=masked_r2_scorer)
    expression = MILAGERegressor(
        cis_windows=windows,
        n_variants=None if windows is None else n_variants,
        polygenic=True,
        random_state=seed,
    )
    network = LINARegressor(
        (8,), standardize=False, attention_alpha=3.0, solver="lbfgs", tol=8e-3, random_state=seed
    )
    grid = {"coef_alpha": [1e-2, 3e-2]}
    return {
        "MMASHRegressor": MMASHRegressor(),
        "MILAGERegressor": search(expression, {"n_components": [0, 2]}),
        "LINARegressor": make_pipeline(
            *_for_networks(n_variants), ScaledTraitsRegressor(search(network, grid))
        ),
    }


def classifiers(n_variants, cv, seed):
    """Return the models of one binary trait; covariates are the columns after the variants."""
    search = partial(GridSearchCV, cv=cv, error_score="raise", scoring="neg_log_loss")
    covariates = make_column_transformer(("drop", slice(0, n_variants)), remainder=StandardScaler())
    trees = HistGradientBoostingClassifier(
        max_iter=50, max_features=0.2, early_stopping=False, random_state=seed
    )
    logistic = LogisticRegression(max_iter=1000)
    return {
        "covariates only": make_pipeline(covariates, LogisticRegression(C=100.0, max_iter=1000)),
        "LogisticRegression": make_pipeline(
            _scaler(n_variants), search(logistic, {"C": [4.0, 0.4, 0.04]})
        ),
        "HistGradientBoosting": search(trees, {"max_leaf_nodes": [2, 4, 8]}),
    }


def joint_classifiers(n_variants, cv, seed):
    """Return the models of all binary traits at once."""
    search = partial(GridSearchCV, cv=cv, error_score="raise", scoring=masked_roc_auc_scorer)
    network = LINAClassifier(
        (8,), standardize=False, attention_alpha=1.0, solver="lbfgs", tol=8e-3, random_state=seed
    )
    grid = {"coef_alpha": [3e-4, 1e-3, 3e-3]}
    return {"LINAClassifier": make_pipeline(*_for_networks(n_variants), search(network, grid))}


def _scaler(n_variants):
    """Return a scaler of the variants and the covariates after them.

    Genotypes are divided by the root of their number, so that the penalty that suits their sum
    leaves the covariates nearly free.
    """
    shrink = FunctionTransformer(_multiply, kw_args={"factor": n_variants**-0.5})
    variants = make_pipeline(StandardScaler(), shrink), slice(0, n_variants)
    return make_column_transformer(variants, remainder=StandardScaler())


def _for_networks(n_variants):
    """Return the same scaler, and a step to single precision."""
    return _scaler(n_variants), FunctionTransformer(_convert, kw_args={"dtype": "float32"})


def _multiply(X, factor):
    """Return X times a constant."""
    return X * factor


def _convert(X, dtype):
    """Return X in another type."""
    return X.astype(dtype)


ALONE = tuple(dict.fromkeys([*regressors(1, None, 0), *classifiers(1, None, 0)]))
JOINT = (*joint_regressors(1, None, 0), *joint_classifiers(1, None, 0))
MODELS = (*ALONE, *JOINT)
