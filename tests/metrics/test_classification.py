import array_api_strict
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, KFold

from skgenetics.metrics import (
    masked_accuracy_score,
    masked_accuracy_scorer,
    masked_average_precision_score,
    masked_average_precision_scorer,
    masked_roc_auc_score,
    masked_roc_auc_scorer,
)
from tests.hypothesis_settings import examples
from tests.oracles.metrics_naive import area_under_roc, average_precision

RANKINGS = [
    (masked_roc_auc_score, area_under_roc, roc_auc_score),
    (masked_average_precision_score, average_precision, average_precision_score),
]


def make_labels(n=40, d=3, seed=0, missing=0.3):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (n, d)).astype(float)
    score = np.round(y + rng.normal(size=y.shape), 1)  # with ties
    y[rng.random(y.shape) < missing] = np.nan
    return y, score, rng.integers(0, 3, n)


@pytest.mark.parametrize(("masked", "naive", "sklearn_score"), RANKINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_ranking_scores_equal_their_definitions(masked, naive, sklearn_score, weighted):
    y, score, weight = make_labels(d=4)
    y[:, 2] = np.where(np.isnan(y[:, 2]), np.nan, 1)  # one label only
    y[:, 3] = np.nan
    weight = weight if weighted else np.ones(len(y))
    raw = masked(y, score, sample_weight=weight if weighted else None, average=None)
    assert np.isnan(raw[2:]).all()
    for task in range(2):
        seen = ~np.isnan(y[:, task])
        expected = naive(y[seen, task], score[seen, task], weight[seen])
        assert_allclose(raw[task], expected, rtol=1e-12)
    mean = masked(y, score, sample_weight=weight if weighted else None)
    assert type(mean) is float
    assert_allclose(mean, raw[:2].mean(), rtol=1e-12)


@pytest.mark.parametrize(("masked", "naive", "sklearn_score"), RANKINGS)
@pytest.mark.parametrize("d", [None, 3])
def test_ranking_scores_equal_sklearn_when_complete(masked, naive, sklearn_score, d):
    y, score, weight = make_labels(d=d or 1, missing=0)
    if d is None:
        y, score = y[:, 0], score[:, 0]
    for w in (None, weight):
        expected = sklearn_score(y.astype(int), score, sample_weight=w)
        assert_allclose(masked(y, score, sample_weight=w), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "strings", "objects", "multilabel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_accuracy_equals_sklearn_when_complete(kind, weighted):
    rng = np.random.default_rng(0)
    classes = {"binary": [0, 1], "multiclass": [0, 1, 2]}.get(kind, ["case", "control", "none"])
    if kind == "multilabel":
        y, prediction = rng.integers(0, 2, (2, 50, 3))
    else:
        y, prediction = rng.choice(np.array(classes), (2, 50))
    if kind == "objects":
        y, prediction = y.astype(object), prediction.astype(object)
    weight = rng.integers(0, 3, 50) if weighted else None
    expected = accuracy_score(y, prediction, sample_weight=weight)
    got = masked_accuracy_score(y, prediction, sample_weight=weight)
    assert type(got) is float
    assert_allclose(got, expected, rtol=1e-14)


def test_accuracy_counts_rows_right_on_all_observed_labels():
    nan = np.nan
    y = np.array([[1, nan, 0], [nan, nan, nan], [0, 1, nan], [1, 1, 1], [nan, 0, 0]])
    prediction = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 1, 1], [1, 0, 1]])
    assert masked_accuracy_score(y, prediction) == 2 / 4
    assert masked_accuracy_score(y, prediction, sample_weight=[2, 7, 1, 1, 0]) == 3 / 4
    assert masked_accuracy_score(y[:, 2], prediction[:, 2]) == 2 / 3
    assert masked_accuracy_score(np.array(["a", nan], dtype=object), ["a", "b"]) == 1


