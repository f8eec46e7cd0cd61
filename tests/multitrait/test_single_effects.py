"""A sum of single effects on many traits: mvSuSiE's fits, enumeration, and what is reported."""

import numpy as np
import pytest
from scipy.special import logsumexp

from skgenetics import MMASHRegressor
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import full_step, residual_covariance
from skgenetics.multitrait._single_effect_results import summarize_effects
from skgenetics.multitrait.solvers import SOLVERS, Problem
from tests.multitrait.designs import make_design, random_problem
from tests.oracles import multitrait_naive as naive

LOCUS = {"solver": "single_effects", "polygenic": 0}


def states(design, U, scales, sigma, weights, *, n_sweeps=300, tol=1e-10, **settings):
    """All states of the solver."""
    has_null = len(weights) == len(U) * len(scales) + 1
    problem = Problem(
        prior=make_prior(U, scales, range(len(U)), has_null=has_null),
        weights=weights,
        covariance=residual_covariance(sigma),
        **{
            "learn_weights": False,
            "weight_threshold": 0.0,
            "covariance_step": None,
            "max_effects": 2,
        }
        | settings,
    )
    every = []
    for state in SOLVERS["single_effects"].start(design, problem, tol=tol):
        every.append(state)
        if len(every) == n_sweeps:
            break
    return every


