"""Fan-out, callbacks and compiled kernels."""

import os
import signal

import numpy as np
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator
from threadpoolctl import threadpool_info

from skgenetics.utils._numba import kernel
from skgenetics.utils._parallel import run_parallel


def draw(estimator, unit, seed):
    return unit, float(np.random.default_rng(seed).normal()), get_config()["assume_finite"]


def blas_threads(estimator, unit, seed):
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


class Unpicklable(BaseEstimator):
    def __init__(self, function=None):
        self.function = function


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_order_seeds_and_configuration_do_not_depend_on_jobs(n_jobs):
    with config_context(assume_finite=True):
        results = list(run_parallel(draw, ["a", "b", "c"], n_jobs=n_jobs, random_state=0))
    assert [unit for unit, _, _ in results] == ["a", "b", "c"]
    assert all(finite for _, _, finite in results)
    draws = [value for _, value, _ in results]
    assert len(set(draws)) == 3
    np.testing.assert_array_equal(
        draws, [value for _, value, _ in run_parallel(draw, ["a", "b", "c"], random_state=0)]
    )
    other = [value for _, value, _ in run_parallel(draw, ["a", "b", "c"], random_state=1)]
    assert not set(other) & set(draws)


def test_several_jobs_run_on_one_blas_thread_each():
    for threads in run_parallel(blas_threads, [0, 1], n_jobs=2):
        assert set(threads) == {1}


def test_unpicklable_estimator_is_refused_before_any_work():
    with pytest.raises(TypeError, match=r"Unpicklable cannot be sent .* not lambdas"):
        run_parallel(draw, [1], estimator=Unpicklable(lambda x: x))


def end_process(estimator, unit, seed):
    """Return the unit and its seed; end the process as often as its folder says."""
    name, folder, n_deaths = unit
    tries = folder / f"{name}.tries"
    tried = len(tries.read_text()) if tries.exists() else 0
    tries.write_text("x" * (tried + 1))
    if tried < n_deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return name, seed


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_unit_whose_process_ended_is_tried_once_more(tmp_path):
    names = ["a", "b", "c", "d"]
    units = [(name, tmp_path, int(name == "b")) for name in names]
    options = {"random_state": 0, "names": names}
    with pytest.warns(UserWarning, match=r"ended \(SIGKILL\).* run .*b.*once more"):
        results = list(run_parallel(end_process, units, n_jobs=2, **options))
    assert results == list(run_parallel(end_process, units, **options))
    assert (tmp_path / "b.tries").read_text() == "xxx"


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_unit_whose_process_ends_twice_is_named(tmp_path):
    units = [(name, tmp_path, 9 * (name == "b")) for name in "abc"]
    options = {"n_jobs": 2, "random_state": 0, "names": list("abc")}

    def died(estimator, unit, message):
        return unit[0], message

    with pytest.warns(UserWarning, match="worker process ended"):
        results = list(run_parallel(end_process, units, died=died, **options))
    assert [name for name, _ in results] == ["a", "b", "c"]
    assert results[1][1] == "Its worker process ended twice (SIGKILL), as for lack of memory."
    assert (tmp_path / "b.tries").read_text() == "xx"
    with (
        pytest.warns(UserWarning, match="worker process ended"),
        pytest.raises(RuntimeError, match=r"^b: Its worker process ended twice"),
    ):
        list(run_parallel(end_process, units, **options))


@kernel
def total_of(values):
    total = 0.0
    for value in values:
        total += value
    return total


def test_kernels_take_read_only_arrays_and_keep_their_python():
    values = np.arange(4.0)
    values.flags.writeable = False
    assert total_of(values) == total_of.py_func(values) == 6
    assert total_of(values.astype(np.float32)) == 6


def test_kernels_compile_without_a_folder_to_cache_in(monkeypatch):
    import numba

    calls = []

    def njit(**options):
        calls.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(numba, "njit", njit)
    assert kernel(fastmath=("reassoc",))(lambda x: x + 1)(2) == 3
    plain = {"nogil": True, "fastmath": {"reassoc"}}
    assert calls == [{**plain, "cache": True}, plain]


@kernel
def add_total(values, result):
    for i in range(len(values)):
        result[i] = values[i] + total_of(values)


def test_kernels_call_kernels():
    import numba

    result = np.zeros(3)
    add_total(np.arange(3.0), result)
    np.testing.assert_array_equal(result, [3, 4, 5])
    # compiled code calls compiled code: Python takes no part
    called = numba.typeof(total_of)
    assert isinstance(called, numba.types.Dispatcher)
    assert called.dispatcher is total_of.compiled
    assert add_total.compiled.nopython_signatures
