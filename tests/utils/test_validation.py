"""Checks of parameters and data."""

import tracemalloc

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import DataConversionWarning

from skgenetics import LINAClassifier, LINARegressor, MILAGERegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.preprocessing import GenotypeImputer
from skgenetics.utils._arrays import numpy_namespace as xp
from skgenetics.utils._optional import import_optional
from skgenetics.utils._validation import as_genotypes, validate_fit_data, validate_sample_weight


def test_optional_package_names_its_extra():
    assert import_optional("math", extra="none").sqrt(4) == 2
    with pytest.raises(
        ImportError, match=r"nowhere is needed .* pip install 'skgenetics\[plots\]'"
    ):
        import_optional("nowhere.at_all", extra="plots")


def test_int8_genotypes_are_not_copied():
    X = np.ones((4, 3), dtype=np.int8)
    checked, _, device = as_genotypes(BaseEstimator(), X, reset=True)
    assert np.shares_memory(checked, X)
    assert checked.dtype == np.int8
    assert device == "cpu"
    checked, *_ = validate_fit_data(BaseEstimator(), X, np.arange(4.0))
    assert np.shares_memory(checked, X)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 2, 3)])
def test_targets_of_every_rank_with_missing_cells(shape):
    y = np.arange(np.prod(shape), dtype=float).reshape(shape)
    y[0] = np.nan
    X = np.ones((4, 2))
    options = {"ndims": (1, 2, 3), "allow_nan": True}
    _, checked, *_ = validate_fit_data(BaseEstimator(), X, y, **options)
    np.testing.assert_array_equal(checked, y)
    _, whole, *_ = validate_fit_data(BaseEstimator(), X, np.ones(shape, dtype=int), **options)
    assert whole.dtype == np.float64
    with pytest.raises(ValueError, match="no observed cell"):
        validate_fit_data(BaseEstimator(), X, np.full(shape, np.nan), **options)
    with pytest.raises(ValueError, match="infinity"):
        validate_fit_data(BaseEstimator(), X, np.full(shape, np.inf), **options)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        validate_fit_data(BaseEstimator(), X[:3], y, **options)


def test_checks_of_large_targets_do_not_copy_them():
    X, y = np.ones((40, 2)), np.ones((40, 20_000, 12), dtype=np.float32)
    y[:10] = np.nan
    tracemalloc.start()
    try:
        _, checked, *_ = validate_fit_data(BaseEstimator(), X, y, ndims=(3,), allow_nan=True)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.shares_memory(checked, y)
    assert most < 0.8 * y.nbytes


def test_wrong_rank_is_named():
    X = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"must be 1-D or 2-D .* shape \(4, 1, 1\)"):
        validate_fit_data(BaseEstimator(), X, np.ones((4, 1, 1)), ndims=(1, 2))
    with pytest.warns(DataConversionWarning):
        _, y, *_ = validate_fit_data(BaseEstimator(), X, np.ones((4, 1)))
    assert y.shape == (4,)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, 2], r"shape \(3,\), one weight per sample; got \(2,\)"),
        ([1, np.nan, 1], "NaN or infinity"),
        ([1, -1, 1], "negative weight"),
        ([0, 0, 0], "Every sample_weight is zero"),
        ([1e30, 0, 1], r"sums to 1e\+30; weights are frequencies"),
    ],
)
def test_wrong_weights_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weight, 3, xp, "cpu", np.float64)


def test_weights_may_be_none_or_one_number():
    assert validate_sample_weight(None, 3, xp, "cpu", np.float64) is None
    assert validate_sample_weight(2, 3, xp, "cpu", np.float64).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("estimator", "flags"),
    [
        (MMASHRegressor(), ["standardize", "fit_intercept", "include_null", "warm_start"]),
        (MILAGERegressor(), ["standardize_expression", "early_stopping"]),
        (LINAClassifier(), ["standardize", "early_stopping", "warm_start"]),
        (LINARegressor(), ["standardize", "early_stopping", "warm_start"]),
        (CovariateAdjustedRegressor(MMASHRegressor()), ["adjust_features"]),
    ],
)
def test_flags_are_true_or_false(estimator, flags):
    X = np.arange(12).reshape(6, 2) % 3
    for flag in flags:
        with pytest.raises(TypeError, match=rf"^{flag} must be True or False; got 'no'\.$"):
            clone(estimator).set_params(**{flag: "no"}).fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("dtype", [np.int16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("code", [-9, -127])
def test_missing_codes_are_seen_beside_dosages(dtype, code):
    X = np.array([[0, 1, 2], [2, code, 1], [1, 0, code]], dtype=dtype)
    with pytest.raises(ValueError, match=rf"X holds {code} .*columns 1, 2: .*GenotypeImputer"):
        as_genotypes(BaseEstimator(), X, reset=True)
    imputed = GenotypeImputer().fit_transform(X)
    np.testing.assert_array_equal(imputed, [[0, 1, 2], [2, 0.5, 1], [1, 0, 1.5]])
    as_genotypes(BaseEstimator(), imputed, reset=True)


@pytest.mark.parametrize("other", [-1, 3, -9.5])
def test_minus_nine_among_other_numbers_is_a_number(other):
    as_genotypes(BaseEstimator(), np.array([[0, -9], [0, other], [0, 2.0]]), reset=True)


def test_missing_codes_are_seen_in_mixed_data_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": np.array([0, 1, -9], dtype=np.int8), "b": [0.5, 1.0, 2.0]})
    with pytest.raises(ValueError, match=r"X holds -9 .*in column a: .*floats"):
        as_genotypes(BaseEstimator(), frame, reset=True)
    frame["a"] = frame["a"].clip(lower=0)
    validate_fit_data(BaseEstimator(), frame, np.ones(3))
