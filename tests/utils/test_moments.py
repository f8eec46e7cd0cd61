import numpy as np
import pytest

from skgenetics.utils._moments import column_moments, is_constant, reciprocal


@pytest.mark.parametrize("dtype", [np.int8, np.float32, np.float64])
def test_moments_equal_numpy(dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (50, 7)).astype(dtype)
    weight = rng.integers(0, 4, 50)
    y = rng.normal(size=50)
    repeated = np.repeat(X.astype(float), weight, axis=0)
    share = (weight / weight.sum()).astype(np.float32 if dtype == np.float32 else float)
    mean, variance, covariance = column_moments(X, share, (y - share @ y).astype(share.dtype))
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(mean, repeated.mean(axis=0), rtol=tolerance)
    np.testing.assert_allclose(variance, repeated.var(axis=0), rtol=tolerance)
    expected = np.cov(np.c_[repeated, np.repeat(y, weight)].T, bias=True)[-1, :-1]
    np.testing.assert_allclose(covariance, expected, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_samples", [3, 1000, 200_000])
def test_a_constant_is_constant_at_any_size_and_number_of_rows(dtype, n_samples):
    values = np.array([0.1, 1.0, 2 / 3, 1e20, 1e-20, -7.3, 0.0], dtype=dtype)
    X = np.tile(values, (n_samples, 1))
    share = np.full(n_samples, 1 / n_samples, dtype=dtype)
    _, variance, _ = column_moments(X, share)
    np.testing.assert_array_equal(variance, 0)


def test_small_variation_beside_a_large_mean_is_kept():
    X = 1e6 + np.random.default_rng(0).normal(size=(1000, 1))
    mean, variance, _ = column_moments(X, np.full(1000, 1e-3))
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-8)
    assert not is_constant(variance, mean).any()


def test_reciprocal_of_zero_is_zero():
    np.testing.assert_array_equal(reciprocal(np.array([0.0, 4.0])), [0, 0.25])
