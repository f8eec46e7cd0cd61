"""to_torch: the module computes what the estimator does."""

import sys
import warnings

import numpy as np
import pytest

from skgenetics.neural_network import LINAClassifier, LINARegressor

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, size=(80, 6)).astype(np.int8)
TRAITS = np.column_stack([X[:, 0] * X[:, 1] + RNG.normal(size=80), 5 - X[:, 2]])
OPTIONS = {"max_iter": 3, "early_stopping": False, "random_state": 0}


def fitted(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


@pytest.mark.parametrize("dtype", [np.int8, np.float64])
@pytest.mark.parametrize("activation", ["leaky_relu", "relu"])
def test_module_equals_the_estimator(dtype, activation):
    torch = pytest.importorskip("torch")
    data = X.astype(dtype)
    rtol = 1e-4 if dtype == np.int8 else 1e-10
    model = LINARegressor((9, 7), activation=activation, **OPTIONS)
    expected = fitted(model, data, TRAITS).predict(data)
    module = model.to_torch()
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.tensor(data)), expected, rtol=rtol, atol=rtol)
        attention = module.attention(torch.tensor(data).to(module.center.dtype))
        np.testing.assert_allclose(attention, model.attention(data), rtol=rtol, atol=rtol)
    again = model.to_torch()
    again.load_state_dict(module.state_dict())
    sum(p.sum() for p in module.parameters()).backward()  # it can be trained
    with torch.no_grad():
        next(module.parameters()).zero_()
    np.testing.assert_array_equal(model.predict(data), expected)  # a copy


def test_logits_of_classes():
    torch = pytest.importorskip("torch")
    label = np.digitize(TRAITS[:, 0], [0.5, 2.0])
    model = fitted(LINAClassifier((9,), batch_norm=True, **OPTIONS), X.astype(float), label)
    with torch.no_grad():
        logit = model.to_torch()(torch.tensor(X))
    np.testing.assert_allclose(logit, model.decision_function(X.astype(float)), rtol=1e-9)


def test_without_torch_the_error_says_so(monkeypatch):
    model = fitted(LINARegressor((4,), **OPTIONS), X, TRAITS)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="torch is needed by to_torch"):
        model.to_torch()
