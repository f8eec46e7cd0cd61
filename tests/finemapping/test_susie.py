"""Single effects: against the exact model of one effect, of two, plain SuSiE and susieR."""

import itertools
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping._elbo import NoiseNorm, range_norm
from skgenetics.finemapping.solvers import SuSiE
from skgenetics.finemapping.solvers._single_effect import (
    HYPER_Z2,
    count_prior,
    effect_prior,
    fit_single_effect,
)
from skgenetics.finemapping.solvers._susie import susie
from skgenetics.loci._ld import DenseLD
from tests.oracles.finemapping import (
    log_bayes_factor,
    single_effect_evidence,
    sum_of_single_effects,
    two_effect_evidence,
)


def random_locus(seed=0, p=7, n=200):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    y = X[:, 1] * 0.4 - X[:, 4] * 0.4 + rng.normal(size=n)
    R = np.corrcoef(X.T)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return z, R, np.sqrt(n * X.var(axis=0))


def run(z, R, scale, *, pi=None, n_effects=3, variances=None, weights=None, **options):
    """The states of a fit; probabilities `pi` of 1 make every effect certain."""
    p = len(z)
    weights = np.ones(p) if weights is None else weights
    settings = {
        "n_effects": n_effects,
        "prior": effect_prior(scale, 200.0, weights, variances),
        "count": count_prior(None if pi is None else np.broadcast_to(pi, p), n_effects, p),
        "residual_variance": 1.0,
        "norm": NoiseNorm(),
        "tol": 1e-10,
    }
    return list(susie(z, DenseLD(R), scale, **(settings | options)))


