import pickle

import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skgenetics.metrics import masked_r2_score, masked_r2_scorer
from tests.hypothesis_settings import examples
from tests.oracles.metrics_naive import r2 as naive_r2

SHAPES = [(30,), (30, 4), (30, 3, 2)]
OPTIONS = ["uniform_average", "raw_values", "variance_weighted", "total"]


def make_cells(shape, seed=0, missing=0.3):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=shape) + 3 * rng.normal(size=shape[1:])
    prediction = y + rng.normal(size=shape)
    y[rng.random(shape) < missing] = np.nan
    return y, prediction, rng.integers(0, 4, shape[0]).astype(float)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multioutput", OPTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("null", ["own_mean", "per_target", "per_cell"])
def test_equals_loops_over_cells(shape, multioutput, weighted, null):
    y, prediction, weight = make_cells(shape)
    weight = weight if weighted else None
    baseline = {
        "own_mean": None,
        "per_target": np.full(shape[1:], 0.5),
        "per_cell": np.random.default_rng(1).normal(size=shape),
    }[null]
    if len(shape) > 1:
        y[(slice(None), *(0,) * (len(shape) - 1))] = np.nan  # a target without observations
        y[(slice(1, None), *(1,) * (len(shape) - 1))] = np.nan  # one with a single one, or none
    got = masked_r2_score(
        y, prediction, sample_weight=weight, baseline=baseline, multioutput=multioutput
    )
    expected = naive_r2(y, prediction, weight, baseline, multioutput)
    assert_allclose(got, expected, rtol=1e-11)
    if multioutput != "raw_values":
        assert type(got) is float


