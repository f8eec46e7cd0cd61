"""scikit-learn's own checks on one instance of every estimator, per solver and model."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.finemapping.solvers import CAVI, Adam, Gibbs

ESTIMATORS = [
    FinemapMiXeR(solver="susie", random_state=0),
    FinemapMiXeR(solver="susie", residual_variance=None, random_state=0),
    FinemapMiXeR(solver=Gibbs(n_draws=200), random_state=0),
    FinemapMiXeR(solver=Gibbs(n_draws=200), heritability=0.2, random_state=0),
    FinemapMiXeR(solver=CAVI(n_restarts=3), random_state=0),
    FinemapMiXeR(solver=Adam(learning_rate=0.01), max_iter=500, random_state=0),
    FinemapMiXeR(
        solver=Adam(noise="independent", n_restarts=2, n_components=1.0, learning_rate=0.01),
        max_iter=500,
        random_state=0,
    ),
    LINAClassifier((20, 10), learning_rate_init=0.01, max_iter=60, random_state=0),
    LINAClassifier((8,), activation="relu", solver="lbfgs", random_state=0),
    LINARegressor((20, 10), learning_rate_init=0.01, max_iter=60, random_state=0),
    LINARegressor((10, 5), batch_norm=True, learning_rate_init=0.01, max_iter=60, random_state=0),
    MILAGERegressor(random_state=0),
    MILAGERegressor(0, polygenic=True, random_state=0),
    MILAGERegressor(2, trans_model="sigmoid", random_state=0),
    MILAGERegressor(2, trans_model="tensor", random_state=0),
    MILAGERegressor(2, solver="gd", init="random", random_state=0),
    MILAGERegressor(1, variant_penalty="l1", loading_penalty="l1", max_iter=5, random_state=0),
    MMASHRegressor(),
    MMASHRegressor(residual_covariance="low_rank", polygenic=0, update_order="evidence"),
    MMASHRegressor(covariances="both", residual_covariance="diagonal", polygenic=0.3),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
def test_estimator(estimator, check):
    check(estimator)
