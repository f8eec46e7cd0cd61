"""Covariates of each tissue: regressed out where the tissue was sampled, in training folds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score

from skgenetics import MILAGERegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.datasets import make_expression_tensor, make_genotypes
from skgenetics.preprocessing import expression_components
from tests.compose.test_covariates import Recorder, least_squares

OWN = [[3, 4], [], [5]]  # covariates of three tissues, beside column 0 for all


def make_data(n=60, p=4, seed=0):
    """Return genotypes and covariates side by side, and expression of 5 genes in 3 tissues."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6 + p))
    X[:, 6:] = rng.integers(0, 3, size=(n, p))
    y = rng.normal(size=(n, 5, 3)) + X[:, :1, None]
    y[:, :, 0] += 3 * X[:, [3]] - X[:, [4]]
    y[:, :, 2] += 2 * X[:, [5]] + 7
    for k, lost in ((0, slice(0, 15)), (2, slice(10, 30))):
        y[lost, :, k] = np.nan
        X[lost, OWN[k][0] : OWN[k][-1] + 1] = np.nan
    y[40, 2, 0] = np.nan
    return X, y


def adjusted(**options):
    settings = {"covariates": [0], "tissue_covariates": OWN} | options
    return CovariateAdjustedRegressor(Recorder(), **settings)


def test_coefficients_are_those_of_least_squares_in_each_tissue():
    X, y = make_data()
    model = adjusted().fit(X, y)
    starts = np.cumsum([0] + [len(own) for own in OWN])
    assert model.tissue_covariates_ == OWN
    assert model.tissue_coef_.shape == (3, 5)
    for k, own in enumerate(OWN):
        for j in range(5):
            seen = ~np.isnan(y[:, j, k])
            _, shared, *rest = least_squares(X[seen][:, [0, *own]], y[seen, j, k])
            np.testing.assert_allclose(model.target_coef_[0, j, k], shared)
            np.testing.assert_allclose(model.tissue_coef_[starts[k] : starts[k + 1], j], rest)
            residual = model.regressor_.y_[seen, j, k]
            np.testing.assert_allclose(residual.sum(), 0, atol=1e-9)
            np.testing.assert_allclose(X[seen][:, [0, *own]].T @ residual, 0, atol=1e-9)
    assert model.regressor_.X_.shape == (60, 6)  # columns 1, 2 and the variants
    np.testing.assert_array_equal(np.isnan(model.regressor_.y_), np.isnan(y))


def test_new_samples_are_predicted_by_their_covariates_or_by_the_mean():
    X, y = make_data()
    model = adjusted().fit(X, y)
    new = X[50:].copy()
    whole = model.predict(new)
    new[0, 3] = np.nan  # column 4 of the tissue is known
    part = model.predict(new)
    change = (X[50, 3] - np.nanmean(X[:, 3])) * model.tissue_coef_[0]
    np.testing.assert_allclose(part[0, :, 0], whole[0, :, 0] - change)
    np.testing.assert_allclose(part[:, :, 1:], whole[:, :, 1:])
    X_adjusted, y_adjusted = model.adjust(X, y)
    np.testing.assert_allclose(y_adjusted, model.regressor_.y_)
    np.testing.assert_allclose(X_adjusted, model.regressor_.X_)


def test_without_covariates_of_all_tissues_the_variants_stay():
    X, y = make_data()
    model = adjusted(covariates=None).fit(X, y)
    np.testing.assert_array_equal(model.regressor_.X_, np.delete(X, [3, 4, 5], axis=1))
    assert model.predict(X).shape == y.shape


