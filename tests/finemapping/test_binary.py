"""Case-control traits: score statistics, effective size, log odds ratios."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skgenetics import FinemapMiXeR


def study(n=6000, p=12, case_share=0.1, effect=0.5, seed=0):
    """Independent variants, a logistic trait of effects on variants 3 and 8."""
    rng = np.random.default_rng(seed)
    X = rng.binomial(2, rng.uniform(0.2, 0.5, p), size=(n, p)).astype(np.int8)
    eta = effect * (X[:, 3] - X[:, 8]) + np.log(case_share / (1 - case_share))
    return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-eta))).astype(int)


def score_statistic(X, y):
    """Rao's score test of y ~ 1 + x under a logistic model, a column at a time."""
    share = y.mean()
    statistics = []
    for x in X.T.astype(float):
        information = share * (1 - share) * np.sum((x - x.mean()) ** 2)
        statistics.append(x @ (y - share) / np.sqrt(information))
    return np.array(statistics)


def test_z_is_the_score_statistic():
    X, y = study(n=500)
    model = FinemapMiXeR(trait="binary").fit(X, y)
    np.testing.assert_allclose(model.z_, score_statistic(X, y), rtol=1e-9)


def test_coefficients_are_log_odds_ratios():
    X, y = study(n=20_000)
    model = FinemapMiXeR(trait="binary", background=0.0).fit(X, y)
    assert set(np.flatnonzero(model.pip_ > 0.9)) == {3, 8}
    rival = LogisticRegression(C=np.inf).fit(X[:, [3, 8]], y)
    np.testing.assert_allclose(model.coef_[[3, 8]], rival.coef_[0], rtol=0.1)
    np.testing.assert_allclose(model.predict(X), rival.predict_proba(X[:, [3, 8]])[:, 1], atol=0.02)


def test_predictions_are_probabilities_and_their_deviation_bernoulli():
    X, y = study()
    model = FinemapMiXeR(trait="binary").fit(X, y)
    mean, std = model.predict(X, return_std=True)
    eta = X @ (model.coef_ + model.background_coef_) + model.intercept_
    np.testing.assert_allclose(mean, 1 / (1 + np.exp(-eta)), rtol=1e-12)
    np.testing.assert_allclose(std**2, mean * (1 - mean), rtol=1e-12)
    np.testing.assert_allclose(mean.mean(), y.mean(), atol=0.01)


def test_fit_equals_fit_summary_at_the_effective_size():
    X, y = study(n=800)
    cases = y.sum()
    n_effective = 4 / (1 / cases + 1 / (len(y) - cases))
    options = {"solver": "susie", "trait": "binary", "effect_variance": 0.02}
    model = FinemapMiXeR(**options).fit(X, y)
    summary = FinemapMiXeR(**options).fit_summary(
        score_statistic(X, y),
        np.corrcoef(X.T),
        n_samples=n_effective,
        heterozygosity=X.var(axis=0),
    )
    np.testing.assert_allclose(summary.pip_, model.pip_, atol=1e-8)
    np.testing.assert_allclose(summary.coef_, model.coef_, atol=1e-8)
    np.testing.assert_allclose(summary.heritability_, model.heritability_, rtol=1e-8)


def test_weights_are_repetitions():
    X, y = study(n=300)
    weight = np.random.default_rng(0).integers(1, 4, 300)
    model = FinemapMiXeR(trait="binary").fit(X, y, sample_weight=weight)
    repeated = FinemapMiXeR(trait="binary").fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(model.pip_, repeated.pip_, atol=1e-9)
    np.testing.assert_allclose(model.coef_, repeated.coef_, atol=1e-9)


def test_a_fallback_to_one_effect_keeps_the_units():
    X, y = study(n=20_000)
    z, ld = score_statistic(X, y), np.corrcoef(X.T)
    settings = {"n_samples": 7000, "heterozygosity": X.var(axis=0)}
    one = FinemapMiXeR(trait="binary", max_effects=1).fit_summary(z, ld, **settings)
    ld[3, 8] = ld[8, 3] = 0.99  # z of both signs: one is flipped
    with pytest.warns(UserWarning, match="One effect"):
        model = FinemapMiXeR(trait="binary").fit_summary(z, ld, **settings)
    np.testing.assert_allclose(model.coef_, one.coef_, rtol=1e-9)  # one effect asks no LD
    np.testing.assert_allclose(np.abs(one.coef_).sum(), 0.5, rtol=0.2)


def test_grid_search_over_a_binary_trait():
    X, y = study(n=600)
    search = GridSearchCV(
        FinemapMiXeR(trait="binary"), {"max_effects": [1, 5]}, cv=3, error_score="raise"
    ).fit(X, y)
    assert search.best_score_ > 0


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.tile([1, 2], 10), "needs y of 0 .control. and 1 .case."),
        (np.tile([0.0, 0.5], 10), "trait='quantitative'"),
        (np.ones(20), "needs cases and controls; every y is 1"),
    ],
)
def test_traits_that_are_not_binary_are_refused(y, message):
    X = np.random.default_rng(0).binomial(2, 0.4, size=(20, 3))
    with pytest.raises(ValueError, match=message):
        FinemapMiXeR(trait="binary").fit(X, y)


def test_the_noise_of_score_statistics_is_not_learned():
    with pytest.raises(ValueError, match=r"trait='binary' needs residual_variance='auto'"):
        FinemapMiXeR(trait="binary", residual_variance=None).fit(np.eye(4), [0, 1, 0, 1])
