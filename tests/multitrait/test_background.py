"""The polygenic background and missing cells, against dense algebra and repeated rows."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from skgenetics import MMASHRegressor
from skgenetics.multitrait._background import Relationship, background_effects
from skgenetics.multitrait._residual_covariance import full_step, residual_covariance
from tests.multitrait.designs import make_design, random_problem, run
from tests.oracles import multitrait_naive as naive


def test_metric_equals_the_inverse():
    X, Y, *_ = random_problem(0, n=12, p=20)
    background = Relationship(make_design(X, Y)).background(0.7)
    H = np.eye(12) + 0.7 * X @ X.T / 20
    np.testing.assert_allclose(background.precision @ H, np.eye(12), atol=1e-11)
    np.testing.assert_allclose(background.diagonal, np.diag(np.linalg.inv(H)), rtol=1e-11)
    np.testing.assert_allclose(background.log_det, np.linalg.slogdet(H)[1], rtol=1e-11)


@pytest.mark.parametrize("centered", [False, True])
def test_sweeps_equal_those_on_rotated_data(centered):
    X, Y, U, scales, weights, sigma = random_problem(0)
    state, _ = run(
        make_design(X, Y, delta=0.7, centered=centered), U, scales, sigma, weights, n_sweeps=3
    )
    if centered:
        X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    values, vectors = np.linalg.eigh(np.eye(30) + 0.7 * X @ X.T / 8)
    rotation = (vectors / np.sqrt(values)).T
    V = naive.all_components(U, scales)
    B, alpha, _ = naive.coordinate_ascent(rotation @ X, rotation @ Y, V, weights, sigma, n_sweeps=3)
    np.testing.assert_allclose(state.posterior.effects, B, atol=1e-11)
    np.testing.assert_allclose(state.take_responsibilities(), alpha, atol=1e-11)


def test_background_effects_are_best_linear_predictions():
    X, Y, U, scales, weights, sigma = random_problem(0, p=40)
    design = make_design(X, Y, delta=0.7)
    state, _ = run(design, U, scales, sigma, weights, n_sweeps=2)
    K = X @ X.T / 40
    R = Y - X @ state.posterior.effects
    expected = 0.7 * K @ np.linalg.solve(np.eye(30) + 0.7 * K, R)
    np.testing.assert_allclose(X @ background_effects(design), expected, atol=1e-11)


@pytest.mark.parametrize("delta", [0.0, 0.7])
def test_missing_cells_meet_one_big_regression(delta):
    # one component for every variant: q(B, missing) has the exact means of the joint normal
    X, Y, _, _, _, sigma = random_problem(5, n=12, p=3, missing=0.3)
    U = np.eye(3)[None]
    weights = np.array([1e-300, 1.0])
    state, _ = run(
        make_design(X, Y, delta=delta), U, np.array([0.5]), sigma, weights, n_sweeps=2000
    )
    V_rows = np.broadcast_to(0.5 * np.eye(3), (3, 3, 3))
    expected = naive.posterior_given_components(
        X, Y, V_rows, sigma, H=np.eye(12) + delta * X @ X.T / 3
    )
    np.testing.assert_allclose(state.posterior.effects, expected, atol=1e-9)


@pytest.mark.parametrize("delta", [0.0, 0.7])
@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("seed", [4, 12, 18])  # where an extrapolation may magnify rounding
def test_weights_equal_repetition(delta, missing, centered, seed):
    X, Y, U, scales, weights, sigma = random_problem(seed, n=40, missing=missing)
    repeats = np.random.default_rng(0).integers(1, 4, size=40)
    options = {"delta": delta, "centered": centered}
    learning = {"learn_weights": True, "covariance_step": full_step, "n_sweeps": 300}
    weighted, bounds = run(
        make_design(X, Y, weight=repeats.astype(float), **options),
        U, scales, sigma, weights, **learning,
    )  # fmt: skip
    rows = np.repeat(np.arange(40), repeats)
    repeated, expected = run(
        make_design(X[rows], Y[rows], **options), U, scales, sigma, weights, **learning
    )
    np.testing.assert_allclose(bounds[-1], expected[-1], rtol=1e-9)
    np.testing.assert_allclose(weighted.posterior.effects, repeated.posterior.effects, atol=1e-5)
    np.testing.assert_allclose(
        weighted.covariance.matrix, repeated.covariance.matrix, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize(("learned", "weighted"), [(False, False), (True, False), (False, True)])
def test_likeliest_background(learned, weighted):  # repeated rows would learn a noise of 0
    rng = np.random.default_rng(0)
    X = rng.normal(size=(25, 60))
    A = np.array([[1.0, 0.5], [0.0, 0.8]])
    Y = (X @ rng.normal(size=(60, 2)) / np.sqrt(60) + rng.normal(size=(25, 2))) @ A
    weight = rng.integers(1, 3, size=25) if weighted else np.ones(25, dtype=int)
    rows = np.repeat(np.arange(25), weight)
    sigma = A.T @ A
    K = X[rows] @ X[rows].T / 60

    def noise(log_delta):
        if not learned:
            return sigma
        H = np.eye(len(rows)) + np.exp(log_delta) * K
        return Y[rows].T @ np.linalg.solve(H, Y[rows]) / len(rows)

    def loss(log_delta):
        H = np.eye(len(rows)) + np.exp(log_delta) * K
        covariance = np.kron(H, noise(log_delta))
        return -multivariate_normal.logpdf(Y[rows].reshape(-1), cov=covariance)

    expected = minimize_scalar(loss, bounds=(-6, 6), method="bounded").x
    relationship = Relationship(make_design(X, Y, weight=weight.astype(float)))
    step = full_step if learned else None
    delta, learned_sigma = relationship.likeliest(residual_covariance(sigma), step)
    np.testing.assert_allclose(np.log(delta), expected, atol=1e-3)
    np.testing.assert_allclose(learned_sigma.matrix, noise(expected), rtol=1e-3)


@pytest.mark.parametrize("kind", ["sparse", "polygenic", "both"])
def test_the_bound_chooses_the_background(kind):
    rng = np.random.default_rng(1)
    X = rng.binomial(2, 0.4, size=(200, 150)).astype(np.int8)
    large, small = np.zeros((150, 3)), rng.normal(size=(150, 3))
    large[:3] = 0.6 * rng.choice([-1, 1], size=(3, 1))
    B = {"sparse": large, "polygenic": 0.12 * small, "both": large + 0.12 * small}[kind]
    Y = X @ B + rng.normal(size=(200, 3))
    auto = MMASHRegressor().fit(X, Y)
    fixed = [MMASHRegressor(polygenic=delta).fit(X, Y) for delta in (0, 0.1, 0.5, 2, 10)]
    assert auto.elbo_path_[-1] > max(model.elbo_path_[-1] for model in fixed) - 1
    if kind == "sparse":
        assert np.all(auto.polygenic_ < 0.05)
    else:
        assert np.all((auto.polygenic_ > 0.2) & (auto.polygenic_ < 6))
