"""Summary statistics with cells that are missing or of other people, against dropping by hand."""

import numpy as np
import pandas as pd
import pytest

from skgenetics import MMASHRegressor
from skgenetics.multitrait._cell_design import RIDGE, CellDesign, quadratic_form

SCALES = [0.01, 0.04]
U = np.array([np.eye(3), 0.5 * np.eye(3) + 0.5, np.diag([1.0, 0, 0])])
WEIGHTS = np.array([0.9, 0.02, 0.02, 0.02, 0.02, 0.01, 0.01])
C = np.array([[1, 0.4, 0.1], [0.4, 1, 0.3], [0.1, 0.3, 1]])
SOLVERS = ["coordinate_ascent", "single_effects"]


def statistics(n_variants=25, n_samples=1000):
    """z (P, 3) of two variants that act, and LD, which holds `RIDGE` already."""
    rng = np.random.default_rng(0)
    place = np.arange(n_variants)
    ld = 0.8 ** np.abs(np.subtract.outer(place, place))
    ld /= 1 - RIDGE
    np.fill_diagonal(ld, 1.0)
    B = np.zeros((n_variants, 3))
    B[4], B[-2] = [0.25, 0.2, 0.25], [0.0, -0.3, -0.3]
    root = np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(place, place)))
    noise = root @ rng.normal(size=B.shape) @ np.linalg.cholesky(C).T
    return np.sqrt(n_samples) * ld @ B + noise, ld


def fit(z, ld, solver, *, n_samples=1000, traits=(0, 1, 2), **options):
    model = MMASHRegressor(
        solver=solver, covariances=U[:, traits][:, :, traits], scales=SCALES, weights=WEIGHTS,
        tol=1e-9, update_order="sequential",
    )  # fmt: skip
    correlation = C[np.ix_(traits, traits)]
    return model.fit_summary(
        z, ld, n_samples=n_samples, trait_correlation=correlation, **options
    )  # fmt: skip


