"""LD of a reference panel: its errors are noise of z in proportion to the signal."""

import itertools
import re
import warnings

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping._panel import (
    copies_seen,
    errors_of_correlations,
    panel_likelihood,
    shrinkage,
    shrunk_ld,
    variance_of_correlation,
)
from skgenetics.finemapping._panel_size import log_evidence
from skgenetics.finemapping._prior import fixed_prior
from skgenetics.finemapping._problem import own_problem
from skgenetics.finemapping.solvers import SOLVERS
from skgenetics.loci._summary import validate_summary
from skgenetics.metrics import credible_set_summary, pip_average_precision
from tests.oracles.finemapping import log_normal


def standardized(X):
    Z = X - X.mean(axis=0)
    return Z / np.sqrt(np.sum(Z**2, axis=0))


def scan(seed, largest, n_panel=500, n_variants=250):
    """z of two effects in 1,000 people, their LD, genotypes of `n_panel` others, the effects."""
    rng = np.random.default_rng(seed)
    X = make_genotypes(1000 + n_panel, n_variants, random_state=seed).data.astype(float)
    X = X[:, (X[:1000].std(axis=0) > 0.2) & (X[1000:].std(axis=0) > 0.1)]
    Z = standardized(X[:1000])
    causal = rng.choice(Z.shape[1], 2, replace=False)
    signal = Z.T @ (Z[:, causal] @ rng.choice([-1, 1], 2))
    z = signal * largest / np.abs(signal).max() + Z.T @ rng.normal(size=1000)
    return z, Z.T @ Z, X[1000:].astype(np.int8), causal


def test_errors_of_a_sample_covariance_spread_as_the_model_says():
    rng = np.random.default_rng(0)
    R = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    v, m = np.array([3.0, 0, -1, 0, 0]), 200
    draws = rng.multivariate_normal(np.zeros(5), R, size=(4000, m))
    errors = np.einsum("rmi,rm->ri", draws, draws @ v) / m - R @ v
    expected = (v @ R @ v * R + np.outer(R @ v, R @ v)) / m
    np.testing.assert_allclose(np.cov(errors.T), expected, atol=0.06 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [(0.5, 0.5, 0.48), (0.4, 0.3, 0.28), (0.08, 0.06, 0.055), (0.05, 0.3, 0.02), (0.3, 0.2, 0.06)],
)
def test_the_variance_of_r_between_dosages_is_that_of_simulated_panels(first, second, together):
    # frequencies of two alleles and of the haplotype with both
    rng, m = np.random.default_rng(0), 400
    cells = [together, first - together, second - together, 1 - first - second + together]
    drawn = rng.choice(4, p=cells, size=(4000, m, 2))
    x, y = (drawn < 2).sum(axis=2), (drawn % 2 == 0).sum(axis=2)
    x, y = (dosage - dosage.mean(axis=1, keepdims=True) for dosage in (x, y))
    simulated = np.sum(x * y, axis=1) / np.sqrt(np.sum(x**2, axis=1) * np.sum(y**2, axis=1))
    spread = np.sqrt(first * (1 - first) * second * (1 - second))
    r = (together - first * second) / spread
    skewness = [(1 - 2 * f) / np.sqrt(f * (1 - f)) for f in (first, second)]
    np.testing.assert_allclose(
        variance_of_correlation(np.array(r), *np.array(skewness), m), simulated.var(), rtol=0.08
    )


def test_errors_of_the_ld_of_one_effect_are_those_of_its_correlations():
    R = np.array([[1, 0.9, 0.2], [0.9, 1, 0.3], [0.2, 0.3, 1]])
    copies, skewness = np.array([40.0, 50.0, 200.0]), np.array([2.0, 1.5, 0.5])
    got = errors_of_correlations(R, np.array([0, 25.0, 0]), copies, skewness, 100)
    expected = [
        25 * (variance_of_correlation(R[j, 1], skewness[j], skewness[1], 100) + R[j, 1] ** 2 / c)
        for j, c in ((0, 2 * 40 * 50), (2, 2 * 200 * 50))
    ]
    np.testing.assert_allclose(got, [expected[0], 0, expected[1]])  # none at the effect itself


