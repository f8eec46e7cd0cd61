"""The staged start against scikit-learn and known answers."""

import functools

import array_api_strict
import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Lasso, MultiTaskLasso

from skgenetics.expression.trans import _kernel
from skgenetics.expression.trans._initialization import (
    EM_SIZE,
    EXACT_SIZE,
    LOADING_ALPHA,
    cis_candidates,
    group_lasso_loadings,
    individual_scores,
    lasso_gene_factors,
    logit_scores,
    sample_scores,
    tensor_scores,
)
from skgenetics.expression.trans._kernel import CenteredGenotypes, GenotypeScale
from skgenetics.expression.trans._targets import make_targets
from skgenetics.expression.trans._variant_lasso import ALPHA_SHARE, GROWTH, _leading, variant_lasso


def test_scores_are_principal_components_of_samples(tensor):
    _, y = tensor(n=30, n_genes=8, pattern="samples")
    y -= np.nanmean(y, axis=0)
    scores = sample_scores(make_targets(y, np.ones(30), np, "cpu"), 3, np.random.RandomState(0))
    samples = y.transpose(0, 2, 1).reshape(-1, 8)
    seen = ~np.isnan(samples[:, 0])
    expected = PCA(3, svd_solver="full").fit_transform(samples[seen])
    ours = scores.reshape(-1, 3)
    assert np.isnan(ours[~seen]).all()
    for t in range(3):
        sign = np.sign(ours[seen, t] @ expected[:, t])
        np.testing.assert_allclose(sign * ours[seen, t], expected[:, t], atol=1e-8)
    mean = individual_scores(scores, np.ones(30))
    raw = np.array(
        [np.nanmean(s, axis=0) if not np.isnan(s).all() else np.zeros(3) for s in scores]
    )
    np.testing.assert_allclose(mean, raw - raw.mean(axis=0), atol=1e-12)


@pytest.mark.parametrize("em_size", [EM_SIZE, 0])
def test_scores_of_samples_with_missing_genes(tensor, monkeypatch, em_size):
    monkeypatch.setattr("skgenetics.expression.trans._initialization.EM_SIZE", em_size)
    _, y = tensor(n=40, n_genes=8, pattern="none", seed=2)
    rng = np.random.default_rng(0)
    complete, holes = (
        sample_scores(make_targets(cells, np.ones(40), np, "cpu"), 2, np.random.RandomState(0))
        for cells in (y, np.where(rng.random(y.shape) < 0.1, np.nan, y))
    )
    r = np.corrcoef(complete.reshape(-1, 2).T, holes.reshape(-1, 2).T)[:2, 2:]
    assert np.abs(np.diag(r)).min() > 0.85


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_of_many_samples_span_the_leading_principal_components(dtype):
    rng = np.random.default_rng(0)
    n, n_genes, n_tissues = 700, EXACT_SIZE + 10, 3
    signal = np.einsum("it,jt->ij", rng.normal(size=(n, 4)), rng.normal(size=(n_genes, 4)))
    y = (signal[:, :, None] + rng.normal(size=(n, n_genes, n_tissues))).astype(dtype)
    y -= y.mean(axis=0)
    targets = make_targets(y, np.ones(n), np, "cpu")
    ours = sample_scores(targets, 4, np.random.RandomState(0)).transpose(1, 0, 2).reshape(-1, 4)
    samples = y.transpose(2, 0, 1).reshape(-1, n_genes).astype(float)
    expected = PCA(4, svd_solver="arpack", random_state=0).fit_transform(samples)
    signs = np.sign(np.sum(ours * expected, axis=0))
    np.testing.assert_allclose(signs * ours, expected, atol=2e-3 * np.abs(expected).max())


def test_logits_scale_to_the_middle_of_the_sigmoid():
    scores = np.random.default_rng(0).normal(size=(20, 3))
    scores[:, 2] = 4.0
    share = 1 / (1 + np.exp(-logit_scores(scores)))
    np.testing.assert_allclose(share[:, :2].min(axis=0), 0.1)
    np.testing.assert_allclose(share[:, :2].max(axis=0), 0.9)
    np.testing.assert_allclose(share[:, 2], 0.5)


def test_tensor_start_finds_the_tissues_of_a_factor():
    rng = np.random.default_rng(0)
    f, w = rng.normal(size=60), np.array([1.0, 0.5, -1.0, 2.0])
    scores = (f[:, None] * w + 0.05 * rng.normal(size=(60, 4)))[:, :, None]
    scores[rng.random((60, 4)) < 0.3] = np.nan
    W, F = tensor_scores(scores, np.ones(60))
    assert abs(np.corrcoef(F[:, 0], f)[0, 1]) > 0.99
    assert abs(np.corrcoef(W[:, 0], w)[0, 1]) > 0.99


