"""Decoys: the threshold by its definition, and the realized rate on simulated truth."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model import Ridge

from skgenetics.neural_network import LINARegressor, _decoys, decoy_selection
from skgenetics.neural_network._decoys import select_threshold
from skgenetics.neural_network._knockoffs import (
    gaussian_knockoffs,
    groups_of_ld,
    own_covariances,
)
from tests.oracles import knockoffs_naive

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
    threshold = select_threshold(wins, fdr)
    assert threshold == min(candidates, default=np.inf)
    selected = np.flatnonzero(wins >= threshold)
    assert selected.tolist() == knockoffs_naive.selected_by_step(wins, fdr)


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
    places, decoy_places = selection.columns
    np.testing.assert_array_equal(both[:, places], X)
    np.testing.assert_array_equal(
        both[:, decoy_places], X[np.random.RandomState(3).permutation(600)]
    )
    np.testing.assert_array_equal(np.sort(places % 60), np.arange(60))
    np.testing.assert_array_equal(abs(places - decoy_places), 60)
    assert 15 < np.sum(places < 60) < 45
    assert target is y
    assert weights is weight
    assert not hasattr(model, "coefs_")
    importances = selection.estimator.feature_importances_
    np.testing.assert_array_equal(selection.importances, importances[places])
    np.testing.assert_array_equal(selection.decoy_importances, importances[decoy_places])
    np.testing.assert_array_equal(
        selection.wins, selection.importances - selection.decoy_importances
    )
    assert np.all(np.diff(selection.wins[selection.selected]) <= 0)
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


class FirstColumns(BaseEstimator):
    """Finds the first columns more important than the last, whatever they hold."""

    def fit(self, X, y):
        self.feature_importances_ = -np.arange(X.shape[1], dtype=float)
        return self


@pytest.mark.parametrize("decoys", ["permuted", "knockoff"])
def test_an_estimator_that_prefers_some_places_selects_nothing_by_it(decoys):
    X, y, _ = simulate(0)
    selection = decoy_selection(FirstColumns(), X, y, fdr=0.2, decoys=decoys, random_state=0)
    assert not len(selection.selected)


def test_a_variant_that_changes_places_with_its_decoy_changes_the_sign_of_its_win(monkeypatch):
    X, y, _ = simulate(0)
    X = X.astype(np.float32)
    decoys = gaussian_knockoffs(X, np.ones(600), np.arange(60), np.random.default_rng(0))
    monkeypatch.setattr(_decoys, "places", lambda m, _: np.arange(2 * m).reshape(2, m))
    moved = np.random.default_rng(1).random(60) < 0.5
    first = decoy_selection(MODEL, X, y, decoys=decoys)
    swapped, beside = np.where(moved, decoys, X), np.where(moved, X, decoys)
    second = decoy_selection(MODEL, swapped, y, decoys=beside)
    np.testing.assert_allclose(second.wins, np.where(moved, -first.wins, first.wins), atol=1e-5)
    assert np.abs(first.wins[moved]).max() > 0.1
    r = [np.corrcoef(X[:, j], decoys[:, j])[0, 1] for j in range(60)]
    np.testing.assert_allclose(
        first.wins, (first.importances - first.decoy_importances) * np.sqrt(1 - np.array(r)),
        rtol=1e-4, atol=1e-9,
    )  # fmt: skip


def moments(columns, share):
    centered = columns - share @ columns
    return centered.T @ (share[:, None] * centered)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("rare", [False, True])
def test_moments_are_the_same_after_swaps(rare, grouped):
    """Whatever the dosages are, for the weighted moments of these people."""
    rng = np.random.default_rng(0)
    X, _, _ = linked(0, n=1000, m=40)
    if rare:
        X = X * rng.binomial(1, 0.02, size=X.shape).astype(np.int8)
    X[:, 7] = X[:, 6]  # collinear
    weight = rng.integers(0, 4, size=1000).astype(float)
    groups = np.arange(40) // 2 if grouped else np.arange(40)
    knockoffs = gaussian_knockoffs(X, weight, groups, rng)
    share = weight / weight.sum()
    gram = moments(np.column_stack([X, knockoffs]).astype(float), share)
    sd = np.sqrt(np.diag(gram))
    correlation = gram / np.outer(sd, sd)
    np.testing.assert_allclose(share @ knockoffs, share @ X, atol=1e-6)
    for _ in range(5):
        which = np.flatnonzero((rng.random(40) < 0.5)[groups])
        np.testing.assert_allclose(
            knockoffs_naive.swapped(correlation, which), correlation, atol=1e-4
        )
    own = np.diag(correlation[:40, 40:])
    assert np.delete(own, [6, 7]).max() < 0.9
    if grouped:  # with its copy, a variant can be told from the knockoffs of both
        assert own[[6, 7]].max() < 0.9
    else:
        assert own[[6, 7]].min() > 0.99


def test_knockoffs_of_blocks_are_linked_as_the_variants():
    X, _, _ = linked(0, n=8_000, m=250)  # two blocks
    knockoffs = gaussian_knockoffs(X, np.ones(8_000), np.arange(250), np.random.default_rng(1))
    both = np.corrcoef(np.column_stack([X, knockoffs]), rowvar=False)
    own, beside, cross = both[:250, :250], both[250:, 250:], both[:250, 250:]
    apart = ~np.eye(250, dtype=bool)
    np.testing.assert_allclose(beside, own, atol=0.06)
    np.testing.assert_allclose(cross[apart], own[apart], atol=0.06)
    assert own[apart].max() > 0.4


@pytest.mark.parametrize("groups", [[0, 1, 2, 3], [0, 1, 0, 1], [0, 0, 0, 1]])
def test_own_covariances_have_the_largest_entropy(groups):
    rng, groups = np.random.default_rng(0), np.array(groups)
    for _ in range(2):
        F = rng.normal(size=(4, 6))
        S = F @ F.T
        S /= np.sqrt(np.outer(np.diag(S), np.diag(S)))
        np.testing.assert_allclose(
            own_covariances(S, groups), knockoffs_naive.own_covariances(S, groups), atol=3e-3
        )


def test_groups_of_ld_are_those_of_average_linkage():
    X, _, _ = linked(0, n=500, m=40, correlation=0.95)
    weight = np.random.default_rng(1).integers(0, 3, size=500).astype(float)
    r = np.corrcoef(np.repeat(X, weight.astype(int), axis=0), rowvar=False)
    for r2 in (0.4, 0.6):
        groups = groups_of_ld(X, weight, r2)
        members = {frozenset(np.flatnonzero(groups == g).tolist()) for g in range(groups.max() + 1)}
        assert members == knockoffs_naive.average_linkage(r, np.sqrt(r2))
        assert 4 < len(members) < 40
        np.testing.assert_array_equal(np.unique(groups, return_index=True)[1],
                                      [min(m) for m in sorted(members, key=min)])  # fmt: skip


def test_knockoffs_of_constant_columns_and_few_people():
    X = np.tile(np.array([[0, 1, 2], [0, 2, 1], [0, 0, 0], [0, 1, 1], [0, 0, 2]]), (1, 2))
    knockoffs = gaussian_knockoffs(X, np.ones(5), np.arange(6), np.random.default_rng(0))
    np.testing.assert_array_equal(knockoffs[:, [0, 3]], 0)
    assert np.isfinite(knockoffs).all()
    with pytest.raises(ValueError, match="need 3 samples of positive weight at least; got 2"):
        decoy_selection(MODEL, X[:2], [0.0, 1.0], decoys="knockoff")


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


def copies(seed, n=1000, m=120, n_causal=16):
    """Genotypes of which three at a time are nearly equal, and a trait of some."""
    rng = np.random.default_rng(seed)
    X = np.repeat(rng.binomial(2, rng.uniform(0.2, 0.5, m // 3), size=(n, m // 3)), 3, axis=1)
    changed = rng.random((n, m)) < 0.02
    X[changed] = rng.binomial(2, 0.3, size=int(changed.sum()))
    causal = 3 * rng.choice(m // 3, n_causal, replace=False) + rng.integers(0, 3, n_causal)
    y = X[:, causal] @ rng.choice([-0.5, 0.5], size=n_causal) + rng.normal(size=n)
    return X.astype(np.int8), y, causal


@pytest.mark.slow
def test_groups_hold_the_rate_and_find_what_single_variants_do_not():
    shares, found, found_alone = [], [], []
    for seed in range(20):
        X, y, causal = copies(seed)
        options = {"fdr": 0.2, "decoys": "knockoff", "random_state": seed}
        selection = decoy_selection(MODEL, X, y, groups=0.5, **options)
        assert len(selection.names) == 40
        true = np.unique(selection.groups[causal])
        shares.append(np.mean(~np.isin(selection.selected, true)) if selection.members else 0.0)
        found.append(np.isin(true, selection.selected).mean())
        alone = decoy_selection(MODEL, X, y, **options)
        found_alone.append(np.isin(causal, alone.selected).mean())
    assert np.mean(shares) <= 0.2 + 2 * np.std(shares, ddof=1) / np.sqrt(20)
    assert np.mean(found) > 0.8
    assert np.mean(found_alone) < 0.5 * np.mean(found)


@pytest.mark.parametrize("decoys", ["permuted", "knockoff"])
def test_groups_win_by_the_sum_of_their_variants(decoys):
    X, y, _ = copies(0, m=60)
    X = pd.DataFrame(X, columns=[f"rs{j}" for j in range(60)])
    genes = pd.Series([f"gene {j // 6:02d}" for j in range(60)], index=X.columns)
    options = {"decoys": decoys, "fdr": 0.3, "random_state": 0}
    selection = decoy_selection(MODEL, X, y, groups=genes[::-1], **options)
    assert selection.names.tolist() == sorted(set(genes))
    decoy = selection.estimator.feature_importances_[selection.columns[1]]
    np.testing.assert_array_equal(selection.decoy_importances, decoy)
    excess = selection.importances - decoy
    if decoys == "permuted":
        expected = [excess[genes == name].sum() for name in selection.names]
        np.testing.assert_allclose(selection.wins, expected, rtol=1e-5)
    assert len(selection.selected)
    for group, members in zip(selection.selected, selection.members, strict=True):
        np.testing.assert_array_equal(members, np.arange(6 * group, 6 * group + 6))
    numbers = decoy_selection(MODEL, X, y, groups=np.arange(60) // 6, **options)
    np.testing.assert_array_equal(numbers.wins, selection.wins)


def test_groups_that_do_not_fit():
    X, y, _ = simulate(0)
    with pytest.raises(ValueError, match="groups must name one group for each of the 60 variants"):
        decoy_selection(MODEL, X, y, groups=np.zeros(59))
    with pytest.raises(ValueError, match=r"groups must be .* got 1\.5"):
        decoy_selection(MODEL, X, y, groups=1.5)
    far = np.arange(60) % 59  # the first and the last variant
    with pytest.raises(ValueError, match="span more than 49 columns of X from column 0 on"):
        decoy_selection(MODEL, X[:100], y[:100], groups=far, decoys="knockoff")


def test_groups_of_ld_in_a_sparse_matrix():
    X, y, _ = copies(0, m=60)
    sparse_X = sparse.csr_array(X)
    dense_wins = decoy_selection(MODEL, X, y, groups=0.5, random_state=0).wins
    np.testing.assert_array_equal(
        decoy_selection(MODEL, sparse_X, y, groups=0.5, random_state=0).wins, dense_wins
    )
    assert len(dense_wins) == 20


def test_blocks_do_not_cut_groups():
    X, _, _ = linked(0, n=301, m=240)  # blocks of 150 at most
    groups = np.repeat([0, 1, 0, 2], 60)  # the first and the second overlap: 180 columns
    with pytest.raises(ValueError, match="span more than 150 columns"):
        gaussian_knockoffs(X, np.ones(301), groups, np.random.default_rng(0))
    groups = np.repeat([3, 1, 1, 2], 60)
    knockoffs = gaussian_knockoffs(X, np.ones(301), groups, np.random.default_rng(0))
    both = np.corrcoef(np.column_stack([X, knockoffs]), rowvar=False)
    own, cross = both[60:180, 60:180], both[60:180, 300:420]
    np.testing.assert_allclose(both[300:420, 300:420], own, atol=1e-4)
    assert np.abs(cross - own).max() > 0.3  # within the group nothing is promised
