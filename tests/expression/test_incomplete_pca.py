"""IncompletePCA against PCA on complete data and against the likelihood of observed values."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenetics.expression import IncompletePCA


def data(n=60, d=6, rank=2, noise=0.3, missing=0.2, seed=0):
    rng = np.random.default_rng(seed)
    complete = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) + rng.normal(size=d)
    complete += noise * rng.normal(size=(n, d))
    return complete, np.where(rng.random((n, d)) < missing, np.nan, complete)


@parametrize_with_checks([IncompletePCA()])
def test_estimator(estimator, check):
    check(estimator)


def test_complete_data_are_probabilistic_pca():
    X, _ = data()
    ours = IncompletePCA(2, tol=1e-13, max_iter=5000).fit(X)
    theirs = PCA(2, svd_solver="full").fit(X)
    shrink = (len(X) - 1) / len(X)
    np.testing.assert_allclose(
        np.abs(ours.components_ @ theirs.components_.T), np.eye(2), atol=1e-4
    )
    np.testing.assert_allclose(
        ours.explained_variance_, shrink * theirs.explained_variance_, rtol=1e-4
    )
    np.testing.assert_allclose(ours.noise_variance_, shrink * theirs.noise_variance_, rtol=1e-4)
    np.testing.assert_allclose(ours.mean_, X.mean(axis=0), atol=1e-4)


def test_the_likelihood_is_that_of_the_observed_values_and_rises():
    _, X = data()
    model = IncompletePCA(2, tol=1e-12, max_iter=3000).fit(X)
    W = model.components_.T * np.sqrt(model.explained_variance_ - model.noise_variance_)
    covariance = W @ W.T + model.noise_variance_ * np.eye(6)
    value = sum(
        multivariate_normal(model.mean_[o], covariance[np.ix_(o, o)]).logpdf(row[o])
        for row, o in zip(X, ~np.isnan(X))
        if o.any()
    )
    np.testing.assert_allclose(model.log_likelihood_path_[-1], value, rtol=1e-8)
    assert np.all(np.diff(model.log_likelihood_path_) > -1e-9)
    # a maximum: no small change of the parameters has a larger likelihood
    rng = np.random.default_rng(0)
    for _ in range(10):
        root = W + 1e-3 * rng.normal(size=W.shape)
        moved = root @ root.T + model.noise_variance_ * (1 + 1e-3 * rng.normal()) * np.eye(6)
        other = sum(
            multivariate_normal(model.mean_[o], moved[np.ix_(o, o)]).logpdf(row[o])
            for row, o in zip(X, ~np.isnan(X))
            if o.any()
        )
        assert other <= value + 1e-6


def test_holes_are_filled_better_than_by_means():
    complete, X = data(noise=0.1)
    holes = np.isnan(X)
    model = IncompletePCA(2).fit(X)
    filled = model.inverse_transform(model.transform(X))
    error = np.mean((filled - complete)[holes] ** 2)
    assert error < 0.1 * np.mean((np.nanmean(X, axis=0) - complete)[holes] ** 2)


def test_weights_are_repetitions():
    _, X = data()
    weight = np.random.default_rng(1).integers(0, 3, len(X))
    options = {"tol": 1e-10, "max_iter": 3000}
    ours = IncompletePCA(2, **options).fit(X, sample_weight=weight)
    theirs = IncompletePCA(2, **options).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(ours.components_, theirs.components_, atol=1e-6)
    np.testing.assert_allclose(ours.mean_, theirs.mean_, atol=1e-6)


def test_too_many_components_are_clipped():
    _, X = data()
    assert IncompletePCA(50).fit(X).n_components_ == 6
    assert IncompletePCA(50).fit(X[:4]).n_components_ <= 3


def test_bad_input():
    _, X = data()
    with pytest.raises(ValueError, match="n_components"):
        IncompletePCA(0).fit(X)
    with pytest.raises(ValueError, match="no observed value"):
        IncompletePCA().fit(np.full((4, 3), np.nan))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        IncompletePCA(2, max_iter=2).fit(X)
