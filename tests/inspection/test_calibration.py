import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skgenetics.inspection import CalibrationDisplay

LOCI = [[0.05, 0.05, 0.95], [0.1, 0.9, 0.02, 0.5]]
CAUSAL = [[2], [1]]


class Mapper(BaseEstimator):
    def fit(self, pip):
        self.pip_ = np.array(pip)
        return self


class Shrinker(BaseEstimator):
    def fit(self, coef, lfsr):
        self.coef_, self.lfsr_ = np.array(coef), np.array(lfsr)
        return self


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def drawn(display, which=0):
    """Points and ends of the bars of one model."""
    points, _, (bars,) = display.ax_.containers[which]
    return np.column_stack(points.get_data()), np.array(bars.get_segments())


def test_points_are_bins_with_their_intervals():
    display = CalibrationDisplay.from_predictions(CAUSAL, LOCI, n_bins=2)
    assert display.plot() is display
    points, bars = drawn(display)
    # (0, .5] holds .05 .05 .1 .02 .5, none causal; (.5, 1] holds .95 and .9, both causal
    np.testing.assert_allclose(points, [[0.144, 0], [0.925, 1]], atol=1e-12)
    exact = [[0, 1 - 0.025 ** (1 / 5)], [0.025 ** (1 / 2), 1]]  # Clopper-Pearson at 0 and n
    np.testing.assert_allclose(bars[:, :, 1], exact, atol=1e-9)
    assert [text.get_text() for text in display.ax_.texts] == ["5", "2"]
    assert display.ax_.get_xlabel() == "Mean posterior inclusion probability"
    assert display.ax_.get_ylabel() == "Fraction of causal variants"
    diagonal = display.ax_.lines[0]
    np.testing.assert_array_equal(np.column_stack(diagonal.get_data()), [[0, 0], [1, 1]])
    assert display.ax_.get_legend() is None
    display.figure_.draw_without_rendering()


def test_estimators_give_their_pips():
    models = [Mapper().fit(pip) for pip in LOCI]
    several = CalibrationDisplay.from_estimator(models, CAUSAL, n_bins=2).plot()
    expected = CalibrationDisplay.from_predictions(CAUSAL, LOCI, n_bins=2).plot()
    np.testing.assert_array_equal(drawn(several)[0], drawn(expected)[0])
    assert [text.get_text() for text in several.ax_.get_legend().get_texts()] == ["Mapper"]
    one = CalibrationDisplay.from_estimator(models[0], np.array([False, False, True]), n_bins=1)
    assert one.counts.tolist() == [3]
    with pytest.raises(NotFittedError):
        CalibrationDisplay.from_estimator(Mapper(), [0])


def test_false_sign_rates():
    effects = [[0.3, -0.2, 0.0], [0.1, 0.0, -0.4]]
    coef = [[0.2, 0.1, 0.1], [0.3, -0.1, -0.5]]
    lfsr = [[0.1, 0.6, 0.8], [0.2, 0.9, 0.3]]
    display = CalibrationDisplay.from_predictions(effects, lfsr, kind="lfsr", coef=coef, n_bins=2)
    points, _ = drawn(display.plot())
    # .1 .2 .3 have the right sign; of .6 .8 .9 one is the other way round and two are 0
    np.testing.assert_allclose(points, [[0.2, 0], [2.3 / 3, 1]])
    assert display.ax_.get_xlabel() == "Mean local false sign rate"
    assert display.ax_.get_ylabel() == "Fraction of effects of the wrong sign"
    model = Shrinker().fit(coef, lfsr)
    for models, truth in ((model, effects), ([model], [effects])):
        other = CalibrationDisplay.from_estimator(models, truth, kind="lfsr", n_bins=2).plot()
        np.testing.assert_array_equal(drawn(other)[0], points)
        assert other.name == "Shrinker"
    with pytest.raises(NotFittedError):
        CalibrationDisplay.from_estimator(Mapper().fit([0.1]), [0.1], kind="lfsr")


def test_estimates_belong_to_false_sign_rates():
    with pytest.raises(ValueError, match="needs it; got kind='lfsr' without coef"):
        CalibrationDisplay.from_predictions([1.0], [0.1], kind="lfsr")
    with pytest.raises(ValueError, match="got kind='pip' with coef"):
        CalibrationDisplay.from_predictions([0], [0.1], coef=[1.0])
    with pytest.raises(ValueError, match="kind must be one of 'pip', 'lfsr'; got 'fdr'"):
        CalibrationDisplay.from_predictions([0], [0.1], kind="fdr")


def test_models_in_one_axes_differ_in_color_and_marker():
    figure, ax = plt.subplots()
    for name in ("first", "second"):
        display = CalibrationDisplay.from_predictions(CAUSAL, LOCI, name=name).plot(ax=ax)
        assert display.figure_ is figure
    first, second = (container[0] for container in ax.containers)
    assert to_hex(first.get_color()) != to_hex(second.get_color())
    assert first.get_marker() != second.get_marker()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]
    assert [text.get_text() for text in ax.texts] == ["4", "1", "1", "1"]
    assert sum(line.get_linestyle() == "--" for line in ax.lines) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lower": [0.1, 0.2]}, r"one length, at least 1; got shapes \(1,\), \(1,\), \(2,\)"),
        ({"predicted": [1.2]}, r"must lie in \[0, 1\]"),
        ({"upper": [np.nan]}, r"must lie in \[0, 1\]"),
    ],
)
def test_columns_that_do_not_fit_together(change, message):
    given = {"predicted": [0.5], "realized": [0.5], "lower": [0.4], "upper": [0.6]}
    with pytest.raises(ValueError, match=message):
        CalibrationDisplay(**(given | {"counts": [9]} | change))
