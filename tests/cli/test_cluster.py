"""Work on a Dask cluster and in the jobs of an array gives what one process gives."""

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from skgenetics import FinemapMiXeR
from skgenetics.cli.cluster import Chunk, chunk, on_cluster
from skgenetics.cli.main import main
from tests.cli.conftest import killing_a_worker
from tests.cli.scans import draw_nothing
from tests.cli.test_faults import contents, fill
from tests.cli.test_finemap import FILES, read, run
from tests.cli.test_weights import write_expression
from tests.test_docs import DOC

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


SBATCH = """
import os, subprocess, sys
(jobs,) = [word for word in sys.argv if word.startswith("--array=")]
first, last = map(int, jobs.removeprefix("--array=").split("-"))
for job in range(first, last + 1):
    os.environ["SLURM_ARRAY_TASK_ID"] = str(job)
    subprocess.run(sys.argv[-1], shell=True, check=True)
"""


@pytest.mark.slow
def test_lines_for_slurm_give_the_tables_of_one_run(scan, finemap, tmp_path, monkeypatch):
    """As the page has them, with three parts; `sbatch` runs one job after the other."""
    page = (DOC / "guide" / "cluster.rst").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^   sbatch.*?(?=\n\n)", page, re.DOTALL | re.MULTILINE)
    assert "--array=1-22" in lines
    assert "$SLURM_ARRAY_TASK_ID/22'" in lines
    lines = lines.replace("1-22", "1-3").replace("ID/22", "ID/3").replace("gwas.tsv.gz", "gwas.tsv")
    lines = lines.replace("--build", "--max-num-causal 10 --build")  # as in FILES
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sbatch").write_text(f"#!{sys.executable}\n{SBATCH}")
    (programs / "skgenetics").write_text(f'#!/bin/sh\nexec {sys.executable} -m skgenetics "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    done = subprocess.run(["sh", "-ec", lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [f"Part {k}/3:" in done.stdout for k in range(1, 5)] == [True, True, True, False]
    assert Path("my_run.loci.tsv").is_file()
    run(finemap)
    expected = tables()
    for name in TABLES:
        Path(f"my_run.{name}").replace(f"run.{name}")
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


@pytest.mark.slow
def test_what_fails_in_the_loop_of_a_client_is_not_printed(cluster, caplog):
    """As Dask's own clean-up after an interruption sometimes does."""
    client = pytest.importorskip("distributed").Client
    happened = threading.Event()

    def fail():
        happened.set()
        raise NameError("future")

    with on_cluster(cluster.scheduler_address):
        client.current().loop.add_callback(fail)
        assert happened.wait(60)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.fixture
def scheduler(tmp_path):
    """The process of a scheduler with a worker, and the file that it wrote."""
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
    yield process, file
    for one in (process, working):
        one.kill()
        one.wait()


def wait_for(condition):
    """Wait until something is so, for a minute at most."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def many_loci(request):
    """Windows of ten variants of a scan."""
    _, table = request.getfixturevalue("scan")
    starts = table["base_pair_location"].to_numpy()[::10]
    Path("loci.bed").write_text("".join(f"2\t{start - 1}\t{start + 9_500}\n" for start in starts))
    return f"finemap {FILES} --regions loci.bed"


def many_fits(request):
    request.getfixturevalue("study")
    return (
        "compare --bfile study --pheno traits.tsv --pheno-name height --covar covariates.csv "
        "--folds 20 --models RidgeCV ElasticNet --out results"
    )


def many_genes(request):
    """Expression of noise near each of the variants."""
    study = request.getfixturevalue("study")
    values = np.random.default_rng(1).normal(size=(24, len(study["y"])))
    genes = [(f"gene{k}", "chr1", 500 * k + 500) for k in range(len(values))]
    write_expression("liver.bed.gz", genes, [f"I{i}" for i in range(values.shape[1])], values)
    return (
        "weights --bfile study --pheno liver.bed.gz --build GRCh38 --window 4000 --model enet "
        "--out w"
    )


MANY = {"finemap": many_loci, "compare": many_fits, "weights": many_genes}
UNITS = {"finemap": "loci", "compare": "fits", "weights": "genes"}


@pytest.fixture
def words(request, command, monkeypatch):
    """A command of many units of work, whose files are in the working folder."""
    monkeypatch.setattr("skgenetics.cli.finemap.report._draw", draw_nothing)
    monkeypatch.setattr("skgenetics.cli.compare.report.without_pictures", lambda: ["No pictures"])
    return MANY[command](request)


def kept():
    return sorted(Path().rglob("*.parts/*.json.gz"))


def stays(command):
    """What an ended command says of units that are finished."""
    folder = f"{kept()[0].parent}/"
    return f"finished {UNITS[command]} are in {folder}, and the same command goes on from there."


def check_resumed(words, before):
    """What is kept, and the rest on one machine, give the tables of one undisturbed run."""
    assert kept()
    assert not contents(before)
    words = [*words.split(), "--threads", "1"]
    assert main(words) == 0
    assert not kept()
    resumed = contents(before)
    for name in resumed:
        Path(name).unlink()
    assert main(words) == 0
    assert contents(before) == resumed


@pytest.mark.slow
@pytest.mark.parametrize("command", MANY)
@pytest.mark.parametrize("ended", ["scheduler", "command"])
def test_what_is_finished_stays_when_the_work_ends(words, scheduler, command, ended):
    before = {str(path) for path in Path().rglob("*")}
    process, file = scheduler
    work = subprocess.Popen(
        [sys.executable, "-m", "skgenetics", *words.split(), "--scheduler", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # a test run started in the background ignores interruptions, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: kept() or work.poll() is not None)
    if ended == "scheduler":
        process.kill()
    else:
        work.send_signal(signal.SIGINT)
    _, errors = work.communicate(timeout=60)
    *_, said = errors.splitlines()
    lost = "error: The connection to the Dask scheduler was lost"
    why, status = (lost, 3) if ended == "scheduler" else ("interrupted", 130)
    assert said == f"skgenetics {command}: {why}; {stays(command)}"
    assert work.returncode == status
    assert "Traceback" not in errors
    check_resumed(words, before)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a disk")
@pytest.mark.parametrize("command", MANY)
def test_what_is_finished_stays_when_the_disk_of_a_cluster_is_full(words, cluster, command, capsys):
    out = {"finemap": "run", "compare": "results", "weights": "w"}[command]
    words = words.replace(f"--out {out}", f"--out disk/{out}")
    Path("disk").mkdir()
    before = {str(path) for path in Path().rglob("*")}
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", "disk"]).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        fill("disk/.filler", spare=8)
        status = main([*words.split(), "--scheduler", cluster.scheduler_address])
        errors = capsys.readouterr().err
        assert status == 2, errors
        *_, said = errors.splitlines()
        assert said.startswith(f"skgenetics {command}: error: No space left on device: ")
        assert said.endswith(f".json.gz; {stays(command)}")
        assert "Traceback" not in errors
        Path("disk/.filler").unlink()
        check_resumed(words, before)
    finally:
        subprocess.run(["umount", "disk"], check=True)


def test_a_scheduler_that_does_not_answer_is_named(scan, finemap, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("skgenetics.cli.cluster._SECONDS_TO_CONNECT", 0.1)
    status, _, errors = finemap("--scheduler", "tcp://127.0.0.1:9", text=FILES)
    assert status == 2
    assert "--scheduler tcp://127.0.0.1:9: no Dask scheduler answers there" in errors
