import numpy as np
import pytest
from scipy.sparse.linalg import LinearOperator, svds
from sklearn.metrics import roc_auc_score

from skgenetics.datasets import make_genotypes
from skgenetics.inspection import SimilarityExplanation, bilrp
from skgenetics.inspection._pairs import top_products

N_VARIANTS = 40


@pytest.fixture
def explanation():
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(size=(N_VARIANTS, 12)), rng.normal(size=12), "relu"),
        (rng.normal(size=(12, 5)), rng.normal(size=5), "identity"),
    ]
    X = rng.integers(0, 3, size=(4, N_VARIANTS))
    return bilrp(layers, X[:3], X[2:])


def all_pairs(explanation, i, i2):
    """R_jj' as a sum of outer products, a unit at a time."""
    return sum(
        np.outer(left, right)
        for left, right in zip(explanation.factors[i], explanation.factors2[i2], strict=True)
    )


def test_pair_is_a_linear_operator(explanation):
    expected = all_pairs(explanation, 1, 0)
    pair = explanation.pair(1, 0)
    assert isinstance(pair, LinearOperator)
    assert pair.shape == (N_VARIANTS, N_VARIANTS)
    assert pair.dtype == np.float64
    rng = np.random.default_rng(1)
    vector, block = rng.normal(size=N_VARIANTS), rng.normal(size=(N_VARIANTS, 3))
    np.testing.assert_allclose(pair.todense(), expected, atol=1e-11)
    np.testing.assert_allclose(pair @ vector, expected @ vector, atol=1e-10)
    np.testing.assert_allclose(pair @ block, expected @ block, atol=1e-10)
    np.testing.assert_allclose(pair.rmatvec(vector), expected.T @ vector, atol=1e-10)
    np.testing.assert_allclose(pair.T @ vector, expected.T @ vector, atol=1e-10)
    np.testing.assert_allclose(pair.H.todense(), expected.T, atol=1e-11)
    np.testing.assert_allclose(
        svds(pair, k=2, random_state=0)[1],
        np.sort(np.linalg.svd(expected, compute_uv=False)[:2]),
        rtol=1e-9,
    )


def test_marginals_are_sums_of_pairs(explanation):
    expected = all_pairs(explanation, 2, 1)
    np.testing.assert_allclose(explanation.marginal(2, 1), expected.sum(axis=1), atol=1e-11)
    np.testing.assert_allclose(explanation.marginal(2, 1, axis=0), expected.sum(axis=0), atol=1e-11)


def test_groups_pool_pairs(explanation):
    rng = np.random.default_rng(2)
    groups = rng.permutation(np.repeat(["gene C", "gene A", "gene B"], [5, 25, 10]))
    expected = all_pairs(explanation, 0, 1)
    pooled = explanation.group(0, 1, groups.tolist())
    assert pooled.shape == (3, 3)
    for row, name in enumerate(["gene A", "gene B", "gene C"]):
        for column, name2 in enumerate(["gene A", "gene B", "gene C"]):
            total = expected[np.ix_(groups == name, groups == name2)].sum()
            assert pooled[row, column] == pytest.approx(total, abs=1e-11)


@pytest.mark.parametrize("k", [1, 7, 200, N_VARIANTS**2])
def test_top_pairs_equal_the_full_sort(explanation, k):
    expected = all_pairs(explanation, 0, 1)
    order = np.argsort(-np.abs(expected), axis=None)[:k]
    pairs, relevance = explanation.top_pairs(0, 1, k)
    assert pairs.shape == (k, 2)
    np.testing.assert_allclose(relevance, expected.ravel()[order], atol=1e-11)
    np.testing.assert_allclose(expected[pairs[:, 0], pairs[:, 1]], relevance, atol=1e-11)
    assert len({tuple(pair) for pair in pairs.tolist()}) == k


