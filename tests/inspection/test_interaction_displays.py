import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from skgenetics import LINAClassifier, LINARegressor
from skgenetics.inspection import InteractionDisplay, InteractionNetworkDisplay

PLAIN = {"start": "random", "batch_norm": False, "early_stopping": False}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
MATRIX = np.array([[0.0, 0.3, 0.1], [0.3, 0.2, 0.0], [0.1, 0.0, 0.0]])
BOTH = pytest.mark.parametrize("kind", [InteractionDisplay, InteractionNetworkDisplay])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frame():
    X = np.random.default_rng(0).integers(0, 3, size=(80, 6)).astype(float)
    return pd.DataFrame(X, columns=[f"rs{i}" for i in range(6)])


@pytest.fixture(scope="module")
def regressor(frame):
    y = frame["rs0"] * frame["rs1"]
    return LINARegressor((8,), max_iter=20, random_state=0, **PLAIN).fit(frame, y)


@pytest.fixture(scope="module")
def classifier(frame):
    y = (frame.to_numpy()[:, :3] > 0).astype(int)
    return LINAClassifier((8,), max_iter=5, random_state=0, **PLAIN).fit(frame, y)


# -- heat map -------------------------------------------------------------------------------------


def test_heat_map_holds_the_matrix():
    display = InteractionDisplay(MATRIX, names=["a", "b", "c"], title="LDL")
    assert display.plot() is display
    (image,) = display.ax_.images
    np.testing.assert_array_equal(image.get_array(), MATRIX)
    assert image.get_clim() == (0, 0.3)
    low, high = image.cmap(0.0)[:3], image.cmap(1.0)[:3]
    assert min(low) > 0.95 > sum(high)
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["a", "b", "c"]
    assert display.colorbar_.ax.get_ylabel() == "Importance of the pair"
    assert display.ax_.get_title(loc="left") == "LDL"
    display.figure_.draw_without_rendering()


def test_signed_heat_map_is_symmetric_about_zero():
    image = InteractionDisplay(np.array([[0.0, -0.1], [-0.1, 0.4]])).plot().ax_.images[0]
    assert image.get_clim() == (-0.4, 0.4)
    np.testing.assert_allclose(image.cmap(0.5)[:3], 1, atol=0.02)
    negative, positive = np.array(image.cmap(0.1)), np.array(image.cmap(0.9))
    assert negative[0] > negative[2]  # orange
    assert positive[0] < positive[2]  # blue


def test_many_rows_have_numbers_for_names():
    names = [f"rs{i}" for i in range(60)]
    ax = InteractionDisplay(np.zeros((60, 60)), names=names).plot().ax_
    assert ax.get_xlabel() == ax.get_ylabel() == "Variant (column of X)"


def test_chromosomes_are_parted_and_the_strongest_pairs_named():
    S = np.zeros((60, 60))
    for i, j, size in ((3, 50, -0.2), (7, 20, 0.5), (1, 2, 0.1)):
        S[i, j] = S[j, i] = size
    np.fill_diagonal(S, 9.0)  # no pair
    names, chromosomes = [f"rs{i}" for i in range(60)], np.repeat(["1", "2", "X"], [10, 30, 20])
    display = InteractionDisplay(S, names=names, chromosomes=chromosomes, n_labels=2).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["rs7 \u00d7 rs20", "rs3 \u00d7 rs50"]
    assert [text.xy for text in display.ax_.texts] == [(20, 7), (50, 3)]
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["1", "2", "X"]
    np.testing.assert_allclose(display.ax_.get_yticks(), [4.5, 24.5, 49.5])
    lines = [line.get_xdata() for line in display.ax_.lines if len(set(line.get_xdata())) == 1]
    assert {float(x[0]) for x in lines if len(x) == 2} == {9.5, 39.5}
    assert display.ax_.get_xlabel() == "Chromosome"
    display.figure_.draw_without_rendering()


def test_heat_map_of_a_network(regressor, frame, classifier):
    display = InteractionDisplay.from_estimator(regressor, frame)
    np.testing.assert_array_equal(display.importances, regressor.second_order_importance(frame))
    assert display.names.tolist() == list(frame.columns)
    assert display.label == "Importance of the pair (trait per squared allele)"
    groups = ["g2", "g1", "g1", "g3", "g2", "g2"]
    by_gene = InteractionDisplay.from_estimator(regressor, frame, groups=groups, signed=False)
    np.testing.assert_array_equal(
        by_gene.importances, regressor.second_order_importance(frame, groups=groups)
    )
    assert by_gene.names.tolist() == ["g1", "g2", "g3"]
    swap = InteractionDisplay.from_estimator(
        classifier, frame, target=1, kind="swap", random_state=0
    )
    expected = classifier.second_order_importance(frame, target=1, kind="swap", random_state=0)
    np.testing.assert_array_equal(swap.importances, expected)
    assert swap.label == "Change by the pair beyond both (log odds)"


