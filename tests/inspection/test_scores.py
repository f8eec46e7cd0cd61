import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skgenetics.inspection import ScoresDisplay

TARGETS = ["gene B", "gene A", "gene C", "gene D", "mean"]
MODELS = ["Top variant", "RidgeCV", "ElasticNet", "FinemapMiXeR", "HistGradientBoosting", "MLP"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    rows = [
        (target, model, rng.uniform(-0.1, 0.6), rng.uniform(0.01, 0.04))
        for target in TARGETS
        for model in MODELS
    ]
    return pd.DataFrame(rows, columns=["target", "model", "mean", "standard_error"])


def drawn(ax):
    """Mean, row and half-width of the bar of every model, by its label."""
    out = {}
    for container in ax.containers:
        line, _, (bars,) = container
        half = [np.ptp(segment[:, 0]) / 2 for segment in bars.get_segments() if len(segment)]
        out[container.get_label()] = line.get_xdata(), line.get_ydata(), half
    return out


@pytest.mark.parametrize("kind", ["frame", "dict"])
def test_every_score_is_drawn_in_its_row(frame, kind):
    given = frame.sample(frac=1, random_state=0) if kind == "frame" else frame.to_dict("list")
    display = ScoresDisplay.from_frame(given)
    assert display.plot() is display
    ax = display.ax_
    assert display.figure_ is ax.figure
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert sorted(names) == sorted(TARGETS)
    found = drawn(ax)
    assert sorted(found) == sorted(MODELS)
    for model, (mean, height, half) in found.items():
        for x, y, error in zip(mean, height, half):
            row = frame[(frame.model == model) & (frame.target == names[round(y)])]
            assert x == row["mean"].item()
            assert error == pytest.approx(row["standard_error"].item())
            assert abs(y - round(y)) <= 0.4
        assert sorted(np.round(height)) == list(range(5))


def test_order_is_that_of_the_table_and_the_first_target_is_on_top(frame):
    ax = ScoresDisplay.from_frame(frame).plot().ax_
    assert [label.get_text() for label in ax.get_yticklabels()] == TARGETS
    assert ax.yaxis_inverted()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == MODELS
    heights = [drawn(ax)[model][1][0] for model in MODELS]
    assert heights == sorted(heights)


def test_models_differ_in_color_and_marker(frame):
    lines = [container[0] for container in ScoresDisplay.from_frame(frame).plot().ax_.containers]
    assert len({line.get_color() for line in lines}) == len(MODELS)
    assert len({line.get_marker() for line in lines}) == len(MODELS)


def test_56_models_have_56_looks():
    names = [f"model {i}" for i in range(56)]
    ax = ScoresDisplay(["gene"] * 56, names, np.linspace(0, 1, 56)).plot().ax_
    looks = {(c[0].get_color(), c[0].get_marker()) for c in ax.containers}
    assert len(looks) == 56


def test_labels_say_the_metric_and_what_the_bars_are(frame):
    assert (
        ScoresDisplay.from_frame(frame).plot().ax_.get_xlabel()
        == "R² on held-out samples (mean ± standard error)"
    )
    without = frame.drop(columns="standard_error")
    ax = ScoresDisplay.from_frame(without, metric="ROC AUC").plot().ax_
    assert ax.get_xlabel() == "ROC AUC on held-out samples"


def test_nan_leaves_a_gap(frame):
    frame.loc[0, ["mean", "standard_error"]] = np.nan
    display = ScoresDisplay.from_frame(frame).plot()
    display.figure_.draw_without_rendering()
    assert np.isnan(drawn(display.ax_)["Top variant"][0][0])


@pytest.mark.parametrize(("n_targets", "n_models"), [(5, 6), (1, 2)])
def test_nothing_overlaps(frame, n_targets, n_models):
    chosen = frame[frame.target.isin(TARGETS[:n_targets]) & frame.model.isin(MODELS[:n_models])]
    display = ScoresDisplay.from_frame(chosen).plot()
    display.figure_.draw_without_rendering()
    ax = display.ax_
    legend, area = ax.get_legend().get_window_extent(), ax.get_window_extent()
    assert not legend.overlaps(area)
    whole = display.figure_.bbox
    assert whole.x0 <= legend.x0 < legend.x1 <= whole.x1
    assert whole.y0 <= legend.y0 < legend.y1 <= whole.y1
    gap = np.diff(ax.transData.transform([(0, y[0]) for _, y, _ in drawn(ax).values()])[:, 1])
    assert np.all(np.abs(gap) * 72 / display.figure_.dpi > 6.5)


def test_axes_given_by_the_user(frame):
    figure, ax = plt.subplots()
    display = ScoresDisplay.from_frame(frame).plot(ax=ax)
    assert display.ax_ is ax
    assert plt.get_fignums() == [figure.number]


def test_missing_column_is_named(frame):
    with pytest.raises(ValueError, match=r"no column 'mean'.*Got 'target', 'model'"):
        ScoresDisplay.from_frame(frame.drop(columns="mean"))


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((["g"], ["a", "b"], [0.1, 0.2]), r"one length.*\(1,\), \(2,\), \(2,\), \(2,\)"),
        (([], [], []), "at least 1"),
        ((["g", "g"], ["a", "a"], [0.1, 0.2]), "'a' has more than one score on target 'g'"),
        ((["g"], ["a"], [np.inf]), "mean holds infinity"),
        ((["g"], ["a"], [0.1], [-1.0]), "standard_error holds infinity or a negative"),
    ],
)
def test_tables_that_are_refused(args, message):
    with pytest.raises(ValueError, match=message):
        ScoresDisplay(*args)