def test_names_and_weights():
    X, y = make_data()
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    named = adjusted(covariates=["c0"], tissue_covariates=[["c3", "c4"], None, "c5"])
    np.testing.assert_allclose(named.fit(frame, y).tissue_coef_, adjusted().fit(X, y).tissue_coef_)
    assert list(named.regressor_.X_.columns) == ["c1", "c2", "c6", "c7", "c8", "c9"]
    weight = np.random.default_rng(0).integers(0, 3, size=len(X))
    options = {"adjust_features": False}
    weighted = adjusted(**options).set_params(regressor=MILAGERegressor(0, polygenic=False))
    repeated = clone(weighted).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight, axis=0))
    weighted.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(weighted.tissue_coef_, repeated.tissue_coef_)
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_what_does_not_fit_is_refused():
    X, y = make_data()
    with pytest.raises(ValueError, match="has 2 entries; expected one per tissue of y"):
        adjusted(tissue_covariates=OWN[:2]).fit(X, y)
    with pytest.raises(ValueError, match="has 3 entries; expected one per tissue of y"):
        adjusted().fit(X, y[:, :, 1])
    with pytest.raises(ValueError, match="both name column 3"):
        adjusted(covariates=[0, 3]).fit(X, y)
    X[50, 4] = np.nan
    with pytest.raises(ValueError, match="NaN in the covariates 4 of tissue 0 for 1 samples"):
        adjusted().fit(X, y)
    few = np.where(np.arange(60)[:, None, None] < 57, np.nan, y)
    with pytest.warns(
        UserWarning, match="10 of 15 targets have no more observed samples than the 3"
    ):
        adjusted().fit(np.nan_to_num(X), few)


def test_hidden_factors_of_a_tissue_no_longer_hide_cis_effects():
    """Regressed out in training folds, they are no noise to the cis part any more."""
    G = make_genotypes(200, 100, random_state=0).data
    made = make_expression_tensor(G, n_genes=20, n_tissues=2, trans_h2=0.0, random_state=0)
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(200, 2))
    y = made.target + 2 * hidden[:, None, :] * rng.normal(size=(20, 2))
    windows = [[f"v{c}" for c in range(*window)] for window in made.cis_windows]
    X = pd.DataFrame(G, columns=[f"v{i}" for i in range(100)]).assign(
        h0=hidden[:, 0], h1=hidden[:, 1]
    )
    inner = MILAGERegressor(0, cis_windows=windows, cis_alpha=0.1, polygenic=False)
    model = CovariateAdjustedRegressor(inner, tissue_covariates=["h0", "h1"])
    scores = []
    for estimator, columns in ((inner, X.columns[:100]), (model, X.columns)):
        fold_scores = []
        for train, test in KFold(3).split(G):
            fitted = clone(estimator).fit(X.iloc[train][columns], y[train])
            inside = fitted
            new, target = X.iloc[test][columns], y[test]
            if estimator is model:
                inside, (new, target) = fitted.regressor_, fitted.adjust(new, target)
            fold_scores.append(inside.score(new, target))
        scores.append(np.mean(fold_scores))
    assert scores[1] > scores[0] + 0.1
    assert cross_val_score(model, X, y, cv=KFold(3)).min() > 0.3  # the covariates' part counts


def test_hidden_covariates_of_expression_uncover_its_genetics():
    """A batch acts on all genes of one tissue, and hides their effects in both (joint scaling)."""
    rng = np.random.default_rng(0)
    n, n_genes = 160, 60
    X = rng.integers(0, 3, size=(n, n_genes)).astype(float)
    genetic = 0.5 * X[:, :, None] * np.ones(2)
    y = genetic + rng.normal(size=genetic.shape)
    y[:, :, 1] += 4 * rng.normal(size=(n, 1)) * rng.choice([-1, 1], n_genes)
    windows = np.arange(n_genes)[:, None] + [0, 1]
    model = MILAGERegressor(0, cis_windows=windows, n_variants=n_genes, cis_alpha=0.1,
                            cis_penalty="lasso", polygenic=False)  # fmt: skip
    hidden = expression_components(y, 2)
    data = np.hstack([X, *hidden])
    own = [list(range(n_genes, n_genes + 2)), list(range(n_genes + 2, n_genes + 4))]
    adjusted = CovariateAdjustedRegressor(model, tissue_covariates=own)
    train, test = slice(0, 120), slice(120, n)
    adjusted.fit(data[train], y[train])
    model.fit(X[train], y[train])

    def r(values, tissue):
        pairs = zip(values[:, :, tissue].T, genetic[test, :, tissue].T)
        return np.mean([np.corrcoef(a, b)[0, 1] if a.std() > 0 else 0.0 for a, b in pairs])

    for tissue in range(2):
        assert r(adjusted.regressor_.predict(X[test]), tissue) > 0.9
        assert r(model.predict(X[test]), tissue) < 0.75
