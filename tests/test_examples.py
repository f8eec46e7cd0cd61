"""The examples of the gallery run."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").rglob("plot_*.py"))


def test_there_are_examples():
    assert EXAMPLES


@pytest.mark.slow  # `make docs` runs the examples too
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    before = set(plt.get_fignums())
    runpy.run_path(str(path))
    drawn = set(plt.get_fignums()) - before
    assert drawn, "an example draws at least one figure"
    for number in drawn:
        plt.close(number)
