import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context

from skgenetics.inspection import _relevance, bilrp, relevance
from tests.arrays import as_numpy
from tests.hypothesis_settings import examples
from tests.oracles.bilrp_naive import mixed_derivatives, network, pair_relevance, product, shares

LEAKY = ("leaky_relu", 0.2)


def make_layers(widths, activations, *, seed=0, bias=0.3):
    rng = np.random.default_rng(seed)
    return [
        (rng.normal(size=(a, b)) / np.sqrt(a), bias * rng.normal(size=b), activation)
        for a, b, activation in zip(widths[:-1], widths[1:], activations, strict=True)
    ]


def dosages(n, d, seed=0):
    return np.random.default_rng(seed).integers(0, 3, size=(n, d)).astype(np.int8)


@pytest.fixture
def layers():
    return make_layers((6, 5, 4, 3), ("relu", "relu", "identity"))


# -- the propagation rule itself ------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        ["lrp0", "lrp0", "lrp0"],
        ["epsilon", "epsilon", "epsilon"],
        ["gamma", "gamma", "lrp0"],
        ["gamma", "gamma", "gamma"],
        ["w2", "gamma", "lrp0"],
        ["w2", "w2", "w2"],
        ["zb", "gamma", "lrp0"],
        ["zb", "w2", "epsilon"],
        ["gamma", "w2", "lrp0"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "activations",
    [("relu", "relu", "identity"), (LEAKY, LEAKY, "relu"), ("identity", "relu", LEAKY)],
    ids=["relu", "leaky", "mixed"],
)
@pytest.mark.parametrize("signed", [False, True], ids=["dosages", "signed"])
@pytest.mark.parametrize(
    ("copy", "few", "block"),
    [(None, None, None), (1e9, 0.0, 2), (-1e9, 0.0, 96), (-1e9, 2.0, 12), (-1e9, 2.0, 2)],
    ids=["as it comes", "all at once", "live units", "and inputs", "an input at a time"],
)
def test_factors_equal_the_rule_by_quadruple_loop(
    rules, activations, signed, copy, few, block, monkeypatch
):
    if copy is not None:
        monkeypatch.setattr(_relevance, "COPY_ROWS", copy)
        monkeypatch.setattr(_relevance, "DENSE_INPUTS", few)
        monkeypatch.setattr(_relevance, "BLOCK_WEIGHTS", block)  # several, uneven
    layers = make_layers((6, 5, 4, 3), activations, seed=3)
    X = dosages(2, 6, seed=1).astype(float)
    bounds = (0.0, 2.0)
    if signed:
        X, bounds = np.random.default_rng(2).normal(size=(2, 6)), (-4.0, np.full(6, 4.0))
    explanation = bilrp(layers, X[:1], X[1:], rule=rules, gamma=0.4, epsilon=0.3, bounds=bounds)
    levels = pair_relevance(layers, rules, *X, gamma=0.4, epsilon=0.3, bounds=bounds)
    assert np.abs(levels[-1]).max() > 0.01
    for number, level in enumerate(levels):
        found = explanation if number == 0 else explanation.at_layer(number - 1)
        d = found.factors.shape[2]
        np.testing.assert_allclose(found.pair(0, 0).todense(), level[:d, :d], atol=1e-12)
        left = np.concatenate([found.factors, found.bias_factors], axis=2)[0]
        right = np.concatenate([found.factors2, found.bias_factors2], axis=2)[0]
        np.testing.assert_allclose(left.T @ right, level, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.0, 0.25, 5.0])
def test_gamma_is_rho_where_activations_are_not_negative(gamma):
    (weight, bias, _), *_ = layers = make_layers((8, 4), ("relu",), seed=4)
    X = dosages(5, 8, seed=4)

    def rho(w):
        return w + gamma * np.maximum(w, 0)

    total = X @ rho(weight) + rho(bias)
    phi = np.maximum(X @ weight + bias, 0)
    expected = X[:, None, :] * rho(weight).T * (phi / total)[:, :, None]
    factors = bilrp(layers, X, gamma=gamma).factors
    np.testing.assert_allclose(factors, expected, atol=1e-13)


