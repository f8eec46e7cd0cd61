"""Closed-form derivatives: against automatic differentiation and the definition."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skgenetics.neural_network import _derivatives
from skgenetics.neural_network._derivatives import (
    first_order,
    half_bounds,
    paths,
    second_order_operators,
    second_order_pairs,
    second_order_sum,
    top_pairs,
)
from skgenetics.neural_network._network import forward
from tests.hypothesis_settings import examples
from tests.oracles.lina_naive import (
    load_reference,
    naive_gates,
    naive_logit,
    naive_second_order,
    random_network,
    reference_names,
)

CLOSE = {"rtol": 1e-10, "atol": 1e-12}


@pytest.fixture
def small_blocks(monkeypatch):
    """Sizes that cut even a small problem into several uneven blocks."""
    monkeypatch.setattr(_derivatives, "CACHE_SIZE", 40)
    monkeypatch.setattr(_derivatives, "WORKING_SIZE", 1500)
    monkeypatch.setattr(_derivatives, "FEATURE_BLOCK", 4)


def gates_of(network, X, slope):
    return forward(network, X, slope).gates


@pytest.mark.parametrize("name", reference_names())
def test_first_order_equals_automatic_differentiation(shared, name):
    network, slope, case = load_reference(shared, name)
    d = len(network.task_coef)
    value = first_order(network, case["X"], 0.0, slope, range(d))
    np.testing.assert_allclose(value, case["first"].transpose(1, 0, 2), **CLOSE)
    np.testing.assert_allclose(np.abs(value).mean(axis=0), case["FP"], **CLOSE)


@pytest.mark.parametrize("name", reference_names())
def test_second_order_equals_automatic_differentiation(shared, name, small_blocks):
    network, slope, case = load_reference(shared, name)
    gates = gates_of(network, case["X"], slope)
    n, m = case["X"].shape
    for task in range(len(network.task_coef)):
        total = second_order_sum(network, gates, task)
        np.testing.assert_allclose(total / n, case["SP"][task], **CLOSE)
        operators = second_order_operators(network, gates, task)
        for operator, expected in zip(operators, case["second"][task]):
            np.testing.assert_allclose(operator @ np.eye(m), expected, **CLOSE)


@pytest.mark.parametrize("hidden", [(5,), (6, 4), (5, 6, 3)])
@pytest.mark.parametrize("slope", [0.0, 0.2])
class TestAgainstTheDefinition:
    @pytest.fixture
    def case(self, hidden, slope):
        rng = np.random.default_rng(1)
        m = 11
        network = random_network(rng, [m, *hidden, m], 2)
        return network, slope, rng.normal(size=(17, m)), rng.normal(size=m)

    def test_first_order(self, case):
        network, slope, X, center = case
        value = first_order(network, X, center, slope, [1, 0])
        for n, i in np.ndindex(X.shape):
            x = X[n].astype(complex)
            x[i] += 1e-30j
            expected = naive_logit(network, slope, x, center).imag / 1e-30
            np.testing.assert_allclose(value[n, :, i], expected[::-1], **CLOSE)

    def test_paths(self, case):
        network, slope, X, _ = case
        N = paths(network, gates_of(network, X, slope))
        for row, x in zip(N, X, strict=True):
            gates = naive_gates(network, slope, x)
            expected = np.diag(gates[0])
            for W, gate in zip(network.weights[1:-1], gates[1:], strict=True):
                expected = expected @ W @ np.diag(gate)
            np.testing.assert_allclose(row, expected, **CLOSE)

    def test_every_form_of_the_second_order(self, case, small_blocks):
        network, slope, X, _ = case
        gates = gates_of(network, X, slope)
        S = np.array([naive_second_order(network, slope, x) for x in X])
        pairs = np.array([[0, 3], [3, 0], [7, 7], [10, 2]])
        v = np.random.default_rng(0).normal(size=(11, 3))
        for task in range(2):
            total = second_order_sum(network, gates, task)
            np.testing.assert_allclose(total, np.abs(S[:, task]).sum(axis=0), **CLOSE)
            signed = second_order_sum(network, gates, task, signed=True)
            np.testing.assert_allclose(signed, S[:, task].sum(axis=0), **CLOSE)
            chunks = [values for _, values in second_order_pairs(network, gates, task, pairs)]
            np.testing.assert_allclose(
                np.concatenate(chunks), S[:, task, pairs[:, 0], pairs[:, 1]], **CLOSE
            )
            for operator, expected in zip(
                second_order_operators(network, gates, task), S[:, task], strict=True
            ):
                np.testing.assert_allclose(operator @ v, expected @ v, **CLOSE)
                np.testing.assert_allclose(operator @ v[:, 0], expected @ v[:, 0], **CLOSE)
                np.testing.assert_allclose(operator.T @ v[:, 0], expected @ v[:, 0], **CLOSE)

    def test_bounds_hold_and_are_tight_for_one_sample(self, case, small_blocks):
        network, slope, X, _ = case
        mean = np.mean([np.abs(naive_second_order(network, slope, x)) for x in X], axis=0)
        H = half_bounds(network, gates_of(network, X, slope), 1, X.dtype)
        assert np.all(mean[1] * (1 - 1e-12) <= H + H.T)
        alone = half_bounds(network, gates_of(network, X[:1], slope), 1, X.dtype)
        J = naive_gates(network, slope, X[0])[0][:, None] * np.eye(network.weights[0].shape[1])
        for W, gate in zip(
            network.weights[1:-1], naive_gates(network, slope, X[0])[1:], strict=True
        ):
            J = J @ W * gate
        J = network.weights[0] @ J @ network.weights[-1]
        np.testing.assert_allclose(alone, np.abs(network.task_coef[1] * J), rtol=1e-6, atol=1e-7)

    @pytest.mark.parametrize("k", [1, 5, 55])
    def test_top_pairs_equal_the_full_sort(self, case, k, small_blocks, monkeypatch):
        monkeypatch.setattr(_derivatives, "FIRST_BATCH", 3)
        network, slope, X, _ = case
        mean = np.mean([np.abs(naive_second_order(network, slope, x)) for x in X], axis=0)[0]
        first, second = np.triu_indices(11, 1)
        order = np.argsort(-mean[first, second])[:k]
        pairs, values, n_evaluated = top_pairs(network, gates_of(network, X, slope), 0, k)
        np.testing.assert_array_equal(pairs, np.stack([first[order], second[order]], axis=1))
        np.testing.assert_allclose(values, mean[first, second][order], **CLOSE)
        assert k <= n_evaluated <= 55


def test_all_pairs_take_little_more_memory_than_their_result():
    rng = np.random.default_rng(0)
    m = 1500
    network = random_network(rng, [m, 20, 10, m], 1)
    gates = gates_of(network, rng.normal(size=(300, m)), 0.2)
    tracemalloc.start()
    total = second_order_sum(network, gates, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * total.nbytes  # 300 of them would be m^2 numbers a sample


def test_top_pairs_stop_early_where_few_features_interact():
    rng = np.random.default_rng(0)
    m = 120
    network = random_network(rng, [m, 20, 8, m], 1)
    weak = np.where(np.isin(np.arange(m), [5, 50, 90]), 1.0, 0.03)
    network.weights[0] *= weak[:, None]
    network.task_coef[:] *= weak
    X = rng.normal(size=(60, m))
    gates = gates_of(network, X, 0.2)
    pairs, _, n_evaluated = top_pairs(network, gates, 0, 3)
    assert {tuple(pair) for pair in pairs} == {(5, 50), (5, 90), (50, 90)}
    assert n_evaluated == 500 < m * (m - 1) / 2


@examples(100)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    m=st.integers(2, 14),
    n=st.integers(1, 20),
    k=st.integers(1, 95),
    slope=st.sampled_from([0.0, 0.2]),
    single=st.booleans(),
    dead=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_top_pairs_equal_all_pairs_sorted(sizes, m, n, k, slope, single, dead, seed):
    rng = np.random.default_rng(seed)
    network = random_network(rng, [m, *sizes, m], 1)
    network.task_coef[:, rng.random(m) < dead] = 0.0  # as after a strong penalty
    X = rng.normal(size=(n, m))
    if single:
        network = network.replace_arrays([a.astype(np.float32) for a in network.arrays()])
        X = X.astype(np.float32)
    gates = gates_of(network, X, slope)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_derivatives, "FIRST_BATCH", 1)
        patch.setattr(_derivatives, "FEATURE_BLOCK", 3)
        patch.setattr(_derivatives, "WORKING_SIZE", 200)
        pairs, values, n_evaluated = top_pairs(network, gates, 0, k)
        H = half_bounds(network, gates, 0, X.dtype)
    network = network.replace_arrays([a.astype(np.float64) for a in network.arrays()])
    J = np.zeros((n, m, m))  # da_j / dx_i in row i, from the gates of each sample
    for J_n, *of_layers in zip(J, *gates, strict=True):
        product = network.weights[0]
        for gate, W in zip(of_layers, network.weights[1:], strict=True):
            product = (product * gate.astype(np.float64)) @ W
        J_n[...] = product * network.task_coef[0]
    mean = np.abs(J + J.transpose(0, 2, 1)).mean(axis=0)
    assert np.all(mean <= H + H.T)
    found = mean[tuple(pairs.T)]
    np.testing.assert_allclose(values, found, rtol=1e-9, atol=1e-14)
    first, second = np.triu_indices(m, 1)
    largest = np.sort(mean[first, second])[::-1][:k]
    np.testing.assert_allclose(found, largest, rtol=1e-9, atol=1e-14)
    assert np.all(pairs[:, 0] < pairs[:, 1])
    assert len({tuple(pair) for pair in pairs}) == len(pairs) <= n_evaluated


def test_second_difference_of_the_attention_is_zero_off_the_kinks_only():
    rng = np.random.default_rng(5)
    network = random_network(rng, [6, 9, 7, 6], 1)
    x = rng.normal(size=6)

    def second_difference(step):
        points = [x + step * (a * np.eye(6)[0] + b * np.eye(6)[1]) for a in (0, 1) for b in (0, 1)]
        A = forward(network, np.array(points), 0.0).attention
        return np.abs(A[0] - A[1] - A[2] + A[3]).max()

    assert second_difference(1e-4) < 1e-15
    assert second_difference(3.0) > 1e-2
