"""The package as it is installed: the files of a wheel, and use in an environment of its own."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
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

EXTRAS = {  # and the modules that it brings
    "dataframe": "pandas, pyarrow",
    "plots": "matplotlib",
    "report": "bokeh",
    "plink": "bed_reader, pgenlib, zstandard",
    "bgen": "zstandard",
    "parquet": "pyarrow",
    "vcf": "cyvcf2, pysam",
    "progress": "rich",
    "distributed": "dask, distributed",
    "skops": "skops",
    "all": "bokeh, cyvcf2, distributed, skops",
}


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


@pytest.fixture(scope="module")
def environment(built, tmp_path_factory):
    """The interpreter of an environment that holds the wheel and what it asks for."""
    return install(sys.executable, built, tmp_path_factory.mktemp("environment"))


def install(interpreter, built, folder):
    """Make an environment with the wheel; return its interpreter."""
    run(interpreter, "-m", "venv", folder / "env", folder=folder)
    python = folder / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", built[1], folder=folder)
    return python


def check_use(python, folder):
    """A model fits from where the wheel was installed, with what it asks for alone."""
    place, n_sets = run(python, "-c", PROGRAM, folder=folder).split()
    assert str(python.parent.parent) in place
    assert int(n_sets) >= 1


def test_it_works_where_nothing_else_is(environment, tmp_path):
    check_use(environment, tmp_path)
    # an extra that is missing is named
    command = environment.parent / "skgenetics"
    done = subprocess.run([command, "compare"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'skgenetics[dataframe]'" in done.stderr


def test_each_extra_brings_what_it_is_for(built, environment, tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    users = [name for name in extras if name not in ("test", "docs", "dev") and "gpu" not in name]
    assert set(EXTRAS) == set(users)
    for extra, modules in EXTRAS.items():
        run(environment, "-m", "pip", "install", "--quiet", f"{built[1]}[{extra}]", folder=tmp_path)
        run(environment, "-c", f"import {modules}", folder=tmp_path)
    run(environment, "-m", "pip", "check", folder=tmp_path)
    command = environment.parent / "skgenetics"
    run(command, "finemap", "--demo", "--report", folder=tmp_path)
    assert (tmp_path / "skgenetics_finemap.report.html").is_file()


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_it_works_in_other_pythons(version, built, tmp_path):
    kept = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    interpreter = kept[-1] if kept else shutil.which(f"python{version}")
    if interpreter is None:
        pytest.skip(f"there is no Python {version}")
    check_use(install(interpreter, built, tmp_path), tmp_path)
