"""The rule by which codes for missing calls are found."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

from skgenetics.preprocessing import GenotypeImputer, GenotypeScaler, MinorAlleleFrequencyThreshold
from skgenetics.utils._validation import as_genotypes
from tests.hypothesis_settings import examples

INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64]


def codes_refused(X):
    """Whether an estimator refuses X for its codes."""
    try:
        as_genotypes(BaseEstimator(), X, reset=True)
    except ValueError as error:
        return "a code for missing calls" in str(error)
    return False


def beside_others(column, dtype):
    """Return a matrix of `column`, common dosages and a count beyond them, as `dtype`."""
    n = len(column)
    return np.column_stack([np.arange(n) % 3, column, 40 + np.arange(n)]).astype(dtype)


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("code", [-9, -127, -1, 9, 255, 3, 99, 247])
def test_integer_columns(code, dtype):
    info = np.iinfo(dtype)
    if not info.min <= code <= info.max:
        pytest.skip("not a number of this dtype")
    assert codes_refused(beside_others([0, 1, code, 2], dtype))
    assert not codes_refused(beside_others([0, 1, 1, 2], dtype))


@pytest.mark.parametrize("code", [-9, -127, 9, 255])
def test_floating_columns(code):
    assert codes_refused(beside_others([0, 1, code, 2], float))


@pytest.mark.parametrize(
    "column",
    [
        [-1, 0, 1, 1],  # coded -1, 0, 1
        [-1, 1, 1, -1],
        [-2, -1, 0, 2],  # an index
        [0, 1, 2, 4],  # a tetraploid
        [0, 3, 5, 9],  # a count
        [9, 9, 40, 3],
        [-9, -8, 0, 1],
    ],
)
def test_integers_that_are_numbers(column):
    X = np.column_stack([column, [0, 1, 1, 0]])
    assert not codes_refused(X)
    np.testing.assert_array_equal(GenotypeImputer().fit_transform(X), X)


@pytest.mark.parametrize(
    "column", [[-1, 0, 1, 2], [3, 0, 1, 2], [-1.5, 0.2, 9, 2], [-9, 0.1, 2.5, 1], [9, 0.5, 1, 2]]
)
def test_floats_that_are_numbers(column):
    X = np.column_stack([column, [0.0, 1.0, 1.0, 2.0]])
    assert not codes_refused(X)
    np.testing.assert_array_equal(GenotypeImputer().fit_transform(X), X)


def test_minus_one_beside_dosages_is_a_code_and_a_rare_one_too():
    assert codes_refused(np.array([[-1, 2], [0, 1], [1, 0], [-1, 1]]))
    rare = np.array([[-1, 0], [0, 1], [1, 0], [1, 1], [0, 1], [0, 0]])
    assert codes_refused(rare)
    assert not codes_refused(rare.astype(float))


def test_new_samples_are_read_as_those_of_training():
    X = np.array([[0, 1], [1, 1], [0, 0], [1, 0]], dtype=np.uint8)
    imputer = GenotypeImputer().fit(X)
    for code in (9, 255):
        one = np.array([[code, 1]], dtype=np.uint8)
        np.testing.assert_array_equal(imputer.transform(one), [[0.5, 1]])
    with pytest.raises(ValueError, match=r"3 .*column 0: .*missing_codes=\(3,\)"):
        imputer.transform(np.array([[3, 1]], dtype=np.uint8))
    centered = GenotypeImputer().fit(np.array([[-1, 1], [0, 1], [1, -1], [-1, 0]], dtype=np.int8))
    np.testing.assert_array_equal(centered.transform(np.array([[-1, 0]], np.int8)), [[-1, 0]])


def test_threes_are_the_users_to_explain():
    X = np.array([[0, 1], [3, 1], [1, 2]], dtype=np.uint8)
    with pytest.raises(ValueError, match=r"GenotypeImputer\(missing_codes=\(3,\)\)"):
        GenotypeImputer().fit(X)
    imputed = GenotypeImputer(missing_codes=(3,)).fit_transform(X)
    np.testing.assert_array_equal(imputed, [[0, 1], [0.5, 1], [1, 2]])
    np.testing.assert_array_equal(GenotypeImputer().fit_transform(X.astype(float)), X)
    assert MinorAlleleFrequencyThreshold(0, ploidy=3).fit(X).maf_[0] == pytest.approx(4 / 9)
    GenotypeScaler(ploidy=3).fit(X)
    GenotypeImputer().fit(np.column_stack([X, [0, 4, 2]]))  # tetraploids


def test_sparse_dosages_are_read_by_columns():
    X = beside_others([0, 1, 9, 2], np.int8)
    with pytest.raises(ValueError, match=r"X holds 9 beside dosages, in column 1: "):
        as_genotypes(BaseEstimator(), csr_array(X), reset=True, accept_sparse="csr")
    X[2, 1] = 0
    as_genotypes(BaseEstimator(), csr_array(X), reset=True, accept_sparse="csr")


def frames(X, with_age):
    """Yield X (int8) as data frames of several libraries and dtypes, beside an age if asked."""
    columns = {f"rs{j}": column for j, column in enumerate(X.T)}
    age = {"age": np.linspace(40.5, 70, len(X))} if with_age else {}
    for dtype in ("int8", "int64", "Int8", "Int64", "int16[pyarrow]", "float32", "float64"):
        yield dtype, pd.DataFrame(columns).astype(dtype).assign(**age)
    for dtype in (pl.Int8, pl.Int64, pl.Float32):
        yield dtype, pl.DataFrame({**columns, **age}).with_columns(pl.col("^rs.*$").cast(dtype))
    yield pa.Table, pa.table({**columns, **age})


@examples(15)
@given(
    st.lists(
        st.lists(st.sampled_from([0, 1, 2, -9]), min_size=3, max_size=3), min_size=6, max_size=9
    ),
    st.booleans(),
)
@pytest.mark.filterwarnings("ignore:.*no observed call:UserWarning")
def test_frames_of_every_kind_are_imputed_alike(rows, with_age):
    X = np.array(rows, dtype=np.int8)
    X[0] = [0, 1, 2]
    missing = X == -9
    means = np.array([column[~hole].mean() for column, hole in zip(X.T, missing.T)])
    expected = np.where(missing, means, X)
    for kind, frame in frames(X, with_age):
        imputed = GenotypeImputer().fit_transform(frame)
        np.testing.assert_allclose(imputed[:, :3], expected, rtol=1e-6, err_msg=str(kind))
        assert codes_refused(frame) == missing.any(), kind
