"""A background of its own in every trait, against dense covariances of all cells."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skgenetics import MMASHRegressor
from skgenetics.multitrait._background import (
    Relationship,
    background_effects,
    training_background,
)
from skgenetics.multitrait._canonical_design import CanonicalDesign
from skgenetics.multitrait._genetic_covariance import (
    TraitCovariances,
    genetic_parameters,
    likeliest_covariances,
    negative_log_posterior,
)
from skgenetics.multitrait._posterior import component_moments, deviations_and_sign_rates
from skgenetics.multitrait._predictive_variance import variance_by_trait
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import full_step
from tests.multitrait.designs import make_design, random_problem, run
from tests.oracles import multitrait_naive as naive


def covariances_of(seed, n_traits=3):
    """Sigma_g and Sigma_e whose eigenvectors differ."""
    A, B = np.random.default_rng(seed).normal(size=(2, n_traits, n_traits))
    return TraitCovariances(A @ A.T / 3, B @ B.T / 3 + 0.5 * np.eye(n_traits))


def design_by_trait(X, Y, covariances, **options):
    design = make_design(X, Y, **options)
    return CanonicalDesign(design, Relationship(design).by_trait(covariances))


def test_the_loss_is_the_dense_one():
    rng = np.random.default_rng(0)
    values, Y, deltas = rng.gamma(1, size=30), rng.normal(size=(30, 3)), np.array([0.5, 1, 2])
    covariances = covariances_of(1)
    loss, in_genetic, in_residual = negative_log_posterior(values, Y, 30, covariances, deltas)
    target = np.sqrt(np.outer(deltas, deltas)) * covariances.residual
    ratio = np.linalg.solve(target, covariances.genetic)
    expected = 4 / 2 * (np.trace(ratio) - np.linalg.slogdet(ratio)[1] - 3)
    for s, y in zip(values, Y, strict=True):
        row = s * covariances.genetic + covariances.residual
        expected -= multivariate_normal.logpdf(y, cov=row) + 3 / 2 * np.log(2 * np.pi)
    np.testing.assert_allclose(loss, expected, rtol=1e-11)
    step = rng.normal(size=(3, 3))
    step = 1e-6 * (step + step.T)

    def changed(**steps):
        moved = {name: getattr(covariances, name) + step for name, step in steps.items()}
        return negative_log_posterior(values, Y, 30, covariances._replace(**moved), deltas)[0]

    for name, gradient in (("genetic", in_genetic), ("residual", in_residual)):
        slope = changed(**{name: step}) - changed(**{name: -step})
        np.testing.assert_allclose(slope, 2 * np.sum(gradient * step), rtol=1e-5)


@pytest.mark.parametrize("centered", [False, True])
def test_sweeps_equal_those_of_the_dense_likelihood(centered):
    X, Y, U, scales, weights, _ = random_problem(0)
    covariances, V = covariances_of(0), naive.all_components(U, scales)
    design = design_by_trait(X, Y, covariances, centered=centered)
    state, bounds = run(design, U, scales, covariances.residual, weights, n_sweeps=3)
    if centered:
        X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    B, alpha, sd, expected = naive.coordinate_ascent_by_trait(
        X, Y, V, weights, *covariances, X @ X.T / 8, n_sweeps=3
    )
    np.testing.assert_allclose(state.effects, B, atol=1e-10)
    np.testing.assert_allclose(bounds, expected, rtol=1e-10)
    np.testing.assert_allclose(state.covariance.matrix, covariances.residual, atol=1e-10)
    responsibilities = state.take_responsibilities()
    np.testing.assert_allclose(responsibilities, alpha, atol=1e-10)
    # and what is said of each variant
    prior, posterior = (
        make_prior(U, scales, range(len(U)), has_null=True),
        state.variant_posterior(design),
    )
    told, lfsr = deviations_and_sign_rates(posterior, responsibilities, prior)
    np.testing.assert_allclose(told, sd, atol=1e-9)
    means, variances = component_moments(posterior, 4, prior)
    np.testing.assert_allclose(alpha[4] @ means, B[4], atol=1e-10)
    np.testing.assert_allclose(naive.sign_rates(alpha[4], means, variances), lfsr[4], atol=1e-9)


def test_equal_deltas_are_one_delta():
    X, Y, U, scales, weights, sigma = random_problem(1, missing=0.2)
    options = {"covariance_step": full_step, "learn_weights": True, "n_sweeps": 1}
    one, bounds = run(
        make_design(X, Y, delta=0.7, centered=True), U, scales, sigma, weights, **options
    )
    equal = design_by_trait(X, Y, TraitCovariances(0.7 * sigma, sigma), centered=True)
    same, expected = run(equal, U, scales, sigma, weights, **options)
    np.testing.assert_allclose(same.effects, one.effects, atol=1e-10)
    np.testing.assert_allclose(bounds, expected, rtol=1e-10)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_bound_rises_and_stays_below_the_evidence(missing):
    X, Y, U, scales, weights, _ = random_problem(2, n=10, p=2, missing=missing)
    covariances, V = covariances_of(2), naive.all_components(U, scales)
    design = design_by_trait(X, Y, covariances)
    _, bounds = run(design, U, scales, covariances.residual, weights, n_sweeps=60)
    assert np.all(np.diff(bounds) > -1e-9)
    evidence = naive.log_evidence_by_trait(X, Y, V, weights, *covariances, X @ X.T / 2)
    assert evidence - 2 < bounds[-1] <= evidence + 1e-9


@pytest.mark.parametrize("centered", [False, True])
def test_learned_noise_raises_the_bound(centered):
    X, Y, U, scales, weights, _ = random_problem(3, n=40, missing=0.3)
    weight = np.random.default_rng(0).integers(1, 4, size=40).astype(float)
    options = {"covariance_step": full_step, "learn_weights": True, "n_sweeps": 200}
    covariances = covariances_of(3)
    _, bounds = run(
        design_by_trait(X, Y, covariances, centered=centered, weight=weight),
        U, scales, covariances.residual, weights, **options,
    )  # fmt: skip
    assert np.all(np.diff(bounds) > -1e-9)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_weights_equal_repetition(missing):
    X, Y, U, scales, weights, _ = random_problem(4, n=40, missing=missing)
    covariances = covariances_of(4)
    repeats = np.random.default_rng(0).integers(1, 4, size=40)
    rows = np.repeat(np.arange(40), repeats)
    options = {"centered": True}
    learning = {"covariance_step": full_step, "learn_weights": True, "n_sweeps": 200}
    weighted, bounds = run(
        design_by_trait(X, Y, covariances, weight=repeats.astype(float), **options),
        U, scales, covariances.residual, weights, **learning,
    )  # fmt: skip
    repeated, expected = run(
        design_by_trait(X[rows], Y[rows], covariances, **options),
        U, scales, covariances.residual, weights, **learning,
    )  # fmt: skip
    np.testing.assert_allclose(bounds[-1], expected[-1], rtol=1e-8)
    np.testing.assert_allclose(weighted.effects, repeated.effects, atol=1e-5)


def test_missing_cells_and_background_meet_one_big_regression():
    # one component for every variant: the means are those of the joint normal
    X, Y, *_ = random_problem(5, n=12, p=3, missing=0.3)
    covariances, U = covariances_of(5), np.eye(3)[None]
    design = design_by_trait(X, Y, covariances)
    state, _ = run(
        design, U, np.array([0.5]), covariances.residual, np.array([1e-300, 1.0]), n_sweeps=2000
    )
    seen, K = ~np.isnan(Y).reshape(-1), X @ X.T / 3
    prior = 0.5 * np.kron(X @ X.T, np.eye(3))
    background = np.kron(K, covariances.genetic)
    total = prior + background + np.kron(np.eye(12), covariances.residual)
    solved = np.linalg.solve(total[np.ix_(seen, seen)], Y.reshape(-1)[seen])
    fitted = (prior[:, seen] @ solved).reshape(12, 3)
    np.testing.assert_allclose(X @ state.effects, fitted, atol=1e-8)
    fitted = (background[:, seen] @ solved).reshape(12, 3)
    np.testing.assert_allclose(X @ background_effects(design), fitted, atol=1e-8)


def test_predictive_variance_is_that_of_the_joint_normal():
    # one variant of one component: the posterior is exact
    X, Y, *_ = random_problem(6, n=9, p=1)
    covariances, U = covariances_of(6), np.array([[[1, 0.4, 0], [0.4, 1, 0], [0, 0, 0.3]]])
    design = design_by_trait(X, Y, covariances)
    state, _ = run(
        design, U, np.array([0.5]), covariances.residual, np.array([1e-300, 1.0]), n_sweeps=1
    )
    new = np.array([[0.3], [-2.0]])
    variance = variance_by_trait(
        training_background(design),
        state.variant_posterior(design),
        state.take_responsibilities(),
        make_prior(U, np.array([0.5]), ["U"], has_null=True),
        new,
    )
    per_allele = 0.5 * U[0] + covariances.genetic
    data = np.kron(X @ X.T, per_allele) + np.kron(np.eye(9), covariances.residual)
    across = np.kron(new @ X.T, per_allele)
    expected = np.kron(new @ new.T, per_allele) - across @ np.linalg.solve(data, across.T)
    np.testing.assert_allclose(variance.reshape(-1), np.diag(expected), rtol=1e-9)


def test_errors_of_genetic_parameters():
    covariances, values = covariances_of(7, 2), np.random.default_rng(0).gamma(1, size=60)
    told = genetic_parameters(covariances, values, 60)
    places = [(0, 0), (0, 1), (1, 1)]

    def elements(which):
        """Derivatives (n, J, J) of the rows' covariances in the elements of one matrix."""
        for j, k in places:
            unit = np.zeros((2, 2))
            unit[j, k] = unit[k, j] = 1
            yield (values if which == 0 else 0 * values + 1)[:, None, None] * unit

    slopes = [slope for which in (0, 1) for slope in elements(which)]
    rows = values[:, None, None] * covariances.genetic + covariances.residual
    solved = [np.linalg.solve(rows, slope) for slope in slopes]
    information = [[np.einsum("nij,nji->", a, b) / 2 for b in solved] for a in solved]

    def parameters(vector):
        g, e = vector[:3], vector[3:]
        return np.array([g[0] / (g[0] + e[0]), g[2] / (g[2] + e[2]), g[1] / np.sqrt(g[0] * g[2])])

    at = np.concatenate([[matrix[place] for place in places] for matrix in covariances])
    steps = 1e-6 * np.eye(6)
    jacobian = np.array([(parameters(at + s) - parameters(at - s)) / 2e-6 for s in steps]).T
    expected = np.sqrt(np.diag(jacobian @ np.linalg.inv(information) @ jacobian.T))
    np.testing.assert_allclose(told.heritability_se, expected[:2], rtol=1e-6)
    np.testing.assert_allclose(told.correlation_se[0, 1], expected[2], rtol=1e-6)
    np.testing.assert_allclose(np.diag(told.correlation_se), 0, atol=1e-9)
    np.testing.assert_allclose(
        [*told.heritability, told.correlation[0, 1]], parameters(at), rtol=1e-12
    )


