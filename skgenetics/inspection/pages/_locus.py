"""One locus of a report: its static picture, and an interactive one of its variants.

The interactive picture is made by Bokeh. Pointing at a variant tells what is known of it, and
pressing a member of a credible set colors the others by their r2 with the lead of that set.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.inspection.displays._lead_ld import minus_log10_p, r2_with
from skgenetics.inspection.displays._locus import R2_LABELS, LocusDisplay
from skgenetics.inspection.displays._locus_sets import lead_of_set
from skgenetics.inspection.displays._style import (
    EDGE,
    NEUTRAL,
    ORDERED_COLORS,
    category_style,
    position_label,
)
from skgenetics.inspection.displays._tracks import (
    RECOMBINATION_COLOR,
    RECOMBINATION_LABEL,
    Tracks,
    lay_out_tracks,
)
from skgenetics.inspection.displays._trait_locus import TraitLocusDisplay, strongest_trait
from skgenetics.inspection.pages._page import (
    packed_json,
    paragraphs,
    picture,
    static_picture,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, first_names

if TYPE_CHECKING:
    from pandas import DataFrame

    from skgenetics.utils._typing import ArrayLike

_MARKERS = {  # of displays: what Bokeh calls them, and as a letter
    "o": ("circle", "○"), "s": ("square", "□"), "^": ("triangle", "△"), "D": ("diamond", "◇"),
    "v": ("inverted_triangle", "▽"), "P": ("plus", "✚"), "X": ("x", "✕"), "<": ("star", "☆"),
}  # fmt: skip
_LIVE_BYTES = 1_000_000  # of the interactive pictures of a page
_LITTLE_EVIDENCE = 1e-3  # PIP below which a variant may be left out of an interactive picture
_BYTES_PER_VARIANT = 75  # of its numbers and name, as text
_TRACK_INCHES = 4.0  # width for which genes are laid out: also a narrow screen is readable

_RECOLOR = """
const chosen = source.selected.indices[0];
const set = chosen === undefined ? 0 : Math.max(source.data.set[chosen], 0);
const r2 = source.data["r2_" + set] ?? source.data.r2_0;
if (r2 !== undefined) {
  source.data.color = Array.from(r2, (r) => colors[Math.min(Math.floor(r / 20), 4)]);
  source.change.emit();
}
"""


class LocusView(NamedTuple):
    """What a report shows of a locus."""

    name: str
    text: str  # what the picture shows, in words
    image: str  # the static picture, a PNG in base64
    display: LocusDisplay
    r2: np.ndarray  # (0, n) or (1 + n_sets, n): with the strongest variant, and the lead of each


def locus_display(
    variants: DataFrame,
    sets: DataFrame,
    trait_variants: DataFrame | None = None,
    trait_effects: DataFrame | None = None,
    **given: Any,
) -> LocusDisplay:
    """Return the picture of the tables of one locus, of one trait or of several.

    The LD is `ld`, of several populations a list, or that of the dosages `X`.
    """
    if trait_variants is None or trait_effects is None:
        return LocusDisplay.from_frame(variants, sets, **given)
    return TraitLocusDisplay.from_frames(variants, trait_variants, sets, trait_effects, **given)


def locus_view(
    name: str, display: LocusDisplay, X: ArrayLike | None, ld: ArrayLike | None
) -> LocusView:
    """Return what a report shows of a locus, whose LD is given as dosages, as r, or not at all."""
    leads = [display.lead, *leads_of_sets(display)]
    if isinstance(ld, list):  # of populations: that of the lead variant
        ld = np.nan_to_num(ld[strongest_trait(display.z)])
    r2 = [r2_with(lead, len(display.z), X, ld) for lead in leads]
    known = [values for values in r2 if values is not None]
    columns = np.stack(known) if known else np.empty((0, len(display.z)))
    return LocusView(name, _in_words(name, display), static_picture(display), display, columns)


def leads_of_sets(display: LocusDisplay) -> list[int]:
    """Return the variant that leads each credible set."""
    return [lead_of_set(reported, display.pip) for reported in display.credible_sets]


def _in_words(name: str, display: LocusDisplay) -> str:
    """Return what a picture shows, for those who do not see it."""
    names, lead = variant_names(display), display.lead
    strength = max(minus_log10_p(z)[lead] for z in strongest_first(display))
    parts = [
        f"Locus {name}: {count_of(len(display.z), 'variant')} by position, strongest {names[lead]} "
        f"with -log10 p {strength:.1f}"
    ]
    found = zip(display.credible_sets, leads_of_sets(display), strict=True)
    for number, (reported, best) in enumerate(found, start=1):
        size = count_of(len(reported["variants"]), "variant")
        parts.append(
            f"credible set {number} of {size}, lead {names[best]} with PIP {display.pip[best]:.2f}"
        )
    if len(parts) == 1:
        parts.append("no credible set")
    genes = [gene.name for gene in _tracks(display).genes]
    if genes:
        parts.append(f"{'genes' if len(genes) > 1 else 'gene'} {first_names(genes, 10)}")
    return "; ".join(parts) + "."


def _tracks(display: LocusDisplay) -> Tracks:
    """Return what is drawn below the panels."""
    limits = (display.positions.min() / 1e6, display.positions.max() / 1e6)
    if limits[0] == limits[1]:
        limits = (limits[0] - 0.001, limits[1] + 0.001)
    return lay_out_tracks(display.genes, display.genetic_map, limits, _TRACK_INCHES)


def strongest_first(display: LocusDisplay) -> list[np.ndarray]:
    """Return the z (n_variants,) of each scan, those of the lead variant's strongest first."""
    known = [np.nan_to_num(z) for z in display.scans().values()]
    return sorted(known, key=lambda z: -abs(z[display.lead]))


