"""The equations against individuals, quadrature and simulation."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import chi2, kstest, norm

from skgenetics.association import _gene_tests as equations


def genotypes(n=500, p=12, seed=0):
    """Correlated dosages."""
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(2, n, p)) + 1.2 * rng.normal(size=(2, n, 1))
    return (base > rng.uniform(0, 2, p)).sum(axis=0).astype(float)


def test_z_of_a_gene_is_the_correlation_with_predicted_expression():
    X = genotypes()
    n, p = X.shape
    rng = np.random.default_rng(1)
    w = rng.normal(size=p)
    y = X @ w * 0.3 + rng.normal(size=n)
    flipped = np.arange(p) % 3 == 0  # the other allele is reported, and turned back
    reported = np.where(flipped, 2 - X, X)
    z = np.array([np.corrcoef(x, y)[0, 1] for x in reported.T]) * np.sqrt(n)
    beta = np.array([np.polyfit(x, y, 1)[0] for x in reported.T])
    z, beta = np.where(flipped, -z, z), np.where(flipped, -beta, beta)
    covariance = np.cov(X.T)
    g = X @ w
    expected = np.corrcoef(g, y)[0, 1] * np.sqrt(n)
    assert equations.gene_z(w, z, covariance) == pytest.approx(expected, abs=1e-10)
    effect = np.polyfit(g, y, 1)[0]
    assert equations.gene_effect(w, beta, covariance) == pytest.approx(effect, abs=1e-12)
    assert equations.gene_variance(w, covariance) == pytest.approx(g.var(ddof=1))
    used = np.arange(p) < 7
    r = np.corrcoef(X[:, used] @ w[used], g)[0, 1]
    assert equations.used_correlation(w, used, covariance) == pytest.approx(r, abs=1e-12)
    assert equations.used_correlation(w, used & False, covariance) == 0


def test_missing_z_are_the_posterior_mean_in_units_of_its_spread():
    R = np.corrcoef(genotypes().T)
    z = np.linspace(-3, 4, 12)
    z[[2, 7]] = np.nan
    filled, r2 = equations.impute_z(z, R)
    o, m = np.isfinite(z), ~np.isfinite(z)
    inverse = np.linalg.inv(R[np.ix_(o, o)] + 0.1 * np.eye(10))
    for place in np.flatnonzero(m):
        a = R[place, o] @ inverse
        assert r2[place] == pytest.approx(a @ R[np.ix_(o, o)] @ a)
        assert filled[place] == pytest.approx(a @ z[o] / np.sqrt(r2[place]))
    np.testing.assert_array_equal(filled[o], z[o])
    np.testing.assert_array_equal(r2[o], 1)
    alone, r2 = equations.impute_z(np.full(3, np.nan), np.eye(3))
    assert not alone.any()
    assert not r2.any()
    _, r2 = equations.impute_z(np.array([np.nan, 1.0]), np.eye(2))
    np.testing.assert_array_equal(r2, [0, 1])


def test_imputed_z_have_variance_one():
    R = np.corrcoef(genotypes().T)
    z = np.random.default_rng(2).multivariate_normal(np.zeros(12), R, size=2000)
    z[:, 4] = np.nan
    filled = np.array([equations.impute_z(row, R)[0][4] for row in z])
    assert filled.var() == pytest.approx(1, abs=4 * np.sqrt(2 / 2000))


def test_z_of_a_gene_is_normal_under_the_null():
    X = genotypes(n=300)
    rng = np.random.default_rng(3)
    w, covariance = rng.normal(size=12), np.cov(X.T)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    z = scaled.T @ rng.normal(size=(300, 2000)) / np.sqrt(300)
    Z = np.array([equations.gene_z(w, column, covariance) for column in z.T])
    p = 10 ** equations.log10_p_of_z(Z)
    assert kstest(p, "uniform").pvalue > 0.001


def test_joint_test_is_chi_squared_on_what_tissues_share():
    W = np.random.default_rng(4).normal(size=(12, 4))
    covariance = np.cov(genotypes().T)
    S = equations.predicted_covariance(W, covariance)
    np.testing.assert_allclose(S, np.cov((genotypes() @ W).T))
    R = S / np.sqrt(np.outer(np.diag(S), np.diag(S)))
    z = np.array([1.0, -2.0, 3.0, 0.5])
    statistic, df = equations.joint_test(z, R)
    values, vectors = np.linalg.eigh(R)
    kept = [i for i in range(4) if values[i] >= values.max() / 30]
    assert df == len(kept)
    expected = sum((vectors[:, i] @ z) ** 2 / values[i] for i in kept)
    assert statistic == pytest.approx(expected)
    same, df = equations.joint_test(np.array([3.0, 3.0]), np.ones((2, 2)))
    assert (same, df) == (pytest.approx(9), 1)
    draws = np.random.default_rng(5).multivariate_normal(np.zeros(4), R, size=2000)
    tests = [equations.joint_test(z, R)[0] for z in draws]
    assert kstest(tests, "chi2", args=(len(kept),)).pvalue > 0.001


def test_acat_is_its_definition_and_never_zero():
    p = np.array([0.01, 0.5, 0.2, 0.9])
    statistic = np.tan((0.5 - p) * np.pi)
    assert 10 ** equations.acat(np.log10(p)) == pytest.approx(
        0.5 - np.arctan(statistic.mean()) / np.pi
    )
    omega = np.array([3.0, 1, 1, 1])
    assert 10 ** equations.acat(np.log10(p), omega) == pytest.approx(
        0.5 - np.arctan(omega @ statistic / 6) / np.pi
    )
    assert equations.acat(np.array([-400.0, -0.5])) == pytest.approx(-400 + np.log10(2))
    for low in np.arange(-19, -11, 0.5):  # across the change of formula
        assert equations.acat(np.array([low, -0.3])) == pytest.approx(low + np.log10(2), abs=1e-7)
    assert equations.acat(np.array([-7.0])) == pytest.approx(-7)
    assert equations.acat(np.array([0.0, -10.0])) == pytest.approx(-10 + np.log10(2))


def test_acat_is_uniform_under_the_null():
    R = 0.5 + 0.5 * np.eye(5)
    z = np.random.default_rng(6).multivariate_normal(np.zeros(5), R, size=8_000)
    combined = np.array([equations.acat(row) for row in equations.log10_p_of_z(z)])
    for level in (0.05, 0.01):  # exact in the tail only, and close to it here
        share = (10**combined < level).mean()
        error = 4 * np.sqrt(level * (1 - level) / len(z))
        assert abs(share - level) < error + 0.15 * level


def test_tails_go_on_where_p_underflows():
    z = np.array([0.5, 5, -8])
    np.testing.assert_allclose(
        equations.log10_p_of_z(z), np.log10(2 * norm.sf(np.abs(z))), rtol=1e-12
    )
    assert equations.log10_p_of_z(60) == pytest.approx(equations.log10_p_of_chi2(3600, 1))
    assert equations.p_of_log10(-5000) > 0
    for df in (1, 2, 5, 49):
        for statistic in (3.0, 300.0):
            expected = np.log10(chi2.sf(statistic, df))
            assert equations.log10_p_of_chi2(statistic, df) == pytest.approx(expected)
        for statistic in (1330.0, 5000.0):
            a, x = df / 2, statistic / 2
            integral = quad(lambda u, a=a, x=x: (1 + u / x) ** (a - 1) * np.exp(-u), 0, 200)[0]
            expected = ((a - 1) * np.log(x) - x + np.log(integral) - gammaln(a)) / np.log(10)
            assert equations.log10_p_of_chi2(statistic, df) == pytest.approx(expected, abs=1e-9)


def test_inflation_is_taken_out_where_it_is_known():
    z = equations.deflated_z([3.0, 3.0, 3.0], [1e-5, -1e-5, np.nan], n_samples=50_000, h2=0.4)
    np.testing.assert_allclose(z, [3 / np.sqrt(1.2), 3, np.nan])
