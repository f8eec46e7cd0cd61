"""Training of expression weights: nested folds, performance, fewest variants, heritability."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold

from skgenetics.association._cis_heritability import cis_heritability
from skgenetics.association._performance import Held, performance_over_folds
from skgenetics.association._selection import fewest_weights
from skgenetics.association._training import (
    GeneData,
    WeightModel,
    likely_mixture,
    smallest_mixture,
    train_gene,
)
from skgenetics.datasets import make_genotypes

N, P, K = 90, 12, 3


def ridge(alpha):
    def effects(X, y, seed):
        return Ridge(alpha=alpha).fit(X, y).coef_

    return WeightModel(f"ridge {alpha:g}", effects)


def both_tissues(X, Y, seed):
    """A joint model: the effects that suit the mean over the tissues."""
    mean = np.nanmean(Y, axis=1)
    return np.tile(Ridge(alpha=5.0).fit(X, mean).coef_, (Y.shape[1], 1))


MODELS = [ridge(0.1), ridge(1000.0), WeightModel("joint", both_tissues, joint=True)]


@pytest.fixture(scope="module")
def data():
    """Two tissues with covariates, missing expression and missing calls."""
    rng = np.random.default_rng(1)
    X = make_genotypes(N, P, random_state=0).data.astype(float)
    C = rng.normal(size=(N, 2))
    X[:, 0] = np.clip(X[:, 0] + (C[:, 0] > 0.5), 0, 2)
    y = X @ rng.normal(size=P) * (rng.random(P) < 0.4) if False else X[:, :3] @ [0.6, -0.4, 0.3]
    Y = np.stack([y + C[:, 0] + rng.normal(size=N), y + rng.normal(size=N)], axis=1)
    Y[rng.choice(N, 12, replace=False), 1] = np.nan
    X[rng.choice(N, 4, replace=False), 5] = np.nan
    fold = np.empty(N, dtype=int)
    for number, (_, test) in enumerate(KFold(K, shuffle=True, random_state=0).split(X)):
        fold[test] = number
    return GeneData(X, Y, [C, C[:, :1]], C[:, :1], fold)


def naive_residuals(values, C, train, test):
    """Columns minus their regression on covariates among the rows of `train`, by scikit-learn."""
    values = np.where(np.isnan(values), np.nanmean(values[train], axis=0), values)
    fit = LinearRegression().fit(C[train], values[train])
    return values[train] - fit.predict(C[train]), values[test] - fit.predict(C[test])


def naive_prediction(data, model, tissue, left_out, fold):
    """Expression and prediction in a fold of a model that did not see the folds left out."""
    measured = np.isfinite(data.expression)
    outside = ~np.isin(data.fold, left_out)
    test = np.flatnonzero((data.fold == fold) & measured[:, tissue])
    Y = np.full(data.expression.shape, np.nan)
    for t, C in enumerate(data.covariates):
        train = np.flatnonzero(outside & measured[:, t])
        Y[train, t], held = naive_residuals(data.expression[:, t], C, train, test)
        if t == tissue:
            X_train, X_test = naive_residuals(data.dosages, C, train, test)
            y, y_train = held, Y[train, t]
    if model.joint:
        rows = np.flatnonzero(outside & measured.any(axis=1))
        X, _ = naive_residuals(data.dosages, data.shared_covariates, rows, test)
        effect = model.effects(X, Y[rows], 0)[tissue]
    else:
        effect = model.effects(X_train, y_train, 0)
    return y, X_test @ effect


def naive_shares(data, tissue, outer=None):
    """Likely shares by the errors in the folds inside of an outer one, or in all."""
    errors = []
    for model in MODELS:
        parts = []
        for k in range(K):
            if k != outer:
                left_out = (k,) if outer is None else (k, outer)
                parts.append(np.subtract(*naive_prediction(data, model, tissue, left_out, k)))
        errors.append(np.concatenate(parts))
    errors = np.stack(errors, axis=1)
    found = minimize(
        lambda a: (
            np.sum((errors @ a) ** 2) + np.mean(errors**2) / 0.2**2 * np.sum((a - 1 / 3) ** 2)
        ),
        np.full(len(MODELS), 1 / len(MODELS)),
        bounds=[(0, 1)] * len(MODELS),
        constraints={"type": "eq", "fun": lambda a: a.sum() - 1},
        options={"ftol": 1e-12},
    )
    return found.x


def test_nested_folds_agree_with_naive_loops(data, monkeypatch):
    monkeypatch.setattr("skgenetics.association._training.fewest_weights", lambda X, w: w)
    for tissue, found in enumerate(train_gene(data, MODELS)):
        r = []
        for k in range(K):
            shares = naive_shares(data, tissue, outer=k)
            held = [naive_prediction(data, model, tissue, (k,), k) for model in MODELS]
            guess = sum(share * part for share, (_, part) in zip(shares, held))
            r.append(stats.pearsonr(held[0][0], guess).statistic)
        assert found.performance.rho == pytest.approx(np.mean(r), abs=1e-4)
        shares = naive_shares(data, tissue)
        np.testing.assert_allclose(list(found.shares.values()), shares, atol=1e-3)
        assert found.n_samples == np.isfinite(data.expression[:, tissue]).sum()


def test_shares_are_the_point_of_the_simplex_nearest_to_no_error():
    rng = np.random.default_rng(0)
    for _ in range(20):
        errors = rng.normal(size=(30, 3)) + rng.normal(size=(30, 1))
        shares = smallest_mixture(errors)
        assert shares.sum() == pytest.approx(1)
        assert shares.min() >= 0
        grid = np.array(
            [(a, b, 1 - a - b) for a in np.linspace(0, 1, 51) for b in np.linspace(0, 1 - a, 51)]
        )
        best = np.min(np.sum((errors @ grid.T) ** 2, axis=0))
        assert np.sum((errors @ shares) ** 2) <= best + 1e-9
    assert smallest_mixture(np.zeros((4, 2))).sum() == pytest.approx(1)


def test_likely_shares_predict_better_than_those_of_least_error():
    """Three models of about the same worth, judged in few people and then in very many."""
    rng = np.random.default_rng(0)
    total = {likely_mixture: 0.0, smallest_mixture: 0.0}
    for _ in range(50):
        scale = rng.uniform(0.2, 0.4, size=3)

        def errors_of(n, scale=scale):
            return rng.normal(size=(n, 1)) + scale * rng.normal(size=(n, 3))

        seen, new = errors_of(200), errors_of(5000)
        for mixture in total:
            total[mixture] += np.mean((new @ mixture(seen)) ** 2) / 50
    assert total[likely_mixture] < total[smallest_mixture] - 0.002
    useless = errors_of(300) + [[0.0, 0.0, 2.0]] * rng.normal(size=(300, 1))
    assert likely_mixture(useless)[2] < 0.05
    assert likely_mixture(np.zeros((4, 2))) == pytest.approx([0.5, 0.5])


def test_one_model_needs_no_inner_folds(data):
    calls = []

    def effects(X, y, seed):
        calls.append(len(y))
        return Ridge(alpha=5.0).fit(X, y).coef_

    train_gene(data, [WeightModel("counted", effects)])
    assert len(calls) == 2 * (K + 1)  # both tissues, outer folds and all people


def test_weights_are_per_allele_without_covariates(data):
    """The weights of all people are those of least squares with the covariates beside."""
    least_squares = WeightModel("ols", lambda X, y, seed: LinearRegression().fit(X, y).coef_)
    complete = GeneData(
        np.nan_to_num(data.dosages, nan=1.0),
        data.expression[:, :1],
        data.covariates[:1],
        data.shared_covariates,
        data.fold,
    )
    (found,) = train_gene(complete, [least_squares])
    X = np.hstack([complete.dosages, complete.covariates[0]])
    expected = LinearRegression().fit(X, complete.expression[:, 0]).coef_[:P]
    everyone = np.arange(N)
    centered, _ = naive_residuals(complete.dosages, complete.covariates[0], everyone, everyone)
    r = np.corrcoef(centered @ found.weights, centered @ expected)[0, 1]
    assert r >= 0.995
    assert np.count_nonzero(found.weights) < P


def test_performance_is_predictdbs():
    rng = np.random.default_rng(0)
    folds = []
    for n in (20, 30, 25):
        y = rng.normal(size=n)
        folds.append(Held(y, 0.5 * y + rng.normal(size=n)))
    found = performance_over_folds(folds)
    r = np.array([stats.pearsonr(*fold).statistic for fold in folds])
    z = np.sum([np.arctanh(a) * np.sqrt(len(f.y) - 3) for a, f in zip(r, folds)]) / np.sqrt(3)
    assert found.rho == pytest.approx(r.mean())
    assert found.r2 == pytest.approx(r.mean() ** 2)
    assert found.pvalue == pytest.approx(2 * stats.norm.sf(abs(z)))
    y, guess = (np.concatenate(part) for part in zip(*folds))
    line = stats.linregress(guess, y)
    assert found.pooled_pvalue == pytest.approx(line.pvalue)
    adjusted = 1 - (1 - line.rvalue**2) * (len(y) - 1) / (len(y) - 2)
    assert found.pooled_r2 == pytest.approx(adjusted)
    assert found.held_out_r2 == pytest.approx(1 - np.sum((y - guess) ** 2) / np.sum(y**2))
    assert found.kept


def test_weights_of_zero_predict_nothing():
    y = np.random.default_rng(0).normal(size=(2, 10))
    found = performance_over_folds([Held(part, np.zeros(10)) for part in y])
    assert (found.rho, found.pvalue, found.held_out_r2) == (0.0, 1.0, 0.0)
    assert not found.kept


def test_p_values_are_uniform_without_signal():
    rng = np.random.default_rng(1)
    p = []
    for _ in range(400):
        folds = [Held(*rng.normal(size=(2, n))) for n in (12, 20, 15)]
        p.append(performance_over_folds(folds).pvalue)
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_folds_of_a_few_people_are_named():
    with pytest.raises(ValueError, match="use fewer folds"):
        performance_over_folds([Held(np.zeros(3), np.zeros(3))])


def test_fewest_weights_are_the_best_subset():
    """On few variants: no smaller set predicts as well, by enumeration."""
    X = make_genotypes(200, 8, random_state=3).data.astype(float)
    X -= X.mean(axis=0)
    weights = np.array([0.5, 0.1, 0.0, -0.3, 0.2, 0.05, 0.0, 0.02])
    fewest = fewest_weights(X, weights)
    whole = X @ weights
    chosen = np.flatnonzero(fewest)
    assert np.corrcoef(X @ fewest, whole)[0, 1] >= 0.995
    assert set(chosen) <= set(np.flatnonzero(weights))
    solution, *_ = np.linalg.lstsq(X[:, chosen], whole, rcond=None)
    np.testing.assert_allclose(fewest[chosen], solution, atol=1e-12)

    def best_correlation(size):
        return max(
            np.corrcoef(X[:, s] @ np.linalg.lstsq(X[:, s], whole, rcond=None)[0], whole)[0, 1]
            for s in map(list, combinations(np.flatnonzero(weights), size))
        )

    assert best_correlation(len(chosen) - 1) < 0.995


def test_equal_variants_share_one_weight():
    x = np.random.default_rng(0).normal(size=50)
    x -= x.mean()
    X = np.stack([x, x, np.zeros(50)], axis=1)
    fewest = fewest_weights(X, np.array([0.4, 0.6, 1.0]))
    assert np.count_nonzero(fewest) == 1
    np.testing.assert_allclose(X @ fewest, x)
    assert not fewest_weights(X, np.zeros(3)).any()


def test_heritability_is_the_maximum_of_the_restricted_likelihood():
    """Against the likelihood of contrasts that the covariates do not reach, by dense algebra."""
    rng = np.random.default_rng(0)
    n = 60
    X, C = rng.normal(size=(n, 20)), np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    y = X @ rng.normal(size=20) * 0.25 + rng.normal(size=n)
    hat = C @ np.linalg.pinv(C)
    X, y = X - hat @ X, y - hat @ y
    found = cis_heritability(X, y, n_covariates=2)
    contrasts = np.linalg.svd(hat)[0][:, 3:]
    Z = X / X.std(axis=0)
    kernel, u = contrasts.T @ Z @ Z.T @ contrasts / 20, contrasts.T @ y

    def log_likelihood(h):
        V = h * kernel + (1 - h) * np.eye(n - 3)
        scale = u @ np.linalg.solve(V, u) / (n - 3)
        return -0.5 * (np.linalg.slogdet(scale * V)[1] + n - 3)

    grid = np.linspace(0, 0.99, 500)
    path = np.array([log_likelihood(h) for h in grid])
    assert found.share == pytest.approx(grid[path.argmax()], abs=2e-3)
    ratio = 2 * (path.max() - path[0])
    assert found.pvalue == pytest.approx(stats.chi2.sf(ratio, 1) / 2, rel=0.01)
    step = grid[1]
    curvature = np.diff(path, 2)[path.argmax() - 1] / step**2
    assert found.standard_error == pytest.approx((-curvature) ** -0.5, rel=0.02)


def test_no_heritability():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 10))
    X -= X.mean(axis=0)
    y = rng.normal(size=100)
    y -= X @ np.linalg.lstsq(X, y, rcond=None)[0]
    found = cis_heritability(X, y - y.mean(), n_covariates=0)
    assert found.share < 1e-6
    assert found.pvalue == 1.0
