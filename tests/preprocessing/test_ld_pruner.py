from pathlib import Path

import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.pipeline import make_pipeline

from skgenetics.preprocessing import LDPruner, MinorAlleleFrequencyThreshold
from tests.hypothesis_settings import examples
from tests.oracles.preprocessing_naive import (
    correlation,
    greedy_pruning,
    minor_allele_frequency,
)


def make_linked(n=80, p=60, seed=0, missing=0.03):
    """Return int8 dosages whose neighbors are alike, with missing calls."""
    rng = np.random.default_rng(seed)
    haplotypes = np.empty((2 * n, p), dtype=np.int8)
    haplotypes[:, 0] = rng.random(2 * n) < 0.4
    for j in range(1, p):
        fresh = rng.random(2 * n) < rng.uniform(0.2, 0.5)
        change = rng.random(2 * n) < rng.choice([0.0, 0.01, 0.1, 0.5])
        haplotypes[:, j] = np.where(change, fresh, haplotypes[:, j - 1])
    G = haplotypes[:n] + haplotypes[n:]
    G[rng.random(G.shape) < missing] = -9
    return G


@pytest.mark.parametrize("keep", ["first", "maf"])
@pytest.mark.parametrize("threshold", [0.3, 0.8, 0.99])
@pytest.mark.parametrize("window", [0, 1, 7, 1000])
def test_against_double_loop(window, threshold, keep):
    X = make_linked()
    p = X.shape[1]
    order = range(p)
    if keep == "maf":
        order = sorted(order, key=lambda j: -minor_allele_frequency(X[:, j], True))
    expected = greedy_pruning(X, threshold, order, lambda i, j: abs(i - j) <= window)
    pruner = LDPruner(threshold, window=window, keep=keep).fit(X)
    assert_array_equal(pruner.get_support(indices=True), expected)
    assert_array_equal(pruner.transform(X), X[:, expected])
    if window > 0:
        assert len(expected) < p
    assert_array_equal(pruner.kept_for_[expected], expected)
    for j in set(range(p)) - set(expected):
        rivals = [i for i in order if i in expected and abs(i - j) <= window]
        first = next(i for i in rivals if abs(correlation(X, i, j)) > threshold)
        assert pruner.kept_for_[j] == first


def test_window_in_base_pairs_and_chromosomes():
    X = make_linked(seed=1)
    rng = np.random.default_rng(1)
    positions = np.concatenate([np.sort(rng.integers(0, 5000, 30)) for _ in range(2)])
    positions[3] = positions[2]
    chromosomes = np.repeat(["1", "X"], 30)

    def comparable(i, j):
        return chromosomes[i] == chromosomes[j] and abs(positions[i] - positions[j]) <= 700

    expected = greedy_pruning(X, 0.5, range(60), comparable)
    pruner = LDPruner(0.5, window=700, positions=positions, chromosomes=chromosomes)
    assert_array_equal(pruner.fit(X).get_support(indices=True), expected)
    unsigned = pruner.set_params(positions=positions.astype(np.uint32))
    assert_array_equal(unsigned.fit(X).get_support(indices=True), expected)
    assert len(LDPruner(0.5).fit(X).get_support(indices=True)) < len(expected)


def test_default_windows():
    rng = np.random.default_rng(2)
    column = rng.integers(0, 3, (30, 1))
    X = np.hstack([column, rng.integers(0, 3, (30, 1000)), column]).astype(np.int8)
    assert LDPruner().fit(X).get_support()[-1]  # 1001 columns apart
    assert not LDPruner(window=1001).fit(X).get_support()[-1]
    pair = np.hstack([column, column])
    assert_array_equal(LDPruner(positions=[0, 500_001]).fit(pair).get_support(), [True, True])
    assert_array_equal(LDPruner(positions=[0, 500_000]).fit(pair).get_support(), [True, False])