@examples(40)
@given(st.integers(0, 10**6), st.sampled_from([0, 1, 2]))
def test_invariances(seed, which):
    y, score, weight = make_labels(12, 2, seed)
    y[:2], weight[:2] = [[0, 0], [1, 1]], 1
    function = [masked_roc_auc_score, masked_average_precision_score, masked_accuracy_score][which]
    if which == 2:
        score = (score > 0.5).astype(int)
    reference = function(y, score, sample_weight=weight)
    order = np.random.default_rng(seed).permutation(12)
    close = {"rtol": 1e-10}
    assert_allclose(
        function(y[order], score[order], sample_weight=weight[order]), reference, **close
    )
    repeated = np.repeat(y, weight, axis=0), np.repeat(score, weight, axis=0)
    assert_allclose(function(*repeated), reference, **close)
    other = np.where(np.isnan(y), 7, score)
    assert_allclose(function(y, other, sample_weight=weight), reference, **close)
    if which < 2:
        assert_allclose(function(y, np.exp(3 * score), sample_weight=weight), reference, **close)


@pytest.mark.parametrize("library", ["array_api_strict", "torch"])
def test_other_array_libraries(library):
    xp = pytest.importorskip(library)
    y, score, weight = make_labels()
    label = (score > 0.5).astype(int)
    expected = [
        masked_roc_auc_score(y, score, sample_weight=weight),
        masked_average_precision_score(y, score),
        masked_accuracy_score(y, label, sample_weight=weight),
    ]
    with config_context(array_api_dispatch=True):
        y, score, weight, label = map(xp.asarray, (y, score, weight, label))
        got = [
            masked_roc_auc_score(y, score, sample_weight=weight),
            masked_average_precision_score(y, score),
            masked_accuracy_score(y, label, sample_weight=weight),
        ]
    assert got == expected


def test_device_arrays():
    y, score, _ = make_labels()
    expected = masked_roc_auc_score(y, score)
    device = array_api_strict.Device("device1")
    with config_context(array_api_dispatch=True):
        moved = [array_api_strict.asarray(array, device=device) for array in (y, score)]
        assert masked_roc_auc_score(*moved) == expected


@pytest.mark.parametrize("score", [masked_roc_auc_score, masked_average_precision_score])
def test_labels_of_weight_zero_are_not_observed(score):
    y = [[0, 0], [1, 1], [1, 0], [0, 2]]
    y_score = [[0.1, 0.4], [0.3, 0.2], [0.2, 0.1], [0.4, np.nan]]
    raw = score(y, y_score, sample_weight=[1, 0, 1, 0], average=None)
    assert raw[0] == 1
    assert np.isnan(raw[1])


@pytest.mark.parametrize("score", [masked_roc_auc_score, masked_average_precision_score])
def test_no_task_with_both_labels(score):
    with pytest.warns(UndefinedMetricWarning, match="No task has both labels"):
        assert np.isnan(score([1.0, 1.0, np.nan], [0.1, 0.2, 0.3]))


@pytest.mark.parametrize("score", [masked_roc_auc_score, masked_average_precision_score])
@pytest.mark.parametrize(
    ("y", "y_score", "keywords", "match"),
    [
        ([0, 1, 0], [0.0, 1.0], {}, r"y_true has shape \(3,\) and y_score has shape \(2,\)"),
        ([0, 1, 2], [0.0, 1.0, 2.0], {}, "0, 1 and NaN only"),
        ([0, 1, np.inf], [0.0, 1.0, 2.0], {}, "y_true must be finite or NaN"),
        (["a", "b"], [0.0, 1.0], {}, "y_true must be numeric"),
        ([np.nan] * 2, [0.0, 1.0], {}, "no observed label"),
        ([0, 1], [0.0, np.nan], {}, "y_score holds NaN"),
        ([0, 1], [0.0, 1.0], {"sample_weight": [1.0, -1.0]}, "negative"),
        ([0, 1], [0.0, 1.0], {"average": "micro"}, "average must be"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), {}, "one or two dimensions"),
    ],
)
def test_bad_input_of_ranking_scores(score, y, y_score, keywords, match):
    with pytest.raises(ValueError, match=match):
        score(y, y_score, **keywords)


