"""The scan of pairs: least squares, exact tails of rare cases, every pair once."""

import numpy as np
import pytest
from scipy import stats

from skgenetics.preprocessing import InteractionScan
from skgenetics.utils import _pair_counts, _pair_scan
from skgenetics.utils._pair_scan import (
    candidate_pairs,
    column_batches,
    false_discovery_rates,
    large_products,
    product_tests,
    saddle_point_p,
)


def genotypes(seed, n=400, m=30):
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.2, 0.5, m), size=(n, m))
    return (X - X.mean(axis=0)) / X.std(axis=0), rng


def test_tests_equal_least_squares():
    Z, rng = genotypes(0)
    weight = rng.integers(1, 4, 400).astype(float)
    Z = Z - np.average(Z, axis=0, weights=weight)
    Z /= np.sqrt(np.average(Z**2, axis=0, weights=weight))
    y = Z[:, 0] * Z[:, 1] + rng.normal(size=400)
    y -= weight @ y / weight.sum()
    pairs = np.array([[0, 1], [2, 5], [3, 3]])
    coef, z, p, r2 = product_tests(lambda index: 7 + 3 * Z[:, index], pairs, y, weight)
    rows = np.repeat(np.arange(400), weight.astype(int))
    for k, (i, j) in enumerate(pairs):
        design = [np.ones(400), Z[:, i], Z[:, i] * Z[:, j]]
        if i != j:
            design.insert(2, Z[:, j])
        A, b = np.column_stack(design)[rows], y[rows]
        solution, residual, *_ = np.linalg.lstsq(A, b)
        freedom = len(b) - A.shape[1]
        error = np.sqrt(np.linalg.inv(A.T @ A)[-1, -1] * residual[0] / freedom)
        assert coef[k] == pytest.approx(solution[-1], rel=1e-8)
        assert z[k] == pytest.approx(solution[-1] / error, rel=1e-8)
        assert p[k] == pytest.approx(2 * stats.t.sf(abs(z[k]), freedom), rel=1e-6)
    assert r2[0] == pytest.approx(np.corrcoef(Z[rows, 0], Z[rows, 1])[0, 1] ** 2, abs=0.01)


