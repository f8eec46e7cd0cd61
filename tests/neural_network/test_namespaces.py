"""Importances, and everything in lists, on other array libraries equal those on NumPy."""

import numpy as np
import pytest
from sklearn import config_context

from skgenetics.inspection import swap_interactions
from skgenetics.neural_network import LINAClassifier, LINARegressor
from tests.arrays import as_numpy

PLAIN = {"start": "random", "batch_norm": False, "early_stopping": False}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, size=(60, 5)).astype(float)
Y = np.stack([X[:, 0] * X[:, 1], X[:, 2] - X[:, 3] * X[:, 4]], axis=1)


def swap_of(model, X):
    return swap_interactions(model, X, random_state=0)


QUESTIONS = [
    lambda model, X: model.predict(X),
    lambda model, X: model.attention(X),
    lambda model, X: model.first_order_importance(X),
    lambda model, X: model.first_order_importance(X, per_sample=True, groups=[1, 0, 0, 2, 1]),
    lambda model, X: model.second_order_importance(X),
    lambda model, X: model.second_order_importance(X, signed=True, target=1),
    lambda model, X: model.second_order_importance(X, groups=[1, 0, 0, 2, 1]),
    lambda model, X: model.second_order_importance(X, pairs=[[0, 1], [4, 2]], per_sample=True),
    lambda model, X: model.second_order_importance(X, kind="swap", n_repeats=2, random_state=1),
    lambda model, X: model.feature_importances_,
    lambda model, X: model.attention_jacobian(X)[1],
    swap_of,
]


@pytest.fixture(params=["array_api_strict", "array_api_strict device1", "torch", "cupy"])
def asarray(request):
    name, _, device = request.param.partition(" ")
    xp = pytest.importorskip(name)
    if name == "cupy" and not xp.is_available():  # CuPy can be installed without a driver
        pytest.skip("no CUDA device")
    options = {"device": xp.Device(device)} if device else {}
    return lambda array: xp.asarray(array, **options)


def test_importances_equal_numpy(asarray):
    model = LINARegressor((7, 6), max_iter=6, random_state=0, **PLAIN).fit(X, Y)
    expected = [question(model, X) for question in QUESTIONS]
    lists = [*model.coefs_, *model.intercepts_]
    top = model.second_order_importance(X, top_k=3)
    operators = model.second_order_importance(X, target=0, per_sample=True)
    with config_context(array_api_dispatch=True):
        X_xp = asarray(X)
        model.fit(X_xp, asarray(Y))
        values = [question(model, X_xp) for question in QUESTIONS]
        values += [*model.coefs_, *model.intercepts_]
        top_xp = model.second_order_importance(X_xp, top_k=3)
        operators_xp = model.second_order_importance(X_xp, target=0, per_sample=True)
    for value, other in zip(values, expected + lists, strict=True):
        assert type(value) is type(X_xp)
        assert value.device == X_xp.device
        np.testing.assert_allclose(as_numpy(value), other, rtol=1e-7, atol=1e-10)
    np.testing.assert_array_equal(top_xp.pairs, top.pairs)
    np.testing.assert_allclose(top_xp.importances, top.importances)
    np.testing.assert_allclose(operators_xp[5] @ X[0], operators[5] @ X[0], atol=1e-10)


def test_partial_fit_equals_numpy(asarray):
    labels = (Y > 1).astype(float)
    labels[::4, 0] = np.nan
    model = LINAClassifier((7,), random_state=0, **{**PLAIN, "batch_norm": True})
    for _ in range(3):
        model.partial_fit(X, labels)
    expected = model.decision_function(X)
    other = LINAClassifier((7,), random_state=0, **{**PLAIN, "batch_norm": True})
    with config_context(array_api_dispatch=True):
        for _ in range(3):
            other.partial_fit(asarray(X), asarray(labels))
        value = other.decision_function(asarray(X))
    np.testing.assert_allclose(as_numpy(value), expected, rtol=1e-7)


def test_predictions_with_strings_are_numpy(asarray):
    names = np.where(Y[:, 0] > 1, "case", "control")
    expected = LINAClassifier((7,), max_iter=6, random_state=0, **PLAIN).fit(X, names).predict(X)
    with config_context(array_api_dispatch=True):
        model = LINAClassifier((7,), max_iter=6, random_state=0, **PLAIN).fit(asarray(X), names)
        prediction = model.predict(asarray(X))
    assert isinstance(prediction, np.ndarray)
    np.testing.assert_array_equal(prediction, expected)
