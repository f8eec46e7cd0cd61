"""The code of README, documentation and docstrings runs, and prints what it says."""

import argparse
import ast
import contextlib
import doctest
import functools
import importlib
import importlib.util
import inspect
import io
import pkgutil
import re
import runpy
import tomllib
from pathlib import Path

import numpy as np
import pytest

import skgenetics
from skgenetics.cli.main import main
from skgenetics.inspection import LocusDisplay

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "doc"
PAGES = [
    page
    for page in sorted(DOC.rglob("*.rst"))
    if page.relative_to(DOC).parts[0] not in {"_build", "_templates", "auto_examples", "generated"}
]
CODE = ("skgenetics", "benchmarks", "examples")
MODULES = [
    info.name
    for info in pkgutil.walk_packages(skgenetics.__path__, "skgenetics.")
    if info.name != "skgenetics.__main__"
]
EQUATIONS = re.findall(
    r"^   \* - .*\n     - \| ``([\w.]+)``\n       \| ``([\w/.]+)::(\w+)``$",
    (DOC / "equations.rst").read_text(encoding="utf-8"),
    flags=re.MULTILINE,
)
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def test_api_lists_every_public_package():
    listed = (ROOT / "doc" / "api.rst").read_text(encoding="utf-8").split()
    for info in pkgutil.iter_modules(skgenetics.__path__, "skgenetics."):
        if info.ispkg and getattr(importlib.import_module(info.name), "__all__", ()):
            assert info.name in listed, f"add {info.name} to doc/api.rst"


def test_readme_prints_what_it_says():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python")
    namespace = {}
    for code, expected in blocks:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), namespace)
        assert printed.getvalue() == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOC)))
def test_page(page):
    assert doctest.testfile(str(page), module_relative=False, optionflags=FLAGS).failed == 0


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=FLAGS).failed == 0


@functools.cache
def functions_of(path):
    """Names of the functions of a file of tests, those of its classes too."""
    tree = ast.parse((ROOT / "tests" / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def look_up(name):
    """What a dotted name within the package stands for."""
    parts = name.split(".")
    for n_modules in range(len(parts), 0, -1):
        with contextlib.suppress(ModuleNotFoundError):
            module = importlib.import_module(".".join(["skgenetics", *parts[:n_modules]]))
            return functools.reduce(getattr, parts[n_modules:], module)
    raise AssertionError(f"there is no skgenetics.{name}")


def test_every_equation_has_a_function_and_a_test():
    rows = (DOC / "equations.rst").read_text(encoding="utf-8").count("   * - ")
    headers = 6  # one table per model
    assert len(EQUATIONS) == rows - headers
    assert {name.split(".")[0] for name, *_ in EQUATIONS} >= {
        "finemapping",
        "multitrait",
        "expression",
        "neural_network",
        "inspection",
        "association",
    }


@pytest.mark.parametrize(("name", "path", "test"), EQUATIONS)
def test_equation(name, path, test):
    assert callable(look_up(name))
    assert test in functions_of(path)


def test_readme_is_one_screen_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 450
    for page in ("README.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\(([^):#]+)\)", (ROOT / page).read_text(encoding="utf-8"))
        assert links
        assert all((ROOT / link).exists() for link in links)


def faults_of_text(text, path):
    """What docutils finds wrong in a page, apart from what only Sphinx knows."""
    core = pytest.importorskip("docutils.core")
    settings = {"report_level": 5, "halt_level": 5, "_disable_config": True}
    page = core.publish_doctree(text, source_path=str(path), settings_overrides=settings)
    unknown = re.compile(r"Unknown directive type|Unknown interpreted text role|No role entry")
    messages = [
        message.astext()
        for message in [*page.parse_messages, *page.transform_messages]
        if message["level"] >= 2
    ]
    return [message for message in messages if not unknown.search(message)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOC)))
def test_page_has_no_malformed_text(page):
    """As a build of the documentation would say, which takes minutes."""
    text = page.read_text(encoding="utf-8")
    cited = {label.lower() for label in re.findall(r"\[([A-Z][a-z]+\d{4})\]_", text)}
    names = [f'Unknown target name: "{label}"' for label in cited]  # defined on other pages
    faults = faults_of_text(text, page)
    assert not [fault for fault in faults if not any(name in fault for name in names)]


def test_no_table_of_a_docstring_is_malformed():
    table = re.compile(r"^ *=+ +=+", re.MULTILINE)
    places = (ast.Module, ast.ClassDef, ast.FunctionDef)
    seen = 0
    for path in [path for name in CODE for path in sorted((ROOT / name).rglob("*.py"))]:
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)) if table.search(source) else ():
            text = ast.get_docstring(node) if isinstance(node, places) else None
            if text and table.search(text):
                seen += 1
                assert not [x for x in faults_of_text(text, path) if "Malformed table" in x]
    assert seen >= 2


def test_malformed_text_is_found():
    table = "====  ===\na     b\n====  ===\nlong text  c\n====  ===\n"
    assert "Malformed table" in faults_of_text(table, "page.rst")[0]
    assert "Undefined substitution" in faults_of_text("The largest |z| there.", "page.rst")[0]
    assert not faults_of_text(":doc:`other`\n\n.. toctree::\n\n   other\n", "page.rst")