@pytest.mark.parametrize("shape", [(30,), (30, 4)])
@pytest.mark.parametrize("multioutput", ["uniform_average", "raw_values", "variance_weighted"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["varied", "constant_missed", "constant_hit", "all_constant"])
def test_equals_sklearn_when_complete(shape, multioutput, weighted, kind):
    y, prediction, weight = make_cells(shape, missing=0)
    first = (slice(None), *(0,) * (len(shape) - 1))
    if kind != "varied":
        y[first] = 2.0
    if kind == "constant_hit":
        prediction[first] = 2.0
    if kind == "all_constant":
        y[:] = 2.0
    weight = weight if weighted else None
    options = {"sample_weight": weight, "multioutput": multioutput}
    assert_allclose(
        np.ravel(masked_r2_score(y, prediction, **options)),
        np.ravel(r2_score(y, prediction, **options)),
        rtol=1e-11,
    )


def test_weights_of_targets_as_sklearn():
    y, prediction, weight = make_cells((30, 4), missing=0)
    options = {"sample_weight": weight, "multioutput": [0.1, 0.2, 0.0, 0.7]}
    expected = r2_score(y, prediction, **options)
    assert_allclose(masked_r2_score(y, prediction, **options), expected, rtol=1e-12)


def test_missing_cell_is_weight_zero_there():
    y, prediction, weight = make_cells((30, 4))
    raw = masked_r2_score(y, prediction, sample_weight=weight, multioutput="raw_values")
    for target in range(4):
        seen = ~np.isnan(y[:, target])
        expected = r2_score(
            np.where(seen, y[:, target], 17.0), prediction[:, target], sample_weight=weight * seen
        )
        assert_allclose(raw[target], expected, rtol=1e-11)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("multioutput", ["uniform_average", "variance_weighted", "total"])
def test_null_model_scores_exactly_zero_and_truth_one(shape, multioutput):
    y, _, weight = make_cells(shape)
    rng = np.random.default_rng(5)
    baseline = rng.normal(size=shape[1:])
    prediction = np.broadcast_to(baseline, shape)
    options = {"baseline": baseline, "sample_weight": weight, "multioutput": multioutput}
    assert masked_r2_score(y, prediction, **options) == 0
    assert masked_r2_score(y, np.nan_to_num(y, nan=9.0), **options) == 1


def test_within_and_total_separate_target_means_from_individuals():
    rng = np.random.default_rng(2)
    means = np.array([0.0, 10.0, 20.0])
    y = means + rng.normal(size=(500, 3))
    prediction = np.broadcast_to(means, y.shape)
    within = masked_r2_score(y, prediction, multioutput="variance_weighted")
    total = masked_r2_score(y, prediction, multioutput="total")
    assert -0.01 < within <= 0
    # between-target variance 200/3 against 1 within
    assert_allclose(total, 1 - 1 / (1 + 200 / 3), atol=2e-3)


cell = st.integers(-800, 800).map(lambda eighths: eighths / 8)


@st.composite
def cells(draw):
    shape = draw(st.sampled_from([(6,), (5, 2), (4, 2, 2)]))
    y = draw(arrays(np.float64, shape, elements=st.one_of(cell, st.just(np.nan))))
    y.flat[0] = 1.0
    y[(1, *(0,) * (len(shape) - 1))] = -1.0  # one target at least varies
    prediction = draw(arrays(np.float64, shape, elements=cell))
    weight = draw(arrays(np.int64, shape[:1], elements=st.integers(0, 3)))
    weight[:2] = 1
    return y, prediction, weight


@examples(60)
@given(cells(), st.sampled_from(OPTIONS), st.randoms(use_true_random=False))
def test_invariances(data, multioutput, random):
    y, prediction, weight = data

    def score(y, prediction, weight, **keywords):
        options = {"multioutput": multioutput, **keywords}
        return masked_r2_score(y, prediction, sample_weight=weight, **options)

    reference = score(y, prediction, weight)
    close = {"rtol": 1e-8, "atol": 1e-8}
    # weights are repetitions
    repeated = np.repeat(y, weight, axis=0), np.repeat(prediction, weight, axis=0)
    assert_allclose(score(*repeated, None), reference, **close)
    # order of samples
    order = random.sample(range(len(y)), len(y))
    assert_allclose(score(y[order], prediction[order], weight[order]), reference, **close)
    # what is predicted, and weighted, where nothing is observed
    elsewhere = np.where(np.isnan(y), np.nan, prediction)
    assert_array_equal(score(y, elsewhere, weight), reference)
    # sign, scale, and a constant added to both
    assert_allclose(score(5 - 3 * y, 5 - 3 * prediction, weight), reference, **close)
    # the score about explicit weighted means is the default one
    if y.ndim == 1:
        mean = np.average(y[~np.isnan(y)], weights=weight[~np.isnan(y)])
        assert_allclose(score(y, prediction, weight, baseline=mean), reference, **close)


@examples(40)
@given(st.integers(0, 10**6), st.floats(-1e4, 1e4), st.sampled_from(OPTIONS))
def test_shift_of_truth_and_prediction(seed, shift, multioutput):
    y, prediction, weight = make_cells((20, 3), seed)
    weight[:5] = 1
    options = {"sample_weight": weight, "multioutput": multioutput}
    got = masked_r2_score(y + shift, prediction + shift, **options)
    assert_allclose(got, masked_r2_score(y, prediction, **options), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("value", [0.1, 1e6 + 0.1, -1 / 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constants_that_round_are_constants(value, dtype):
    # 0.1 has a mean of 0.1 + 1.4e-17 over three samples; scikit-learn divides by its square
    y = np.full((3, 1), value, dtype=dtype)
    assert masked_r2_score(y, y + 1) == 0
    assert masked_r2_score(y, y) == 1


def test_float32_sums_are_double():
    rng = np.random.default_rng(0)
    y = (1000 + rng.normal(size=(20_000, 2))).astype(np.float32)
    prediction = (y + rng.normal(size=y.shape)).astype(np.float32)
    expected = r2_score(y.astype(np.float64), prediction.astype(np.float64))
    assert_allclose(masked_r2_score(y, prediction), expected, rtol=1e-6)


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
@pytest.mark.parametrize("multioutput", [*OPTIONS, "weights"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_other_array_libraries(library, multioutput, dtype):
    xp = pytest.importorskip(library)
    y, prediction, weight = make_cells((30, 3, 2))
    baseline = np.full((3, 2), 0.25)
    shares = np.arange(6.0).reshape(3, 2)
    expected = [
        masked_r2_score(
            y,
            prediction,
            sample_weight=w,
            baseline=b,
            multioutput=shares if multioutput == "weights" else multioutput,
        )
        for w, b in [(None, None), (weight, baseline)]
    ]
    with config_context(array_api_dispatch=True):

        def move(array):
            return xp.asarray(array, dtype=getattr(xp, dtype))

        target = move(shares) if multioutput == "weights" else multioutput
        got = [
            masked_r2_score(
                move(y),
                move(prediction),
                sample_weight=None if w is None else move(w),
                baseline=None if b is None else move(b),
                multioutput=target,
            )
            for w, b in [(None, None), (weight, baseline)]
        ]
        mixed = masked_r2_score(y, move(prediction), sample_weight=weight, multioutput=target)
    rtol = 1e-11 if dtype == "float64" else 1e-5
    for one, other in zip(got, expected, strict=True):
        if multioutput == "raw_values":
            assert type(one) is type(move(y))
        else:
            assert type(one) is float
        assert_allclose(np.asarray(one), other, rtol=rtol)
    assert np.all(np.isfinite(np.asarray(mixed)))


def test_strict_device_stays():
    device = array_api_strict.Device("device1")
    y, prediction, weight = make_cells((30, 4))
    with config_context(array_api_dispatch=True):
        raw = masked_r2_score(
            y,
            array_api_strict.asarray(prediction, device=device),
            sample_weight=weight,
            baseline=np.zeros(4),
            multioutput="raw_values",
        )
    assert raw.device == device
    expected = naive_r2(y, prediction, weight, np.zeros(4), "raw_values")
    on_host = raw.to_device(array_api_strict.Device("CPU_DEVICE"))
    assert_allclose(np.asarray(on_host), expected, rtol=1e-11)


def test_frames_lists_and_integers():
    pd = pytest.importorskip("pandas")
    y, prediction, _ = make_cells((30, 4))
    expected = naive_r2(y, prediction)
    assert_allclose(masked_r2_score(pd.DataFrame(y), pd.DataFrame(prediction)), expected)
    assert_allclose(masked_r2_score(y.tolist(), prediction.tolist()), expected)
    assert_allclose(masked_r2_score([0, 1, 2], [0, 1, 1]), 0.5)


def test_inputs_are_not_written_to():
    arguments = [*make_cells((30, 4)), np.zeros(4)]
    before = [array.copy() for array in arguments]
    for array in arguments:
        array.flags.writeable = False
    masked_r2_score(*arguments[:2], sample_weight=arguments[2], baseline=arguments[3])
    for array, old in zip(arguments, before, strict=True):
        assert_array_equal(array, old)


def test_one_sample():
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(masked_r2_score([1.0], [2.0]))
    assert masked_r2_score([1.0], [2.0], baseline=-1.0) == 0.75


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"y_pred": np.zeros((5, 3))}, r"y_true has shape \(5, 2\).*y_pred has shape \(5, 3\)"),
        ({"y_true": np.full((5, 2), np.nan)}, "no observed cell"),
        ({"sample_weight": np.zeros(5)}, "no sample is left"),
        (
            {"y_true": [[1.0, 2.0], *[[np.nan] * 2] * 4], "sample_weight": [0, 1, 1, 1, 1]},
            "no observed cell with a positive weight",
        ),
        ({"sample_weight": -np.ones(5)}, "negative"),
        ({"sample_weight": np.ones(4)}, r"shape \(5,\)"),
        ({"y_true": np.full((5, 2), np.inf)}, "y_true holds infinity"),
        ({"y_pred": np.full((5, 2), np.nan)}, "y_pred holds NaN"),
        ({"y_pred": np.full((5, 2), np.inf)}, "y_pred holds NaN or infinity"),
        ({"baseline": [0, np.nan]}, "baseline holds NaN"),
        ({"baseline": np.zeros(3)}, r"baseline has shape \(3,\)"),
        ({"baseline": np.zeros((1, 5, 2))}, "does not broadcast"),
        ({"multioutput": "pooled"}, "multioutput must be one of"),
        ({"multioutput": [1.0]}, "multioutput has shape"),
        ({"multioutput": [0.0, 0.0]}, "non-negative weights"),
        ({"multioutput": [-1.0, 2.0]}, "non-negative weights"),
        ({"y_true": [["a", "b"]] * 5}, "y_true must be numeric"),
        ({"y_true": 1.0, "y_pred": 1.0}, "single numbers"),
    ],
)
def test_bad_input(keywords, match):
    data = {"y_true": np.arange(10.0).reshape(5, 2), "y_pred": np.zeros((5, 2)), **keywords}
    with pytest.raises(ValueError, match=match):
        masked_r2_score(data.pop("y_true"), data.pop("y_pred"), **data)


class TissueRidge(RegressorMixin, BaseEstimator):
    """A ridge regression per gene and tissue on its observed individuals."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        flat = y.reshape(len(y), -1)
        self.shape_ = y.shape[1:]
        self.models_ = [
            Ridge(alpha=self.alpha).fit(X[seen], column[seen])
            for column, seen in zip(flat.T, ~np.isnan(flat.T))
        ]
        return self

    def predict(self, X):
        return np.stack([m.predict(X) for m in self.models_], axis=1).reshape(-1, *self.shape_)


@pytest.mark.parametrize("pipeline", [False, True])
def test_scorer_in_grid_search_with_3d_incomplete_y(pipeline):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    y = np.einsum("np,pgt->ngt", X, rng.normal(size=(5, 3, 2))) + rng.normal(size=(60, 3, 2))
    y[rng.random(y.shape) < 0.3] = np.nan
    model = TissueRidge()
    name = "alpha"
    if pipeline:
        model, name = make_pipeline(StandardScaler(), model), "tissueridge__alpha"
    grid = {name: [0.1, 1e4]}
    cv = KFold(3)
    search = GridSearchCV(model, grid, scoring=masked_r2_scorer, cv=cv, error_score="raise")
    search.fit(X, y)
    assert search.best_params_ == {name: 0.1}
    for column, alpha in enumerate([0.1, 1e4]):
        for fold, (train, test) in enumerate(cv.split(X)):
            fitted = search.estimator.set_params(**{name: alpha}).fit(X[train], y[train])
            expected = naive_r2(y[test], fitted.predict(X[test]))
            got = search.cv_results_[f"split{fold}_test_score"][column]
            assert_allclose(got, expected, rtol=1e-10)


def test_scorer_takes_weights_and_pickles():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    weight = rng.integers(0, 3, 40)
    model = Ridge().fit(X, y)
    scorer = pickle.loads(pickle.dumps(masked_r2_scorer))
    got = scorer(model, X, y, sample_weight=weight)
    assert_allclose(got, r2_score(y, model.predict(X), sample_weight=weight), rtol=1e-12)
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            Ridge().set_fit_request(sample_weight=False),
            X,
            y,
            scoring=make_scorer(masked_r2_score).set_score_request(sample_weight=True),
            params={"sample_weight": weight},
            cv=KFold(2),
        )
    for score, (train, test) in zip(scores, KFold(2).split(X), strict=True):
        prediction = Ridge().fit(X[train], y[train]).predict(X[test])
        assert_allclose(score, naive_r2(y[test], prediction, weight[test]), rtol=1e-10)


def test_a_frame_of_one_trait_goes_with_a_prediction_of_one_dimension():
    y, prediction = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0])
    expected = r2_score(y, prediction)
    assert masked_r2_score(pd.DataFrame({"trait": y}), prediction) == pytest.approx(expected)
