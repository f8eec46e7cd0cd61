"""The one style of all Displays: colors safe for color-blind readers, and markers for grey print.

Sources: Okabe and Ito (2008), "Color Universal Design", for categories. The colors of ordered
bins darken from bin to bin, so their order survives in grey.
"""

from skgenetics.utils._optional import import_optional

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


def category_style(index):
    """Return a category's color and marker; 7 and 8 share no divisor, so 56 pairs differ."""
    color = CATEGORY_COLORS[index % len(CATEGORY_COLORS)]
    return color, CATEGORY_MARKERS[index % len(CATEGORY_MARKERS)]


def color_scale(values):
    """Return color map and limits for `values`: from 0 up, or, with negative ones, about 0."""
    colors = import_optional("matplotlib.colors", extra="plots")
    largest = max(abs(values).max(), 1e-300)
    if values.min() < 0:
        named, low = SIGNED_COLORS, -largest
    else:
        named, low = RISING_COLORS, 0.0
    return {
        "cmap": colors.LinearSegmentedColormap.from_list("values", named),
        "vmin": low,
        "vmax": largest,
    }


def new_axes(width, height):
    """Return the axes of a new figure of `width` x `height` inches."""
    pyplot = import_optional("matplotlib.pyplot", extra="plots")
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def size_in_inches(ax):
    """Return the width and the height of `ax` in inches."""
    box = ax.get_window_extent()
    return box.width / ax.figure.dpi, box.height / ax.figure.dpi


def open_frame(ax, *hidden):
    """Hide the upper and right lines of the frame of `ax`, and those named in `hidden`."""
    ax.spines[["top", "right", *hidden]].set_visible(False)


def position_label(chromosome, build):
    """Return the label of an axis of positions in Mb."""
    place = "Position"
    if chromosome is not None:
        place += f" on chromosome {str(chromosome).removeprefix('chr')}"
    return f"{place} (Mb)" if build is None else f"{place} (Mb, {build})"


def outer_legend(ax, **options):
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
        **options,
    )
