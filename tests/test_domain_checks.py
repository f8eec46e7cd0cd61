"""Every estimator passes the package's own checks, and estimators with one fault each do not."""

from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.utils.validation import check_is_fitted, validate_data

from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.expression import IncompletePCA
from skgenetics.finemapping.solvers import CAVI, Adam, Gibbs, Solver
from skgenetics.preprocessing import (
    GenotypeImputer,
    GenotypeScaler,
    InteractionScan,
    LDPruner,
    MinorAlleleFrequencyThreshold,
)
from skgenetics.utils import check_estimator, estimator_checks
from tests.test_common import PUBLIC

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PRIOR = {"causal_probability": (0.02, 0.4), "effect_variance": (0.01, 0.2)}
STARTS = dict.fromkeys(("solver__sd_init", "solver__mean_init"), (0.01, 0.1))
FIRST = [  # of each class
    (FinemapMiXeR(), PRIOR),
    (MMASHRegressor(polygenic=0, tol=1), {}),
    (MILAGERegressor(1, max_iter=20), {}),
    (LINARegressor(4, max_iter=4), {}),
    (LINAClassifier(4, max_iter=4), {}),
    (GenotypeImputer(), {}),
    (GenotypeScaler(), {}),
    (InteractionScan(), {}),
    (LDPruner(0.9), {}),
    (MinorAlleleFrequencyThreshold(), {}),
    (CovariateAdjustedRegressor(Ridge(), covariates=[0]), {}),
]
OTHERS = [
    (FinemapMiXeR(solver=Gibbs(n_draws=100)), PRIOR),
    (FinemapMiXeR(solver=CAVI(n_restarts=2)), PRIOR),
    (FinemapMiXeR(solver=Adam.published(n_restarts=2), max_iter=30), STARTS),
    (FinemapMiXeR(residual_variance=1.0, heritability=0.2), {}),
    (MMASHRegressor(), {}),
    (MMASHRegressor(residual_covariance="low_rank", update_order="sequential"), {}),
    (MILAGERegressor(0, polygenic=True), {}),
    (MILAGERegressor(1, trans_model="sigmoid", early_stopping=True, max_iter=20), {}),
    (MILAGERegressor(1, trans_model="tensor", max_iter=20), {}),
    (LINAClassifier(4, solver="lbfgs", max_iter=4), {}),
    (LINARegressor(4, batch_norm=True, early_stopping=True, max_iter=4), {}),
    (CovariateAdjustedRegressor(FinemapMiXeR(), covariates=[0]), {}),
]


def shown(value):
    """The estimator of a parametrized test, in short."""
    return " ".join(str(value).split())[:60] if hasattr(value, "fit") else ""


@pytest.mark.parametrize(
    ("estimator", "per_variant"),
    [*FIRST, *(pytest.param(*case, marks=pytest.mark.slow) for case in OTHERS)],
    ids=shown,
)
def test_the_package_passes_its_own_checks(estimator, per_variant):
    outcome = check_estimator(estimator, per_variant=per_variant)
    passed = {name for name, result in outcome.items() if result == "passed"}
    assert {"check_dtypes", "check_missing_codes", "check_failed_fits"} <= passed


def test_every_estimator_is_checked():
    checked = {type(estimator).__name__ for estimator, _ in FIRST}
    of_expression = {IncompletePCA.__name__}  # takes no genotypes
    estimators = {name for name, cls in PUBLIC.items() if not issubclass(cls, Solver)}
    assert estimators - of_expression == checked


class Careless(RegressorMixin, BaseEstimator):
    """Takes whatever scikit-learn takes."""

    def fit(self, X, y):
        X, y = validate_data(self, X, y)
        self.model_ = LinearRegression().fit(X, y)
        return self

    def predict(self, X):
        check_is_fitted(self)
        return self.model_.predict(validate_data(self, X, reset=False))


class Hasty(Careless):
    """Says how wide X is before it is sure of it."""

    def fit(self, X, y):
        self.n_features_in_ = np.shape(X)[1]
        return super().fit(X, y)

    def predict(self, X):
        return self.model_.predict(X)


class Rebuilt(CallbackSupportMixin, Careless):
    """Shows callbacks an estimator that is not there yet."""

    @with_callbacks
    def fit(self, X, y):
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return super().fit(X, y)


class HalfPrecision(Careless):
    """Computes in the dtype of X."""

    def fit(self, X, y):
        super().fit(X, y)
        total = np.sum(np.asarray(X) ** 2, axis=0, dtype=np.asarray(X).dtype)
        self.weight_ = float(np.sum(total, dtype=float))
        return self

    def predict(self, X):
        return super().predict(X) * self.weight_


class ByPosition(Careless):
    """Ignores the labels of its weights."""

    def __init__(self, weights=None):
        self.weights = weights

    def predict(self, X):
        weights = np.ones(8) if self.weights is None else np.asarray(self.weights)
        return super().predict(X) + np.asarray(X) @ weights


class Unmasked(Careless):
    """Reads what is under a mask."""

    def fit(self, X, y):
        return super().fit(np.asarray(X), y)

    def predict(self, X):
        return super().predict(np.asarray(X))


@pytest.mark.parametrize(
    ("estimator", "check", "message"),
    [
        (Careless(), "check_missing_codes", "-9 in an array of int8: "),
        (Hasty(), "check_failed_fits", "a failed fit changes the estimator"),
        (Hasty(), "check_not_fitted", "predict before fit raises AttributeError"),
        (Rebuilt(), "check_callbacks", "not fitted yet"),
        (HalfPrecision(), "check_dtypes", "dosages of int8"),
        (ByPosition(), "check_labels", "weights in another order"),
        (Unmasked(), "check_masked_arrays", "a masked array"),
        (Careless(), "check_gradients", "requires grad"),
    ],
)
def test_a_fault_is_found(estimator, check, message):
    pytest.importorskip("pandas")
    if check == "check_gradients":
        pytest.importorskip("torch")
    per_variant = {"weights": (0.1, 1.0)} if isinstance(estimator, ByPosition) else None
    checks = dict(estimator_checks(estimator, per_variant=per_variant))
    with pytest.raises(Exception, match=message) as caught:
        checks[check]()
    assert not isinstance(caught.value, SkipTest)
