import matplotlib.pyplot as plt
import numpy as np
import pytest

from skgenetics import MMASHRegressor
from skgenetics.inspection import TraitEffectsDisplay

EFFECT = np.array([[0.3, 0.1, 0.0], [-0.2, 0.0, 0.4]])
SD = np.full((2, 3), 0.05)
LFSR = np.array([[0.0, 0.04, 0.5], [0.0, 0.5, 0.0]])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_points_are_effects_and_open_ones_are_not_sure():
    display = TraitEffectsDisplay.from_predictions(EFFECT, SD, LFSR, trait_names=["a", "b", "c"])
    assert display.plot() is display
    points = [c for c in display.ax_.collections if hasattr(c, "get_sizes") and len(c.get_sizes())]
    drawn = [np.asarray(c.get_offsets()) for c in points if len(c.get_offsets())]
    np.testing.assert_allclose(drawn[0][:, 0], [0.3, 0.1])  # the first set, sure
    np.testing.assert_allclose(drawn[1][:, 0], [0.0])  # and not
    np.testing.assert_allclose(np.round(drawn[2][:, 1]), [2, 0])  # from the top: a, c
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["c", "b", "a"]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["set 1", "set 2"]
    display.figure_.draw_without_rendering()


def test_from_a_fit():
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, (300, 20)).astype(float)
    Y = 0.5 * X[:, [4]] + rng.normal(size=(300, 3))
    model = MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y)
    display = TraitEffectsDisplay.from_estimator(model).plot()
    assert list(display.set_names) == ["x4 (1)"]
    assert list(display.trait_names) == ["y0", "y1", "y2"]
    np.testing.assert_array_equal(display.effect[0], model.credible_sets_[0]["effect"])


def test_bad_input():
    with pytest.raises(ValueError, match="lfsr must have shape"):
        TraitEffectsDisplay(EFFECT, SD, LFSR[:1])
    with pytest.raises(ValueError, match="effect must have shape"):
        TraitEffectsDisplay([0.3], [0.1], [0.0])
    with pytest.raises(ValueError, match="effect holds NaN"):
        TraitEffectsDisplay(EFFECT * np.nan, SD, LFSR)
    with pytest.raises(ValueError, match="set_names must have shape"):
        TraitEffectsDisplay(EFFECT, SD, LFSR, set_names=["one"])
    X = np.random.default_rng(0).normal(size=(100, 5))
    Y = np.random.default_rng(1).normal(size=(100, 2))
    with pytest.raises(ValueError, match="solver='single_effects'"):
        TraitEffectsDisplay.from_estimator(MMASHRegressor(polygenic=0).fit(X, Y))
    null = MMASHRegressor(solver="single_effects", polygenic=0).fit(X, Y)
    with pytest.raises(ValueError, match="no credible set"):
        TraitEffectsDisplay.from_estimator(null)
