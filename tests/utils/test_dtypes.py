"""One policy for dtypes, masks and gradients, in every estimator."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_predict

from skgenetics import FinemapMiXeR, LINAClassifier
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


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_ld_of_any_float(dtype):
    X = np.random.default_rng(0).integers(0, 3, (60, 4))
    R = np.corrcoef(X.T).astype(dtype)
    kept = R.astype(np.float32 if dtype is np.float16 else np.float64)
    z = np.array([4.0, 1.0, 0.0, -1.0])
    expected = FinemapMiXeR().fit_summary(z, kept, n_samples=60_000).pip_
    model = FinemapMiXeR().fit_summary(z, R, n_samples=60_000)
    np.testing.assert_array_equal(model.pip_, expected)
    assert model.pip_.dtype == kept.dtype
    skew = kept.copy()
    skew[0, 1] += 0.05
    with pytest.raises(ValueError, match="symmetric"):
        FinemapMiXeR().fit_summary(z, skew.astype(dtype), n_samples=60_000)


def test_nan_that_scikit_learn_encoded_is_named():
    X = np.random.default_rng(0).integers(0, 3, (30, 3))
    Y = (X[:, :2] > 0).astype(float)
    Y[::4] = np.nan
    model = LINAClassifier((3,), max_iter=2)
    with pytest.raises(ValueError, match=r"holds 2.*cross_val_predict makes 2 of NaN.*by fold"):
        cross_val_predict(model, X, Y, cv=KFold(3), method="predict_proba")
