import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from skgenetics import LINAClassifier, LINARegressor
from skgenetics.inspection import ImportanceDisplay

PLAIN = {"start": "random", "batch_norm": False, "early_stopping": False}

POSITIONS = np.array([5_000_000, 1_000_000, 3_000_000, 2_000_000, 7_000_000])
CHROMOSOMES = np.array(["chr1", "chr1", "chr1", "chrX", "chrX"])
IMPORTANCES = np.array([[0.1, 0.4, 0.2, 0.3, 0.05], [0.5, 0.0, 0.1, 0.2, 0.3]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).integers(0, 3, size=(80, 5)).astype(np.int8)


def points(ax):
    """All points of a panel, sorted by height."""
    offsets = [c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)]
    offsets = np.concatenate(offsets)
    return offsets[np.argsort(offsets[:, 1])]


def test_a_panel_a_task_over_the_genome():
    display = ImportanceDisplay(
        IMPORTANCES, positions=POSITIONS, chromosomes=CHROMOSOMES, tasks=["A", "B"], build="GRCh38"
    )
    assert display.plot() is display
    upper, lower = display.axes_
    assert [ax.get_title(loc="left") for ax in (upper, lower)] == ["A", "B"]
    for ax, importance in zip(display.axes_, IMPORTANCES):
        np.testing.assert_array_equal(points(ax)[:, 1], np.sort(importance))
        x = points(ax)[np.argsort(np.argsort(importance)), 0]
        np.testing.assert_allclose(x[[0, 2, 4]] - x[[1, 1, 3]], [4, 2, 5])  # Mb, within each
        assert x[:3].max() < x[3:].min()
        assert x[3] - x[0] < 0.2  # chromosomes stand side by side
    assert lower.get_xlabel() == "Chromosome (GRCh38)"
    assert [tick.get_text() for tick in lower.get_xticklabels()] == ["1", "X"]
    centers = lower.get_xticks()
    assert x[1] < centers[0] < x[0] < x[3] < centers[1] < x[4]
    display.figure_.draw_without_rendering()


def test_neighboring_chromosomes_have_two_shades():
    ax = ImportanceDisplay(IMPORTANCES[0], positions=POSITIONS, chromosomes=CHROMOSOMES).plot()
    first, second = ax.axes_[0].collections
    assert sorted(first.get_offsets()[:, 1]) == [0.1, 0.2, 0.4]
    assert sorted(second.get_offsets()[:, 1]) == [0.05, 0.3]
    assert np.abs(first.get_facecolor() - second.get_facecolor()).max() > 0.3


@pytest.mark.parametrize("selected", [[1, 3], [False, True, False, True, False]])
def test_selected_variants_are_marked(selected):
    ax = ImportanceDisplay(IMPORTANCES[0], selected=selected).plot().axes_[0]
    (marked,) = [c for c in ax.collections if c.get_label() == "selected"]
    np.testing.assert_array_equal(marked.get_offsets(), [[1, 0.4], [3, 0.3]])
    assert len(points(ax)) == 5
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["selected"]


def test_highest_variants_that_are_apart_are_named():
    importances = np.zeros(100)
    importances[[10, 12, 60, 90]] = 0.5, 0.4, 0.3, 0.2
    ax = ImportanceDisplay(importances, n_labels=3).plot().axes_[0]
    assert [text.get_text() for text in ax.texts] == ["x10", "x60", "x90"]
    named = ImportanceDisplay(importances, names=[f"rs{i}" for i in range(100)], n_labels=1)
    assert [text.get_text() for text in named.plot().axes_[0].texts] == ["rs10"]
    placed = ImportanceDisplay(IMPORTANCES[0], positions=POSITIONS, n_labels=1).plot().axes_[0]
    assert placed.texts[0].get_text() == "1,000,000 bp"
    several = ImportanceDisplay(
        IMPORTANCES[0], positions=POSITIONS, chromosomes=CHROMOSOMES, n_labels=1
    )
    assert several.plot().axes_[0].texts[0].get_text() == "chr1:1,000,000"
    assert not ImportanceDisplay(importances, n_labels=0).plot().axes_[0].texts