def test_likeliest_covariances_find_the_simulated_ones():
    rng, values = np.random.default_rng(8), np.random.default_rng(0).gamma(1, size=4000)
    covariances = covariances_of(8)
    rows = values[:, None, None] * covariances.genetic + covariances.residual
    Y = np.einsum("nij,nj->ni", np.linalg.cholesky(rows), rng.normal(size=(4000, 3)))
    found = likeliest_covariances(values, Y, 4000)
    true, errors = (
        genetic_parameters(covariances, values, 4000),
        genetic_parameters(found, values, 4000),
    )
    z = (errors.heritability - true.heritability) / errors.heritability_se
    assert np.all(np.abs(z) < 3)
    upper = np.triu_indices(3, 1)
    z = (errors.correlation - true.correlation)[upper] / errors.correlation_se[upper]
    assert np.all(np.abs(z) < 3)


def unequal_traits(n, seed=0):
    """Genotypes and traits of heritability .7, .3 and 0 by all variants."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, 0.3, size=(n, 150)).astype(np.int8)
    heritability = np.array([0.7, 0.3, 0.0])
    genetic = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.normal(size=(150, 3)) / np.sqrt(150)
    noise = rng.normal(size=(n, 3))
    return X, genetic * np.sqrt(heritability) + noise * np.sqrt(1 - heritability)


def test_traits_of_unequal_heritability():
    X, Y = unequal_traits(600)
    train, test = slice(300), slice(300, 600)
    model = MMASHRegressor().fit(X[train], Y[train])
    residuals = Y[test] - model.predict(X[test])
    r2 = 1 - np.sum(residuals**2, axis=0) / np.sum((Y[test] - Y[test].mean(axis=0)) ** 2, axis=0)
    single = [MMASHRegressor().fit(X[train], y).score(X[test], Y[test, j]) for j, y in
              enumerate(Y[train].T)]  # fmt: skip
    assert np.all(r2 > np.array(single) - 0.03)
    told = model.genetic_parameters()
    assert np.all(np.abs(told.heritability - [0.7, 0.3, 0]) < [0.25, 0.25, 0.1])
    std = model.predict(X[test], return_std=True)[1]
    share = np.mean(np.abs(residuals) < 1.96 * std, axis=0)
    assert np.all(share > 0.91)
    assert model.polygenic_.shape == (3,)
    bound = model.elbo_path_[-1]
    again = MMASHRegressor(warm_start=True).fit(X[train], Y[train])
    again.fit(X[train], Y[train])
    assert again.elbo_path_[-1] > bound - 0.5
    with pytest.raises(ValueError, match=r"which compact\(\) dropped"):
        model.compact().predict(X[test], return_std=True)
