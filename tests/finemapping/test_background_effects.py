"""The mean of the background, and predictions that hold it."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes

NOISE, VARIANCE = 0.5, 0.002


def simulated(seed=0, n=400, p=150, polygenic=0.06):
    """Genotypes and a trait of one large effect beside small ones of all variants."""
    rng = np.random.default_rng(seed)
    X = make_genotypes(2 * n, p, random_state=seed).data.astype(float)
    X[:, 7] = 1.0
    effects = polygenic * rng.normal(size=p)
    effects[50] += 0.4
    score = X @ effects
    return X, score / score.std() + rng.normal(size=2 * n)


def per_deviation(X, y):
    """Standardized genotypes that vary, trait, and deviations of the genotypes."""
    sd = X.std(axis=0)
    used = sd > 0
    return (X - X.mean(axis=0))[:, used] / sd[used], (y - y.mean()) / y.std(), sd, used


def total_variance(X):
    """tau^2 per deviation of VARIANCE per allele."""
    heterozygosity = X.var(axis=0)
    return VARIANCE * heterozygosity.sum() / (heterozygosity > 0).sum()


@pytest.mark.parametrize("solver", ["susie", "gibbs", "cavi"])
def test_without_large_effects_it_is_ridge(solver):
    X, y = simulated()
    model = FinemapMiXeR(
        solver=solver, background=VARIANCE, causal_probability=1e-12, effect_variance=0.01,
        residual_variance=NOISE, random_state=0,
    ).fit(X, y)  # fmt: skip
    Z, t, sd, used = per_deviation(X, y)
    ridge = Ridge(alpha=NOISE / total_variance(X), fit_intercept=False).fit(Z, t)
    np.testing.assert_allclose(
        model.background_coef_[used], ridge.coef_ * y.std() / sd[used], rtol=1e-8, atol=1e-10
    )
    assert model.background_coef_[7] == 0
    np.testing.assert_allclose(model.predict(X), ridge.predict(Z) * y.std() + y.mean(), rtol=1e-8)


@pytest.mark.parametrize("solver", ["susie", "gibbs"])
@pytest.mark.parametrize("dense", [True, False])
def test_the_deviation_of_predictions_is_that_of_ridge(solver, dense, monkeypatch):
    if not dense:
        monkeypatch.setattr("skgenetics.finemapping._background_effects.MAX_DENSE_LD", 10)
    X, y = simulated()
    model = FinemapMiXeR(
        solver=solver, background=VARIANCE, causal_probability=1e-12, effect_variance=0.01,
        residual_variance=NOISE, random_state=0,
    ).fit(X, y)  # fmt: skip
    Z, t, *_ = per_deviation(X, y)
    covariance = np.linalg.inv(Z.T @ Z / NOISE + np.eye(Z.shape[1]) / total_variance(X))
    of_background = np.mean(np.sum((Z @ covariance) * Z, axis=1))
    squares = np.sum((t - Z @ covariance @ (Z.T @ t) / NOISE) ** 2)
    residual = squares / (len(t) - 1) + of_background  # the mean is fitted too
    _, std = model.predict(X, return_std=True)
    np.testing.assert_allclose(std**2, y.var() * (residual + of_background), rtol=1e-6)
    assert of_background > 1e-3
    assert np.all(std**2 < 0.95 * y.var())  # the background is no noise


@pytest.mark.parametrize("solver", ["susie", "gibbs"])
def test_deviations_of_predictions_hold_for_other_people(solver):
    # effects that the background would explain in their absence: they counted twice, .83 and .77
    squares = []
    for seed in range(6):
        X, y = simulated(seed, n=1000, p=60, polygenic=0.4)
        half, tau = len(X) // 2, 0.4 / 60 * VARIANCE / total_variance(X)
        model = FinemapMiXeR(solver=solver, background=tau).fit(X[:half], y[:half])
        mean, std = model.predict(X[half:], return_std=True)
        squares.append(np.mean(((y[half:] - mean) / std) ** 2))
    assert np.mean(squares) == pytest.approx(1, abs=0.05)


def test_deviations_of_predictions_are_the_same_without_the_matrix(monkeypatch):
    X, y = simulated()
    model = FinemapMiXeR(solver="susie", background=VARIANCE).fit(X, y)
    _, std = model.predict(X, return_std=True)
    monkeypatch.setattr("skgenetics.finemapping._background_effects.MAX_DENSE_LD", 10)
    np.testing.assert_allclose(model.fit(X, y).predict(X, return_std=True)[1], std, rtol=1e-7)
    assert np.ptp(std) > 1e-3 * std.mean()  # effects, too


@pytest.mark.parametrize("solver", ["susie", "gibbs"])
def test_beside_large_effects_it_is_ridge_of_what_they_leave(solver):
    X, y = simulated(1)
    model = FinemapMiXeR(
        solver=solver, background=VARIANCE, residual_variance=NOISE, random_state=0
    ).fit(X, y)  # fmt: skip
    assert np.abs(model.coef_).max() > 0.1
    Z, t, sd, used = per_deviation(X, y)
    left = t - Z @ (model.coef_ * sd / y.std())[used]
    ridge = Ridge(alpha=NOISE / total_variance(X), fit_intercept=False).fit(Z, left)
    np.testing.assert_allclose(
        model.background_coef_[used], ridge.coef_ * y.std() / sd[used], rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(model.predict(X).mean(), y.mean(), rtol=1e-10)


def test_other_people_are_predicted_better_with_it():
    gains = []
    for seed in range(12):
        X, y = simulated(seed)
        half = len(X) // 2
        without, within = (
            FinemapMiXeR(solver="susie", background=background)
            .fit(X[:half], y[:half])
            .score(X[half:], y[half:])
            for background in (0.0, VARIANCE)
        )
        gains.append(within - without)
    error = np.std(gains, ddof=1) / len(gains) ** 0.5
    assert np.mean(gains) > 2 * error


def test_summary_statistics_give_the_same():
    X, y = simulated(3)
    X = X[:, np.arange(150) != 7]
    settings = {"background": VARIANCE, "residual_variance": 1.0}
    settings |= {"causal_probability": 1e-12, "effect_variance": 0.01}
    direct = FinemapMiXeR(**settings).fit(X, y)
    n, correlation = len(y), np.array([np.corrcoef(x, y)[0, 1] for x in X.T])
    z = correlation * np.sqrt((n - 2) / (1 - correlation**2))  # t statistics
    summary = FinemapMiXeR(**settings).fit_summary(
        z, np.corrcoef(X.T), n_samples=n, heterozygosity=X.var(axis=0), on_mismatch="ignore"
    )
    np.testing.assert_allclose(
        summary.background_coef_ * y.std(), direct.background_coef_, rtol=1e-6, atol=1e-8
    )
    assert not FinemapMiXeR(background=0.0).fit(X, y).background_coef_.any()
