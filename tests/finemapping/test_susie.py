"""Single effects: against the exact model of one effect, of two, and susieR."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skgenetics.finemapping._elbo import NoiseNorm, range_norm
from skgenetics.finemapping.solvers._susie import EffectsPrior, fit_single_effect, susie
from skgenetics.loci._ld import DenseLD
from tests.hypothesis_settings import examples
from tests.oracles.finemapping import single_effect_evidence, two_effect_evidence


def random_locus(seed=0, p=7, n=200):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=(n, 1))
    y = X[:, 1] * 0.4 - X[:, 4] * 0.4 + rng.normal(size=n)
    R = np.corrcoef(X.T)
    z = np.sqrt(n) * np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    return z, R, np.sqrt(n * X.var(axis=0))


def run(z, R, scale, **options):
    settings = {
        "n_effects": 3,
        "prior_weights": np.ones(len(z)),
        "effect_variance": None,
        "residual_variance": 1.0,
        "norm": NoiseNorm(),
        "tol": 1e-10,
    }
    return list(susie(z, DenseLD(R), scale, **(settings | options)))


def test_one_effect_is_exact():
    z, R, scale = random_locus()
    weights = np.arange(1.0, 8.0)
    variances = np.linspace(0.05, 0.4, 7)
    state = run(z, R, scale, n_effects=1, prior_weights=weights, effect_variance=variances)[-1]
    evidence, alpha, mean = single_effect_evidence(
        z, R, scale, weights=weights / weights.sum(), variances=variances
    )
    np.testing.assert_allclose(state.bound, evidence, rtol=1e-12)
    np.testing.assert_allclose(state.alpha[0], alpha, rtol=1e-10, atol=1e-300)
    np.testing.assert_allclose(state.mean[0], mean, rtol=1e-12)
    variance = 1 / (scale**2 + 1 / variances)
    np.testing.assert_allclose(state.second[0], mean**2 + variance, rtol=1e-12)


def test_learned_variance_maximizes_the_evidence():
    z, R, scale = random_locus()
    state = run(z, R, scale, n_effects=1)[-1]

    def evidence(variance):
        return single_effect_evidence(
            z, R, scale, weights=np.full(7, 1 / 7), variances=np.full(7, variance)
        )[0]

    best = state.strength[0]
    np.testing.assert_allclose(evidence(best), state.bound, rtol=1e-10)
    grid = best * np.exp(np.linspace(-3, 3, 301))
    assert max(evidence(variance) for variance in grid) <= state.bound + 1e-6


def test_null_locus_keeps_no_effect():
    _, R, scale = random_locus()
    state = run(np.full(7, 0.01), R, scale)[-1]
    assert np.all(state.strength == 0)
    assert state.bound == pytest.approx(0, abs=1e-12)
    assert np.all(state.mean == 0)


@pytest.mark.parametrize("seed", range(5))
def test_two_effects_stay_below_their_evidence_and_come_close(seed):
    z, R, scale = random_locus(seed)
    state = run(z, R, scale, n_effects=2, effect_variance=np.full(7, 0.1))[-1]
    evidence = two_effect_evidence(z, R, scale, weights=np.full(7, 1 / 7), variance=0.1)
    assert state.bound <= evidence
    # the factorized posterior loses at least the choice of which effect is which: log 2
    assert evidence - state.bound < 3


@examples(30)
@given(
    seed=st.integers(0, 10_000),
    n_effects=st.integers(1, 6),
    learned=st.booleans(),
    learn_noise=st.booleans(),
)
@example(seed=8132, n_effects=2, learned=True, learn_noise=True)  # needs the smallest effects
def test_bound_never_falls(seed, n_effects, learned, learn_noise):
    z, R, scale = random_locus(seed)
    options = {}
    if learn_noise:
        values, vectors = np.linalg.eigh(R)
        norm = range_norm(z, values[::-1], vectors[:, ::-1])
        options = {"residual_variance": None, "norm": norm}
    states = run(
        z,
        R,
        scale,
        n_effects=n_effects,
        effect_variance=None if learned else np.full(7, 0.2),
        **options,
    )
    bounds = np.array([state.bound for state in states])
    assert np.all(np.diff(bounds) >= -1e-9 * np.maximum(1, np.abs(bounds[1:])))


def test_variants_of_scale_zero_are_left_out():
    z, R, scale = random_locus()
    z, scale = z.copy(), scale.copy()
    z[3], scale[3] = 0, 0
    state = run(z, R, scale)[-1]
    assert np.all(state.alpha[:, 3] == 0)
    keep = np.arange(7) != 3
    other = run(z[keep], R[np.ix_(keep, keep)], scale[keep])[-1]
    np.testing.assert_allclose(state.alpha[:, keep], other.alpha, rtol=1e-6, atol=1e-12)


def test_compiled_kernel_equals_its_python():
    z, _, scale = random_locus()
    prior = EffectsPrior(np.full(7, -np.log(7)), np.ones(7), -8.0, 3.0)
    arguments = (scale * z, scale**2, prior, 0.0)
    compiled = [np.empty(7) for _ in range(3)]
    python = [np.empty(7) for _ in range(3)]
    result = fit_single_effect(*arguments, *compiled)
    expected = fit_single_effect.py_func(*arguments, *python)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    np.testing.assert_allclose(compiled, python, rtol=1e-12)


@pytest.mark.parametrize("name", ["000_N3_k1", "013_N3_k3", "035_msp12_k5", "059_msp12_k5"])
def test_pips_equal_susier_on_reference_loci(shared, name):
    folder = shared / "reference" / "finemap"
    locus = np.load(folder / "loci" / f"{name}.npz", allow_pickle=False)
    G = np.load(folder / "ld" / f"{locus['ld']}.npz", allow_pickle=False)["G"].astype(float)
    G = G[:, G.std(axis=0) > 0]
    R = np.corrcoef(G.T)
    from skgenetics import FinemapMiXeR

    model = FinemapMiXeR(solver="susie").fit_summary(locus["z"], R, n_samples=float(locus["n"]))
    # susieR 0.12 stops at its own tolerance, 1e-3 in the bound
    np.testing.assert_allclose(model.pip_, locus["susie012_pip"], atol=2e-3)
    theirs = {
        frozenset(int(i) for i in members.split(","))
        for members in str(locus["susie012_cs"]).split(";")
        if members
    }
    assert {frozenset(found["variants"].tolist()) for found in model.credible_sets_} == theirs
