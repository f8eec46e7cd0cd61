"""Fan-out over independent units (genes, loci, chains)."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits


def run_parallel(
    function: Callable,
    units: Sequence,
    *,
    estimator: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    names: Sequence[str] | None = None,
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

    Yields
    ------
    result : object
        What `function` returned.
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
    n_threads = 1 if effective_n_jobs(n_jobs) > 1 else None
    return Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_run_unit)(function, estimator, unit, seed, n_threads)
        for unit, seed in zip(units, seeds, strict=True)
    )


def seed_of(entropy: int, key: int | Sequence[int]) -> int:
    """Return the seed of the unit `key`, its place or the bytes of its name."""
    spawn_key = (key,) if isinstance(key, int) else (len(key), *key)
    return int(np.random.SeedSequence(entropy, spawn_key=spawn_key).generate_state(1)[0])


def _run_unit(
    function: Callable, estimator: Any, unit: Any, seed: int, n_threads: int | None
) -> Any:
    """Run one unit on `n_threads` BLAS threads (None: as many as there are)."""
    if n_threads is None:
        return function(estimator, unit, seed)
    with threadpool_limits(n_threads):  # which looks for the libraries, for some milliseconds
        return function(estimator, unit, seed)
