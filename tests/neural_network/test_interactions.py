"""Swap contrasts: against whole predictions, and where they have a closed form."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from skgenetics.datasets import make_interactions
from skgenetics.inspection import swap_interactions
from skgenetics.neural_network import LINAClassifier, LINARegressor, _interactions

PLAIN = {"start": "random", "batch_norm": False, "early_stopping": False}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, size=(50, 5)).astype(float)
Y = np.stack([X[:, 0] * X[:, 1], X[:, 2] - X[:, 3] * X[:, 4]], axis=1)


def naive_swap(f, X, pairs, n_repeats, seed):
    """The definition, one prediction a changed data set: (n, k) or (n, d, k)."""
    rng = np.random.RandomState(seed)
    total = 0.0
    for _ in range(n_repeats):
        order = rng.permutation(len(X))
        columns = []
        for i, j in pairs:
            both, first, second = X.copy(), X.copy(), X.copy()
            first[:, i] = both[:, i] = X[order, i]
            second[:, j] = both[:, j] = X[order, j]
            columns.append(np.abs(f(X) - f(first) - f(second) + f(both)) * (i != j))
        total = total + np.stack(columns, axis=-1)
    return total / n_repeats


@pytest.mark.parametrize("hidden", [(7,), (6, 5, 4)])
@pytest.mark.parametrize("chunk", [2**18, 7 * 13])
def test_network_equals_the_definition(hidden, chunk, monkeypatch):
    monkeypatch.setattr(_interactions, "HIDDEN_SIZE", chunk)
    model = LINARegressor(hidden, max_iter=30, random_state=0, **PLAIN).fit(X, Y)
    everything = [(i, j) for i in range(5) for j in range(5)]
    expected = naive_swap(model.predict, X, everything, 2, 7)
    options = {"kind": "swap", "n_repeats": 2, "random_state": 7}
    value = model.second_order_importance(X, **options)
    np.testing.assert_allclose(value, expected.mean(axis=0).reshape(2, 5, 5), atol=1e-12)
    some = [[4, 1], [2, 2], [0, 3], [1, 4]]
    columns = [everything.index(tuple(pair)) for pair in some]
    each = model.second_order_importance(X, pairs=some, per_sample=True, **options)
    np.testing.assert_allclose(each, expected[:, :, columns], atol=1e-12)
    one = model.second_order_importance(X, pairs=some, target=1, **options)
    np.testing.assert_allclose(one, expected[:, 1, columns].mean(axis=0), atol=1e-12)
    generic = swap_interactions(model, X, n_repeats=2, random_state=7)
    np.testing.assert_allclose(generic, value, atol=1e-12)
    generic = swap_interactions(model, X, pairs=some, n_repeats=2, random_state=7, target=1)
    np.testing.assert_allclose(generic, one, atol=1e-12)


def test_quadratic_logit_has_a_closed_form():
    model = LINARegressor((7, 6), max_iter=5, random_state=0, **PLAIN).fit(X, Y[:, 0])
    model.intercepts_ = [b + 1e4 for b in model.intercepts_]  # every unit is active
    S = model.second_order_importance(X)
    order = np.random.RandomState(3).permutation(len(X))
    change = np.abs(X[order] - X)
    expected = S * np.mean(change[:, :, None] * change[:, None, :], axis=0)
    np.fill_diagonal(expected, 0.0)
    value = model.second_order_importance(X, kind="swap", random_state=3)
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)


def test_one_variant_interacts_with_no_other():
    model = LINARegressor((4,), max_iter=5, random_state=0, **PLAIN).fit(X[:, :1], Y[:, 0])
    np.testing.assert_array_equal(model.second_order_importance(X[:, :1], kind="swap"), [[0.0]])
    assert model.second_order_importance(X[:, :1], top_k=3).pairs.shape == (0, 2)


def test_any_estimator():
    linear = swap_interactions(LinearRegression().fit(X, Y), X, random_state=0)
    assert linear.shape == (2, 5, 5)
    np.testing.assert_allclose(linear, 0, atol=1e-12)
    labels = X[:, 0].astype(int)
    model = LogisticRegression().fit(np.c_[X, X[:, 0] * X[:, 1]], labels)

    class Product(BaseEstimator):
        def decision_function(self, X):
            return model.decision_function(np.c_[X, X[:, 0] * X[:, 1]])

    value = swap_interactions(Product(), X, random_state=5)
    order = np.random.RandomState(5).permutation(len(X))
    change = np.abs((X[order] - X)[:, 0] * (X[order] - X)[:, 1]).mean()
    expected = np.zeros((3, 5, 5))
    expected[:, 0, 1] = expected[:, 1, 0] = np.abs(model.coef_[:, 5]) * change
    np.testing.assert_allclose(value, expected, atol=1e-12)
    with pytest.raises(TypeError, match="decision_function"):
        swap_interactions(RandomForestClassifier(n_estimators=2).fit(X, labels), X)
    with pytest.raises(ValueError, match="0 to 4"):
        swap_interactions(Product(), X, pairs=[[0, 5]])
    with pytest.raises(ValueError, match="n_pairs, 2"):
        swap_interactions(Product(), X, pairs=[0, 5])
    with pytest.raises(ValueError, match="target must be an integer >= 0 and <= 2; got 3"):
        swap_interactions(Product(), X, target=3)
    with pytest.raises(ValueError, match="n_repeats"):
        swap_interactions(Product(), X, n_repeats=0)


def test_data_frames_keep_their_names():
    frame = pd.DataFrame(X, columns=list("abcde"))
    model = LinearRegression().fit(frame, X[:, 0])

    class Product(type(model)):
        def predict(self, X):
            assert list(X.columns) == list("abcde")
            return X["b"].to_numpy() * X["d"].to_numpy() + super().predict(X)

    estimator = Product().fit(frame, X[:, 0])
    value = swap_interactions(estimator, frame, random_state=5)
    order = np.random.RandomState(5).permutation(len(X))
    expected = np.zeros((5, 5))
    expected[1, 3] = expected[3, 1] = np.abs((X[order] - X)[:, 1] * (X[order] - X)[:, 3]).mean()
    np.testing.assert_allclose(value, expected, atol=1e-12)
    named = swap_interactions(estimator, frame, pairs=[["d", "b"], ["a", "c"]], random_state=5)
    np.testing.assert_allclose(named, [expected[1, 3], 0], atol=1e-12)
    with pytest.raises(ValueError, match=r"pairs names .*f.* which are not among the variants"):
        swap_interactions(estimator, frame, pairs=[["a", "f"]])


def test_swap_leaves_its_input_alone():
    copy = X.copy()
    model = LINAClassifier((4,), max_iter=3, **PLAIN).fit(X, Y[:, 0] > 1)
    swap_interactions(model, X)
    model.second_order_importance(X, kind="swap")
    np.testing.assert_array_equal(X, copy)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("function", ["F1", "F2", "F3", "F4", "F5"])
def test_features_that_matter_come_first(function, seed):
    made = make_interactions(function, random_state=seed)
    model = LINAClassifier(
        batch_norm=True,
        early_stopping=True,
        learning_rate_init=0.01,
        max_iter=25,
        random_state=seed,
    ).fit(made.data[:16_000], made.target[:16_000])
    importance = model.first_order_importance(made.data[16_000:], target=0)
    matters = np.isin(np.arange(10), made.features)
    assert importance[matters].min() > importance[~matters].max()


@pytest.mark.slow
def test_interactions_of_two_triples_are_found():
    """F10 has six pairs among thirteen features; chance would find half of one."""
    made = make_interactions("F10", n_samples=4000, random_state=0)
    model = LINARegressor(
        (50, 20),
        batch_norm=True,
        early_stopping=True,
        learning_rate_init=0.01,
        n_iter_no_change=40,
        max_iter=300,
        tol=0,
        random_state=0,
    ).fit(made.data[:3500], made.target[:3500])
    rows = made.data[3500:]
    true = {tuple(pair) for pair in made.pairs}
    first, second = np.triu_indices(13, 1)
    for kind in ("derivative", "swap"):
        importance = model.second_order_importance(rows, kind=kind, random_state=0)
        best = np.argsort(-importance[first, second])[:6]
        found = {(int(first[k]), int(second[k])) for k in best}
        assert len(found & true) >= 5, kind
    top = model.second_order_importance(rows, top_k=6)
    assert len({tuple(pair) for pair in top.pairs} & true) >= 5
