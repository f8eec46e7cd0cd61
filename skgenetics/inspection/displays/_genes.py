"""The panel of genes: arrows along the strand, names at the start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from skgenetics.inspection.displays._style import INK, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER_INCHES = 0.078

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
        text_width = LETTER_INCHES * (len(gene["name"]) + 1) * (high - low) / inches
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
