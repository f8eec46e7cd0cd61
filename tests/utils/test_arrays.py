"""The array-namespace module itself."""

import sys
import types

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator

from skgenetics.utils._arrays import (
    check_same_namespace,
    column_blocks,
    float_dtype,
    get_namespace_and_device,
    is_numpy,
    is_on_gpu,
    matvec,
    move_to,
    numpy_namespace,
    to_numpy,
    working_size,
)

strict = pytest.importorskip("array_api_strict")


def test_namespace_follows_dispatch():
    array = strict.asarray([1.0], device=strict.Device("device1"))
    with config_context(array_api_dispatch=True):
        xp, device = get_namespace_and_device(None, [1], array)
    assert xp.__name__ == "array_api_strict"
    assert device == strict.Device("device1")
    assert is_numpy(get_namespace_and_device(array)[0])  # dispatch is off
    assert get_namespace_and_device([1.0, 2.0]) == (numpy_namespace, "cpu")


def test_cupy_without_dispatch_says_what_to_set(monkeypatch):
    module = types.ModuleType("cupy")
    module.ndarray = type("ndarray", (), {})
    monkeypatch.setitem(sys.modules, "cupy", module)
    with pytest.raises(ValueError, match=r"SCIPY_ARRAY_API=1 .*array_api_dispatch=True"):
        get_namespace_and_device(module.ndarray())


def test_blocks_are_larger_on_a_gpu(monkeypatch):
    module = types.ModuleType("cupy")
    module.ndarray = type("ndarray", (), {})
    monkeypatch.setitem(sys.modules, "cupy", module)
    there = module.ndarray()
    assert is_on_gpu(there)
    assert working_size(2**17, there) == 2**26
    assert working_size(2**27, there) == 2**27
    for here in (np.zeros(2), strict.zeros(2, device=strict.Device("device1"))):
        assert not is_on_gpu(here)
        assert working_size(2**17, here) == 2**17


@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1"])
def test_round_trip_between_host_and_device(device):
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    device = strict.Device(device)
    there = move_to(values, strict, device)
    assert there.device == device
    assert there.dtype == strict.float32
    np.testing.assert_array_equal(to_numpy(there), values)
    assert move_to(there, strict, device) is there
    assert move_to(there, strict, device, strict.float64).dtype == strict.float64
    back = move_to(there, numpy_namespace, "cpu")
    assert isinstance(back, np.ndarray)


def test_to_numpy_does_not_copy_numpy():
    values = np.ones(3)
    assert to_numpy(values) is values
    assert to_numpy([1, 2]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("dtype", "expected"), [("int8", "float64"), ("float32", "float32"), ("float64", "float64")]
)
def test_float_dtype_keeps_floats(dtype, expected):
    assert float_dtype(np.ones(2, dtype=dtype)) == np.dtype(expected)


def test_column_blocks_cover_and_convert_without_a_copy_of_floats():
    X = np.arange(20, dtype=np.int8).reshape(4, 5)
    blocks = list(column_blocks(X, np.float64, max_bytes=2 * 8 * 4))
    assert [(columns.start, columns.stop) for columns, _ in blocks] == [(0, 2), (2, 4), (4, 5)]
    np.testing.assert_array_equal(np.hstack([block for _, block in blocks]), X)
    assert all(block.dtype == np.float64 for _, block in blocks)
    X = X.astype(float)
    ((_, block),) = column_blocks(X, np.float64)
    assert np.shares_memory(block, X)
    np.testing.assert_allclose(matvec(X, np.arange(5.0)), X @ np.arange(5))


def test_check_same_namespace_names_the_method():
    estimator = BaseEstimator()
    estimator.coef_ = strict.asarray([1.0])
    check_same_namespace(estimator, np.ones(1), attribute="coef_", method="predict")  # no dispatch
    with config_context(array_api_dispatch=True):
        check_same_namespace(estimator, strict.asarray([2.0]), attribute="coef_", method="predict")
        for other in (np.ones(1), strict.asarray([1.0], device=strict.Device("device1"))):
            with pytest.raises(ValueError, match=r"BaseEstimator.predict\(\) must use the same"):
                check_same_namespace(estimator, other, attribute="coef_", method="predict")