@pytest.mark.parametrize("kind", ["derivative", "swap"])
def test_means_over_the_pairs_of_two_genes(kind, regressor, frame):
    groups, settings = np.array(["b", "a", "a", "c", "b", "b"]), {"kind": kind, "random_state": 0}
    S = regressor.second_order_importance(frame, **settings)
    display = InteractionDisplay.from_estimator(
        regressor, frame, groups=groups, average=True, **settings
    )
    for row, first in enumerate("abc"):
        for column, second in enumerate("abc"):
            values = [
                S[i, j]
                for i in np.flatnonzero(groups == first)
                for j in np.flatnonzero(groups == second)
                if kind == "derivative" or i != j
            ]
            expected = np.mean(values) if values else 0.0
            assert display.importances[row, column] == pytest.approx(expected, rel=1e-6)
    assert display.label.startswith("Mean ")
    with pytest.raises(ValueError, match="average=True needs groups"):
        InteractionDisplay.from_estimator(regressor, frame, average=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"importances": [0.1]}, r"a square matrix; got shape \(1,\)"),
        ({"importances": np.zeros((2, 3))}, r"a square matrix; got shape \(2, 3\)"),
        ({"importances": np.zeros((0, 0))}, r"a square matrix; got shape \(0, 0\)"),
        ({"importances": [[np.nan]]}, "NaN"),
        ({"chromosomes": [1, 2, 1]}, "in order"),
        ({"chromosomes": [1, 2]}, r"chromosomes must have shape \(3,\)"),
        ({"names": ["a"]}, r"names must have shape \(3,\), one entry per row; got \(1,\)"),
    ],
)
def test_matrices_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        InteractionDisplay(**({"importances": MATRIX} | change))


# -- network --------------------------------------------------------------------------------------


def chords(display):
    """Ends and widths of all chords, and their line style."""
    found = []
    for collection in display.ax_.collections:
        if isinstance(collection, LineCollection):
            dashed = collection.get_linestyles()[0][1] is not None
            for curve, width in zip(collection.get_segments(), collection.get_linewidths()):
                found.append((curve[[0, -1]], width, dashed))
    return found


def test_chords_join_the_pairs():
    pairs, importances = np.array([[2, 9], [5, 2], [9, 7]]), np.array([0.4, 0.1, -0.2])
    display = InteractionNetworkDisplay(pairs, importances)
    assert display.plot() is display
    place = {}
    for text in display.ax_.texts:
        x, y = text.get_position()
        place[int(text.get_text()[1:])] = np.array([x, y]) / np.hypot(x, y)
    assert sorted(place) == [2, 5, 7, 9]
    found = chords(display)
    assert len(found) == len(pairs)
    for (i, j), importance in zip(pairs, importances):
        ends = np.stack([place[i], place[j]])
        nearest, _, dashed = min(found, key=lambda chord: np.abs(chord[0] - ends).max())
        np.testing.assert_allclose(nearest, ends, atol=1e-8)
        assert dashed == (importance < 0)
    widths = sorted(width for _, width, _ in found)
    np.testing.assert_allclose(np.diff(widths), 3.5 * np.array([0.25, 0.5]))
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["0.4", "0.2", "-0.4", "-0.2"]
    display.figure_.draw_without_rendering()


def test_groups_set_color_and_marker():
    groups = ["chr1", "chr1", "chr2", "chr2"]
    display = InteractionNetworkDisplay([[0, 2], [1, 3]], [1.0, 0.5], groups=groups).plot()
    first, second = [
        c for c in display.ax_.collections if isinstance(c, PathCollection) and len(c.get_offsets())
    ][:2]
    assert np.abs(first.get_facecolor() - second.get_facecolor()).max() > 0.3
    assert first.get_paths()[0].vertices.shape != second.get_paths()[0].vertices.shape
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["1", "0.5", "chr1", "chr2"]


def test_network_of_a_network(regressor, classifier, frame):
    display = InteractionNetworkDisplay.from_estimator(regressor, frame, n_pairs=4)
    matrix = regressor.second_order_importance(frame)
    strongest = np.sort(matrix[np.triu_indices(6, 1)])[::-1][:4]
    np.testing.assert_allclose(display.importances, strongest)
    np.testing.assert_allclose(matrix[tuple(display.pairs.T)], strongest)
    names = {text.get_text() for text in display.plot().ax_.texts}
    assert names == {f"rs{i}" for i in np.unique(display.pairs)}
    named = InteractionNetworkDisplay.from_estimator(
        classifier, frame, target=2, n_pairs=2, names=list("abcdef")
    )
    assert {text.get_text() for text in named.plot().ax_.texts} <= set("abcdef")
    assert named.label == "Importance of the pair\n(log odds per squared allele)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pairs": np.empty((0, 2), int), "importances": []}, "one pair at least"),
        ({"pairs": [0, 1]}, r"got \(2,\) and \(1,\)"),
        ({"importances": [np.inf]}, "infinity"),
        ({"pairs": [[-1, 0]]}, "indices of variants, from 0"),
        ({"pairs": [[0.0, 1.0]]}, "indices of variants, from 0"),
        ({"pairs": [[1, 1]]}, "two different variants"),
        ({"names": ["a"]}, r"names must have an entry for each variant, 2 at least"),
        ({"groups": ["a"]}, r"groups must have an entry for each variant, 2 at least"),
    ],
)
def test_pairs_that_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        InteractionNetworkDisplay(**({"pairs": [[0, 1]], "importances": [0.3]} | change))


# -- both -----------------------------------------------------------------------------------------


@BOTH
def test_estimators_that_are_refused(kind, classifier, frame):
    with pytest.raises(ValueError, match="has 3 tasks or classes; give target, from 0 to 2"):
        kind.from_estimator(classifier, frame)
    with pytest.raises(TypeError, match=r"LinearRegression has no second_order.*swap_interactions"):
        kind.from_estimator(LinearRegression().fit(frame, frame["rs0"]), frame)
    with pytest.raises(NotFittedError):
        kind.from_estimator(LINARegressor(), frame)
