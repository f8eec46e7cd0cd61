"""scikit-learn's own checks on one instance of every estimator, and the tables of parameters."""

import importlib
import inspect
import pkgutil
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgenetics
from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor as Adjusted
from skgenetics.finemapping.solvers import CAVI, Adam, Gibbs, Solver
from skgenetics.utils._parameters import Constraint, ParameterError
from tests.expression.models import STRENGTHS

ESTIMATORS = [
    FinemapMiXeR(),  # "auto": single effects
    FinemapMiXeR(solver="susie", residual_variance=None),
    FinemapMiXeR(solver=Gibbs(n_draws=200), random_state=0),
    FinemapMiXeR(solver=Gibbs(n_draws=200), heritability=0.2, random_state=0),
    FinemapMiXeR(solver=CAVI(n_restarts=3), random_state=0),
    FinemapMiXeR(
        solver=Adam.published(noise="ld", learning_rate=0.02), max_iter=250, random_state=0
    ),
    FinemapMiXeR(
        solver=Adam.published(n_restarts=2, n_components=1.0, learning_rate=0.02),
        max_iter=250,
        random_state=0,
    ),
    LINAClassifier((20, 10), batch_norm=False, early_stopping=False, max_iter=60, random_state=0),
    LINAClassifier((8,), activation="relu", solver="lbfgs", max_iter=50, random_state=0),
    LINARegressor((20, 10), batch_norm=False, early_stopping=False, max_iter=60, random_state=0),
    LINARegressor((10, 5), start="random", early_stopping=False, max_iter=60, random_state=0),
    MILAGERegressor(random_state=0),
    MILAGERegressor(0, polygenic=True, random_state=0),
    MILAGERegressor(2, trans_model="sigmoid", random_state=0, **STRENGTHS),
    MILAGERegressor(2, trans_model="tensor", random_state=0, **STRENGTHS),
    MILAGERegressor(2, solver="gd", init="random", max_iter=100, random_state=0, **STRENGTHS),
    MILAGERegressor(
        1, variant_penalty="l1", loading_penalty="l1", max_iter=5, random_state=0, **STRENGTHS
    ),
    MMASHRegressor(),
    MMASHRegressor(residual_covariance="low_rank", polygenic=0, update_order="sequential"),
    MMASHRegressor(solver="single_effects", polygenic=0),
    MMASHRegressor(covariances="both", residual_covariance="diagonal", polygenic=0.3),
]


def expected_failures(estimator):
    """Return the checks that an estimator fails, and why."""
    if isinstance(estimator, MILAGERegressor) and estimator.n_components == "auto":
        check = "check_sample_weight_equivalence_on_dense_data"
        return {check: "folds hold out individuals, and copies of one may be in several"}
    return {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:n_components=1, but no factor is left")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator(estimator, check):
    check(estimator)


def public_estimators():
    """Return every estimator, transformer and solver that a public module exports."""
    found = {}
    for module in pkgutil.walk_packages(skgenetics.__path__, "skgenetics."):
        if "._" in module.name:
            continue
        public = importlib.import_module(module.name)
        for name in getattr(public, "__all__", []):
            member = getattr(public, name)
            if inspect.isclass(member) and issubclass(member, BaseEstimator):
                found[name] = member
    return found


PUBLIC = public_estimators()
REQUIRED = {"regressor": Ridge()}  # arguments without a default


def make(cls, **parameters):
    """Return an estimator of a class with `parameters`, others by default."""
    needed = inspect.signature(cls).parameters
    return cls(**{k: v for k, v in REQUIRED.items() if k in needed} | parameters)


def test_the_walk_finds_the_estimators():
    assert {type(estimator).__name__ for estimator in ESTIMATORS} <= set(PUBLIC)
    assert {"GenotypeImputer", "CovariateAdjustedRegressor", "Gibbs"} <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_table_has_every_parameter(name):
    cls = PUBLIC[name]
    assert set(cls._constraints) == set(make(cls).get_params(deep=False))
    for rules in cls._constraints.values():
        assert list(rules)
        assert all(rule is None or isinstance(rule, Constraint) for rule in rules)


UNUSED_BY_DEFAULT = {
    ("InteractionScan", "positions"),
    ("InteractionScan", "chromosomes"),
    ("LDPruner", "positions"),
    ("LDPruner", "chromosomes"),
}


def refusing_none():
    """Yield the names of classes and parameters whose table does not allow None."""
    for name, cls in PUBLIC.items():
        for parameter, rules in cls._constraints.items():
            if not any(rule is None or (rule.fits(None) and rule.allows(None)) for rule in rules):
                yield name, parameter


@pytest.mark.parametrize(("name", "parameter"), list(refusing_none()))
def test_fit_refuses_none_unless_the_table_lists_it(name, parameter):
    estimator = make(PUBLIC[name], **{parameter: None})
    if isinstance(estimator, Solver):
        estimator = FinemapMiXeR(solver=estimator)
    X = np.random.default_rng(0).integers(0, 3, (20, 4)).astype(np.int8)
    with pytest.raises(ParameterError, match=rf"\b{re.escape(parameter)} must be .*; got None"):
        estimator.fit(X, np.arange(20) % 2)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, cls in PUBLIC.items() for parameter in cls._constraints],
)
def test_fit_names_a_parameter_of_a_wrong_type(name, parameter):
    if (name, parameter) in UNUSED_BY_DEFAULT:
        pytest.skip("not looked at unless another parameter is set")
    estimator = make(PUBLIC[name], **{parameter: object()})
    if isinstance(estimator, Solver):
        estimator = FinemapMiXeR(solver=estimator)
    X = np.random.default_rng(0).integers(0, 3, (20, 4)).astype(np.int8)
    with pytest.raises((TypeError, ValueError), match=rf"\b{re.escape(parameter)}\b"):
        estimator.fit(X, np.arange(20) % 2)


