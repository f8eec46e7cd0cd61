"""Coordinate ascent: against enumeration, a J x J implementation, and mr.mash."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics.multitrait import _genotype_design
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import (
    diagonal_step,
    full_step,
    low_rank_step,
    residual_covariance,
)
from skgenetics.multitrait.solvers import _coordinate_ascent
from skgenetics.multitrait.solvers._variant_updates import update_block
from skgenetics.multitrait.solvers._weights import WeightPrior, updated_weights
from tests.hypothesis_settings import examples
from tests.multitrait.designs import make_design, random_problem, run
from tests.oracles import multitrait_naive as naive


def assert_monotone(bounds):
    assert np.all(np.diff(bounds) >= -1e-9 * np.maximum(1, np.abs(bounds[1:])))


@pytest.mark.parametrize("n_traits", [1, 2, 4])
@pytest.mark.parametrize("delta", [0.0, 0.7])
@pytest.mark.parametrize("orthogonal", [False, True])
def test_one_variant_and_orthogonal_variants_are_exact(n_traits, delta, orthogonal):
    p = 2 if orthogonal else 1
    X, Y, U, scales, weights, sigma = random_problem(1, 6, p, n_traits, orthogonal=orthogonal)
    _, bounds = run(make_design(X, Y, delta=delta), U, scales, sigma, weights)
    V = naive.all_components(U, scales)
    H = np.eye(6) + delta * X @ X.T / p
    evidence = naive.log_evidence(X, Y, V, weights, sigma, H=H)
    np.testing.assert_allclose(bounds[-1], evidence, rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("delta", [0.0, 0.7])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_bound_is_below_the_evidence_and_close(seed, delta, missing):
    X, Y, U, scales, weights, sigma = random_problem(seed, 6, 3, 2, missing=missing)
    _, bounds = run(make_design(X, Y, delta=delta), U, scales, sigma, weights)
    V = naive.all_components(U, scales)
    H = np.eye(6) + delta * X @ X.T / 3
    evidence = naive.log_evidence(X, Y, V, weights, sigma, H=H)
    assert bounds[-1] <= evidence + 1e-10
    assert evidence - bounds[-1] < 1.5
    assert_monotone(bounds)


@pytest.mark.parametrize("order", [None, [3, 0, 7, 1, 2, 6, 5, 4]])
def test_sweeps_equal_updates_with_matrices(order, monkeypatch):
    X, Y, U, scales, weights, sigma = random_problem(0)
    V = naive.all_components(U, scales)
    B, alpha, expected = naive.coordinate_ascent(X, Y, V, weights, sigma, n_sweeps=4, order=order)
    for width, height in ((3, 7), (128, len(X))):  # several blocks of several rows, and one
        monkeypatch.setattr(_genotype_design, "BLOCK_SIZE", width)
        monkeypatch.setattr(_genotype_design, "ORDERED_BLOCK_SIZE", width)
        monkeypatch.setattr(_genotype_design, "LEAST_ROWS", height)
        monkeypatch.setattr(_genotype_design, "UNPACKED", height * width * Y.shape[1])
        design = make_design(X, Y, order=None if order is None else np.array(order))
        assert len(design.rows) == -(-len(X) // height)
        state, bounds = run(design, U, scales, sigma, weights, n_sweeps=4)
        np.testing.assert_allclose(state.posterior.effects, B, atol=1e-12)
        np.testing.assert_allclose(state.take_responsibilities(), alpha, atol=1e-12)
        np.testing.assert_allclose(bounds, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("ranks", "n_scales"),
    [([1, 1, 3, 1, 2], 5), ([2, 2, 0, 1], 1), ([1] * 9, 8), ([5, 4], 9), ([1], 3)],
)
def test_covariances_of_rank_1_in_any_place(ranks, n_scales):
    X, Y, U, scales, weights, sigma = random_problem(4, n_traits=5, ranks=ranks, n_scales=n_scales)
    V = naive.all_components(U, scales)
    B, alpha, expected = naive.coordinate_ascent(X, Y, V, weights, sigma, n_sweeps=3)
    state, bounds = run(make_design(X, Y), U, scales, sigma, weights, n_sweeps=3)
    np.testing.assert_allclose(state.posterior.effects, B, atol=1e-12)
    np.testing.assert_allclose(state.take_responsibilities(), alpha, atol=1e-12)
    np.testing.assert_allclose(bounds, expected, rtol=1e-12)


def test_compiled_kernel_equals_its_python():
    X, Y, U, scales, weights, sigma = random_problem(2)
    prior = make_prior(U, scales, "abc", has_null=True)
    covariance = residual_covariance(sigma)
    parts = prior.whitened(covariance)
    mixture = _coordinate_ascent.make_mixture(parts, weights, covariance)
    results = []
    for function in (update_block, update_block.py_func):
        arrays = [np.zeros(shape) for shape in ((8, 3), (8, 3), (8, 7), (8, 3), 8)]
        moments = np.zeros((np.max(np.diff(parts.first)), len(parts.basis)))
        gram = X.T @ X
        function(
            (gram[np.tril_indices(8, -1)], X.T @ Y, np.diag(gram).copy()),
            tuple(mixture),
            tuple(arrays),
            True,
            moments,
        )
        results.append([*arrays, moments])
    for compiled, python in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, python, rtol=1e-10, atol=1e-13)


@examples(40)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(5, 25),
    p=st.integers(1, 30),
    n_traits=st.integers(1, 4),
    missing=st.sampled_from([0.0, 0.3]),
    delta=st.sampled_from([0.0, 0.4]),
    form=st.sampled_from([None, "full", "diagonal", "low_rank"]),
    centered=st.booleans(),
    threshold=st.sampled_from([0.0, 1e-8, 0.02]),
)
def test_bound_never_falls(seed, n, p, n_traits, missing, delta, form, centered, threshold):
    X, Y, U, scales, weights, sigma = random_problem(seed, n, p, n_traits, missing=missing)
    step = {
        None: None,
        "full": full_step,
        "diagonal": diagonal_step,
        "low_rank": lambda C, N: low_rank_step(C, N, rank=None),
    }[form]
    if form == "diagonal":  # where the step starts from must be of its form
        sigma = np.diag(np.diag(sigma))
    design = make_design(X, Y, delta=delta, centered=centered)
    _, bounds = run(
        design, U, scales, sigma, weights, n_sweeps=25, learn_weights=True, covariance_step=step,
        weight_threshold=threshold,
    )  # fmt: skip
    assert np.all(np.isfinite(bounds))
    # the penalty of a learned rank is not known to the sigma that the solver starts from
    assert_monotone(bounds[1:] if form == "low_rank" else bounds)


def test_accelerated_weights_climb_faster_than_em_to_the_same_top():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(4))
    likelihood = rng.gamma(1.0, size=(20, 4))
    alpha = weights * likelihood
    alpha /= alpha.sum(axis=1, keepdims=True)
    pi, steps = weights, []
    for _ in range(20_000):
        responsibilities = pi * likelihood
        pi = np.mean(responsibilities / responsibilities.sum(axis=1, keepdims=True), axis=0)
        steps.append(pi)
    alpha = np.vstack([alpha, np.zeros(4)])  # a variant that does not vary

    def fit(n_cycles):
        used = np.arange(21) < 20
        plain, accelerated = updated_weights(alpha, weights, used, n_cycles, WeightPrior.flat())
        np.testing.assert_allclose(plain, steps[0], rtol=1e-12)
        return accelerated

    def log_likelihood(pi):
        return np.sum(np.log(likelihood @ pi))

    np.testing.assert_allclose(fit(0), steps[0], rtol=1e-12)
    for n_cycles in (1, 2, 8):  # of two steps each, and one before
        assert log_likelihood(fit(n_cycles)) > log_likelihood(steps[2 * n_cycles]) + 0.1
    np.testing.assert_allclose(fit(200), steps[-1], atol=1e-8)


def test_small_weights_leave_the_model():
    X, Y, U, scales, weights, sigma = random_problem(0, n=60)
    problem = make_design(X, Y), U, scales, sigma, weights
    full, bounds = run(*problem, n_sweeps=60, learn_weights=True)
    state, pruned = run(*problem, n_sweeps=60, learn_weights=True, weight_threshold=0.03)
    gone = state.weights == 0
    assert gone.sum() >= 2
    assert len(state.indices) < len(weights)
    responsibilities = state.take_responsibilities()
    assert np.all(responsibilities[:, gone] == 0)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1)
    np.testing.assert_allclose(state.weights.sum(), 1)
    assert pruned[-1] <= bounds[-1] + 0.05
    np.testing.assert_allclose(state.posterior.effects, full.posterior.effects, atol=0.1)
    _, exact = run(*problem, n_sweeps=60, learn_weights=True, weight_threshold=1e-12)
    np.testing.assert_allclose(exact, bounds, rtol=1e-9)


def reference(shared, name):
    case = np.load(shared / "reference" / "mmash" / f"{name}.npz", allow_pickle=False)
    U = case["U"] if "U" in case else case["S0"][1:]
    scales = case["omega"] if "omega" in case else np.ones(1)
    X = case["X"]
    sd = None if "nostd" in name else X.std(axis=0, ddof=1)
    design = make_design(X, case["Y"], sd=sd, centered=True)
    effects = case["out_mu1"] if sd is None else case["out_mu1"] * sd[:, None]
    # mr.mash leaves log(n) / 2 out of its bound
    bounds = np.atleast_1d(case["out_ELBO_trace"]) + np.log(len(X)) / 2
    return case, design, (U, scales, case["V"], case["w0"]), effects, bounds


def test_mr_mash_without_jitter(shared):
    case, design, problem, effects, expected = reference(shared, "fixed_all_e0")
    state, bounds = run(design, *problem, n_sweeps=len(expected))
    np.testing.assert_allclose(state.posterior.effects, effects, atol=1e-12)
    np.testing.assert_allclose(state.take_responsibilities(), case["out_w1"], atol=1e-12)
    np.testing.assert_allclose(bounds, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "step", "n_sweeps"),
    [
        ("nostd_fixed", None, 30),
        ("missing_fixed", None, 68),
        ("w0_em_10it", None, 10),
        ("V_full_10it", full_step, 10),
    ],
)
def test_mr_mash_iterates(shared, monkeypatch, name, step, n_sweeps):
    monkeypatch.setattr(_coordinate_ascent, "CYCLES", (0, 0))  # EM without acceleration
    _, design, problem, effects, expected = reference(shared, name)
    learn = "fixed" not in name
    state, bounds = run(
        design, *problem, n_sweeps=n_sweeps, learn_weights=learn, covariance_step=step
    )
    # mr.mash adds 1e-8 to its prior covariances, which moves the effects by up to 2e-6
    np.testing.assert_allclose(state.posterior.effects, effects, atol=1e-5)
    np.testing.assert_allclose(bounds[-1], expected[-1], atol=1e-2)


@pytest.mark.parametrize("name", ["p_gt_n", "unstructured_S0", "J1", "V_diagonal"])
def test_mr_mash_optimum_in_fewer_sweeps(shared, name):
    case, design, problem, effects, expected = reference(shared, name)
    step = diagonal_step if name == "V_diagonal" else None
    state, bounds = run(design, *problem, tol=1e-8, learn_weights=True, covariance_step=step)
    np.testing.assert_allclose(bounds[-1], expected[-1], atol=1e-2)
    np.testing.assert_allclose(state.posterior.effects, effects, atol=2e-3)
    np.testing.assert_allclose(state.covariance.matrix, case["out_V"], rtol=1e-4)
    assert_monotone(bounds)
    assert len(bounds) < len(expected)
