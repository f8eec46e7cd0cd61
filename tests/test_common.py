"""scikit-learn's own checks on one instance of every estimator, and the tables of parameters."""

import importlib
import inspect
import pkgutil
import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

import skgenetics
from skgenetics import FinemapMiXeR, LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.finemapping.solvers import CAVI, Adam, Gibbs, Solver
from skgenetics.utils._parameters import Constraint, ParameterError

ESTIMATORS = [
    FinemapMiXeR(random_state=0),  # "auto": single effects
    FinemapMiXeR(solver="susie", residual_variance=None, random_state=0),
    FinemapMiXeR(solver=Gibbs(n_draws=200), random_state=0),
    FinemapMiXeR(solver=Gibbs(n_draws=200), heritability=0.2, random_state=0),
    FinemapMiXeR(solver=CAVI(n_restarts=3), random_state=0),
    FinemapMiXeR(solver=Adam(learning_rate=0.02), max_iter=250, random_state=0),
    FinemapMiXeR(
        solver=Adam(noise="independent", n_restarts=2, n_components=1.0, learning_rate=0.02),
        max_iter=250,
        random_state=0,
    ),
    LINAClassifier((20, 10), batch_norm=False, early_stopping=False, max_iter=60, random_state=0),
    LINAClassifier((8,), activation="relu", solver="lbfgs", max_iter=50, random_state=0),
    LINARegressor((20, 10), batch_norm=False, early_stopping=False, max_iter=60, random_state=0),
    LINARegressor((10, 5), start="random", early_stopping=False, max_iter=60, random_state=0),
    MILAGERegressor(random_state=0),
    MILAGERegressor(0, polygenic=True, random_state=0),
    MILAGERegressor(2, trans_model="sigmoid", random_state=0),
    MILAGERegressor(2, trans_model="tensor", random_state=0),
    MILAGERegressor(2, solver="gd", init="random", max_iter=100, random_state=0),
    MILAGERegressor(1, variant_penalty="l1", loading_penalty="l1", max_iter=5, random_state=0),
    MMASHRegressor(),
    MMASHRegressor(residual_covariance="low_rank", polygenic=0, update_order="sequential"),
    MMASHRegressor(solver="single_effects", polygenic=0),
    MMASHRegressor(covariances="both", residual_covariance="diagonal", polygenic=0.3),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS)
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


UNUSED_BY_DEFAULT = {("LDPruner", "positions"), ("LDPruner", "chromosomes")}


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
