"""What is drawn below the panels of a locus: rates of recombination, and genes.

Genes are arrows along the strand with names at the start. Rates are means over short stretches of
equal length, so that they do not depend on how densely a map is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.inspection.displays._style import CATEGORY_COLORS, INK, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RECOMBINATION_LABEL = "cM/Mb"
RECOMBINATION_COLOR = CATEGORY_COLORS[0]
GAP_INCHES = 0.15  # between panels
_LETTER_INCHES = 0.078
_GENE_ROW_INCHES, _RATES_INCHES = 0.28, 0.75
_N_STRETCHES = 400  # of which recombination is averaged

Gene = Mapping[str, Any]  # name, start and, if known, end (base pairs) and strand ("+" or "-")


class PlacedGene(NamedTuple):
    """A gene and its place in the panel, in Mb."""

    name: str
    strand: str | None
    left: float
    right: float
    text_x: float  # of the name
    text_side: str  # "left" or "right": the end of the name that stands at text_x
    row: int


class Tracks(NamedTuple):
    """What is drawn below the panels of a locus."""

    rates: tuple[np.ndarray, np.ndarray] | None  # of recombination, see `recombination_rates`
    genes: list[PlacedGene]

    @property
    def n_rows(self) -> int:
        """Number of rows of genes."""
        return 1 + max((gene.row for gene in self.genes), default=-1)

    @property
    def heights(self) -> list[float]:
        """Heights of the panels of rates and of genes, those that there are, in inches."""
        rates = [_RATES_INCHES] if self.rates is not None else []
        return rates + ([_GENE_ROW_INCHES * self.n_rows] if self.genes else [])

    @property
    def inches(self) -> float:
        """Height of all, with gaps above and between them."""
        return sum(self.heights) + 1.5 * GAP_INCHES * len(self.heights)


def genes_on(genes: Any, chromosome: str | int | None) -> list[Gene]:
    """Return genes, given as one, several or a data frame, without those of other chromosomes."""
    if genes is None:
        return []
    if hasattr(genes, "to_dict"):
        genes = [
            {key: value for key, value in gene.items() if value == value}  # NaN is unknown
            for gene in genes.to_dict("records")
        ]
    listed = [genes] if isinstance(genes, Mapping) else list(genes)
    return [gene for gene in listed if _is_on(gene.get("chromosome"), chromosome)]


def _is_on(found: Any, chromosome: str | int | None) -> bool:
    """Whether a name of a chromosome is that of the locus, or either is not known."""
    if found is None or chromosome is None:
        return True
    return str(found).removeprefix("chr") == str(chromosome).removeprefix("chr")


def map_on(genetic_map: Any, chromosome: str | int | None) -> tuple[np.ndarray, np.ndarray] | None:
    """Return positions (Mb) and centimorgans of the chromosome of the locus, if there are two."""
    if genetic_map is None:
        return None
    missing = {"base_pair_location", "cm"} - set(genetic_map)
    if missing:
        raise ValueError(
            f"genetic_map has no {' and '.join(sorted(missing))}; expected what "
            "skgenetics.io.read_genetic_map returns."
        )
    position = np.asarray(genetic_map["base_pair_location"], dtype=float) / 1e6
    cm = np.asarray(genetic_map["cm"], dtype=float)
    if "chromosome" in genetic_map:
        here = [_is_on(name, chromosome) for name in genetic_map["chromosome"]]
        position, cm = position[here], cm[here]
    if (np.diff(position) < 0).any() or (np.diff(cm) < 0).any():
        raise ValueError("genetic_map must rise in base_pair_location and cm.")
    return (position, cm) if len(position) > 1 else None


def recombination_rates(
    position: np.ndarray, cm: np.ndarray, limits: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends (m + 1,) of stretches within `limits`, and the rates (m,) of recombination.

    Positions are in Mb, and rates in cM per Mb. Stretches beyond the ends of the map are NaN.
    """
    ends = np.linspace(*limits, _N_STRETCHES + 1)
    known = np.interp(ends, position, cm, left=np.nan, right=np.nan)
    return ends, np.diff(known) / np.diff(ends)


