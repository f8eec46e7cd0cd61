"""GeneLocusDisplay: the genes of one locus of a transcriptome-wide association study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np

from skgenetics.inspection.displays._base import Display, as_text
from skgenetics.inspection.displays._gene_manhattan import _numbers
from skgenetics.inspection.displays._style import (
    EDGE,
    INK,
    NEUTRAL,
    RISING_COLORS,
    color_map,
    open_frame,
    scatter_style,
    write_title,
)
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_NAMED = 8  # genes at most
_GENE_AREA = 60.0


class GeneLocusDisplay(Display):
    """The genes of one locus, over the variants that test them.

    A square is a gene in a tissue at its place: as high as its abs(z), as dark as its posterior
    probability (PIP). Small points are the abs(z) of the variants. The genes of the largest PIP
    are named, down to a tenth of it, or those of the largest abs(z) if there are no PIPs.

    Parameters
    ----------
    base_pair_location : array-like of shape (n_genes,)
        Place of each gene, all on one chromosome.
    z : array-like of shape (n_genes,)
        z of the genes.
    pip : array-like of shape (n_genes,), default=None
        Posterior probability that the gene acts on the trait.
    names : array-like of shape (n_genes,), default=None
        Names of the genes.
    variant_location : array-like of shape (n_variants,), default=()
        Place of each variant.
    variant_z : array-like of shape (n_variants,), default=()
        z of the variants.
    title : str, default=None
        Such as the name of the locus.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If the columns differ in length, there is no gene, or places or z are not finite.

    See Also
    --------
    GeneManhattanDisplay : All genes along the genome.
    LocusDisplay : Picture of one fine-mapped locus of variants.
    skgenetics.association.finemap_genes : Which gene of a locus.

    Examples
    --------
    >>> from skgenetics.inspection import GeneLocusDisplay
    >>> display = GeneLocusDisplay(
    ...     [1_000_000, 1_300_000],
    ...     [6.1, -4.8],
    ...     pip=[0.97, 0.02],
    ...     names=["A", "B"],
    ...     variant_location=[990_000, 1_010_000],
    ...     variant_z=[6.0, 3.2],
    ... )
    >>> display.plot().ax_.get_ylabel()
    'abs(z)'
    """

    def __init__(
        self,
        base_pair_location: ArrayLike,
        z: ArrayLike,
        *,
        pip: ArrayLike | None = None,
        names: ArrayLike | None = None,
        variant_location: ArrayLike = (),
        variant_z: ArrayLike = (),
        title: str | None = None,
    ):
        self.base_pair_location = np.asarray(base_pair_location, dtype=float)
        self.z = np.asarray(z, dtype=float)
        self.pip = None if pip is None else np.asarray(pip, dtype=float)
        self.names = as_text(names)
        self.variant_location = np.asarray(variant_location, dtype=float)
        self.variant_z = np.asarray(variant_z, dtype=float)
        self.title = title
        self._check_columns("base_pair_location", "z")
        self._check_shape(self.z.shape, "gene", "pip", "names")
        self._check_shape(self.variant_location.shape, "variant", "variant_z")
        self._check_finite("base_pair_location", "z", "pip", "variant_location", "variant_z")

    @classmethod
    def from_frame(
        cls, frame: DataFrame, *, genes: DataFrame, variants: DataFrame, locus: str
    ) -> Self:
        """Make the display of a locus of :func:`skgenetics.association.finemap_genes`.

        Parameters
        ----------
        frame : pandas.DataFrame
            The table of `finemap_genes`.
        genes, variants : pandas.DataFrame
            The tables of genes and of variants of :func:`skgenetics.association.twas`.
        locus : str
            Which locus, as the column locus of `frame` names it.

        Returns
        -------
        display : GeneLocusDisplay
        """
        rows = frame[frame["locus"] == locus]
        if not len(rows):
            raise ValueError(
                f"locus must be one of {', '.join(frame['locus'].unique())[:200]}; got {locus!r}."
            )
        keys = ["gene", "tissue"]
        genes = rows.merge(genes[[*keys, "base_pair_location"]], on=keys, how="left")
        variants = variants.merge(rows[keys], on=keys)
        variants = variants[variants["used"]].drop_duplicates("variant_id")
        symbols, several = genes["gene_name"].fillna(""), genes["tissue"].nunique() > 1
        names = symbols.where(symbols != "", genes["gene"])
        if several:
            names = names + " (" + genes["tissue"] + ")"
        known = np.isfinite(_numbers(variants["z"]))
        return cls(
            _numbers(genes["base_pair_location"]),
            _numbers(genes["z"]),
            pip=_numbers(genes["pip"]),
            names=names,
            variant_location=_numbers(variants["base_pair_location"])[known],
            variant_z=_numbers(variants["z"])[known],
            title=locus,
        )

    def _figure_size(self) -> tuple[float, float]:
        """Return the size of a locus."""
        return 7.5, 3.6

    def _draw(self, ax: Axes) -> None:
        """Draw variants, genes and names."""
        places = self.variant_location / 1e6
        style = scatter_style(max(len(places), 1000))
        ax.scatter(places, np.abs(self.variant_z), c=NEUTRAL, label="variants", **style)
        x, y = self.base_pair_location / 1e6, np.abs(self.z)
        shades = (
            {} if self.pip is None else {"cmap": color_map(RISING_COLORS), "vmin": 0, "vmax": 1}
        )
        colors = NEUTRAL if self.pip is None else self.pip
        points = ax.scatter(
            x, y, c=colors, s=_GENE_AREA, marker="s", edgecolors=EDGE, linewidths=0.6, **shades
        )
        if self.pip is not None:
            ax.figure.colorbar(points, ax=ax, label="PIP of the gene", fraction=0.05, pad=0.02)
        self._name_genes(ax, x, y)
        ax.set_xlabel("Position (Mb)")
        ax.set_ylabel("abs(z)")
        ax.margins(x=0.05, y=0.18)
        ax.set_ylim(bottom=0)
        write_title(ax, self.title)
        open_frame(ax)

    def _name_genes(self, ax: Axes, x: np.ndarray, y: np.ndarray) -> None:
        """Write the names of the strongest genes."""
        if self.names is None:
            return
        strength = y if self.pip is None else self.pip
        for place in np.argsort(-strength, kind="stable")[:_NAMED]:
            if strength[place] < 0.1 * strength.max():
                break
            ax.annotate(
                self.names[place],
                (x[place], y[place]),
                xytext=(0, 6),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize="x-small",
                fontstyle="italic",
                color=INK,
            )
