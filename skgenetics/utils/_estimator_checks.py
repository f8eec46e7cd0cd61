"""Checks of estimators of genotypes, beside scikit-learn's own: that nothing is misread in silence.

A check is a function of a `Case`. It raises AssertionError if the estimator fails it, and SkipTest
if it does not apply, or what it needs is not installed.
"""

import copy
import inspect
import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._check_case import (
    METHODS,
    Case,
    Watcher,
    assert_same,
    calls_of,
    fail,
    module_or_skip,
    package_of,
)
from skgenetics.utils._estimator import to_host

LIBRARIES = ("pandas", "polars", "pyarrow")
DTYPES = ("int8", "uint8", "int16", "int64", "float16", "float32", "longdouble")
CODES = (("int8", -9), ("int8", -1), ("int64", -9), ("float64", -9.0), ("uint8", 255), ("int16", 9))
INTERRUPTED = (0.1, 0.4, 0.7, 0.95)  # of the calls of a fit


def check_estimator(
    estimator: Any, *, per_variant: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, str]:
    """Check that an estimator of genotypes misreads nothing in silence.

    To run beside :func:`sklearn.utils.estimator_checks.check_estimator`, on an estimator whose X
    are dosages (n_samples, n_variants). It must compute the same from the same genotypes in any
    dtype and data frame, refuse codes for missing calls, survive fits that fail, and follow names,
    weights, callbacks and devices. The guide :doc:`/development/check_estimator` lists all checks.

    Parameters
    ----------
    estimator : estimator
        A regressor, classifier or transformer, with settings that make it fast. It stays as it is.
    per_variant : dict of str to (low, high), optional
        Parameters that take a value per variant, and the range of their values: these are given
        with labels in another order than the columns of X, and must follow them.

    Returns
    -------
    outcome : dict of str to str
        Of each check "passed", or "skipped" and why.

    Raises
    ------
    AssertionError
        Of the first check that fails.

    See Also
    --------
    estimator_checks : The checks one by one, for a parametrized test.

    Examples
    --------
    >>> from skgenetics.preprocessing import GenotypeScaler
    >>> from skgenetics.utils import check_estimator
    >>> check_estimator(GenotypeScaler())["check_dtypes"]
    'passed'
    """
    outcome = {}
    for name, check in estimator_checks(estimator, per_variant=per_variant):
        try:
            check()
            outcome[name] = "passed"
        except SkipTest as reason:
            outcome[name] = f"skipped: {reason}"
    return outcome


