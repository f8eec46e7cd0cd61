"""Models and folds of the comparison, apart from the command."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from skgenetics._compare import (
    Result,
    Task,
    TopVariantRegressor,
    _variants_used,
    fold_numbers,
)

pd = pytest.importorskip("pandas")

from skgenetics._compare_data import Study  # noqa: E402
from skgenetics._compare_report import Scores  # noqa: E402


def test_top_variant_is_an_estimator():
    check_estimator(TopVariantRegressor())


def test_top_variant_of_constant_variants_predicts_the_mean():
    model = TopVariantRegressor().fit(np.ones((4, 2)), [0.0, 1.0, 2.0, 5.0])
    assert model.predict([[3.0, 7.0]]) == [2.0]


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
def test_folds(binary, grouped):
    rng = np.random.default_rng(0)
    y = (rng.random(100) < 0.3).astype(float)
    groups = rng.integers(0, 20, 100)
    fold = fold_numbers(100, 4, y=y if binary else None, groups=groups if grouped else None, seed=1)
    assert np.unique(fold).tolist() == [0, 1, 2, 3]
    if grouped:
        assert all(len(set(fold[groups == group])) == 1 for group in range(20))
    else:
        assert np.bincount(fold).tolist() == [25] * 4
    if binary and not grouped:
        cases = [y[fold == k].sum() for k in range(4)]
        assert max(cases) - min(cases) <= 1


def test_variants_used():
    X = np.random.default_rng(0).normal(size=(50, 4)) * [1.0, 10.0, 1.0, 1.0]
    model = TopVariantRegressor().fit(X, X[:, 1])
    model.coef_ = np.array([1.0, 0.1, 0.2, 0.0])  # per SD: about 1, 1, .2 and 0
    assert _variants_used(model, X) == 2
    model.coef_ = np.array([1.0, 0.1, 0.9, 0.0])
    assert _variants_used(model, X) == 3
    model.coef_ = np.zeros(4)
    assert _variants_used(model, X) == 0


def scores_of(by_model):
    """Scores of one task from a list of fold scores by model."""
    n_folds = len(next(iter(by_model.values())))
    task = Task("t", np.empty((9, 7)), np.zeros(9), np.empty((9, 0)), np.arange(9) % n_folds)
    results = [
        Result("t", model, fold, {"R2": value}, n_used=3.0, seconds=0.25)
        if value is not None
        else Result("t", model, fold, error="broken")
        for model, values in by_model.items()
        for fold, value in enumerate(values)
    ]
    return Scores(Study([task], "trait", []), results, "R2")


def test_who_beats_whom():
    # a - b is .1 in every fold, but both vary widely: only pairing sees it
    a = np.array([0.1, 0.9, 0.3, 0.7])
    noise = np.array([0.01, -0.01, 0.02, 0.0])
    sentence = scores_of({"a": a, "b": a - 0.1 + noise, "c": a + 5 * noise}).closing_sentence()
    assert sentence.endswith("in R2: a and c beat b; no other pair differs.")
    sentence = scores_of({"a": a, "b": a[::-1]}).closing_sentence()
    assert sentence.startswith("No model beats another in R2")
    assert scores_of({"a": a}).closing_sentence().startswith("One model only")


def test_two_standard_errors_is_the_threshold():
    # differences of mean 1 and standard error 1/2 exactly, scaled to either side of it
    difference = 1 + np.array([-1.0, 1.0, -1.0, 1.0]) * np.sqrt(3) / 2
    base = np.zeros(4)
    assert "a beats b" in scores_of({"a": difference + 1e-3, "b": base}).closing_sentence()
    assert "No model" in scores_of({"a": difference - 1e-3, "b": base}).closing_sentence()


def test_printed_table():
    scores = scores_of({"top variant": [0.5, 0.7], "RidgeCV": [-0.01, 0.01], "MLP": [None, 1.0]})
    assert scores.table("gene") == [
        "R2 on people not used for training (standard error over folds)",
        "gene             variants   top variant   RidgeCV       MLP",
        "t                       7   0.600 (.100)  0.000 (.010)  failed",
        "variants used (median)      3             3             3",
        "seconds, all folds          0.5           0.5           0.2",
    ]
