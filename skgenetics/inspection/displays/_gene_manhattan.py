"""GeneManhattanDisplay: the associations of genes along the genome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.stats import norm

from skgenetics.inspection.displays._base import Display, as_text
from skgenetics.inspection.displays._style import (
    CATEGORY_COLORS,
    EDGE,
    INK,
    NEUTRAL,
    open_frame,
    scatter_style,
)
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GAP = 0.01  # between chromosomes, of the width of all
_NAMED = 12  # genes at most


class GeneManhattanDisplay(Display):
    """Manhattan plot of genes: the z of each, up or down, along the genome.

    One point is a gene in a tissue. Chromosomes alternate in color, and the strongest significant
    genes are named. A line on either side marks z of the level `threshold`.

    Parameters
    ----------
    chromosome : array-like of shape (n_genes,)
        In any order; numbers come first.
    base_pair_location : array-like of shape (n_genes,)
        Place of each gene.
    z : array-like of shape (n_genes,)
        Positive if higher predicted expression goes with more of the trait.
    names : array-like of shape (n_genes,), default=None
        Names of the genes.
    threshold : float, default=None
        abs(z) of a significant gene. None: of p < 0.05, corrected for the number of points
        (Bonferroni).

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If the columns differ in length or are empty, or places or z are not finite.

    See Also
    --------
    LocusDisplay : Picture of one fine-mapped locus.
    skgenetics.association.twas : Tests of genes.

    Examples
    --------
    >>> from skgenetics.inspection import GeneManhattanDisplay
    >>> display = GeneManhattanDisplay.from_frame(
    ...     {
    ...         "chromosome": ["1", "1", "2"],
    ...         "base_pair_location": [1_000_000, 90_000_000, 5_000_000],
    ...         "gene": ["A", "B", "C"],
    ...         "z": [0.3, -5.1, 1.2],
    ...     }
    ... )
    >>> display.plot().ax_.get_ylabel()
    'z of the gene'
    """

    def __init__(
        self,
        chromosome: ArrayLike,
        base_pair_location: ArrayLike,
        z: ArrayLike,
        *,
        names: ArrayLike | None = None,
        threshold: float | None = None,
    ):
        self.chromosome = np.asarray(chromosome).astype(str)
        self.base_pair_location = np.asarray(base_pair_location, dtype=float)
        self.z = np.asarray(z, dtype=float)
        self.names = as_text(names)
        self.threshold = threshold
        self._check_columns("chromosome", "base_pair_location", "z")
        self._check_shape(self.z.shape, "gene", "names")
        self._check_finite("base_pair_location", "z")

    @classmethod
    def from_frame(cls, frame: Any, *, threshold: float | None = None) -> Self:
        """Make the display from the table of :func:`skgenetics.association.twas`.

        Parameters
        ----------
        frame : data frame or mapping of columns
            With the columns chromosome, base_pair_location, z, gene and, if known, gene_name. Rows
            without a place or z are left out.
        threshold : float, optional
            As of the class.

        Returns
        -------
        display : GeneManhattanDisplay
        """
        column = {name: frame[name] for name in ("chromosome", "base_pair_location", "z", "gene")}
        place, z = (_numbers(column[name]) for name in ("base_pair_location", "z"))
        drawn = np.isfinite(place) & np.isfinite(z)
        names = np.asarray(column["gene"]).astype(str)
        if "gene_name" in frame:
            given = np.asarray(frame["gene_name"], dtype=object)
            symbols = np.array([name if isinstance(name, str) else "" for name in given], dtype=str)
            names = np.where(symbols != "", symbols, names)
        chromosome = np.asarray(column["chromosome"]).astype(str)
        return cls(
            chromosome[drawn], place[drawn], z[drawn], names=names[drawn], threshold=threshold
        )

    def significant_z(self) -> float:
        """Return the abs(z) of the lines.

        Returns
        -------
        z : float
        """
        return self.threshold or float(norm.isf(0.05 / 2 / len(self.z)))

    def _figure_size(self) -> tuple[float, float]:
        """Return a wide figure."""
        return 9.0, 3.6

    def _draw(self, ax: Axes) -> None:
        """Draw the points, the lines and the names."""
        x, ticks = self._along_the_genome()
        colors = np.array([NEUTRAL, EDGE])
        order = {name: number for number, name in enumerate(ticks)}
        number = np.array([order[name] for name in self.chromosome])
        level = self.significant_z()
        strong = np.abs(self.z) > level
        style = scatter_style(len(x))
        ax.scatter(x[~strong], self.z[~strong], c=colors[number[~strong] % 2], **style)
        ax.scatter(x[strong], self.z[strong], c=CATEGORY_COLORS[1], **style)
        for y in (-level, level):
            ax.axhline(y, color=INK, linewidth=0.6, linestyle="--")
        ax.axhline(0, color=INK, linewidth=0.6)
        self._name_genes(ax, x, strong)
        ax.set_xticks(list(ticks.values()), list(ticks), fontsize="small")
        ax.tick_params(axis="x", length=0)
        ax.set_xlabel("Chromosome")
        ax.set_ylabel("z of the gene")
        ax.margins(x=0.02, y=0.15)
        open_frame(ax)

    def _along_the_genome(self) -> tuple[np.ndarray, dict[str, float]]:
        """Return the place of each gene on the axis, and the middle of each chromosome."""
        names = sorted(
            set(self.chromosome),
            key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name),
        )
        spans = {}
        for name in names:
            place = self.base_pair_location[self.chromosome == name]
            spans[name] = (place.min(), max(place.max() - place.min(), 1.0))
        gap = _GAP * sum(span for _, span in spans.values())
        x, ticks, left = np.empty(len(self.z)), {}, 0.0
        for name, (first, span) in spans.items():
            here = self.chromosome == name
            x[here] = left + self.base_pair_location[here] - first
            ticks[name] = left + span / 2
            left += span + gap
        return x, ticks

    def _name_genes(self, ax: Axes, x: np.ndarray, strong: np.ndarray) -> None:
        """Write the names of the strongest significant genes, each once."""
        if self.names is None:
            return
        named: set[str] = set()
        for place in np.argsort(-np.abs(self.z), kind="stable"):
            if not strong[place] or len(named) == _NAMED:
                return
            if self.names[place] not in named:
                named.add(self.names[place])
                up = self.z[place] > 0
                ax.annotate(
                    self.names[place],
                    (x[place], self.z[place]),
                    xytext=(0, 4 if up else -4),
                    textcoords="offset points",
                    ha="center",
                    va="bottom" if up else "top",
                    fontsize="x-small",
                    fontstyle="italic",
                    color=INK,
                )


def _numbers(column: Any) -> np.ndarray:
    """Return a column as numbers, NaN where missing."""
    if hasattr(column, "to_numpy") and hasattr(column, "isna"):
        return column.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(column, dtype=float)
