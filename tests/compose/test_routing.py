"""Metadata, callbacks and names on their way through CovariateAdjustedRegressor."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.callback import ScoringMonitor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics import FinemapMiXeR
from skgenetics.compose import CovariateAdjustedRegressor


class Recorder:
    """A callback that follows estimators inside others, as progress bars do."""

    max_propagation_depth = None

    def __init__(self):
        self.estimators = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.estimators.append(type(estimator).__name__)

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = X @ [1.0, 0.5, 0, -1] + rng.normal(size=60)
    return X, y, rng.integers(1, 4, 60).astype(float)


def residuals(X, y, weight):
    """Of y and the other columns on the first and an intercept, weighted."""
    C = np.c_[np.ones(len(X)), X[:, 0]]
    root = np.sqrt(weight)[:, None]
    Z = np.c_[y, X[:, 1:]]
    R = Z - C @ np.linalg.lstsq(root * C, root * Z, rcond=None)[0]
    return R[:, 1:], R[:, 0]


@pytest.mark.parametrize("requested", [True, False])
@pytest.mark.parametrize("inside", ["regressor", "pipeline"])
def test_the_regressor_gets_the_weights_that_it_requests(data, requested, inside):
    X, y, weight = data
    features, target = residuals(X, y, weight)
    expected = Ridge().fit(features, target, sample_weight=weight if requested else None)
    with config_context(enable_metadata_routing=True):
        regressor = Ridge().set_fit_request(sample_weight=requested)
        if inside == "pipeline":
            scaler = StandardScaler(with_std=False).set_fit_request(sample_weight=requested)
            regressor = make_pipeline(scaler, regressor)
        model = CovariateAdjustedRegressor(regressor, covariates=0)
        model.fit(X, y, sample_weight=weight)
        fitted = model.regressor_ if inside == "regressor" else model.regressor_[-1]
        np.testing.assert_allclose(fitted.coef_, expected.coef_)
        with pytest.raises(ValueError, match="not explicitly set as requested or not requested"):
            CovariateAdjustedRegressor(Ridge(), covariates=0).fit(X, y, sample_weight=weight)


def test_weights_pass_through_what_is_outside(data):
    X, y, weight = data
    direct = CovariateAdjustedRegressor(Ridge(), covariates=0).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        inner = CovariateAdjustedRegressor(
            Ridge().set_fit_request(sample_weight=True), covariates=0
        ).set_fit_request(sample_weight=True)
        outer = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), inner)
        fitted = outer.fit(X, y, sample_weight=weight)
        scale = StandardScaler().fit(X).scale_
        ridge = Ridge().fit(*residuals(X / scale, y, weight), sample_weight=weight)
        np.testing.assert_allclose(fitted[-1].regressor_.coef_, ridge.coef_)
        inner.set_score_request(sample_weight=True)
        scored = cross_validate(inner, X, y, params={"sample_weight": weight}, cv=3)
    assert np.all(np.isfinite(scored["test_score"]))
    assert direct.regressor_.coef_.shape == (3,)


@pytest.mark.parametrize("routing", [True, False])
def test_groups_reach_an_inner_search(data, routing):
    X, y, _ = data
    groups = np.arange(60) // 5
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 1000.0]}, cv=GroupKFold(3))
        model = CovariateAdjustedRegressor(search, covariates=0).fit(X, y, groups=groups)
        features, target = model.adjust(X, y)
        expected = GridSearchCV(Ridge(), {"alpha": [0.1, 1000.0]}, cv=GroupKFold(3))
        expected.fit(features, target, groups=groups)
    for key in ("split0_test_score", "split2_test_score"):
        np.testing.assert_allclose(
            model.regressor_.cv_results_[key], expected.cv_results_[key], rtol=1e-9
        )


def test_weights_without_routing_to_what_takes_none(data):
    X, y, weight = data
    pipeline = make_pipeline(StandardScaler(), Ridge())
    model = CovariateAdjustedRegressor(pipeline, covariates=0)
    with pytest.raises(ValueError, match=r"Pipeline.fit takes none.*enable_metadata_routing=True"):
        model.fit(X, y, sample_weight=weight)
    model.fit(X, y, ridge__sample_weight=weight)
    assert model.regressor_[-1].coef_.shape == (3,)


def test_arguments_of_predict_reach_the_regressor(data):
    X, y, _ = data
    model = CovariateAdjustedRegressor(FinemapMiXeR(), covariates=0).fit(X, y)
    mean, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, model.predict(X))
    np.testing.assert_allclose(std, model.regressor_.predict(model.adjust(X), return_std=True)[1])


@pytest.mark.parametrize("library", ["numpy", "pandas", "polars"])
def test_callbacks_follow_the_regressor(data, library):
    X, y, _ = data
    if library != "numpy":
        module = pytest.importorskip(library)
        X = module.DataFrame({f"rs{i}": X[:, i] for i in range(4)})
    outside, inside = ScoringMonitor(scoring="r2"), ScoringMonitor(scoring="r2")
    seen = Recorder()
    model = CovariateAdjustedRegressor(FinemapMiXeR().set_callbacks(inside), covariates=0)
    model.set_callbacks(outside, seen).fit(X, y)
    (score,) = outside.get_logs().data_as_pandas["r2"]
    assert score == pytest.approx(model.score(X, y))
    log = inside.get_logs().data_as_pandas
    iterations = log[log["task_name"] == "iteration"]
    assert len(iterations) == model.regressor_.n_iter_
    expected = model.regressor_.score(*model.adjust(X, y))
    assert iterations["r2"].iloc[-1] == pytest.approx(expected)
    assert {"CovariateAdjustedRegressor", "FinemapMiXeR"} == set(seen.estimators)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize("adjust_features", [True, False])
@pytest.mark.parametrize("covariates", ["age", None])
def test_names_are_kept_in_frames_of_any_library(library, adjust_features, covariates):
    module = pytest.importorskip(library)
    rng = np.random.default_rng(0)
    columns = {"rs1": rng.integers(0, 3, 60), "age": rng.normal(size=60)}
    columns["rs2"] = rng.integers(0, 3, 60).astype(np.int8)
    y = columns["rs1"] + rng.normal(size=60)
    frame = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    model = CovariateAdjustedRegressor(
        FinemapMiXeR(), covariates=covariates, adjust_features=adjust_features
    ).fit(frame, y)
    names = [name for name in columns if name != covariates]
    assert list(model.regressor_.feature_names_in_) == names
    assert type(model.adjust(frame)) is type(frame)
    by_position = CovariateAdjustedRegressor(
        FinemapMiXeR(), covariates=covariates and [1], adjust_features=adjust_features
    ).fit(np.column_stack(list(columns.values())), y)
    np.testing.assert_allclose(
        model.predict(frame), by_position.predict(np.column_stack(list(columns.values())))
    )
