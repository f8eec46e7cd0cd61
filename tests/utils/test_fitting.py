"""What is left of an estimator whose fit fails, beyond what `check_estimator` sees."""

import pickle

import numpy as np
import pytest

from skgenetics import FinemapMiXeR, LINARegressor, MMASHRegressor
from skgenetics.utils._fitting import FitKept, all_or_nothing


class Fits:
    """Sets attributes, then raises what it is told to."""

    def __init__(self):
        self.before_ = 1

    @all_or_nothing
    def fit(self, error):
        self.before_, self.new_ = 2, 3
        del self.before_
        raise error


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit()])
def test_attributes_are_put_back(error):
    estimator = Fits()
    with pytest.raises(type(error)):
        estimator.fit(error)
    assert vars(estimator) == {"before_": 1}


def test_what_a_fit_has_reached_may_stay():
    estimator = Fits()
    with pytest.raises(FitKept, match="diverged"):
        estimator.fit(FitKept("it diverged"))
    assert vars(estimator) == {"new_": 3}


@pytest.mark.parametrize("cls", [FinemapMiXeR, MMASHRegressor])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_failed_fit_to_summary_statistics(cls, fitted):
    model = cls()
    if fitted:
        model.fit_summary([6.0, 1.0, 0.0], np.eye(3), n_samples=1000)
    before = pickle.dumps(model)
    wrong = np.eye(2)
    wrong[0, 1] = np.nan
    for arguments in (
        {"z": [6.0, 1.0], "ld": wrong, "n_samples": 1000},
        {"z": [6.0, 1.0], "ld": np.eye(2), "n_samples": -1},
        {"z": [6.0, 1.0], "ld": np.eye(3), "n_samples": 1000},
    ):
        with pytest.raises(ValueError, match=r"ld|n_samples"):
            model.fit_summary(**arguments)
        assert pickle.dumps(model) == before


def test_a_failed_call_of_partial_fit_changes_nothing_that_follows():
    rng = np.random.default_rng(0)
    X, settings = rng.integers(0, 3, (60, 5)).astype(float), {"random_state": 0, "batch_size": 10}
    y = X[:, 1] + rng.normal(size=60)
    straight, disturbed = LINARegressor(4, **settings), LINARegressor(4, **settings)
    for step in range(3):
        straight.partial_fit(X, y)
        disturbed.partial_fit(X, y)
        disturbed.set_params(learning_rate_init=1e100)
        with pytest.raises(ValueError, match="diverged"):
            disturbed.partial_fit(X, y)
        with pytest.raises(ValueError, match="expecting 5 features"):
            disturbed.partial_fit(X[:, :4], y)
        disturbed.set_params(learning_rate_init=straight.learning_rate_init)
        np.testing.assert_array_equal(disturbed.predict(X), straight.predict(X), str(step))


def test_warnings_point_at_the_line_that_fits():
    X = np.random.default_rng(0).integers(0, 3, (40, 5)).astype(float)
    Y = np.column_stack([X[:, 0], np.full(40, np.nan)])
    with pytest.warns(UserWarning, match="No cell of y's column 1") as caught:
        MMASHRegressor(polygenic=0).fit(X, Y)
    assert caught[0].filename == __file__
