"""Likelihoods other than z ~ N(R S b, s0^2 R): against multivariate normal densities."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping._background import Spectrum, best_variances, log_likelihood
from skgenetics.finemapping._likelihood import (
    per_deviation_spectrum,
    with_background,
    with_overlap,
)
from skgenetics.finemapping.solvers import SOLVERS, Gibbs
from skgenetics.loci._ld import GenotypeLD
from skgenetics.loci._summary import validate_summary

P, N = 6, 2000
R = 0.7 ** np.abs(np.subtract.outer(np.arange(P), np.arange(P)))
Z = np.random.default_rng(0).multivariate_normal(5 * R[2], R)
H = np.linspace(0.1, 0.5, P)


def background_density(variance, noise):
    """A function of effects b: log p(z | b) with the background, by its covariance."""
    S = np.diag(np.sqrt(N * H))
    u = np.diag(variance * H.mean() / H)
    covariance = noise * R + R @ S @ u @ S @ R
    return lambda z, b: multivariate_normal.logpdf(z, R @ S @ b, covariance)


@pytest.mark.parametrize("noise", [1.0, 0.6])
def test_background_is_the_normal_density(noise):
    locus = validate_summary(Z, R, n_samples=N, heterozygosity=H).locus()
    exact, other = background_density(0.002, noise), with_background(locus, 0.002, noise)
    rng = np.random.default_rng(1)
    zero = np.zeros(P)
    for _ in range(3):
        b = rng.normal(scale=0.1, size=P)
        expected = exact(locus.z, b) - exact(locus.z, zero)
        v = other.scale * b
        form = (2 * other.z @ v - v @ other.ld.product(v)) / (2 * noise)
        np.testing.assert_allclose(form, expected, rtol=1e-9)


def test_fewer_people_than_variants_stay_a_factor():
    rng = np.random.default_rng(2)
    X = rng.integers(0, 3, size=(12, 40)).astype(float)
    X[0], X[1] = 0, 2  # no constant columns
    z = rng.normal(size=40)
    thin = with_background(validate_summary(z, X, n_samples=500).locus(), 0.01)
    full = with_background(validate_summary(z, np.corrcoef(X.T), n_samples=500).locus(), 0.01)
    v = rng.normal(size=40)
    np.testing.assert_allclose(thin.ld.product(v), full.ld.product(v), rtol=1e-8)
    np.testing.assert_allclose(thin.z, full.z, rtol=1e-8)


@pytest.mark.parametrize("n_samples", [500, np.linspace(200, 500, 40)])
def test_the_spectrum_of_few_people_takes_no_dense_ld(monkeypatch, n_samples):
    rng = np.random.default_rng(3)
    X, z = rng.integers(0, 3, size=(12, 40)).astype(float), rng.normal(size=40)
    h = np.where(np.arange(40) == 7, 0.0, 0.4)  # as of a variant that folds have made constant
    locus = validate_summary(z, X, n_samples=n_samples, heterozygosity=h).locus()
    root = np.sqrt(n_samples * np.ones(40)) * (h > 0)
    expected = root[:, None] * np.corrcoef(X.T) * root

    def dense(self):
        raise AssertionError("p^3")

    monkeypatch.setattr(GenotypeLD, "dense", dense)
    values, vectors = per_deviation_spectrum(locus)
    assert len(values) == 11
    np.testing.assert_allclose((vectors * values) @ vectors.T, expected, atol=1e-9)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(11), atol=1e-9)


def test_a_constant_variant_stays_without_an_effect():
    h = np.where(np.arange(P) == 3, 0.0, H)
    settings = {"n_samples": N, "heterozygosity": h, "on_mismatch": "ignore"}
    model = FinemapMiXeR(background=0.001).fit_summary(Z, R, **settings)
    assert model.pip_[3] == 0
    assert np.isfinite(model.pip_).all()


def test_pips_with_a_background_are_those_of_the_enumeration():
    pi, slab, tau = 0.1, 0.05, 0.001
    model = FinemapMiXeR(
        solver=Gibbs(n_draws=10_000), causal_probability=pi, effect_variance=slab, background=tau,
        random_state=0,
    )  # fmt: skip
    model.fit_summary(Z, R, n_samples=N, heterozygosity=H, on_mismatch="ignore")
    S = np.diag(np.sqrt(N * H))
    noise = R + R @ S @ np.diag(tau * H.mean() / H) @ S @ R
    logs, gates = [], []
    for config in itertools.product([0, 1], repeat=P):
        g = np.array(config)
        covariance = noise + slab * R @ S @ np.diag(g) @ S @ R
        prior = np.sum(np.where(g, np.log(pi), np.log1p(-pi)))
        logs.append(prior + multivariate_normal.logpdf(model.z_, np.zeros(P), covariance))
        gates.append(g)
    weights = np.exp(np.array(logs) - np.max(logs))
    exact = weights @ np.array(gates) / weights.sum()
    np.testing.assert_allclose(model.pip_, exact, atol=0.012)
    assert model.background_variance_ == tau


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", [s for s in SOLVERS if s != "adam"])
def test_no_background_is_the_plain_likelihood(solver):
    options = {"solver": solver, "random_state": 0}
    settings = {"n_samples": N, "on_mismatch": "ignore"}
    none = FinemapMiXeR(**options, background=0).fit_summary(Z, R, **settings)
    tiny = FinemapMiXeR(**options, background=1e-9).fit_summary(Z, R, **settings)
    np.testing.assert_allclose(tiny.pip_, none.pip_, atol=1e-3)
    assert none.background_variance_ == 0


def scan_with_background(seed, total, p=200):
    """z of two effects and a background of N h^2 = `total`, and the LD."""
    rng = np.random.default_rng(seed)
    ld = 0.85 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    effects = np.zeros(p)
    effects[rng.choice(p, 2, replace=False)] = 12.0, -9.0
    signal = effects + rng.normal(size=p) * np.sqrt(total / p)
    return ld @ signal + np.linalg.cholesky(ld) @ rng.normal(size=p), ld


def test_the_background_is_found_where_there_is_one_and_nowhere_else():
    learned = {}
    for total in (0, 150):
        for seed in range(6):
            z, ld = scan_with_background(seed, total)
            model = FinemapMiXeR(solver="susie")
            model.fit_summary(z, ld, n_samples=20_000, on_mismatch="ignore")
            size = model.background_variance_ * 20_000 * len(ld)
            learned.setdefault(total, []).append(size)
    assert learned[0] == [0] * 6
    assert np.all(np.array(learned[150]) > 20)
    assert 75 < np.mean(learned[150]) < 300


def test_the_variance_of_the_background_maximizes_its_likelihood():
    """log p(l | b) of `log_likelihood` is the normal density, and its squares are E[..]."""
    z, ld = scan_with_background(1, 60)
    values, vectors = np.linalg.eigh(ld)
    rotated = vectors.T @ z * 100
    used = values > 1e-6 * values.max()
    spectrum = Spectrum(1e4 * values[used], vectors[:, used], rotated[used], 0.0, 0.0)
    squares = spectrum.rotated**2 / spectrum.values
    noise, tau = best_variances(spectrum, squares, 1.0, False, None)
    assert noise == 1

    def density(tau):
        root = vectors[:, used].T
        covariance = np.diag(values[used] + tau * 1e4 * values[used] ** 2)
        return multivariate_normal.logpdf(root @ z, np.zeros(used.sum()), covariance)

    around = tau * np.exp(np.linspace(-1, 1, 41))
    assert max(density(one) for one in around) <= density(tau) + 1e-4
    steps = density(2 * tau) - density(tau)
    ours = log_likelihood(1.0, 2 * tau, spectrum, squares) - log_likelihood(
        1.0, tau, spectrum, squares
    )
    np.testing.assert_allclose(ours, steps, rtol=1e-6)


def test_noise_and_background_are_learned_together_from_the_trait():
    rng = np.random.default_rng(0)
    X = make_genotypes(1500, 120, random_state=1).data.astype(float)
    X = X[:, X.std(axis=0) > 0.2]
    standardized = (X - X.mean(axis=0)) / X.std(axis=0)
    background = standardized @ rng.normal(size=X.shape[1])
    unit = np.sqrt(0.3) / background.std()
    background *= unit
    y = background + 0.4 * standardized[:, 30] + rng.normal(size=1500) * np.sqrt(0.5)
    model = FinemapMiXeR(solver="susie").fit(X, y)
    assert 0.4 < model.residual_variance_ * y.var() < 0.6
    truth = X.shape[1] * unit**2 / y.var()
    assert 0.3 < model.background_variance_ * X.var(axis=0).sum() / truth < 3
    held = FinemapMiXeR(solver="susie", background=model.background_variance_).fit(X, y)
    np.testing.assert_allclose(held.residual_variance_, model.residual_variance_, rtol=0.1)


def test_overlapping_people_have_the_normal_density():
    n = np.array([2000.0, 2000, 1000, 2000, 500, 2000])
    locus = validate_summary(Z, R, n_samples=n, heterozygosity=H).locus()
    S, D = np.diag(np.sqrt(H)), np.diag(np.sqrt(n))
    shared = np.minimum.outer(n, n)
    ridged = R + 1e-3 * (np.eye(P) - R)
    covariance = ridged * shared / np.sqrt(np.outer(n, n))
    zero, other = np.zeros(P), with_overlap(locus)
    rng = np.random.default_rng(1)
    for _ in range(3):
        b = rng.normal(scale=0.1, size=P)
        mean = D @ ridged @ S @ b
        expected = multivariate_normal.logpdf(locus.z, mean, covariance)
        expected -= multivariate_normal.logpdf(locus.z, zero, covariance)
        v = other.scale * b
        np.testing.assert_allclose(other.z @ v - v @ other.ld.product(v) / 2, expected, rtol=1e-9)
    assert with_overlap(locus._replace(n_samples=n * 0 + 2000)).z is locus.z


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", [s for s in SOLVERS if s != "adam"])
def test_variants_that_few_people_have_do_not_hide_the_causal_one(solver):
    """A causal variant known in half of the people, and proxies of it in all of them."""
    lead, wrong = [], []
    n = np.full(30, 20_000.0)
    n[12] = 10_000
    D, root = np.sqrt(n), None
    ld = 0.97 ** np.abs(np.subtract.outer(np.arange(30), np.arange(30)))
    shared = np.minimum.outer(n, n) / np.sqrt(np.outer(n, n))
    root = np.linalg.cholesky(ld * shared)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        z = D * ld[12] * 0.12 + root @ rng.normal(size=30)
        options = {"solver": solver, "random_state": 0, "background": 0}
        model = FinemapMiXeR(**options).fit_summary(z, ld, n_samples=n, on_mismatch="ignore")
        lead.append(model.pip_[12])
        wrong.append(np.delete(model.pip_, 12).max())
        np.testing.assert_allclose(model.z_, z * np.sqrt(n / (z**2 + n - 2)), rtol=1e-9)
    assert np.mean(lead) > 0.5
    assert np.max(wrong) < 0.9
