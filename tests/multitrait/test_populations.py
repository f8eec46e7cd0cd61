"""Several populations with an LD each, and LD of a panel, against enumeration."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag
from scipy.special import logsumexp

from skgenetics import FinemapMiXeR, MMASHRegressor
from skgenetics.datasets import make_genotypes
from skgenetics.multitrait._population_design import seen_through
from skgenetics.multitrait._residual_covariance import residual_covariance
from skgenetics.multitrait._summary_design import Panel

SOLVERS = ["coordinate_ascent", "single_effects"]
PEOPLE = np.array([400.0, 700.0])
U = np.array([[[1, 0.6], [0.6, 1]], [[1, 0], [0, 0]], [[1, 1], [1, 1]]])
SCALES = np.array([0.01, 0.05])
WEIGHTS = np.array([0.7, 0.1, 0.05, 0.05, 0.05, 0.03, 0.02])


def ld_of(rho, p):
    return rho ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


def scans(p=7, effects=((2, (0.25, 0.2)),), seed=0):
    """z (p, 2), correlations (p, 2) with the traits, and two matrices of LD."""
    rng = np.random.default_rng(seed)
    lds, z = [ld_of(0.8, p), ld_of(-0.5, p)], np.zeros((p, 2))
    for j, R in enumerate(lds):
        b = np.zeros(p)
        for variant, size in effects:
            b[variant] = size[j]
        z[:, j] = np.sqrt(PEOPLE[j]) * R @ b + np.linalg.cholesky(R) @ rng.normal(size=p)
    return z, z / np.sqrt(z**2 + PEOPLE - 2), lds


def fitted(z, ld, **options):
    settings = {"covariances": U, "scales": SCALES, "weights": WEIGHTS, "tol": 1e-9}
    people = options.pop("n_samples", PEOPLE)
    model = MMASHRegressor(**settings | {"solver": "single_effects", **options})
    return model.fit_summary(z, ld, n_samples=people)


def log_evidences(correlations, lds, covariances, rows):
    """log p of X'y of all populations, by its dense covariance, for each set of effects.

    covariances : list of list of (variant, array (J, J)), the effects of a model
    rows : list of array, the variants that each population has
    """
    s = np.concatenate(
        [
            np.sqrt(n * (n - 1)) * correlations[own, j]
            for j, (n, own) in enumerate(zip(PEOPLE, rows))
        ]
    )
    noise = block_diag(
        *[(n - 1) * R[np.ix_(own, own)] for n, R, own in zip(PEOPLE, lds, rows, strict=True)]
    )
    evidence = []
    for effects in covariances:
        V = noise.copy()
        for variant, covariance in effects:
            parts = [
                np.where(variant in own, (n - 1) * R[own, variant], 0.0)
                for n, R, own in zip(PEOPLE, lds, rows, strict=True)
            ]
            moved = block_diag(*[part[:, None] for part in parts])
            V += moved @ covariance @ moved.T
        value = -(np.linalg.slogdet(V)[1] + s @ np.linalg.solve(V, s)) / 2
        evidence.append(value)
    return np.array(evidence)


@pytest.mark.parametrize("lacks", [False, True])
def test_one_effect_is_that_of_enumeration(lacks):
    z, correlations, lds = scans()
    p, rows = len(z), [np.arange(len(z)), np.arange(len(z))]
    if lacks:  # the first population lacks variant 4, the second variant 0
        for j, variant in enumerate((4, 0)):
            z[variant, j] = np.nan
            lds[j] = lds[j].copy()
            lds[j][variant] = lds[j][:, variant] = np.nan
            rows[j] = np.delete(rows[j], variant)
    slabs = [scale * u for u in U for scale in SCALES]
    models = [[(v, V)] for v in range(p) for V in slabs]
    clean = [np.nan_to_num(R) for R in lds]
    null, *log_bf = log_evidences(np.nan_to_num(correlations), clean, [[], *models], rows)
    share = np.log(WEIGHTS[1:] / WEIGHTS[1:].sum())
    terms = (np.array(log_bf) - null).reshape(p, len(slabs)) + share - np.log(p)
    model = fitted(z, lds, max_effects=1, min_purity=0.0)
    (found,) = model.credible_sets_
    alpha = np.exp(logsumexp(terms, axis=1) - logsumexp(terms))
    np.testing.assert_allclose(found["alpha"], alpha[found["variants"]], rtol=1e-8)
    np.testing.assert_allclose(found["log10_bf"], logsumexp(terms) / np.log(10), rtol=1e-8)
    odds = np.log(1 - WEIGHTS[0]) + logsumexp(terms) - np.log(WEIGHTS[0])
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(-odds)), rtol=1e-8)


def test_bound_rises_and_stays_below_the_evidence_of_two_effects():
    z, correlations, lds = scans(p=4, effects=((0, (0.2, 0.2)), (3, (0.0, 0.3))))
    rows = [np.arange(4)] * 2
    slabs = [scale * u for u in U for scale in SCALES]
    share = WEIGHTS[1:]  # with the probability that an effect is there
    single = [None, *product(range(4), range(len(slabs)))]
    models, log_prior = [], []
    for pair in product(single, repeat=2):
        models.append([(v, slabs[t]) for v, t in (one for one in pair if one is not None)])
        log_prior.append(
            sum(np.log(WEIGHTS[0] if one is None else share[one[1]] / 4) for one in pair)
        )
    log_p = log_evidences(correlations, lds, models, rows)
    exact = logsumexp(log_p - log_p[0] + np.array(log_prior))
    model = fitted(z, lds, max_effects=2)
    path = np.array(model.elbo_path_)
    assert np.all(np.diff(path) >= -1e-9 * np.abs(path).max())
    null = -np.sum(PEOPLE) * (np.log(2 * np.pi) + 1) / 2  # of the traits without an effect
    assert 0 < path[-1] - null < exact
    assert path[-1] - null > exact - 1.5


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_population_is_the_fit_of_one_ld(solver):
    z, _, lds = scans(p=30, effects=((5, (0.2, 0.2)), (20, (0.2, -0.2))))
    options = {"solver": solver, "covariances": U[:, :1, :1], "update_order": "sequential"}
    one = fitted(z[:, :1], lds[0], n_samples=400, **options)
    listed = fitted(z[:, :1], [lds[0]], n_samples=[400], **options)
    for name in ("pip_", "coef_", "coef_sd_", "lfsr_", "pve_"):
        np.testing.assert_allclose(getattr(listed, name), getattr(one, name), atol=1e-10)
    np.testing.assert_allclose(listed.elbo_path_, one.elbo_path_, rtol=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_order_of_populations_and_of_variants_does_not_matter(solver):
    z, _, lds = scans(p=30, effects=((5, (0.2, 0.2)), (20, (0.2, -0.2))))
    z[7, 0] = np.nan
    names = np.array([f"rs{i}" for i in range(30)])
    rng = np.random.default_rng(0)
    plain = fitted(z, lds, solver=solver)
    frames = []
    for R in lds:
        order = rng.permutation(30)
        frames.append(pd.DataFrame(R[np.ix_(order, order)], names[order], names[order]))
    labelled = fitted(pd.DataFrame(z, names, ["EUR", "EAS"]), frames, solver=solver)
    assert labelled.trait_names_ == ["EUR", "EAS"]
    np.testing.assert_allclose(labelled.pip_, plain.pip_, atol=1e-10)
    turned = U[:, ::-1, ::-1]
    other = fitted(z[:, ::-1], lds[::-1], solver=solver, covariances=turned, n_samples=PEOPLE[::-1])
    np.testing.assert_allclose(other.pip_, plain.pip_, atol=1e-8)
    np.testing.assert_allclose(other.coef_[::-1], plain.coef_, atol=1e-8)


def test_bound_of_coordinate_ascent_rises():
    z, _, lds = scans(p=40, effects=((5, (0.2, 0.2)), (20, (0.2, -0.2))))
    z[[3, 4], 1] = np.nan
    path = np.array(fitted(z, lds, solver="coordinate_ascent", weights=None).elbo_path_)
    assert np.all(np.diff(path) >= -1e-9 * np.abs(path).max())


def test_labels_tell_which_variants_a_population_lacks():
    z, _, lds = scans(p=30, effects=((5, (0.2, 0.2)), (20, (0.2, -0.2))))
    z[[3, 20], 0] = np.nan
    names, own = np.array([f"rs{i}" for i in range(30)]), np.delete(np.arange(30), [3, 20])
    frames = [
        pd.DataFrame(lds[0], names, names).iloc[own, own],
        pd.DataFrame(lds[1], names, names),
    ]
    labelled = fitted(pd.DataFrame(z, names), frames)
    unknown = lds[0].copy()
    unknown[[3, 20]] = np.nan
    unknown[:, [3, 20]] = np.nan
    np.testing.assert_allclose(labelled.pip_, fitted(z, [unknown, lds[1]]).pip_, atol=1e-10)


def test_what_was_not_measured_is_seen_through_its_neighbors():
    """The likelihood of the measured z alone, by its dense form."""
    z, correlations, (R, _) = scans(p=8)
    measured = np.arange(8) != 2
    explained, imputed = seen_through(R, correlations[:, 0], measured)
    M = np.linalg.inv(R[np.ix_(measured, measured)])
    np.testing.assert_allclose(explained, R[:, measured] @ M @ R[measured], atol=2e-3)
    np.testing.assert_allclose(imputed, R[:, measured] @ M @ correlations[measured, 0], atol=2e-3)
    np.testing.assert_array_equal(explained[measured], R[measured])
    z[2, 0] = np.nan
    model = fitted(z, [R, ld_of(-0.5, 8)])
    assert model.pip_[2] > 0.9  # the effect is where it was simulated


def panel_scan(seed, n_traits=2, n_people=60_000, n_panel=300, n_variants=80):
    """z of a large scan of two effects, and dosages of other people."""
    population = make_genotypes(4000, n_variants, random_state=seed).data
    R = np.corrcoef(population, rowvar=False)
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(R + 1e-8 * np.eye(n_variants))
    b = np.zeros((n_variants, n_traits))
    causal = [n_variants // 4, 3 * n_variants // 4]
    b[causal] = 0.06
    z = np.sqrt(n_people) * R @ b + root @ rng.normal(size=b.shape)
    return z, population[:n_panel], causal


def test_noise_of_a_panel_is_that_of_its_effects():
    z, X, _ = panel_scan(0)
    R, C = np.corrcoef(X, rowvar=False), np.array([[1, 0.2], [0.2, 1]])
    model = MMASHRegressor(solver="single_effects").fit_summary(
        z, X, n_samples=60_000, trait_correlation=C
    )
    moved = np.sqrt(60_000) * np.asarray(model.coef_).T
    expected = C + moved.T @ R @ moved / 300
    np.testing.assert_allclose(model.residual_covariance_, expected, rtol=0.03)
    given = MMASHRegressor(solver="single_effects").fit_summary(
        z, R, n_samples=60_000, trait_correlation=C, panel_size=300
    )
    np.testing.assert_allclose(given.pip_, model.pip_, atol=1e-3)  # all variants are common
    cells = z.copy()
    cells[5, 0] = np.nan
    by_cell = MMASHRegressor(solver="single_effects").fit_summary(
        cells, R, n_samples=60_000, trait_correlation=C, panel_size=300
    )
    np.testing.assert_allclose(by_cell.residual_covariance_, expected, rtol=0.05)
    one = MMASHRegressor(solver="single_effects").fit_summary(z[:, 0], X, n_samples=60_000)
    mixer = FinemapMiXeR().fit_summary(z[:, 0], X, n_samples=60_000, on_mismatch="ignore")
    np.testing.assert_allclose(one.residual_covariance_[0, 0], mixer.residual_variance_, rtol=0.1)
    alone = MMASHRegressor(solver="single_effects").fit_summary(
        z, [X, X], n_samples=[60_000, 60_000]
    )
    np.testing.assert_allclose(
        alone.residual_covariance_, np.diag(1 + np.sum(moved * (R @ moved), axis=0) / 300), rtol=0.1
    )


def test_noise_of_a_panel_at_each_variant():
    """What LD of panels of 1,000 of 40,000 people is wrong by, over draws of the panel."""
    rng = np.random.default_rng(0)
    frequency = np.array([0.01, 0.02, 0.2, 0.5])
    common = rng.random((40_000, 1)) < 0.3
    people = rng.binomial(1, frequency, (40_000, 4)) + (common & (rng.random((40_000, 4)) < 0.1))
    Z = (people - people.mean(axis=0)) / people.std(axis=0)
    V, C = np.array([[70.0, 0], [0, 0], [0, 50.0], [0, 0]]), np.array([[1, 0.4], [0.4, 2]])
    drawn = [Z[rng.choice(len(Z), 1000)] for _ in range(1500)]
    errors = np.stack([panel.T @ (panel @ V) / 1000 for panel in drawn]) - Z.T @ (Z @ V) / len(Z)
    noise = np.einsum("dpi,dpj->pij", errors, errors) / len(errors) + C
    sigma = C + V.T @ (Z.T @ (Z @ V)) / len(Z) / 1000
    true = np.maximum(np.trace(np.linalg.solve(sigma, noise), axis1=1, axis2=2) / 2, 1)
    assert true[0] > 5 > 2 > true[3]  # few people make that of rare variants
    told = [
        Panel(panel / np.sqrt(1000), np.ones(2), C).excess_noise(
            V, panel.T @ panel / 1000, residual_covariance(sigma)
        )
        for panel in drawn[:500]
    ]
    np.testing.assert_allclose(np.mean(told, axis=0), true, rtol=0.1)


@pytest.mark.slow
def test_errors_of_a_panel_make_no_sets():
    """Sets without an effect, of two effects in ten loci, with and without the panel's noise."""
    false = np.zeros(2)
    for seed in range(10):
        z, X, causal = panel_scan(seed)
        R = np.corrcoef(X, rowvar=False)
        for k, size in enumerate((None, 300)):
            try:
                model = MMASHRegressor(solver="single_effects").fit_summary(
                    z, R, n_samples=60_000, trait_correlation=np.eye(2), panel_size=size
                )
            except ValueError:  # effects that explain more than the variance
                false[k] += 1
                continue
            sets = model.credible_sets_
            false[k] += sum(not np.isin(causal, found["variants"]).any() for found in sets)
    assert false[1] <= false[0] / 2
    assert false[0] >= 10


