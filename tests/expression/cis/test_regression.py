"""The cis stage against scikit-learn on complete data, and against optimality conditions."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, MultiTaskLasso, Ridge

from skgenetics import MILAGERegressor
from skgenetics.expression.cis import _descent, _regression
from skgenetics.expression.cis._descent import measure, start_descent
from skgenetics.expression.cis._regression import (
    AlphaErrors,
    CisSettings,
    GeneData,
    choose_alpha,
    choose_alphas,
    fit_cis,
    fit_path,
    largest_alpha,
    predict_cis,
    validate_alphas,
)
from tests.oracles.expression_kkt import kkt_residual

PENALTIES = ["group_lasso", "lasso", "ridge"]


def gene_data(X, y, weight):
    rows = np.ascontiguousarray(X.T, dtype=float)
    return GeneData(rows, np.nan_to_num(y), weight[:, None] * ~np.isnan(y))


def solve(X, y, weight, alpha, penalty):
    return next(fit_path(gene_data(X, y, weight), [alpha], penalty, tol=1e-18))


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("alpha", [0.02, 0.1])
def test_complete_tissues_equal_scikit_learn(tensor, penalty, alpha):
    X, y = tensor(pattern="none")
    y = y[:, 0]
    model = {
        "group_lasso": MultiTaskLasso(alpha=alpha, tol=1e-12, max_iter=100_000),
        "lasso": Lasso(alpha=alpha, tol=1e-12, max_iter=100_000),
        "ridge": Ridge(alpha=alpha * len(y)),
    }[penalty].fit(X, y)
    coef, intercept = solve(X, y, np.ones(len(y)), alpha, penalty)
    np.testing.assert_allclose(coef.T, model.coef_, atol=1e-6)
    np.testing.assert_allclose(intercept, model.intercept_, atol=1e-6)
    if penalty == "group_lasso":
        zero = np.all(model.coef_ == 0, axis=0)
        assert zero.any() == (alpha == 0.1)
        np.testing.assert_array_equal(np.all(coef == 0, axis=1), zero)


@pytest.mark.parametrize("n", [40, 400])
@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_ridge_of_variants_in_perfect_ld(n, dtype):
    """Each variant three times, once turned, beside constants: fewer people than variants, or more.

    In exact arithmetic copies share the effect of one variant whose penalty is a third.
    """
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(n, 60))
    y = np.stack([X[:, 0] - X[:, 7] + rng.normal(size=n) for _ in range(2)], axis=1)
    y[: n // 4, 1] = np.nan
    copies = np.hstack([X, X, 2 - X, np.ones((n, 5), dtype=int)]).astype(dtype)
    settings = CisSettings("ridge", 0.05)
    ours = fit_cis(copies, y[:, None], np.ones(n), [slice(0, 185)], settings)
    coef = np.zeros((2, 185))
    coef[:, ours.variants] = ours.coef
    per_tissue = np.sum(~np.isnan(y)) / 2
    for k in range(2):
        seen = ~np.isnan(y[:, k])
        theirs = Ridge(alpha=0.05 * per_tissue / 3).fit(X[seen], y[seen, k])
        for part, sign in enumerate([1, 1, -1]):
            block = coef[k, 60 * part : 60 * part + 60]
            np.testing.assert_allclose(3 * sign * block, theirs.coef_, atol=1e-7)
    np.testing.assert_allclose(coef[:, 180:], 0, atol=1e-10)


def test_ridge_path_ends_at_least_squares_of_variants_in_ld():
    """Almost without a penalty, in nearly collinear columns: the fit is the projection."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, 3, size=(80, 1)) + (rng.random((80, 30)) < 0.03)
    y = rng.normal(size=(80, 1))
    coef, intercept = solve(X, y, np.ones(80), 1e-9, "ridge")
    basis, size, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    basis = basis[:, size > 1e-9 * size[0]]
    projected = y.mean() + basis @ (basis.T @ (y - y.mean()))
    np.testing.assert_allclose(X @ coef + intercept, projected, atol=1e-6)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("pattern", ["samples", "cells"])
def test_solutions_on_observed_cells_are_optimal(tensor, penalty, pattern):
    X, y = tensor(pattern=pattern)
    weight = np.random.default_rng(0).integers(1, 4, size=len(y)).astype(float)
    coef, intercept = solve(X, y[:, 0], weight, 0.06, penalty)
    assert kkt_residual(X, y[:, 0], weight, coef, intercept, 0.06, penalty) < 1e-7
    assert np.any(coef != 0)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_weights_are_repetitions(tensor, penalty):
    X, y = tensor(pattern="cells")
    weight = np.random.default_rng(0).integers(0, 3, size=len(y))
    ours = solve(X, y[:, 0], weight.astype(float), 0.05, penalty)
    X2, y2 = np.repeat(X, weight, axis=0), np.repeat(y[:, 0], weight, axis=0)
    for a, b in zip(ours, solve(X2, y2, np.ones(len(y2)), 0.05, penalty)):
        np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.parametrize("penalty", ["group_lasso", "lasso"])
