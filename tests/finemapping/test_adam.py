"""The paper's algorithm: against a plain transcription and the enumerated evidence."""

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._elbo import NoiseNorm, elbo, quadratic_form
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers import Adam
from skgenetics.finemapping.solvers._adam_steps import adam
from skgenetics.finemapping.solvers._paper_family import (
    Ascent,
    climb,
    coordinate_sweep,
    maximum_from,
    select_forward,
)
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


@pytest.mark.parametrize("steps", ["coordinate", "adam"])
@pytest.mark.parametrize("noise", ["ld", "independent"])
def test_pca_form_at_full_rank_equals_the_full_one(noise, steps):
    z, R, _ = random_locus()
    options = {"causal_probability": 0.1, "effect_variance": 0.05, "max_iter": 600}
    options |= {"tol": 1e9 if steps == "adam" else 1e-6, "random_state": 0}
    full, pca = (
        FinemapMiXeR(solver=Adam(steps=steps, noise=noise, n_components=n_components), **options)
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
            solver=Adam.published(noise="ld", min_iter=1, **settings),
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
        FinemapMiXeR(solver=Adam.published(**settings)).fit_summary(z, R, n_samples=400)


# coordinate steps from sampled starts


def posed(z, R, scale, pi=0.1, slab=0.05, spike=0.05**2, n_starts=5, seed=0):
    """The problem of the coordinate steps, and starts."""
    p = len(z)
    ascent = Ascent(
        scale[:, None] * R * scale, scale * z, scale,
        prior=Prior(np.full(p, pi), np.full(p, slab)), spike=np.full(p, spike),
        residual_variance=1.0, norm=NoiseNorm(),
    )  # fmt: skip
    ascent.draw_starts(n_starts, np.random.RandomState(seed))
    return ascent


def bound_of_one(ascent, i, mean, variance, gate):
    """The bound of the first start with another mean, variance and q of variant i."""
    trial = [part[:1].copy() for part in (ascent.mean, ascent.variance, ascent.gate)]
    for part, value in zip(trial, (mean, variance, gate), strict=True):
        part[0, i] = value
    logit = np.log(trial[2]) - np.log1p(-trial[2])
    return elbo(
        ascent.quadratic, trial[0] @ ascent.matrix, trial[0], trial[1] ** 0.5, logit,
        pi=ascent.pi, slab=ascent.slab, spike=ascent.spike, residual_variance=np.ones((1, 1)),
    )[0]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_each_coordinate_step_raises_the_bound_to_a_maximum(seed):
    z, R, scale = random_locus(seed)
    ascent = posed(z, R, scale)
    for i in range(6):  # variant by variant, against a search that knows no closed form
        others = np.delete(np.arange(6), i)
        residual = (ascent.linear - ascent.matrix[:, others] @ ascent.mean[0, others])[i]
        arguments = residual, ascent.matrix[i, i], ascent.log_odds[i], 0.05, 0.05**2
        for start in (0.0, 1.0):
            *at, _ = maximum_from.py_func(start, *arguments)
            x0 = [at[0], np.log(at[1]), np.log(at[2]) - np.log1p(-at[2])]
            value = bound_of_one(ascent, i, *at)

            def loss(x, i=i):
                q = 1 / (1 + np.exp(-x[2]))
                return -bound_of_one(ascent, i, x[0], np.exp(x[1]), np.clip(q, 1e-15, 1 - 1e-15))

            assert -minimize(loss, x0, method="Nelder-Mead").fun < value + 1e-6
        before, after = ascent.bounds()[0], None
        coordinate_sweep(
            ascent.matrix, ascent.linear, ascent.log_odds, ascent.slab, ascent.spike, 1.0,
            ascent.mean[0], ascent.variance[0], ascent.gate[0], ascent.moved[0],
        )  # fmt: skip
        after = ascent.bounds()[0]
        assert after > before - 1e-9
    np.testing.assert_allclose(ascent.moved, ascent.mean @ ascent.matrix, atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_ends_are_below_the_evidence_with_its_spike_and_close(seed):
    z, R, scale = random_locus(seed)
    *_, ends = climb(posed(z, R, scale), 20, np.random.RandomState(0), 1e-8)
    evidence, *_ = enumerate_posterior(z, R, scale, pi=0.1, slab=0.05, spike=0.05**2)
    assert np.all(ends.bound < evidence)
    assert evidence - ends.bound.max() < 3


def test_twins_share_their_signal_and_one_end_does_not():
    R = np.eye(12)
    R[3, 7] = R[7, 3] = 1.0
    z = np.random.default_rng(0).normal(size=12)
    z[[3, 7]] = 8.0
    settings = {"n_samples": 10_000, "on_mismatch": "ignore"}
    weighted = FinemapMiXeR(solver="adam", random_state=0).fit_summary(z, R, **settings)
    np.testing.assert_allclose(weighted.pip_[[3, 7]], 0.5, atol=0.02)
    (found,) = weighted.credible_sets_
    assert sorted(found["variants"]) == [3, 7]
    best = FinemapMiXeR(solver=Adam(ends="best"), random_state=0).fit_summary(z, R, **settings)
    assert sorted(best.pip_[[3, 7]].round(2)) == [0, 1]


def test_a_weak_signal_has_the_probability_of_the_exact_posterior():
    z, n, slab = np.array([3.0, 1.0, 0.5]), 10_000, 20 / 10_000
    model = FinemapMiXeR(
        solver="adam", causal_probability=0.1, effect_variance=slab, random_state=0
    ).fit_summary(z, np.eye(3), n_samples=n)
    bf = np.exp(model.z_**2 * 20 / 21 / 2) / np.sqrt(21)
    exact = bf / (9 + bf)
    np.testing.assert_allclose(model.pip_, exact, atol=0.03)


def test_starts_are_drawn_as_the_posterior_of_one_effect():
    z, R, scale = random_locus(1)
    matrix, linear = scale[:, None] * R * scale, scale * z
    log_odds, slab = np.full(6, np.log(0.1 / 0.9)), np.full(6, 0.05)
    rng = np.random.RandomState(0)
    first = [select_forward(matrix, linear, log_odds, slab, rng)[0][:1] for _ in range(3000)]
    counts = np.bincount([chosen[0] if len(chosen) else 6 for chosen in first], minlength=7) / 3000
    odds = [
        0.1 / 0.9 * np.exp(u**2 * 0.05 / (1 + d * 0.05) / 2) / np.sqrt(1 + d * 0.05)
        for u, d in zip(linear, scale**2, strict=True)
    ]
    expected = np.append(odds, 1.0) / (np.sum(odds) + 1)
    error = np.sqrt(expected * (1 - expected) / 3000)
    assert np.all(np.abs(counts - expected) < 4 * error + 1e-12)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_adam_takes_sampled_starts_too():
    z, R, _ = random_locus(2)
    options = {"causal_probability": 0.1, "effect_variance": 0.05, "random_state": 0}
    pips = [
        FinemapMiXeR(solver=Adam(steps=steps), max_iter=1500, tol=1e-6, **options)
        .fit_summary(z, R, n_samples=400)
        .pip_
        for steps in ("coordinate", "adam")
    ]
    np.testing.assert_allclose(*pips, atol=0.05)


@pytest.mark.parametrize(
    "settings", [{"starts": "z"}, {"spike_sd": "adaptive"}, {"prior_update": "adam"}]
)
def test_coordinate_steps_refuse_what_only_adam_has(settings):
    z, R, _ = random_locus()
    with pytest.raises(ValueError, match="of Adam needs steps='adam'"):
        FinemapMiXeR(solver=Adam(**settings)).fit_summary(z, R, n_samples=400)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_steep_gates_stay_finite_in_single_precision():
    solver = Adam.published(gate_scale=100.0, learning_rate=1e-2)
    model = FinemapMiXeR(solver=solver, max_iter=600)
    z, R = np.array([3.0, 1.0, 0.5], np.float32), np.eye(3, dtype=np.float32)
    model.fit_summary(z, R, n_samples=10_000)
    assert np.all(np.isfinite(model.pip_))
    assert np.all(np.isfinite(model.elbo_path_))
    assert len(model.elbo_path_) == model.n_iter_