@pytest.mark.parametrize(
    ("y", "prediction", "keywords", "match"),
    [
        ([0, 1], [[0], [1]], {}, r"y_true has shape \(2,\) and y_pred has shape \(2, 1\)"),
        ([np.nan] * 2, [0, 1], {}, "no observed label"),
        ([np.nan, 1], [0, 1], {"sample_weight": [1, 0]}, "no observed label"),
        ([0, 1], [0, 1], {"sample_weight": [1, np.nan]}, "sample_weight holds NaN"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), {}, "one or two dimensions"),
    ],
)
def test_bad_input_of_accuracy(y, prediction, keywords, match):
    with pytest.raises(ValueError, match=match):
        masked_accuracy_score(y, prediction, **keywords)


class TaskwiseLogistic(ClassifierMixin, BaseEstimator):
    """A logistic regression per task on its observed labels; classes_ as MLPClassifier."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        self.classes_ = np.arange(y.shape[1])
        self.models_ = [
            LogisticRegression(C=self.C).fit(X[seen], column[seen])
            for column, seen in zip(y.T, ~np.isnan(y.T))
        ]
        return self

    def decision_function(self, X):
        return np.column_stack([model.decision_function(X) for model in self.models_])

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-self.decision_function(X)))

    def predict(self, X):
        return (self.decision_function(X) > 0).astype(int)


@pytest.mark.parametrize("d", [2, 3])
def test_scorers_in_grid_search_with_incomplete_labels(d):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X @ rng.normal(size=(4, d)) + rng.normal(size=(120, d)) > 0).astype(float)
    y[rng.random(y.shape) < 0.3] = np.nan
    scoring = {
        "auc": masked_roc_auc_scorer,
        "precision": masked_average_precision_scorer,
        "accuracy": masked_accuracy_scorer,
    }
    cv = KFold(3)
    search = GridSearchCV(
        TaskwiseLogistic(),
        {"C": [1e-3, 1.0]},
        scoring=scoring,
        refit="auc",
        cv=cv,
        error_score="raise",
    ).fit(X, y)
    for fold, (train, test) in enumerate(cv.split(X)):
        model = TaskwiseLogistic(C=1.0).fit(X[train], y[train])
        decision, truth = model.decision_function(X[test]), y[test]
        seen = ~np.isnan(truth)
        ones = np.ones(len(test))
        for name, naive in [("auc", area_under_roc), ("precision", average_precision)]:
            expected = np.mean(
                [naive(truth[s, t], decision[s, t], ones) for t, s in enumerate(seen.T)]
            )
            assert_allclose(search.cv_results_[f"split{fold}_test_{name}"][1], expected)
        right = [
            all(p == t for p, t in zip(row, labels) if not np.isnan(t))
            for row, labels in zip(model.predict(X[test]), truth)
            if not np.isnan(labels).all()
        ]
        got = search.cv_results_[f"split{fold}_test_accuracy"][1]
        assert_allclose(got, np.mean(right))


def test_ranking_scorer_on_a_forest():
    # predict_proba only, and a list of arrays
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    y = (X[:, :2] + rng.normal(size=(60, 2)) > 0).astype(int)
    model = RandomForestClassifier(10, max_depth=2, random_state=0).fit(X, y)
    probability = np.column_stack([p[:, 1] for p in model.predict_proba(X)])
    assert_allclose(masked_roc_auc_scorer(model, X, y), roc_auc_score(y, probability))


def test_labels_of_data_frames():
    """Missing labels of pandas' own types, and a frame of one column."""
    labels = pd.DataFrame({"a": [1, None, 0], "b": [0, 1, None]}, dtype="Int64")
    assert masked_accuracy_score(labels, [[1, 0], [0, 0], [0, 0]]) == pytest.approx(2 / 3)
    score = np.array([[0.9, 0.1], [0.4, 0.8], [0.1, 0.2]])
    assert masked_roc_auc_score(labels, score) == 1.0
    one = pd.DataFrame({"a": ["x", "y", "y"]})
    assert masked_accuracy_score(one, np.array(["x", "x", "y"])) == pytest.approx(2 / 3)
    assert masked_roc_auc_score(labels[["a"]], score[:, 0]) == 1.0
