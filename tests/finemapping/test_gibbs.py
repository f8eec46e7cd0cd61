"""The sampler: against enumeration, hyperpriors and background included, and Geweke's test."""

import itertools

import numpy as np
import pytest
from scipy.stats import beta as beta_distribution
from scipy.stats import betabinom, chi2
from sklearn.exceptions import ConvergenceWarning

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._chains import chain_diagnostics, effective_size
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers import Gibbs, _background, _gibbs
from skgenetics.finemapping.solvers._background import held_background, learned_background
from skgenetics.finemapping.solvers._gibbs import (
    HYPER_DEGREES,
    HYPER_NONE,
    HYPER_SHAPE,
    HYPER_Z2,
    SWEEPS_PER_STATE,
    batch_error,
    first_state,
    gibbs,
    hyperprior_of_pi,
    scratch,
)
from skgenetics.finemapping.solvers._slots import gibbs_sweeps
from skgenetics.finemapping.solvers._slots_prior import draw_pi, draw_slopes, relative_odds
from skgenetics.finemapping.solvers._slots_state import Draws, Sums
from skgenetics.loci._credible_sets import sets_of_draws
from skgenetics.loci._ld import DenseLD
from tests.oracles.finemapping import enumerate_posterior, log_normal


def blocks(p, r, n_blocks=2):
    """LD of equal blocks in each of which all variants correlate r."""
    size = p // n_blocks
    R = np.eye(p)
    for start in range(0, p, size):
        R[start : start + size, start : start + size] = r
    np.fill_diagonal(R, 1)
    return R


def sample(z, R, scale, *, n_draws=4000, n_chains=2, seed=0, background=0.0, z_norm=0.0, **options):
    prior = Prior(*(options.pop(name, None) for name in Prior._fields))
    settings = {"residual_variance": 1.0, "rank": 0.0, "prior": prior} | options
    if not isinstance(background, tuple):
        background = held_background(z, R, background, z_norm), np.array([background])
    likelihood, grid = background
    settings |= {"grid": grid, "tol": 0.0, "rng": np.random.RandomState(seed)}
    *_, last = gibbs(likelihood, scale, n_draws=n_draws, n_chains=n_chains, **settings)
    return last


def random_locus(seed, p=8):
    """A locus of p variants in LD up to r = .9999, with priors of 0 and 1 and per variant."""
    rng = np.random.default_rng(seed)
    r = rng.choice([0.0, 0.5, 0.9, 0.99, 0.9999], size=p - 1)
    X = rng.normal(size=(p, 4 * p))
    for j in range(1, p):
        X[j] = r[j - 1] * X[j - 1] * rng.choice([-1, 1]) + np.sqrt(1 - r[j - 1] ** 2) * X[j]
    R, scale = np.corrcoef(X), np.sqrt(rng.uniform(100, 2000, size=p))  # N H of each variant
    pi, slab = rng.uniform(0.02, 0.4, size=p), rng.uniform(0.002, 0.04, size=p)
    pi[rng.integers(p)], pi[rng.integers(p)] = 0.0, rng.choice([1.0, 0.1])
    effects = np.where(rng.uniform(size=p) < 0.3, rng.normal(size=p) * np.sqrt(slab), 0.0)
    z = R @ (scale * effects) + np.linalg.cholesky(R + 1e-12 * np.eye(p)) @ rng.normal(size=p)
    return z, R, scale, pi, slab


def assert_posteriors_agree(state, pip, mean):
    """PIPs and means of the chains are the exact ones, within their Monte Carlo errors."""
    for drawn, exact in ((state.pip, pip), (state.first, mean)):
        error = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
        np.testing.assert_array_less(
            np.abs(drawn.mean(axis=0) - exact), 4.5 * error + 1e-4 * np.abs(exact).max() + 1e-12
        )


