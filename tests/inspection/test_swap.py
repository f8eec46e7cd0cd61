import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression

from skgenetics.inspection import swap_interactions

# Values are compared with those of networks in tests/neural_network/test_interactions.py.


def test_one_feature_has_no_pairs():
    X = np.arange(6.0)[:, None]
    model = LinearRegression().fit(X, X[:, 0])
    np.testing.assert_array_equal(swap_interactions(model, X), [[0.0]])
    np.testing.assert_array_equal(swap_interactions(model, X, pairs=[[0, 0]]), [0.0])


def test_sparse_dosages_are_those_of_the_dense_ones():
    X = np.random.default_rng(0).integers(0, 3, size=(40, 3)).astype(float)

    class Product(LinearRegression):
        def predict(self, X):
            return X[:, 0] * X[:, 1] + X[:, 2]

    model = Product().fit(X, X[:, 0])
    dense, from_sparse = (swap_interactions(model, A, random_state=0) for A in (X, csr_array(X)))
    np.testing.assert_array_equal(from_sparse, dense)
    assert dense[0, 1] > 0.5
    assert abs(dense[0, 2]) < 1e-12


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_frames_stay_what_they_are(library):
    rng = np.random.default_rng(0)
    columns = {"a": rng.integers(0, 3, 60, dtype=np.int8), "b": rng.normal(size=60)}
    columns["c"] = rng.integers(0, 3, 60)
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}[library](columns)
    if library == "pandas":
        frame.index = rng.permutation(60)
    dtypes = str(frame.schema if library != "pandas" else frame.dtypes)

    class Product(LinearRegression):
        def predict(self, X):
            if not isinstance(X, np.ndarray):
                assert type(X) is type(frame)
                assert str(X.schema if library != "pandas" else X.dtypes) == dtypes
                X = np.column_stack([np.asarray(X[name]) for name in "abc"])
            return X[:, 0] * X[:, 1] + X[:, 2]

    model = Product()
    expected = swap_interactions(model, np.column_stack(list(columns.values())), random_state=0)
    found = swap_interactions(model, frame, random_state=0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    named = swap_interactions(model, frame, pairs=[["a", "b"]], random_state=0)
    np.testing.assert_allclose(named, [expected[0, 1]], rtol=1e-12)
