"""The panel of genes: arrows along the strand, names at the start."""

from skgenetics.inspection._style import INK, open_frame

LETTER_INCHES = 0.078


def lay_out_genes(genes, limits, inches):
    """Return (gene, left, right, name's x, name's side, row) of genes in view, none overlapping.

    Lengths are in Mb; `inches` is the width of the panel. A name stands at its gene's start.
    """
    low, high = limits
    free_from, placed = [], []
    for gene in sorted(genes, key=lambda gene: gene["start"]):
        left, right = gene["start"] / 1e6, gene.get("end", gene["start"]) / 1e6
        if right < low or left > high:
            continue
        left, right = max(left, low), min(right, high)
        text_width = LETTER_INCHES * (len(gene["name"]) + 1) * (high - low) / inches
        text_left = right - text_width if gene.get("strand") == "-" else left
        text_left = max(low, min(text_left, high - text_width))
        begin, end = min(left, text_left), max(right, text_left + text_width)
        row = next((r for r, free in enumerate(free_from) if free <= begin), len(free_from))
        free_from[row : row + 1] = [end]
        if gene.get("strand") == "-":
            placed.append((gene, left, right, text_left + text_width, "right", row))
        else:
            placed.append((gene, left, right, text_left, "left", row))
    return placed


def plot_genes(ax, placed, n_rows):
    """Draw each gene as a line with an arrowhead at its end, its name above its start."""
    for gene, left, right, text_x, side, row in placed:
        marker, tip = {"+": (">", right), "-": ("<", left)}.get(gene.get("strand"), ("|", left))
        ax.plot([left, right], [row, row], color=INK, linewidth=2, solid_capstyle="butt")
        ax.plot(tip, row, color=INK, marker=marker, markersize=6)
        ax.text(text_x, row - 0.25, gene["name"], fontsize="small", ha=side, va="bottom")
    ax.set_ylim(n_rows - 0.6, -0.95)
    ax.set_yticks([])
    ax.set_ylabel("Genes", rotation=0, ha="right", va="center")
    open_frame(ax, "left")
