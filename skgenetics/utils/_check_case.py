"""What checks of estimators are made of: a case to fit, comparisons, interrupts and a callback."""

import inspect
import sys
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import get_tags

from skgenetics.utils._arrays import to_numpy

METHODS = ("predict", "predict_proba", "transform")  # the first that an estimator has is compared


class Case:
    """An estimator, and data to fit it to.

    Attributes
    ----------
    X : array of shape (80, 8) of int64
        Dosages.
    y : array of shape (80,)
        Labels 0 and 1 for a classifier, else a trait.
    names : list of str
        Of the columns of X.
    """

    def __init__(self, estimator: Any, per_variant: Mapping[str, tuple[float, float]]) -> None:
        rng = np.random.default_rng(0)
        latent = rng.normal(size=(2, 80, 8)) + rng.normal(size=(2, 80, 1))
        self.X = np.sum(latent > rng.normal(size=8) / 2, axis=0)
        signal = self.X[:, 1] - self.X[:, 5] + rng.normal(size=80)
        self.y = (signal > 0).astype(np.int64) if is_classifier(estimator) else signal
        self.names = [f"rs{i}" for i in range(8)]
        self.estimator, self.per_variant = estimator, per_variant
        self.method = next((name for name in METHODS if hasattr(estimator, name)), "")
        self.tags = get_tags(estimator)

    def new(self, **parameters: Any) -> Any:
        """Return the estimator, not fitted and with a seed."""
        estimator = clone(self.estimator)
        if "random_state" in estimator.get_params(deep=False):
            estimator.set_params(random_state=0)
        return estimator.set_params(**parameters)

    def fit(self, X: Any, y: Any = None, *, estimator: Any = None, **arguments: Any) -> Any:
        """Return a fitted estimator; what it warns of is not this check's affair."""
        estimator = self.new() if estimator is None else estimator
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return estimator.fit(X, self.y if y is None else y, **arguments)

    def result(self, estimator: Any, X: Any) -> np.ndarray:
        """Return what a fitted estimator makes of X, on the host."""
        values = getattr(estimator, self.method)(X)
        values = values.toarray() if hasattr(values, "toarray") else values
        return np.asarray(to_numpy(values), dtype=float)

    def outcome(self, X: Any, y: Any = None, **arguments: Any) -> np.ndarray | Exception:
        """Return the result of a fit to X for X itself, or the error of the fit."""
        try:
            return self.result(self.fit(X, y, **arguments), X)
        except (ValueError, TypeError) as error:
            return error

    def wrong(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return X and y of another width that no fit accepts."""
        infinite = self.X[:, :5].astype(float)
        infinite[3, 2] = np.inf
        pairs = [(infinite, self.y)]
        if self.tags.target_tags.required:
            y = self.y.astype(float)
            y[3] = np.inf
            pairs += [(self.X[:, :5], self.y[:9]), (self.X[:, :5], y)]
        return pairs

    def frame(self, library: str, X: np.ndarray) -> Any:
        """Return X as a data frame; SkipTest without the library."""
        module = module_or_skip(library)
        columns = {name: np.ascontiguousarray(X[:, i]) for i, name in enumerate(self.names)}
        return module.table(columns) if library == "pyarrow" else module.DataFrame(columns)


class Watcher:
    """A callback that predicts by every estimator rebuilt for it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.results: list[np.ndarray] = []
        self.n_begun = self.n_ended = 0

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing to prepare."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Count the task."""
        self.n_begun += 1

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, fitted_estimator: Any = None
    ) -> None:
        """Predict as the estimator stands, and without a warning."""
        self.n_ended += 1
        if fitted_estimator is not None and X is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self.results.append(self.case.result(fitted_estimator, X))

    def teardown(self, estimator: Any, context: Any) -> None:
        """Nothing to put away."""


def assert_same(values: Any, expected: Any, what: str, *, coarse: bool = False) -> None:
    """Raise AssertionError unless values are `expected`, and finite where these are.

    `coarse` allows single precision: a thousandth of the spread of the expected values.
    """
    for outcome in (values, expected):
        assert not isinstance(outcome, Exception), f"{what}: {outcome!r}"
    values, expected = (np.asarray(to_numpy(array), dtype=float) for array in (values, expected))
    assert values.shape == expected.shape, f"{what}: shape {values.shape}, not {expected.shape}"
    scale = max(float(np.nanstd(expected)), 1e-300) if expected.size else 1.0
    np.testing.assert_allclose(
        values, expected, rtol=1e-6, atol=(1e-3 if coarse else 1e-7) * scale, err_msg=what
    )


def fail(case: Case, estimator: Any, X: Any, y: Any) -> bool:
    """Return whether a fit fails, as it should."""
    try:
        case.fit(X, y, estimator=estimator)
    except (ValueError, TypeError):
        return True
    return False


def package_of(estimator: Any) -> str:
    """Return the name of the package of an estimator's class."""
    return type(estimator).__module__.split(".")[0]


def calls_of(function: Callable[[], Any], package: str, *, stop_at: int | None = None) -> int:
    """Return how many functions of a package are called; at the call `stop_at`, interrupt it."""
    count, before = 0, sys.getprofile()

    def count_calls(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        if event != "call" or frame.f_code.co_flags & inspect.CO_GENERATOR:
            return  # a generator is called, too, when it is put away
        if frame.f_globals.get("__name__", "").split(".")[0] == package:
            count += 1
            if count == stop_at:
                sys.setprofile(before)
                raise KeyboardInterrupt

    sys.setprofile(count_calls)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def module_or_skip(name: str) -> Any:
    """Return a module, or raise SkipTest."""
    try:
        return import_module(name)
    except ImportError as error:
        raise SkipTest(f"{name} is not installed") from error
