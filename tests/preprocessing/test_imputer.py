import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skgenetics.preprocessing import GenotypeImputer
from tests.hypothesis_settings import examples
from tests.oracles.preprocessing_naive import mean_dosage


@pytest.fixture
def genotypes():
    rng = np.random.default_rng(0)
    G = rng.binomial(2, rng.uniform(0.1, 0.9, 30), (50, 30)).astype(np.int8)
    G[rng.random(G.shape) < 0.1] = -9
    return G


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
@pytest.mark.parametrize("code", [-9, -127, -1])
def test_negative_integers_become_the_training_mean(genotypes, dtype, code):
    X = np.where(genotypes < 0, code, genotypes).astype(dtype)
    train, test = X[:35], X[35:]
    imputed = GenotypeImputer().fit(train).transform(test)
    means = np.array([mean_dosage(train[:, j], True) for j in range(X.shape[1])])
    assert (test < 0).any()
    assert imputed.dtype == np.float64
    assert_allclose(imputed, np.where(test < 0, means, test), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_agree_with_simple_imputer(genotypes, dtype):
    X = np.where(genotypes < 0, np.nan, genotypes).astype(dtype)
    imputed = GenotypeImputer().fit_transform(X)
    assert imputed.dtype == dtype
    assert_allclose(imputed, SimpleImputer().fit_transform(X.astype(float)), rtol=1e-7)


def test_negative_floats_are_data():
    X = np.array([[-1.5, np.nan], [0.5, -9.0], [1.0, 3.0]])
    assert_array_equal(GenotypeImputer().fit_transform(X), [[-1.5, -3.0], [0.5, -9.0], [1.0, 3.0]])


def test_unsigned_and_boolean_input():
    X = np.array([[0, 1], [1, 1]])
    for dtype in (np.uint8, bool):
        assert_array_equal(GenotypeImputer().fit_transform(X.astype(dtype)), X)


def test_missing_codes_add_to_the_others():
    X = np.array([[9, 0], [1, -1], [2, 2], [0, 9]], dtype=np.int8)
    expected = [[1, 0], [1, 1], [2, 2], [0, 1]]
    assert_array_equal(GenotypeImputer(missing_codes=(9,)).fit_transform(X), expected)
    floats = np.where(X < 0, np.nan, np.where(X == 9, -9.0, X))
    assert_array_equal(GenotypeImputer(missing_codes=[-9]).fit_transform(floats), expected)


@pytest.mark.parametrize("codes", [9, "negative", ("a",), None])
def test_bad_missing_codes(codes):
    with pytest.raises(TypeError, match="missing_codes must be a tuple or list of numbers"):
        GenotypeImputer(missing_codes=codes).fit([[0, 1]])


def test_dtype_does_not_depend_on_missing_calls():
    complete = np.array([[0, 1], [2, 1]], dtype=np.int8)
    imputer = GenotypeImputer().fit(complete)
    assert imputer.transform(complete).dtype == np.float64
    assert_array_equal(imputer.transform(complete), complete)


def test_output_is_new_and_input_untouched(genotypes):
    for X in (genotypes, np.where(genotypes < 0, np.nan, genotypes)):
        before = X.copy()
        X.setflags(write=False)
        imputed = GenotypeImputer().fit_transform(X)
        assert_array_equal(X, before)
        assert not np.shares_memory(imputed, X)


def test_never_observed_variant_warns_and_is_zero():
    X = pd.DataFrame({"rs1": [0, 1, 2], "rs2": [-9, -9, -9]}, dtype=np.int8)
    with pytest.warns(UserWarning, match="1 of 2 variants have no observed call.*: rs2"):
        imputed = GenotypeImputer().fit_transform(X)
    assert_array_equal(imputed[:, 1], 0)


@pytest.mark.filterwarnings("ignore:.*no observed call:UserWarning")
def test_never_observed_variant_does_not_end_a_fold(genotypes):
    X = genotypes.copy()
    X[:, 0] = -9
    X[:10, 0] = 1  # observed in the first test fold alone
    y = np.arange(50.0)
    scores = cross_val_score(make_pipeline(GenotypeImputer(), Ridge()), X, y, error_score="raise")
    assert np.isfinite(scores).all()


def test_data_frames_and_names(genotypes):
    names = [f"22_{position}_A_G" for position in range(30)]
    X = pd.DataFrame(genotypes, columns=names)
    imputer = GenotypeImputer().set_output(transform="pandas").fit(X)
    out = imputer.transform(X)
    assert list(out.columns) == names == list(imputer.get_feature_names_out())
    assert_array_equal(out.to_numpy(), GenotypeImputer().fit_transform(genotypes))


def test_pandas_nullable_integers():
    X = pd.DataFrame({"a": pd.array([0, None, 2], dtype="Int8"), "b": [1.0, 2.0, np.nan]})
    assert_array_equal(GenotypeImputer().fit_transform(X), [[0, 1], [1, 2], [2, 1.5]])


def test_infinity_raises():
    with pytest.raises(ValueError, match="infinity"):
        GenotypeImputer().fit([[0.0, np.inf]])


@examples(40)
@given(arrays(np.int8, (7, 3), elements=st.sampled_from([-9, 0, 1, 2])))
@pytest.mark.filterwarnings("ignore:.*no observed call:UserWarning")
def test_imputing_keeps_means_and_twice_is_once(X):
    imputer = GenotypeImputer().fit(X)
    once = imputer.transform(X)
    assert_allclose(once.mean(axis=0), imputer.mean_, atol=1e-15)
    assert_array_equal(imputer.transform(once), once)


@pytest.mark.parametrize("dtype", ["int8", "float32", "float64"])
@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_namespaces_agree_with_numpy(genotypes, library, dtype):
    xp = array_api_strict if library == "array_api_strict" else pytest.importorskip("torch")
    X = genotypes if dtype == "int8" else np.where(genotypes < 0, np.nan, genotypes).astype(dtype)
    expected = GenotypeImputer().fit_transform(X)
    with config_context(array_api_dispatch=True):
        found = GenotypeImputer().fit_transform(xp.asarray(X))
    assert type(found) is type(xp.asarray(X))
    assert np.asarray(found).dtype == expected.dtype
    assert_allclose(np.asarray(found), expected, rtol=1e-15)


def test_blocks_of_columns_do_not_change_anything():
    """Wide enough for several blocks of columns."""
    rng = np.random.default_rng(3)
    X = rng.integers(-1, 3, (2000, 5000), dtype=np.int8)
    imputed = GenotypeImputer().fit_transform(X)
    calls = np.ma.masked_less(X, 0)
    assert_allclose(imputed, calls.filled(0) + np.where(X < 0, calls.mean(axis=0).data, 0))
