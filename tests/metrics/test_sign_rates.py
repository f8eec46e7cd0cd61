"""Calibration of false sign rates: by a loop over effects, and where the rates are exact."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, norm

from skgenetics.metrics import lfsr_calibration_curve

EFFECT = st.sampled_from([-2.0, -1e-300, 0.0, 1e-300, 0.5])


@given(st.lists(st.tuples(EFFECT, EFFECT, st.integers(0, 20)), min_size=1, max_size=30))
def test_bins_equal_those_of_a_loop(rows):
    bins = [[], [], [], []]
    for effect, estimate, rate in rows:
        wrong = not ((effect > 0 and estimate > 0) or (effect < 0 and estimate < 0))
        bins[max(0, int(np.ceil(rate / 5)) - 1)].append((rate / 20, wrong))
    used = [np.array(one, dtype=float) for one in bins if one]
    effects, coef, rate = np.array(rows).T
    curve = lfsr_calibration_curve(effects, coef, rate / 20, n_bins=4)
    np.testing.assert_allclose(curve.mean_lfsr, [one[:, 0].mean() for one in used], atol=1e-12)
    np.testing.assert_allclose(curve.false_sign_rate, [one[:, 1].mean() for one in used])
    assert curve.n_effects.tolist() == [len(one) for one in used]
    for one, lower, upper in zip(used, curve.lower, curve.upper):
        k, n = one[:, 1].sum(), len(one)
        np.testing.assert_allclose(lower, beta.ppf(0.025, k, n - k + 1) if k else 0, atol=1e-9)
        np.testing.assert_allclose(upper, beta.ppf(0.975, k + 1, n - k) if k < n else 1, atol=1e-9)


def spike_and_slab(n=4000, null=0.5, sd=3.0):
    """True effects, posterior means given noise of variance 1, and their lfsr in closed form."""
    rng = np.random.default_rng(0)
    effects = np.where(rng.random(n) < null, 0.0, sd * rng.normal(size=n))
    z = effects + rng.normal(size=n)
    at_zero = null * norm.pdf(z)
    elsewhere = (1 - null) * norm.pdf(z, scale=np.sqrt(1 + sd**2))
    alpha = elsewhere / (at_zero + elsewhere)
    shrink = sd**2 / (1 + sd**2)
    below = norm.cdf(0, loc=shrink * z, scale=np.sqrt(shrink))
    lfsr = 1 - alpha + alpha * np.minimum(below, 1 - below)
    return effects, alpha * shrink * z, lfsr


@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_exact_rates_are_calibrated_and_halved_ones_are_not(strategy):
    effects, coef, lfsr = spike_and_slab()
    options = {"n_bins": 8, "strategy": strategy, "confidence": 0.999}
    curve = lfsr_calibration_curve(effects, coef, lfsr, **options)
    assert np.all((curve.lower < curve.mean_lfsr) & (curve.mean_lfsr < curve.upper))
    bold = lfsr_calibration_curve(effects, coef, lfsr / 2, **options)
    assert np.all(bold.lower[2:] > bold.mean_lfsr[2:])


def test_fits_of_any_shape_are_pooled():
    effects, coef, lfsr = (values[:60] for values in spike_and_slab())
    whole = lfsr_calibration_curve(effects, coef, lfsr)
    parts = [[a[:20].reshape(4, 5), a[20:]] for a in (effects, coef, lfsr)]
    for key, column in lfsr_calibration_curve(*parts).items():
        np.testing.assert_allclose(column, whole[key])
    tables = [a.reshape(6, 10).tolist() for a in (effects, coef, lfsr)]
    assert lfsr_calibration_curve(*tables).n_effects.tolist() == whole.n_effects.tolist()


def test_tables_follow_their_labels():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    tables = [
        pd.DataFrame(rng.uniform(size=(4, 3)), list("abcd"), ["t1", "t2", "t3"]) for _ in range(3)
    ]
    expected = lfsr_calibration_curve(*(table.to_numpy() for table in tables))
    effects, coef, lfsr = tables
    found = lfsr_calibration_curve(effects, coef.iloc[::-1, [2, 0, 1]], lfsr.iloc[[1, 0, 3, 2]])
    for key, column in expected.items():
        np.testing.assert_array_equal(found[key], column)
    with pytest.raises(ValueError, match="absent from coef, 1 of 4, such as 'd'"):
        lfsr_calibration_curve(effects, coef.iloc[:3], lfsr)
    with pytest.raises(ValueError, match="absent from the columns of coef, 1 of 3, such as 't3'"):
        lfsr_calibration_curve(effects, coef[["t1", "t2"]], lfsr)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1.0], [1.0, 2.0], [0.1, 0.2]), r"effects has shape \(1,\) and coef has shape \(2,\)"),
        (([[1.0], [2.0]], [[1.0], [1.0]], [[0.1]]), "effects describes 2 fits and lfsr 1"),
        (([np.nan], [1.0], [0.1]), "effects holds NaN"),
        (([1.0], [np.inf], [0.1]), "coef holds NaN or infinity"),
        (([1.0], [1.0], [1.1]), r"lfsr must lie in \[0, 1\], got 1.1 to 1.1"),
        (([1.0], [1.0], [np.nan]), r"lfsr must lie in \[0, 1\]"),
        (([], [], []), "no effect"),
    ],
)
def test_bad_input(given, message):
    with pytest.raises(ValueError, match=message):
        lfsr_calibration_curve(*given)


@pytest.mark.parametrize(
    "options", [{"n_bins": 0}, {"strategy": "equal"}, {"confidence": 1.0}], ids=str
)
def test_bad_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        lfsr_calibration_curve([1.0], [1.0], [0.1], **options)
