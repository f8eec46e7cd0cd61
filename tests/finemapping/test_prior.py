"""Priors that are given in part: heritability, annotations, one number; and how many effects."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import binom

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_summary_statistics
from skgenetics.finemapping._annotations import fractional_logistic, standardize
from skgenetics.finemapping._n_causal import poisson_binomial, summarize
from skgenetics.finemapping.solvers import CAVI, SOLVERS, Adam, Gibbs, SuSiE
from skgenetics.metrics import pip_average_precision
from tests.oracles.finemapping import enumerate_posterior

R = 0.6 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8)))
Z = R[2] * 6 - R[6] * 4
H = np.linspace(0.1, 0.5, 8)


def fit(**options):
    model = FinemapMiXeR(random_state=0, **options)
    return model.fit_summary(Z, R, n_samples=2000, heterozygosity=H, on_mismatch="ignore")


@pytest.mark.parametrize("solver", SOLVERS)
def test_heritability_fixes_the_effect_variance(solver):
    pi = np.linspace(0.1, 0.3, 8)
    model = fit(solver=solver, causal_probability=pi, heritability=0.04)
    np.testing.assert_allclose(model.effect_variance_, 0.04 / (pi @ H), rtol=1e-12)
    same = fit(solver=solver, causal_probability=pi, effect_variance=0.04 / (pi @ H))
    np.testing.assert_array_equal(model.pip_, same.pip_)


def test_heritability_with_the_sampler_is_the_exact_posterior():
    model = fit(solver=Gibbs(n_draws=8000), causal_probability=0.1, heritability=0.04)
    slab = 0.04 / (0.1 * H.sum())
    _, pip, _ = enumerate_posterior(model.z_, R, np.sqrt(2000 * H), pi=0.1, slab=slab)
    np.testing.assert_allclose(model.pip_, pip, atol=0.01)


@pytest.mark.parametrize("solver", [name for name, one in SOLVERS.items() if one.has_pi])
def test_heritability_holds_what_is_learned_together(solver):
    model = fit(solver=solver, heritability=0.04)
    product = model.causal_probability_ * model.effect_variance_ * H.sum()
    np.testing.assert_allclose(product, 0.04, rtol=1e-9)


def test_susie_under_a_heritability_expects_one_effect():
    model = fit(solver="susie", heritability=0.04)
    np.testing.assert_allclose(model.effect_variance_, 0.04 / H.mean(), rtol=1e-12)


def test_bound_never_falls_under_a_heritability():
    path = fit(solver=CAVI(n_restarts=1), heritability=0.04, tol=1e-10).elbo_path_
    assert len(path) > 5
    assert np.diff(path).min() > -1e-9


def test_auto_takes_a_solver_that_has_what_is_given():
    assert fit(max_effects=3).solver_ == "susie"  # only sums of effects have so many
    assert fit(max_effects=3, causal_probability=np.full(8, 0.1)).solver_ == "susie"
    assert fit(heritability=0.02).solver_ == "gibbs"  # only the spike and slab has a number pi_1
    assert fit(causal_probability=0.1).solver_ == "gibbs"


def test_fractional_logistic_regression_maximizes_its_penalized_likelihood():
    rng = np.random.default_rng(0)
    given = np.column_stack([rng.normal(2, 5, 60), rng.integers(0, 2, 60), np.ones(60)])
    pip, varies = rng.uniform(size=60) ** 3, np.arange(60) != 7
    design, unit, _ = standardize(given, varies)
    np.testing.assert_allclose(
        design[:, :2] * unit[:2], (given - given[varies].mean(axis=0))[:, :2]
    )
    np.testing.assert_allclose(design[varies, :2].std(axis=0), 1)

    def loss(w):
        eta = w[0] + design[varies, :2] @ w[1:]
        return np.sum(np.logaddexp(0, eta) - pip[varies] * eta) + w[1:] @ w[1:] / 2

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    pi, coef = fractional_logistic(design, pip, varies)
    np.testing.assert_allclose(coef[:2], best[1:], rtol=1e-3)
    assert coef[2] == 0  # a constant annotation says nothing
    np.testing.assert_allclose(pi, 1 / (1 + np.exp(-best[0] - design[:, :2] @ best[1:])), rtol=1e-3)


@pytest.mark.parametrize("solver", ["susie", "gibbs"])
def test_slopes_are_per_unit_of_the_annotation(solver):
    annotation = np.isin(np.arange(8), [2, 5]).astype(float)
    plain, wide = (
        fit(solver=solver, annotations=np.column_stack([annotation * unit, np.ones(8)]))
        for unit in (1, 10)
    )
    np.testing.assert_allclose(wide.annotation_coef_[0] * 10, plain.annotation_coef_[0], rtol=1e-9)
    np.testing.assert_allclose(wide.pip_, plain.pip_, rtol=1e-9)
    assert plain.annotation_coef_[1] == 0
    ratio = plain.causal_probability_[2] / plain.causal_probability_[0]
    odds = np.log(ratio * (1 - plain.causal_probability_[0]) / (1 - plain.causal_probability_[2]))
    np.testing.assert_allclose(odds, plain.annotation_coef_[0], rtol=1e-6)


@pytest.mark.slow
def test_enriched_annotations_raise_the_average_precision():
    causal, plain, informed, shuffled, slopes = [], [], [], [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X = make_genotypes(600, 120, random_state=seed).data.astype(float)
        ld = np.corrcoef(X.T)
        annotation = rng.uniform(size=120) < 0.15
        places = rng.choice(np.flatnonzero(annotation), 3, replace=False)
        effects = np.zeros(120)
        effects[places] = rng.choice([-0.08, 0.08], 3)
        scan = make_summary_statistics(ld=ld, effects=effects, n_samples=4000, random_state=seed)
        options = {"n_samples": 4000, "on_mismatch": "ignore"}
        causal.append(places)
        plain.append(FinemapMiXeR().fit_summary(scan.z, ld, **options).pip_)
        other = rng.permutation(annotation)
        for found, column in ((informed, annotation), (shuffled, other)):
            model = FinemapMiXeR(annotations=column[:, None].astype(float))
            model.fit_summary(scan.z, ld, **options)
            found.append(model.pip_)
            if column is annotation:
                slopes.append(float(model.annotation_coef_[0]))
    precision = [pip_average_precision(causal, pips) for pips in (plain, informed, shuffled)]
    assert precision[1] > precision[0] + 0.05
    assert precision[2] > precision[0] - 0.05  # one that tells nothing costs little
    assert np.mean(slopes) > 0.5


@pytest.mark.parametrize("solver", SOLVERS)
def test_annotations_set_the_prior_of_every_solver(solver):
    annotation = np.zeros((8, 1))
    annotation[[1, 2, 6]] = 1.0
    options = {"solver": solver}
    if solver == "adam":  # one start that is not drawn, and so many steps
        one = Adam(steps="adam", starts="z", n_restarts=1, min_iter=1000)
        options = {"solver": one, "tol": 1e9}
    model = fit(annotations=annotation, **options)
    prior = model.causal_probability_
    assert prior.shape == (8,)
    logit = np.log(prior / (1 - prior))
    np.testing.assert_allclose(logit[2] - logit[0], model.annotation_coef_[0], rtol=1e-6)
    if solver == "gibbs":  # averages over the prior
        return
    same = fit(causal_probability=prior, **options)
    np.testing.assert_allclose(same.pip_, model.pip_, atol=1e-4)
    model.set_params(annotations=None).fit_summary(Z, R, n_samples=100)
    assert not hasattr(model, "annotation_coef_")


def test_annotations_of_other_variants_are_refused():
    pd = pytest.importorskip("pandas")
    names = [f"v{i}" for i in range(8)]
    z = pd.Series(Z, index=names)
    annotations = pd.DataFrame({"coding": np.arange(8.0)}, index=names[::-1])
    aligned = FinemapMiXeR(annotations=annotations).fit_summary(z, R, n_samples=100)
    assert aligned.annotation_coef_.shape == (1,)
    others = annotations.rename(index={"v3": "V3"})
    with pytest.raises(ValueError, match=r"absent from annotations, 1 of 8, such as 'v3'"):
        FinemapMiXeR(annotations=others).fit_summary(z, R, n_samples=100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heritability": 0.1, "effect_variance": 0.1}, "heritability and effect_variance"),
        ({"annotations": np.ones((8, 1)), "causal_probability": 0.1}, "give one"),
        ({"annotations": np.ones(8)}, r"annotations must have shape \(8, n_annotations\).*\(8,\)"),
        ({"annotations": np.ones((7, 2))}, r"got \(7, 2\)"),
        ({"annotations": np.full((8, 1), np.nan)}, "annotations hold NaN"),
        ({"heritability": 1.5}, "heritability must be None or a number > 0 and < 1; got 1.5"),
        ({"causal_probability": np.zeros(8), "heritability": 0.1}, "heritability needs a variant"),
        (
            {"solver": Adam(prior_update="em")},
            "prior_update must be one of 'held', 'closed_form', 'adam'",
        ),
        ({"trait": "ordinal"}, "trait must be one of"),
        ({"solver": Adam(min_iter=0)}, "min_iter must be None or an integer >= 1; got 0"),
    ],
)
def test_priors_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        fit(**options)


def test_poisson_binomial_is_the_binomial_of_equal_probabilities():
    np.testing.assert_allclose(
        poisson_binomial(np.full(9, 0.3)), binom.pmf(np.arange(10), 9, 0.3), rtol=1e-12
    )
    rng = np.random.default_rng(0)
    probabilities = rng.uniform(size=6)
    direct = np.zeros(7)
    for config in np.ndindex(*[2] * 6):
        chosen = np.array(config, dtype=bool)
        direct[chosen.sum()] += np.prod(np.where(chosen, probabilities, 1 - probabilities))
    np.testing.assert_allclose(poisson_binomial(probabilities), direct, rtol=1e-12)


def test_summary_of_a_distribution():
    mean, interval = summarize(np.array([0.01, 0.2, 0.6, 0.18, 0.01]), 0.9)
    assert mean == pytest.approx(1.98)
    assert interval == (1, 3)


@pytest.mark.parametrize("solver", SOLVERS)
def test_number_of_causal_variants_is_the_sum_of_the_pips(solver):
    model = fit(solver=solver)
    mean, (low, high) = model.n_causal_
    # draws of "gibbs" are counted, its PIPs are averages of probabilities
    np.testing.assert_allclose(mean, model.pip_.sum(), rtol=0.02 if solver == "gibbs" else 1e-6)
    assert low <= 2 <= high


def test_number_of_causal_variants_is_that_of_the_exact_posterior():
    model = fit(solver=Gibbs(n_draws=10_000), causal_probability=0.1, effect_variance=0.05)
    scale, pi = np.sqrt(2000 * H), 0.1
    counts = np.zeros(9)
    for config in np.ndindex(*[2] * 8):
        g = np.array(config, dtype=bool)
        G = np.diag(scale) @ R @ np.diag(scale)
        inner = np.eye(g.sum()) / 0.05 + G[np.ix_(g, g)]
        b = (scale * model.z_)[g]
        logs = (b @ np.linalg.solve(inner, b) - np.linalg.slogdet(0.05 * inner)[1]) / 2
        counts[g.sum()] += pi ** g.sum() * (1 - pi) ** (8 - g.sum()) * np.exp(logs)
    counts /= counts.sum()
    mean, (low, high) = model.n_causal_
    np.testing.assert_allclose(mean, counts @ np.arange(9), atol=0.02)
    total = np.cumsum(counts)
    assert (low, high) == (np.searchsorted(total, 0.025), np.searchsorted(total, 0.975))


def test_no_effect_at_all():
    model = FinemapMiXeR().fit_summary(np.zeros(8), R, n_samples=1000)
    mean, interval = model.n_causal_
    assert mean < 0.15
    assert interval[0] == 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of short chains
@pytest.mark.parametrize(
    "solver", [SuSiE(), Gibbs(n_draws=400), CAVI(n_restarts=8)], ids=lambda solver: solver.name
)
@pytest.mark.slow
def test_heritability_of_simulated_loci_is_recovered(solver):
    h2, ratios, covered = 0.02, [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = make_genotypes(600, 90, random_state=seed).data.astype(float)
        X = X[:, X.std(axis=0) > 0.1]
        standardized = (X - X.mean(axis=0)) / X.std(axis=0) / np.sqrt(600)
        effects = np.zeros(X.shape[1])
        effects[rng.choice(len(effects), 3, replace=False)] = rng.normal(size=3)
        effects *= np.sqrt(h2 / (effects @ effects))
        ld = standardized.T @ standardized
        z = np.sqrt(10_000) * ld @ effects + standardized.T @ rng.normal(size=600)
        model = FinemapMiXeR(solver=solver, random_state=seed)
        model.fit_summary(z, ld, n_samples=10_000, on_mismatch="ignore")
        ratios.append(model.heritability_ / h2)
        covered.append(model.n_causal_[1][0] <= 3 <= model.n_causal_[1][1])
    error = np.std(ratios) / np.sqrt(len(ratios))
    assert error < 0.15
    assert abs(np.mean(ratios) - 1) < 3 * error
    if solver.is_sampler:
        assert np.mean(covered) >= 0.9