@pytest.mark.parametrize("seed", range(8))
def test_pips_and_means_equal_enumeration(seed):
    z, R, scale, pi, slab = random_locus(seed)
    state = sample(z, R, scale, pi=pi, slab=slab, n_draws=1000, n_chains=40, seed=seed)
    _, pip, mean = enumerate_posterior(z, R, scale, pi=pi, slab=slab)
    assert_posteriors_agree(state, pip, mean)


@pytest.mark.slow
def test_pips_and_means_equal_enumeration_in_a_hundred_loci():
    for seed in range(100, 200):
        z, R, scale, pi, slab = random_locus(seed, p=7)
        state = sample(z, R, scale, pi=pi, slab=slab, n_draws=500, n_chains=40, seed=seed)
        _, pip, mean = enumerate_posterior(z, R, scale, pi=pi, slab=slab)
        assert_posteriors_agree(state, pip, mean)


def enumerate_with_background(z, R, scale, *, pi, slab, taus, prior):
    """PIPs and the posterior of tau^2, all configurations and variances of the background."""
    logs, configurations = [], []
    for tau, weight in zip(taus, prior, strict=True):
        for config in itertools.product([0, 1], repeat=len(z)):
            g = np.array(config, dtype=bool)
            effects = R * np.where(g, slab * scale**2, 0.0) @ R
            log_prior = np.log(weight) + np.sum(np.log(np.where(g, pi, 1 - pi)))
            logs.append(log_prior + log_normal(z, R + tau * R @ R + effects))
            configurations.append((g, tau))
    weights = np.exp(np.array(logs) - np.logaddexp.reduce(logs))
    pip = sum(w * g for w, (g, _) in zip(weights, configurations, strict=True))
    posterior = [sum(w for w, (_, t) in zip(weights, configurations, strict=True) if t == tau)
                 for tau in taus]  # fmt: skip
    return pip, np.array(posterior)


def locus_with_background(p=7):
    rng = np.random.default_rng(3)
    R, scale = 0.8 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p))), np.full(p, 40.0)
    z = R @ np.array([0, 4.0, 0, 0, 0, 0, 0]) + R @ rng.normal(0, 1.2, p)
    z += np.linalg.cholesky(R) @ rng.normal(size=p)
    return z, R, scale, {"pi": np.full(p, 0.1), "slab": np.full(p, 0.01)}


def test_held_background_equals_enumeration():
    z, R, scale, prior = locus_with_background()
    state = sample(z, R, scale, background=1.5, n_draws=1000, n_chains=40, **prior)
    pip, _ = enumerate_with_background(z, R, scale, taus=[1.5], prior=[1.0], **prior)
    none, _ = enumerate_with_background(z, R, scale, taus=[0.0], prior=[1.0], **prior)
    assert np.abs(pip - none).max() > 0.1
    error = state.pip.std(axis=0, ddof=1) / 40**0.5
    np.testing.assert_array_less(np.abs(state.pip.mean(axis=0) - pip), 4.5 * error)


def test_learned_background_equals_enumeration(monkeypatch):
    monkeypatch.setattr(_background, "FEWEST", 0.0)
    z, R, scale, prior = locus_with_background()
    likelihood, taus = learned_background(
        z, R, n_variants=60, n_samples=8_000, noise=1.0, slab=prior["slab"] * scale**2,
        odds=prior["pi"] / 0.9, z_norm=0.0,
    )  # fmt: skip
    assert len(taus) > 2
    assert np.exp(likelihood.log_prior[0]) == pytest.approx(1 - 0.5 * 0.16**0.25)
    state = sample(z, R, scale, background=(likelihood, taus), n_draws=1000, n_chains=40, **prior)
    pip, posterior = enumerate_with_background(
        z, R, scale, taus=taus, prior=np.exp(likelihood.log_prior), **prior
    )
    error = state.pip.std(axis=0, ddof=1) / 40**0.5
    np.testing.assert_array_less(np.abs(state.pip.mean(axis=0) - pip), 4.5 * error)
    trace = state.draws().trace[..., 3]
    drawn = np.array([np.mean(trace == tau, axis=1) for tau in taus])
    error = drawn.std(axis=1, ddof=1) / 40**0.5
    np.testing.assert_array_less(np.abs(drawn.mean(axis=1) - posterior), 4.5 * error + 1e-4)


