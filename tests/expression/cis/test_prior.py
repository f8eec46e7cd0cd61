"""Penalties of variants by their annotations: against closed forms, and in simulations."""

import numpy as np
import pandas as pd
import pytest

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_genotypes
from skgenetics.expression.cis._prior import prior_of, size_regression, sizes_of, window_counts
from skgenetics.expression.cis._regression import CisEffects, CisSettings, fit_cis
from tests.oracles.expression_kkt import kkt_residual


@pytest.mark.parametrize("penalty", ["group_lasso", "lasso", "ridge"])
def test_penalties_are_divided_by_the_scales(tensor, penalty):
    """Effects in units of their scales are those of genotypes times the scales."""
    X, y = tensor(pattern="cells")
    scales = np.random.default_rng(0).uniform(0.3, 3.0, X.shape[1])
    window = np.arange(2, 25)
    settings = CisSettings(penalty, 0.05, tol=1e-18, scales=scales)
    effects = fit_cis(X, y[:, :1], np.ones(len(X)), [window], settings)
    coef = np.zeros((window.size, 3))
    coef[effects.variants - 2] = effects.coef.T
    scaled = X[:, window] * scales[window]
    args = np.ones(len(X)), coef / scales[window][:, None], effects.intercept[:, 0], 0.05, penalty
    assert kkt_residual(scaled, y[:, 0], *args) < 1e-7
    assert coef.any()


def test_sizes_tell_the_annotation_of_larger_effects():
    """With one annotation of 0 and 1 the maximum of the likelihood is the ratio of means."""
    rng = np.random.default_rng(0)
    inside = rng.random(400) < 0.2
    sizes = np.where(rng.random(400) < 0.1, rng.exponential(size=400), 0.0) * (1 + 3 * inside)
    exposure = rng.integers(1, 4, size=400).astype(float)
    sizes[:10] = exposure[:10] = 0.0  # in no window
    ratio = (
        sizes[inside].sum() / exposure[inside].sum() * exposure[~inside].sum()
        / sizes[~inside].sum()
    )  # fmt: skip
    constant = np.column_stack([np.ones(400), inside])
    coef = size_regression(constant, sizes, exposure)
    np.testing.assert_allclose(coef, [0.0, np.log(ratio)], rtol=0.01)
    prior = prior_of(constant, coef, exposure)
    np.testing.assert_allclose(np.average(1 / prior.scales, weights=exposure), 1)
    np.testing.assert_allclose(
        prior.scales[inside].mean() / prior.scales[~inside].mean(), ratio, rtol=0.01
    )
    assert not size_regression(constant, 0 * sizes, exposure).any()


def test_sizes_and_windows_are_counted_by_variant():
    effects = CisEffects(
        np.array([[3.0, 1.0, 0.0], [4.0, 0.0, 2.0]]), np.array([1, 2, 1]), np.array([0, 2, 3]), None
    )
    np.testing.assert_allclose(sizes_of(effects, 4), [0, 7, 1, 0])
    counts = window_counts([slice(0, 3), np.array([1, 3])], 4)
    np.testing.assert_array_equal(counts, [1, 2, 1, 1])


def simulated(enriched, seed, n=150, n_genes=40, width=50):
    """Return genotypes, expression of two causal variants a gene, annotations and windows."""
    rng = np.random.default_rng(seed)
    X = make_genotypes(n + 300, n_genes * width, random_state=seed).data
    annotated = rng.random(X.shape[1]) < 0.1
    y = np.empty((len(X), n_genes, 1))
    for j in range(n_genes):
        own = np.arange(j * width, (j + 1) * width)
        likely = own[annotated[own]]
        causal = rng.choice(likely if enriched and likely.size > 1 else own, 2, replace=False)
        value = X[:, causal] @ (rng.normal(size=2) / np.maximum(X[:, causal].std(axis=0), 0.1))
        y[:, j, 0] = np.sqrt(0.12) * value / value.std() + rng.normal(size=len(X))
    starts = np.arange(n_genes) * width
    windows = np.column_stack([starts, starts + width])
    annotations = np.column_stack([annotated, rng.normal(size=X.shape[1])])
    return X[:n], y[:n], X[n:], y[n:], annotations, windows


def fitted(X, y, windows, prior):
    model = MILAGERegressor(
        0, cis_windows=windows, n_variants=X.shape[1], cis_alpha=None, variant_prior=prior,
        polygenic=False, random_state=0,
    )  # fmt: skip
    return model.fit(X, y)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_an_enriched_annotation_raises_the_held_out_r2(seed):
    X, y, X_new, y_new, annotations, windows = simulated(True, seed)
    without = fitted(X, y, windows, None)
    model = fitted(X, y, windows, annotations)
    assert model.score(X_new, y_new) > without.score(X_new, y_new) + 0.002
    assert model.variant_prior_coef_[0] > 0.5 > abs(model.variant_prior_coef_[1])
    assert not hasattr(without, "variant_prior_coef_")


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_annotations_that_say_nothing_do_no_harm(seed):
    X, y, X_new, y_new, annotations, windows = simulated(False, seed)
    without = fitted(X, y, windows, None)
    model = fitted(X, y, windows, annotations)
    assert model.score(X_new, y_new) > without.score(X_new, y_new) - 0.002


def test_annotations_are_matched_by_the_names_of_variants():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(0, 3, size=(60, 12)), columns=[f"rs{i}" for i in range(12)])
    y = rng.normal(size=(60, 4, 1)) + 2 * X.to_numpy()[:, [1, 4, 7, 10], None]
    prior = pd.DataFrame({"causal": [1.0 * (i % 3 == 1) for i in range(12)]}, index=X.columns)
    options = {
        "cis_windows": [[0, 3], [3, 6], [6, 9], [9, 12]],
        "n_variants": 12,
        "polygenic": False,
    }
    scales = []
    for rows in (prior, prior.iloc[rng.permutation(12)], prior.to_numpy()):
        model = MILAGERegressor(0, variant_prior=rows, cis_alpha=0.3, random_state=0, **options)
        scales.append(model.fit(X, y).variant_prior_scale_)
    assert scales[0][1] > scales[0][0]
    np.testing.assert_array_equal(scales[0], scales[1])
    np.testing.assert_array_equal(scales[0], scales[2])
    with pytest.raises(ValueError, match=r"variant_prior must have shape \(12, n_annotations\)"):
        MILAGERegressor(0, variant_prior=np.ones((11, 2)), **options).fit(X, y)
    with pytest.raises(ValueError, match="variant_prior belongs to the cis stage"):
        MILAGERegressor(0, variant_prior=prior).fit(X, y)
