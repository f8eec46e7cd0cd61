"""Estimators and steps that more than one command builds, or that only the commands need."""

from typing import Any, Self

import numpy as np
from sklearn.base import MetaEstimatorMixin, RegressorMixin, clone
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.linear_model import ElasticNetCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._moments import column_moments, reciprocal
from skgenetics.utils._typing import ArrayLike


class TopVariantRegressor(RegressorMixin, GeneticsEstimator):
    """Least squares on the one variant that correlates most with the trait in training."""

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Choose the lead variant and fit its slope."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        share = np.full(len(y), 1 / len(y))
        mean, variance, covariance = column_moments(X, share, y - y.mean())
        assert covariance is not None  # y was given
        per_variance = reciprocal(variance)
        lead = int(np.argmax(np.abs(covariance) * np.sqrt(per_variance)))
        self.coef_ = np.zeros(X.shape[1])
        self.coef_[lead] = covariance[lead] * per_variance[lead]
        self.intercept_ = float(y.mean() - mean[lead] * self.coef_[lead])
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict the trait."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ + self.intercept_


class FlatTargetRegressor(MetaEstimatorMixin, RegressorMixin, GeneticsEstimator):
    """A regressor of traits for expression of genes in tissues: each gene in a tissue is a trait.

    Parameters
    ----------
    regressor : estimator
    """

    def __init__(self, regressor: Any) -> None:
        self.regressor = regressor

    def fit(self, X: ArrayLike, y: np.ndarray) -> Self:
        """Fit the regressor to expression (n_people, n_genes, n_tissues)."""
        self.target_shape_ = y.shape[1:]
        self.regressor_ = clone(self.regressor).fit(X, y.reshape(len(y), -1))
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict expression (n_people, n_genes, n_tissues)."""
        prediction = self.regressor_.predict(X)
        return prediction.reshape(len(prediction), *self.target_shape_)


def elastic_net(cv: Any) -> Pipeline:
    """Return an elastic net on scaled variants, its penalty chosen by the folds `cv`."""
    path = ElasticNetCV(l1_ratio=0.5, alphas=10, eps=0.05, tol=1e-3, cv=cv)
    return make_pipeline(StandardScaler(), path)


def variant_and_covariate_scaler(n_variants: int) -> ColumnTransformer:
    """Return a scaler of the variants and the covariates after them.

    Genotypes are divided by the root of their number, so that the penalty that suits their sum
    leaves the covariates nearly free.
    """
    shrink = FunctionTransformer(_multiply, kw_args={"factor": n_variants**-0.5})
    variants = make_pipeline(StandardScaler(), shrink), slice(0, n_variants)
    return make_column_transformer(variants, remainder=StandardScaler())


def _multiply(X: np.ndarray, factor: float) -> np.ndarray:
    """Return X times a constant."""
    return X * factor
