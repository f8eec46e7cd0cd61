"""Fan-out over independent units (genes, loci, chains)."""

import pickle
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from skgenetics.utils._errors import LostScheduler
from skgenetics.utils._text import first_names


def run_parallel(
    function: Callable,
    units: Sequence,
    *,
    estimator: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    names: Sequence[str] | None = None,
    died: Callable[[Any, Any, str], Any] | None = None,
) -> Iterator[Any]:
    """Yield ``function(estimator, unit, seed)`` for every unit, in the order of `units`.

    Parameters
    ----------
    function : callable
        Module-level function of an estimator (or None), a unit and an integer seed.
    units : sequence
        Small descriptions: a worker opens its own reader. Never device arrays.
    estimator : estimator, optional
        Pickled once beforehand, since one that cannot be pickled hangs some backends.
    n_jobs : int or None
        As in joblib. With more than one job each unit runs on one BLAS thread.
    random_state : int, RandomState instance or None
        Source of the seeds, one per unit: results do not depend on `n_jobs`.
    names : sequence of str, optional
        Of the units. The seed of a unit then follows from its name, whatever units are beside it;
        else from its place.
    died : callable, optional
        ``died(estimator, unit, message)`` is the result of a unit whose process ended twice. By
        default that raises.

    Yields
    ------
    result : object
        What `function` returned.

    Raises
    ------
    TypeError
        If `function` or `estimator` cannot be pickled.
    RuntimeError
        If the process of a unit ended twice, unless there is `died`.

    Warns
    -----
    UserWarning
        If a worker process ended, as for lack of memory. The units that it may have had are tried
        once more, one at a time.
    """
    try:
        pickle.dumps((function, estimator))
    except Exception as error:
        raise TypeError(
            f"{type(estimator).__name__} cannot be sent to worker processes, since pickling it "
            f"failed: {error}. Use functions defined in a module, not lambdas, as its parameters."
        ) from error
    entropy = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    keys = range(len(units)) if names is None else [list(name.encode()) for name in names]
    seeds = [seed_of(entropy, key) for key in keys]
    n_at_once = effective_n_jobs(n_jobs)
    n_threads = 1 if n_at_once > 1 else None

    def call(place: int) -> tuple:
        return function, estimator, units[place], seeds[place], n_threads

    def start(places: Iterable[int]) -> Iterator[Any]:
        return Parallel(n_jobs=n_jobs, return_as="generator")(
            delayed(_run_unit)(*call(place)) for place in places
        )

    def result_of_dead(place: int, error: Exception) -> Any:
        message = f"Its worker process ended twice{_exit_codes(error)}, as for lack of memory."
        if died is not None:
            return died(estimator, units[place], message)
        raise RuntimeError(f"{_names_of(names, [place])}: {message}") from error

    backend, _ = get_active_backend()
    if hasattr(backend, "client"):
        return _on_cluster(backend.client, call, len(units), 2 * n_at_once, names, result_of_dead)
    first = start(range(len(units)))
    return _retried(first, start, len(units), 2 * n_at_once, names, result_of_dead)


def _retried(
    results: Iterator[Any],
    start: Callable[[Iterable[int]], Iterator[Any]],
    n_units: int,
    n_sent: int,
    names: Sequence[str] | None,
    result_of_dead: Callable[[int, Exception], Any],
) -> Iterator[Any]:
    """Yield results; where a worker process ends, start the units that were sent again, each alone.

    Which of them it had is not known: joblib sends `n_sent` ahead, and all processes end with one.
    """
    done = 0
    while True:
        try:
            for result in results:
                yield result
                done += 1
            return
        except BrokenExecutor as error:
            again = range(done, min(done + n_sent, n_units))
            _say_that_it_ended(error, names, again)
        for place in again:
            try:
                (result,) = start([place])
            except BrokenExecutor as error:
                result = result_of_dead(place, error)
            yield result
            done += 1
        results = start(range(done, n_units))


def _on_cluster(
    client: Any,
    call: Callable[[int], tuple],
    n_units: int,
    n_sent: int,
    names: Sequence[str] | None,
    result_of_dead: Callable[[int, Exception], Any],
) -> Iterator[Any]:
    """Yield results from the workers of a Dask cluster, `n_sent` units sent ahead.

    Dask gives a unit whose worker ended to others, and gives up after some of them; it also counts
    against a unit what another one did to its worker. joblib would wait for such a unit forever.
    """
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    def send(place: int) -> Any:
        return client.submit(_run_configured, get_config(), *call(place), pure=False)

    try:
        sent = deque(send(place) for place in range(min(n_sent, n_units)))
        for place in range(n_units):
            try:
                result = sent[0].result()
            except KilledWorker as error:
                _say_that_it_ended(error, names, [place])
                try:
                    result = send(place).result()
                except KilledWorker as again:
                    result = result_of_dead(place, again)
            sent.popleft()
            if place + n_sent < n_units:
                sent.append(send(place + n_sent))
            yield result
    except (CancelledError, CommClosedError) as error:
        raise LostScheduler("The connection to the Dask scheduler was lost.") from error


def _say_that_it_ended(
    error: Exception, names: Sequence[str] | None, places: Sequence[int]
) -> None:
    """Warn that a worker process ended, which may have had some of the units."""
    had = _names_of(names, places)
    had = f"ran {had}. It" if len(places) == 1 else f"may have run {had}. Each"
    warnings.warn(
        f"A worker process ended{_exit_codes(error)}, as for lack of memory, which {had} is tried "
        "once more.",
        stacklevel=3,
    )


def _exit_codes(error: Exception) -> str:
    """Return how processes ended, such as " (SIGKILL)", if the error says so."""
    codes = re.findall(r"[A-Z]+(?=\(-\d+\))", str(error))
    return f" ({', '.join(sorted(set(codes)))})" if codes else ""


def _names_of(names: Sequence[str] | None, places: Sequence[int]) -> str:
    """Return units in words."""
    return first_names([f"unit {place + 1}" if names is None else names[place] for place in places])


def seed_of(entropy: int, key: int | Sequence[int]) -> int:
    """Return the seed of the unit `key`, its place or the bytes of its name."""
    spawn_key = (key,) if isinstance(key, int) else (len(key), *key)
    return int(np.random.SeedSequence(entropy, spawn_key=spawn_key).generate_state(1)[0])


def _run_configured(config: dict[str, Any], *arguments: Any) -> Any:
    """Run one unit under a configuration of scikit-learn."""
    with config_context(**config):
        return _run_unit(*arguments)


def _run_unit(
    function: Callable, estimator: Any, unit: Any, seed: int, n_threads: int | None
) -> Any:
    """Run one unit on `n_threads` BLAS threads (None: as many as there are)."""
    if n_threads is None:
        return function(estimator, unit, seed)
    with threadpool_limits(n_threads):  # which looks for the libraries, for some milliseconds
        return function(estimator, unit, seed)
