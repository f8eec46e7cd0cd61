"""Effects on any of many traits, against the sum over all subsets of them."""

from itertools import product

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from skgenetics import MMASHRegressor
from skgenetics.multitrait._trait_subsets import SHARES, trait_subsets


def enumerated(estimate, noise, variances, scales):
    """log BF, P(b != 0) and E b of all subsets, from densities of the estimate ~ N(b, noise)."""
    n_traits = len(estimate)
    log_p, inside, means = [], [], []
    for scale, share in product(scales, SHARES):
        for subset in product([0, 1], repeat=n_traits):
            U = np.diag(scale * variances * np.array(subset))
            count = sum(subset)
            prior = count * np.log(share) + (n_traits - count) * np.log1p(-share)
            log_p.append(prior + multivariate_normal.logpdf(estimate, cov=noise + U))
            inside.append(subset)
            means.append(U @ np.linalg.solve(noise + U, estimate))
    none = multivariate_normal.logpdf(estimate, cov=noise)
    p = np.exp(log_p - logsumexp(log_p))
    log_bf = logsumexp(log_p) - np.log(len(scales) * len(SHARES)) - none
    return log_bf, p @ np.array(inside), p @ np.array(means)


@pytest.mark.parametrize(("correlation", "tolerance"), [(0.0, 1e-6), (0.5, 0.02)])
def test_all_subsets_of_five_traits(correlation, tolerance):
    noise = 0.3 * (np.full((5, 5), correlation) + (1 - correlation) * np.eye(5))
    estimate, variances = np.array([2.0, 0.1, -1.2, 0.6, 0.0]), np.array([1.0, 1, 2, 1, 0.5])
    scales = np.array([0.5, 3.0])
    precision = np.linalg.inv(noise)
    log_bf, told = trait_subsets(precision @ estimate, precision, variances, scales)
    exact_bf, inside, mean = enumerated(estimate, noise, variances, scales)
    np.testing.assert_allclose(log_bf, exact_bf, atol=tolerance)
    np.testing.assert_allclose(told.nonzero, inside, atol=tolerance)
    np.testing.assert_allclose(told.mean, mean, atol=tolerance)
    np.testing.assert_allclose(told.low + told.high, 2 - told.nonzero, atol=1e-9)


def test_one_trait_is_exact():
    estimate, noise, slab = 1.3, 0.4, 2.0
    _, told = trait_subsets(
        np.array([estimate / noise]), np.array([[1 / noise]]), np.ones(1), np.array([slab])
    )
    spike = norm.pdf(estimate, scale=np.sqrt(noise))
    total = norm.pdf(estimate, scale=np.sqrt(noise + slab))
    nonzero = np.sum(SHARES * total) / np.sum(SHARES * total + (1 - SHARES) * spike)
    variance = 1 / (1 / noise + 1 / slab)
    negative = norm.cdf(0, loc=variance * estimate / noise, scale=np.sqrt(variance))
    np.testing.assert_allclose(told.nonzero, nonzero, rtol=1e-6)
    np.testing.assert_allclose(told.low, 1 - nonzero * (1 - negative), rtol=1e-6)
    np.testing.assert_allclose(told.high, 1 - nonzero * negative, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("known", [1.0, 0.0])
def test_extreme_likelihoods_give_probabilities(size, known):
    """Noise that nearly repeats, effects that dwarf it, a trait that nothing is known of."""
    noise = np.full((30, 30), 0.98) + 0.02 * np.eye(30)
    precision = np.linalg.inv(noise)
    linear = precision @ (size * (np.arange(30) % 3 - 1.0))
    precision[0], precision[:, 0], linear[0] = 0.0, 0.0, known * linear[0]
    precision[0, 0] = known
    log_bf, told = trait_subsets(linear, precision, np.ones(30), np.array([0.1, 10.0]))
    assert np.isfinite(log_bf)
    for values in (told.low, told.high, told.nonzero):
        assert np.all((values >= -1e-12) & (values <= 1 + 1e-12))
    assert np.all(told.second - told.mean**2 >= -1e-12 * told.second)


def sets_of(effects, **parameters):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 20))
    Y = np.outer(X[:, 7], effects) + rng.normal(size=(500, len(effects)))
    return MMASHRegressor(solver="single_effects", polygenic=0, **parameters).fit(X, Y)


def test_traits_without_the_effect_are_told_from_those_with_it():
    effects = np.where(np.arange(12) < 5, 0.4, 0.0)
    (found,) = sets_of(effects).credible_sets_
    (alike,) = sets_of(effects, covariances="canonical").credible_sets_
    assert np.all(found["lfsr"][:5] < 0.01)
    assert np.all(found["lfsr"][5:] > 0.2)
    assert np.all(found["nonzero"][5:] < alike["nonzero"][5:] - 0.2)
    np.testing.assert_allclose(found["effect"][:5], 0.4, atol=0.15)
    np.testing.assert_allclose(found["effect"], alike["effect"], atol=0.1)


def test_effects_on_all_traits_keep_their_sharing():
    effects = np.full(12, 0.15)  # of each of which little is known
    (found,) = sets_of(effects).credible_sets_
    (alike,) = sets_of(effects, covariances="canonical").credible_sets_
    assert np.all(found["lfsr"] < 0.01)
    np.testing.assert_allclose(found["effect"], alike["effect"], atol=0.01)
