"""Coordinate ascent: against enumeration."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skgenetics import FinemapMiXeR
from skgenetics.finemapping._elbo import NoiseNorm
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers import CAVI
from skgenetics.finemapping.solvers._cavi import CaviState, cavi, cavi_sweep, distinct_modes
from tests.hypothesis_settings import examples
from tests.oracles.finemapping import enumerate_posterior


def random_locus(seed=0, p=6, n=300, shared=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + shared * rng.normal(size=(n, 1))
    y = 0.3 * X[:, 1] - 0.3 * X[:, 4] + rng.normal(size=n)
    R = np.corrcoef(X.T)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return z, R, np.sqrt(n * X.var(axis=0))


def run(z, R, scale, *, n_starts=1, **options):
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(len(z)) for _ in range(n_starts)])
    known = {"pi": np.full(len(z), 0.2), "slab": np.full(len(z), 0.1)}
    prior = Prior(**{name: options.pop(name, value) for name, value in known.items()})
    settings = {"residual_variance": 1.0, "norm": NoiseNorm(), "tol": 1e-12}
    return list(cavi(z, R, scale, orders, prior=prior, **(settings | options)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("s0", [0.7, 1.0])
def test_bound_is_below_the_evidence(seed, s0):
    z, R, scale = random_locus(seed)
    state = run(z, R, scale, n_starts=3, residual_variance=s0)[-1]
    evidence, *_ = enumerate_posterior(z, R, scale, pi=0.2, slab=0.1, s0=s0)
    assert np.all(state.bound < evidence)
    assert np.max(state.bound) > evidence - 3


def test_independent_variants_are_exact():
    z, _, scale = random_locus()
    pi = np.linspace(0.05, 0.4, 6)
    state = run(z, np.eye(6), scale, pi=pi)[-1]
    evidence, pip, mean = enumerate_posterior(z, np.eye(6), scale, pi=pi, slab=0.1)
    np.testing.assert_allclose(state.bound[0], evidence, rtol=1e-12)
    np.testing.assert_allclose(state.gate[0], pip, rtol=1e-10)
    np.testing.assert_allclose(state.gate[0] * state.mean[0], mean, rtol=1e-10)


@example(seed=1192, learned=(True, True, False))  # every variant has an effect: pi goes to 1
@examples(15)
@given(seed=st.integers(0, 10_000), learned=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_bound_never_falls(seed, learned):
    z, R, scale = random_locus(seed, shared=2.0)
    options = {"tol": 1e-8}
    if learned[0]:
        options["pi"] = None
    if learned[1]:
        options["slab"] = None
    if learned[2]:
        options |= {"residual_variance": None, "norm": NoiseNorm(z @ np.linalg.solve(R, z), 6)}
    bounds = np.array([state.bound for state in run(z, R, scale, n_starts=3, **options)])
    assert np.all(np.diff(bounds, axis=0) >= -1e-9 * np.maximum(1, np.abs(bounds[1:])))


def test_learned_prior_is_the_closed_form():
    z, R, scale = random_locus()
    state = run(z, R, scale, pi=None, slab=None)[-1]
    gate = state.gate[0]
    second = state.mean[0] ** 2 + state.variance[0]
    given_prior = {"pi": np.full(6, gate.mean()), "slab": np.full(6, gate @ second / gate.sum())}
    again = run(z, R, scale, **given_prior)[-1]
    np.testing.assert_allclose(again.gate[0], gate, atol=1e-4)


def test_starts_find_both_of_two_twins_and_weigh_them():
    R = np.array([[1.0, 0.999], [0.999, 1.0]])
    z = np.array([6.0, 6.0])
    scale = np.full(2, 50.0)
    state = run(z, R, scale, n_starts=10)[-1]
    modes, weights = distinct_modes(state)
    assert len(modes) == 2
    np.testing.assert_allclose(weights, 0.5, atol=0.05)
    model = FinemapMiXeR(solver="cavi", causal_probability=0.2, random_state=0)
    model.fit_summary(z, R, n_samples=2500)
    _, pip, _ = enumerate_posterior(model.z_, R, scale, pi=0.2, slab=model.effect_variance_)
    np.testing.assert_allclose(model.pip_, pip, atol=0.1)
    (found,) = model.credible_sets_
    assert sorted(found["variants"].tolist()) == [0, 1]
    # either, hardly both: the effects are as large as the one that is there
    assert model.coef_sd_[0] > 0.05


def test_variants_of_scale_zero_are_left_out():
    z, R, scale = random_locus()
    scale[2] = 0
    state = run(z, R, scale)[-1]
    assert state.gate[0, 2] == 0
    keep = np.arange(6) != 2
    other = run(z[keep], R[np.ix_(keep, keep)], scale[keep], n_starts=20)[-1]
    assert np.min(np.abs(other.bound - state.bound[0])) < 1e-8


def test_compiled_kernel_equals_its_python():
    z, R, scale = random_locus()
    results = []
    for function in (cavi_sweep, cavi_sweep.py_func):
        arrays = [np.zeros(6) for _ in range(4)]
        odds, slab = np.full(6, -1.0), np.full(6, 0.1)
        function(R, scale, scale * z, np.arange(6), odds, slab, 1.1, *arrays)
        results.append(arrays)
    np.testing.assert_allclose(*results, rtol=1e-12)


def test_pips_of_mixed_modes_stay_probabilities():
    ones, gate = np.ones(7), np.column_stack([np.ones(7), np.eye(7)])  # variant 0 is in every mode
    rng, locus = np.random.default_rng(0), SimpleNamespace(array=np.asarray)
    raw = []
    for _ in range(50):  # weights that sum to a bit more than 1 now and then
        bound = rng.normal(size=7)
        state = CaviState(gate, 0 * gate, 0 * gate, ones, bound, True)
        raw.append(distinct_modes(state)[1] @ ones)
        assert CAVI().posterior(state, locus).pip.max() <= 1
    assert max(raw) > 1