def test_the_largest_alpha_is_the_first_without_effects(tensor, penalty):
    X, y = tensor(pattern="samples")
    y, weight = y[:, 0], np.ones(len(y))
    alpha = largest_alpha(gene_data(X, y, weight), penalty)
    assert not solve(X, y, weight, alpha * 1.0001, penalty)[0].any()
    assert solve(X, y, weight, alpha * 0.99, penalty)[0].any()


def test_a_variant_constant_in_a_tissue_has_no_effect_there(tensor):
    X, y = tensor(pattern="samples")
    y = y[:, 0]
    X[~np.isnan(y[:, 1]), 3] = 1
    y += 3 * X[:, 3, None]
    coef, intercept = solve(X, y, np.ones(len(y)), 0.01, "group_lasso")
    assert coef[3, 1] == 0
    assert coef[3].any()
    assert kkt_residual(X, y, np.ones(len(y)), coef, intercept, 0.01, "group_lasso") < 1e-7


def test_a_variant_constant_in_a_tissue_has_none_whatever_rounding_leaves_of_it(tensor):
    """The mean of many equal dosages is not the dosage, nor a sum of squares about it 0."""
    X, y = tensor(n=997, pattern="samples")
    y, weight, X = y[:, 0], np.linspace(0.1, 3.0, 997), X.astype(float)
    X[~np.isnan(y[:, 1]), 3] = 1.1
    X[:, 4] = 1e-6 * X[:, 4] + 1.1  # varies, if little
    X[~np.isnan(y[:, 2]), 5] = 0  # carried by others alone
    cells = weight[:, None] * ~np.isnan(y)
    descent = start_descent(np.ascontiguousarray(X.T), cells, np.zeros(cells.shape))
    measure(descent, np.arange(X.shape[1]))
    constant = np.argwhere(descent.sum_of_squares == 0).tolist()
    assert constant == [[3, 1], [5, 2]]
    for k in range(3):
        seen = ~np.isnan(y[:, k])
        mean = np.average(X[seen], axis=0, weights=weight[seen])
        expected = weight[seen] @ (X[seen] - mean) ** 2
        found = descent.sum_of_squares[:, k]
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-20)


@pytest.mark.parametrize("penalty", ["group_lasso", "lasso"])
def test_more_effects_than_the_working_set_holds(tensor, penalty, monkeypatch):
    """Sweeps go on from the residuals, with effects within the set and outside of it."""
    X, y = tensor(n=120, pattern="samples")
    monkeypatch.setattr(_descent, "MAX_MEMBERS", 4)
    weight = np.ones(len(y))
    coef, intercept = solve(X, y[:, 0], weight, 0.02, penalty)
    assert np.sum(coef.any(axis=1)) > 12
    assert kkt_residual(X, y[:, 0], weight, coef, intercept, 0.02, penalty) < 1e-7


def test_each_strength_of_a_path_gives_the_effects_of_a_fit_by_itself(tensor):
    X, y = tensor(n=80, pattern="cells")
    gene = gene_data(X, y[:, 0], np.ones(len(y)))
    alphas = largest_alpha(gene, "group_lasso") * np.array([1.1, 0.7, 0.4, 0.1])
    for alpha, (coef, _) in zip(alphas, fit_path(gene, alphas, "group_lasso", tol=1e-18)):
        alone, _ = next(fit_path(gene, [alpha], "group_lasso", tol=1e-18))
        np.testing.assert_allclose(coef, alone, atol=1e-7)


def test_rough_fits_of_integers_in_single_precision_choose_as_those_in_double(tensor):
    X, y = tensor(n=80, n_genes=4, pattern="samples")
    y = y + 2 * X[:, [3], None]
    single, double = (
        validate_alphas(
            G, y, np.ones(80), [slice(0, 25)] * 4, CisSettings("group_lasso"), np.arange(80) % 5
        )
        for G in (X.astype(np.int8), X.astype(float))
    )
    np.testing.assert_allclose(single.alphas, double.alphas, rtol=1e-5)
    np.testing.assert_allclose(single.errors, double.errors, rtol=3e-3)


