import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.base import clone

from skgenetics import MILAGERegressor
from skgenetics.expression import (
    factor_loadings,
    factor_summary,
    permuted_factor_loadings,
    tissue_clustering,
)
from tests.expression.models import FIXED


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.4, size=(120, 20)).astype(np.int8)
    kinds = np.array([[1.0, 0.9, 1.1, 0.0, 0.1], [0.0, 0.1, 0.0, 1.0, 1.2]])  # two groups
    F = X[:, [3, 11]] @ np.array([[1.0, 0.0], [0.0, 1.0]])
    genes = rng.normal(size=(2, 30))
    genes[0, 15:] = genes[1, :15] = 0
    y = np.einsum("it,tj,tk->ijk", F, genes, kinds) + 0.3 * rng.normal(size=(120, 30, 5))
    return MILAGERegressor(2, trans_model="tensor", loading_alpha=1e-3, variant_penalty="l1",
                           tissue_alpha=0.01, polygenic=False,
                           variant_alpha=0.01, tol=1e-7, max_iter=300).fit(X, y)  # fmt: skip


def test_clusters_are_the_groups_of_tissues(fitted):
    result = tissue_clustering(fitted)
    assert set(result.order[:2].tolist()) in ({3, 4}, {0, 1}, {0, 2}, {1, 2})
    assert set(result.linkage[-1, :2].astype(int)) == {7, 6} or result.linkage[-1, 3] == 5
    near = result.distances[np.ix_([0, 1, 2], [0, 1, 2])].max()
    far = result.distances[np.ix_([0, 1, 2], [3, 4])].min()
    assert near < 0.1 < 0.5 < far
    few = tissue_clustering(fitted, exclude=[0, 4])
    assert few.tissues.tolist() == [1, 2, 3]
    wide = tissue_clustering(fitted, metric="euclidean", n_dimensions=4)
    loadings = factor_loadings(fitted).reshape(5, -1)
    np.testing.assert_allclose(pdist(wide.positions), pdist(loadings), atol=1e-6)
    with pytest.raises(ValueError, match="three tissues"):
        tissue_clustering(fitted, exclude=[0, 1, 2])


def test_summary_finds_tissues_genes_and_variants(fitted):
    summary = factor_summary(fitted, n_top=12)
    first = 0 if 3 in summary.active_variants[0][:1] else 1
    second = 1 - first
    assert summary.active_variants[first][0] == 3
    assert summary.active_variants[second][0] == 11
    for t in range(2):
        assert len(summary.active_variants[t]) < 20
        coef = np.abs(fitted.variant_coef_[t])
        assert set(summary.active_variants[t]) == set(np.flatnonzero(coef > 1e-6))
    assert set(summary.top_tissues[first, :3]) == {0, 1, 2}
    assert set(summary.top_tissues[second, :2]) == {3, 4}
    assert np.mean(summary.top_genes[first] < 15) > 0.8
    effects = factor_loadings(fitted).mean(axis=0)
    up = [set(np.argsort(-row, kind="stable")[:12]) for row in effects]
    down = [set(np.argsort(row, kind="stable")[:12]) for row in effects]
    assert summary.gene_overlap.shape == (2, 2, 2, 2)
    for a, first_end in enumerate((up, down)):
        for b, second_end in enumerate((up, down)):
            shared = len(first_end[0] & second_end[1])
            assert summary.gene_overlap[a, b, 0, 1] == shared
    assert (
        summary.gene_overlap_p_value[0, 0, 0, 0] < 1e-6 < summary.gene_overlap_p_value[0, 1, 0, 0]
    )


def test_loadings_of_permuted_people_are_refits(tensor):
    X, y = tensor(n=60)
    model = MILAGERegressor(2, **FIXED).fit(X, y)
    null = permuted_factor_loadings(model, X, y, n_permutations=2, random_state=0)
    assert null.shape == (2, *factor_loadings(model).shape)
    order = np.random.RandomState(0).permutation(len(y))
    np.testing.assert_allclose(null[0], factor_loadings(clone(model).fit(X, y[order])))
