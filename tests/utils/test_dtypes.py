"""One policy for dtypes, masks and gradients, in every estimator."""

import numpy as np
import pytest

from skgenetics.utils._arrays import float_dtype
from skgenetics.utils._validation import as_array


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        (">f4", "float32"),
        ("float64", "float64"),
        ("longdouble", "float64"),
        ("int8", "int8"),
        (">i2", "int16"),
        ("bool", "bool"),
    ],
)
def test_real_numbers(dtype, expected):
    values = np.arange(6).reshape(3, 2).astype(dtype)
    array, integer = as_array(values)
    assert array.dtype == np.dtype(expected)
    assert array.dtype.isnative
    assert integer is None
    np.testing.assert_array_equal(array, values)
    assert np.shares_memory(array, values) == (np.dtype(dtype) == np.dtype(expected))
    assert float_dtype(array) == (np.dtype(expected) if "float" in expected else np.float64)


def test_text_and_complex_numbers_are_left_for_the_check():
    for values in (np.array([["a"]]), np.ones((2, 2), dtype=complex), [[1, 2]], None):
        assert as_array(values)[0] is values


def test_masked_cells_are_missing():
    X = np.ma.masked_array([[0, 1], [7, 2]], mask=[[False, False], [True, False]], dtype=np.int8)
    np.testing.assert_array_equal(as_array(X)[0], [[0, 1], [np.nan, 2]])
    half = as_array(X.astype(np.float16))[0]
    assert half.dtype == np.float32
    np.testing.assert_array_equal(half, [[0, 1], [np.nan, 2]])
    assert as_array(np.ma.masked_array([[0, 1]], dtype=np.int8))[0].dtype == np.int8
