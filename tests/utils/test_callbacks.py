"""What a solver that ends without having converged is said to have done."""

import warnings
from typing import NamedTuple

import pytest
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning

from skgenetics.utils._callbacks import run_solver


class State(NamedTuple):
    converged: bool
    stalled: bool = False


class Solved(CallbackSupportMixin, BaseEstimator):
    """Runs a solver of given states."""

    @with_callbacks
    def fit(self, states, **options):
        self.state_, self.n_iter_ = run_solver(self, iter(states), **options)
        return self


@pytest.mark.parametrize(
    ("states", "options", "message"),
    [
        ([State(False)], {"max_iter": 1}, "did not converge in 1 iteration. Increase max_iter"),
        ([State(False)] * 9, {"max_iter": 3}, "did not converge in 3 iterations. Increase max_"),
        ([State(False), State(False, True)], {"max_iter": 9}, "stalled after 2 iterations: "),
        ([State(False), State(False, True)], {"max_iter": 2}, "stalled after 2 iterations: "),
        ([State(False)], {"max_iter": 1, "unfinished": "took {} of draws"}, "took 1 iteration of"),
    ],
)
def test_the_reason_is_named(states, options, message):
    with pytest.warns(ConvergenceWarning, match=f"^Solved {message}"):
        Solved().fit(states, **options)


def test_a_solver_that_has_converged_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = Solved().fit([State(False), State(True), State(False)], max_iter=9)
    assert model.n_iter_ == 2