@pytest.mark.parametrize("decay", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("k", [1, 30])
def test_top_pairs_over_several_blocks(decay, k):
    rng = np.random.default_rng(3)
    d = 2500
    left, right = (rng.normal(size=(4, d)) * rng.uniform(size=d) ** decay for _ in range(2))
    expected = left.T @ right
    pairs, products = top_products(left, right, k)
    largest = np.sort(np.partition(np.abs(expected), -k, axis=None)[-k:])[::-1]
    np.testing.assert_allclose(np.abs(products), largest, rtol=1e-12)
    np.testing.assert_allclose(expected[pairs[:, 0], pairs[:, 1]], products, rtol=1e-12)


def test_top_pairs_among_ties_and_zeros():
    left = np.array([[1.0, 0.0, 1.0, -1.0]])
    pairs, products = top_products(left, left, 9)
    assert pairs.tolist() == [
        [0, 0],
        [0, 2],
        [0, 3],
        [2, 0],
        [2, 2],
        [2, 3],
        [3, 0],
        [3, 2],
        [3, 3],
    ]
    assert products.tolist() == [1, 1, -1, 1, 1, -1, -1, -1, 1]
    assert (top_products(0 * left, left, 3)[1] == 0).all()


def test_at_layer_keeps_the_similarity(explanation):
    for layer, width in [(0, 12), (1, 5), (-1, 5), (-2, 12)]:
        inside = explanation.at_layer(layer)
        assert isinstance(inside, SimilarityExplanation)
        assert inside.pair(0, 0).shape == (width, width)
        np.testing.assert_array_equal(inside.similarity(), explanation.similarity())
        np.testing.assert_allclose(inside.conservation(), 0, atol=1e-10)
    top = explanation.at_layer(-1)
    assert top.bias_factors.shape[2] == 0
    np.testing.assert_array_equal(top.factors, top.factors * np.eye(5))
    assert explanation.at_layer(0).bias_factors.shape[2] == 1
    np.testing.assert_array_equal(
        explanation.at_layer(0).at_layer(0).factors, explanation.at_layer(1).factors
    )


def test_samples_count_from_the_end_too(explanation):
    np.testing.assert_array_equal(explanation.marginal(-1, -2), explanation.marginal(2, 0))


@pytest.mark.parametrize("ask", ["pair", "marginal", "top_pairs"])
def test_samples_that_are_not_there(explanation, ask):
    with pytest.raises(IndexError, match="i must be from 0 to 2, a sample; got 3"):
        getattr(explanation, ask)(3, 0)
    with pytest.raises(IndexError, match="i2 must be from 0 to 1, a sample; got -3"):
        getattr(explanation, ask)(0, -3)
    with pytest.raises(TypeError):
        getattr(explanation, ask)(0.5, 0)


def test_questions_that_cannot_be_answered(explanation):
    with pytest.raises(ValueError, match=r"groups must have shape \(40,\).*got \(39,\)"):
        explanation.group(0, 0, ["a"] * 39)
    with pytest.raises(ValueError, match="k must be an integer >= 1 and <= 1600; got 0"):
        explanation.top_pairs(0, 0, 0)
    with pytest.raises(ValueError, match="k must be an integer >= 1 and <= 1600; got 1601"):
        explanation.top_pairs(0, 0, 1601)
    with pytest.raises(ValueError, match=r"layer must be from -2 to 1.*got 2"):
        explanation.at_layer(2)
    with pytest.raises(ValueError, match="axis must be 0 or 1; got 2"):
        explanation.marginal(0, 0, axis=2)


def test_planted_shared_blocks_are_recovered():
    n_blocks, n_people = 6, 30
    rng = np.random.default_rng(4)
    X = make_genotypes(2 * n_people, 60 * n_blocks, random_state=4).data.astype(float)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    block = np.repeat(np.arange(n_blocks), 60)
    persons, others = Z[:n_people], Z[n_people:]
    shared = rng.permuted(np.tile(np.arange(n_blocks) < 2, (n_people, 1)), axis=1)
    relatives = np.where(shared[:, block], persons, others)
    width = 300
    layers = [(rng.normal(size=(len(block), width)), np.zeros(width), "relu")]
    explanation = bilrp(layers, persons, relatives, rule="lrp0", normalize=True)
    added = np.array([explanation.group(k, k, block).diagonal() for k in range(n_people)])
    assert roc_auc_score(shared.ravel(), added.ravel()) > 0.85


def test_top_pairs_where_the_bound_is_reached():
    left = np.linspace(1, 0.99, 2500)[None, :]
    right = np.exp(-np.arange(2500) / 10.0)[None, :]
    _, products = top_products(left, right, 4800)
    largest = np.sort(np.outer(left, right), axis=None)[::-1][:4800]
    np.testing.assert_allclose(products, largest, rtol=1e-12)
