"""Correlations of z between traits, and the truncation that they are estimated under."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skgenetics.multitrait._noise_correlation import (
    LARGEST,
    nearest_correlation,
    noise_correlation,
    share_inside,
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


def test_eigenvalues_are_raised():
    correlations = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    raised = nearest_correlation(correlations)
    np.testing.assert_allclose(np.diag(raised), 1)
    assert np.linalg.eigvalsh(raised)[0] > 0