def variant_names(display: LocusDisplay) -> np.ndarray:
    """Return the names of the variants, or their positions."""
    if display.names is not None:
        return display.names.astype(str)
    return np.array([f"{position:,} bp" for position in display.positions])


def shown_variants(display: LocusDisplay, n_bytes: float) -> np.ndarray:
    """Return the indices of the variants that an interactive picture of `n_bytes` holds.

    Those of a credible set, with PIP of .001 or more, or most associated come first; among the
    others, as many as fit, evenly along the locus.
    """
    n = len(display.z)
    room = max(200, int(n_bytes / _BYTES_PER_VARIANT))
    if n <= room:
        return np.arange(n)
    needed = display.pip >= _LITTLE_EVIDENCE
    for reported in display.credible_sets:
        needed[np.asarray(reported["variants"])] = True
    size = np.max(np.abs(strongest_first(display)), axis=0)
    strongest = np.argsort(-size, kind="stable")[: room // 2]
    needed[strongest] = True
    others = np.flatnonzero(~needed)
    some = max(0, room - int(needed.sum()))
    if some and len(others):
        chosen = np.unique(np.linspace(0, len(others) - 1, some).round().astype(int))
        needed[others[chosen]] = True
    return np.flatnonzero(needed)


def interactive_picture(view: LocusView, shown: np.ndarray, target: str) -> dict[str, Any]:
    """Return the picture of the variants `shown` for Bokeh's ``embed_item``."""
    plotting = import_optional("bokeh.plotting", extra="report")
    models = import_optional("bokeh.models", extra="report")
    layouts = import_optional("bokeh.layouts", extra="report")
    embed = import_optional("bokeh.embed", extra="report")
    display = view.display
    source = models.ColumnDataSource(_columns(view, shown))
    tips = [
        ("variant", "@name"),
        ("position", "@x{0.000000} Mb"),
        *scan_tips(display),
        ("PIP", "@pip{0.000}"),
        ("credible set", "@set_name"),
    ]
    if len(view.r2):
        tips.append(("r2 with the strongest", "@r2_0{0}%"))
    plots: list[Any] = []
    scans = display.scans()
    height = 260 if len(scans) == 1 else 170
    for height, label, column in (
        *((height, label, f"y{k}") for k, label in enumerate(scans)),
        (220, "Posterior inclusion probability", "pip"),
    ):
        plot = plotting.figure(
            height=height, sizing_mode="stretch_width", output_backend="canvas",
            tools="xpan,xwheel_zoom,box_zoom,tap,reset,save", y_axis_label=label,
        )  # fmt: skip
        if plots:
            plot.x_range = plots[0].x_range
        points = plot.scatter(
            "x", column, source=source, size=7, fill_color="color", line_color=EDGE,
            line_width=0.4, nonselection_fill_alpha=1.0, nonselection_line_alpha=1.0,
        )  # fmt: skip
        plot.add_tools(models.HoverTool(renderers=[points], tooltips=tips))
        _ring_sets(plot, source, column, len(display.credible_sets), models)
        plots.append(plot)
    tracks = _tracks(display)
    if tracks.rates is not None:
        plots.append(_rates_plot(*tracks.rates, plots[0].x_range, plotting))
    if tracks.genes:
        plots.append(_genes_plot(tracks, plots[0].x_range, plotting))
    plots[-1].xaxis.axis_label = position_label(display.chromosome, display.build)
    recolor = models.CustomJS(args={"source": source, "colors": ORDERED_COLORS}, code=_RECOLOR)
    source.selected.js_on_change("indices", recolor)
    grid = layouts.gridplot(
        [[plot] for plot in plots], sizing_mode="stretch_width", toolbar_options={"logo": None}
    )
    item = embed.json_item(grid, target)
    return dict(item)


def scan_tips(display: LocusDisplay) -> list[tuple[str, str]]:
    """Return what pointing at a variant tells of its associations, z and -log10 p of each scan."""
    scans = list(display.scans())
    if len(scans) == 1:
        return [("z", "@z0{0.00}"), ("-log10 p", "@y0{0.0}")]
    return [(label, f"@y{k}{{0.0}} (z @z{k}{{0.00}})") for k, label in enumerate(scans)]


def _rates_plot(ends: np.ndarray, rates: np.ndarray, x_range: Any, plotting: Any) -> Any:
    """Return the panel of recombination."""
    plot = plotting.figure(
        height=90, sizing_mode="stretch_width", x_range=x_range, tools="", output_backend="canvas",
        y_axis_label=RECOMBINATION_LABEL,
    )  # fmt: skip
    known = np.isfinite(rates)
    middle = (ends[1:] + ends[:-1])[known] / 2
    plot.step(
        middle.astype(np.float32), rates[known].astype(np.float32), mode="center",
        line_color=RECOMBINATION_COLOR,
    )  # fmt: skip
    plot.y_range.start = 0
    plot.yaxis[0].ticker.desired_num_ticks = 3
    return plot


def _genes_plot(tracks: Tracks, x_range: Any, plotting: Any) -> Any:
    """Return the panel of genes."""
    genes = tracks.genes
    plot = plotting.figure(
        height=50 + 24 * tracks.n_rows, sizing_mode="stretch_width", x_range=x_range, tools="",
        y_range=(tracks.n_rows - 0.5, -0.9), output_backend="canvas", y_axis_label="Genes",
    )  # fmt: skip
    rows = np.array([gene.row for gene in genes])
    left, right = (np.array([getattr(gene, key) for gene in genes]) for key in ("left", "right"))
    plot.segment(left, rows, right, rows, line_width=3, line_color=EDGE)
    for strand, tips, angle in (("+", right, -np.pi / 2), ("-", left, np.pi / 2)):
        chosen = [gene.strand == strand for gene in genes]
        plot.scatter(tips[chosen], rows[chosen], size=8, marker="triangle", angle=angle, color=EDGE)
    plot.text(
        [gene.text_x for gene in genes], rows - 0.2, text=[gene.name for gene in genes],
        text_align=[gene.text_side for gene in genes], text_font_size="12px",
    )  # fmt: skip
    plot.yaxis.ticker = []
    plot.ygrid.visible = False
    return plot


def _columns(view: LocusView, shown: np.ndarray) -> dict[str, Any]:
    """Return the columns of the interactive picture."""
    display = view.display
    number = np.zeros(len(display.z), dtype=np.int32)
    for k, reported in enumerate(display.credible_sets, start=1):
        number[np.asarray(reported["variants"])] = k
    columns = {
        "x": (display.positions / 1e6)[shown],
        "pip": display.pip[shown].astype(np.float32),
        "name": variant_names(display)[shown].tolist(),
        "set": number[shown],
        "set_name": ["none" if k == 0 else str(k) for k in number[shown].tolist()],
        "color": [NEUTRAL] * len(shown),
    }
    for k, z in enumerate(display.scans().values()):
        columns[f"y{k}"] = minus_log10_p(z)[shown].astype(np.float32)
        columns[f"z{k}"] = z[shown].astype(np.float32)
    for k, r2 in enumerate(np.round(100 * view.r2[:, shown]).astype(np.uint8)):
        columns[f"r2_{k}"] = r2
    if len(view.r2):
        bins = np.minimum(columns["r2_0"] // 20, 4)
        columns["color"] = [ORDERED_COLORS[k] for k in bins.tolist()]
    return columns


def _ring_sets(plot: Any, source: Any, column: str, n_sets: int, models: Any) -> None:
    """Draw open markers around the members of each credible set."""
    for k in range(1, n_sets + 1):
        color, marker = category_style(k - 1)
        view = models.CDSView(filter=models.GroupFilter(column_name="set_name", group=str(k)))
        plot.scatter(
            "x", column, source=source, view=view, size=13, marker=_MARKERS[marker][0],
            fill_color=None, line_color=color, line_width=1.6,
            nonselection_line_alpha=1.0,
        )  # fmt: skip


def _legend(view: LocusView) -> str:
    """Return what the colors and the markers of the interactive picture mean."""
    parts = []
    if len(view.r2):
        bins = zip(ORDERED_COLORS, R2_LABELS, strict=True)
        parts = ["r² with the lead:", *(_sign("●", color, label) for color, label in bins)]
    for number, reported in enumerate(view.display.credible_sets):
        color, marker = category_style(number)
        size = count_of(len(reported["variants"]), "variant")
        parts.append(_sign(_MARKERS[marker][1], color, f"set {number + 1} ({size})"))
    return f'<p class="legend live">{" ".join(parts)}</p>' if parts else ""


def _sign(sign: str, color: str, label: str) -> str:
    """Return a colored sign and what it means."""
    return f'<span><b style="color:{color}" aria-hidden="true">{sign}</b> {label}</span>'


def library_script() -> str:
    """Return the part of Bokeh that runs in the browser."""
    resources = import_optional("bokeh.resources", extra="report")
    return str(resources.Resources(mode="inline", components=["bokeh"]).js_raw[0])


def anchor(number: int) -> str:
    """Return where the picture of a locus is found on the page."""
    return f"locus-{number}"


def locus_pictures(
    views: Sequence[LocusView],
    *,
    notes: Mapping[str, Sequence[str]],
    doubtful: Collection[str] = (),
) -> str:
    """Return the pictures of all loci, closed but for the first, with notes on each by name."""
    parts = []
    for k, view in enumerate(views):
        shown = shown_variants(view.display, _LIVE_BYTES / len(views))
        left_out = len(view.display.z) - len(shown)
        hint = "Point at a variant for its numbers; drag to move, scroll to zoom."
        if len(view.r2) > 1:
            hint += " Press a member of a set to color by r² with its lead."
        if left_out:
            hint += f" {count_of(left_out, 'variant')} of little evidence are not in this picture."
        doubt = '<span class="doubt">doubtful</span>' * (view.name in doubtful)
        parts.append(
            f'<details id="{anchor(k)}"{" open" if k == 0 else ""}><summary>'
            f'<h3>{html.escape(view.name)}</h3>{doubt}</summary><div class="inside">'
            + paragraphs(line.strip() for line in notes.get(view.name, ()))
            + f'<div class="card"><div class="live" id="live-{k}" data-item="item-{k}" '
            f'role="img" aria-label="{html.escape(view.text)}"></div>{_legend(view)}'
            f'<div class="replaced">{picture(view.image, view.text)}</div></div>'
            f'<p class="note live">{html.escape(hint)}</p></div></details>'
            + packed_json(interactive_picture(view, shown, f"live-{k}"), f"item-{k}")
        )
    return "".join(parts)