@pytest.mark.parametrize("n", [10, 40_000])
def test_tiles(n):
    """More columns than a tile, and rows enough for narrow tiles."""
    rng = np.random.default_rng(3)
    p = 2500 if n == 10 else 300
    X = rng.integers(0, 3, (n, p), dtype=np.int8)
    X[:, 1::3] = X[:, 0 : p - 1 : 3][:, : X[:, 1::3].shape[1]]
    X[:, p - 1] = X[:, 0]
    X[: n // 2, 5] = X[: n // 2, 200]
    expected, r = [], np.corrcoef(X.T.astype(float))
    for j in range(p):
        if not (np.abs(r[expected, j]) > 0.9).any():
            expected.append(j)
    pruner = LDPruner(0.9, window=p).fit(X)
    assert_array_equal(pruner.get_support(indices=True), expected)


def test_constant_and_never_observed_variants_are_kept():
    X = np.array([[0, 1, -9, 0, 1], [1, 1, -9, 1, 1], [2, 1, -9, 2, 1]], dtype=np.int8)
    assert_array_equal(LDPruner().fit(X).get_support(), [True, True, True, False, True])


def test_threshold_one_keeps_copies():
    """The computed |r| of some copies is above 1 by rounding."""
    base = np.random.default_rng(5).normal(size=(37, 200))
    assert LDPruner(1.0).fit(np.hstack([base, base])).get_support().all()
    copies = LDPruner(0.9999999).fit(np.hstack([base, base])).get_support()
    assert_array_equal(copies, np.repeat([True, False], 200))


def test_frames_names_and_positions_by_name():
    X = pd.DataFrame(make_linked()).add_prefix("rs")
    positions = {name: 100 * place for place, name in enumerate(X.columns)}
    pruner = LDPruner(0.8, window=700, positions=positions)
    pipeline = make_pipeline(MinorAlleleFrequencyThreshold(0.3), pruner)
    out = pipeline.set_output(transform="pandas").fit_transform(X)
    common = X.loc[:, pipeline[0].get_support()]
    expected = greedy_pruning(
        common.to_numpy(),
        0.8,
        range(common.shape[1]),
        lambda i, j: abs(positions[common.columns[i]] - positions[common.columns[j]]) <= 700,
    )
    assert len(expected) < common.shape[1] < X.shape[1]
    pd.testing.assert_frame_equal(out, common.iloc[:, expected])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"threshold": 1.1}, "threshold"),
        ({"window": -1}, "window"),
        ({"keep": "last"}, "keep must be one of"),
        ({"ploidy": 0}, "ploidy"),
        ({"positions": [1, 2]}, r"positions must have one value for each of the 3 variants"),
        ({"positions": [1, 3, 2]}, "positions descend within a chromosome"),
        ({"positions": [1, np.nan, 2]}, "positions must be numbers"),
        ({"positions": ["a", "b", "c"]}, "positions must be numbers"),
        ({"positions": {"rs1": 2}}, "X has no labels to match it by"),
        ({"chromosomes": [1, 2, 1]}, "several runs of columns"),
        ({"chromosomes": [1, 2]}, "chromosomes must have one value"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        LDPruner(**parameters).fit([[0, 1, 2], [1, 0, 1]])


def test_unknown_names():
    X = pd.DataFrame({"a": [0, 1], "b": [1, 2]})
    with pytest.raises(ValueError, match="absent from positions, 1 of 2, such as 'b'"):
        LDPruner(positions={"a": 1}).fit(X)


@examples(60)
@given(
    arrays(np.int8, (8, 6), elements=st.sampled_from([-9, 0, 1, 2])),
    st.sampled_from(["first", "maf"]),
    st.integers(0, 6),
)
def test_kept_variants_are_not_linked_and_dropped_ones_are(X, keep, window):
    pruner = LDPruner(0.7, window=window, keep=keep).fit(X)
    kept = pruner.get_support(indices=True)
    for a, i in enumerate(kept):
        for j in kept[a + 1 :]:
            assert j - i > window or abs(correlation(X, i, j)) <= 0.7 + 1e-12
    for j in range(6):
        stands = pruner.kept_for_[j]
        assert stands in kept
        assert stands == j or abs(correlation(X, stands, j)) > 0.7 - 1e-12


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_namespaces_agree_with_numpy(library, dtype):
    xp = array_api_strict if library == "array_api_strict" else pytest.importorskip("torch")
    X = make_linked().astype(dtype)
    if dtype != "int8":
        X[X < 0] = np.nan
    expected = LDPruner(0.8, window=20, keep="maf").fit(X)
    with config_context(array_api_dispatch=True):
        found = LDPruner(0.8, window=20, keep="maf").fit(xp.asarray(X))
        out = found.transform(xp.asarray(X))
    assert type(found.support_) is type(out) is type(xp.asarray(X))
    assert_array_equal(np.asarray(found.kept_for_), expected.kept_for_)
    assert_array_equal(np.asarray(out), expected.transform(X))


def test_real_locus():
    path = Path(__file__).parents[3] / "shared/data/geuvadis_chr22/geno.npz"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with np.load(path) as data:
        X = data["G"][:, :1500]
    r = np.abs(np.corrcoef(X.T.astype(float)))
    expected = []
    for j in range(X.shape[1]):
        near = [i for i in expected if j - i <= 400]
        if not (r[near, j] > 0.99).any():
            expected.append(j)
    pruner = LDPruner(window=400).fit(X)
    assert_array_equal(pruner.get_support(indices=True), expected)
    assert len(expected) < 1000
