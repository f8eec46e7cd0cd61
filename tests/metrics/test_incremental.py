import array_api_strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.exceptions import UndefinedMetricWarning

from skgenetics.metrics import incremental_r2_score, incremental_roc_auc_score
from tests.hypothesis_settings import examples
from tests.oracles.metrics_naive import area_under_roc, logistic_log_odds, ols_r2


def make_trait(n=200, seed=0, binary=False):
    rng = np.random.default_rng(seed)
    covariates = np.column_stack([rng.normal(50, 10, n), rng.integers(0, 2, n)])
    prediction = rng.normal(size=n) + 0.02 * covariates[:, 0]
    y = prediction + 0.05 * covariates[:, 0] + covariates[:, 1] + rng.normal(size=n)
    if binary:
        y = (y > np.median(y)).astype(float)
    return y, prediction, covariates, rng.integers(0, 4, n)


def naive_increment(y, prediction, covariates, weight, binary):
    columns = list(covariates.T)
    if binary:
        return area_under_roc(
            y, logistic_log_odds(y, [*columns, prediction], weight), weight
        ) - area_under_roc(y, logistic_log_odds(y, columns, weight), weight)
    return ols_r2(y, [*columns, prediction], weight) - ols_r2(y, columns, weight)


SCORES = [(incremental_r2_score, False), (incremental_roc_auc_score, True)]


@pytest.mark.parametrize(("score", "binary"), SCORES)
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_two_regressions(score, binary, weighted):
    y, prediction, covariates, weight = make_trait(binary=binary)
    weight = weight if weighted else np.ones(len(y))
    expected = naive_increment(y, prediction, covariates, weight, binary)
    y_missing = np.append(y, np.nan)  # an unobserved row changes nothing
    got = score(
        y_missing,
        np.append(prediction, 5),
        np.vstack([covariates, [70, 0]]),
        sample_weight=np.append(weight, 2) if weighted else None,
    )
    assert type(got) is float
    # one pair of samples moves the area by 1e-4
    assert_allclose(got, expected, rtol=1e-10, atol=0 if not binary else 1e-9)


def test_r2_is_the_squared_partial_correlation_times_what_covariates_leave():
    y, prediction, covariates, _ = make_trait(n=500)
    design = np.column_stack([np.ones(500), covariates])
    hat = design @ np.linalg.pinv(design)
    y_left, prediction_left = y - hat @ y, prediction - hat @ prediction
    partial = np.corrcoef(y_left, prediction_left)[0, 1]
    expected = partial**2 * (y_left @ y_left) / np.sum((y - y.mean()) ** 2)
    assert_allclose(incremental_r2_score(y, prediction, covariates), expected, rtol=1e-10)


def test_r2_recovers_the_simulated_share():
    rng = np.random.default_rng(3)
    n = 200_000
    age, score = rng.normal(size=(2, n))
    y = np.sqrt(0.5) * age + np.sqrt(0.2) * score + np.sqrt(0.3) * rng.normal(size=n)
    # standard error about 0.0015
    assert_allclose(incremental_r2_score(y, score, age[:, None]), 0.2, atol=0.005)


@pytest.mark.parametrize(("score", "binary"), SCORES)
def test_useless_predictions_add_nothing(score, binary):
    y, _, covariates, _ = make_trait(binary=binary)
    linear = covariates @ [0.3, -2.0] + 1
    for prediction in (np.full(len(y), 0.1), linear):
        assert abs(score(y, prediction, covariates)) < 1e-7


def test_area_of_equal_rows_is_one_half():
    # In many of these draws equal rows differ in the last bit of their log odds.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        rows = rng.integers(0, 2, (1931, 10)) * np.append(rng.uniform(0.1, 10, 9), 1)
        table, count = np.unique(rows, axis=0, return_counts=True)
        got = incremental_roc_auc_score(rows[:, 9], rows[:, 8], rows[:, :8])
        expected = incremental_roc_auc_score(
            table[:, 9], table[:, 8], table[:, :8], sample_weight=count
        )
        assert_allclose(got, expected, atol=1e-12)