def test_one_certain_effect_is_exact():
    z, R, scale = random_locus()
    weights = np.arange(1.0, 8.0)
    variances = np.linspace(0.05, 0.4, 7)
    state = run(z, R, scale, n_effects=1, pi=1.0, weights=weights, variances=variances)[-1]
    evidence, alpha, mean = single_effect_evidence(
        z, R, scale, weights=weights / weights.sum(), variances=variances
    )
    np.testing.assert_allclose(state.bound, evidence, rtol=1e-12)
    np.testing.assert_allclose(state.alpha[0], alpha, rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(state.mean[0], mean, rtol=1e-12)
    variance = 1 / (scale**2 + 1 / variances)
    np.testing.assert_allclose(state.second[0], mean**2 + variance, rtol=1e-12)
    assert state.presence[0] == 1


def test_one_effect_that_may_be_absent_is_exact():
    z, R, scale = random_locus()
    z, pi, variances = z / 3, np.linspace(0.01, 0.2, 7), np.full(7, 0.05)
    state = run(z, R, scale, n_effects=1, pi=pi, weights=pi, variances=variances)[-1]
    odds = pi / (1 - pi) * np.exp(
        [single_effect_evidence(z, R, scale, weights=np.eye(7)[i] + 1e-300, variances=variances)[0]
         for i in range(7)]
    )  # fmt: skip
    # the odds of one more effect are shared out by pi
    total = np.sum(pi / (1 - pi)) * np.sum(pi / pi.sum() * odds * (1 - pi) / pi)
    np.testing.assert_allclose(state.presence[0], total / (1 + total), rtol=1e-10)
    assert 0.05 < state.presence[0] < 0.95
    # relative to b = 0, that the effect is absent included
    prior = np.sum(pi / (1 - pi))
    np.testing.assert_allclose(state.bound, np.log((1 + total) / (1 + prior)), rtol=1e-10)


def test_the_size_of_an_effect_is_integrated_over():
    z, R, scale = random_locus()
    state = run(z, R, scale, n_effects=1, pi=1.0)[-1]
    unit = np.median(scale**2)
    grid = effect_prior(scale, 200.0, np.ones(7), None)
    z2 = grid.strengths * unit
    density = z2**-2.0 * np.exp(-2 * HYPER_Z2 / z2)  # scaled inverse chi^2 on a log scale
    np.testing.assert_allclose(np.exp(grid.log_strengths), density / density.sum(), rtol=1e-10)
    assert z2.max() <= 200  # no effect explains more than the trait
    means, seconds, weights = [], [], []
    for variance, probability in zip(grid.strengths, density / density.sum()):
        for i in range(7):
            only = np.where(np.arange(7) == i, variance, 0.0)
            G = np.diag(scale) @ R @ np.diag(scale)
            weights.append(probability / 7 * np.exp(log_bayes_factor(G, scale * z, only)))
            mean = scale[i] * z[i] / (scale[i] ** 2 + 1 / variance)
            means.append(mean)
            seconds.append(mean**2 + 1 / (scale[i] ** 2 + 1 / variance))
    weights, means, seconds = (np.reshape(a, (-1, 7)) for a in (weights, means, seconds))
    np.testing.assert_allclose(state.bound, np.log(weights.sum()), rtol=1e-10)
    alpha = weights.sum(axis=0) / weights.sum()
    np.testing.assert_allclose(state.alpha[0], alpha, rtol=1e-9)
    inside = weights / weights.sum(axis=0)
    np.testing.assert_allclose(state.mean[0], np.sum(inside * means, axis=0), rtol=1e-9)
    np.testing.assert_allclose(state.second[0], np.sum(inside * seconds, axis=0), rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_certain_effects_are_plain_susie(seed):
    z, R, scale = random_locus(seed)
    variances = np.full(7, 0.1)
    state = run(z, R, scale, n_effects=4, pi=1.0, variances=variances)[-1]
    alpha, mean = sum_of_single_effects(z, R, scale, n_effects=4, variance=0.1)
    ours, theirs = (np.prod(1 - one, axis=0) for one in (state.alpha, alpha))  # in any order
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    ours, theirs = np.sum(state.alpha * state.mean, axis=0), np.sum(alpha * mean, axis=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_two_effects_stay_below_their_evidence_and_come_close(seed):
    z, R, scale = random_locus(seed)
    state = run(z, R, scale, n_effects=2, pi=1.0, variances=np.full(7, 0.1))[-1]
    evidence = two_effect_evidence(z, R, scale, weights=np.full(7, 1 / 7), variance=0.1)
    assert state.bound <= evidence
    # the factorized posterior loses at least the choice of which effect is which: log 2
    assert evidence - state.bound < 3


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_effects=st.integers(1, 6),
    certain=st.booleans(),
    learn_noise=st.booleans(),
)
@example(seed=8132, n_effects=2, certain=True, learn_noise=True)  # needs the smallest effects
def test_bound_never_falls(seed, n_effects, certain, learn_noise):
    z, R, scale = random_locus(seed)
    options = {}
    if learn_noise:
        values, vectors = np.linalg.eigh(R)
        norm = range_norm(z, values[::-1], vectors[:, ::-1])
        options = {"residual_variance": None, "norm": norm}
    states = run(z, R, scale, n_effects=n_effects, pi=1.0 if certain else None, **options)
    bounds = np.array([state.bound for state in states])
    fewer = np.diff([len(state.presence) for state in states]) < 0  # surplus ones were dropped
    assert np.all((np.diff(bounds) >= -1e-9 * np.maximum(1, np.abs(bounds[1:]))) | fewer)


def exact_pips(z, p, z2, density):
    """PIPs of independent variants, sizes on a grid, by all configurations."""
    log_bf = np.log(np.sum(
        density * np.exp(z[:, None] ** 2 / 2 * z2 / (1 + z2)) / np.sqrt(1 + z2), axis=1
    ))  # fmt: skip
    weights, gates = [], []
    for config in itertools.product([0, 1], repeat=p):
        g, k = np.array(config), sum(config)
        odds = np.prod(np.exp(count_prior(None, p, p).log_odds[:k]) / p)
        weights.append(odds * np.exp(g @ log_bf))
        gates.append(g)
    return np.array(weights) @ np.array(gates) / np.sum(weights)


@pytest.mark.parametrize(
    "z", [[0.3], [0.0, 1.0, 2.0, 3.0], [0.2, -1.0, 0.4, 6.0, 0.1], [5.0, 0.3, 5.0, 0.1, 1.0]]
)
def test_pips_of_few_independent_variants_are_those_of_the_enumeration(z):
    z = np.array(z)
    p = len(z)
    model = FinemapMiXeR(solver="susie").fit_summary(
        z, np.eye(p), n_samples=1e6, on_mismatch="ignore"
    )
    grid = effect_prior(np.full(p, 1e3), 1e6, np.ones(p), None)
    exact = exact_pips(model.z_, p, grid.strengths * 1e6, np.exp(grid.log_strengths))
    np.testing.assert_allclose(model.pip_, exact, atol=0.08)
    np.testing.assert_allclose(model.pip_.sum(), exact.sum(), atol=0.2)


def test_null_loci_are_quiet():
    R = 0.9 ** np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    root, rng = np.linalg.cholesky(R), np.random.default_rng(0)
    for options in ({}, {"effect_variance": 0.001}, {"heritability": 0.01, "solver": "susie"}):
        total, sets = [], 0
        for _ in range(20):
            z = root @ rng.standard_normal(60)
            model = FinemapMiXeR(**options).fit_summary(z, R, n_samples=20_000)
            total.append(model.pip_.sum())
            sets += len(model.credible_sets_)
            assert model.n_causal_[1][0] == 0
        assert np.mean(total) < 0.3
        assert sets == 0


def test_effects_are_one_more_than_are_needed():
    z, R, scale = random_locus()
    assert len(run(0 * z, R, scale, n_effects=7)[-1].presence) == 1
    presence = run(z, R, scale, n_effects=7)[-1].presence
    assert np.all(presence[:2] > 0.95)
    assert len(presence) == 3
    assert presence[2] < 0.5


def test_all_effects_in_use_is_told():
    n, p = 5000, 40
    z = np.where(np.arange(p) % 8 == 0, 15.0, 0.0)
    settings = {"n_samples": n, "on_mismatch": "ignore"}
    options = {"solver": "susie", "background": 0}
    with pytest.warns(ConvergenceWarning, match=r"All 3 effects are in use.*max_effects"):
        FinemapMiXeR(max_effects=3, **options).fit_summary(z, np.eye(p), **settings)
    FinemapMiXeR(max_effects=6, **options).fit_summary(z, np.eye(p), **settings)
    FinemapMiXeR(**options).fit_summary(z[:1], np.eye(1), **settings)  # no room for more


def test_refine_finds_the_better_optimum():
    """Two effects whose best single proxy is neither: the proxy is taken first."""
    R = np.array([[1, 0.0, 0.6, 0], [0.0, 1, 0.6, 0], [0.6, 0.6, 1, 0], [0, 0, 0, 1.0]])
    z = R @ np.array([8.0, 8.0, 0, 0])
    settings = {"n_samples": 5000, "on_mismatch": "ignore"}
    plain, refined = (
        FinemapMiXeR(solver=SuSiE(refine=refine)).fit_summary(z, R, **settings)
        for refine in (False, True)
    )
    assert refined.elbo_path_[-1] >= plain.elbo_path_[-1]
    assert np.all(refined.pip_[:2] > 0.9)
    assert refined.pip_[2] < 0.2


def test_variants_of_scale_zero_are_left_out():
    z, R, scale = random_locus()
    z, scale = z.copy(), scale.copy()
    z[3], scale[3] = 0, 0
    state = run(z, R, scale, pi=1.0)[-1]
    assert np.all(state.alpha[:, 3] == 0)
    keep = np.arange(7) != 3
    other = run(z[keep], R[np.ix_(keep, keep)], scale[keep], pi=1.0)[-1]
    np.testing.assert_allclose(state.alpha[:, keep], other.alpha, rtol=1e-6, atol=1e-12)


def test_compiled_kernel_equals_its_python():
    z, _, scale = random_locus()
    arguments = (scale * z, scale**2, effect_prior(scale, 200.0, np.arange(7.0), None))
    compiled = [np.empty(7) for _ in range(3)]
    python = [np.empty(7) for _ in range(3)]
    result = fit_single_effect(*arguments, *compiled)
    expected = fit_single_effect.py_func(*arguments, *python)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    np.testing.assert_allclose(compiled, python, rtol=1e-12)


SUSIER = """
suppressMessages(library(susieR))
args <- commandArgs(trailingOnly = TRUE)
p <- as.integer(args[2])
z <- readBin(file.path(args[1], "z"), "double", p)
R <- matrix(readBin(file.path(args[1], "ld"), "double", p * p), p, p)
fit <- susie_rss(z = z, R = R, n = 10000, L = 5, estimate_prior_variance = FALSE,
                 scaled_prior_variance = 0.004, estimate_residual_variance = FALSE, tol = 1e-8,
                 max_iter = 1000)
writeBin(fit$pip, file.path(args[1], "pip"))
"""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_certain_effects_of_a_given_variance_are_those_of_susier(tmp_path):
    probe = subprocess.run(["Rscript", "-e", "library(susieR)"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("susieR is not installed")
    R = np.corrcoef(make_genotypes(2000, 80, random_state=0).data.T)
    rng = np.random.default_rng(0)
    b = np.zeros(80)
    b[[10, 50]] = 0.06, -0.05
    z = rng.multivariate_normal(100 * R @ b, R, check_valid="ignore")
    z.tofile(tmp_path / "z")
    R.tofile(tmp_path / "ld")
    (tmp_path / "run.R").write_text(SUSIER)
    command = ["Rscript", str(tmp_path / "run.R"), str(tmp_path), "80"]
    subprocess.run(command, check=True, capture_output=True)
    model = FinemapMiXeR(
        solver=SuSiE(refine=False), causal_probability=np.ones(80), effect_variance=0.004,
        max_effects=5, tol=1e-8, max_iter=1000, background=0,
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="All 5 effects are in use"):
        model.fit_summary(z, R, n_samples=10_000, on_mismatch="ignore")
    np.testing.assert_allclose(model.pip_, np.fromfile(tmp_path / "pip"), atol=1e-4)