def test_the_form_is_the_dense_one():
    rng = np.random.default_rng(1)
    z, ld = statistics(6)
    z[rng.random(z.shape) < 0.3] = np.nan
    n = rng.uniform(500, 1000, size=z.shape)
    form, linear = quadratic_form(z, n, ld, C)
    R, cells = (1 - RIDGE) * ld + RIDGE * np.eye(6), np.argwhere(~np.isnan(z))
    share = n / np.nanmax(np.where(np.isnan(z), np.nan, n), axis=0)
    V, M = np.zeros((len(cells),) * 2), np.zeros((len(cells), 6, 3))
    for a, (p, j) in enumerate(cells):
        M[a, :, j] = np.sqrt(n[p, j]) * R[p]
        for b, (q, k) in enumerate(cells):
            low, high = sorted([share[p, j], share[q, k]])
            V[a, b] = C[j, k] * R[p, q] * np.sqrt(low / high)
    M = M.reshape(len(cells), -1)
    np.testing.assert_allclose(
        form.reshape(18, 18), M.T @ np.linalg.solve(V, M), rtol=1e-9, atol=1e-7
    )
    expected = M.T @ np.linalg.solve(V, z[~np.isnan(z)])
    np.testing.assert_allclose(linear.reshape(-1), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("solver", SOLVERS)
def test_all_cells_are_the_likelihood_without(solver):
    z, ld = statistics()
    expected = fit(z, ld, solver)
    n = np.full(z.shape, 1000.0)
    n[7] = 979  # within 2%
    np.testing.assert_allclose(fit(z, ld, solver, n_samples=n).coef_, expected.coef_, atol=5e-4)
    n[7] = 970  # not taken for the same people any more
    near = fit(z, ld, solver, n_samples=n)
    np.testing.assert_allclose(near.coef_, expected.coef_, atol=0.02)
    np.testing.assert_allclose(near.residual_covariance_, C)


@pytest.mark.parametrize("solver", SOLVERS)
def test_traits_that_are_not_measured_change_nothing(solver):
    z, ld = statistics()
    z[:, 1] = np.nan
    with_it = fit(z, ld, solver)
    without = fit(z[:, [0, 2]], ld, solver, traits=(0, 2))
    np.testing.assert_allclose(with_it.coef_[[0, 2]], without.coef_, atol=2e-3)
    np.testing.assert_allclose(with_it.lfsr_[[0, 2]], without.lfsr_, atol=2e-2)
    np.testing.assert_allclose(with_it.pip_, without.pip_, atol=2e-2)
    assert with_it.coef_[1, 4] > 0.4 * with_it.coef_[0, 4] > 0.05  # U shares it


@pytest.mark.parametrize("solver", SOLVERS)
def test_variants_that_are_not_measured_are_left_out(solver):
    z, ld = statistics()
    missing, rest = [3, 9], np.delete(np.arange(25), [3, 9])
    z[missing] = np.nan
    with_them = fit(z, ld, solver)
    without = fit(z[rest], ld[np.ix_(rest, rest)], solver)
    np.testing.assert_allclose(with_them.coef_[:, rest], without.coef_, atol=3e-3)
    np.testing.assert_allclose(with_them.pip_[rest], without.pip_, atol=3e-2)
    assert np.all(with_them.pip_[missing] == 0)
    assert np.all(with_them.lfsr_[:, missing] == 1)
    assert np.all(with_them.coef_[:, missing] == 0)


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_number_of_people_is_that_of_every_trait(solver):
    z, ld = statistics()
    z[0, 0] = np.nan
    one, each = (fit(z, ld, solver, n_samples=n) for n in (1000, [1000] * 3))
    np.testing.assert_array_equal(one.coef_, each.coef_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_bound_rises_with_scattered_cells(solver):
    z, ld = statistics()
    complete = fit(z, ld, solver)
    rng = np.random.default_rng(2)
    n = np.where(rng.random(z.shape) < 0.2, 600, 1000)
    z = z * np.sqrt(n / 1000)
    z[rng.random(z.shape) < 0.15] = np.nan
    z[4] = [np.nan, 2.0, np.nan]
    model = fit(z, ld, solver, n_samples=n)
    assert np.all(np.diff(model.elbo_path_) > -1e-9)
    np.testing.assert_allclose(model.coef_.sum(axis=1), complete.coef_.sum(axis=1), atol=0.1)


def test_labels_and_errors():
    z, ld = statistics(8)
    z[2, 0] = np.nan
    names = [f"rs{i}" for i in range(8)]
    z = pd.DataFrame(z, names, ["a", "b", "c"])
    n = pd.DataFrame(np.linspace(500, 1000, 24).reshape(8, 3), names, ["a", "b", "c"])
    n.loc["rs2", "a"] = np.nan
    rest = {"ld": ld, "trait_correlation": C}
    expected = MMASHRegressor().fit_summary(z, n_samples=n, **rest)
    turned = MMASHRegressor().fit_summary(z, n_samples=n.iloc[::-1, ::-1], **rest)
    np.testing.assert_array_equal(turned.coef_, expected.coef_)
    with pytest.raises(ValueError, match=r"every n_samples must be a number > 2; got 1\.0 at"):
        MMASHRegressor().fit_summary(z, n_samples=n.replace(n.iloc[0, 0], 1), **rest)
    with pytest.raises(ValueError, match=r"one per cell of z \(8, 3\); got shape \(8, 2\)"):
        MMASHRegressor().fit_summary(z.to_numpy(), n_samples=n.to_numpy()[:, :2], **rest)
    beta, se = 0.01 * z, 0.01 + 0 * z
    by_error = MMASHRegressor().fit_summary(beta=beta, se=se, n_samples=n, **rest)
    np.testing.assert_allclose(by_error.coef_, expected.coef_, rtol=1e-9)
    se.loc["rs2", "a"] = np.inf
    with pytest.raises(ValueError, match="NaN in beta and se marks what was not measured"):
        MMASHRegressor().fit_summary(beta=beta, se=se, n_samples=n, **rest)
    many = np.zeros((1700, 3))
    many[0, 0] = np.nan
    with pytest.raises(ValueError, match="z has 5100 cells"):
        MMASHRegressor().fit_summary(many, np.eye(1700), n_samples=500, trait_correlation=C)


def test_order_of_the_updates():
    z, ld = statistics(8)
    z[2, 0] = np.nan
    design = CellDesign(z, np.full(z.shape, 100.0), ld, C)
    effects = np.random.default_rng(0).normal(size=z.shape)
    turned = design.arranged(order=np.arange(8)[::-1])
    turned.start(np.zeros_like(effects))
    turned.shift(effects)
    design.start(effects)
    np.testing.assert_allclose(turned.scores(), design.scores(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(turned.square(), design.square(), rtol=1e-9)
