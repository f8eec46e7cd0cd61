"""Pictures in files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from skgenetics.utils._optional import import_optional


def without_pictures() -> list[str]:
    """Return a note on why there are no pictures, or nothing if they can be drawn."""
    try:
        import_optional("matplotlib.pyplot", extra="plots")
    except ImportError as error:
        return [f"No pictures: {error}"]
    return []


def browser_lines(files: Iterable[str]) -> list[str]:
    """Return a line for each report among the files that a command has written."""
    return [f"Open in a browser: {file}" for file in files if file.endswith("report.html")]


def check_report(asked: bool) -> None:
    """Raise ImportError naming the extra if a report is asked for and cannot be made."""
    if asked:  # before hours of work
        import_optional("bokeh", extra="report")
        import_optional("matplotlib", extra="report")


def draw_into(path: Path, display: Any) -> None:
    """Draw a display of `skgenetics.inspection` into a file."""
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    figure = display.plot().figure_
    figure.savefig(path, dpi=150, bbox_inches="tight")
    pyplot.close(figure)
