import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy.stats import sem

from skgenetics.inspection import ScoreDifferencesDisplay

FOLDS = [f"fold_{k}" for k in range(1, 6)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def frame():
    """Differences of every pair of four models, as skgenetics compare writes them."""
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(level, 0.01, 5) for name, level in zip("abcd", (0.2, 0.3, 0.1, 0.2))}
    rows = [
        {
            "metric": "R2",
            "model": one,
            "minus": other,
            **dict(zip(FOLDS, scores[one] - scores[other])),
        }
        for one in scores
        for other in scores
        if other < one
    ]
    return pd.DataFrame(rows), scores


def test_the_best_model_minus_each_other_one_by_size(frame):
    table, scores = frame
    display = ScoreDifferencesDisplay.from_frame(table, model="b").plot()
    expected = {other: scores["b"] - scores[other] for other in "acd"}
    assert set(display.others) == set(expected)
    means = [expected[other].mean() for other in display.others]
    assert means == sorted(means)
    np.testing.assert_allclose(display.mean, means)
    np.testing.assert_allclose(display.standard_error, [sem(expected[o]) for o in display.others])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == display.others
    for row, container in enumerate(display.ax_.containers):
        line, _, (bar,) = container
        assert line.get_xdata() == pytest.approx([means[row]])
        assert line.get_ydata() == [row]
        (segment,) = bar.get_segments()
        assert np.ptp(segment[:, 0]) == pytest.approx(4 * display.standard_error[row])
    display.figure_.draw_without_rendering()


def test_color_says_what_two_standard_errors_say():
    by_fold = [[1, 1.1, 0.9], [-1, -1.1, -0.9], [1, -1, 0.5]]
    display = ScoreDifferencesDisplay("a", ["worse", "better", "alike"], by_fold, metric="ROC AUC")
    gain, loss, neither = (to_hex(c[0].get_color()) for c in display.plot().ax_.containers)
    assert len({gain, loss, neither}) == 3
    reds_and_blues = [(int(c[1:3], 16), int(c[5:7], 16)) for c in (gain, loss)]
    assert reds_and_blues[0][0] < reds_and_blues[0][1]
    assert reds_and_blues[1][0] > reds_and_blues[1][1]
    assert display.ax_.get_xlabel().startswith("ROC AUC of a minus")


def test_folds_that_failed_and_a_single_fold():
    display = ScoreDifferencesDisplay("a", ["b", "c"], [[0.1, np.nan, 0.3], [np.nan] * 3]).plot()
    np.testing.assert_allclose(display.mean, [0.2, np.nan])
    assert display.standard_error[0] == pytest.approx(0.1)
    assert np.isnan(ScoreDifferencesDisplay("a", ["b"], [[0.1]]).plot().standard_error).all()


def test_bad_differences(frame):
    with pytest.raises(ValueError, match="row per other model"):
        ScoreDifferencesDisplay("a", ["b"], [0.1])
    with pytest.raises(ValueError, match="one entry per model and fold"):
        ScoreDifferencesDisplay("a", ["b"], [[0.1], [0.2]])
    with pytest.raises(ValueError, match="infinity"):
        ScoreDifferencesDisplay("a", ["b"], [[np.inf]])
    with pytest.raises(ValueError, match="no difference in R2 of 'z'"):
        ScoreDifferencesDisplay.from_frame(frame[0], model="z")
