"""scikit-learn's callbacks around solvers that are generators."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

from sklearn.exceptions import ConvergenceWarning

from skgenetics.utils._text import count_of

UNFINISHED = "did not converge in {}. Increase max_iter, or tol."
STALLED = (
    "stalled after {}: no step improves the fit any more, though tol is not reached. Increase tol, "
    "or give X in double precision."
)


def run_solver(
    estimator: Any,
    iterations: Iterator[Any],
    *,
    max_iter: int,
    X: Any = None,
    y: Any = None,
    attributes: Callable[[Any], dict[str, Any]] | None = None,
    unfinished: str = UNFINISHED,
) -> tuple[Any, int]:
    """Run a generator solver under `estimator`'s callbacks and return its last state.

    Parameters
    ----------
    estimator : estimator with `sklearn.callback.CallbackSupportMixin`
        Its calling method is decorated by `sklearn.callback.with_callbacks`.
    iterations : iterator
        Yields the solver's state once an iteration. It ends when it has converged, which the
        state's attribute `converged` says, or no step helps any more: its attribute `stalled`.
    max_iter : int
        At most so many states are taken.
    X, y : array-like, optional
        Training data, handed to callbacks that ask for them: X as the user gave it, with the
        names that a rebuilt estimator expects.
    attributes : callable, optional
        Turns a state into the dict of fitted attributes that an estimator needs to predict, for
        callbacks that score while fitting.
    unfinished : str
        What the warning says of a solver that has used up its iterations, {} of them.

    Returns
    -------
    state : object
        The last state the solver yielded.
    n_iter : int
        How many it yielded.

    Notes
    -----
    A callback whose `on_fit_task_end` returns True stops the solver: early stopping. A solver that
    neither converged nor was stopped gives a ConvergenceWarning.
    """
    root = estimator._init_callback_context(max_subtasks=max_iter)
    root.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
    state: Any = None
    n_iter, stopped = 0, False
    while n_iter < max_iter and not stopped and not getattr(state, "converged", False):
        task = root.subcontext(task_name="iteration")
        task.call_on_fit_task_begin(estimator=estimator, X=X, y=y)
        try:
            state = next(iterations)
        except StopIteration:
            task.call_on_fit_task_end(estimator=estimator, X=X, y=y)
            break
        n_iter += 1
        stopped = task.call_on_fit_task_end(
            estimator=estimator,
            X=X,
            y=y,
            reconstruction_attributes=_later(attributes, state),
        )
    root.call_on_fit_task_end(
        estimator=estimator, X=X, y=y, reconstruction_attributes=_later(attributes, state)
    )
    if not (state.converged or stopped):
        sentence = STALLED if getattr(state, "stalled", False) else unfinished
        warnings.warn(
            f"{type(estimator).__name__} {sentence.format(count_of(n_iter, 'iteration'))}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return state, n_iter


def once_per_state(attributes: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """Return `attributes` that are made once of each state, which making them may use up.

    Callbacks ask for those of the last state twice, and the estimator takes them once more.
    """
    known: list[Any] = [None, {}]

    def of_state(state: Any) -> dict[str, Any]:
        if known[0] is not state:
            known[:] = state, attributes(state)
        return known[1]

    return of_state


def _later(attributes: Callable | None, state: Any) -> Callable[[], dict[str, Any]] | None:
    """Return a call without arguments, made only if a callback asks for the estimator."""
    return None if attributes is None else lambda: attributes(state)