@pytest.mark.parametrize("name", ["1_j2_fixed"])
def test_fits_of_mvsusie(shared, name):
    case = np.load(shared / "reference" / "mvsusie" / f"{name}.npz", allow_pickle=False)
    model = MMASHRegressor(
        **LOCUS,
        covariances=case["U_effective"],
        scales=[1.0],
        weights=case["weights"],
        include_null=False,
        residual_covariance=case["residual_variance"],
        max_effects=int(case["L"]),
        tol=1e-8,
    ).fit(case["X"], case["Y"])
    np.testing.assert_allclose(model.pip_, case["ref_pip"], atol=2e-6)
    np.testing.assert_allclose(model.coef_.T, case["ref_coef"][1:], atol=1e-5)
    np.testing.assert_allclose(model.elbo_path_[-1], case["ref_elbo"][-1], rtol=1e-8)
    ends = np.cumsum(case["ref_sets_len"])
    for found, theirs in zip(
        model.credible_sets_, np.split(case["ref_sets_variants"], ends[:-1]), strict=True
    ):  # ours holds the variants tied with the last one too, and no more than these
        assert len(set(found["variants"]) ^ set(theirs)) <= 1
    for found, lfsr in zip(model.credible_sets_, case["ref_single_effect_lfsr"], strict=False):
        np.testing.assert_allclose(found["lfsr"], lfsr, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("n_traits", [1, 3])
@pytest.mark.parametrize("delta", [0.0, 0.7])
def test_one_effect_is_exact(n_traits, delta):
    X, Y, U, scales, weights, sigma = random_problem(3, 20, 6, n_traits)
    design = make_design(X, Y, delta=delta)
    state = states(design, U, scales, sigma, weights, max_effects=1)[-1]
    V = naive.all_components(U, scales)
    H = np.eye(20) + delta * X @ X.T / 6
    Q = np.linalg.inv(H)
    log_bf = np.array(
        [
            naive.variant_posterior(
                x @ Q @ Y, x @ Q @ x, V[1:], weights[1:] / weights[1:].sum(), sigma
            )[3]
            for x in X.T
        ]
    )
    effect = state.single_effects()[0]
    np.testing.assert_allclose(effect.alpha, np.exp(log_bf - logsumexp(log_bf)), atol=1e-12)
    np.testing.assert_allclose(effect.log_bf, logsumexp(log_bf) - np.log(6), atol=1e-10)
    evidence = naive.log_evidence(X[:, :0], Y, V, weights, sigma, H=H)
    evidence += np.logaddexp(np.log(weights[0]), np.log1p(-weights[0]) + effect.log_bf)
    np.testing.assert_allclose(state.bound, evidence, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_bound_rises_and_stays_below_the_evidence(seed, missing):
    X, Y, U, scales, weights, sigma = random_problem(seed, 8, 4, 2, missing=missing)
    every = states(make_design(X, Y), U, scales, sigma, weights)
    bounds = np.array([state.bound for state in every])
    assert np.all(np.diff(bounds) >= -1e-5 * np.abs(bounds[1:]))
    # two effects: every pair of a variant and a component, or none, for each
    V = naive.all_components(U, scales)
    shares = weights[1:] / 4
    options = [(weights[0], 0, V[0])]
    options += [(s, j, v) for s, v in zip(shares, V[1:], strict=True) for j in range(4)]
    logs = []
    seen = ~np.isnan(Y).reshape(-1)
    base = np.kron(np.eye(8), sigma)
    for one in options:
        for other in options:
            total = base + sum(np.kron(np.outer(X[:, j], X[:, j]), v) for _, j, v in (one, other))
            total = total[np.ix_(seen, seen)]
            y = Y.reshape(-1)[seen]
            fit = y @ np.linalg.solve(total, y) + np.linalg.slogdet(2 * np.pi * total)[1]
            logs.append(np.log(one[0] * other[0]) - fit / 2)
    evidence = logsumexp(logs)
    assert bounds[-1] <= evidence + 1e-6


@pytest.mark.parametrize("learn", ["weights", "covariance", "both"])
@pytest.mark.parametrize("seed", range(3))
def test_bound_never_falls_while_it_learns(learn, seed):
    X, Y, U, scales, weights, sigma = random_problem(seed, 60, 12, 3)
    settings = {"learn_weights": learn != "covariance", "max_effects": 4}
    if learn != "weights":
        settings["covariance_step"] = full_step
    bounds = [s.bound for s in states(make_design(X, Y), U, scales, sigma, weights, **settings)]
    assert np.all(np.diff(bounds) >= -1e-5 * np.abs(bounds[1:]))


def locus(seed=0, n=500, p=120, n_traits=4):
    """A locus of an effect shared by all traits and one on the first trait alone."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = 0.9 * X[:, j - 1] + np.sqrt(1 - 0.81) * X[:, j]
    Y = 0.3 * X[:, [20]] + rng.normal(size=(n, n_traits))
    Y[:, 0] += 0.4 * X[:, 90]
    return X, Y


def test_sets_say_which_traits_an_effect_acts_on():
    X, Y = locus()
    model = MMASHRegressor(**LOCUS).fit(X, Y)
    assert len(model.credible_sets_) == 2
    by_variant = {v: found for found in model.credible_sets_ for v in found["variants"]}
    shared, single = by_variant[20], by_variant[90]
    assert shared["lfsr"].max() < 0.01
    assert shared["nonzero"].min() > 0.99
    assert single["lfsr"][0] < 0.01
    assert single["nonzero"][1:].max() < 0.5
    np.testing.assert_allclose(shared["effect"], 0.3, atol=4 * shared["effect_sd"].max())
    np.testing.assert_allclose(model.n_effects_, 2, atol=0.7)
    assert model.pip_.sum() == pytest.approx(2, abs=0.7)


def test_effects_of_variants_that_count_opposite_alleles_do_not_cancel():
    rng = np.random.default_rng(0)
    base = rng.binomial(2, 0.4, 400)
    X = np.column_stack([base, 2 - base, base, rng.binomial(2, 0.3, 400)])
    Y = 0.4 * X[:, [0]] + rng.normal(size=(400, 2))
    (found,) = MMASHRegressor(**LOCUS).fit(X, Y).credible_sets_
    assert sorted(found["variants"]) == [0, 1, 2]
    sign = -1 if found["variants"][0] == 1 else 1
    np.testing.assert_allclose(sign * found["effect"], 0.4 * base.std(), atol=0.1)
    assert found["effect_sd"].max() < 0.08
    assert found["lfsr"].max() < 1e-3


def test_units_and_order_of_traits_do_not_matter():
    X, Y = locus()
    model = MMASHRegressor(**LOCUS).fit(X, Y)
    unit = np.array([1e6, 1, 1e-6, 300])
    scaled = MMASHRegressor(**LOCUS).fit(X, (Y * unit)[:, ::-1])
    np.testing.assert_allclose(scaled.pip_, model.pip_, atol=1e-6)
    np.testing.assert_allclose(scaled.lfsr_[::-1], model.lfsr_, atol=1e-6)
    np.testing.assert_allclose(scaled.coef_[::-1] / unit[:, None], model.coef_, atol=1e-6)


def test_null_traits_have_no_sets():
    X, Y = locus()
    rng = np.random.default_rng(1)
    expected = []
    for _ in range(5):
        model = MMASHRegressor(**LOCUS).fit(X, rng.normal(size=Y.shape))
        assert model.credible_sets_ == []
        expected.append(model.pip_.sum())
    assert np.mean(expected) < 0.6


def test_summary_statistics_int8_and_one_trait():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, (400, 60)).astype(np.int8)
    X[:, 1::2] = X[:, ::2] * (rng.random((400, 30)) < 0.9)  # pairs in LD
    Y = 0.5 * X[:, [7]] + rng.normal(size=(400, 3))
    C = np.corrcoef(Y.T)
    scaled = (Y - Y.mean(axis=0)) / Y.std(axis=0)
    known = MMASHRegressor(**LOCUS, residual_covariance=C).fit(X, scaled)
    r = np.corrcoef(X.T.astype(float), Y.T)[:60, 60:]
    z = r * np.sqrt(398 / (1 - r**2))
    summary = MMASHRegressor(**LOCUS).fit_summary(
        z=z, ld=np.corrcoef(X.T.astype(float)), n_samples=400, trait_correlation=C
    )
    np.testing.assert_allclose(summary.pip_, known.pip_, atol=1e-6)
    assert [list(s["variants"]) for s in summary.credible_sets_] == [
        list(s["variants"]) for s in known.credible_sets_
    ]
    one = MMASHRegressor(**LOCUS).fit(X, Y[:, 0])
    assert one.coef_.shape == (60,)
    assert 7 in one.credible_sets_[0]["variants"]


def test_missing_cells_are_as_good_as_absent_rows_of_one_trait():
    X, Y = locus()
    holes = Y.copy()
    holes[300:, 1] = np.nan
    model = MMASHRegressor(**LOCUS).fit(X, holes)
    assert 20 in model.credible_sets_[0]["variants"] or 20 in model.credible_sets_[1]["variants"]
    alone = Y[:, [1]].copy()
    alone[300:] = np.nan
    cut = MMASHRegressor(**LOCUS).fit(X[:300], Y[:300, [1]])
    np.testing.assert_allclose(MMASHRegressor(**LOCUS).fit(X, alone).pip_, cut.pip_, atol=1e-8)


def test_refinement_leaves_a_variant_between_two_that_act():
    better = 0
    for seed in range(3):
        rng = np.random.default_rng(seed)
        base = rng.normal(size=(1000, 2))
        X = rng.normal(size=(1000, 30))
        X[:, 3], X[:, 4] = base.T
        X[:, 5] = base.sum(axis=1) + 0.6 * rng.normal(size=1000)  # tags both
        Y = 0.25 * base.sum(axis=1, keepdims=True) + rng.normal(size=(1000, 3))
        model = MMASHRegressor(**LOCUS).fit(X, Y)
        better += model.pip_[3] > 0.9 and model.pip_[4] > 0.9
    assert better == 3


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_effects_of_neighbors_do_not_compete_for_a_trait(noise):
    """Variant 3 acts on all traits but one, variant 4 on all alike: the first fit ties the one."""
    p, n = 12, 20_000
    R = 0.75 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    B = np.zeros((p, 4))
    B[3], B[4] = [-0.147, -0.147, 0, -0.147], 0.124
    draw = np.linalg.cholesky(R) @ np.random.default_rng(0).normal(size=B.shape)
    z = np.sqrt(n) * R @ B + noise * draw
    model = MMASHRegressor(solver="single_effects").fit_summary(
        z, R, n_samples=n, trait_correlation=np.eye(4)
    )
    sets = {int(found["variants"][0]): found for found in model.credible_sets_}
    assert sets[3]["lfsr"][2] > 0.2
    assert max(sets[3]["lfsr"][[0, 1, 3]]) < 1e-10
    assert max(sets[4]["lfsr"]) < 1e-10
    np.testing.assert_allclose(sets[3]["effect"], B[3], atol=0.004 + 0.02 * noise)


def test_variants_have_no_posterior_of_their_own():
    X, Y = locus()
    model = MMASHRegressor(**LOCUS).fit(X, Y)
    for ask in (model.component_moments, model.effect_covariance):
        with pytest.raises(ValueError, match="see credible_sets_"):
            ask(20)
    assert model.sharing(20)["null"] == pytest.approx(1 - model.pip_[20], abs=0.02)


def test_effects_of_the_same_scores_are_summarized_once():
    X, Y, U, scales, weights, sigma = random_problem(0, n=80)
    fitted = states(make_design(X, Y), U, scales, sigma, weights, n_sweeps=5)[-1]
    first, other = fitted.single_effects()[0], fitted.single_effects()[-1]
    effects = [first, first, other._replace(scores=first.scores.copy()), first]
    prior = make_prior(U, scales, range(len(U)), has_null=True)
    told = summarize_effects(effects, prior, weights, residual_covariance(sigma))
    assert told[0] is told[1]
    assert told[2] is not told[0]
    np.testing.assert_array_equal(told[3].mean, told[0].mean)
