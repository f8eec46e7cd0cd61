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
from skgenetics.neural_network._knockoffs import gaussian_knockoffs

MODEL = LINARegressor((8,), start="linear", max_iter=3, random_state=0)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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

    model = Recorder((4,), max_iter=2, random_state=0)
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


def linked(seed, n=1500, m=120, correlation=0.8):
    """Genotypes in LD within blocks of ten variants, and a trait of one variant in each third."""
    rng = np.random.default_rng(seed)
    haplotypes = np.zeros((n, m), dtype=np.int8)
    for _ in range(2):
        e = rng.normal(size=(n, m))
        for j in range(m):
            if j % 10:
                e[:, j] = correlation * e[:, j - 1] + np.sqrt(1 - correlation**2) * e[:, j]
        haplotypes += e > 0.3
    causal = np.arange(5, m, 6)
    y = haplotypes[:, causal] @ rng.choice([-0.4, 0.4], size=len(causal)) + rng.normal(size=n)
    return haplotypes, y, causal


def test_knockoffs_can_be_swapped_with_their_variants():
    X, _, _ = linked(0, n=20_000, m=40)
    knockoffs = gaussian_knockoffs(X, np.random.default_rng(1))
    both = np.corrcoef(np.column_stack([X, knockoffs]), rowvar=False)
    own, beside, cross = both[:40, :40], both[40:, 40:], both[:40, 40:]
    apart = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(beside, own, atol=0.05)
    np.testing.assert_allclose(cross[apart], own[apart], atol=0.05)
    assert np.diag(cross).max() < 0.95
    assert own[apart].max() > 0.4


@pytest.mark.slow
def test_knockoffs_hold_the_rate_of_variants_without_effect_under_ld():
    shares, found = [], []
    for seed in range(12):
        X, y, causal = linked(seed)
        options = {"fdr": 0.2, "decoys": "knockoff", "random_state": seed}
        selected = decoy_selection(MODEL, X, y, **options).selected
        shares.append(np.mean(~np.isin(selected, causal)) if len(selected) else 0.0)
        found.append(np.isin(causal, selected).mean())
    assert np.mean(shares) <= 0.2 + 2 * np.std(shares, ddof=1) / np.sqrt(12)
    assert np.mean(found) > 0.3


def test_decoys_made_elsewhere():
    X, y, causal = simulate(1)
    decoys = np.random.default_rng(0).permuted(X, axis=0)
    selection = decoy_selection(MODEL, X, y, decoys=decoys, fdr=0.2, random_state=0)
    assert np.isin(causal, selection.selected).mean() > 0.5
    with pytest.raises(ValueError, match="decoys must have the shape of X"):
        decoy_selection(MODEL, X, y, decoys=decoys[:, 1:])
    with pytest.raises(ValueError, match="decoys must be one of"):
        decoy_selection(MODEL, X, y, decoys="shuffled")
