"""Work on a Dask cluster and in the jobs of an array gives what one process gives."""

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from skgenetics import FinemapMiXeR
from skgenetics.cli.cluster import Chunk, chunk
from tests.cli.conftest import killing_a_worker
from tests.cli.scans import draw_nothing
from tests.cli.test_finemap import FILES, read, run

pd = pytest.importorskip("pandas")

TABLES = ("loci.tsv", "credible_sets.tsv", "variants.tsv.gz")


def tables():
    """Tables of the run, without times."""
    return [read(f"run.{name}").drop(columns="seconds", errors="ignore") for name in TABLES]


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "a/b", "1/", "-1/2", "1/2/3"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 3/22"):
        chunk(text)


@pytest.mark.parametrize("of", [1, 2, 5, 9])
def test_parts_are_all_of_it_once(of):
    units = list(range(7))
    parts = [Chunk(k, of).part(units) for k in range(1, of + 1)]
    assert sorted(unit for part in parts for unit in part) == units
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.usefixtures("no_pictures")
def test_jobs_of_an_array_give_the_tables_of_one_run(scan, finemap, monkeypatch):
    run(finemap)
    expected = tables()
    for name in TABLES:
        Path(f"run.{name}").unlink()
    for number in (3, 1, 2):  # of more parts than loci
        printed = run(finemap, "--chunk", f"{number}/3")
        assert f"Part {number}/3: {int(number < 3)} of 2 loci are finished in run.parts/" in printed
        assert not Path("run.loci.tsv").exists()

    def fit(*_):
        raise AssertionError("every locus is finished")

    monkeypatch.setattr(FinemapMiXeR, "fit_summary", fit)
    run(finemap)
    for ours, theirs in zip(tables(), expected, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("deadly", [False, True])
def test_a_cluster_gives_the_tables_of_one_machine(scan, finemap, cluster, deadly, monkeypatch):
    monkeypatch.setattr("skgenetics.cli.finemap.report._draw", draw_nothing)
    run(finemap)
    expected = tables()
    with killing_a_worker(cluster) if deadly else contextlib.nullcontext():
        run(finemap, "--scheduler", cluster.scheduler_address)
    for ours, theirs in zip(tables(), expected, strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_models_are_compared_on_a_cluster_whose_worker_ends(study, compare, cluster):
    words = "--bfile study --pheno traits.tsv --pheno-name height --folds 3 --out run "
    words += "--models RidgeCV FinemapMiXeR"
    found = []
    for scheduler in ("", f" --scheduler {cluster.scheduler_address}"):
        with killing_a_worker(cluster) if scheduler else contextlib.nullcontext():
            status, _, errors = compare(text=words + scheduler)
        assert status == 0, errors
        found.append(pd.read_csv("run/comparison.csv").drop(columns="seconds"))
    pd.testing.assert_frame_equal(*found)


@pytest.fixture
def scheduler(tmp_path):
    """The process of a scheduler with a worker, and its address."""
    pytest.importorskip("distributed")
    (tmp_path / "dask").mkdir()
    given = {"cwd": tmp_path / "dask", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    file = tmp_path / "dask" / "scheduler.json"
    dask = [sys.executable, "-m", "distributed.cli.dask_"]
    options = ["--scheduler-file", str(file), "--no-dashboard"]
    words = [*dask[:2], dask[2] + "scheduler", *options, "--port", "0"]
    process = subprocess.Popen(words, **given)
    worker = [*dask[:2], dask[2] + "worker", *options, "--nthreads", "1", "--no-nanny"]
    working = subprocess.Popen(worker, **given)
    wait_for(file.exists)
    wait_for(lambda: file.read_text().endswith("}"))
    yield process, json.loads(file.read_text())["address"]
    for one in (process, working):
        one.kill()
        one.wait()


def wait_for(condition):
    """Wait until something is so, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("ended", ["scheduler", "command"])
def test_what_is_finished_stays_when_the_work_ends(scan, scheduler, finemap, monkeypatch, ended):
    monkeypatch.setattr("skgenetics.cli.finemap.report._draw", draw_nothing)
    _, table = scan
    starts = table["base_pair_location"].to_numpy()[::10]  # of windows of ten variants
    bed = [f"2\t{start - 1}\t{start + 9_500}\n" for start in starts]
    Path("loci.bed").write_text("".join(bed))
    text = FILES + " --regions loci.bed"
    process, address = scheduler
    words = [sys.executable, "-m", "skgenetics", "finemap", *text.split(), "--scheduler", address]
    command = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(Path().glob("run.parts/*.json.gz")) or command.poll() is not None)
    if ended == "scheduler":
        process.kill()
    else:
        command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=60)
    *_, said = errors.splitlines()
    kept = "finished loci are in run.parts/, and the same command goes on from there."
    if ended == "scheduler":
        lost = "error: The connection to the Dask scheduler was lost"
        assert (command.returncode, said) == (3, f"skgenetics finemap: {lost}; {kept}")
    else:
        assert (command.returncode, said) == (130, f"skgenetics finemap: interrupted; {kept}")
    assert "Traceback" not in errors
    assert not Path("run.loci.tsv").exists()
    n_kept = len(list(Path("run.parts").iterdir()))
    assert 0 < n_kept < len(bed)
    run(finemap, text=text)  # goes on, on one machine
    resumed = tables()
    for name in TABLES:
        Path(f"run.{name}").unlink()
    run(finemap, text=text)
    for ours, theirs in zip(resumed, tables(), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)


def test_a_scheduler_that_does_not_answer_is_named(scan, finemap, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("skgenetics.cli.cluster._SECONDS_TO_CONNECT", 0.1)
    status, _, errors = finemap("--scheduler", "tcp://127.0.0.1:9", text=FILES)
    assert status == 2
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in errors
