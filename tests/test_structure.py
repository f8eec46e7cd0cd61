"""The house rules that a linter does not know."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import skgenetics

PACKAGE = Path(skgenetics.__file__).parent
TASKS = {"finemapping", "multitrait", "expression", "neural_network"}
SHARED = {"inspection", "io", "datasets", "preprocessing", "compose"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path):
    """Names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_dependencies_point_one_way(path):
    folder = path.relative_to(PACKAGE).parts[0]
    for name in imported(path):
        parts = name.split(".")
        private = [part for part in parts[1:] if part.startswith("_")]
        assert not (parts[0] == "sklearn" and private), f"private scikit-learn: {name}"
        if parts[0] != "skgenetics" or len(parts) == 1:
            continue
        if folder in TASKS:
            assert parts[1] in {folder, "utils", "metrics"}, f"{path.name} imports {name}"
        elif folder in SHARED and parts[1] in TASKS:
            assert not private, f"{path.name} imports the private {name}"
        elif folder == "utils":
            assert parts[1] == "utils", f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 500


def test_import_loads_no_optional_package():
    code = """
import sys
import sklearn.linear_model, sklearn.pipeline, sklearn.model_selection, sklearn.callback
before = set(sys.modules)
import skgenetics
names = {name.partition(".")[0] for name in set(sys.modules) - before}
optional = {"bed_reader", "matplotlib", "pandas", "rich", "numba", "torch", "cupy", "dask"}
print(*sorted(names & optional))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""
