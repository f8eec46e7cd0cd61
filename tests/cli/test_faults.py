"""Commands that are killed, or find the disk full, at any step, and are then run again."""

import contextlib
import errno
import gzip
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from skgenetics.cli.main import main
from tests.cli.test_finemap_bad_input import FILES as FINEMAP
from tests.cli.test_twas import Files
from tests.cli.test_weights import FAST as WEIGHTS
from tests.cli.test_weights import expression  # noqa: F401

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
COMMANDS = {
    "finemap": f"finemap {FINEMAP} --threads 1",
    "compare": "compare --bfile study --pheno traits.tsv --pheno-name height --folds 3 "
    "--models RidgeCV top-variant --covar covariates.csv --out results --threads 1",
    "weights": f"weights {WEIGHTS} --threads 1",
    "predict": "predict --weights weights --bfile panel --build GRCh38 --out pred",
    "twas": "twas --sumstats gwas.tsv --weights weights --bfile panel --out run",
}
CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree")
ALWAYS_FIT = ("os.rename", "os.remove", "os.rmdir", "shutil.rmtree")  # on a full disk too


class Steps:
    """Counts what a command changes in a folder, and ends it, or its disk, at a step."""

    def __init__(self, folder, at, fault):
        self.folder, self.at, self.fault, self.count = f"{folder}{os.sep}", at, fault, 0

    def __call__(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event in (*CHANGES, "sqlite3.connect"):
            path = arguments[0]
        else:
            return
        if not isinstance(path, str | Path) or not os.path.abspath(path).startswith(self.folder):
            return
        self.count += 1
        if self.at is None or self.count < self.at:
            return
        if self.fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if event not in ALWAYS_FIT:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))


def run(words, *, at=None, fault="killed", seconds=None):
    """Run a command in a process of its own; return its exit status and the steps it took.

    The fault comes at the step `at`; or the process is killed after some seconds.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        status = 99
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            steps = Steps(os.getcwd(), at, fault)
            sys.addaudithook(steps)
            with contextlib.suppress(SystemExit):
                status = main(words.split())
            steps.at = None
            os.write(writing, str(steps.count).encode())
        finally:
            os._exit(status)
    os.close(writing)
    timer = threading.Timer(seconds or 300, os.kill, (process, signal.SIGKILL))
    timer.start()
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    timer.cancel()
    timer.join()
    with os.fdopen(reading) as file:
        return status, int(file.read() or -1)


def contents(before):
    """What files that were not there `before` say, but for times; hidden ones are nobody's."""
    found = {}
    for path in sorted(Path().rglob("*")):
        name = str(path)
        hidden = any(part.startswith(".") for part in path.parts)
        if hidden or not path.is_file() or name in before or ".parts" in name:
            continue
        if path.suffix in (".log", ".html", ".png", ".json"):
            found[name] = None
        elif path.suffix == ".db":
            with contextlib.closing(sqlite3.connect(path)) as database:
                found[name] = list(database.iterdump())
        else:
            data = path.read_bytes()
            text = gzip.decompress(data) if name.endswith((".gz", ".RDat")) else data
            found[name] = without_seconds(text) if ".tsv" in name or ".csv" in name else text
    return found


def without_seconds(text):
    """The rows of a table without the columns of seconds."""
    rows = [re.split("[\t,]", line) for line in text.decode().splitlines() if line[:1] != "#"]
    kept = [place for place, name in enumerate(rows[0]) if "seconds" not in name]
    return [[row[place] for place in kept if place < len(row)] for row in rows]


@pytest.fixture
def start(request, tmp_path, monkeypatch):
    """Go to a new copy of a command's files, as often as called; returns their names."""
    command = request.getfixturevalue("command")
    if command in ("predict", "twas"):
        pytest.importorskip("bed_reader")
        (tmp_path / "files").mkdir()
        monkeypatch.chdir(tmp_path / "files")
        Files()
    else:
        fixtures = {"finemap": "scan", "compare": "study", "weights": "expression"}
        request.getfixturevalue(fixtures[command])
        (tmp_path / "files").mkdir()
        for path in list(tmp_path.iterdir()):
            if path.name != "files":
                path.rename(tmp_path / "files" / path.name)
    for module in ("finemap.report", "twas.report", "compare.report"):
        monkeypatch.setattr(f"skgenetics.cli.{module}.without_pictures", lambda: ["No pictures"])
    number = iter(range(10**6))

    def start(folder=None):
        copy = (folder or tmp_path) / f"run{next(number)}"
        shutil.copytree(tmp_path / "files", copy)
        monkeypatch.chdir(copy)
        return {str(path) for path in Path().rglob("*")}

    return start