def estimator_checks(
    estimator: Any, *, per_variant: Mapping[str, tuple[float, float]] | None = None
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of :func:`check_estimator`, to be called one by one.

    Parameters
    ----------
    estimator : estimator
    per_variant : dict of str to (low, high), optional
        As in :func:`check_estimator`.

    Yields
    ------
    name : str
    check : callable without arguments
        Raises AssertionError if the estimator fails, :class:`unittest.SkipTest` if the check does
        not apply.

    Examples
    --------
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.utils import estimator_checks
    >>> checks = dict(estimator_checks(FinemapMiXeR()))
    >>> checks["check_frames"]()
    """
    case = Case(estimator, per_variant or {})
    for check in CHECKS:
        yield check.__name__, partial(check, case)


def check_dtypes(case: Case) -> None:
    """Require the same results of the same dosages, in any dtype that holds them."""
    expected = case.outcome(case.X.astype(np.float64))
    assert not isinstance(expected, Exception), f"float64 dosages are refused: {expected}"
    for dtype in DTYPES:
        assert_same(
            case.outcome(case.X.astype(dtype)), expected, f"dosages of {dtype}", coarse=True
        )


def check_frames(case: Case) -> None:
    """Require of data frames of any library the results of their array, and their names."""
    installed = 0
    for library in LIBRARIES:
        try:
            frame = case.frame(library, case.X)
        except SkipTest:
            continue
        installed += 1
        model = case.fit(frame)
        assert list(getattr(model, "feature_names_in_", [])) == case.names, (
            f"feature_names_in_ are not the columns of a frame of {library}"
        )
        assert_same(case.result(model, frame), case.outcome(case.X), f"a frame of {library}")
        turned = (
            case.frame(library, case.X).select(case.names[::-1])
            if library != "pandas"
            else (frame[case.names[::-1]])
        )
        try:
            other = case.result(model, turned)
        except ValueError:
            continue
        expected = case.result(model, frame)
        expected = expected if other.shape == expected.shape else np.array([])
        assert_same(other, expected, f"a frame of {library} with columns in another order")
    if not installed:
        raise SkipTest("no library of data frames is installed")


def check_missing_codes(case: Case) -> None:
    """Require that codes for missing calls are refused by name, or taken as missing."""
    for dtype, code in CODES:
        for library in (None, *LIBRARIES):
            coded = case.X.astype(dtype)
            coded[3, 2] = code
            missing = case.X.astype(float)
            missing[3, 2] = np.nan
            try:
                given = coded if library is None else case.frame(library, coded)
            except SkipTest:
                continue
            outcome = case.outcome(given)
            where = f"{code} in {'an array' if library is None else library} of {dtype}"
            if isinstance(outcome, Exception):
                assert f"{code:g}" in str(outcome), f"{where} is not named: {outcome}"
            elif hasattr(case.estimator, "get_support"):  # which hands the codes on
                kept, expected = (case.fit(X).get_support() for X in (given, missing))
                assert np.array_equal(kept, expected), f"{where} counts as a dosage"
            else:
                assert_same(outcome, case.outcome(missing), where)


def check_missing_targets(case: Case) -> None:
    """Require that NaN in y is refused or gives no NaN, and that infinity is refused."""
    if not (is_regressor(case.estimator) or is_classifier(case.estimator)):
        raise SkipTest("the estimator has no targets")
    y = case.y.astype(float)
    targets = [np.where(np.arange(80) == 7, value, y) for value in (np.inf, np.nan)]
    targets.append(np.full(80, np.nan))
    if case.tags.target_tags.multi_output or case.tags.classifier_tags is not None:
        Y = np.column_stack([y, y[::-1]])
        Y[::3, 1] = np.nan
        targets += [Y, np.column_stack([y, np.full(80, np.nan)])]
    for target in targets:
        outcome = case.outcome(case.X, target)
        if isinstance(outcome, Exception):
            assert "y" in str(outcome), f"a message about y does not name it: {outcome}"
            continue
        assert not np.isinf(target).any(), "infinity in y is accepted"
        assert not np.isnan(target).all(), "a y of NaN alone is accepted"
        assert np.all(np.isfinite(outcome)), "predictions are NaN where y is"


def check_constant_variants(case: Case) -> None:
    """Require numbers, or one ValueError, of variants that do not vary, and of them alone."""
    for X in (np.where(np.arange(8) < 3, 1, case.X), np.ones_like(case.X)):
        outcome = case.outcome(X)
        if isinstance(outcome, Exception):
            assert isinstance(outcome, ValueError), f"constant variants: {outcome!r}"
        else:
            assert np.all(np.isfinite(outcome)), "constant variants give NaN"


def check_not_fitted(case: Case) -> None:
    """Require NotFittedError of an estimator that was not fitted, or whose fit failed."""
    failed = case.new()
    assert fail(case, failed, *case.wrong()[0]), "X with infinity is accepted"
    for estimator in (case.new(), failed):
        for method in (*METHODS, "score"):
            if not hasattr(estimator, method):
                continue
            arguments = (case.X, case.y) if method == "score" else (case.X,)
            try:
                getattr(estimator, method)(*arguments)
            except NotFittedError:
                continue
            except Exception as error:
                raise AssertionError(f"{method} before fit raises {error!r}") from error
            raise AssertionError(f"{method} works before fit")


def check_failed_fits(case: Case) -> None:
    """Require that a fit that fails or is interrupted leaves the estimator as it was."""
    X, y = case.X, case.y
    n_calls = calls_of(lambda: case.fit(X), package_of(case.estimator))
    for fitted in (False, True):
        estimator = case.fit(X) if fitted else case.new()
        before = pickle.dumps(estimator)
        for wrong_X, wrong_y in case.wrong():
            assert fail(case, estimator, wrong_X, wrong_y), "wrong data are accepted"
            assert pickle.dumps(estimator) == before, "a failed fit changes the estimator"
        for share in INTERRUPTED:
            interrupted = partial(case.fit, X[:60, :5], y[:60], estimator=estimator)
            try:
                calls_of(interrupted, package_of(estimator), stop_at=max(1, int(share * n_calls)))
            except KeyboardInterrupt:
                assert pickle.dumps(estimator) == before, "an interrupt changes the estimator"
            else:  # a fit of fewer calls: begin again
                estimator = case.fit(X) if fitted else case.new()
                before = pickle.dumps(estimator)


def check_callbacks(case: Case) -> None:
    """Require that callbacks can predict by the estimator rebuilt for them as it is fitted."""
    if not hasattr(case.estimator, "set_callbacks"):
        raise SkipTest("the estimator takes no callbacks")
    inputs = [case.X]
    for library in LIBRARIES:
        try:
            inputs.append(case.frame(library, case.X))
        except SkipTest:
            continue
    for X in inputs:
        watcher = Watcher(case)
        model = case.fit(X, estimator=case.new().set_callbacks(watcher))
        assert watcher.results, "no callback was shown a rebuilt estimator"
        assert watcher.n_begun == watcher.n_ended, "tasks begin and do not end, or the reverse"
        for result in watcher.results:
            assert_same(result, result, "predictions while fitting")
        assert watcher.results[-1].shape == case.result(model, X).shape


def check_labels(case: Case) -> None:
    """Require that values per variant follow their labels, in any order, or are refused."""
    pandas = module_or_skip("pandas")
    summary = hasattr(case.estimator, "fit_summary") and not is_classifier(case.estimator)
    if not (case.per_variant or summary):
        raise SkipTest("nothing is given per variant; or name it in per_variant")
    frame, order = case.frame("pandas", case.X), [3, 1, 7, 0, 2, 6, 5, 4]
    for parameter, (low, high) in case.per_variant.items():
        values = pandas.Series(np.linspace(low, high, 8), case.names)
        straight = case.fit(frame, estimator=case.new(**{parameter: values.to_numpy()}))
        turned = case.fit(frame, estimator=case.new(**{parameter: values.iloc[order]}))
        expected = case.result(straight, frame)
        assert_same(case.result(turned, frame), expected, f"{parameter} in another order")
        unknown = case.new(**{parameter: values.rename({"rs3": "other"})})
        assert fail(case, unknown, frame, case.y), f"{parameter} with unknown labels is accepted"
    if summary:
        z = pandas.Series([80**0.5 * np.corrcoef(x, case.y)[0, 1] for x in case.X.T], case.names)
        ld = pandas.DataFrame(np.corrcoef(case.X.T), case.names, case.names)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            straight, *others = (
                case.new().fit_summary(z, R, n_samples=80).coef_
                for R in (ld.to_numpy(), ld.iloc[order, order], ld.iloc[order])
            )
        for coef in others:
            assert_same(coef, straight, "ld in another order than z")


def check_routing(case: Case) -> None:
    """Require the weights that a pipeline hands on under metadata routing."""
    if "sample_weight" not in inspect.signature(case.estimator.fit).parameters:
        raise SkipTest("fit takes no sample_weight")
    weight = np.random.default_rng(1).integers(1, 5, 80).astype(float)
    expected = case.outcome(case.X, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        model = case.new().set_fit_request(sample_weight=True)
        for part in model.get_params().values():  # of an estimator around others
            if hasattr(part, "set_fit_request"):
                part.set_fit_request(sample_weight=True)
        pipeline = Pipeline([("nothing", "passthrough"), ("model", model)])
        fitted = case.fit(case.X, estimator=pipeline, sample_weight=weight)
        assert_same(case.result(fitted, case.X), expected, "weights through a pipeline")


def check_devices(case: Case) -> None:
    """Require that a model fitted on another device predicts there, and on the host if moved."""
    if not case.tags.array_api_support or os.environ.get("SCIPY_ARRAY_API") != "1":
        raise SkipTest("the array API is not supported, or SCIPY_ARRAY_API is not 1")
    xp = module_or_skip("array_api_strict")
    device = xp.Device("device1")
    X = case.X.astype(float)
    expected = case.outcome(X)
    with config_context(array_api_dispatch=True):
        X_there, y_there = xp.asarray(X, device=device), xp.asarray(case.y, device=device)
        model = case.fit(X_there, y_there)
        there = getattr(model, case.method)(X_there)
        assert there.device == device, "results leave the device of X"
        assert_same(to_numpy(there), expected, "another device", coarse=True)
    moved = to_host(model)
    assert_same(case.result(moved, X), to_numpy(there), "a model moved to the host", coarse=True)


def check_masked_arrays(case: Case) -> None:
    """Require that masked cells are refused, or taken as missing, and never read."""
    masked = np.ma.masked_array(np.where(np.arange(8) == 2, 7, case.X), mask=False)
    masked[3, 2] = np.ma.masked
    missing = np.where(np.arange(8) == 2, 7.0, case.X)
    missing[3, 2] = np.nan
    outcome, expected = case.outcome(masked), case.outcome(missing)
    if isinstance(outcome, Exception):
        assert isinstance(outcome, ValueError), f"a masked array: {outcome!r}"
    else:
        assert_same(outcome, expected, "a masked array", coarse=True)


def check_gradients(case: Case) -> None:
    """Require of tensors that carry gradients what their numbers give, in every method."""
    torch = module_or_skip("torch")
    expected = case.outcome(case.X.astype(float))
    y = torch.tensor(case.y)
    y = y.requires_grad_() if y.is_floating_point() else y
    X = torch.tensor(case.X, dtype=torch.float64, requires_grad=True)
    on = case.tags.array_api_support and os.environ.get("SCIPY_ARRAY_API") == "1"
    for dispatch in (False, True)[: 1 + on]:
        with config_context(array_api_dispatch=dispatch):
            model = case.fit(X, y)
            result = getattr(model, case.method)(X)
            assert not getattr(result, "requires_grad", False), "results carry gradients"
            assert_same(to_numpy(result), expected, "tensors with gradients", coarse=True)
            if hasattr(model, "score"):
                assert np.isfinite(float(model.score(X, y))), "the score is no number"
            pickle.dumps(copy.deepcopy(model))  # tensors that carry gradients cannot be copied


def check_output_frames(case: Case) -> None:
    """Require of transformers data frames of the library that is asked for, of any input."""
    if not (hasattr(case.estimator, "transform") and hasattr(case.estimator, "set_output")):
        raise SkipTest("the estimator is no transformer with set_output")
    expected = case.fit(case.X).transform(case.X)
    for library in ("pandas", "polars"):
        for source in (None, *LIBRARIES):
            try:
                module = module_or_skip(library)
                X = case.X if source is None else case.frame(source, case.X)
            except SkipTest:
                continue
            model = case.fit(X, estimator=case.new().set_output(transform=library))
            transformed = model.transform(X)
            assert isinstance(transformed, module.DataFrame), f"{source} does not give {library}"
            assert_same(transformed.to_numpy(), expected, f"{library} of {source}")


CHECKS: tuple[Callable[[Case], None], ...] = (
    check_dtypes,
    check_frames,
    check_missing_codes,
    check_missing_targets,
    check_constant_variants,
    check_not_fitted,
    check_failed_fits,
    check_callbacks,
    check_labels,
    check_routing,
    check_devices,
    check_masked_arrays,
    check_gradients,
    check_output_frames,
)