@pytest.mark.parametrize(
    ("alone", "as_list"),
    [
        ("lrp0", ["lrp0", "lrp0", "lrp0"]),
        ("epsilon", ["epsilon", "epsilon", "epsilon"]),
        ("gamma", ["gamma", "gamma", "lrp0"]),
        ("w2", ["w2", "gamma", "lrp0"]),
        ("zb", ["zb", "gamma", "lrp0"]),
    ],
)
def test_one_rule_for_all_layers(layers, alone, as_list):
    X = dosages(3, 6)
    one, each = (bilrp(layers, X, rule=rule).factors for rule in (alone, as_list))
    np.testing.assert_array_equal(one, each)
    np.testing.assert_array_equal(
        bilrp(layers, X).factors, bilrp(layers, X, rule="gamma", gamma=0.25).factors
    )


def test_constants_change_the_answer(layers):
    X = dosages(3, 6)
    for rule, constants in [
        ("gamma", {"gamma": 1.0}),
        ("epsilon", {"epsilon": 0.5}),
        ("zb", {"bounds": (-1, 3)}),
    ]:
        default, other = bilrp(layers, X, rule=rule), bilrp(layers, X, rule=rule, **constants)
        assert np.abs(default.factors - other.factors).max() > 0.01


# -- what the relevance must equal ----------------------------------------------------------------


def test_lrp0_equals_hessian_times_product(layers):
    x, x2 = np.random.default_rng(5).uniform(0, 2, size=(2, 6))
    explanation = bilrp(layers, x[None], x2[None], rule="lrp0", bias="denominator")
    expected = x[:, None] * mixed_derivatives(layers, x, x2) * x2
    np.testing.assert_allclose(explanation.pair(0, 0).todense(), expected, atol=1e-6)
    assert np.abs(expected).max() > 0.01
    assert explanation.bias_factors.shape == (1, 3, 0)
    assert abs(explanation.conservation()[0, 0]) > 0.01  # the usual leak


@pytest.mark.parametrize("rule", ["lrp0", "gamma"])
def test_one_linear_layer(rule):
    weight = np.random.default_rng(6).normal(size=(7, 3))
    X = dosages(2, 7, seed=6)
    explanation = bilrp([(weight, np.zeros(3), "identity")], X, rule=rule)
    expected = X[0][:, None] * (weight @ weight.T) * X[1]
    np.testing.assert_allclose(explanation.pair(0, 1).todense(), expected, atol=1e-13)


def test_cross_term_of_the_taylor_expansion_at_the_root_tends_to_the_similarity():
    layers = make_layers((6, 9, 6), ("relu", "relu"), seed=7, bias=0.0)
    x, x2 = np.random.default_rng(7).uniform(0.5, 2, size=(2, 6))
    relevance_of_pairs = bilrp(layers, x[None], x2[None], rule="lrp0").pair(0, 0).todense()
    y = product(layers, x, x2)
    assert y > 0.01
    for share in (0.1, 0.01):
        derivatives = mixed_derivatives(layers, share * x, share * x2, step=1e-4 * share)
        term = ((1 - share) * x)[:, None] * derivatives * ((1 - share) * x2)
        np.testing.assert_allclose(term, (1 - share) ** 2 * relevance_of_pairs, atol=1e-6)
        assert term.sum() == pytest.approx((1 - share) ** 2 * y, abs=1e-5)


