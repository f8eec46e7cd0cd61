"""The sampler with genotypes and a trait, whose noise it draws: against enumeration over people."""

import itertools

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.special import logsumexp

from skgenetics import FinemapMiXeR
from skgenetics.finemapping.solvers import Gibbs
from skgenetics.finemapping.solvers._background import Point
from tests.oracles.finemapping import log_normal


def people(seed, n, p=6):
    """Genotypes in LD, a trait of which two variants explain a third, and effects' prior."""
    rng = np.random.default_rng(seed)
    liability = rng.normal(size=(n, p))
    for j in range(1, p):
        liability[:, j] = 0.85 * liability[:, j - 1] + 0.53 * liability[:, j]
    X = (liability > 0.3).astype(float) + (liability > 1.2)
    y = 3 + 0.45 * X[:, 1] - 0.4 * X[:, 4] + rng.normal(0, 0.8, n)
    return X, y, rng.uniform(0.05, 0.4, size=p)


def enumerate_noise(X, y, *, pi, slab):
    """PIPs and E s0^2, of all configurations and s0^2 on a grid; p(s0^2) is 1 / s0^2.

    In the n - 1 directions of people without a mean; effects have the variance `slab` per allele.
    """
    contrasts = null_space(np.ones((1, len(y))))
    of_y, of_X = contrasts.T @ y, contrasts.T @ X
    noises, logs, configurations = np.geomspace(0.2, 2.5, 60) * y.var(), [], []
    for config in itertools.product([0, 1], repeat=X.shape[1]):
        g = np.array(config, dtype=bool)
        prior = np.sum(np.log(np.where(g, pi, 1 - pi)))
        for s0 in noises:  # evenly spaced in log s0^2, as its prior is
            cov = s0 * np.eye(len(of_y)) + slab * of_X[:, g] @ of_X[:, g].T
            logs.append(prior + log_normal(of_y, cov))
            configurations.append((g, s0))
    weights = np.exp(np.array(logs) - logsumexp(logs))
    pips = weights @ np.array([g for g, _ in configurations])
    return pips, weights @ np.array([s0 for _, s0 in configurations])


@pytest.mark.parametrize("n", [25, pytest.param(120, marks=pytest.mark.slow)])
def test_fit_draws_the_noise_as_enumeration_has_it(n):
    X, y, pi = people(n, n)
    expected, noise = enumerate_noise(X, y, pi=pi, slab=0.1 * y.var())
    pips, noises = [], []
    for seed in range(16):
        model = FinemapMiXeR(
            solver=Gibbs(n_draws=500, n_chains=1),
            causal_probability=pi,
            effect_variance=0.1,
            background=0.0,
            tol=0.0,
            random_state=seed,
        ).fit(X, y)
        pips.append(model.pip_)
        noises.append(model.residual_variance_ * y.var())
    for drawn, exact in ((np.array(pips), expected), (np.array(noises), noise)):
        error = drawn.std(axis=0, ddof=1) / 4
        np.testing.assert_array_less(np.abs(drawn.mean(axis=0) - exact), 4.5 * error + 1e-4 * exact)
    assert noise / n > 5 * error  # what a mean that is not counted would give


def test_background_is_judged_at_the_noise_that_fits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 20))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = X[:, :2] @ [3.0, -2.0] + rng.normal(size=60)
    y = (y - y.mean()) / y.std()
    linear, quadratic, chosen, slab = X.T @ y, X.T @ X, np.array([0, 1]), np.array([0.5, 0.4])
    for variance in (0.0, 0.05):
        point = Point(linear, quadratic, variance, y @ y)
        small = np.eye(60) + variance * X @ X.T
        effects = X[:, chosen] * slab @ X[:, chosen].T
        logs = [log_normal(y, s0 * small + effects) for s0 in np.geomspace(0.01, 1, 2000)]
        logs = np.array(logs) + 0.5 * np.log(np.geomspace(0.01, 1, 2000))  # 59 free directions
        assert point.log_evidence(chosen, slab, 1.0, 59) == pytest.approx(logs.max(), abs=1e-4)
        assert logs.max() > logs[-1] + 5  # at the variance of the trait
        assert point.log_evidence(chosen, slab, 1.0, 0) == pytest.approx(logs[-1], abs=1e-9)