def test_bad_input():
    z, _, lds = scans()
    with pytest.raises(ValueError, match="a column for each of the 2 populations"):
        fitted(z[:, :1], lds)
    with pytest.raises(ValueError, match="leave them out"):
        MMASHRegressor().fit_summary(z, lds, n_samples=PEOPLE, trait_correlation=np.eye(2))
    with pytest.raises(ValueError, match=r"ld\[1\] has 6 columns for 7 variants"):
        fitted(z, [lds[0], lds[1][:6, :6]])
    names = [f"rs{i}" for i in range(7)]
    frame = pd.DataFrame(lds[0], names, names)
    with pytest.raises(ValueError, match=r"ld\[0\] is labelled, and z is not"):
        fitted(z, [frame, lds[1]])
    with pytest.raises(ValueError, match="Population 0"):
        fitted(pd.DataFrame(z, names), [frame.iloc[1:, 1:], lds[1]])
    with pytest.raises(ValueError, match="Population 1: ld must be symmetric"):
        fitted(z, [lds[0], np.triu(lds[1])])
    empty = z.copy()
    empty[:, 1] = np.nan
    with pytest.raises(ValueError, match="no value in column 1"):
        fitted(empty, lds)
    with pytest.raises(ValueError, match="n_samples must be a number or have one value"):
        fitted(z, lds, n_samples=[100, 200, 300])
