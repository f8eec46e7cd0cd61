import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import to_rgb

from skgenetics.inspection import SimilarityDisplay, bilrp

D = 8


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def layers():
    rng = np.random.default_rng(0)
    return [(rng.normal(size=(D, 5)), np.zeros(5), "relu"), (np.eye(5), np.zeros(5), "identity")]


@pytest.fixture
def X():
    return np.random.default_rng(1).integers(0, 3, size=(2, D))


def lines(display, label):
    (found,) = [
        c
        for c in display.ax_.collections
        if isinstance(c, LineCollection) and c.get_label() == label
    ]
    return found


def test_lines_join_the_pairs_and_tell_their_sign(layers, X):
    display = SimilarityDisplay.from_estimator(layers, X, n_pairs=12, rule="lrp0")
    assert display.plot() is display
    pairs, relevance = bilrp(layers, X, rule="lrp0").top_pairs(0, 1, 12)
    assert (relevance > 0).any()
    assert (relevance < 0).any()
    for label, sign in (("more similar", 1), ("less similar", -1)):
        segments = np.array(lines(display, label).get_segments())
        np.testing.assert_array_equal(segments[:, :, 1], [[1, 0]] * len(segments))
        expected = pairs[np.sign(relevance) == sign]
        assert sorted(segments[:, :, 0].tolist()) == sorted(expected.tolist())
    colors = [
        lines(display, label).get_colors()[0][:3] for label in ("more similar", "less similar")
    ]
    assert np.abs(np.subtract(*colors)).max() > 0.5
    assert lines(display, "more similar").get_linestyles()[0][1] is None
    assert lines(display, "less similar").get_linestyles()[0][1] is not None


def test_stronger_pairs_are_drawn_stronger():
    display = SimilarityDisplay(
        [0, 1, 2], [2, 1, 0], pairs=[[0, 0], [1, 1], [2, 2]], relevance=[1.0, 4.0, 2.0]
    ).plot()
    found = lines(display, "more similar")
    columns = [int(segment[0, 0]) for segment in found.get_segments()]
    assert columns == [0, 2, 1]
    assert (np.diff(found.get_linewidths()) > 0).all()
    assert (np.diff(found.get_alpha()) > 0).all()


def test_strips_show_the_dosages(layers, X):
    display = SimilarityDisplay.from_estimator(layers, X - 0.7, n_pairs=3, dosages=X).plot()
    upper, lower = (c for c in display.ax_.collections if isinstance(c, QuadMesh))
    np.testing.assert_array_equal(np.ravel(upper.get_array()), X[0])
    np.testing.assert_array_equal(np.ravel(lower.get_array()), X[1])
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["sample 1", "sample 2"]
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()][:3] == [
        "dosage 0",
        "dosage 1",
        "dosage 2",
    ]
    shown = {
        text.get_text(): patch.get_facecolor()[:3]
        for text, patch in zip(legend.get_texts()[:3], legend.get_patches())
    }
    display.figure_.draw_without_rendering()
    for dosage, color in zip(X[0], upper.get_facecolors()):
        np.testing.assert_allclose(color[:3], shown[f"dosage {dosage}"], atol=0.02)
    greys = [sum(to_rgb(shown[f"dosage {dosage}"])) for dosage in (0, 1, 2)]
    assert greys == sorted(greys, reverse=True)


def test_scaled_values_have_their_own_legend(layers, X):
    display = SimilarityDisplay.from_estimator(layers, X * 0.5 - 1, n_pairs=3).plot()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts[:3] == ["dosage -1", "dosage -0.5", "dosage 0"]


def test_horizontal_axis(layers, X):
    positions = 20_000_000 + 1000 * np.arange(D) ** 2
    groups = ["gene A"] * 3 + ["gene B"] * 5
    plain = SimilarityDisplay.from_estimator(layers, X, n_pairs=3, title="LDL").plot().ax_
    assert plain.get_xlabel() == "Variant (column of X)"
    assert plain.get_title(loc="left") == "LDL"
    placed = SimilarityDisplay.from_estimator(
        layers, X, n_pairs=3, positions=positions, chromosome=22, build="GRCh37"
    ).plot()
    assert placed.ax_.get_xlabel() == "Position on chromosome 22 (Mb, GRCh37)"
    ends = np.concatenate(
        [
            np.array(c.get_segments())[:, :, 0].ravel()
            for c in placed.ax_.collections
            if isinstance(c, LineCollection)
        ]
    )
    assert np.isin(ends, positions / 1e6).all()
    grouped = SimilarityDisplay.from_estimator(layers, X, n_pairs=3, groups=groups).plot().ax_
    assert [tick.get_text() for tick in grouped.get_xticklabels()] == ["gene A", "gene B"]
    np.testing.assert_allclose(grouped.get_xticks(), [1, 5])


def test_frames_axes_of_the_user_and_rendering(layers, X):
    figure, (left, right) = plt.subplots(1, 2)
    display = SimilarityDisplay.from_estimator(layers, pd.DataFrame(X), n_pairs=5).plot(ax=right)
    assert display.figure_ is figure
    assert not left.has_data()
    figure.draw_without_rendering()
    SimilarityDisplay([1], [1], pairs=[[0, 0]], relevance=[0.0]).plot().figure_.canvas.draw()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dosage": []}, r"not empty; got shape \(0,\)"),
        ({"dosage2": [0, 1]}, r"dosage2 must have shape \(3,\), one entry per variant; got \(2,\)"),
        ({"positions": [1, 2]}, r"positions must have shape \(3,\)"),
        ({"positions": [3, 2, 1]}, "positions must increase"),
        ({"groups": ["a"]}, r"groups must have shape \(3,\)"),
        ({"positions": [1, 2, 3], "groups": ["a"] * 3}, "positions or groups, not both"),
        ({"pairs": [[0, 3]]}, "indices from 0 to 2; got 0 to 3"),
        ({"pairs": [0, 1]}, r"pairs must have shape \(1, 2\)"),
        ({"pairs": np.empty((0, 2), int), "relevance": []}, "no pair to draw"),
        ({"relevance": [np.nan]}, "relevance holds NaN"),
        ({"dosage": [0, np.nan, 1]}, "dosage holds NaN"),
        ({"names": ("a",)}, "names of the two samples"),
    ],
)
def test_arrays_that_do_not_fit_together(change, message):
    given = {"dosage": [0, 1, 2], "dosage2": [1, 1, 1], "pairs": [[0, 1]], "relevance": [1.0]}
    with pytest.raises(ValueError, match=message):
        SimilarityDisplay(**(given | change))


def test_a_pair_is_needed(layers, X):
    with pytest.raises(ValueError, match="n_pairs must be an integer >= 1; got 0"):
        SimilarityDisplay.from_estimator(layers, X, n_pairs=0)


def test_two_samples_are_needed(layers, X):
    with pytest.raises(ValueError, match="two samples to compare, as rows; got 1 rows"):
        SimilarityDisplay.from_estimator(layers, X[:1])