@examples(15)
@given(st.integers(0, 10**6), st.sampled_from(SCORES))
def test_invariances(seed, case):
    score, binary = case
    y, prediction, covariates, weight = make_trait(60, seed, binary)
    reference = score(y, prediction, covariates, sample_weight=weight)
    # a changed order of the last bits can swap no pair; hence tight for both
    close = {"rtol": 1e-7, "atol": 1e-9}
    order = np.random.default_rng(seed).permutation(60)
    shuffled = score(y[order], prediction[order], covariates[order], sample_weight=weight[order])
    assert_allclose(shuffled, reference, **close)
    repeated = (np.repeat(array, weight, axis=0) for array in (y, prediction, covariates))
    assert_allclose(score(*repeated), reference, **close)
    scaled = score(y, 3 - 10 * prediction, covariates, sample_weight=weight)
    assert_allclose(scaled, reference, **close)
    doubled = np.column_stack([covariates, covariates[:, 0] - 50])  # collinear
    assert_allclose(score(y, prediction, doubled, sample_weight=weight), reference, **close)
    if not binary:
        moved = score(7 - 2 * y, prediction, covariates, sample_weight=weight)
        assert_allclose(moved, reference, **close)


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
@pytest.mark.parametrize(("score", "binary"), SCORES)
def test_other_array_libraries(library, score, binary):
    xp = pytest.importorskip(library)
    arrays = make_trait(binary=binary)
    expected = score(*arrays[:3], sample_weight=arrays[3])
    with config_context(array_api_dispatch=True):
        y, prediction, covariates, weight = map(xp.asarray, arrays)
        got = score(y, prediction, covariates, sample_weight=weight)
    assert_allclose(got, expected, rtol=1e-12)


def test_device_arrays():
    arrays = make_trait()[:3]
    device = array_api_strict.Device("device1")
    with config_context(array_api_dispatch=True):
        moved = [array_api_strict.asarray(array, device=device) for array in arrays]
        assert incremental_r2_score(*moved) == incremental_r2_score(*arrays)


@pytest.mark.parametrize(("score", "binary"), SCORES)
def test_undefined(score, binary):
    with pytest.warns(UndefinedMetricWarning):
        assert np.isnan(score([1, 1, np.nan, 1], [1, 2, 3, 4], [[0], [1], [2], [4]]))


@pytest.mark.parametrize(("score", "binary"), SCORES)
@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"y_pred": np.zeros(3)}, r"y_true has shape \(4,\) and y_pred has shape \(3,\)"),
        ({"y_true": np.full(4, np.nan)}, "no observed value"),
        ({"y_true": [0, 1, np.inf, 0]}, "y_true must be finite or NaN"),
        ({"y_true": np.zeros((4, 1))}, r"y_true must have 1 dimension\(s\), got shape \(4, 1\)"),
        ({"y_true": ["a"] * 4}, "y_true must be numeric"),
        ({"y_pred": [0, 1, np.nan, 0]}, "y_pred must be finite"),
        ({"covariates": np.zeros((3, 2))}, r"covariates must have shape \(4, n_covariates\)"),
        ({"covariates": np.zeros((4, 0))}, "at least one covariate"),
        ({"covariates": np.zeros(4)}, "covariates must have 2 dimension"),
        ({"covariates": [[0], [1], [np.nan], [2]]}, "covariates must be finite"),
        ({"sample_weight": [1, 1, -1, 1]}, "negative"),
        ({"sample_weight": [1, 1, 1]}, r"sample_weight must have shape \(4,\)"),
    ],
)
def test_bad_input(score, binary, changes, match):
    arguments = {
        "y_true": [0.0, 1.0, 1.0, 0.0],
        "y_pred": [0.1, 0.2, 0.4, 0.3],
        "covariates": [[1.0], [0.0], [0.5], [2.0]],
        **changes,
    }
    with pytest.raises(ValueError, match=match):
        score(**arguments)


def test_labels_must_be_binary():
    with pytest.raises(ValueError, match=r"must be 0 \(control\), 1 \(case\) or NaN"):
        incremental_roc_auc_score([1, 2, 1, 2], [1, 2, 3, 4], [[0], [1], [2], [4]])
