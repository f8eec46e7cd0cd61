"""The conda recipe asks for what pyproject.toml asks for, and keeps the linter's rules."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECTIONS = ["package", "source", "build", "requirements", "test", "about", "extra"]


@pytest.fixture(scope="module")
def recipe():
    jinja2 = pytest.importorskip("jinja2")
    yaml = pytest.importorskip("yaml")
    template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(
        (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    )
    return yaml.safe_load(template.render(PYTHON="python"))


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def bounds(requirements):
    """{name: lower bound} of requirements of pip or conda."""
    pairs = (re.fullmatch(r"([\w-]+) ?(.*)", text).groups() for text in requirements)
    return {name.replace("_", "-"): bound for name, bound in pairs}


def test_requirements_are_those_of_the_package(recipe, project):
    run = bounds(recipe["requirements"]["run"])
    assert run.pop("python") == project["project"]["requires-python"]
    assert run == bounds(project["project"]["dependencies"])
    host = bounds(recipe["requirements"]["host"])
    assert host.items() >= bounds(project["build-system"]["requires"]).items()
    assert "pip" in host


def test_names_are_those_of_the_package(recipe, project):
    assert recipe["package"]["name"] == project["project"]["name"]
    (entry,) = recipe["build"]["entry_points"]
    name, _, target = entry.partition(" = ")
    assert project["project"]["scripts"] == {name: target}
    assert recipe["about"]["license"] == project["project"]["license"]
    assert recipe["about"]["home"] == project["project"]["urls"]["Source"]


def test_rules_of_the_linter(recipe):
    """Order of the sections, and what each must have."""
    assert list(recipe) == SECTIONS
    assert list(recipe["requirements"]) == ["host", "run"]
    assert recipe["build"]["number"] == 0
    assert recipe["build"]["noarch"] == "python"  # so no compiler and no selector
    text = (ROOT / "conda" / "meta.yaml").read_text(encoding="utf-8")
    assert not re.search(r"#\s*\[", text)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    # a noarch package is built and tested on the oldest Python, and runs on all from there on
    assert text.count("- python {{ python_min }}") == 2
    assert text.count("- python >={{ python_min }}") == 1
    assert (ROOT / "conda" / recipe["source"]["path"] / recipe["about"]["license_file"]).is_file()
    assert recipe["test"]["imports"]
    assert recipe["about"]["summary"]
    assert recipe["extra"]["recipe-maintainers"]
    for requirements in recipe["requirements"].values():
        for requirement in requirements:
            assert re.fullmatch(r"[a-z0-9-]+( >?=?[\d.]+)?", requirement), requirement
