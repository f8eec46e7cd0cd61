"""Decoys: the threshold by its definition, and the realized rate on simulated truth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import Ridge

from skgenetics.neural_network import LINARegressor, decoy_selection
from skgenetics.neural_network._decoys import select_threshold

MODEL = LINARegressor(
    (8,), early_stopping=True, learning_rate_init=0.01, attention_alpha=1.0, random_state=0
)


@given(
    st.lists(st.integers(-6, 6), min_size=1, max_size=30),
    st.sampled_from([0.05, 0.1, 0.2, 0.5]),
)
def test_threshold_is_the_smallest_that_keeps_the_rate(wins, fdr):
    wins = np.array(wins, dtype=float)

    def allowed(t):
        return (1 + np.sum(wins <= -t)) <= fdr * np.sum(wins >= t)

    candidates = [abs(w) for w in wins if w != 0 and allowed(abs(w))]
    assert select_threshold(wins, fdr) == min(candidates, default=np.inf)


def simulate(seed, n=600, m=60, n_causal=15):
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.2, 0.5, size=m), size=(n, m)).astype(np.int8)
    causal = rng.choice(m, size=n_causal, replace=False)
    y = X[:, causal] @ rng.choice([-0.5, 0.5], size=n_causal) + rng.normal(size=n)
    return X, y, causal


@pytest.mark.slow
def test_realized_rate_is_within_its_error_of_the_nominal_one():
    shares, found = [], []
    for seed in range(25):
        X, y, causal = simulate(seed)
        selected = decoy_selection(MODEL, X, y, fdr=0.2, random_state=seed).selected
        shares.append(np.mean(~np.isin(selected, causal)) if len(selected) else 0.0)
        found.append(np.isin(causal, selected).mean())
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    assert np.mean(shares) <= 0.2 + 2 * error
    assert error < 0.05
    assert np.mean(found) > 0.6


def test_nothing_is_selected_from_noise():
    rng = np.random.default_rng(0)
    falls = 0
    for seed in range(10):
        X, _, _ = simulate(seed)
        falls += (
            len(decoy_selection(MODEL, X, rng.normal(size=600), random_state=seed).selected) > 0
        )
    assert falls <= 3  # 1 is expected at most


def test_decoys_are_rows_of_x_in_another_order():
    X, y, _ = simulate(0)

    class Recorder(LINARegressor):
        def fit(self, X, y, sample_weight=None):
            self.seen_ = X, y, sample_weight
            return super().fit(X, y, sample_weight)

    model = Recorder((4,), early_stopping=True, learning_rate_init=0.02, random_state=0)
    weight = np.ones(600)
    selection = decoy_selection(model, X, y, sample_weight=weight, random_state=3)
    both, target, weights = selection.estimator.seen_
    assert both.dtype == np.int8
    np.testing.assert_array_equal(both[:, :60], X)
    np.testing.assert_array_equal(both[:, 60:], X[np.random.RandomState(3).permutation(600)])
    assert target is y
    assert weights is weight
    assert not hasattr(model, "coefs_")
    importances = selection.estimator.feature_importances_
    np.testing.assert_array_equal(selection.importances, importances[:60])
    np.testing.assert_array_equal(selection.decoy_importances, importances[60:])
    wins = selection.importances - selection.decoy_importances
    assert np.all(np.diff(wins[selection.selected]) <= 0)
    other = decoy_selection(model, sparse.csr_array(X), y, random_state=3)
    np.testing.assert_array_equal(other.estimator.seen_[0].toarray(), both)
    other = decoy_selection(model, pd.DataFrame(X), y, random_state=3)
    np.testing.assert_array_equal(other.estimator.seen_[0], both)


def test_bad_rate():
    X, y, _ = simulate(0)
    with pytest.raises(ValueError, match="fdr"):
        decoy_selection(MODEL, X, y, fdr=0.0)


def test_estimator_without_importances():
    X, y, _ = simulate(0)
    with pytest.raises(TypeError, match="Ridge has no feature_importances_ to compare"):
        decoy_selection(Ridge(), X, y)