@pytest.mark.parametrize(("n_variants", "r"), [(10, 1.0), (20, 1.0), (50, 0.99)])
def test_one_signal_of_a_tight_locus_is_an_effect_and_no_background(n_variants, r):
    R = np.full((n_variants, n_variants), r)
    np.fill_diagonal(R, 1.0)
    noise = (1 - r) ** 0.5 * np.random.default_rng(0).normal(size=n_variants)
    noise[0] = 0.0
    model = FinemapMiXeR(solver="gibbs").fit_summary(7.0 * R[0] + noise, R, n_samples=20_000)
    assert model.background_variance_ == 0
    assert [0 in found["variants"] for found in model.credible_sets_] == [True]
    (found,) = model.credible_sets_
    ratio = 400 * 0.05  # N H sigma_beta^2 of an effect of z^2 about 20
    wakefield = 0.5 * (49 * ratio / (1 + ratio) - np.log1p(ratio)) / np.log(10)
    assert abs(found["log10_bf"] - wakefield) < 1


def test_number_of_independent_variants():
    assert _background.n_independent(np.eye(7)) == pytest.approx(7)
    assert _background.n_independent(np.full((7, 7), 3.0)) == pytest.approx(1)
    assert _background.n_independent(blocks(12, 1.0, n_blocks=3)) == pytest.approx(3)
    assert _background.n_independent(np.zeros((2, 2))) == 0


def joint_draws(prior, annotations, n_sweeps, seed):
    """Traces of a chain whose z are drawn anew after each sweep: Geweke's successive simulation."""
    rng, p = np.random.default_rng(seed), 4
    R, scale = 0.7 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p))), np.arange(1.0, p + 1)
    grid, weights = np.array([0.0, 0.5, 2.0]), np.log([0.5, 0.25, 0.25])
    inverses = [np.linalg.inv(np.eye(p) + tau * R) for tau in grid]
    model, (chain,), n_slots = first_state(scale, prior, None, p + 20.0, grid, 1, annotations)
    work = scratch(n_slots, p)
    sums = Sums(np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p + 1))
    noise = 20 / chi2.rvs(20, random_state=rng)
    chain.noise[0], b, trace = noise, np.zeros(p), []
    for _ in range(n_sweeps):
        cov = chain.noise[0] * (R + grid[chain.grid[0]] * R @ R)
        z = R @ b + np.linalg.cholesky(cov) @ rng.normal(size=p)
        inside = 20.0 + z @ np.linalg.solve(R, z)  # s0^2 ~ 20 / chi^2(20) beforehand
        likelihood = held_background(z, R, 0.0, 0.0)._replace(
            quadratic=np.array([K @ R for K in inverses]),
            linear=np.array([K @ z for K in inverses]),
            z_norm=np.array([inside - t * z @ K @ z for t, K in zip(grid, inverses, strict=True)]),
            log_det=np.array([-np.linalg.slogdet(K)[1] for K in inverses]),
            log_prior=weights,
        )
        rows = np.full((1, p), -1), np.zeros((1, p)), np.zeros((1, p))
        draws = Draws(np.zeros((1, 4 + annotations.shape[1])), *rows)
        gibbs_sweeps(model, likelihood, chain, *work, sums, draws, rng.integers(2**31), False)
        b, (places,), (sizes,) = np.zeros(p), draws.places, draws.sizes
        used = places >= 0
        b[places[used]] = sizes[used] * scale[places[used]]
        pi, slab, w = chain.pi[0], chain.slab[0] / scale[0] ** 2, chain.slopes
        grid_point, logs = chain.grid[0], [np.log(slab), np.log(chain.noise[0])]
        counts = [used.sum(), pi, pi**2]
        places = [grid_point == 0, grid_point == 2, 0 in places, 3 in places]
        trace.append([*counts, *logs, *places, *w, *w**2])
    return np.array(trace), scale


