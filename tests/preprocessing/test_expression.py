"""Preparation of expression, against loops and other programs' formulas."""

import numpy as np
import pytest
from scipy.linalg import svd
from scipy.stats import norm

from skgenetics.preprocessing import (
    expressed_genes,
    expression_components,
    inverse_normal_transform,
    sampled_tissues,
)


def test_counts_are_matched_by_their_labels():
    pd = pytest.importorskip("pandas")
    tpm = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.0]}, index=["p", "q"])
    counts = pd.DataFrame({"b": [0, 0], "a": [20, 10]}, index=["q", "p"])
    assert expressed_genes(tpm, counts).tolist() == [True, False]
    with pytest.raises(ValueError, match="name different genes"):
        expressed_genes(tpm, counts.rename(columns={"a": "c"}))
    with pytest.raises(ValueError, match="name different individuals"):
        expressed_genes(tpm, counts.rename(index={"p": "c"}))


def test_genes_expressed_in_half_of_the_observed_samples():
    rng = np.random.default_rng(0)
    tpm = rng.exponential(0.2, size=(30, 12, 3))
    counts = rng.poisson(9, size=tpm.shape).astype(float)
    tpm[rng.random((30, 1, 3)).repeat(12, axis=1) < 0.4] = np.nan
    tpm[:, 5] = np.nan
    for reads in (None, counts):
        expected = []
        for j in range(12):
            cells = [
                tpm[i, j, k] >= 0.1 and (reads is None or reads[i, j, k] >= 6)
                for i in range(30) for k in range(3) if not np.isnan(tpm[i, j, k])
            ]  # fmt: skip
            expected.append(bool(cells) and np.mean(cells) >= 0.5)
        found = expressed_genes(tpm, reads)
        assert found.tolist() == expected
        assert 0 < found.sum() < 12
    assert expressed_genes([[0.1, 0.0], [0.0, 0.0]]).tolist() == [True, False]  # half is enough
    with pytest.raises(ValueError, match=r"the shape of tpm, \(30, 12\); got \(30, 3\)"):
        expressed_genes(tpm[:, :, 0], counts[:, :3, 0])
    with pytest.raises(ValueError, match="sample_frac_threshold must be"):
        expressed_genes(tpm, sample_frac_threshold=50)
    with pytest.raises(ValueError, match="tpm must have shape"):
        expressed_genes(tpm[0, 0])


def test_tissues_of_enough_individuals():
    y = np.full((101, 2, 3), np.nan)
    y[:100, 0, 0], y[:99, 1, 1], y[99:, 0, 1] = 1.0, 1.0, 1.0
    assert sampled_tissues(y).tolist() == [True, True, False]
    assert sampled_tissues(y, min_samples=101).tolist() == [False, True, False]


@pytest.mark.parametrize("offset", [0.0, 0.375])
def test_normal_scores_are_those_of_gtex_on_observed_cells(offset):
    rng = np.random.default_rng(0)
    y = rng.exponential(size=(40, 3, 2)).round(1)  # with ties
    y[rng.random(y.shape) < 0.3] = np.nan
    scores = inverse_normal_transform(y, offset=offset)
    np.testing.assert_array_equal(np.isnan(scores), np.isnan(y))
    for j in range(3):
        for k in range(2):
            seen = ~np.isnan(y[:, j, k])
            cells = y[seen, j, k]
            rank = [np.sum(cells < v) + (np.sum(cells == v) + 1) / 2 for v in cells]
            expected = norm.ppf((np.array(rank) - offset) / (seen.sum() + 1 - 2 * offset))
            np.testing.assert_allclose(scores[seen, j, k], expected)
    np.testing.assert_array_equal(
        inverse_normal_transform(y[:, 0, 0]), inverse_normal_transform(y)[:, 0, 0]
    )
    with pytest.raises(ValueError, match="1, 2 or 3 dimensions"):
        inverse_normal_transform(np.zeros((2, 2, 2, 2)))


def test_components_are_those_of_scaled_genes_of_each_tissue():
    rng = np.random.default_rng(0)
    batch = rng.normal(size=60)
    y = rng.normal(size=(60, 80, 2))
    y[:, :, 1] += 1.5 * batch[:, None] * rng.normal(size=80)
    y[:20, :, 0] = np.nan
    y[:, 3, 0] = np.nan
    first, second = expression_components(y, 4)
    assert np.isnan(first[:20]).all()
    z = np.delete(y[20:, :, 0], 3, axis=1)
    left, _, _ = svd((z - z.mean(axis=0)) / z.std(axis=0), full_matrices=False)
    for ours, theirs in zip(first[20:].T, left.T):
        assert abs(np.corrcoef(ours, theirs)[0, 1]) == pytest.approx(1)
    np.testing.assert_allclose(np.var(first[20:], axis=0, ddof=1), 1)
    assert abs(np.corrcoef(second[:, 0], batch)[0, 1]) > 0.98


@pytest.mark.parametrize(("n", "expected"), [(149, 15), (150, 30), (250, 45), (350, 60), (8, 7)])
def test_as_many_components_as_gtex_takes_factors(n, expected):
    y = np.random.default_rng(0).normal(size=(n, 70))
    (components,) = expression_components(y)
    assert components.shape == (n, expected)


def test_infinite_expression_is_refused():
    with pytest.raises(ValueError, match="y holds infinite values"):
        expression_components([[np.inf, 1.0], [0.0, 2.0]])