@pytest.fixture
def undisturbed(command, start):
    """Exit status, number of steps and tables of a run without faults."""
    before = start()
    status, n_steps = run(COMMANDS[command])
    assert status in (0, 3)
    assert n_steps > 2
    return status, n_steps, contents(before)


def check(before, command, undisturbed):
    """What is there is whole, and the same command goes on to the same tables."""
    status, _, expected = undisturbed
    for name, content in contents(before).items():
        assert content == expected[name], name
    assert run(COMMANDS[command])[0] == status
    assert contents(before) == expected
    assert not list(Path().glob("*.parts"))


QUICK = ("finemap", "predict", "twas")
EVERY = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("fault", ["killed", "full"])
def test_a_fault_in_the_middle_and_near_the_end(command, start, undisturbed, fault):
    n_steps = undisturbed[1]
    for at in (n_steps // 2, n_steps - 1):
        before = start()
        status, _ = run(COMMANDS[command], at=at, fault=fault)
        assert status == -signal.SIGKILL if fault == "killed" else status in (0, 2, 3)
        check(before, command, undisturbed)


@pytest.mark.parametrize("command", QUICK)
def test_earlier_results_stay_where_the_disk_is_full(command, start, undisturbed):
    n_steps, expected = undisturbed[1:]
    tables = [name for name, content in expected.items() if content is not None]
    assert len(tables) > 1
    for at in range(n_steps // 2, n_steps + 1, max(1, n_steps // 8)):
        start()
        for name in tables:
            Path(name).parent.mkdir(exist_ok=True, parents=True)
            Path(name).write_bytes(b"of an earlier run")
        run(COMMANDS[command], at=at, fault="full")
        kept = [Path(name).read_bytes() == b"of an earlier run" for name in tables]
        assert all(kept) or not any(kept), dict(zip(tables, kept))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("fault", ["killed", "full"])
def test_a_fault_at_every_step(command, start, undisturbed, fault):
    for at in range(1, undisturbed[1] + 1):
        before = start()
        status, _ = run(COMMANDS[command], at=at, fault=fault)
        assert status == -signal.SIGKILL if fault == "killed" else status in (0, 2, 3), at
        check(before, command, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_at_forty_random_moments(command, start, undisturbed):
    import time

    begin = time.monotonic()
    start()
    run(COMMANDS[command])
    whole, rng = time.monotonic() - begin, np.random.default_rng(0)
    before = start()
    for _ in range(40):  # and go on from what is there
        run(COMMANDS[command], seconds=rng.uniform(0.1, 1) * whole)
        expected = undisturbed[2]
        assert all(content == expected[name] for name, content in contents(before).items())
    check(before, command, undisturbed)


def fill(name, spare):
    """Fill the disk but for some blocks with a file, whose name should be hidden."""
    with open(name, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    os.truncate(name, max(os.path.getsize(name) - 4096 * spare, 0))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a disk")
@pytest.mark.parametrize("command", COMMANDS)
def test_small_disks(command, start, undisturbed, tmp_path):
    """Disks with room for a few blocks of 4,096 bytes beside the command's files."""
    disk = tmp_path / "disk"
    disk.mkdir()
    for spare in (0, 1, 2, 4, 8, 16):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk])
        if mounted.returncode:
            pytest.skip("no disk can be mounted here")
        try:
            before = start(disk)
            fill(".filler", spare)
            status, _ = run(COMMANDS[command])
            assert status in (0, 2, 3), spare
            for name, content in contents(before).items():
                assert content == undisturbed[2][name], (name, spare)
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            check(before, command, undisturbed)
        finally:
            os.chdir(tmp_path)
            subprocess.run(["umount", disk], check=True)