@pytest.mark.parametrize("pi_slab", [None, 0.1])
@pytest.mark.parametrize("annotations", [np.zeros((4, 0)), [[3, 0], [0, -3], [1, 2], [-2, -1]]])
def test_joint_distribution_is_that_of_the_prior(annotations, pi_slab, monkeypatch):
    monkeypatch.setattr(_gibbs, "DENSEST", 4)  # else pi is small, and hardly matters
    annotations, n = np.array(annotations, dtype=float), 10**5
    trace, scale = joint_draws(Prior(None, None, pi_slab), annotations, 8_000, seed=1)
    other_shape, weight = hyperprior_of_pi(4)
    pi = beta_distribution(HYPER_SHAPE, other_shape).rvs((n, 1), random_state=0)
    w = np.random.default_rng(0).normal(size=(n, annotations.shape[1]))
    odds = np.exp(w @ annotations.T)
    odds /= np.average(odds, axis=1, weights=None if pi_slab is None else scale**2)[:, None]
    odds *= pi / (1 - pi)
    none = (weight - 1) * np.prod(1 / (1 + odds), axis=1)  # no effect at all has it beside that
    total, middle = 1 + none.mean(), HYPER_Z2 / np.median(scale**2)

    def mean(values):
        """Their mean over the prior, which has more of no effect at all."""
        return np.mean(values.T * (1 + none), axis=-1) / total

    log_slab = np.log(HYPER_DEGREES * middle) - np.mean(
        np.log(chi2.rvs(HYPER_DEGREES, size=10**6, random_state=0))
    )
    if pi_slab is not None:
        log_slab = np.log(pi_slab) - mean(np.log(pi))[0]
    log_noise = np.log(20) - np.mean(np.log(chi2.rvs(20, size=10**6, random_state=0)))
    effects = np.mean(odds / (1 + odds), axis=0) / total
    of_pi, of_w = [mean(pi**k)[0] for k in (1, 2)], [*mean(w), *mean(w**2)]
    places = [0.5, 0.25, effects[0], effects[3]]
    expected = [effects.sum(), *of_pi, log_slab, log_noise, *places, *of_w]
    batches = trace.reshape(40, -1, trace.shape[1]).mean(axis=1)
    error = batches.std(axis=0, ddof=1) / 40**0.5
    np.testing.assert_array_less(np.abs(batches.mean(axis=0) - expected), 4 * error)


def chain_beside_annotations():
    """A chain of effects on variants 0 and 2 of four, at w = 1, and the odds of all, of mean 1."""
    annotations = np.array([[3.0], [-1], [-1], [-1]])
    model, (chain,), _ = first_state(
        np.ones(4), Prior(None, np.ones(4)), 1.0, 0.0, np.zeros(1), 1, annotations
    )
    chain.slopes[:] = 1.0
    relative_odds(model, chain.slopes, chain.relative)
    chain.members[:2], chain.n_effects[0] = [0, 2], 2

    def density(pi, w):
        """Prior of the two effects alone."""
        odds = np.exp(annotations @ np.atleast_1d(w)[None])
        odds = odds / odds.mean(axis=0) * pi / (1 - pi)
        return odds[0] * odds[2] / np.prod(1 + odds, axis=0)

    return model, chain, density


def draws_of(draw, part, n=20_000):
    """Means of 40 batches of draws."""
    drawn = np.empty(n)
    for i in range(n):
        draw()
        drawn[i] = part[0]
    return drawn.reshape(40, -1).mean(axis=1)


