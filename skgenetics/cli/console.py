"""What every command prints and understands: lines, progress, exit codes, types of arguments."""

import argparse
import contextlib
import importlib.util
import sys
import time

OK, BAD_INPUT, SOME_FAILED, UNEXPECTED = 0, 2, 3, 1


class Console:
    """Prints lines and remembers them for the log."""

    def __init__(self):
        self.lines = []

    def say(self, *lines):
        """Print lines."""
        for line in lines:
            self.lines.append(line)
            sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextlib.contextmanager
def progress(n_units, what="fits"):
    """Give a function to call with the name of each finished unit of work.

    A bar on a terminal where rich is installed, otherwise a line whenever the name changes.
    """
    if sys.stderr.isatty() and importlib.util.find_spec("rich"):
        from rich.console import Console as RichConsole
        from rich.progress import Progress

        with Progress(console=RichConsole(stderr=True), transient=True) as bar:
            task = bar.add_task("fitting", total=n_units)
            yield lambda name: bar.update(task, advance=1, description=name)
        return
    start, done, last = time.perf_counter(), 0, None

    def report(name):
        nonlocal done, last
        if last not in (None, name):
            seconds = time.perf_counter() - start
            sys.stderr.write(f"  {last} done: {done} of {n_units} {what}, {seconds:.0f} s\n")
        done, last = done + 1, name

    yield report


def at_least(low):
    """Return a parser of integers from `low`."""

    def integer(text):
        value = int(text)
        if not low <= value < 2**31:
            raise argparse.ArgumentTypeError(f"must be at least {low}, got {text}")
        return value

    return integer


def frequency(text):
    """Parse a minor allele frequency."""
    value = float(text)
    if not 0 <= value < 0.5:
        raise argparse.ArgumentTypeError(f"must be from 0 to below 0.5, got {text}")
    return value
