"""The house rules that a linter does not know."""

import ast
import functools
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import skgenetics

PACKAGE = Path(skgenetics.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
HERE = Path(__file__).parent
TESTS = sorted(HERE.rglob("*.py"))
FLOORS = (  # from the top; a room uses rooms below its floor only
    {"__main__"},
    {"cli"},
    {"inspection"},
    {"finemapping", "multitrait", "expression", "neural_network", "association"},
    {"loci"},
    {"compose"},  # its regressors score by metrics
    {"preprocessing", "metrics", "datasets", "io"},
    {"utils"},
    {"_version"},
)
LEVEL = {room: len(FLOORS) - i for i, rooms in enumerate(FLOORS) for room in rooms}


@functools.cache
def imported(path):
    """Names of the modules that a file imports, anywhere in it."""
    return tuple(_imported(path))


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def patched(path):
    """Names that a file gives to monkeypatch as text."""
    nodes = ast.walk(ast.parse(path.read_text()))
    constants = (node.value for node in nodes if isinstance(node, ast.Constant))
    texts = (value for value in constants if isinstance(value, str))
    return tuple(text for text in texts if text.startswith("skgenetics.") and " " not in text)


def is_private(part):
    """Whether a part of a dotted name begins with one underscore."""
    return part.startswith("_") and not part.startswith("__")


def module_name(path):
    """The dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULE_NAMES = {module_name(module) for module in MODULES}


def imported_modules(path):
    """Names of the package's modules that a file imports, each the most specific there is."""
    found = MODULE_NAMES.intersection(imported(path))
    return {name for name in found if not any(o.startswith(name + ".") for o in found)}


def room_of(name):
    """The room of a dotted name; names that the package itself exports stand on their own."""
    return name.split(".")[1] if "." in name else None


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(HERE)))
def test_tests_use_public_names(path):
    """Private files are tested in their own room; others ask as a user does.

    What all rooms share may be asked for by the common tests, and the LD of a locus by the rooms
    whose solvers take it.
    """
    room, shared = path.relative_to(HERE).parts[0], "loci"
    if room.endswith(".py"):
        room, shared = "utils", "_version"
    if room == "oracles":
        return
    for name in imported(path) + patched(path):
        parts = name.split(".")
        if parts[0] == "skgenetics" and any(is_private(part) for part in parts[1:]):
            assert parts[1] in (room, shared), f"{path.relative_to(HERE)} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_uses_rooms_below_it_only(path):
    room = room_of(module_name(path))
    if room is None:  # the package itself exports the estimators
        return
    assert room in LEVEL, f"{room} has no floor"
    for name in imported(path):
        other = room_of(name)
        if name.split(".")[0] != "skgenetics" or other == room:
            continue
        if other in LEVEL:
            assert LEVEL[other] < LEVEL[room], f"{path.name} imports {name}"
        else:  # the package itself, or what it exports: the estimators
            assert LEVEL[room] > LEVEL["finemapping"], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_private_names_stay_in_their_room(path):
    room = room_of(module_name(path))
    for name in imported(path):
        parts = name.split(".")
        private = [part for part in parts[1:] if is_private(part)]
        assert not (parts[0] == "sklearn" and private), f"private scikit-learn: {name}"
        if parts[0] == "skgenetics" and room_of(name) in {"finemapping", "multitrait"} | {
            "expression",
            "neural_network",
            "inspection",
            "association",
        }:
            assert room_of(name) == room or not private, f"{path.name} imports the private {name}"


def test_no_circle_of_imports():
    graph = {module_name(path): imported_modules(path) for path in MODULES}
    done, open_ = set(), []

    def visit(name):
        assert name not in open_, f"circle: {' -> '.join([*open_[open_.index(name) :], name])}"
        if name in done:
            return
        open_.append(name)
        for other in sorted(graph[name]):
            if other != name:
                visit(other)
        done.add(open_.pop())

    for name in sorted(graph):
        visit(name)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= 500


def compiled_functions(path):
    """The functions of a file that numba compiles."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            named = (getattr(mark, "func", mark) for mark in node.decorator_list)
            if any(getattr(mark, "id", None) == "kernel" for mark in named):
                yield node


def is_counted(loop):
    """Whether a `while` compares a counter, which each pass raises by a number, with a bound."""
    counters = {name.id for name in ast.walk(loop.test) if isinstance(name, ast.Name)}
    return isinstance(loop.test, ast.Compare) and any(
        isinstance(step, ast.AugAssign)
        and isinstance(step.op, ast.Add)
        and isinstance(step.target, ast.Name)
        and step.target.id in counters
        and isinstance(step.value, ast.Constant)
        and step.value.value > 0
        for step in loop.body
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_compiled_loops_are_bounded(path):
    """An interrupt does not reach compiled code: whatever the numbers are, it must come back."""
    for function in compiled_functions(path):
        for node in ast.walk(function):
            if isinstance(node, ast.While):
                assert is_counted(node), f"{path.name}: {function.name}, line {node.lineno}"


def test_compiled_functions_are_found():
    found = {function.name for path in MODULES for function in compiled_functions(path)}
    assert {"mixture_sweep", "descend", "gibbs_sweeps"} <= found
    endless = ast.parse("while change > tol:\n    change = change / 2")
    assert not is_counted(endless.body[0])


def test_import_loads_little():
    code = """
import sys
import sklearn.linear_model, sklearn.pipeline, sklearn.model_selection, sklearn.callback
before = set(sys.modules)
import skgenetics
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*names.difference(sys.stdlib_module_names))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    # scikit-learn loads most of SciPy, and its own copy of array_api_compat
    assert set(result.stdout.split()) <= {"skgenetics", "array_api_compat", "scipy"}


ROOMS = sorted(
    f"skgenetics.{info.name}"
    for info in pkgutil.iter_modules(skgenetics.__path__)
    if info.ispkg and info.name not in ("cli", "utils", "loci")
)


def public_functions():
    """Every public function, and public method of a public class, of the package."""
    seen = {}
    for room in ["skgenetics", *ROOMS]:
        module = importlib.import_module(room)
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                for key, member in vars(thing).items():
                    member = getattr(member, "__func__", getattr(member, "fget", member))
                    member = inspect.unwrap(member) if callable(member) else member
                    ours = getattr(member, "__module__", "").startswith("skgenetics")
                    if inspect.isfunction(member) and ours and (key == "__init__" or key[0] != "_"):
                        seen[f"{thing.__module__}.{name}.{key}"] = member
            elif inspect.isfunction(inspect.unwrap(thing)):
                seen[f"{thing.__module__}.{name}"] = inspect.unwrap(thing)
    return seen


@pytest.mark.parametrize(("name", "function"), public_functions().items())
def test_public_functions_are_annotated(name, function):
    annotations = function.__annotations__
    parameters = [
        key for key in inspect.signature(function).parameters if key not in ("self", "cls")
    ]
    assert [key for key in parameters if key not in annotations] == []
    assert "return" in annotations or function.__name__ == "__init__"