def lay_out_tracks(
    genes: Sequence[Gene],
    genetic_map: tuple[np.ndarray, np.ndarray] | None,
    limits: tuple[float, float],
    inches: float,
) -> Tracks:
    """Return what is drawn within `limits` (Mb) in panels `inches` wide."""
    rates = None if genetic_map is None else recombination_rates(*genetic_map, limits)
    if rates is not None and np.isnan(rates[1]).all():
        rates = None
    return Tracks(rates, lay_out_genes(genes, limits, inches))


def draw_tracks(
    ax: Axes, tracks: Tracks, place: tuple[float, float, float, float], shared: Axes
) -> list[Axes]:
    """Draw the tracks into a `place` (left, bottom, width, height) of `ax`; return their panels."""
    left, bottom, width, height = place
    panels: list[Axes] = []
    unit = height / tracks.inches if tracks.heights else 0.0
    top = bottom + height
    for inches in tracks.heights:
        top -= unit * (1.5 * GAP_INCHES + inches)
        panels.append(ax.inset_axes((left, top, width, unit * inches), sharex=shared))
    if tracks.rates is not None:
        _plot_rates(panels[0], *tracks.rates)
    if tracks.genes:
        plot_genes(panels[-1], tracks.genes, tracks.n_rows)
    return panels


def _plot_rates(ax: Axes, ends: np.ndarray, rates: np.ndarray) -> None:
    """Draw rates of recombination as steps."""
    ax.stairs(rates, ends, color=RECOMBINATION_COLOR, linewidth=0.9)
    ax.set_ylim(0, None)
    ax.locator_params(axis="y", nbins=3)
    ax.set_ylabel(RECOMBINATION_LABEL)
    open_frame(ax)


def check_genes(genes: Sequence[Gene]) -> None:
    """Raise ValueError if a gene lacks an entry that is drawn, or contradicts itself."""
    for gene in genes:
        if "name" not in gene or "start" not in gene:
            raise ValueError(f"Each gene needs 'name' and 'start'; got {gene}.")
        if gene.get("end", gene["start"]) < gene["start"]:
            raise ValueError(
                f"Gene {gene['name']} ends before it starts; give start < end, and the "
                "direction as strand='-'."
            )
        if gene.get("strand") not in (None, "+", "-"):
            raise ValueError(
                f"strand of gene {gene['name']} must be '+' or '-'; got {gene['strand']!r}."
            )


def lay_out_genes(
    genes: Sequence[Gene], limits: tuple[float, float], inches: float
) -> list[PlacedGene]:
    """Return the genes within `limits` (Mb), in rows in which none overlap.

    `inches` is the width of the panel. A name stands at its gene's start.
    """
    low, high = limits
    row_ends: list[float] = []
    placed = []
    for gene in sorted(genes, key=lambda gene: gene["start"]):
        left, right = gene["start"] / 1e6, gene.get("end", gene["start"]) / 1e6
        if right < low or left > high:
            continue
        left, right = max(left, low), min(right, high)
        backward = gene.get("strand") == "-"
        text_width = _LETTER_INCHES * (len(gene["name"]) + 1) * (high - low) / inches
        text_left = right - text_width if backward else left
        text_left = max(low, min(text_left, high - text_width))
        text_right = text_left + text_width
        begin, end = min(left, text_left), max(right, text_right)
        row = next((r for r, row_end in enumerate(row_ends) if row_end <= begin), len(row_ends))
        row_ends[row : row + 1] = [end]
        text_x, side = (text_right, "right") if backward else (text_left, "left")
        placed.append(PlacedGene(gene["name"], gene.get("strand"), left, right, text_x, side, row))
    return placed


def plot_genes(ax: Axes, placed: Sequence[PlacedGene], n_rows: int) -> None:
    """Draw each gene as a line with an arrowhead at its end, its name above its start."""
    for gene in placed:
        ends = {"+": (">", gene.right), "-": ("<", gene.left)}
        marker, tip = ends.get(gene.strand or "", ("|", gene.left))
        line, row = [gene.left, gene.right], gene.row
        ax.plot(line, [row, row], color=INK, linewidth=2, solid_capstyle="butt")
        ax.plot(tip, row, color=INK, marker=marker, markersize=6)
        ax.text(
            gene.text_x, row - 0.25, gene.name, fontsize="small", ha=gene.text_side, va="bottom"
        )
    ax.set_ylim(n_rows - 0.6, -0.95)
    ax.set_yticks([])
    ax.set_ylabel("Genes", rotation=0, ha="right", va="center")
    open_frame(ax, "left")
