"""What every solver must offer, whatever its algorithm."""

import numpy as np
import pytest

from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import full_step, residual_covariance
from skgenetics.multitrait.solvers import SOLVERS, Problem
from tests.multitrait.designs import make_design, random_problem
from tests.oracles import multitrait_naive as naive


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("learn", [False, True])
def test_states_hold_what_the_contract_says(name, learn):
    X, Y, U, scales, weights, sigma = random_problem(0)
    X[:, 2] = 0  # does not vary
    design = make_design(X, Y, sd=np.where(np.arange(8) == 2, np.inf, 1.0))
    problem = Problem(
        prior=make_prior(U, scales, "abc", has_null=True),
        weights=weights,
        learn_weights=learn,
        weight_threshold=0.0,
        covariance=residual_covariance(sigma),
        covariance_step=full_step if learn else None,
    )
    bounds = []
    for state in SOLVERS[name].start(design, problem, tol=1e-3):
        bounds.append(state.bound)
    assert state.converged
    assert np.all(np.diff(bounds) >= -1e-9 * np.abs(bounds[1:]))
    assert state.effects.shape == (8, 3)
    assert np.all(state.effects[2] == 0)
    np.testing.assert_allclose(state.weights.sum(), 1)
    assert np.array_equal(state.weights, weights) != learn
    posterior = state.variant_posterior(design)
    np.testing.assert_array_equal(posterior.effects, state.effects)
    alpha = state.take_responsibilities()
    np.testing.assert_allclose(alpha[design.used].sum(axis=1), 1)
    if state.single_effects():
        assert len(state.single_effects()) == min(problem.max_effects, design.n_used)
        return
    # the posterior of a variant follows from its partial score
    V = naive.all_components(U, scales)
    g, d = np.linalg.solve(posterior.whitener, posterior.scores[0]), posterior.squared_norm[0]
    expected, *_ = naive.variant_posterior(g, d, V, state.weights, state.covariance.matrix)
    np.testing.assert_allclose(alpha[0], expected, atol=1e-8)


@pytest.mark.parametrize("name", [name for name, solver in SOLVERS.items() if solver.uses_order])
def test_evidence_of_each_variant_alone(name):
    X, Y, U, scales, weights, sigma = random_problem(1)
    problem = Problem(
        prior=make_prior(U, scales, "abc", has_null=True),
        weights=weights,
        learn_weights=False,
        weight_threshold=0.0,
        covariance=residual_covariance(sigma),
        covariance_step=None,
    )
    log_evidence = SOLVERS[name].log_evidence(make_design(X, Y), problem)
    V = naive.all_components(U, scales)
    null = naive.log_evidence(0 * X[:, :1], Y, V, weights, sigma)
    for p in range(8):
        alone = naive.log_evidence(X[:, [p]], Y, V, weights, sigma)
        np.testing.assert_allclose(log_evidence[p], alone - null, rtol=1e-9, atol=1e-9)
