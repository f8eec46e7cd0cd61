"""Sharing learned across loci, against enumeration, simulated patterns and fits without it."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skgenetics import MMASHRegressor
from skgenetics.multitrait import learn_sharing
from skgenetics.multitrait._sharing import log_bayes_factors, posteriors


def test_likelihoods_of_effects():
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(2, 3, 3))
    S, U, b = A @ A.T + np.eye(3), np.stack([B @ B.T, np.ones((3, 3))]), rng.normal(size=3)
    linear, precision = np.linalg.solve(S, b)[None], np.linalg.inv(S)[None]
    means, variances = posteriors(linear, precision, U)
    log_bf = log_bayes_factors(linear, precision, U)
    for k in range(2):
        gain = U[k] @ np.linalg.inv(U[k] + S)
        np.testing.assert_allclose(means[0, k], gain @ b, rtol=1e-10)
        np.testing.assert_allclose(variances[0, k], U[k] - gain @ U[k], atol=1e-10)
        expected = multivariate_normal.logpdf(b, cov=U[k] + S) - multivariate_normal.logpdf(
            b, cov=S
        )
        np.testing.assert_allclose(log_bf[0, k], expected, rtol=1e-10)


def locus(seed):
    """Genotypes and four traits; two effects, on traits 0 and 1 (opposite) or on trait 2."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, 0.3, size=(300, 12)).astype(float)
    B = np.zeros((12, 4))
    B[3, :2] = rng.normal(0, 0.4) * np.array([1, -1])
    B[8, 2] = rng.normal(0, 0.4)
    return X, X @ B + rng.normal(size=(300, 4)), B


@pytest.fixture(scope="module")
def models():
    options = {"solver": "single_effects", "polygenic": 0, "max_effects": 4}
    return [
        MMASHRegressor(covariances="canonical", **options).fit(*locus(seed)[:2])
        for seed in range(25)
    ]


def test_patterns_are_found_and_used(models):
    sharing = learn_sharing(models)
    np.testing.assert_allclose(sharing.weights_init.sum(), 1)
    weights = sharing.weights_init[1:].reshape(len(sharing.covariances), -1)
    mean = np.einsum("kl,l,kij->ij", weights, sharing.scales, sharing.covariances)
    correlation = mean / np.sqrt(np.outer(np.diag(mean), np.diag(mean)))
    assert correlation[0, 1] < -0.5  # which no canonical covariance has
    assert np.abs(correlation[0, 2]) < 0.3
    assert mean[3, 3] < 0.2 * mean[2, 2]
    options = {"solver": "single_effects", "polygenic": 0, "max_effects": 4}
    errors, errors_before = [], []
    for seed in range(100, 110):
        X, Y, B = locus(seed)
        before = MMASHRegressor(covariances="canonical", **options).fit(X, Y)
        after = MMASHRegressor(**options, **sharing._asdict()).fit(X, Y)
        errors.append(np.sum((after.coef_ - B.T) ** 2))
        errors_before.append(np.sum((before.coef_ - B.T) ** 2))
    gain = np.array(errors_before) - errors
    assert gain.mean() > 2 * gain.std() / np.sqrt(10)


def test_units_of_traits_do_not_matter(models):
    sharing = learn_sharing(models[:3])
    unit = np.array([1e3, 1, 1e-3, 1])
    options = {"solver": "single_effects", "polygenic": 0, "max_effects": 4}
    scaled = []
    for seed in range(3):
        X, Y, _ = locus(seed)
        scaled.append(MMASHRegressor(**options).fit(X, Y * unit))
    again = learn_sharing(scaled)
    np.testing.assert_allclose(again.weights_init.sum(), 1)
    mean, expected = (
        np.einsum("kl,l,kij->ij", s.weights_init[1:].reshape(len(s.covariances), -1), s.scales,
                  s.covariances)
        for s in (again, sharing)
    )  # fmt: skip
    np.testing.assert_allclose(mean / np.outer(unit, unit), expected, rtol=0.3, atol=2e-3)


def test_errors(models):
    with pytest.raises(ValueError, match="at least one fitted model"):
        learn_sharing([])
    X, Y, _ = locus(0)
    other = MMASHRegressor(polygenic=0).fit(X, Y)
    with pytest.raises(ValueError, match="solver='single_effects'"):
        learn_sharing([models[0], other])
    fewer = MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y[:, :3])
    with pytest.raises(ValueError, match="must have the same traits"):
        learn_sharing([models[0], fewer])


def test_subsets_of_traits():
    # a sparse pattern that no canonical covariance has: effects on two of four traits
    wrong, hits = {}, {}
    for name in ("canonical", "auto"):
        wrong[name], hits[name] = 0, 0
        for seed in range(8):
            rng = np.random.default_rng(seed)
            X = rng.binomial(2, 0.3, size=(500, 10)).astype(float)
            Y = X[:, [4]] * [0.3, 0.3, 0, 0] + rng.normal(size=(500, 4))
            options = {"solver": "single_effects", "polygenic": 0, "max_effects": 2}
            model = MMASHRegressor(covariances=name, **options).fit(X, Y)
            for found in model.credible_sets_:
                hit = found["lfsr"] < 0.05
                hits[name] += hit[:2].sum()
                wrong[name] += hit[2:].sum()
    assert hits["auto"] >= 13
    assert wrong["auto"] <= min(1, wrong["canonical"])
    assert "any_of_y0+y1" in model.covariance_names_
    several = MMASHRegressor(polygenic=0).fit(X, Y)
    assert several.covariance_names_ == [
        n for n in model.covariance_names_ if "_in_" not in n and "_of_" not in n
    ]
    with pytest.raises(ValueError, match="'subsets' are for up to 5 traits; got 6"):
        MMASHRegressor(covariances=["subsets"], polygenic=0).fit(X, np.hstack([Y, Y[:, :2]]))