def test_p_is_uniform_without_interaction():
    Z, rng = genotypes(1, m=60)
    y = Z[:, :20] @ rng.normal(size=20) + rng.normal(size=400)
    pairs = np.stack(np.triu_indices(60, 1), axis=1)
    _, _, p, _ = product_tests(lambda index: Z[:, index], pairs, y - y.mean(), np.ones(400))
    assert abs(np.mean(p < 0.05) - 0.05) < 0.02
    assert stats.kstest(p[::7], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("squares", [False, True])
@pytest.mark.parametrize("size", [1, 400 * 12])
def test_every_pair_beyond_the_limit_is_a_candidate(squares, size, monkeypatch):
    monkeypatch.setattr(_pair_scan, "WEIGHTED_SIZE", size)
    Z, rng = genotypes(2)
    targets = rng.normal(size=(400, 2))
    limits = np.array([25.0, 30.0])
    large = large_products(lambda part: Z[:, part], 30, targets, limits, block=7)
    found = candidate_pairs(large, 2, squares=squares)
    for task in range(2):
        S = np.abs((Z * targets[:, task, None]).T @ Z)
        expected = np.argwhere(np.triu(limits[task] < S, 0 if squares else 1))
        assert sorted(map(tuple, found[task])) == sorted(map(tuple, expected))
        assert len(expected) > 10


@pytest.mark.parametrize("kind", ["1 case", "130 cases", "balanced", "normal", "outliers"])
def test_counted_scores_are_the_products_of_standardized_genotypes(kind, monkeypatch):
    monkeypatch.setattr(_pair_counts, "READ_SIZE", 320 * 150)
    monkeypatch.setattr(_pair_counts, "ROWS", 40)
    rng = np.random.default_rng(len(kind))
    X = rng.binomial(2, rng.uniform(0.1, 0.9, 200), size=(320, 200)).astype(np.int8)
    X[:, 4] = 2
    n_cases = {"1 case": 1, "130 cases": 130, "balanced": 160}.get(kind)
    target = rng.normal(size=320) ** (7 if kind == "outliers" else 1)
    if n_cases:
        target = (rng.permutation(320) < n_cases) - n_cases / 320
    mean, scale = X.mean(axis=0), np.where(X.std(axis=0) > 0, X.std(axis=0), np.inf)
    rest = _pair_counts.planes_of(target).rest
    assert np.abs(rest).max() <= (1e-12 if n_cases else target.std() / 11)
    Z = (X - mean) / scale
    S = np.abs((Z * (target - rest)[:, None]).T @ Z)
    limit = np.quantile(S, 0.5)
    found = _pair_counts.counted_candidates(
        lambda part: X[:, part], mean, scale, target, limit, block=6
    )
    above = limit - _pair_counts.MARGIN * np.linalg.norm(rest)
    size = np.zeros((200, 200))
    for _, pairs, sizes in found:
        assert not size[tuple(pairs.T)].any()
        size[tuple(pairs.T)] = sizes
    upper = np.triu_indices(200)
    clear = np.abs(S[upper] - above) > 1e-9
    np.testing.assert_array_equal((size[upper] > 0)[clear], (S[upper] > above)[clear])
    np.testing.assert_allclose(size[size > 0], S[size > 0], rtol=1e-10)


def test_batches_of_columns_hold_every_pair_once():
    pairs = np.random.default_rng(0).integers(0, 50, size=(400, 2))
    seen = []
    for part, index in column_batches(pairs, 12):
        assert len(index) <= 12
        np.testing.assert_array_equal(index, np.unique(pairs[part]))
        seen += range(part.start, part.stop)
    assert seen == list(range(400))


def test_no_pair_is_missing_however_many_there_are(monkeypatch):
    rng = np.random.default_rng(6)
    X, y = rng.binomial(2, 0.3, size=(100, 40)).astype(np.int8), rng.normal(size=100)
    whole = InteractionScan(p_value=1.0, max_r2=1.0).fit(X, y).tests_
    assert len(whole.pairs) == 780
    monkeypatch.setattr(_pair_scan, "MOST_CANDIDATES", 50)
    monkeypatch.setattr(_pair_scan, "EXACT_BYTES", 100 * 7)
    batches = InteractionScan(p_value=1.0, max_r2=1.0).fit(X, y).tests_
    for name in ("pairs", "z", "p_value"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(batches, name))


def test_the_tail_of_rare_cases_is_that_of_the_exact_distribution():
    """A score of two values is a sum of two binomials, whose distribution can be written out."""
    n_few, n_many, share = 30, 2000, 0.01
    q = np.concatenate([np.full(n_few, 1.0), np.full(n_many, -n_few / n_many)])
    mean = np.full(len(q), share)
    few, many = np.arange(n_few + 1), np.arange(101)
    probability = np.outer(stats.binom.pmf(few, n_few, share), stats.binom.pmf(many, n_many, share))
    score = few[:, None] * 1.0 - many * n_few / n_many
    label = np.zeros(len(q))
    label[:4] = 1.0
    label[n_few : n_few + 20] = 1.0
    observed = q @ (label - mean)
    exact = probability[score >= observed - 1e-9].sum()
    exact += probability[score > observed + 1e-9].sum()  # a continuous tail counts half of a point
    p = saddle_point_p(q, label, mean, np.ones(len(q)))
    normal = 2 * stats.norm.sf(observed / np.sqrt(share * (1 - share) * (q @ q)))
    assert 0.3 < p / (exact / 2) < 3
    assert normal < 1e-3 * p


def test_false_discovery_rates_are_those_of_benjamini_and_hochberg():
    p = np.sort(np.random.default_rng(0).uniform(size=50) ** 2)
    expected = stats.false_discovery_control(p)
    np.testing.assert_allclose(false_discovery_rates(p, 50), expected)
    np.testing.assert_allclose(
        false_discovery_rates(p[:5], 50)[0], (p[:5] * 50 / range(1, 6)).min()
    )
