"""The paper's algorithm: against a plain transcription and the enumerated evidence."""

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._adam import adam
from skgenetics.finemapping._elbo import quadratic_form
from skgenetics.finemapping._ld import DenseLD
from skgenetics.finemapping._summary import Locus
from skgenetics.utils._array_api import numpy_namespace as xp
from tests.oracles.finemapping import design, enumerate_posterior


def locus_of(z, R, scale):
    return Locus(z, DenseLD(R, xp, "cpu"), 1.0, scale**2, scale, False, xp, "cpu")


def random_locus(seed=0, p=6, n=400):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 0.7 * rng.normal(size=(n, 1))
    y = 0.25 * X[:, 1] + rng.normal(size=n)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return z, np.corrcoef(X.T), np.sqrt(n * X.var(axis=0))


def run(z, R, scale, noise="ld", n_iter=200, start=None, **options):
    settings = {
        "pi": np.array([[0.1]]),
        "slab": np.array([[0.05]]),
        "residual_variance": np.array([[1.0]]),
        "spike_sd": 0.05,
        "gate_scale": 0.7,
        "learning_rate": 1e-2,
        "beta_1": 0.9,
        "beta_2": 0.99,
        "epsilon": 1e-8,
        "settle": 100,
        "tol": 0.0,
        "xp": xp,
    }
    norm = (z @ np.linalg.solve(R, z), len(z))
    quadratic = quadratic_form(locus_of(z, R, scale), noise, norm=norm)
    start = np.abs(z)[None, :] if start is None else start
    states = adam(quadratic, start, **(settings | options))
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
    states = run(z, R, scale, n_iter=420, pi=None, slab=None, residual_variance=None)
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
    options = {"solver": "adam", "noise": noise, "max_iter": 600, "tol": 1e9}
    options |= {"causal_probability": 0.1, "effect_variance": 0.05}
    full = FinemapMiXeR(**options).fit_summary(z, R, n_samples=400)
    pca = FinemapMiXeR(**options, n_components=6).fit_summary(z, R, n_samples=400)
    np.testing.assert_allclose(pca.pip_, full.pip_, atol=1e-6)
    np.testing.assert_allclose(pca.coef_, full.coef_, atol=1e-6)
