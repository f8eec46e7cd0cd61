"""A page of HTML that needs no other file: its frame, tables, and static pictures.

Tables and pictures are readable without JavaScript and on paper; with it, tables sort and filter.
"""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from skgenetics._version import __version__
from skgenetics.inspection.displays._base import import_matplotlib
from skgenetics.utils._optional import import_optional
from skgenetics.utils._writing import atomic_path

if TYPE_CHECKING:
    from pandas import DataFrame

    from skgenetics.inspection.displays._base import Display

_DPI = 75
_COLORS = 48  # of a static picture, of which they save most of the bytes


class Section(NamedTuple):
    """A heading and the HTML below it."""

    title: str
    body: str


def paragraphs(lines: Iterable[str]) -> str:
    """Return lines of text as paragraphs."""
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


def bullets(lines: Sequence[str]) -> str:
    """Return lines of text as a list."""
    return "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"


def table(frame: DataFrame, caption: str, *, links: Sequence[str] | None = None) -> str:
    """Return a data frame as a table that sorts by any column and filters by words.

    Numbers are shown to three digits and sort by their values. `links` are the anchors that the
    cells of the first column lead to.
    """
    heads = "".join(
        f'<th scope="col"><button type="button">{html.escape(str(name))}</button></th>'
        for name in frame.columns
    )
    rows = []
    for number, values in enumerate(frame.itertuples(index=False)):
        cells = [_cell(value) for value in values]
        if links is not None:
            text, rank = cells[0]
            cells[0] = (f'<a href="#{links[number]}">{text}</a>', rank)
        rows.append(
            "<tr>"
            + "".join(f'<td data-rank="{html.escape(rank)}">{text}</td>' for text, rank in cells)
            + "</tr>"
        )
    return (
        '<div class="sortable"><label class="filter">Show rows with <input type="search"> '
        "(press the head of a column to sort)</label>"
        f"<table><caption>{html.escape(caption)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(value: Any) -> tuple[str, str]:
    """Return what a cell shows, and what it sorts by."""
    if value is None or str(value) in ("nan", "<NA>"):
        return "", ""
    if isinstance(value, bool) or str(value) in ("True", "False"):
        return ("yes", "1") if bool(value) else ("no", "0")
    if isinstance(value, str):
        return html.escape(value), value
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}", str(int(value))
    return f"{float(value):.3g}", repr(float(value))


def file_links(names: Iterable[str]) -> str:
    """Return links to files beside the page."""
    links = (
        f'<li><a href="{html.escape(name)}" download>{html.escape(name)}</a></li>' for name in names
    )
    return f"<ul>{''.join(links)}</ul>"


def static_picture(display: Display) -> str:
    """Return a display, drawn, as the base64 text of a PNG of few colors."""
    pyplot = import_matplotlib("pyplot")
    image = import_optional("PIL.Image", extra="plots")
    figure = display.plot().figure_.figure
    whole, small = io.BytesIO(), io.BytesIO()
    figure.savefig(whole, dpi=_DPI, bbox_inches="tight", facecolor="white")
    pyplot.close(figure)
    drawn = image.open(whole).convert("RGB")
    few = drawn.quantize(  # by coverage: small points keep the colors that say something
        _COLORS, method=image.Quantize.MAXCOVERAGE, dither=image.Dither.NONE
    )
    few.save(small, format="PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


def picture(encoded: str, text: str) -> str:
    """Return a static picture with the text that says what it shows."""
    return f'<img class="static" alt="{html.escape(text)}" src="data:image/png;base64,{encoded}">'


def packed(text: str, identifier: str) -> str:
    """Return an element that keeps a text for scripts, packed: half to a third of its bytes."""
    encoded = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return f'<script type="text/plain" id="{identifier}">{encoded}</script>'


def packed_json(content: Any, identifier: str) -> str:
    """Return an element that keeps data for scripts."""
    return packed(json.dumps(content, separators=(",", ":")), identifier)


def write_page(
    path: str | Path,
    title: str,
    sections: Sequence[Section],
    *,
    library: str = "",
) -> Path:
    """Write a page, under a temporary name until it is whole.

    `library` is the script that draws interactive pictures, if there are any.
    """
    folder = files(__package__)
    body = "".join(
        f'<section id="part-{number}"><h2>{html.escape(section.title)}</h2>{section.body}</section>'
        for number, section in enumerate(sections)
    )
    contents = "".join(
        f'<a href="#part-{number}">{html.escape(section.title)}</a>'
        for number, section in enumerate(sections)
    )
    text = (
        '<!DOCTYPE html><html lang="en" class="plain"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title>"
        f"<style>{folder.joinpath('page.css').read_text(encoding='utf-8')}</style></head><body>"
        f'<header><h1>{html.escape(title)}</h1><nav aria-label="Parts">{contents}</nav></header>'
        f"<main>{body}</main>"
        f"<footer>Made by skgenetics {html.escape(__version__)}.</footer>"
        + (packed(library, "library") if library else "")
        + f"<script>{folder.joinpath('page.js').read_text(encoding='utf-8')}</script>"
        "</body></html>\n"
    )
    with atomic_path(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
    return Path(path)
