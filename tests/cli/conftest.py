import contextlib
import os
import signal
import tempfile

import numpy as np
import pytest

from skgenetics.cli.main import main

N_PEOPLE, N_VARIANTS = 90, 12


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A small study in the working folder: study.{bed,bim,fam}, traits.tsv, covariates.csv.

    Returns the arrays in the order of the .fam; the text files are shuffled.
    """
    bed_reader = pytest.importorskip("bed_reader")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    haplotypes = rng.random((5, N_VARIANTS)) < 0.45
    haplotypes[:, 0] = [0, 1, 0, 1, 1]
    pairs = rng.integers(0, 5, (N_PEOPLE, 2))
    noise = rng.random((N_PEOPLE, 2, N_VARIANTS)) < 0.08
    X = (haplotypes[pairs] ^ noise).sum(axis=1).astype(np.int8)
    C = rng.normal(size=(N_PEOPLE, 2)) + X[:, [3]]
    y = X[:, 5] + 0.5 * C[:, 0] + rng.normal(size=N_PEOPLE)
    case = (y > np.quantile(y, 0.55)).astype(int)
    bed_reader.to_bed(
        tmp_path / "study.bed",
        X,
        properties={
            "fid": [f"F{i // 3}" for i in range(N_PEOPLE)],
            "iid": [f"I{i}" for i in range(N_PEOPLE)],
            "sid": [f"rs{j}" for j in range(N_VARIANTS)],
            "chromosome": ["1"] * N_VARIANTS,
            "bp_position": 1000 * np.arange(1, N_VARIANTS + 1),
            "allele_1": ["A"] * N_VARIANTS,
            "allele_2": ["C"] * N_VARIANTS,
        },
    )
    write_traits(rng.permutation(N_PEOPLE), y, case)
    lines = ["IID,age,pc"] + [f"I{i},{C[i, 0]:.12g},{C[i, 1]:.12g}" for i in rng.permutation(90)]
    (tmp_path / "covariates.csv").write_text("\n".join(lines) + "\n")
    return {"X": X, "C": C, "y": y, "case": case, "folder": tmp_path}


def write_traits(order, y, case):
    """Write traits.tsv with people in some order."""
    with open("traits.tsv", "w") as file:
        file.write("#FID\tIID\theight\tillness\tcage\n")
        for i in order:
            file.write(f"F{i // 3}\tI{i}\t{y[i]:.12g}\t{case[i] + 1}\tc{i // 3}\n")


@pytest.fixture
def compare(capsys):
    """Run ``skgenetics compare`` in this process: exit status, printed text, error text."""

    def compare(*words, text=""):
        try:
            status = main(["compare", *text.split(), *map(str, words), "--threads", "1"])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return compare


@pytest.fixture
def finemap(capsys):
    """Run ``skgenetics finemap`` in this process: exit status, printed text, error text."""

    def finemap(*words, text=""):
        try:
            status = main(["finemap", *text.split(), *map(str, words), "--threads", "1"])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return finemap


@pytest.fixture
def weights(capsys):
    """Run ``skgenetics weights`` in this process: exit status, printed text, error text."""

    def weights(*words, text=""):
        try:
            status = main(["weights", *text.split(), *map(str, words), "--threads", "1"])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return weights


@pytest.fixture(scope="session")
def two_loci():
    """Dosages and statistics of two small loci."""
    pytest.importorskip("pandas")
    from tests.cli.scans import simulate

    return simulate()


@pytest.fixture
def scan(two_loci, tmp_path, monkeypatch):
    """gwas.tsv and panel.{bed,bim,fam} in the working folder; returns dosages and statistics."""
    pytest.importorskip("bed_reader")
    from tests.cli.scans import write_panel

    monkeypatch.chdir(tmp_path)
    X, table = two_loci
    table.to_csv("gwas.tsv", sep="\t", index=False)
    write_panel("panel", X, table)
    return X, table.copy()


@pytest.fixture
def no_pictures(request, monkeypatch):
    """Pictures take most of the time: only tests named after them draw."""
    from tests.cli.scans import draw_nothing

    if "pictures" not in request.node.name:
        monkeypatch.setattr("skgenetics.cli.finemap.report._draw", draw_nothing)


@pytest.fixture(scope="session")
def cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        yield cluster


@contextlib.contextmanager
def killing_a_worker(cluster):
    """End the process of a worker of a cluster, the first to start a unit."""
    distributed = pytest.importorskip("distributed")
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        ended = os.path.join(folder, "ended")
        client.register_plugin(deadly_plugin(ended), name="deadly")
        try:
            yield
        finally:
            client.unregister_worker_plugin("deadly")
        assert os.path.exists(ended)


def deadly_plugin(path):
    """Return a plugin that ends one worker, the first to start a unit, and leaves a file."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Deadly(WorkerPlugin):
        def transition(self, key, start, finish, **kwargs):
            if finish == "executing":
                try:
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return
                os.kill(os.getpid(), signal.SIGKILL)

    return Deadly()
