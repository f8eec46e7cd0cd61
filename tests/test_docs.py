"""The code of README, documentation and docstrings runs, and prints what it says."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import pytest

import skgenetics

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "doc"
PAGES = [
    page
    for page in sorted(DOC.rglob("*.rst"))
    if page.relative_to(DOC).parts[0] not in {"_build", "_templates", "auto_examples", "generated"}
]
MODULES = [
    info.name
    for info in pkgutil.walk_packages(skgenetics.__path__, "skgenetics.")
    if info.name != "skgenetics.__main__"
]
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
