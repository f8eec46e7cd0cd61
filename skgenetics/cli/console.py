"""What every command prints and understands: lines, progress, exit codes, types of arguments."""

import argparse
import contextlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from skgenetics._version import __version__

SILENCE = 30.0  # seconds without a line on standard error, at most
OK, BAD_INPUT, SOME_FAILED, UNEXPECTED = 0, 2, 3, 1


class Console:
    """Prints lines and remembers them for the log."""

    def __init__(self, command: str) -> None:
        self.lines: list[str] = []
        self.say(f"skgenetics {command} {__version__}")

    def say(self, *lines: str) -> None:
        """Print lines."""
        self.lines += lines
        try:
            sys.stdout.write("".join(line + "\n" for line in lines))
            sys.stdout.flush()
        except BrokenPipeError:  # as of | head: the work and its log go on
            close_output()

    def say_failures(self, *lines: str) -> None:
        """Print lines to the standard error."""
        self.lines += lines
        sys.stderr.writelines(line + "\n" for line in lines)

    def write_log(self, path: Path) -> None:
        """Write what was printed."""
        from skgenetics.io import atomic_path

        with atomic_path(path) as temporary:
            temporary.write_text("\n".join(self.lines) + "\n", encoding="utf-8")


def close_output() -> None:
    """Let nothing be printed any more, because nobody reads it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def progress(
    n_units: int, noun: str = "fits", kinds: Sequence[str] | None = None
) -> Iterator[Callable[[str], None]]:
    """Give a function to call with the name of each finished unit of work.

    A bar on a terminal if rich is installed, otherwise a line whenever the name changes, and one
    after `SILENCE` seconds without any. `kinds` are those of the units, in their order: a unit
    takes as long as others of its kind did.
    """
    if sys.stderr.isatty() and importlib.util.find_spec("rich"):
        from rich.console import Console as RichConsole
        from rich.progress import Progress

        with Progress(console=RichConsole(stderr=True), transient=True) as bar:
            task = bar.add_task("fitting", total=n_units)
            yield lambda name: bar.update(task, advance=1, description=name)
        return
    lines = _ProgressLines(n_units, noun, kinds)
    over = threading.Event()
    thread = threading.Thread(target=lines.write_if_silent, args=[over], daemon=True)
    thread.start()
    try:
        yield lines.report
    finally:
        over.set()
        thread.join()


class _ProgressLines:
    """Lines on standard error that tell how much of the work is done."""

    def __init__(self, n_units: int, noun: str, kinds: Sequence[str] | None = None) -> None:
        self.n_units, self.noun = n_units, noun
        self.kinds = [""] * n_units if kinds is None else list(kinds)
        self.seconds: dict[str, list[float]] = {}  # of the units that are done, by kind
        self.n_done, self.last = 0, ""
        self.start = self.written = self.done = time.perf_counter()

    def report(self, name: str) -> None:
        """Count a unit; write a line if it is the first of another name."""
        if self.last not in ("", name):
            self._write(f"{self.last} done: ")
        now = time.perf_counter()
        self.seconds.setdefault(self.kinds[self.n_done], []).append(now - self.done)
        self.n_done, self.last, self.done = self.n_done + 1, name, now

    def write_if_silent(self, over: threading.Event) -> None:
        """Write a line after every `SILENCE` seconds without one, until it is `over`."""
        while not over.wait(max(self.written + SILENCE - time.perf_counter(), 0.0)):
            if time.perf_counter() - self.written >= SILENCE:
                self._write(f"{self.last}: " if self.last else "")

    def _write(self, what: str) -> None:
        """Write how much is done, and when the rest will be, if that can be told."""
        self.written = time.perf_counter()
        seconds, left = self.written - self.start, self.kinds[self.n_done :]
        known = left and all(kind in self.seconds for kind in left)
        end = f", about {sum(map(self._seconds_of, left)):.0f} s to go" if known else ""
        sys.stderr.write(
            f"  {what}{self.n_done} of {self.n_units} {self.noun}, {seconds:.0f} s{end}\n"
        )
        sys.stderr.flush()

    def _seconds_of(self, kind: str) -> float:
        """Return the mean seconds of the units of a kind that are done."""
        return sum(self.seconds[kind]) / len(self.seconds[kind])


def check_prefix(text: str) -> None:
    """Raise an error unless --out is the beginning of names in a folder that exists."""
    out = Path(text)
    if not out.name or text.endswith("/") or out.is_dir():
        raise ValueError(
            f"--out {text} is a folder; give the beginning of the names of the results, "
            f"such as {out / 'my_run'}."
        )
    if not out.parent.is_dir():
        raise FileNotFoundError(f"--out {out}: there is no folder {out.parent}.")


def is_demo(arguments: argparse.Namespace, own: Sequence[str], examples: str) -> bool:
    """Return whether --demo brings the data; exit with status 2 if there are none, or both.

    `own` are the names of the arguments by which users give theirs.
    """
    present = [f"--{name.replace('_', '-')}" for name in own if getattr(arguments, name)]
    if arguments.demo and present:
        arguments.parser.error(f"--demo brings its own data; leave out {present[0]}")
    if not (arguments.demo or present):
        sys.stderr.write(f"{arguments.parser.prog} needs data. For example:\n{examples}\n")
        raise SystemExit(BAD_INPUT)
    return arguments.demo


def add_genotype_files(group: Any) -> Any:
    """Add the arguments that name a file of genotypes; return those of which one may be given."""
    source = group.add_mutually_exclusive_group()
    source.add_argument("--bfile", metavar="P", help="PLINK 1 files P.bed, P.bim and P.fam")
    source.add_argument("--pfile", metavar="P", help="PLINK 2 files P.pgen, P.pvar and P.psam")
    source.add_argument("--bgen", metavar="F", help="BGEN file of dosages")
    source.add_argument(
        "--genotypes", metavar="F", help="dosages: .npz, .csv, .tsv, .vcf, .raw or .traw"
    )
    group.add_argument("--sample", metavar="F", help="IDs of --bgen (a .sample of the same name)")
    return source


def add_threads(group: Any, what: str) -> None:
    """Add --threads; `what` is done so often at a time."""
    group.add_argument("--threads", type=at_least(1), metavar="N", help=f"{what} (all cores)")


def number_of_jobs(arguments: argparse.Namespace) -> int:
    """Return what --threads says: by default, as many as there are cores, here or in a cluster."""
    from joblib import effective_n_jobs

    return arguments.threads or effective_n_jobs(-1)


def at_least(low: int) -> Callable[[str], int]:
    """Return a parser of integers from `low`."""

    def integer(text: str) -> int:
        value = int(text)
        if not low <= value < 2**31:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {text}")
        return value

    return integer


def frequency(text: str) -> float:
    """Parse a minor allele frequency."""
    value = float(text)
    if not 0 <= value < 0.5:
        raise argparse.ArgumentTypeError(f"must be from 0 to below 0.5, got {text}")
    return value


def folder(text: str) -> Path:
    """Parse the name of a folder, which others are named after."""
    path = Path(text)
    return path if path.name not in ("", "..") else path.resolve()


_BUILDS = {
    "GRCh37": ("grch37", "hg19", "b37", "37", "build37", "hs37d5", "humang1kv37"),
    "GRCh38": ("grch38", "hg38", "b38", "38", "build38", "hs38", "hs38dh"),
}


def genome_build(text: str) -> str:
    """Parse a genome build by any of its names."""
    name = "".join(letter for letter in text.lower() if letter.isalnum())
    for build, names in _BUILDS.items():
        if name in names:
            return build
    raise argparse.ArgumentTypeError(f"must be GRCh37 (hg19) or GRCh38 (hg38), got {text}")


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be from 0 to 1, got {text}")
    return value