def test_every_extra_is_in_the_page_of_the_install():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (DOC / "install.rst").read_text(encoding="utf-8")
    listed = re.findall(r"``([\w-]+)``", page.split("extra   ")[1])
    assert set(listed) == set(project["optional-dependencies"])


@pytest.fixture
def renderer():
    """The extension of Sphinx that translates formulas."""
    pytest.importorskip("sphinx")
    path = DOC / "_extensions" / "mathml.py"
    spec = importlib.util.spec_from_file_location("mathml", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_formulas_are_drawn_without_a_network(renderer):
    """The build does the same with a warning, which -W makes an error; this needs no build."""
    conf = (DOC / "conf.py").read_text(encoding="utf-8")
    assert 'html_math_renderer = "mathml"' in conf
    assert "mathjax" not in conf
    n_formulas = 0
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^ *\.\. math::\n((?:\n| +.*\n)+)", text, flags=re.MULTILINE)
        for formula in (*re.findall(r":math:`([^`]+)`", text), *blocks):
            tex = renderer.TAG.sub("", formula.strip())
            assert renderer.to_mathml(tex, block=formula in blocks).startswith("<math")
            n_formulas += 1
    assert n_formulas > 200


def test_formulas_mean_what_latex_means(renderer):
    half = renderer.to_mathml(r"\tfrac12 Q", block=False)
    assert half == renderer.to_mathml(r"\tfrac{1}{2} Q", block=False)  # not 12 over Q
    assert renderer.to_mathml(r"\Big( x \Big)", block=False) == renderer.to_mathml(
        "( x )", block=False
    )
    hat = renderer.to_mathml(r"\hat y_{ijk}", block=False)  # the index beside the y, not below it
    assert "<msub" in hat
    assert "munderover" not in hat
    with pytest.raises(ValueError, match="nosuchcommand"):
        renderer.to_mathml(r"\nosuchcommand x", block=False)


def test_the_floors_are_drawn_as_they_are():
    floors = runpy.run_path(str(ROOT / "tests" / "test_structure.py"))["FLOORS"]
    page = (DOC / "development" / "index.rst").read_text(encoding="utf-8")
    drawing = re.search(r"\.\. code-block:: text\n\n((?:   .*\n)+)", page)[1].splitlines()
    rooms = [room for room in floors if not any(name.startswith("_") for name in room)]
    assert len(drawing) == len(rooms)
    for line, names in zip(drawing, rooms):
        assert names <= set(line.split())


def test_parameters_of_large_estimators_are_grouped():
    groups = runpy.run_path(str(DOC / "_extensions" / "parameter_groups.py"))["GROUPS"]
    for name in skgenetics.__all__:
        estimator = getattr(skgenetics, name)
        parameters = list(inspect.signature(estimator).parameters) if callable(estimator) else []
        if name in groups:
            firsts = [parameters.index(first) for first in groups[name]]
            assert firsts == sorted(firsts)
            assert firsts[0] == 0
            assert max(np.diff([*firsts, len(parameters)])) <= 7
        else:
            assert len(parameters) <= 12, name


def test_pictures_of_examples_are_told_in_words():
    plt = pytest.importorskip("matplotlib.pyplot")
    pytest.importorskip("docutils")
    text_of = runpy.run_path(str(DOC / "_extensions" / "picture_texts.py"))["text_of"]
    display = LocusDisplay([100, 200], [5.0, 1], [0.9, 0], r2=[1.0, 0], chromosome=3, title="A")
    text = text_of(display.plot().figure_)
    assert text.startswith("A: -log10 p of single variants (r² with the lead variant: lead")
    assert "Posterior inclusion probability (PIP) against Position on chromosome 3 (Mb)" in text
    assert text_of(plt.figure()) == "A picture without labels."
    plt.close("all")


def test_thumbnails_have_the_text_of_their_picture(tmp_path):
    nodes = pytest.importorskip("docutils.nodes")
    describe = runpy.run_path(str(DOC / "_extensions" / "picture_texts.py"))["describe_thumbnails"]
    folder = tmp_path / "auto_examples" / "networks"
    folder.mkdir(parents=True)
    (folder / "plot_a.rst").write_text(".. image-sg::\n   :alt: One.\n\n   :alt: Two.\n")
    for comment, expected in (("", "One."), ("# sphinx_gallery_thumbnail_number = 2\n", "Two.")):
        (folder / "plot_a.py").write_text(comment)
        page = nodes.container()
        for name in ("thumb/sphx_glr_plot_a_thumb.png", "sphx_glr_plot_a_001.png"):
            page += nodes.image(uri=f"auto_examples/networks/images/{name}", alt="")
        describe(argparse.Namespace(srcdir=tmp_path), page)
        assert [image["alt"] for image in page] == [expected, ""]


@pytest.mark.parametrize("command", ["finemap", "compare"])
def test_every_option_of_a_command_is_in_its_page(command, capsys):
    pytest.importorskip("pandas")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    option = re.compile(r"--[a-z][a-z-]+")
    page = {"finemap": "finemap_command.rst", "compare": "compare.rst"}[command]
    text = (DOC / "guide" / page).read_text(encoding="utf-8")
    assert set(option.findall(capsys.readouterr().out)) - {"--help"} == set(option.findall(text))