def test_a_path_that_ends_early_has_the_least_error_of_the_whole(tensor, monkeypatch):
    X, y = tensor(n=80, n_genes=4, pattern="samples")
    y[:, 0] += 2 * X[:, [3]]
    given = X, y, np.ones(80), [slice(0, 25)] * 4, CisSettings("lasso"), np.arange(80) % 5
    ended = validate_alphas(*given).errors
    monkeypatch.setattr(_regression, "STANDARD_ERRORS", 1e300)
    whole = validate_alphas(*given).errors
    assert np.any(ended != whole)
    np.testing.assert_array_equal(ended.argmin(axis=1), whole.argmin(axis=1))
    after = np.arange(ended.shape[1]) >= ended.argmin(axis=1)[:, None]
    rises = np.diff(ended, axis=1)[after[:, :-1]]
    assert np.all(rises >= -0.02 * ended.max())


def fit(X, y, windows, penalty="group_lasso", alpha=None, impute=None, n_jobs=None):
    settings = CisSettings(penalty, alpha, impute, n_jobs)
    return fit_cis(X, y, np.ones(len(y)), windows, settings, np.random.RandomState(0))


@pytest.mark.parametrize("penalty", ["group_lasso", "ridge"])
def test_errors_of_held_out_individuals_are_those_of_scikit_learn(tensor, penalty):
    X, y = tensor(n=60, n_genes=2, pattern="none")
    fold, windows = np.arange(60) % 3, [slice(0, 10), slice(8, 20)]
    found = validate_alphas(X, y, np.ones(60), windows, CisSettings(penalty, 0.1), fold)
    for j, window in enumerate(windows):
        expected = 0.0
        for f in range(3):
            train, test = fold != f, fold == f
            alpha = 0.1 * (1 if penalty == "group_lasso" else train.sum())
            model = {"group_lasso": MultiTaskLasso, "ridge": Ridge}[penalty](alpha=alpha, tol=1e-9)
            model.fit(X[train, window], y[train, j])
            expected += np.sum((y[test, j] - model.predict(X[test, window])) ** 2)
        assert found.errors[j, 0] == pytest.approx(expected, rel=3e-3)


def test_a_gene_without_variants_is_fitted_once_in_each_fold(tensor, monkeypatch):
    X, y = tensor(n=60, n_genes=2, pattern="none")
    fold, solved, descend = np.arange(60) % 3, [], _regression.descend
    monkeypatch.setattr(
        _regression, "descend", lambda *given: solved.append(len(given[0].coef)) or descend(*given)
    )
    windows = [slice(5, 5), slice(0, 10)]
    found = validate_alphas(X, y, np.ones(60), windows, CisSettings("group_lasso"), fold)
    assert solved.count(0) == 3
    assert solved.count(10) > 3
    left = [y[fold == f, 0] - y[fold != f, 0].mean(axis=0) for f in range(3)]
    np.testing.assert_allclose(found.errors[0], sum(np.sum(part**2) for part in left))


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_windows_hold_the_effects(tensor, n_jobs):
    X, y = tensor(n=80, n_genes=3, pattern="samples")
    y[:, 0] += 4 * X[:, 4, None]
    y[:, 2] -= 4 * X[:, 20, None]
    effects = fit(X, y, [slice(0, 10), slice(5, 5), np.array([20, 25])], n_jobs=n_jobs)
    assert 4 in effects.variants[: effects.indptr[1]]
    assert effects.indptr[1] == effects.indptr[2]
    assert set(effects.variants[effects.indptr[2] :]) <= {20, 25}
    cis = predict_cis(X, effects)
    cis += effects.intercept.T
    np.testing.assert_array_equal(cis[:, 1], np.broadcast_to(cis[0, 1], (80, 3)))
    for j in (0, 2):
        for k in range(3):
            seen = ~np.isnan(y[:, j, k])
            assert np.corrcoef(cis[seen, j, k], y[seen, j, k])[0, 1] > 0.8
            np.testing.assert_allclose(cis[seen, j, k].mean(), y[seen, j, k].mean())


@pytest.mark.parametrize("penalty", PENALTIES)
def test_validation_chooses_little_shrinkage_for_strong_effects(tensor, penalty):
    X, y = tensor(n=80, n_genes=4, pattern="samples")
    windows = [slice(0, 10)] * 4
    weak = fit(X, y, windows, penalty)
    strong = fit(X, y + 5 * X[:, 3, None, None], windows, penalty)
    noise = np.random.default_rng(5).normal(size=y.shape)
    none = fit(X, np.where(np.isnan(y), np.nan, noise), windows, penalty)
    limits = [
        max(
            largest_alpha(gene_data(X[:, w], z, np.ones(len(X))), penalty)
            for w, z in zip(windows, t.transpose(1, 0, 2))
        )
        for t in (y, y + 5 * X[:, 3, None, None], np.where(np.isnan(y), np.nan, noise))
    ]
    assert strong.alpha / limits[1] < min(weak.alpha / limits[0], none.alpha / limits[2])