def test_factors_on_genes_are_a_group_lasso(tensor):
    _, y = tensor(pattern="none")
    factors = np.random.default_rng(0).normal(size=(40, 3))
    loadings = group_lasso_loadings(factors, y, np.ones(40))
    for j in range(6):
        theirs = MultiTaskLasso(alpha=LOADING_ALPHA, tol=1e-10).fit(factors, y[:, j])
        np.testing.assert_allclose(loadings[:, :, j], theirs.coef_, atol=1e-3)


def test_gene_factors_are_a_lasso_over_all_samples(tensor):
    _, y = tensor(pattern="samples")
    rng = np.random.default_rng(0)
    factors, W = rng.normal(size=(40, 3)), rng.normal(size=(3, 3))
    V = lasso_gene_factors(factors, W, y, np.ones(40))
    assert V.shape == (1, 3, 6)
    design = np.concatenate([factors * W[k] for k in range(3)])
    for j in range(6):
        values = np.concatenate([y[:, j, k] for k in range(3)])
        seen = ~np.isnan(values)
        theirs = Lasso(alpha=LOADING_ALPHA, tol=1e-12).fit(design[seen], values[seen])
        np.testing.assert_allclose(V[0, :, j], theirs.coef_, atol=1e-3)


@pytest.mark.parametrize("candidates", [None, [np.arange(20, 60), np.array([7])]])
def test_variants_of_factors_are_a_lasso(candidates, monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 200))
    X -= X.mean(axis=0)
    scores = X[:, :30] @ rng.normal(size=(30, 2)) + rng.normal(size=(50, 2))
    scores -= scores.mean(axis=0)

    monkeypatch.setattr(
        "skgenetics.expression.trans._kernel.column_blocks",
        functools.partial(_kernel.column_blocks, max_bytes=25_600),
    )  # 64 columns per block
    genotypes = CenteredGenotypes(X, GenotypeScale(np.zeros(200), 1.0))
    fit, columns, effects = variant_lasso(genotypes, scores, np.ones(50), candidates)
    for t in range(2):
        allowed = np.arange(200) if candidates is None else candidates[t]
        alpha = ALPHA_SHARE * np.abs(X[:, allowed].T @ scores[:, t]).max() / 50
        theirs = Lasso(alpha=alpha, tol=1e-12, max_iter=100_000).fit(X[:, allowed], scores[:, t])
        ours = np.zeros(200)
        ours[columns[t]] = effects[t]
        np.testing.assert_allclose(ours[allowed], theirs.coef_, atol=2e-3)
        assert np.count_nonzero(ours) == np.count_nonzero(ours[allowed])
        np.testing.assert_allclose(fit[:, t], X @ ours, atol=1e-10)


@pytest.mark.parametrize("few", [False, True])
def test_leading_products_are_those_of_all_columns(few):
    """In another namespace, over blocks of which each has larger ones than those before."""
    rng = np.random.default_rng(0)
    n_columns, n_components, width = 900, 3, 60
    values = rng.normal(size=(n_columns, n_components)) * np.linspace(1, 3, n_columns)[:, None]
    values[5] = values[700]  # a tie
    closed = [rng.choice(n_columns, size, replace=False) for size in (0, 40, 150)]
    candidates = [rng.permutation(n_columns)[:m] for m in (30, 300, 800)] if few else None
    device = array_api_strict.Device("device1")
    blocks = (
        (slice(a, a + width), array_api_strict.asarray(values[a : a + width], device=device))
        for a in range(0, n_columns, width)
    )
    found = _leading(blocks, closed, candidates, n_components)
    for t in range(n_components):
        allowed = np.arange(n_columns) if candidates is None else np.sort(candidates[t])
        allowed = allowed[~np.isin(allowed, closed[t])]
        order = np.argsort(-np.abs(values[allowed, t]), kind="stable")[:GROWTH]
        np.testing.assert_array_equal(found[t].columns, allowed[order])
        np.testing.assert_array_equal(found[t].sizes, np.abs(values[allowed[order], t]))


def test_candidates_are_the_windows_of_a_factors_genes():
    loadings = np.zeros((2, 2, 3))
    loadings[1, 0, [0, 2]] = 1.0
    found = cis_candidates(loadings, [slice(0, 3), slice(3, 6), np.array([2, 9])])
    assert [columns.tolist() for columns in found] == [[0, 1, 2, 9], []]