def test_pi_is_drawn_from_its_conditional_beside_annotations(monkeypatch):
    monkeypatch.setattr(_gibbs, "DENSEST", 4)
    model, chain, density = chain_beside_annotations()
    means = draws_of(lambda: draw_pi(model, chain, 0.0), chain.pi)
    np.testing.assert_allclose(np.exp(chain.relative).mean(), 1)
    logit = np.log(chain.pi / (1 - chain.pi))
    np.testing.assert_allclose(chain.log_odds - chain.relative, np.full(4, logit))
    pi = (np.arange(2000) + 0.5) / 2000
    prior = beta_distribution(HYPER_SHAPE, 4).pdf(pi)
    expected, error = np.average(pi, weights=prior * density(pi, 1.0)), means.std(ddof=1) / 40**0.5
    assert abs(means.mean() - expected) < 4 * error
    conjugate = beta_distribution(HYPER_SHAPE + 2, 4 + 2).mean()
    assert abs(expected - conjugate) > 8 * error  # without them


def test_slopes_are_drawn_from_their_conditional():
    model, chain, density = chain_beside_annotations()
    chain.pi[0] = 0.7
    means = draws_of(lambda: draw_slopes(model, chain), chain.slopes)
    w = np.linspace(-5, 5, 2001)
    expected = np.average(w, weights=np.exp(-(w**2) / 2) * density(0.7, w))
    assert abs(means.mean() - expected) < 4 * means.std(ddof=1) / 40**0.5
    odds_alone = np.average(w, weights=np.exp(-(w**2) / 2 + 2 * w) / np.exp(
        np.outer([3, -1, -1, -1], w)).mean(axis=0) ** 2)  # fmt: skip
    assert abs(expected - odds_alone) > 0.1


def test_moves_leave_the_posterior_as_it_is():
    # effects that moved in order of position were off by .04 here
    p = 10
    R, scale = 0.5 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p))), np.full(p, 280.0)
    z = R @ np.array([0, 0, 5.0, 0, 0, 4.0, 0, 0, 0, 0]) + 0.5 * np.sin(np.arange(p))
    options = {"pi": np.full(p, 0.15), "slab": np.full(p, 2.5e-4)}
    state = sample(z, R, scale, n_draws=1500, n_chains=40, **options)
    _, pip, mean = enumerate_posterior(z, R, scale, **options)
    assert_posteriors_agree(state, pip, mean)


@pytest.mark.parametrize("seed", [0, 4])
def test_effects_change_places_where_r_is_all_but_1(seed):
    R, scale = blocks(3, 0.9999, n_blocks=1), np.full(3, 100.0)
    noise = np.linalg.cholesky(R) @ np.random.default_rng(seed).normal(size=3)
    options = {"pi": np.full(3, 0.1), "slab": np.full(3, 0.2)}
    z = 50 * R[0] + noise
    state = sample(z, R, scale, n_draws=500, n_chains=20, seed=seed, **options)
    _, pip, mean = enumerate_posterior(z, R, scale, **options)
    assert pip.max() < 0.6
    assert_posteriors_agree(state, pip, mean)


def test_rounding_of_the_data_is_not_amplified():
    # fewer people than variants and hardly any noise: A^-1 is nearly singular
    rng = np.random.default_rng(3)
    X = rng.normal(size=(15, 30))
    X = (X - X.mean(axis=0)) / X.std(axis=0) / 15**0.5
    R, z, scale = X.T @ X, X.T @ rng.normal(0, 5, size=15), np.full(30, 4.0)
    noise = rng.uniform(-1e-15, 1e-15, size=R.shape)
    options = {"background": 0.0, "residual_variance": 1e-4, "n_draws": 200}
    first, again = (sample(z, R * (1 + e), scale, **options) for e in (0, noise + noise.T))
    assert first.draws().trace[..., 0].mean() > 5
    np.testing.assert_allclose(again.pip, first.pip, rtol=2e-9, atol=2e-10)
    np.testing.assert_allclose(again.first, first.first, rtol=2e-9, atol=2e-10)


def test_prior_probabilities_of_0_and_1_hold():
    model = FinemapMiXeR(solver="gibbs", causal_probability=np.array([1, 0.1, 0]), random_state=0)
    model.fit_summary([2.0, 1.0, 9.0], np.eye(3), n_samples=10_000)
    assert model.pip_[0] == pytest.approx(1, abs=1e-12)
    assert model.pip_[2] == 0
    assert 0 < model.pip_[1] < 0.5


