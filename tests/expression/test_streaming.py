"""Genotypes larger than memory allows as floats: int8, mapped from a file, read in blocks."""

import tracemalloc

import numpy as np
import pytest

from skgenetics import MILAGERegressor
from tests.expression.models import STRENGTHS

N, P = 100, 600_000  # 60 MB as int8, 240 as float32


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "X.npy"
    X = np.lib.format.open_memmap(path, mode="w+", dtype=np.int8, shape=(N, P))
    X[:] = np.random.default_rng(0).integers(0, 3, size=(N, P), dtype=np.int8)
    X.flush()
    return np.load(path, mmap_mode="r")


def expression(X):
    rng = np.random.default_rng(0)
    y = rng.normal(size=(N, 5, 2)) + X[:, 3, None, None]
    y[rng.random((N, 1, 2)).repeat(5, axis=1) < 0.3] = np.nan
    return y


def peak(function):
    """The most memory that was allocated at once, and the result."""
    tracemalloc.start()
    try:
        result = function()
        return tracemalloc.get_traced_memory()[1], result
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_mapped_genotypes_are_neither_copied_nor_turned_into_floats(mapped):
    model = MILAGERegressor(
        2, cis_windows=[[0, 20]] * 5, n_variants=P, cis_alpha=0.1, polygenic=True, tol=0.1,
        random_state=0, **STRENGTHS,
    )  # fmt: skip
    y = expression(mapped)
    fitted, model = peak(lambda: model.fit(mapped, y))
    assert np.shares_memory(model.X_fit_, mapped)
    predicted, values = peak(lambda: model.predict(mapped))
    effects, coef = peak(lambda: model.variant_coef_)
    blocks = 5 * 2**25  # bytes; a copy in single precision takes 4 * X.size, or 240 MB
    assert max(fitted, predicted) < blocks
    assert effects < blocks + 3 * coef.nbytes
    in_memory = MILAGERegressor(**model.get_params()).fit(np.array(mapped), y)
    np.testing.assert_array_equal(in_memory.predict(np.array(mapped)), values)
    columns = np.arange(0, P, 1000)
    dense = mapped[:, columns].astype(float)
    dense = (dense - dense.mean(axis=0)) / model._scale.size
    np.testing.assert_allclose(coef[:, columns], (dense.T @ model.dual_coef_).T, atol=1e-12)
