"""Effects one by one, what a fit says of itself, and colocalization of two traits."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from skgenetics import FinemapMiXeR
from skgenetics.finemapping import colocalize
from skgenetics.finemapping._colocalization import log_hypotheses
from skgenetics.finemapping.solvers import SOLVERS

pd = pytest.importorskip("pandas")
LD = 0.8 ** np.abs(np.subtract.outer(np.arange(40), np.arange(40)))


def fit(effects, seed=0, ld=LD, **parameters):
    rng = np.random.default_rng(seed)
    z = ld @ effects + np.linalg.cholesky(ld) @ rng.standard_normal(len(ld))
    names = [f"rs{i}" for i in range(len(ld))]
    z = pd.Series(z, index=names)
    return FinemapMiXeR(**parameters).fit_summary(z, ld, n_samples=20_000, on_mismatch="ignore")


def at(*pairs, p=40):
    effects = np.zeros(p)
    for variant, size in pairs:
        effects[variant] = size
    return effects


def test_bayes_factors_of_one_effect_are_those_of_single_variant_regressions():
    variance = 25 / 20_000
    model = fit(at((10, 8)), solver="susie", max_effects=1, effect_variance=variance)
    z, w = model.z_, 20_000 * variance
    expected = z**2 * w / (1 + w) / 2 - np.log1p(w) / 2
    effects = model.effects_
    np.testing.assert_allclose(effects["log_bf"][0], expected, rtol=1e-6, atol=1e-6)
    weights = np.exp(expected - expected.max())
    np.testing.assert_allclose(effects["alpha"][0], weights / weights.sum(), rtol=1e-6)
    np.testing.assert_allclose(effects["mean"][0], z * w / (1 + w) / np.sqrt(20_000), rtol=1e-6)
    np.testing.assert_allclose(effects["sd"][0], np.sqrt(variance / (1 + w)), rtol=1e-6)
    np.testing.assert_allclose(
        effects["log10_bf"][0], np.log10(np.mean(np.exp(expected))), rtol=1e-6
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", [name for name in SOLVERS if name != "adam"])
def test_effects_follow_the_credible_sets(solver):
    model = fit(at((5, 9), (30, -8)), solver=solver, random_state=0)
    effects, sets = model.effects_, model.credible_sets_
    assert effects["credible_set"].tolist() == [1, 2]
    for k, found in enumerate(sets):
        assert effects["lead"][k] == found["variants"][0]
        assert effects["size"][k] == len(found["variants"])
        np.testing.assert_allclose(effects["alpha"][k][found["variants"]], found["alpha"])
        np.testing.assert_allclose(effects["log10_bf"][k], found["log10_bf"])
    np.testing.assert_allclose(effects["r"], LD[np.ix_(effects["lead"], effects["lead"])])
    frame = model.to_frame("effects")
    assert len(frame) == 2 * 40
    assert frame.query("effect == 2")["variant_id"].tolist() == model.feature_names_in_.tolist()
    np.testing.assert_array_equal(frame["alpha"], effects["alpha"].ravel())
    np.testing.assert_array_equal(frame["cs"], np.repeat([1, 2], 40))


def test_a_set_of_low_purity_is_told_and_not_reported():
    ld = np.eye(40)
    ld[:30, :30] = LD[:30, :30]
    z = np.zeros(40)
    z[[35, 38]] = 7.0, 7.0  # two variants that no other tags, equally likely
    model = FinemapMiXeR(max_effects=1).fit_summary(z, ld, n_samples=9e4, on_mismatch="ignore")
    assert model.credible_sets_ == []
    effects = model.effects_
    assert effects["low_purity"].tolist() == [True]
    assert effects["credible_set"].tolist() == [0]
    assert effects["min_abs_r"][0] < 0.5
    assert "below min_purity=0.5" in model.explain()
    assert colocalize(model, model).empty


def test_p_values_too_small_for_a_number_have_a_logarithm():
    frame = fit(at((10, 8), (20, 60))).to_frame()
    z = frame["z"].to_numpy()
    small = np.abs(z) < 30
    expected = -np.log10(2 * norm.sf(np.abs(z[small])))
    np.testing.assert_allclose(frame["neg_log_10_p_value"][small], expected, rtol=1e-10)
    assert 600 < frame["neg_log_10_p_value"].max() < np.inf


def test_a_fit_explains_itself():
    text = fit(at((10, 9))).explain()
    assert text.startswith("1 credible set of 95%:")
    assert "rs10" in text
    quiet = fit(at()).explain()
    assert "No credible set: no variant is associated beyond 5e-8" in quiet
    with pytest.raises(ValueError, match="kind must be one of"):
        fit(at()).to_frame("sets")


def test_hypotheses_equal_the_enumeration_of_configurations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 2, 7), rng.normal(2, 2, 7)
    p1, p2, p12 = 2e-3, 3e-3, 1e-3
    total = np.zeros(5)
    for i, j in product(range(-1, 7), repeat=2):  # the causal variant of each trait, -1 for none
        bf = (np.exp(a[i]) if i >= 0 else 1) * (np.exp(b[j]) if j >= 0 else 1)
        if i < 0 and j < 0:
            total[0] += bf
        elif j < 0:
            total[1] += p1 * bf
        elif i < 0:
            total[2] += p2 * bf
        elif i != j:
            total[3] += p1 * p2 * bf
        else:
            total[4] += p12 * bf
    found = np.exp(log_hypotheses(a, b, p1=p1, p2=p2, p12=p12))
    np.testing.assert_allclose(found, total, rtol=1e-9)


def test_shared_and_separate_signals_are_told_apart_whatever_the_order_of_variants():
    first = fit(at((10, 9), (30, 8)))
    second = fit(at((10, -9)), seed=1)
    order = np.random.default_rng(0).permutation(40)[:35]
    order = np.union1d(order, [8, 9, 10, 11, 12])[::-1]
    z = pd.Series(second.z_, index=second.feature_names_in_).iloc[order]
    turned = FinemapMiXeR().fit_summary(
        z, LD[np.ix_(order, order)], n_samples=20_000, on_mismatch="ignore"
    )
    table = colocalize(first, turned)
    assert table["n_variants"].tolist() == [len(order)] * 2
    np.testing.assert_allclose(table[["h0", "h1", "h2", "h3", "h4"]].sum(axis=1), 1)
    leads = [first.feature_names_in_[lead] for lead in first.effects_["lead"]]
    shared = [abs(int(lead[2:]) - 10) < 3 for lead in leads]
    assert sorted(shared) == [False, True]
    np.testing.assert_array_equal(table["h4"] > 0.8, shared)
    np.testing.assert_array_equal(table["h3"] > 0.8, np.logical_not(shared))
    assert colocalize(first, fit(at())).empty
    with pytest.raises(ValueError, match="p12 must be a number"):
        colocalize(first, second, p12=0)
    with pytest.raises(ValueError, match="fit_a has 40 variants and fit_b 3"):
        colocalize(first, FinemapMiXeR().fit_summary([1.0, 2, 3], np.eye(3), n_samples=100))
