import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.integrate import quad
from scipy.stats import norm
from sklearn import config_context
from sklearn.exceptions import UndefinedMetricWarning

from skgenetics.metrics import liability_r2_score, observed_to_liability_r2
from tests.hypothesis_settings import examples


def observed_r2_by_quadrature(r2, prevalence, case_fraction):
    """Squared correlation of status and score in an ascertained sample, by integration.

    The score g ~ N(0, r2) and the liability is g + N(0, 1 - r2); cases exceed the threshold.
    """
    threshold = norm.isf(prevalence)

    def moment(power, case):
        def integrand(g):
            tail = norm.sf if case else norm.cdf
            weight = norm.pdf(g, scale=r2**0.5) * tail(threshold, g, (1 - r2) ** 0.5)
            return g**power * weight

        mass = prevalence if case else 1 - prevalence
        limit = 12 * r2**0.5
        return quad(integrand, -limit, limit, epsabs=1e-13, limit=200)[0] / mass

    cases, controls = [[moment(power, case) for power in (1, 2)] for case in (True, False)]
    p = case_fraction
    mean = p * cases[0] + (1 - p) * controls[0]
    variance = p * cases[1] + (1 - p) * controls[1] - mean**2
    return p * (1 - p) * (cases[0] - controls[0]) ** 2 / variance


@pytest.mark.parametrize("r2", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("prevalence", [0.005, 0.1, 0.5, 0.8])
@pytest.mark.parametrize("case_fraction", [0.1, 0.5, 0.8])
def test_inverts_the_threshold_model_under_ascertainment(r2, prevalence, case_fraction):
    observed = observed_r2_by_quadrature(r2, prevalence, case_fraction)
    got = observed_to_liability_r2(observed, prevalence=prevalence, case_fraction=case_fraction)
    assert type(got) is float
    assert_allclose(got, r2, rtol=1e-7)


def test_population_sample_has_no_ascertainment_term():
    # Robertson's transformation: r2 K (1 - K) / z^2
    density = norm.pdf(norm.isf(0.02))
    got = observed_to_liability_r2(0.01, prevalence=0.02, case_fraction=0.02)
    assert_allclose(got, 0.01 * 0.02 * 0.98 / density**2, rtol=1e-12)


@pytest.mark.parametrize("prevalence", [0.02, 0.2])
def test_recovers_the_truth_from_an_ascertained_simulation(prevalence):
    rng = np.random.default_rng(0)
    n = 2_000_000
    score = np.sqrt(0.25) * rng.normal(size=n)
    liability = score + np.sqrt(0.75) * rng.normal(size=n)
    cases = np.flatnonzero(liability > norm.isf(prevalence))
    controls = rng.choice(np.flatnonzero(liability <= norm.isf(prevalence)), cases.size)
    rows = np.concatenate([cases, controls])
    status = np.repeat([1, 0], cases.size)
    truth = np.corrcoef(score, liability)[0, 1] ** 2
    # at 80,000 samples the standard error is about 0.002
    assert_allclose(
        liability_r2_score(status, 3 - 2 * score[rows], prevalence=prevalence), truth, atol=0.008
    )
    # without the correction for ascertainment the answer is off by far more
    naive = np.corrcoef(score[rows], status)[0, 1] ** 2
    assert abs(naive - truth) > 0.02


def make_status(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n).astype(float)
    y[:2] = [0, 1]
    return y, 0.5 * y + rng.normal(size=n), 1 + rng.integers(0, 3, n)


def test_is_the_squared_correlation_transformed():
    y, score, _ = make_status()
    r2 = np.corrcoef(y, score)[0, 1] ** 2
    expected = observed_to_liability_r2(r2, prevalence=0.03, case_fraction=y.mean())
    assert_allclose(liability_r2_score(y, score, prevalence=0.03), expected, rtol=1e-12)


@examples(30)
@given(st.integers(0, 10**6), st.floats(0.001, 0.999))
def test_invariances(seed, prevalence):
    y, score, weight = make_status(20, seed)
    options = {"prevalence": prevalence}
    reference = liability_r2_score(y, score, sample_weight=weight, **options)
    close = {"rtol": 1e-7, "atol": 1e-12}
    order = np.random.default_rng(seed).permutation(20)
    shuffled = liability_r2_score(y[order], score[order], sample_weight=weight[order], **options)
    assert_allclose(shuffled, reference, **close)
    repeated = np.repeat(y, weight), np.repeat(score, weight)
    assert_allclose(liability_r2_score(*repeated, **options), reference, **close)
    moved = liability_r2_score(y, 4 - 3 * score, sample_weight=weight, **options)
    assert_allclose(moved, reference, **close)
    unobserved = np.append(y, np.nan), np.append(score, 3.0)
    got = liability_r2_score(*unobserved, sample_weight=np.append(weight, 2), **options)
    assert_allclose(got, reference, **close)
    # other label for cases: prevalence of the complement
    swapped = liability_r2_score(1 - y, score, sample_weight=weight, prevalence=1 - prevalence)
    assert_allclose(swapped, reference, rtol=1e-6)


def test_constant_prediction_scores_zero():
    assert liability_r2_score([0, 1, 1], [0.1, 0.1, 0.1], prevalence=0.1) == 0


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries(library):
    xp = pytest.importorskip(library)
    y, score, weight = make_status()
    expected = liability_r2_score(y, score, prevalence=0.1, sample_weight=weight)
    with config_context(array_api_dispatch=True):
        y, score, weight = map(xp.asarray, (y, score, weight))
        assert liability_r2_score(y, score, prevalence=0.1, sample_weight=weight) == expected


def test_one_class():
    with pytest.warns(UndefinedMetricWarning, match="one class only"):
        assert np.isnan(liability_r2_score([1, 1, np.nan], [1, 2, 3], prevalence=0.1))


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, 1.5, np.nan])
def test_prevalence_out_of_range(prevalence):
    with pytest.raises(ValueError, match="prevalence"):
        liability_r2_score([0, 1], [0.0, 1.0], prevalence=prevalence)


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"r2": -0.1}, "r2"),
        ({"r2": 1.1}, "r2"),
        ({"r2": np.nan}, "r2"),
        ({"case_fraction": 0}, "case_fraction"),
        ({"case_fraction": 1.0}, "case_fraction"),
        ({"prevalence": 0.0}, "prevalence"),
    ],
)
def test_bad_numbers(keywords, match):
    arguments = {"r2": 0.1, "prevalence": 0.1, "case_fraction": 0.5, **keywords}
    with pytest.raises(ValueError, match=match):
        observed_to_liability_r2(arguments.pop("r2"), **arguments)


@pytest.mark.parametrize(
    ("y", "score", "match"),
    [
        ([1, 2], [0.0, 1.0], r"must be 0 \(control\), 1 \(case\) or NaN"),
        ([0, 1], [0.0, np.inf], "y_pred must be finite"),
        ([0, 1], [0.0], r"y_true has shape \(2,\) and y_pred has shape \(1,\)"),
        ([np.nan, np.nan], [0.0, 1.0], "no observed value"),
    ],
)
def test_bad_arrays(y, score, match):
    with pytest.raises(ValueError, match=match):
        liability_r2_score(y, score, prevalence=0.1)
