"""Work on several machines: on the workers of a Dask cluster, or in the jobs of an array."""

import argparse
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from skgenetics.utils._optional import import_optional

_SECONDS_TO_CONNECT = 30

# where a client and the loop of its thread log what they could not finish
_TALKATIVE = ("distributed", "distributed.client", "tornado.application", "asyncio")


def add_scheduler(group: Any) -> None:
    """Add ``--scheduler`` to a group of arguments."""
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="work on the Dask cluster of this scheduler, such as tcp://10.0.0.1:8786, or of the "
        "scheduler that wrote this file; its workers read the same files",
    )


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Run what joblib runs in this context on the workers of a scheduler; None: here.

    The address is that of the scheduler or the name of the file that it wrote.
    """
    if address is None:
        yield
        return
    distributed = import_optional("distributed", extra="distributed")
    from joblib import parallel_config

    where = {"scheduler_file" if os.path.isfile(address) else "address": address}
    try:
        client = distributed.Client(**where, timeout=_SECONDS_TO_CONNECT, set_as_default=True)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"--scheduler {address}: no Dask scheduler answers there ({error}). Start one by "
            "'dask scheduler', and workers of one thread each by 'dask worker'."
        ) from error
    with _without_tracebacks(), client, parallel_config("dask"):
        client.register_plugin(_in_folder(os.getcwd()))
        yield


@contextlib.contextmanager
def _without_tracebacks() -> Iterator[None]:
    """Let Dask not print how it lost a scheduler or was interrupted: the command says it itself."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _in_folder(folder: str) -> Any:
    """Return a plugin by which workers, also later ones, find files by relative names."""
    diagnostics = import_optional("distributed.diagnostics.plugin", extra="distributed")

    class InFolder(diagnostics.WorkerPlugin):  # type: ignore[name-defined]
        def setup(self, worker: Any) -> None:
            os.chdir(folder)

    return InFolder()


class Chunk(NamedTuple):
    """One of several parts of the work."""

    number: int
    of: int

    def __str__(self) -> str:
        """As it was typed."""
        return f"{self.number}/{self.of}"

    def part(self, units: Sequence[Any]) -> list[Any]:
        """Return every so manieth of `units`, so that neighbors are in different parts."""
        return list(units[self.number - 1 :: self.of])


def chunk(text: str) -> Chunk:
    """Parse a part of the work, such as 3/22."""
    number, slash, of = text.partition("/")
    if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
        return Chunk(int(number), int(of))
    raise argparse.ArgumentTypeError(f"must be a part of how many, such as 3/22; got {text}")
