"""The package as it is installed: the files of a wheel, and use in an environment of its own."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone"),
]

PROGRAM = """
import numpy as np
import skgenetics
from skgenetics import FinemapMiXeR
from skgenetics.datasets import load_geuvadis
X, y = load_geuvadis("ENSG00000260065", return_X_y=True)
model = FinemapMiXeR().fit(X, y)
print(skgenetics.__file__, len(model.credible_sets_))
"""


def run(*command, folder):
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SCIPY_ARRAY_API")
    }
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source distribution, and the wheel that is made of it alone.

    They are built in a clone: other tests would see what a build leaves in this folder.
    """
    folder = tmp_path_factory.mktemp("built")
    pytest.importorskip("build")
    clone = tmp_path_factory.mktemp("clone")
    run("git", "clone", "--quiet", ROOT, clone, folder=folder)
    run(sys.executable, "-m", "build", "--outdir", folder, clone, folder=folder)
    (source,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return source, wheel


def files_of_the_package():
    """Names of the files of the package under version control."""
    listed = run("git", "ls-files", "skgenetics", folder=ROOT).splitlines()
    return {name for name in listed if not name.startswith("skgenetics/datasets/_build")}


def test_distributions_hold_every_file_of_the_package(built):
    source, wheel = built
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(source) as archive:
        in_source = {name.partition("/")[2] for name in archive.getnames()}
    assert not files_of_the_package() - in_wheel
    assert not files_of_the_package() - in_source
    assert not [name for name in in_wheel if name.startswith(("tests", "benchmarks", "doc"))]


def test_it_works_where_nothing_else_is(built, tmp_path):
    _, wheel = built
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel, folder=tmp_path)
    place, n_sets = run(python, "-c", PROGRAM, folder=tmp_path).split()
    assert str(environment) in place
    assert int(n_sets) >= 1
    # an extra that is missing is named
    command = environment / "bin" / "skgenetics"
    done = subprocess.run([command, "compare"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'skgenetics[dataframe]'" in done.stderr
    run(python, "-m", "pip", "install", "--quiet", f"{wheel}[report,plink]", folder=tmp_path)
    run(command, "finemap", "--demo", "--report", folder=tmp_path)
    assert (tmp_path / "skgenetics_finemap.report.html").is_file()
