import matplotlib.pyplot as plt
import numpy as np
import pytest

from skgenetics import MILAGERegressor
from skgenetics.inspection import StrengthPathDisplay
from tests.expression.models import FIXED


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_a_line_per_number_of_factors_and_the_best_point():
    n_components, strength = [0, 1, 1, 2, 2], [0.4, 0.1, 0.2, 0.2, 0.1]
    display = StrengthPathDisplay(n_components, strength, [0.05, 0.06, 0.08, 0.07, np.nan]).plot()
    dashed, one, two, best = display.ax_.lines
    assert set(dashed.get_ydata()) == {0.05}
    np.testing.assert_array_equal(one.get_xdata(), [0.1, 0.2])
    np.testing.assert_array_equal(one.get_ydata(), [0.06, 0.08])
    assert (one.get_label(), two.get_label()) == ("1 factor", "2 factors")
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (0.2, 0.08)
    assert display.ax_.get_xscale() == "log"


def test_it_is_made_from_a_model_that_chose(made_small):
    X, y = made_small
    model = MILAGERegressor(random_state=0).fit(X, y)
    display = StrengthPathDisplay.from_estimator(model)
    path = model.strength_path_
    assert display.score.max() == np.nanmax([path["score"], path["polygenic_score"]])
    display.plot().figure_.draw_without_rendering()
    fixed = MILAGERegressor(1, **FIXED).fit(X, y)
    with pytest.raises(ValueError, match="strength_path_"):
        StrengthPathDisplay.from_estimator(fixed)


@pytest.fixture
def made_small():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(60, 12), dtype=np.int8)
    return X, X[:, :1] * rng.normal(size=5) + rng.normal(size=(60, 5))


def test_points_that_do_not_belong_together_raise():
    with pytest.raises(ValueError, match="one entry per point"):
        StrengthPathDisplay([0, 1], [0.1], [0.2, 0.3])
    with pytest.raises(ValueError, match="no finite value"):
        StrengthPathDisplay([0], [0.1], [np.nan])
