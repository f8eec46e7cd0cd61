"""The reports of the commands in a browser: they sort, tell what is pointed at, and print."""

import json
import re
from html import unescape
from pathlib import Path

import pytest

from skgenetics.cli.main import main
from tests.browser import chromium, in_browser, title_after

pytest.importorskip("pandas")
pytest.importorskip("bokeh")

COMMANDS = {
    "finemap": ("finemap --demo --report --out run", "run.report.html"),
    "compare": (
        "compare --bfile study --pheno traits.tsv --pheno-name height --folds 2 --models RidgeCV "
        "FinemapMiXeR --out run --report",
        "run/report.html",
    ),
    "twas": ("twas --demo --report --out run", "run.report.html"),
}
# What the column of each head shows after one press of it and after two.
SORTED = """
const found = [];
for (const box of document.querySelectorAll(".sortable"))
  [...box.querySelectorAll("th button")].forEach((head, column) => {
    for (const order of ["up", "down"]) {
      head.click();
      found.push([order, [...box.querySelectorAll("tbody tr")]
        .map((row) => row.cells[column].textContent)]);
    }
  });
document.title = JSON.stringify(found);
"""
# The label of the strongest variant of the first picture, as it is pointed at.
HOVERED = """
const wait = setInterval(() => {
  const views = [];
  const walk = (view) => { views.push(view); (view.child_views ?? []).forEach(walk); };
  (window.Bokeh?.index?.roots ?? []).forEach(walk);
  const figure = views.find((view) => view.model.type === "Figure");
  if (figure === undefined || figure.frame.bbox.width === 0) return;
  clearInterval(wait);
  const data = figure.model.renderers[0].data_source.data;
  const best = [...data.y0].reduce((top, y, i) => y > data.y0[top] ? i : top, 0);
  const layer = figure.canvas.events_el, box = layer.getBoundingClientRect();
  const point = {bubbles: true, pointerType: "mouse", isPrimary: true,
    clientX: box.left + figure.frame.x_scale.compute(data.x[best]),
    clientY: box.top + figure.frame.y_scale.compute(data.y0[best])};
  layer.dispatchEvent(new PointerEvent("pointerenter", point));
  layer.dispatchEvent(new PointerEvent("pointermove", point));
  setTimeout(() => {
    const texts = [];
    const look = (root) => { for (const part of root.querySelectorAll("*")) {
      if (part.className === "bk-tooltip-content") texts.push(part.textContent);
      if (part.shadowRoot) look(part.shadowRoot);
    } };
    look(document);
    document.title = JSON.stringify([data.name[best], texts]);
  }, 1000);
}, 100);
"""
# By how much the tables and the page are wider than their place.
TOO_WIDE = """
const wide = [document.documentElement, ...document.querySelectorAll(".sortable")];
document.title = JSON.stringify(wide.map((part) => part.scrollWidth - part.clientWidth));
"""


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


@pytest.fixture
def page(request, command, tmp_path, monkeypatch):
    if command == "compare":
        request.getfixturevalue("study")
    monkeypatch.chdir(tmp_path)
    words, name = COMMANDS[command]
    assert main(words.split()) == 0
    return Path(name).resolve()


def value(text):
    """A cell's number, or its text; cells without a number are last in any order."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text


@in_browser
def test_report_sorts_hovers_and_prints(page, command, tmp_path):
    title, console = title_after(page, SORTED, tmp_path)
    columns = json.loads(unescape(title))
    assert len(columns) >= 6
    for order, cells in columns:
        shown = [value(cell) for cell in cells if cell]
        if all(isinstance(cell, float) for cell in shown):
            assert shown == sorted(shown, reverse=order == "down")
    assert command == "compare" or any(len(set(cells)) > 1 for _, cells in columns)
    if command != "twas":  # its pictures are static
        title, drawn = title_after(page, HOVERED, tmp_path)
        name, (told, *_) = json.loads(unescape(title))
        assert re.search(rf"variant: ?{name}", told)
        assert re.search(r"PIP: ?[01]\.\d+", told)
        assert any("document idle" in line for line in drawn)
        console += drawn
    assert not [line for line in console if "document idle" not in line]
    on_paper = tmp_path / "paper.html"
    on_paper.write_text(page.read_text().replace("@media print", "@media screen"))
    title, _ = title_after(on_paper, TOO_WIDE, tmp_path, width=700)  # letter, less its margins
    assert max(json.loads(title)) <= 0
    chromium(page, tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert re.search(rb"/Type /Page\b", printed)
    assert b"/Subtype /Image" in printed  # the static picture, or the canvas of the other
