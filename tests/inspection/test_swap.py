import numpy as np
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