def test_horizontal_axis_of_one_chromosome():
    one = {"positions": POSITIONS, "chromosomes": ["chr22"] * 5, "build": "GRCh37"}
    ax = ImportanceDisplay(IMPORTANCES[0], **one, title="LDL").plot().axes_[0]
    assert ax.get_xlabel() == "Position on chromosome 22 (Mb, GRCh37)"
    assert ax.get_title(loc="left") == "LDL"
    np.testing.assert_allclose(np.sort(points(ax)[:, 0]), np.sort(POSITIONS / 1e6))
    assert ImportanceDisplay([0.1]).plot().axes_[0].get_xlabel() == "Variant (column of X)"
    ImportanceDisplay([0.0], positions=[7]).plot().figure_.draw_without_rendering()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_networks_give_their_first_order_importances(X):
    frame = pd.DataFrame(X.astype(float), columns=[f"rs{i}" for i in range(5)])
    model = LINAClassifier((6,), max_iter=5, random_state=0, **PLAIN).fit(
        frame, (X[:, :3] > 0).astype(int)
    )
    expected = model.first_order_importance(frame)
    display = ImportanceDisplay.from_estimator(model, frame, tasks=["a", "b", "c"], n_labels=1)
    for ax, importance in zip(display.plot().axes_, expected, strict=True):
        np.testing.assert_allclose(points(ax)[:, 1], np.sort(importance))
        assert ax.get_ylabel() == "Importance\n(log odds per allele)"
        assert ax.texts[0].get_text() == f"rs{importance.argmax()}"
    one = ImportanceDisplay.from_estimator(model, frame, target=1)
    np.testing.assert_array_equal(one.importances, expected[1:2])
    kept = ImportanceDisplay.from_estimator(model)
    np.testing.assert_allclose(kept.importances, [model.feature_importances_])
    trait = LINARegressor((6,), max_iter=5, random_state=0, **PLAIN).fit(X, X[:, 0] * 1.0)
    assert ImportanceDisplay.from_estimator(trait).label == "Importance\n(trait per allele)"


def test_other_estimators_give_their_feature_importances(X):
    forest = RandomForestRegressor(n_estimators=3, random_state=0).fit(X, X[:, 2])
    display = ImportanceDisplay.from_estimator(forest).plot()
    np.testing.assert_array_equal(display.importances[0], forest.feature_importances_)
    assert display.axes_[0].get_ylabel() == "Importance"
    with pytest.raises(TypeError, match="RandomForestRegressor has no first_order_importance"):
        ImportanceDisplay.from_estimator(forest, X)
    with pytest.raises(TypeError, match="LinearRegression has no feature_importances_"):
        ImportanceDisplay.from_estimator(LinearRegression().fit(X, X[:, 0]))
    with pytest.raises(NotFittedError):
        ImportanceDisplay.from_estimator(LINAClassifier())
    with pytest.raises(ValueError, match="target needs X"):
        ImportanceDisplay.from_estimator(forest, target=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"importances": []}, r"at least one of each; got \(1, 0\)"),
        ({"importances": np.zeros((1, 2, 3))}, r"got \(1, 2, 3\)"),
        ({"importances": [0.1, np.nan]}, "importances holds NaN"),
        (
            {"positions": [1]},
            r"positions must have shape \(2,\), one entry per variant; got \(1,\)",
        ),
        ({"positions": [1, np.inf]}, "positions holds NaN or infinity"),
        ({"chromosomes": [1, 1]}, "chromosomes need positions"),
        ({"names": ["a"]}, r"names must have shape \(2,\)"),
        ({"tasks": ["a", "b"]}, r"tasks must name the 1 tasks; got \['a', 'b'\]"),
        ({"selected": [2]}, r"indices from 0 to 1; got \[2\]"),
        ({"selected": [True]}, r"a mask of shape \(2,\)"),
        ({"n_labels": -1}, "n_labels must be an integer >= 0; got -1"),
    ],
)
def test_arrays_that_do_not_fit_together(change, message):
    with pytest.raises(ValueError, match=message):
        ImportanceDisplay(**({"importances": [0.1, 0.2]} | change))


def test_axes_given_by_the_user():
    figure, (left, right) = plt.subplots(1, 2)
    display = ImportanceDisplay(IMPORTANCES).plot(ax=right)
    assert display.figure_ is figure
    assert not left.has_data()
    assert plt.get_fignums() == [figure.number]
