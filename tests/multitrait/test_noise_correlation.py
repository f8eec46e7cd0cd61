"""Correlations of z between traits, and the truncation that they are estimated under."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skgenetics.multitrait._noise_correlation import (
    LARGEST,
    nearest_correlation,
    noise_correlation,
    share_inside,
    shrunk,
    truncated_correlations,
)


def test_share_of_pairs_inside_the_square():
    rho = np.linspace(-LARGEST, LARGEST, 2001)
    for r in (-0.9, -0.3, 0.0, 0.5, 0.95):
        normal = multivariate_normal(cov=[[1, r], [r, 1]])
        expected = sum(s * t * normal.cdf([2 * s, 2 * t]) for s in (-1, 1) for t in (-1, 1))
        np.testing.assert_allclose(np.interp(r, rho, share_inside(rho)), expected, atol=1e-6)


@pytest.mark.parametrize("n_traits", [2, 20])
def test_truncation_does_not_shrink_correlations(n_traits):
    truth = 0.3 * np.eye(n_traits) + 0.7
    z = np.random.default_rng(0).multivariate_normal(np.zeros(n_traits), truth, 2000)
    z[:20] += 8  # effects
    found = noise_correlation(z)
    error = found[np.triu_indices(n_traits, 1)] - 0.7
    # the standard error of a correlation of .7 is .51 / sqrt(2000) = .011, larger if truncated
    assert np.abs(error).max() < 0.06
    assert abs(error.mean()) < 0.02


def test_many_traits_need_no_variant_that_is_small_in_all():
    z = np.random.default_rng(0).normal(size=(300, 50))
    found = noise_correlation(z)
    assert np.linalg.eigvalsh(found)[0] > 0
    np.testing.assert_allclose(np.diag(found), 1)


def structured_correlations(n_traits):
    group = np.arange(n_traits) // 5
    return 0.6 * (group[:, None] == group) + 0.4 * np.eye(n_traits)


def test_variances_are_those_of_repeated_scans():
    truth, estimates, said = structured_correlations(6), [], []
    for seed in range(200):
        z = np.random.default_rng(seed).multivariate_normal(np.zeros(6), truth, 300)
        found, variances = truncated_correlations(z)
        estimates.append(found)
        said.append(variances)
    above = np.triu_indices(6, 1)
    measured = np.var(estimates, axis=0)[above]
    np.testing.assert_allclose(np.mean(said, axis=0)[above], measured, rtol=0.35)


@pytest.mark.parametrize("n_traits", [10, 30])
def test_shrinking_brings_correlations_nearer_to_the_truth(n_traits):
    for truth in (structured_correlations(n_traits), 0.7 + 0.3 * np.eye(n_traits)):
        before, after = [], []
        for seed in range(10):
            z = np.random.default_rng(seed).multivariate_normal(np.zeros(n_traits), truth, 200)
            correlations, variances = truncated_correlations(z)
            before.append(np.sum((correlations - truth) ** 2))
            after.append(np.sum((shrunk(correlations, variances) - truth) ** 2))
        assert np.mean(after) < np.mean(before)


def test_one_pair_is_not_shrunk():
    correlations = np.array([[1.0, 0.4], [0.4, 1.0]])
    np.testing.assert_array_equal(shrunk(correlations, 0.1 * np.ones((2, 2))), correlations)
    np.testing.assert_array_equal(shrunk(np.ones((1, 1)), np.zeros((1, 1))), np.ones((1, 1)))


def test_no_direction_of_many_traits_looks_quieter_than_it_is():
    """z'C^-1z is J in expectation; pairs by themselves gave 1.10 J, and a PIP sum of 307."""
    truth = structured_correlations(50)
    z = np.random.default_rng(0).multivariate_normal(np.zeros(50), truth, 1000)
    found = noise_correlation(z)
    assert np.mean(z * np.linalg.solve(found, z.T).T) < 1.04
    plain = nearest_correlation(truncated_correlations(z)[0])
    assert np.mean(z * np.linalg.solve(plain, z.T).T) > 1.07


def test_eigenvalues_are_raised():
    correlations = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    raised = nearest_correlation(correlations)
    np.testing.assert_allclose(np.diag(raised), 1)
    assert np.linalg.eigvalsh(raised)[0] > 0
