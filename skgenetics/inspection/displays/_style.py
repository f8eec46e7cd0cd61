"""The one style of all Displays: colors safe for color-blind readers, and markers for grey print.

Sources: Okabe and Ito (2008), "Color Universal Design", for categories. The colors of ordered
bins darken from bin to bin, so that their order survives in grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.inspection.displays._base import import_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

CATEGORY_COLORS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
CATEGORY_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
ORDERED_COLORS = ("#D5DDEB", "#85B7E0", "#D18F1F", "#B8421F", "#560A30")
RISING_COLORS = ("#FFFFFF", "#85B7E0", "#0072B2", "#002A42")  # of values from 0
SIGNED_COLORS = ("#8F3F00", "#F0A267", "#FFFFFF", "#56A7D8", "#00507D")  # of values about 0
NEUTRAL = "#B0B0B0"
EDGE = "#555555"
INK = "#333333"
VARIANT_AXIS = "Variant (column of X)"


def category_style(index: int) -> tuple[str, str]:
    """Return the color and the marker of a category; the first 56 pairs differ."""
    color = CATEGORY_COLORS[index % len(CATEGORY_COLORS)]
    return color, CATEGORY_MARKERS[index % len(CATEGORY_MARKERS)]


def color_map(colors: tuple[str, ...]) -> Any:
    """Return the color map that runs through `colors`."""
    return import_matplotlib("colors").LinearSegmentedColormap.from_list("values", colors)


def color_scale(values: np.ndarray) -> dict[str, Any]:
    """Return color map and limits for `values`: from 0 up, or about 0 if some are negative."""
    largest = max(abs(values).max(), 1e-300)
    if values.min() < 0:
        return {"cmap": color_map(SIGNED_COLORS), "vmin": -largest, "vmax": largest}
    return {"cmap": color_map(RISING_COLORS), "vmin": 0.0, "vmax": largest}


def scatter_style(n_points: int) -> dict[str, Any]:
    """Return the area and the edges of points: smaller and rasterized if there are many."""
    area = float(np.clip(12_000 / n_points, 9, 26))
    return {"s": area, "linewidths": 0.3, "edgecolors": EDGE, "rasterized": n_points > 2000}


def root_figure(ax: Axes) -> Figure:
    """Return the figure that holds `ax`; of axes in a subfigure, the outermost one."""
    return ax.figure.figure


def size_in_inches(ax: Axes) -> tuple[float, float]:
    """Return the width and the height of `ax` in inches."""
    box = ax.get_window_extent()
    return box.width / ax.figure.dpi, box.height / ax.figure.dpi


def open_frame(ax: Axes, *hidden: str) -> None:
    """Hide the upper and right lines of the frame of `ax`, and those named in `hidden`."""
    ax.spines[["top", "right", *hidden]].set_visible(False)


def write_title(ax: Axes, title: str | None) -> None:
    """Write a title, unless None, above the left end of `ax`."""
    if title is not None:
        ax.set_title(title, loc="left")


def name_point(
    ax: Axes, x: float, y: float, name: str, *, points_above: float, near_edge: float
) -> None:
    """Write a name above a point, to its side within the share `near_edge` of an end of `ax`."""
    low, high = ax.get_xlim()
    place = (x - low) / (high - low)
    ax.annotate(
        name,
        (x, y),
        xytext=(0, points_above),
        textcoords="offset points",
        ha="left" if place < near_edge else "right" if place > 1 - near_edge else "center",
        va="bottom",
        fontsize="small",
    )


def span_with_margins(x: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis of positions `x` in Mb, a little beyond the outermost."""
    margin = 0.02 * (np.ptp(x) or 0.001)
    return x.min() - margin, x.max() + margin


def position_label(chromosome: str | int | None, build: str | None) -> str:
    """Return the label of an axis of positions in Mb."""
    place = "Position"
    if chromosome is not None:
        place += f" on chromosome {str(chromosome).removeprefix('chr')}"
    return f"{place} (Mb)" if build is None else f"{place} (Mb, {build})"


def outer_legend(ax: Axes, **keywords: Any) -> Legend:
    """Put a legend to the right of `ax`, where it covers no data."""
    return ax.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
        title_fontsize="small",
        alignment="left",
        handletextpad=0.6,
        **keywords,
    )


def spread(x: np.ndarray, gap: float, high: float) -> np.ndarray:
    """Return `x` moved as little to the right as keeps a `gap` between neighbors, below `high`."""
    order = np.argsort(x, kind="stable")
    steps = gap * np.arange(len(x))
    moved = np.empty(len(x))
    moved[order] = np.maximum.accumulate(x[order] - steps) + steps
    moved[order] = np.minimum(moved[order], high - steps[::-1])
    return moved