def test_filling_missing_tissues_shrinks_the_intercepts(tensor):
    X, y = tensor(n=200, n_genes=1, pattern="samples")
    y[:, 0, 0] += 10
    observed = fit(X, y, [slice(0, 5)], alpha=10.0)
    filled = fit(X, y, [slice(0, 5)], alpha=10.0, impute="mean")
    np.testing.assert_allclose(observed.intercept[:, 0], np.nanmean(y[:, 0], axis=0))
    assert filled.intercept[0, 0] < observed.intercept[0, 0] - 1
    complete = np.where(np.isnan(y), np.nanmean(y), y)
    np.testing.assert_allclose(filled.intercept[:, 0], complete[:, 0].mean(axis=0))


def test_one_gene_that_fails_keeps_the_rest(tensor, monkeypatch):
    X, y = tensor()
    windows = [slice(0, 10)] * y.shape[1]
    settings = CisSettings("ridge", 0.1)
    whole = fit_cis(X, y, np.ones(len(X)), windows, settings)
    decompose, calls = np.linalg.eigh, []

    def eigh(matrix):
        calls.append(1)
        if len(calls) == 1:
            raise np.linalg.LinAlgError("did not converge")
        return decompose(matrix)

    monkeypatch.setattr(np.linalg, "eigh", eigh)
    with pytest.warns(UserWarning, match="1 of 6 genes, the first 0"):
        part = fit_cis(X, y, np.ones(len(X)), windows, settings)
    np.testing.assert_array_equal(part.indptr[1:], whole.indptr[1:] - 10)
    np.testing.assert_allclose(part.coef, whole.coef[:, 10:])
    np.testing.assert_allclose(part.intercept[:, 0], np.nanmean(y[:, 0], axis=0))


def test_a_gene_that_fails_keeps_the_others_in_the_whole_estimator(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(60, 30)).astype(np.int8)
    y = 1.5 * X[:, [2, 12, 22]] + rng.normal(size=(60, 3))
    options = {
        "cis_windows": [[0, 10], [10, 20], [20, 30]], "n_variants": 30, "cis_penalty": "ridge",
        "cis_alpha": 0.1, "polygenic": False,
    }  # fmt: skip
    whole = MILAGERegressor(0, **options).fit(X, y).predict(X)
    decompose, calls = np.linalg.eigh, []

    def eigh(matrix):
        calls.append(1)
        if len(calls) == 2:
            raise np.linalg.LinAlgError("did not converge")
        return decompose(matrix)

    monkeypatch.setattr(np.linalg, "eigh", eigh)
    with pytest.warns(UserWarning, match="1 of 3 genes, the first 1"):
        part = MILAGERegressor(0, **options).fit(X, y).predict(X)
    np.testing.assert_allclose(part[:, [0, 2]], whole[:, [0, 2]])
    np.testing.assert_allclose(part[:, 1], y[:, 1].mean())


def test_genes_that_tell_get_their_own_strength_and_the_rest_the_shared_one():
    errors = np.array([[100.0, 60.0, 50.0], [100.0, 99.0, 130.0], [100.0, 90.0, 95.0]])
    found = AlphaErrors(np.array([1.0, 0.3, 0.1]), errors, np.full(3, 100.0))
    assert choose_alpha(found) == 0.3
    # gains of 50, 1 and 10 against noise of 7, 14 and 12.7
    np.testing.assert_array_equal(choose_alphas(found), [0.1, 0.3, 0.3])


def test_strengths_of_genes_are_used_gene_by_gene(tensor):
    X, y = tensor()
    weight, windows = np.ones(len(X)), [slice(0, 10)] * y.shape[1]
    alphas = np.array([0.01, 0.3, 0.1, 0.05, 0.2, 0.02])
    together = fit_cis(X, y, weight, windows, CisSettings("lasso", alphas))
    for j, alpha in enumerate(alphas):
        alone = fit_cis(X, y[:, [j]], weight, windows[:1], CisSettings("lasso", alpha))
        own = slice(together.indptr[j], together.indptr[j + 1])
        np.testing.assert_array_equal(together.variants[own], alone.variants)
        np.testing.assert_allclose(together.coef[:, own], alone.coef)