def test_constant_variants_alone_have_no_effects():
    y = np.random.default_rng(0).normal(size=50)
    model = FinemapMiXeR(solver="gibbs", random_state=0).fit(np.ones((50, 4)), y)
    np.testing.assert_array_equal(model.pip_, 0)
    assert model.credible_sets_ == []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_effect_of_a_draw_is_stored():
    p = 40
    model = FinemapMiXeR(
        solver=Gibbs(n_draws=100),
        causal_probability=0.5,
        effect_variance=0.01,
        background=0,
        random_state=0,
    )
    model.fit_summary(np.full(p, 30.0), np.eye(p), n_samples=100_000)
    assert len(model.credible_sets_) == p


@pytest.mark.parametrize("p", [1, 4, 50, 250, 1000])
def test_no_effect_has_two_thirds_of_the_prior(p):
    other_shape, weight = hyperprior_of_pi(p)
    number = betabinom(p, HYPER_SHAPE, other_shape)
    none = weight * number.pmf(0)
    assert none / (none + 1 - number.pmf(0)) == pytest.approx(HYPER_NONE)
    assert number.mean() < 2
    expected = number.mean() / (1 - number.pmf(0))  # where there is any
    assert 1 <= expected < 1.5 if p <= 50 else 1.5 < expected < 2.7


def quantiles_of_pi(p, n):
    """The n quantiles of pi, equal weights, beside which no effect at all has a weight more."""
    return beta_distribution.ppf((np.arange(n) + 0.5) / n, HYPER_SHAPE, hyperprior_of_pi(p)[0])


def with_more_of_none(z, R, scale, *, pi, slab):
    """Evidence and PIPs of all configurations, the empty one having a weight more."""
    log, pip, _ = enumerate_posterior(z, R, scale, pi=pi, slab=slab)
    total = np.exp(log) + (hyperprior_of_pi(len(z))[1] - 1) * (1 - pi) ** len(z)
    return total, pip * np.exp(log) / total


@pytest.mark.slow
def test_learned_prior_integrates_over_its_hyperprior(monkeypatch):
    monkeypatch.setattr(_gibbs, "DENSEST", 4)
    p, scale = 4, np.full(4, 20.0)
    R, z = blocks(4, 0.8), np.array([3.5, 2.9, 0.4, -0.2])
    state = sample(z, R, scale, n_draws=20_000)
    quantiles = (np.arange(60) + 0.5) / 60
    slab_grid = HYPER_DEGREES * (HYPER_Z2 / 400) / chi2.ppf(quantiles, HYPER_DEGREES)
    cells = [
        with_more_of_none(z, R, scale, pi=pi, slab=slab)
        for pi in quantiles_of_pi(p, 40)
        for slab in slab_grid
    ]
    weights = [evidence for evidence, _ in cells]
    expected = np.average([pip for _, pip in cells], axis=0, weights=weights)
    np.testing.assert_allclose(state.pip.mean(axis=0), expected, atol=0.012)


@pytest.mark.slow
def test_learned_pi_under_a_heritability_integrates_over_its_prior(monkeypatch):
    monkeypatch.setattr(_gibbs, "DENSEST", 4)
    p, scale, pi_slab = 4, np.full(4, 20.0), 0.004
    R, z = blocks(4, 0.8), np.array([3.5, 2.9, 0.4, -0.2])
    state = sample(z, R, scale, n_draws=20_000, pi_slab=pi_slab)
    cells = [
        with_more_of_none(z, R, scale, pi=pi, slab=pi_slab / pi) for pi in quantiles_of_pi(p, 400)
    ]
    weights = [evidence for evidence, _ in cells]
    expected = np.average([pip for _, pip in cells], axis=0, weights=weights)
    np.testing.assert_allclose(state.pip.mean(axis=0), expected, atol=0.012)
    free = sample(z, R, scale, n_draws=4000).pip.mean(axis=0)
    assert np.abs(free - expected).max() > 0.05  # the heritability tells


