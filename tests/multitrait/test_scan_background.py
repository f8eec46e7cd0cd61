"""A background in summary statistics, against dense normal densities and the fit of one trait."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skgenetics import FinemapMiXeR, MMASHRegressor
from skgenetics.datasets import make_genotypes
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import residual_covariance
from skgenetics.multitrait._scan_background import ScanBackgroundDesign
from skgenetics.multitrait._summary_design import SummaryDesign
from skgenetics.multitrait.solvers import SOLVERS, Problem

N_PEOPLE = 2000.0
NOISE = np.array([[1.0, 0.3], [0.3, 0.9]])
SMALL = np.array([3e-3, 4e-4])


def designs(n_variants=5, seed=0):
    """A design without, and one with a background; LD and X'Y, whose mean is X'X B."""
    rng = np.random.default_rng(seed)
    R = np.corrcoef(rng.normal(size=(40, n_variants)) + rng.normal(size=(40, 1)), rowvar=False)
    correlation = rng.normal(0, 0.06, (n_variants, 2))
    plain = SummaryDesign(R, correlation, np.eye(2), n_samples=N_PEOPLE)
    noise = residual_covariance(NOISE)
    return plain, ScanBackgroundDesign(plain, noise, SMALL, *np.linalg.eigh(R)), R


def covariance(R):
    """Of X'Y without effects, traits within variants."""
    d = N_PEOPLE - 1
    return d * np.kron(R, NOISE) + d**2 * np.kron(R @ R, np.diag(SMALL))


def test_likelihood_is_the_dense_one():
    plain, design, R = designs()
    xy, d = plain.cross_products, N_PEOPLE - 1
    B = np.random.default_rng(1).normal(0, 0.05, xy.shape)
    moved = d * np.kron(R, np.eye(2))
    inverse = np.linalg.inv(covariance(R))
    form = (moved @ inverse @ moved).reshape(5, 2, 5, 2)
    design.start(B)
    rest = (moved @ inverse @ (xy.ravel() - moved @ B.ravel())).reshape(5, 2)
    np.testing.assert_allclose(design.scores(), rest, rtol=1e-8)
    np.testing.assert_allclose(design.gram_columns(np.array([1, 3])), form[:, :, [1, 3]], rtol=1e-8)
    np.testing.assert_allclose(
        design.gram_product(np.array([1, 3]), B[:2]),
        np.tensordot(form[:, :, [1, 3]], B[:2], 2),
        rtol=1e-8,
    )
    np.testing.assert_allclose(design.squared_norm, form[range(5), :, range(5)], rtol=1e-8)
    small = np.kron(np.eye(5), np.diag(SMALL)) @ moved @ inverse  # E[u | B]
    expected = small @ (xy.ravel() - moved @ B.ravel())
    np.testing.assert_allclose(design.background_effects().ravel(), expected, rtol=1e-8)


def test_bound_of_one_effect_is_the_evidence():
    """Without a background and with it, up to the same constant."""
    plain, design, R = designs()
    U, scales = np.array([np.eye(2), np.ones((2, 2))]), np.array([0.002, 0.02])
    weights = np.array([0.4, 0.2, 0.1, 0.1, 0.2])
    d, xy = N_PEOPLE - 1, plain.cross_products.ravel()
    found = []
    for fitted, sigma in ((plain, NOISE), (design, np.eye(2))):
        problem = Problem(
            prior=make_prior(U, scales, ["a", "b"], has_null=True),
            weights=weights,
            learn_weights=False,
            weight_threshold=0.0,
            covariance=residual_covariance(sigma),
            covariance_step=None,
            max_effects=1,
        )
        *_, state = SOLVERS["single_effects"].start(fitted, problem, tol=1e-8)
        V = d * np.kron(R, NOISE) if fitted is plain else covariance(R)
        terms = [np.log(weights[0]) + multivariate_normal.logpdf(xy, cov=V)]
        for p in range(5):
            column = d * np.kron(R[:, [p]], np.eye(2))
            for k in range(2):
                for m, scale in enumerate(scales):
                    density = multivariate_normal.logpdf(
                        xy, cov=V + scale * column @ U[k] @ column.T
                    )
                    terms.append(np.log(weights[1 + 2 * k + m] / 5) + density)
        found.append(state.bound - logsumexp(terms))
    assert found[0] == pytest.approx(found[1], abs=1e-6)


@pytest.fixture(scope="module")
def scans():
    """z (p, 2) of 50,000 people, one effect; the first trait has a background of N h2 = 100."""
    R, rng = 0.8 ** np.abs(np.subtract.outer(range(150), range(150))), np.random.default_rng(3)
    v = rng.normal(size=(150, 2)) * np.sqrt([100 / 150, 0])
    v[40] += 15.0
    return R @ v + np.linalg.cholesky(R) @ rng.normal(size=(150, 2)), R


def test_background_of_a_trait_is_found(scans):
    z, R = scans
    model = MMASHRegressor(solver="single_effects").fit_summary(
        z, R, n_samples=50_000, trait_correlation=np.eye(2)
    )
    explained = 50_000 * np.asarray(model.polygenic_)
    assert 50 < explained[0] < 200
    assert explained[1] < explained[0] / 4
    np.testing.assert_allclose(np.diag(model.genetic_covariance_), model.polygenic_)
    told = model.genetic_parameters()
    assert 0 < told.heritability[0] < 0.01
    assert 0 < told.heritability_se[0] < 0.005
    assert [40 in one["variants"] for one in model.credible_sets_] == [True]
    bare = MMASHRegressor(solver="single_effects", polygenic=0).fit_summary(
        z, R, n_samples=50_000, trait_correlation=np.eye(2)
    )
    assert model.elbo_path_[-1] > bare.elbo_path_[-1] + 4
    assert np.asarray(bare.pip_).sum() > np.asarray(model.pip_).sum() + 1
    left = [z - np.sqrt(50_000) * R @ np.asarray(m.coef_).T for m in (model, bare)]
    assert np.sum(left[0][:, 0] ** 2) < np.sum(left[1][:, 0] ** 2)  # coef_ holds the background


def test_one_trait_has_the_background_of_the_mixer(scans):
    z, R = scans
    one = MMASHRegressor(solver="single_effects").fit_summary(z[:, 0], R, n_samples=50_000)
    mixer = FinemapMiXeR(solver="susie").fit_summary(z[:, 0], R, n_samples=50_000)
    assert mixer.background_variance_ > 0
    assert one.polygenic_ == pytest.approx(150 * mixer.background_variance_, rel=0.3)


def test_none_without_one():
    X = make_genotypes(3000, 100, random_state=4).data
    R, rng = np.corrcoef(X, rowvar=False), np.random.default_rng(4)
    z = 12 * R[:, [30]] + np.linalg.cholesky(R + 1e-8 * np.eye(100)) @ rng.normal(size=(100, 2))
    settings = {"n_samples": 50_000, "trait_correlation": np.eye(2)}
    model, bare = (
        MMASHRegressor(solver="single_effects", polygenic=delta).fit_summary(z, R, **settings)
        for delta in ("auto", 0)
    )
    assert not np.any(model.polygenic_)
    np.testing.assert_array_equal(model.pip_, bare.pip_)
