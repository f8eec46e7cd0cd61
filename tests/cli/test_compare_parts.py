"""Models and folds of the comparison, apart from the command."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from skgenetics.cli.compare.tasks import Study, Task, fold_numbers
from skgenetics.cli.compare.work import Result, variants_used
from skgenetics.cli.estimators import TopVariantRegressor

pd = pytest.importorskip("pandas")

from skgenetics.cli.compare.scores import Scores  # noqa: E402


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
    labels = y[:, None] if binary else None
    fold = fold_numbers(100, 4, labels=labels, groups=groups if grouped else None, seed=1)
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
    assert variants_used(model, X, "per allele") == 2
    model.coef_ = np.array([1.0, 0.1, 0.9, 0.0])
    assert variants_used(model, X, "per allele") == 3
    model.coef_ = np.zeros(4)
    assert variants_used(model, X, "per allele") == 0


def scores_of(by_model, trait="t", joint=()):
    """Scores of one task from a list of fold scores by model."""
    return scores_of_traits({trait: by_model}, joint)


def scores_of_traits(by_trait, joint=()):
    """Scores from lists of fold scores by trait and model; models in `joint` fit all traits."""
    names = tuple(by_trait)
    first = by_trait[names[0]]
    n_folds = len(next(iter(first.values())))
    empty = np.empty((9, 0))
    fold = np.arange(9) % n_folds
    tasks = [Task(name, np.empty((9, 7)), np.zeros((9, 1)), empty, fold, (name,)) for name in names]
    several = Task("all", np.empty((9, 30)), np.zeros((9, 2)), empty, fold, names, joint=True)
    results = []
    for model in first:
        parts = [("all", names)] if model in joint else [(name, (name,)) for name in names]
        for task, traits in parts:
            for number in range(n_folds):
                values = {trait: by_trait[trait][model][number] for trait in traits}
                result = Result(task, traits, model, number, joint=model in joint)
                if None in values.values():
                    result.error = "broken"
                else:
                    result.scores = {trait: {"R2": value} for trait, value in values.items()}
                    result.n_used, result.seconds = dict.fromkeys(traits, 3.0), 0.25
                results.append(result)
    return Scores(Study(tasks, "trait", [], joint=[several]), results, "R2")


def test_who_beats_whom():
    # a - b is .1 in every fold, but both vary widely: only pairing sees it
    a = np.array([0.1, 0.9, 0.3, 0.7])
    noise = np.array([0.01, -0.01, 0.02, 0.0])
    by_model = {"b": a - 0.1 + noise, "a": a, "c": a - 0.03 + 5 * noise}
    assert scores_of(by_model).closing_sentence() == (
        "a has the highest mean R2. Beyond two standard errors of the fold-paired differences it "
        "beats b; it does not differ from c. All pairs are in differences.csv."
    )
    # the highest is the most variable, and beats neither of two of which one beats the other
    wild = {"d": [-2.0, 5.0, 4.0, -2.0], "a": a, "b": by_model["b"]}
    assert "it beats no other model. All pairs" in scores_of(wild).closing_sentence()
    sentence = scores_of({"a": a, "b": a[::-1]}).closing_sentence()
    assert sentence.startswith("No model beats another in R2")
    assert scores_of({"a": a}).closing_sentence().startswith("One model only")


def test_two_standard_errors_is_the_threshold():
    # differences of mean 1 and standard error 1/2 exactly, scaled to either side of it
    difference = 1 + np.array([-1.0, 1.0, -1.0, 1.0]) * np.sqrt(3) / 2
    base = np.zeros(4)
    assert "it beats b." in scores_of({"a": difference + 1e-3, "b": base}).closing_sentence()
    assert "No model" in scores_of({"a": difference - 1e-3, "b": base}).closing_sentence()


def test_differences_are_paired_by_fold_after_the_mean_over_traits():
    """Traits of the same people are not independent: folds are what repeats."""
    a = {"x": [0.5, 0.3, 0.1], "y": [0.2, 0.6, 0.4]}
    b = {"x": [0.4, 0.3, 0.0], "y": [0.3, 0.4, 0.4]}
    scores = scores_of_traits({trait: {"b": b[trait], "a": a[trait]} for trait in "xy"})
    by_fold = [(0.1 - 0.1) / 2, (0.0 + 0.2) / 2, (0.1 + 0.0) / 2]
    mean, error = np.mean(by_fold), np.std(by_fold, ddof=1) / 3**0.5
    row = scores.differences().iloc[0]
    assert (row["model"], row["minus"]) == ("a", "b")
    np.testing.assert_allclose(row[["fold_1", "fold_2", "fold_3"]].astype(float), by_fold)
    np.testing.assert_allclose([row["mean"], row["standard_error"]], [mean, error])


def test_a_failed_trait_is_left_out_of_the_difference():
    scores = scores_of_traits(
        {
            "x": {"a": [0.3, 0.5], "b": [0.1, 0.1]},
            "y": {"a": [0.9, None], "b": [0.1, 0.9]},
        }
    )
    np.testing.assert_allclose(scores.paired("a", "b"), [(0.2 + 0.8) / 2, 0.4])


def test_printed_table():
    scores = scores_of({"top variant": [0.5, 0.7], "RidgeCV": [-0.01, 0.01], "MLP": [None, 1.0]})
    assert scores.table() == [
        "R2 on people not used for training (standard error over folds)",
        "trait            variants   top variant    RidgeCV        MLP",
        "t                       7   0.600 (.100)   0.000 (.010)   failed",
        "minus RidgeCV               +0.600 (.090)                 failed",
        "variants used (median)      3              3              3",
        "seconds, all folds          0.5            0.5            0.2",
    ]


def test_printed_table_with_models_of_several_traits():
    by_trait = {
        "height": {"RidgeCV": [0.1, 0.3], "MMASHRegressor": [0.2, 0.4]},
        "LDL": {"RidgeCV": [0.5, 0.5], "MMASHRegressor": [0.5, 0.5]},
    }
    scores = scores_of_traits(by_trait, joint=["MMASHRegressor"])
    assert scores.table() == [
        "R2 on people not used for training (standard error over folds)",
        "Each trait alone",
        "trait            variants   RidgeCV",
        "height                  7   0.200 (.100)",
        "LDL                     7   0.500 (.000)",
        "mean                        0.350 (.050)",
        "minus RidgeCV",
        "variants used (median)      3",
        "seconds, all folds          1.0",
        "All 2 jointly, one model",
        "trait            variants   MMASHRegressor",
        "height                 30   0.300 (.100)",
        "LDL                    30   0.500 (.000)",
        "mean                        0.400 (.050)",
        "minus RidgeCV               +0.050 (.000)",
        "variants used (median)      3",
        "seconds, all folds          0.5",
    ]
    frame = scores.frame().set_index(["target", "model"])
    assert frame["n_variants"].tolist() == [7, 30, 7, 30]
    assert frame["n_traits"].tolist() == [1, 2, 1, 2]


def test_folds_of_several_binary_traits():
    """Every fold has cases of every trait, though the rarest has two a fold."""
    rng = np.random.default_rng(3)
    labels = (rng.random((300, 3)) < [0.4, 0.2, 0.1]).astype(float)
    labels[rng.random((300, 3)) < 0.1] = np.nan
    labels[:, 2] = 0
    labels[rng.permutation(300)[:10], 2] = 1
    fold = fold_numbers(300, 5, labels=labels, seed=0)
    cases = np.array([np.nansum(labels[fold == k], axis=0) for k in range(5)])
    assert cases[:, 2].min() >= 1
    assert np.ptp(cases[:, 0]) <= 5
    assert np.ptp(np.bincount(fold)) <= 1
    every_pattern_once = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    assert np.bincount(fold_numbers(8, 4, labels=every_pattern_once * 1.0)).tolist() == [2] * 4