def test_noise_is_drawn_from_its_conditional():
    rng = np.random.default_rng(0)
    R, scale = np.eye(30), np.full(30, 20.0)
    z = rng.normal(size=30) * np.sqrt(2.0)
    state = sample(
        z, R, scale, pi=np.full(30, 1e-12), slab=np.full(30, 0.1),
        residual_variance=None, z_norm=z @ z, rank=30.0,
    )  # fmt: skip
    drawn = state.draws().trace[..., 2]  # no effect at all: inverse gamma(15, z'z / 2)
    np.testing.assert_allclose(drawn.mean(), z @ z / 28, rtol=0.02)


def test_the_seed_decides_and_variants_of_scale_zero_stay_out():
    R, scale = blocks(6, 0.9), np.array([20.0, 20, 0, 20, 20, 20])
    z = np.array([4.0, 3.8, 0, 0.5, 0.1, -0.3])
    first, again, other = (sample(z, R, scale, n_draws=200, seed=seed).pip for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert np.all(first[:, 2] == 0)


def test_states_come_once_a_block():
    z, R, scale = np.zeros(3), np.eye(3), np.ones(3)
    likelihood, rng = held_background(z, R, 0.0, 0.0), np.random.RandomState(0)
    states = gibbs(
        likelihood, scale, prior=Prior(None, None), residual_variance=1.0, rank=0.0,
        grid=np.zeros(1), n_draws=3 * SWEEPS_PER_STATE + 1, n_chains=1, tol=0.0, rng=rng,
    )  # fmt: skip
    assert len(list(states)) == 4


def test_effective_size_of_autoregressions():
    rng = np.random.default_rng(0)
    for rho in (0.0, 0.5, 0.9):
        chains = np.zeros((2, 20_000))
        noise = rng.normal(size=chains.shape)
        for t in range(1, chains.shape[1]):
            chains[:, t] = rho * chains[:, t - 1] + noise[:, t]
        expected = 40_000 * (1 - rho) / (1 + rho)
        np.testing.assert_allclose(effective_size(chains), expected, rtol=0.15)


def test_disagreeing_chains_are_seen():
    rng = np.random.default_rng(0)
    trace = rng.normal(size=(2, 500, 3))
    assert chain_diagnostics(trace, np.zeros((2, 4)))["rhat"] < 1.05
    trace[1] += 2
    assert chain_diagnostics(trace, np.zeros((2, 4)))["rhat"] > 1.3
    assert chain_diagnostics(trace, np.array([[0.1, 0.9], [0.2, 0.3]]))["pip_gap"] == (
        pytest.approx(0.6)
    )
    assert chain_diagnostics(np.ones((2, 10, 3)), np.zeros((2, 1)))["rhat"] == 1


def test_too_few_draws_warn_and_name_the_parameter():
    z = 3 * np.random.default_rng(0).normal(size=60)
    model = FinemapMiXeR(solver=Gibbs(n_draws=2, n_chains=8), causal_probability=0.5)
    with pytest.warns(ConvergenceWarning, match=r"chains disagree .* increase n_draws"):
        model.set_params(random_state=3).fit_summary(
            z, np.eye(60), n_samples=4000, on_mismatch="ignore"
        )


def test_sets_of_draws_by_hand():
    R = np.eye(5)
    R[0, 1] = R[1, 0] = 0.9
    R[2, 3] = R[3, 2] = 0.8
    ld = DenseLD(R)
    places = np.array([[0, 2], [1, 2], [0, 3], [0, -1]] * 25)
    pip = np.array([0.75, 0.25, 0.5, 0.25, 0.0])
    found = sets_of_draws(places, pip, np.full(5, 0.2), ld, coverage=0.9, min_purity=0.5)
    assert [one["variants"].tolist() for one in found] == [[0, 1]]  # the other is there in .75
    assert found[0]["coverage"] == pytest.approx(1)
    found = sets_of_draws(places, pip, np.full(5, 0.2), ld, coverage=0.7, min_purity=0.5)
    assert [one["variants"].tolist() for one in found] == [[0], [2, 3]]
    assert found[1]["coverage"] == pytest.approx(1)  # of the draws in which it is there
    assert found[1]["alpha"] == pytest.approx([2 / 3, 1 / 3])
    odds, prior = 0.75 / 0.25, (1 - 0.8**2) / 0.8**2
    assert found[1]["log10_bf"] == pytest.approx(np.log10(odds / prior))


@pytest.mark.parametrize("pi", [0.1, 0.999, 1.0])
def test_bayes_factors_of_sets_are_ratios_of_evidences(pi):
    # of an effect on one of two variants in LD, and of one for which the prior is sure
    R = np.array([[1.0, 0.95, 0], [0.95, 1, 0], [0, 0, 1]])
    z, slab = np.array([7.0, 6.9, 5.0]), 20 / 10_000
    wald = z * np.sqrt(9998 / (10_000 - z**2))
    model = FinemapMiXeR(
        solver="gibbs",
        causal_probability=[0.01, 0.01, pi],
        effect_variance=slab,
        background=0,
        random_state=0,
    ).fit_summary(wald, R, n_samples=10_000)

    def log_evidence(variances):
        return log_normal(z, R + R @ np.diag(variances) @ R)

    one = np.logaddexp(log_evidence([20, 0, 20]), log_evidence([0, 20, 20])) - np.log(2)
    expected = {(0, 1): one - log_evidence([0, 0, 20])}
    expected[(2,)] = log_evidence([0, 20, 20]) - log_evidence([0, 20, 0])
    found = {tuple(sorted(s["variants"])): s["log10_bf"] for s in model.credible_sets_}
    assert found == pytest.approx({k: v / np.log(10) for k, v in expected.items()}, abs=0.01)


def test_signals_are_found_with_sets_and_variance(locus):
    X, y, causal = locus(n=2000, p=20, seed=3)
    model = FinemapMiXeR(solver="gibbs", random_state=0).fit(X, y)
    assert set(np.flatnonzero(model.pip_ > 0.9)) == set(causal)
    assert {int(found["variants"][0]) for found in model.credible_sets_} == set(causal)
    assert model.diagnostics_["effective_size"] > 100
    assert model.elbo_path_ == []
    explained = np.var(X[:, causal] @ np.full(2, 0.35)) / np.var(y)
    np.testing.assert_allclose(model.heritability_, explained, rtol=0.5)
    _, std = model.predict(X, return_std=True)
    susie = FinemapMiXeR(solver="susie").fit(X, y)
    np.testing.assert_allclose(std, susie.predict(X, return_std=True)[1], rtol=0.02)


def test_chains_end_when_the_monte_carlo_error_is_below_tol(locus):
    X, y, _ = locus(n=2000, p=20, seed=3)
    model = FinemapMiXeR(solver=Gibbs(n_draws=4000), random_state=0).fit(X, y)
    assert model.n_iter_ < 4000 / SWEEPS_PER_STATE
    assert model.diagnostics_["pip_error"] <= 0.01
    longer = FinemapMiXeR(solver=Gibbs(n_draws=4000), tol=0.0, random_state=1).fit(X, y)
    assert longer.n_iter_ == 4000 / SWEEPS_PER_STATE
    error = np.hypot(model.diagnostics_["pip_error"], longer.diagnostics_["pip_error"])
    np.testing.assert_allclose(model.pip_, longer.pip_, atol=4 * error)


def test_error_of_batches_is_that_of_independent_draws():
    rng = np.random.default_rng(0)
    draws = rng.uniform(size=(400, 50, 3)) < [0.5, 0.1, 0.0]  # 400 batches of 50
    batches = draws.mean(axis=1)
    error = batch_error(batches.mean(axis=0), np.sum(batches**2, axis=0), 400)
    assert error == pytest.approx(0.5 / np.sqrt(20_000), rel=0.1)
