"""The paper's algorithm: against a plain transcription and the enumerated evidence."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._elbo import NoiseNorm, quadratic_form
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers import Adam
from skgenetics.finemapping.solvers._adam import adam
from skgenetics.loci._ld import DenseLD
from skgenetics.loci._summary import Locus
from tests.oracles.finemapping import design, enumerate_posterior


def locus_of(z, R, scale):
    return Locus(z, DenseLD(R), 1.0, scale**2, scale, False)


def random_locus(seed=0, p=6, n=400):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    y = 0.25 * X[:, 1] + rng.normal(size=n)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return z, np.corrcoef(X.T), np.sqrt(n * X.var(axis=0))


def run(
    z,
    R,
    scale,
    noise="ld",
    n_iter=200,
    start=None,
    settle=100,
    pi_slab=None,
    learned=(),
    **settings,
):
    known = {"pi": np.full(len(z), 0.1), "slab": np.full(len(z), 0.05)}
    prior = Prior(**known | dict.fromkeys({"pi", "slab"}.intersection(learned)), pi_slab=pi_slab)
    settings = {"spike_sd": 0.05, "gate_scale": 0.7, "learning_rate": 1e-2} | settings
    norm = NoiseNorm(z @ np.linalg.solve(R, z), len(z))
    start = np.abs(z)[None, :] if start is None else start
    states = adam(
        quadratic_form(locus_of(z, R, scale), noise, norm=norm),
        [np.full(start.shape, 0.01), np.full(start.shape, 0.01), start],
        Adam(**settings),
        prior=prior,
        residual_variance=None if "noise" in learned else np.ones((1, 1)),
        settle=settle,
        tol=0.0,
    )
    return [next(states) for _ in range(n_iter)]


def transcription(z, R, scale, noise, n_iter, *, pi, slab, spike, k_f, rate, b1, b2, eps):
    """Algorithm 1 with its corrections, variant by variant."""
    p = len(z)
    G, T = design(R, scale, noise)
    mu, sigma, o = np.full(p, 0.01), np.full(p, 0.01), np.abs(z)
    m, v = np.zeros((3, p)), np.zeros((3, p))
    for t in range(1, n_iter + 1):
        q = 1 / (1 + np.exp(-k_f * o))
        slope = np.zeros((3, p))
        for i in range(p):
            precision = (1 - q[i]) / spike + q[i] / slab
            slope[0, i] = T[i] @ z - G[i] @ mu - precision * mu[i]
            slope[1, i] = 1 / sigma[i] - sigma[i] * (G[i, i] + precision)
            odds = np.log(pi / (1 - pi)) - np.log(q[i] / (1 - q[i]))
            size = mu[i] ** 2 + sigma[i] ** 2
            d_q = odds + np.log(np.sqrt(spike / slab)) + size * (1 / spike - 1 / slab) / 2
            slope[2, i] = d_q * k_f * q[i] * (1 - q[i])
        m = b1 * m - (1 - b1) * slope
        v = b2 * v + (1 - b2) * slope**2
        change = rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        mu, sigma, o = mu - change[0], sigma - change[1], o - change[2]
    return mu, sigma, 1 / (1 + np.exp(-k_f * o))


@pytest.mark.parametrize("noise", ["ld", "independent"])
def test_iterates_equal_a_plain_transcription(noise):
    z, R, scale = random_locus()
    state = run(z, R, scale, noise)[-1]
    mu, sigma, q = transcription(
        z, R, scale, noise, 200,
        pi=0.1, slab=0.05, spike=0.05**2, k_f=0.7, rate=1e-2, b1=0.9, b2=0.99, eps=1e-8,
    )  # fmt: skip
    np.testing.assert_allclose(state.mean[0], mu, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(state.sd[0], sigma, rtol=1e-8)
    np.testing.assert_allclose(state.gate[0], q, rtol=1e-8)


@pytest.mark.parametrize("noise", ["ld", "independent"])
@pytest.mark.parametrize("seed", range(3))
def test_final_bound_is_below_the_evidence_with_its_spike(noise, seed):
    z, R, scale = random_locus(seed)
    state = run(z, R, scale, noise, n_iter=1500)[-1]
    evidence, *_ = enumerate_posterior(z, R, scale, pi=0.1, slab=0.05, spike=0.05**2, noise=noise)
    assert state.bound[0] < evidence
    assert evidence - state.bound[0] < 8  # near a maximum, not at the start


def test_a_batch_of_starts_equals_each_alone():
    z, R, scale = random_locus()
    starts = np.abs(z) * np.array([[1.0], [0.3], [1.7]])
    together = run(z, R, scale, start=starts)[-1]
    for k in range(3):
        alone = run(z, R, scale, start=starts[k : k + 1])[-1]
        np.testing.assert_allclose(together.mean[k], alone.mean[0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(together.bound[k], alone.bound[0], rtol=1e-9)


def test_prior_is_held_then_renewed_every_hundred_iterations():
    z, R, scale = random_locus()
    states = run(z, R, scale, n_iter=420, learned=("pi", "slab", "noise"))
    pis = np.array([float(state.pi[0, 0]) for state in states])
    changed = np.flatnonzero(np.diff(pis)) + 2  # iterations count from 1
    assert changed.tolist() == [101, 201, 301, 401]
    at = states[400]
    np.testing.assert_allclose(at.pi[0, 0], at.gate[0].mean(), rtol=1e-12)
    second = at.mean[0] ** 2 + at.sd[0] ** 2
    np.testing.assert_allclose(at.slab[0, 0], at.gate[0] @ second / at.gate[0].sum(), rtol=1e-12)
    S = np.diag(scale)
    error = z - R @ S @ at.mean[0]
    expected = error @ np.linalg.solve(R, error) + scale**2 @ at.sd[0] ** 2
    np.testing.assert_allclose(at.residual_variance[0, 0], expected / 6, rtol=1e-9)


def test_adaptive_spike_follows_the_effects():
    z, R, scale = random_locus()
    state = run(z, R, scale, spike_sd="adaptive", n_iter=50)[-1]
    size = np.sqrt(state.mean[0] ** 2 + state.sd[0] ** 2).mean()
    np.testing.assert_allclose(state.spike[0, 0], size**2, rtol=1e-12)


@pytest.mark.parametrize("noise", ["ld", "independent"])
def test_pca_form_at_full_rank_equals_the_full_one(noise):
    z, R, _ = random_locus()
    options = {"causal_probability": 0.1, "effect_variance": 0.05, "max_iter": 600, "tol": 1e9}
    full, pca = (
        FinemapMiXeR(solver=Adam(noise=noise, n_components=n_components), **options)
        for n_components in (None, 6)
    )
    full.fit_summary(z, R, n_samples=400)
    pca.fit_summary(z, R, n_samples=400)
    np.testing.assert_allclose(pca.pip_, full.pip_, atol=1e-6)
    np.testing.assert_allclose(pca.coef_, full.coef_, atol=1e-6)


@pytest.mark.slow
def test_prior_learned_by_adam_ends_at_its_closed_form():
    R, scale = 0.3 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6))), np.full(6, 20.0)
    z = 9 * R[1] - 7 * R[4] + np.linalg.cholesky(R) @ [1.2, -0.9, 1.5, 1.1, -0.7, 1.3]
    learned = ("pi", "slab", "noise")
    state = run(z, R, scale, prior_update="adam", learned=learned, n_iter=8000)[-1]
    gate, second = state.gate[0], state.mean[0] ** 2 + state.sd[0] ** 2
    assert np.flatnonzero(gate > 0.9).tolist() == [1, 4]
    np.testing.assert_allclose(state.pi[0, 0], gate.mean(), rtol=1e-3)
    np.testing.assert_allclose(state.slab[0, 0], gate @ second / gate.sum(), rtol=1e-3)
    error = z - R @ (scale * state.mean[0])
    expected = error @ np.linalg.solve(R, error) + scale**2 @ state.sd[0] ** 2
    np.testing.assert_allclose(state.residual_variance[0, 0], expected / 6, rtol=1e-2)


@pytest.mark.parametrize("prior_update", ["closed_form", "adam"])
def test_a_heritability_holds_pi_times_the_slab(prior_update):
    z, R, scale = random_locus()
    options = {"learned": ("pi", "slab"), "pi_slab": 0.01, "settle": 500, "n_iter": 4000}
    state = run(z, R, scale, prior_update=prior_update, **options)[-1]
    np.testing.assert_allclose(state.pi * state.slab, 0.01, rtol=1e-12)
    gate, second = state.gate[0], state.mean[0] ** 2 + state.sd[0] ** 2

    def negative_bound(pi):  # the terms of the bound that depend on pi
        slab = 0.01 / pi
        on = np.log(pi) - np.log(slab) / 2 - second / (2 * slab)
        return -np.sum(gate * on + (1 - gate) * np.log(1 - pi))

    best = minimize_scalar(negative_bound, bounds=(1e-6, 1 - 1e-6), method="bounded")
    np.testing.assert_allclose(state.pi[0, 0], best.x, rtol=0.02)


def test_start_and_the_least_number_of_iterations_are_the_users():
    z, R, _ = random_locus()

    def fit(**settings):
        model = FinemapMiXeR(
            solver=Adam(min_iter=1, **settings),
            causal_probability=0.1,
            effect_variance=0.05,
            tol=1e9,
        )
        return model.fit_summary(z, R, n_samples=400)

    once = fit()
    assert once.n_iter_ == 1
    again = fit(mean_init=0.01, sd_init=np.full(6, 0.01), gate_init=np.abs(once.z_))
    np.testing.assert_array_equal(again.pip_, once.pip_)
    np.testing.assert_allclose(fit(gate_init=0.0).pip_, 0.5, atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mean_init": None}, "mean_init must be a number, an array or .*; got None"),
        ({"sd_init": 0.0}, "sd_init must be a number > 0; got 0.0"),
        (
            {"gate_init": np.zeros(3)},
            "gate_init must be a number or have one value for each of the 6",
        ),
    ],
)
def test_bad_starts_are_refused(settings, message):
    z, R, _ = random_locus()
    with pytest.raises(ValueError, match=message):
        FinemapMiXeR(solver=Adam(**settings)).fit_summary(z, R, n_samples=400)
