"""LD of a reference panel: its errors are noise of z in proportion to the signal."""

import re
import warnings

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes
from skgenetics.finemapping.solvers import SOLVERS
from skgenetics.metrics import credible_set_summary, pip_average_precision


def standardized(X):
    Z = X - X.mean(axis=0)
    return Z / np.sqrt(np.sum(Z**2, axis=0))


def scan(seed, largest, n_panel=500, n_variants=250):
    """z of two effects in 1,000 people, their LD, genotypes of `n_panel` others, the effects."""
    rng = np.random.default_rng(seed)
    X = make_genotypes(1000 + n_panel, n_variants, random_state=seed).data.astype(float)
    X = X[:, (X[:1000].std(axis=0) > 0.2) & (X[1000:].std(axis=0) > 0.1)]
    Z = standardized(X[:1000])
    causal = rng.choice(Z.shape[1], 2, replace=False)
    signal = Z.T @ (Z[:, causal] @ rng.choice([-1, 1], 2))
    z = signal * largest / np.abs(signal).max() + Z.T @ rng.normal(size=1000)
    return z, Z.T @ Z, X[1000:].astype(np.int8), causal


def test_errors_of_a_sample_covariance_spread_as_the_model_says():
    rng = np.random.default_rng(0)
    R = 0.6 ** np.abs(np.subtract.outer(np.arange(5), np.arange(5)))
    v, m = np.array([3.0, 0, -1, 0, 0]), 200
    draws = rng.multivariate_normal(np.zeros(5), R, size=(4000, m))
    errors = np.einsum("rmi,rm->ri", draws, draws @ v) / m - R @ v
    expected = (v @ R @ v * R + np.outer(R @ v, R @ v)) / m
    np.testing.assert_allclose(np.cov(errors.T), expected, atol=0.06 * np.abs(expected).max())


def test_the_noise_is_a_fixed_point_of_the_signal_over_the_people():
    z, _, panel, _ = scan(0, largest=30)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
    v = np.sqrt(50_000) * model.coef_
    expected = 1 + v @ np.corrcoef(panel.T) @ v / len(panel)
    assert expected > 2
    np.testing.assert_allclose(model.residual_variance_, expected, rtol=0.02)


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_takes_the_noise_of_the_panel(solver):
    z, _, panel, _ = scan(1, largest=20, n_variants=60)
    ld = np.corrcoef(panel.T)
    # of variants that are one in the panel, z of others differ: a sampler makes effects of that
    distinct = np.max(np.triu(np.abs(ld), 1), axis=0) < 0.999
    z, panel, ld = z[distinct], panel[:, distinct], ld[np.ix_(distinct, distinct)]
    options = {"solver": solver, "random_state": 0}
    if solver == "adam":
        options |= {"causal_probability": 0.02, "effect_variance": 0.005, "tol": 1e9}
    settings = {"n_samples": 50_000, "on_mismatch": "ignore"}
    model = FinemapMiXeR(**options).fit_summary(z, panel, **settings)
    named = FinemapMiXeR(**options).fit_summary(z, ld, panel_size=len(panel), **settings)
    assert model.residual_variance_ > 1.3
    np.testing.assert_allclose(named.pip_, model.pip_, atol=1e-4)
    noisy = FinemapMiXeR(**options, residual_variance=model.residual_variance_)
    noisy.fit_summary(z, ld, **settings)
    np.testing.assert_allclose(noisy.pip_, model.pip_, atol=1e-4)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # one is slow
def test_errors_of_a_panel_are_no_background():
    for seed in range(3):
        z, _, panel, _ = scan(seed, largest=25, n_variants=150)
        model = FinemapMiXeR().fit_summary(z, panel, n_samples=50_000, on_mismatch="ignore")
        assert model.background_variance_ == 0
        assert model.heritability_ < 0.05


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # many effects
def test_annotations_are_learned_at_the_noise_of_the_panel():
    z, _, panel, causal = scan(3, largest=25, n_variants=60)
    annotations = np.isin(np.arange(len(z)), [*causal, 4, 9, 20])[:, None].astype(float)
    settings = {"n_samples": 50_000, "on_mismatch": "ignore"}
    options = {"solver": "susie", "annotations": annotations}
    told = FinemapMiXeR(**options).fit_summary(z, panel, **settings)
    noisy = FinemapMiXeR(**options, residual_variance=told.residual_variance_)
    noisy.fit_summary(z, np.corrcoef(panel.T), **settings)
    np.testing.assert_allclose(told.annotation_coef_, noisy.annotation_coef_, rtol=1e-4)
    exact = FinemapMiXeR(**options).fit_summary(z, np.corrcoef(panel.T), **settings)
    assert np.abs(exact.annotation_coef_ / told.annotation_coef_ - 1).max() > 1e-2


def test_genotypes_of_the_scan_itself_are_no_panel():
    z, _, panel, _ = scan(0, largest=10)
    model = FinemapMiXeR().fit_summary(z, panel, n_samples=len(panel), on_mismatch="ignore")
    assert model.residual_variance_ == 1
    model.fit_summary(z, panel, n_samples=9999, panel_size=np.inf, on_mismatch="ignore")
    assert model.residual_variance_ == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_noise_of_the_panel_saves_what_the_scans_own_ld_would_give():
    truth, sets, pips = [], [[], [], []], [[], [], []]
    for seed in range(15):
        z, ld, panel, causal = scan(seed, largest=30, n_variants=150)
        truth.append(causal)
        for k, (given, size) in enumerate([(ld, None), (panel, None), (panel, np.inf)]):
            model = FinemapMiXeR(max_iter=40).fit_summary(
                z, given, n_samples=50_000, panel_size=size, on_mismatch="ignore"
            )
            sets[k].append(model.credible_sets_)
            pips[k].append(model.pip_)
    own, told, untold = (credible_set_summary(truth, found) for found in sets)
    assert untold.coverage < own.coverage - 0.3
    assert told.coverage > untold.coverage + 0.25
    precision = [pip_average_precision(truth, found) for found in pips]
    assert precision[1] > precision[2] + 0.1


@pytest.mark.parametrize("panel_size", [1, -5, np.nan])
def test_panels_of_nobody_are_refused(panel_size):
    with pytest.raises(ValueError, match="panel_size"):
        FinemapMiXeR().fit_summary(np.zeros(3), np.eye(3), n_samples=100, panel_size=panel_size)


def flips_named(z, panel):
    """Whether a warning says that alleles are flipped, and at which variants."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FinemapMiXeR().fit_summary(z, panel, n_samples=50_000)
    found = [re.search(r"flipped at variants \[(.*?)\]", str(w.message)) for w in caught]
    return [match[1] for match in found if match]


@pytest.mark.slow
def test_flips_are_seen_through_the_noise_of_a_panel():
    named = 0
    for seed in range(8):
        z, _, panel, _ = scan(seed, largest=25, n_variants=150)
        assert flips_named(z, panel) == []
        lead = int(np.argmax(np.abs(z)))
        z[lead] *= -1
        named += flips_named(z, panel) == [str(lead)]
    assert named >= 7