def test_published_code(shared):
    reference = np.load(shared / "reference/bilrp/bilrp_original_bias0.npz", allow_pickle=False)
    weights = [reference[f"W{number}"] for number in range(3)]
    layers = [
        (weight, np.zeros(weight.shape[1]), activation)
        for weight, activation in zip(weights, ("relu", "relu", "identity"))
    ]
    explanation = bilrp(
        layers,
        reference["x1"][None],
        reference["x2"][None],
        rule=["zb", "gamma", "lrp0"],
        gamma=float(reference["gamma"]),
        bounds=(reference["lo"], reference["hi"]),
    )
    expected = reference["R_original"]  # in single precision, up to 7e-5
    np.testing.assert_allclose(explanation.pair(0, 0).todense(), expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(explanation.factors[0], reference["R1"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(explanation.factors2[0], reference["R2"], rtol=0, atol=1e-8)
    assert explanation.similarity()[0, 0] == pytest.approx(float(reference["y"]), abs=1e-8)


RULES_ABOVE = ["lrp0", "gamma", "w2"]


@st.composite
def networks(draw):
    depth = draw(st.integers(1, 4))
    widths = [draw(st.integers(10, 30))] + [draw(st.integers(1, 8)) for _ in range(depth)]
    activations = [draw(st.sampled_from(["relu", "identity", LEAKY])) for _ in range(depth)]
    seed = draw(st.integers(0, 10**6))
    layers = make_layers(widths, activations, seed=seed, bias=draw(st.sampled_from([0.0, 0.3])))
    rules = [draw(st.sampled_from([*RULES_ABOVE, "zb"]))]
    rules += [draw(st.sampled_from(RULES_ABOVE)) for _ in range(depth - 1)]
    rule = draw(st.sampled_from([rules, "lrp0", "gamma", "w2", "zb"]))
    return layers, rule, dosages(3, widths[0], seed=seed + 1)


@examples(150)
@given(networks(), st.booleans())
def test_relevance_is_conserved(case, normalize):
    layers, rule, X = case
    explanation = bilrp(layers, X[:2], X[1:], rule=rule, normalize=normalize)
    # what was handed around: "w2" sends relevance to units of output 0, where "lrp0" cancels
    handed = np.abs(explanation.factors).sum(axis=2) + np.abs(explanation.bias_factors).sum(axis=2)
    scale = max(1.0, float(handed.max()) ** 2)
    np.testing.assert_allclose(explanation.conservation() / scale, 0, atol=1e-10)
    phi = np.array([network(layers, x)[0][-1] for x in X])
    if normalize:
        length = np.linalg.norm(phi, axis=1, keepdims=True)
        phi = np.divide(phi, length, out=np.zeros_like(phi), where=length > 0)
    np.testing.assert_allclose(explanation.similarity(), phi[:2] @ phi[1:].T, atol=1e-12)
    totals = explanation.factors.sum(axis=2) + explanation.bias_factors.sum(axis=2)
    np.testing.assert_allclose(totals / scale, phi[:2] / scale, atol=1e-10)


def test_default_conserves_to_1e_10_at_a_real_size():
    layers = make_layers((2000, 100, 50), ("relu", "identity"), seed=8)
    explanation = bilrp(layers, dosages(5, 2000, seed=8))
    assert explanation.similarity().min() > 1
    np.testing.assert_allclose(explanation.conservation(), 0, atol=1e-10)


def test_epsilon_loses_relevance_and_says_so(layers):
    X = dosages(3, 6)
    explanation = bilrp(layers, X, rule="epsilon", epsilon=0.5)
    inside = np.concatenate([explanation.factors, explanation.bias_factors], axis=2).sum(axis=2)
    expected = explanation.similarity() - inside @ inside.T
    np.testing.assert_allclose(explanation.conservation(), expected, atol=1e-13)
    assert np.abs(expected).max() > 0.01


@examples(25)
@given(st.integers(0, 10**6), st.floats(0.01, 100), st.floats(0.01, 100))
def test_homogeneous_without_biases(seed, scale, scale2):
    layers = make_layers((9, 6, 4), (LEAKY, "relu"), seed=seed, bias=0.0)
    X = 0.37 * dosages(2, 9, seed=seed)  # whole numbers, scaled, may look like missing calls
    plain = bilrp(layers, X[:1], X[1:])
    scaled = bilrp(layers, scale * X[:1], scale2 * X[1:])
    product = scale * scale2
    np.testing.assert_allclose(scaled.similarity(), product * plain.similarity(), rtol=1e-9)
    np.testing.assert_allclose(
        scaled.pair(0, 0).todense() / product, plain.pair(0, 0).todense(), rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("rule", ["gamma", "w2", "zb"])
def test_order_of_variants_and_of_hidden_units_does_not_matter(layers, rule):
    rng = np.random.default_rng(9)
    variants, units = rng.permutation(6), rng.permutation(5)
    (W0, b0, act0), (W1, b1, act1), last = layers
    shuffled = [(W0[variants][:, units], b0[units], act0), (W1[units], b1, act1), last]
    X = dosages(4, 6, seed=9)
    plain, moved = bilrp(layers, X, rule=rule), bilrp(shuffled, X[:, variants], rule=rule)
    np.testing.assert_allclose(moved.factors, plain.factors[:, :, variants], atol=1e-12)
    inside = plain.at_layer(0).factors[:, :, units]
    np.testing.assert_allclose(moved.at_layer(0).factors, inside, atol=1e-12)


def test_swapping_samples_transposes(layers):
    X = dosages(3, 6, seed=10)
    explanation = bilrp(layers, X)
    np.testing.assert_allclose(
        explanation.pair(0, 2).todense(), explanation.pair(2, 0).todense().T, atol=1e-14
    )
    apart = bilrp(layers, X[[0]], X[[2]])
    np.testing.assert_allclose(
        apart.pair(0, 0).todense(), explanation.pair(0, 2).todense(), atol=1e-14
    )


# -- corners --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["lrp0", "gamma", "w2", "zb", ["gamma", "w2", "w2"]])
@pytest.mark.parametrize("normalize", [False, True])
def test_dead_units_and_samples_without_alleles(rule, normalize):
    layers = make_layers((6, 5, 4, 3), ("relu", "relu", "relu"), bias=0.0)
    layers[0][0][:, 2] = 0.0  # nothing comes in
    layers[1][0][:, 1] = -1.0  # never above 0
    X = dosages(3, 6)
    X[1] = 0
    explanation = bilrp(layers, X, rule=rule, normalize=normalize)
    for array in (explanation.factors, explanation.bias_factors, explanation.similarity()):
        assert np.isfinite(array).all()
    assert (explanation.similarity()[1] == 0).all()
    assert (explanation.factors[1] == 0).all()
    assert (explanation.at_layer(0).factors[:, :, 2] == 0).all() or "w2" in rule


def test_cosine(layers):
    X = dosages(4, 6, seed=11)
    plain, cosine = bilrp(layers, X), bilrp(layers, X, normalize=True)
    length = np.sqrt(np.diag(plain.similarity()))
    expected = plain.similarity() / np.outer(length, length)
    np.testing.assert_allclose(cosine.similarity(), expected, atol=1e-13)
    np.testing.assert_allclose(
        cosine.pair(0, 1).todense(),
        plain.pair(0, 1).todense() / (length[0] * length[1]),
        atol=1e-13,
    )


@pytest.mark.parametrize("layer", [0, 1, -2, -3])
def test_layer_chooses_phi(layers, layer):
    X = dosages(3, 6)
    kept = layers[: layer + 1 if layer >= 0 else len(layers) + layer + 1]
    np.testing.assert_array_equal(bilrp(layers, X, layer=layer).factors, bilrp(kept, X).factors)


def test_dosages_are_not_written_to_and_keep_their_precision(layers):
    X = dosages(3, 6)
    kept = X.copy()
    explanation = bilrp(layers, X)
    np.testing.assert_array_equal(X, kept)
    assert explanation.factors.dtype == np.float64
    single = bilrp(layers, X.astype(np.float32))
    assert single.factors.dtype == single.pair(0, 1).dtype == np.float32
    np.testing.assert_allclose(single.factors, explanation.factors, atol=1e-5)


@pytest.mark.parametrize("rule", ["lrp0", "epsilon", "gamma", "w2", "zb"])
def test_lists_and_frames(layers, rule):
    pandas = pytest.importorskip("pandas")
    X = dosages(3, 6)
    as_lists = [(weight.tolist(), bias.tolist(), name) for weight, bias, name in layers]
    expected = bilrp(layers, X, rule=rule).factors
    np.testing.assert_array_equal(bilrp(as_lists, X.tolist(), rule=rule).factors, expected)
    np.testing.assert_array_equal(bilrp(layers, pandas.DataFrame(X), rule=rule).factors, expected)


def test_relevance_is_first_order_lrp(layers):
    X = dosages(3, 6)
    found, from_bias = relevance(layers, X, rule="lrp0")
    explanation = bilrp(layers, X, rule="lrp0")
    np.testing.assert_array_equal(found, explanation.factors)
    for number, x in enumerate(X):
        activations, sums = network(layers, x)
        below = np.diag(activations[-1])
        for at in (2, 1, 0):
            share = shares(layers[at], "lrp0", activations[at], sums[at])
            np.testing.assert_allclose(from_bias[number, :, at], share[-1] @ below, atol=1e-12)
            below = share[:-1] @ below
        np.testing.assert_allclose(found[number], below.T, atol=1e-12)
    assert relevance(layers, X, bias="denominator")[1].shape == (3, 3, 0)


# -- size -----------------------------------------------------------------------------------------


def test_memory_is_linear_in_the_factors_and_pairs_stay_factors():
    d, h, n = 5000, 20, 4
    layers = make_layers((d, 40, h), ("relu", "identity"), seed=12)
    X = dosages(n, d, seed=12)
    tracemalloc.start()
    try:
        explanation = bilrp(layers, X)
        explanation.marginal(0, 1)
        explanation.group(0, 1, np.arange(d) // 100)
        explanation.pair(0, 1) @ np.ones(d)
        _, peak_before = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_before < 3 * explanation.factors.nbytes  # d x d would be 31 times


# -- other array libraries ------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["array_api_strict", "array_api_strict device1", "torch"])
@pytest.mark.parametrize("rule", ["lrp0", "epsilon", "gamma", "w2", "zb", ["w2", "gamma", "gamma"]])
@pytest.mark.parametrize("dtype", ["int8", "float64", "float32"])
def test_values_equal_numpy(library, rule, dtype):
    name, _, device = library.partition(" ")
    xp = pytest.importorskip(name)
    options = {"device": xp.Device(device)} if device else {}
    layers = make_layers((6, 5, 4, 3), ("relu", LEAKY, "identity"), seed=13)
    X = dosages(3, 6, seed=13).astype(dtype)
    groups = [0, 0, 1, 1, 2, 2]
    expected = bilrp(layers, X[:2], X[1:], rule=rule, normalize=True)
    with config_context(array_api_dispatch=True):
        there = [xp.asarray(array, **options) for array in (X[:2], X[1:])]
        found = bilrp(layers, *there, rule=rule, normalize=True)
        tolerance = {"rtol": 0, "atol": 1e-5 if dtype == "float32" else 1e-12}
        for ask in (
            lambda e: e.factors,
            lambda e: e.factors2,
            lambda e: e.bias_factors,
            lambda e: e.similarity(),
            lambda e: e.marginal(0, 1),
            lambda e: e.at_layer(1).factors,
        ):
            assert type(ask(found)) is type(there[0])
            assert ask(found).device == there[0].device
            np.testing.assert_allclose(as_numpy(ask(found)), ask(expected), **tolerance)
        np.testing.assert_allclose(
            as_numpy(found.conservation()), expected.conservation(), **tolerance
        )
        for ask in (
            lambda e: e.pair(0, 1).todense(),
            lambda e: e.group(0, 1, groups),
            lambda e: e.top_pairs(0, 1, 3)[1],
        ):
            assert isinstance(ask(found), np.ndarray)
            np.testing.assert_allclose(ask(found), ask(expected), **tolerance)
