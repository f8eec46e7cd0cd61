"""Benchmarks: every program can be imported, says what it does, and has a row in the README."""

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_described(name):
    assert importlib.import_module(f"benchmarks.{name}").__doc__
    rows = (FOLDER / "README.md").read_text().splitlines()
    assert len([row for row in rows if row.startswith(f"| `{name}.py`")]) == 1


def test_readme_has_no_other_row():
    rows = (FOLDER / "README.md").read_text().splitlines()
    named = [row.split("`")[1] for row in rows if row.startswith("| `")]
    assert named == [f"{name}.py" for name in PROGRAMS]