def test_copies_are_counted_in_genotypes_or_told_by_heterozygosity():
    panel = np.random.default_rng(0).binomial(2, [0.05, 0.3, 0.9], size=(200, 3)).astype(np.int8)
    z, frequency = np.zeros(3), panel.mean(axis=0) / 2
    locus = validate_summary(z, panel, n_samples=9999).locus(score=False)
    copies, skewness = copies_seen(locus)
    minor = np.minimum(frequency, 1 - frequency)
    np.testing.assert_allclose(copies, 400 * minor, rtol=0.2)  # not quite in equilibrium
    np.testing.assert_allclose(skewness[0] ** 2, 1 / minor[0] + 1 / (1 - minor[0]) - 4, rtol=0.2)
    told = validate_summary(
        z, np.corrcoef(panel.T), n_samples=9999, panel_size=200, heterozygosity=panel.var(axis=0)
    ).locus(score=False)
    np.testing.assert_allclose(copies_seen(told), (copies, skewness))


@pytest.mark.parametrize("m", [50, 400])
def test_the_shrinkage_brings_r_nearest_to_that_of_all(m):
    rng = np.random.default_rng(0)
    R = 0.8 ** np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    shares, errors = [], []
    grid = np.linspace(0, 0.5, 51)
    for _ in range(20):
        drawn = np.corrcoef(rng.multivariate_normal(np.zeros(60), R, size=m).T)
        shares.append(shrinkage(drawn, m))
        errors.append([np.sum(((1 - s) * drawn + s * np.eye(60) - R)[~np.eye(60, dtype=bool)] ** 2)
                       for s in grid])  # fmt: skip
    best = grid[np.argmin(np.mean(errors, axis=0))]
    np.testing.assert_allclose(np.mean(shares), best, atol=0.02)
    assert shrinkage(np.eye(3), 100) == 1
    assert shrinkage(np.ones((1, 1)), 100) == 0


def test_what_a_panel_cannot_know_of_rare_variants_is_left_to_them():
    matrix = np.array([[1, 1, 0.5], [1, 1, 0.5], [0.5, 0.5, 1]])
    copies, m = np.array([4.0, 9.0, 99.0]), 30
    share = 0.5 * shrinkage(matrix, m)
    assert 1 / 100 < share < 0.1
    got = shrunk_ld(matrix, copies, m)
    np.testing.assert_allclose(np.diag(got), 1)
    np.testing.assert_allclose(got[0, 1], np.sqrt(0.8 * 0.9))  # one more copy has one in 5, in 10
    np.testing.assert_allclose(got[0, 2], np.sqrt(0.8 * (1 - share)) * 0.5)


def test_the_sampler_equals_enumeration_under_the_likelihood_of_a_panel():
    z, _, panel, _ = scan(2, largest=12, n_panel=200, n_variants=60)
    z, panel = z[:8], panel[:, :8]
    pi, slab, n = 0.15, 0.003, 50_000
    model = FinemapMiXeR(solver="gibbs", causal_probability=pi, effect_variance=slab, background=0)
    model.fit_summary(z, panel, n_samples=n, on_mismatch="ignore")
    observed = np.corrcoef(panel.T)
    locus = validate_summary(z, panel, n_samples=n).locus(score=False)
    R = shrunk_ld(observed, copies_seen(locus)[0], len(panel))
    noise = model.residual_variance_
    assert noise > 1.05
    covariance = noise * R
    logs, configurations = [], list(itertools.product([0, 1], repeat=8))
    for config in configurations:
        g = np.array(config)
        prior = np.sum(np.log(np.where(g, pi, 1 - pi)))
        logs.append(prior + log_normal(locus.z, covariance + n * R * (slab * g) @ R))
    weights = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    np.testing.assert_allclose(model.pip_, weights @ np.array(configurations), atol=0.02)


