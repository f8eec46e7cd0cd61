"""The command line: one parser, one subcommand per folder beside this file."""

import argparse
import contextlib
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import NoReturn

from skgenetics._version import __version__
from skgenetics.cli.check.command import add_parser as add_check
from skgenetics.cli.compare.command import add_parser as add_compare
from skgenetics.cli.console import BAD_INPUT, OK, SOME_FAILED, UNEXPECTED, close_output
from skgenetics.cli.finemap.command import add_parser as add_finemap
from skgenetics.cli.predict.command import add_parser as add_predict
from skgenetics.cli.twas.command import add_parser as add_twas
from skgenetics.cli.weights.command import add_parser as add_weights
from skgenetics.utils._errors import LostScheduler


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(BAD_INPUT, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(prog="skgenetics", description="Statistical genetics on the scikit-learn API.")
    parser.add_argument("--version", action="version", version=f"skgenetics {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command", required=True)
    add_compare(commands)
    add_finemap(commands)
    add_weights(commands)
    add_predict(commands)
    add_twas(commands)
    add_check(commands)
    return parser


class _Terminated(KeyboardInterrupt):
    """The process was told to end (SIGTERM)."""


@contextlib.contextmanager
def _cleaning_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, so that it removes what it has begun to write."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread
        return

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _plain_warnings(name: str) -> Iterator[None]:
    """Let warnings be sentences, without the line of the program that they come from."""

    def sentence(message: Warning | str, *_: object) -> str:
        return f"{name}: warning: {' '.join(str(message).split())}\n"

    before, warnings.formatwarning = warnings.formatwarning, sentence  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.formatwarning = before


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line, by default that of the process, and return its exit status."""
    try:
        arguments = build_parser().parse_args(words)
    except BrokenPipeError:  # as of --help | head
        close_output()
        return OK
    name = f"skgenetics {arguments.command}"
    try:
        with _cleaning_up_on_sigterm(), _plain_warnings(name):
            return arguments.run(arguments)
    except KeyboardInterrupt as error:
        ended = isinstance(error, _Terminated)
        status = 128 + (signal.SIGTERM if ended else signal.SIGINT)
        sentence = f"{'terminated' if ended else 'interrupted'}; {_kept(error)}"
    except LostScheduler as error:
        status, sentence = SOME_FAILED, f"error: {str(error).rstrip('.')}; {_kept(error)}"
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        if isinstance(error, (ValueError, OSError, ImportError)):
            status, sentence = BAD_INPUT, f"error: {_one_line(error)}"
            if hasattr(error, "__notes__"):
                sentence = f"{sentence.rstrip('.')}; {_kept(error)}"
        else:
            status = UNEXPECTED
            sentence = f"unexpected {type(error).__name__}: {_one_line(error)}"
            sentence += f" (--debug shows where; {_kept(error)[:-1]})"
    sys.stderr.write(f"{name}: {sentence}\n")
    return status


def _kept(error: BaseException) -> str:
    """Return what is left of work that ended early, as `parts.keeping` has noted it."""
    return "; ".join(getattr(error, "__notes__", ["nothing was written"])) + "."


def _one_line(error: Exception) -> str:
    """Return an exception's message on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return " ".join(str(error).split())
