"""M-steps of the noise covariance, and the moment that they are made of."""

import numpy as np
import pytest

from skgenetics.multitrait._residual_covariance import (
    FLOOR,
    diagonal_step,
    full_step,
    low_rank_step,
    residual_covariance,
)
from tests.multitrait.designs import make_design, random_problem, run
from tests.oracles import multitrait_naive as naive


def random_moment(n_traits=5, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n_traits, n_traits))
    return A @ A.T / n_traits + np.diag(rng.uniform(0.2, 1, n_traits))


def likelihood(sigma, C, n_samples=1):
    return -n_samples * (np.linalg.slogdet(sigma)[1] + np.trace(np.linalg.solve(sigma, C))) / 2


def test_derived_matrices():
    C = random_moment()
    sigma = residual_covariance(C)
    np.testing.assert_allclose(sigma.root @ sigma.root, C, atol=1e-13)
    np.testing.assert_allclose(sigma.whitener @ C @ sigma.whitener, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(sigma.inverse @ C, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(sigma.log_det, np.linalg.slogdet(C)[1], rtol=1e-12)


@pytest.mark.parametrize("step", [full_step, diagonal_step])
def test_steps_maximize_the_likelihood(step):
    C = random_moment()
    sigma = step(C, 10).matrix
    rng = np.random.default_rng(1)
    for _ in range(50):
        change = rng.normal(size=(5, 5)) * 0.05
        change = (change + change.T) / 2
        if step is diagonal_step:
            change = np.diag(np.diag(change))
        assert likelihood(sigma + change, C) < likelihood(sigma, C)


@pytest.mark.parametrize("rank", [0, 1, 2, 4])
def test_low_rank_step_is_the_fixed_point_of_em(rank):
    C = random_moment()
    sigma = low_rank_step(C, 10, rank=rank)
    np.testing.assert_allclose(
        sigma.matrix, sigma.noise * np.eye(5) + sigma.factors @ sigma.factors.T, atol=1e-14
    )
    assert sigma.factors.shape == (5, rank)
    if rank == 0:
        np.testing.assert_allclose(sigma.matrix, np.trace(C) / 5 * np.eye(5))
    else:
        np.testing.assert_allclose(sigma.matrix, naive.probabilistic_pca(C, rank), atol=1e-6)


def test_rank_is_learned():
    rng = np.random.default_rng(0)
    W = rng.normal(size=(8, 2))
    Y = rng.normal(size=(2000, 2)) @ W.T + 0.5 * rng.normal(size=(2000, 8))
    sigma = low_rank_step(np.cov(Y.T), 2000, rank=None)
    assert sigma.factors.shape == (8, 2)
    np.testing.assert_allclose(sigma.matrix, W @ W.T + 0.25 * np.eye(8), atol=0.3)
    # 8 * 2 - 1 loadings up to rotation, and the noise
    np.testing.assert_allclose(sigma.penalty, 16 * np.log(2000) / 2)


@pytest.mark.parametrize("step", [full_step, diagonal_step])
def test_collinear_traits_stay_above_the_floor(step):
    sigma = step(np.ones((3, 3)) * [[1, 1, 0], [1, 1, 0], [0, 0, 0]], 10)
    assert np.linalg.eigvalsh(sigma.matrix).min() >= FLOOR * (1 - 1e-9)
    assert np.isfinite(sigma.log_det)


@pytest.mark.parametrize("rank", [None, 0, 1, 2])
def test_low_rank_step_is_best_above_the_floor(rank):
    C = np.diag([2.0, 1e-5, 1e-6, 0.0])  # three traits are all but combinations of others
    sigma = low_rank_step(C, 50, rank=rank)
    best = likelihood(sigma.matrix, C, 50) - sigma.penalty
    rng = np.random.default_rng(0)
    for q in range(3) if rank is None else [rank]:
        for _ in range(50):
            W = sigma.factors[:, :q] if sigma.factors.shape[1] >= q else rng.normal(size=(4, q))
            W = W + 0.1 * rng.normal(size=W.shape) * rng.integers(0, 2)
            noise = FLOOR * np.exp(rng.exponential())
            penalty = 0.0 if rank is not None else (4 * q - q * (q - 1) / 2 + 1) * np.log(50) / 2
            assert likelihood(noise * np.eye(4) + W @ W.T, C, 50) - penalty <= best + 1e-9


@pytest.mark.parametrize("ranks", [None, [1, 1, 3, 1, 2]])
def test_moment_counts_the_uncertainty_of_the_effects(ranks):
    X, Y, U, scales, weights, sigma = random_problem(3, ranks=ranks, n_scales=5)
    moments = []

    def step(C, n_samples):
        moments.append(C)
        return residual_covariance(sigma)

    state, _ = run(make_design(X, Y), U, scales, sigma, weights, n_sweeps=3, covariance_step=step)
    V = naive.all_components(U, scales)
    # the posterior of the third sweep differs from that of the second, which made moments[-1]
    state, _ = run(make_design(X, Y), U, scales, sigma, weights, n_sweeps=2)
    posterior = state.posterior
    R = Y - X @ posterior.effects
    expected = R.T @ R
    for j in range(X.shape[1]):
        d = X[:, j] @ X[:, j]
        alpha, means, variances, _ = naive.variant_posterior(
            posterior.partial_scores[j], d, V, weights, sigma
        )
        second = np.einsum("t,tij->ij", alpha, variances)
        second += np.einsum("t,ti,tj->ij", alpha, means, means)
        expected += d * (second - np.outer(alpha @ means, alpha @ means))
    np.testing.assert_allclose(moments[1] * len(X), expected, rtol=1e-10)
    assert np.trace(expected) > 1.01 * np.trace(R.T @ R)