def test_the_noise_is_a_fixed_point_of_the_signal_over_the_people():
    z, _, panel, _ = scan(0, largest=30)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
    v = np.sqrt(50_000) * model.coef_
    expected = 1 + v @ np.corrcoef(panel.T) @ v / len(panel)
    assert expected > 2
    np.testing.assert_allclose(model.residual_variance_, expected, rtol=0.02)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_takes_the_noise_of_the_panel(solver):
    z, _, panel, _ = scan(1, largest=20, n_variants=60)
    ld = np.corrcoef(panel.T)
    # of variants that are one in the panel, z of others differ: a sampler makes effects of that
    distinct = np.max(np.triu(np.abs(ld), 1), axis=0) < 0.999
    z, panel, ld = z[distinct], panel[:, distinct], ld[np.ix_(distinct, distinct)]
    options = {"solver": solver, "random_state": 0}
    if solver == "adam":
        options |= {"causal_probability": 0.02, "effect_variance": 0.005, "tol": 1e9}
    settings = {"n_samples": 50_000, "on_mismatch": "ignore"}
    for given, size in ((panel, None), (ld, len(panel))):  # genotypes, or r and how many people
        model = FinemapMiXeR(**options).fit_summary(z, given, panel_size=size, **settings)
        assert model.residual_variance_ > 1.3
        noisy, expected = FinemapMiXeR(**options, residual_variance=model.residual_variance_), ld
        if SOLVERS[solver].believes_ld:  # it is told that R is shrunk, too
            summary = validate_summary(z, given, n_samples=50_000, panel_size=size)
            expected = shrunk_ld(ld, copies_seen(summary.locus(score=False))[0], len(panel))
        noisy.fit_summary(z, expected, **settings)
        np.testing.assert_allclose(noisy.pip_, model.pip_, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_small_panels_do_not_make_sets_of_effects_that_cancel():
    found, above = [], []
    for seed in range(6):
        z, _, panel, causal = scan(seed, largest=20, n_panel=60, n_variants=120)
        model = FinemapMiXeR(solver="gibbs").fit_summary(
            z, panel, n_samples=50_000, on_mismatch="ignore"
        )
        found += [bool(np.isin(one["variants"], causal).any()) for one in model.credible_sets_]
        above += list(np.isin(np.flatnonzero(model.pip_ > 0.9), causal))
    assert len(found) >= 4
    assert np.mean(found) > 0.85
    assert np.sum(~np.array(above, dtype=bool)) <= 1


def test_variants_that_few_have_are_not_told_apart_by_r_of_1_in_the_panel():
    rng = np.random.default_rng(3)
    panel = rng.binomial(2, 0.3, size=(500, 30)).astype(np.int8)
    panel[:, 0] = 0
    panel[:10, 0] = 1  # ten of 500 have it
    panel[:, 1] = panel[:, 2] = panel[:, 0]
    z = rng.normal(size=30)
    z[:3] = 22.0, 21.4, 19.5  # r of .97 and .89 in the scan
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
    assert model.solver_ == "gibbs"
    assert model.pip_[:3].sum() < 1.5
    assert np.all(model.pip_[1:3] < 0.5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_z_that_does_not_fit_a_panel_is_left_to_single_effects():
    z, _, panel, _ = scan(0, largest=10, n_variants=120)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
    assert model.solver_ == "gibbs"
    z = np.random.default_rng(0).normal(size=len(z))  # independent, in spite of LD
    model.fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
    assert model.solver_ == "susie"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # one is slow
def test_errors_of_a_panel_are_no_background():
    for seed in range(3):
        z, _, panel, _ = scan(seed, largest=25, n_variants=150)
        model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
        assert model.background_variance_ == 0
        assert model.heritability_ < 0.05


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # many effects
def test_annotations_are_learned_at_the_noise_of_the_panel():
    z, _, panel, causal = scan(3, largest=25, n_variants=60)
    annotations = np.isin(np.arange(len(z)), [*causal, 4, 9, 20])[:, None].astype(float)
    settings = {"n_samples": 50_000, "on_mismatch": "ignore"}
    options = {"solver": "susie", "annotations": annotations}
    told = FinemapMiXeR(**options).fit_summary(z, panel, **settings)
    noisy = FinemapMiXeR(**options, residual_variance=told.residual_variance_)
    noisy.fit_summary(z, np.corrcoef(panel.T), **settings)
    np.testing.assert_allclose(told.annotation_coef_, noisy.annotation_coef_, rtol=1e-4)
    exact = FinemapMiXeR(**options).fit_summary(z, np.corrcoef(panel.T), **settings)
    assert np.abs(exact.annotation_coef_ / told.annotation_coef_ - 1).max() > 1e-2


def test_the_density_of_z_given_a_panel_is_that_of_enumeration():
    """Of one effect or none; single effects are exact then."""
    z, _, panel, _ = scan(2, largest=12, n_panel=200, n_variants=60)
    z, panel, n, slab = z[:8], panel[:, :8], 50_000, 0.003
    model = FinemapMiXeR(causal_probability=0.05, effect_variance=slab, max_effects=1)
    locus = validate_summary(z, panel, n_samples=n).locus(score=False)
    solver = SOLVERS["susie"](refine=False)
    differences = []
    for m in (200.0, 100.0, 50.0):
        sized = locus._replace(panel_size=m)
        problem = own_problem(model, solver, sized, fixed_prior(model, sized.labels))
        problem = problem._replace(tol=1e-10, background=0.0)
        noise = panel_likelihood(problem)[0].residual_variance
        R = shrunk_ld(np.corrcoef(panel.T), copies_seen(sized)[0], m)
        covariance = panel_likelihood(problem)[1]
        np.testing.assert_allclose(
            covariance - np.diag(np.diag(covariance)), noise * (R - np.eye(8))
        )
        none = log_normal(locus.z, covariance)
        each = [log_normal(locus.z, covariance + n * slab * np.outer(r, r)) for r in R]
        prior = 1 - 0.95**8
        expected = np.logaddexp(
            np.log1p(-prior) + none, np.log(prior / 8) + np.logaddexp.reduce(each)
        )
        differences.append(log_evidence(problem) - expected)
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)  # a constant of z


def drifted(panel, n_founders, rng):
    """As many people as in `panel`, copies of few of them."""
    return panel[rng.choice(len(panel), n_founders)[rng.integers(n_founders, size=len(panel))]]


def test_what_a_panel_is_worth_is_told():
    z, ld, panel, _ = scan(0, largest=15, n_variants=60)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000)
    assert model.panel_size_ == len(panel)
    assert f"that of {len(panel)} people" in model.explain()
    assert FinemapMiXeR().fit_summary(z, ld, n_samples=50_000).panel_size_ == np.inf
    model.fit_summary(z, panel, n_samples=50_000, panel_size=400, on_mismatch="ignore")
    assert model.panel_size_ == 400
    assert not hasattr(model.fit(panel, panel[:, 0]), "panel_size_")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::skgenetics.finemapping.LDMismatchWarning")