@pytest.mark.parametrize("name", PUBLIC)
def test_defaults_are_allowed(name):
    for parameter, value in make(PUBLIC[name]).get_params(deep=False).items():
        rules = PUBLIC[name]._constraints[parameter]
        if value is None:
            assert any(rule is None or rule.fits(None) for rule in rules), parameter
        else:
            assert any(r is not None and r.fits(value) and r.allows(value) for r in rules)


@pytest.mark.parametrize("name", PUBLIC)
def test_the_version_travels_with_every_estimator(name):
    state = make(PUBLIC[name]).__getstate__()
    assert state["_skgenetics_version"] == skgenetics.__version__


def small_trait(estimator):
    """Return dosages (30, 4) and a trait, labels for a classifier."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (30, 4)).astype(np.int8)
    y = X[:, 0] + rng.normal(size=30)
    return X, (y > 1).astype(int) if is_classifier(estimator) else y


def quick(estimator):
    """Return a clone that stops early."""
    few = {"max_iter": 5} if "max_iter" in estimator.get_params(deep=False) else {}
    return clone(estimator).set_params(**few)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*no factor is left:UserWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_nothing_that_varies_is_no_error(estimator):
    X, y = small_trait(estimator)
    one = np.zeros_like(X)
    one[:, 2] = X[:, 0]
    for constant in (np.full_like(X, 2), np.ones((30, 1)), one):
        model = quick(estimator).fit(constant, y)
        fitted = {k: v for k, v in vars(model).items() if k.endswith("_")}
        for key, value in {**fitted, "prediction": model.predict(constant)}.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                assert np.isfinite(value).all(), key
                assert not (np.signbit(value) & (value == 0)).any(), f"{key} holds -0.0"


FIRST = list({type(estimator): quick(estimator) for estimator in reversed(ESTIMATORS)}.values())
TRANSFORMERS = [make(PUBLIC[name]) for name in PUBLIC if hasattr(PUBLIC[name], "transform")]
TRANSFORMERS = [one for one in TRANSFORMERS if "preprocessing" in type(one).__module__]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:.*no factor is left:UserWarning")
@pytest.mark.parametrize("estimator", [*FIRST, Adjusted(FIRST[0], covariates=[1])], ids=str)
def test_arrays_and_frames_of_every_kind_are_read_alike(estimator):
    X, y = small_trait(estimator)
    singles = clone(estimator).fit(X.astype(np.float32), y)
    expected = singles.predict(X.astype(np.float32))
    for other in (X.astype(np.float16), X.astype(">f4"), np.ma.masked_array(X.astype("f4"))):
        np.testing.assert_array_equal(clone(estimator).fit(other, y).predict(other), expected)
    doubles = clone(estimator).fit(X.astype(float), y).predict(X.astype(float))
    wide = X.astype(np.longdouble)
    np.testing.assert_array_equal(clone(estimator).fit(wide, y).predict(wide), doubles)
    columns = {f"rs{j}": column for j, column in enumerate(X.T)} | {"rs3": X[:, 3].astype(float)}
    pandas = pd.DataFrame(columns)
    integers = clone(estimator).fit(X, y).predict(X)
    for frame, expected in (
        (pandas.astype("Int8"), integers),
        (pandas, doubles),
        (pl.DataFrame(columns), doubles),
        (pa.table(columns), doubles),
    ):
        model = clone(estimator).fit(frame, y)
        np.testing.assert_allclose(model.predict(frame), expected, rtol=1e-5, atol=1e-6)
        assert model.feature_names_in_.tolist() == list(columns)
    with pytest.raises(ValueError, match=r"far apart.*Multiply or divide"):
        clone(estimator).fit(X * 1e200, y)
    with pytest.raises(ValueError, match=r"close together.*Multiply or divide"):
        clone(estimator).fit(X * 1e-200, y)
    masked = np.ma.masked_equal(X, 0)
    with pytest.raises(ValueError, match=r"(masked cells|NaN).*(GenotypeImputer|impute)"):
        clone(estimator).fit(masked, y)
    message = r"-9 beside dosages, in column rs0: .*GenotypeImputer"
    columns["rs0"] = np.where(np.arange(30) == 4, -9, X[:, 0])
    for frame in (pd.DataFrame(columns), pl.DataFrame(columns), pa.table(columns)):
        with pytest.raises(ValueError, match=message):
            clone(estimator).fit(frame, y)
        with pytest.raises(ValueError, match=message):
            model.predict(frame)


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
def test_transformers_take_and_give_frames_of_every_kind(transformer, output):
    X, y = small_trait(transformer)
    expected = clone(transformer).fit_transform(X.astype(float), y)
    columns = {f"rs{j}": column for j, column in enumerate(X.T)} | {"rs3": X[:, 3].astype(float)}
    pandas = pd.DataFrame(columns, index=np.arange(30)[::-1])
    kinds = pandas, pandas.astype("Int8"), pl.DataFrame(columns), pa.table(columns), X
    kind = {"default": np.ndarray, "pandas": pd.DataFrame, "polars": pl.DataFrame}[output]
    for given in kinds:
        model = clone(transformer).set_output(transform=output).fit(given, y)
        found = model.transform(given)
        assert type(found) is kind
        np.testing.assert_allclose(np.asarray(found, dtype=float), expected, rtol=1e-6)
        if output != "default":
            assert list(found.columns) == model.get_feature_names_out().tolist()
        if output == "pandas" and given is pandas:
            assert found.index.tolist() == pandas.index.tolist()
