import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skgenetics.inspection import bilrp, relevance
from skgenetics.neural_network import LINARegressor

PLAIN = {"start": "random", "batch_norm": False, "early_stopping": False}

D = 12


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).integers(0, 3, size=(60, D)).astype(np.int8)


@pytest.fixture(scope="module")
def lina(X):
    model = LINARegressor(hidden_layer_sizes=(8, 6), max_iter=20, random_state=0, **PLAIN)
    trait = X[:, :4].sum(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, np.column_stack([trait, X[:, 5] - trait**2]))


def test_attention_is_the_embedding_of_lina(lina, X):
    explanation = bilrp(lina, X[:4])
    attention = np.asarray(lina.attention(X[:4]), dtype=float)
    np.testing.assert_allclose(explanation.similarity(), attention @ attention.T, rtol=1e-4)
    np.testing.assert_allclose(explanation.conservation(), 0, atol=1e-10)
    assert explanation.factors.shape == (4, D, D)
    assert explanation.bias_factors.shape == (4, D, 3)


def test_gate_of_lina_is_frozen(lina, X):
    found, from_bias = relevance(lina, X[:4])
    gated = lina.task_coef_ * np.asarray(lina.attention(X[:4]))[:, None, :] + lina.linear_coef_
    np.testing.assert_allclose(found, gated * X[:4, None, :], rtol=1e-3, atol=1e-4)
    total = found.sum(axis=2) + from_bias.sum(axis=2)
    np.testing.assert_allclose(total, lina.predict(X[:4]), rtol=1e-4, atol=1e-4)
    spread, from_bias = relevance(lina, X[:4], rule="zb")
    np.testing.assert_allclose(spread.sum(axis=2) + from_bias.sum(axis=2), total, atol=1e-9)
    assert np.abs(spread - found).max() > 0.01