def test_sets_hold_with_a_panel_that_drifted_apart():
    found, worth = {"one_effect": [], "ignore": []}, []
    for seed in range(8):
        z, _, panel, causal = scan(seed, largest=25, n_variants=100)
        panel = drifted(panel, 40, np.random.default_rng(seed))
        varies = panel.std(axis=0) > 0
        causal = np.cumsum(varies)[causal] - 1
        for on_mismatch, sets in found.items():
            model = FinemapMiXeR().fit_summary(
                z[varies], panel[:, varies], n_samples=50_000, on_mismatch=on_mismatch
            )
            sets += [np.isin(one["variants"], causal).any() for one in model.credible_sets_]
            worth += [model.panel_size_] if on_mismatch == "one_effect" else []
    assert np.median(worth) < 150
    assert np.mean(found["one_effect"]) > 0.75
    assert np.mean(found["ignore"]) < 0.6
    assert np.sum(found["one_effect"]) >= np.sum(found["ignore"]) - 2


def test_genotypes_of_the_scan_itself_are_no_panel():
    z, _, panel, _ = scan(0, largest=10)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=len(panel), on_mismatch="ignore")
    assert model.residual_variance_ == 1
    model.fit_summary(z, panel, n_samples=9999, panel_size=np.inf, on_mismatch="ignore")
    assert model.residual_variance_ == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_noise_of_the_panel_saves_what_the_scans_own_ld_would_give():
    truth, sets, pips = [], [[], [], []], [[], [], []]
    for seed in range(15):
        z, ld, panel, causal = scan(seed, largest=30, n_variants=150)
        truth.append(causal)
        for k, (given, size) in enumerate([(ld, None), (panel, None), (panel, np.inf)]):
            model = FinemapMiXeR(max_iter=40).fit_summary(
                z, given, n_samples=50_000, panel_size=size, on_mismatch="ignore"
            )
            sets[k].append(model.credible_sets_)
            pips[k].append(model.pip_)
    own, told, untold = (credible_set_summary(truth, found) for found in sets)
    assert untold.coverage < own.coverage - 0.3
    assert told.coverage > untold.coverage + 0.25
    precision = [pip_average_precision(truth, found) for found in pips]
    assert precision[1] > precision[2] + 0.1


@pytest.mark.parametrize("panel_size", [1, -5, np.nan])
def test_panels_of_nobody_are_refused(panel_size):
    with pytest.raises(ValueError, match="panel_size"):
        FinemapMiXeR().fit_summary(np.zeros(3), np.eye(3), n_samples=100, panel_size=panel_size)


def flips_named(z, panel):
    """Whether a warning says that alleles are flipped, and at which variants."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FinemapMiXeR().fit_summary(z, panel, n_samples=50_000)
    found = [re.search(r"flipped at variants \[(.*?)\]", str(w.message)) for w in caught]
    return [match[1] for match in found if match]


@pytest.mark.slow
def test_flips_are_seen_through_the_noise_of_a_panel():
    named = 0
    for seed in range(8):
        z, _, panel, _ = scan(seed, largest=25, n_variants=150)
        assert flips_named(z, panel) == []
        lead = int(np.argmax(np.abs(z)))
        z[lead] *= -1
        named += flips_named(z, panel) == [str(lead)]
    assert named >= 7
