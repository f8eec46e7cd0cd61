"""L-BFGS as a generator."""

import itertools

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from skgenetics.utils._lbfgs import lbfgs


def test_lbfgs_finds_the_minimum_of_rosenbrock():
    def function(x):
        return rosen(x), rosen_der(x), None

    *_, state = lbfgs(function, np.array([-1.2, 1.0, 0.5]), tol=1e-12)
    assert state.converged
    np.testing.assert_allclose(state.x, 1, atol=1e-4)


def test_convergence_by_the_gradient_is_told_as_it_is():
    root = np.array([1.0, 10.0, 100.0])

    def quadratic(x):
        return float(x @ (root * x)), 2 * root * x, None

    *_, last = lbfgs(quadratic, np.ones(3), gradient_tol=1e-9)
    assert last.converged
    assert np.abs(last.gradient).max() <= 1e-9

    def kink(x):  # no derivative near its minimum is small
        return float(np.abs(x).sum()), np.sign(x + 1e-300), None

    *_, last = lbfgs(kink, np.array([0.3, -0.2]), gradient_tol=1e-3)
    assert last.stalled
    assert not last.converged
    assert last.value < 0.5


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_none_end_the_search(wrong):
    def broken(x):
        return (float(x @ x) if x[0] == 1 else np.nan), np.full(2, wrong), None

    with np.errstate(all="ignore"):
        iterates = list(itertools.islice(lbfgs(broken, np.ones(2), gradient_tol=1e-6), 5))
    assert len(iterates) == 1
    assert iterates[0].stalled
