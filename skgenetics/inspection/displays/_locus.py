"""LocusDisplay: association, PIPs, credible sets and genes of one fine-mapped locus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display, import_matplotlib
from skgenetics.inspection.displays._lead_ld import (
    genotypes_or_ld,
    lead_of,
    minus_log10_p,
    r2_with,
)
from skgenetics.inspection.displays._locus_sets import (
    check_positions,
    check_sets,
    lead_of_set,
    set_label,
    sets_in_frame,
)
from skgenetics.inspection.displays._per_variant import fitted_variants, in_fitted_order
from skgenetics.inspection.displays._style import (
    INK,
    NEUTRAL,
    ORDERED_COLORS,
    category_style,
    name_point,
    open_frame,
    outer_legend,
    position_label,
    root_figure,
    scatter_style,
    size_in_inches,
    span_with_margins,
    spread,
    write_title,
)
from skgenetics.inspection.displays._tracks import (
    GAP_INCHES,
    Gene,
    Tracks,
    check_genes,
    draw_tracks,
    genes_on,
    lay_out_tracks,
    map_on,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from pandas import DataFrame

R2_LABELS = ("0.0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1.0")
_WIDTH, _HEIGHT = 8.5, 5.4  # inches, without genes
_LEGEND_INCHES, _NARROW_INCHES = 1.75, 6.0  # narrower axes have their legends below the panels
_LABEL_INCHES, _LEGEND_BELOW_INCHES = 0.55, 1.3  # labels of the positions, and legends below them
_LONG_LABEL_INCHES = (1.6, 1.1)  # heights of panels that have room for the label of z, and of PIPs
_SET_INCHES = 0.45  # width of "set 1"


class _Layout(NamedTuple):
    """Where the panels lie in the axes drawn into."""

    width: float  # of the panels; heights and widths are shares of the axes
    height: float  # of the panels of association and PIP, each
    gap: float  # between panels
    legend_height: float  # below the panels, 0 if legends are beside them
    track_height: float  # of recombination and genes, with gaps
    tracks: Tracks


class LocusDisplay(Display):
    """Picture of one fine-mapped locus.

    Two to four panels share the position on the chromosome. From the top: -log10 p of each single
    variant, colored by its LD with the lead variant; posterior inclusion probabilities (PIP) with
    credible sets; and recombination and genes, if they are given. The panels and their legends fill
    the axes drawn into, which should measure 3.5 x 4 inches at least. Axes narrower than 6 inches
    have the legends below the panels.

    Parameters
    ----------
    positions : array-like of shape (n_variants,)
        Positions of the variants, in base pairs.
    z : array-like of shape (n_variants,)
        Marginal z-scores of the variants. The lead variant has the largest absolute z-score.
    pip : array-like of shape (n_variants,)
        Posterior inclusion probabilities.
    credible_sets : list of dict, default=()
        Each with "variants" (indices), "coverage" and "min_abs_r", as `FinemapMiXeR` reports them.
    r2 : array-like of shape (n_variants,), default=None
        Squared correlation with the lead variant; None draws grey points.
    names : array-like of shape (n_variants,), default=None
        Names of the variants; None names the lead variant by its position.
    genes : dict, list of dict or pandas DataFrame, default=()
        Each with "name", "start" and, if known, "end" (base pairs, start < end), "strand" ("+" or
        "-") and "chromosome", as of :func:`skgenetics.io.read_genes`. Genes elsewhere are not
        drawn.
    genetic_map : pandas DataFrame, default=None
        Columns base_pair_location, cm and, if it is of several, chromosome, as of
        :func:`skgenetics.io.read_genetic_map`: its rates of recombination (cM/Mb) are drawn.
    chromosome : str or int, default=None
        Name of the chromosome, for the axis.
    build : str, default=None
        Genome build of the positions ("GRCh37", "GRCh38"), for the axis.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    lead : int
        Index of the lead variant.
    axes_ : ndarray of matplotlib Axes, shape (2,) to (4,)
        The panels of association, PIP and, if given, recombination and genes; after `plot`.
    ax_ : matplotlib Axes
        The axes that the panels fill, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite or outside their range, or a credible set or a
        gene lacks what is drawn of it.

    See Also
    --------
    ScoresDisplay : Scores of several models on several targets.

    Notes
    -----
    p-values are two-sided. They are computed from the logarithm of the normal tail, so they do not
    underflow at large z-scores. The PIP axis ends at 1, or at the largest PIP if that is below 0.3.

    Examples
    --------
    >>> from skgenetics.inspection import LocusDisplay
    >>> display = LocusDisplay([100_000, 200_000], z=[5.0, 1.0], pip=[0.9, 0.1], chromosome=22)
    >>> display.plot().axes_[1].get_xlabel()
    'Position on chromosome 22 (Mb)'
    """

    def __init__(
        self,
        positions: ArrayLike,
        z: ArrayLike,
        pip: ArrayLike,
        *,
        credible_sets: Sequence[Mapping[str, Any]] = (),
        r2: ArrayLike | None = None,
        names: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = (),
        genetic_map: DataFrame | None = None,
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
    ):
        self.positions = np.asarray(positions)
        self.z = to_numpy(z)
        self.pip = to_numpy(pip)
        self.credible_sets = list(credible_sets)
        self.r2 = None if r2 is None else to_numpy(r2)
        self.names = None if names is None else np.asarray(names, dtype=object)
        self.genes = genes_on(genes, chromosome)
        self.genetic_map = map_on(genetic_map, chromosome)
        self.chromosome = chromosome
        self.build = build
        self.title = title
        self._validate()

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        positions: ArrayLike,
        X: ArrayLike | None = None,
        ld: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = None,
        genetic_map: DataFrame | None = None,
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
    ) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : FinemapMiXeR or Pipeline
            Fitted, with `pip_`, `z_` and `credible_sets_`; of a pipeline, the last step.
        positions : array-like of shape (n_variants,)
            Positions of the variants the estimator was fitted to, in base pairs. They, X and ld
            are matched by names where both sides have some.
        X : array-like of shape (n_samples, n_variants), default=None
            Dosages from which the LD with the lead variant is computed, without a float copy of
            integers. NaN and negative integers are missing calls: their variant's mean stands in.
        ld : array-like or sparse matrix of shape (n_variants, n_variants), default=None
            Correlations of the variants, instead of `X`. Without both, points are grey.
        genes, genetic_map, chromosome, build, title
            As for the class.

        Returns
        -------
        display : LocusDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If a fitted estimator has no PIPs, z-scores or credible sets.
        ValueError
            If both `X` and `ld` are given, and as for the class.
        """
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        check_is_fitted(estimator)
        missing = [k for k in ("pip_", "z_", "credible_sets_") if not hasattr(estimator, k)]
        if missing:
            raise TypeError(
                f"LocusDisplay needs a fitted FinemapMiXeR; {type(estimator).__name__} has no "
                f"{', '.join(missing)}."
            )
        z = to_numpy(estimator.z_)
        return cls(
            in_fitted_order(positions, "positions", estimator),
            z,
            estimator.pip_,
            credible_sets=estimator.credible_sets_,
            r2=r2_with(lead_of(z), len(z), *genotypes_or_ld(X, ld, fitted_variants(estimator))),
            names=getattr(estimator, "feature_names_in_", None),
            genes=genes,
            genetic_map=genetic_map,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    @classmethod
    def from_frame(
        cls,
        variants: Any,
        credible_sets: Any,
        *,
        X: ArrayLike | None = None,
        ld: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = None,
        genetic_map: DataFrame | None = None,
        build: str | None = None,
        title: str | None = None,
    ) -> Self:
        """Make the display from tables of one locus, as of `finemap_loci`.

        Parameters
        ----------
        variants : pandas DataFrame
            Columns chromosome, base_pair_location, variant_id, rsid, z, pip and cs (the number of
            the credible set); one row per variant, in the order of the columns of `X` or `ld`.
        credible_sets : pandas DataFrame
            Columns cs, coverage and min_abs_r; one row per credible set.
        X, ld, genes, genetic_map, build, title
            As for `from_estimator`.

        Returns
        -------
        display : LocusDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If both `X` and `ld` are given, a position is missing, and as for the class.
        """
        check_positions(variants, title)
        z = variants["z"].to_numpy(dtype=float)
        return cls(
            variants["base_pair_location"].to_numpy(dtype=np.int64),
            z,
            variants["pip"].to_numpy(dtype=float),
            credible_sets=sets_in_frame(variants, credible_sets),
            r2=r2_with(lead_of(z), len(z), X, ld),
            names=variants["rsid"].fillna(variants["variant_id"]).to_numpy(dtype=object),
            genes=genes,
            genetic_map=genetic_map,
            chromosome=variants["chromosome"].iloc[0],
            build=build,
            title=title,
        )

    def _figure_size(self):
        """Return the size without genes."""
        return _WIDTH, _HEIGHT

    def _new_axes(self) -> Axes:
        """Return the axes of a new figure, which is the taller the more is drawn below."""
        ax = super()._new_axes()
        width, height = self._figure_size()
        root_figure(ax).set_size_inches(width, height + self._lay_out(ax).tracks.inches)
        return ax

    def _lay_out(self, ax: Axes) -> _Layout:
        """Return the layout of the panels in `ax`."""
        width, height = size_in_inches(ax)
        has_legend = self.r2 is not None or bool(self.credible_sets)
        is_narrow = has_legend and width < _NARROW_INCHES
        panel_width = 1 - _LEGEND_INCHES / width if has_legend and not is_narrow else 1.0
        legend_height = is_narrow * min((_LABEL_INCHES + _LEGEND_BELOW_INCHES) / height, 0.5)
        tracks = lay_out_tracks(self.genes, self.genetic_map, self._limits, width * panel_width)
        track_height, gap = min(tracks.inches / height, 0.5), GAP_INCHES / height
        panel_height = (1 - legend_height - track_height - gap) / 2
        return _Layout(panel_width, panel_height, gap, legend_height, track_height, tracks)

    def _draw(self, ax):
        """Draw the panels."""
        ax.set_axis_off()
        layout = self._lay_out(ax)
        width, height, bottom = layout.width, layout.height, layout.legend_height
        upper = ax.inset_axes((0, 1 - height, width, height))
        lower = ax.inset_axes((0, bottom + layout.track_height, width, height), sharex=upper)
        upper.set_xlim(self._limits)
        self._draw_association(upper)
        self._draw_pip(lower)
        self._finish(ax, layout, [upper, lower])

    def _finish(self, ax: Axes, layout: _Layout, panels: list[Axes]) -> None:
        """Draw the tracks below the panels, name the positions, and place legends."""
        place = (0, layout.legend_height, layout.width, layout.track_height)
        axes = [*panels, *draw_tracks(ax, layout.tracks, place, panels[0])]
        for panel in axes:
            panel.tick_params(labelbottom=panel is axes[-1])
            panel.ticklabel_format(axis="x", useOffset=False)
        axes[-1].locator_params(axis="x", nbins=7)
        axes[-1].set_xlabel(position_label(self.chromosome, self.build))
        write_title(axes[0], self.title)
        top = layout.legend_height - _LABEL_INCHES / size_in_inches(ax)[1]
        for panel, left in ((panels[0], -0.1), (panels[-1], 0.45)):
            if layout.legend_height and (legend := panel.get_legend()) is not None:
                legend.set_bbox_to_anchor((left, top), transform=ax.transAxes)
        self.axes_ = np.array(axes, dtype=object)

    @property
    def lead(self) -> int:
        """Index of the variant with the largest absolute z-score."""
        return lead_of(self.z)

    def scans(self) -> dict[str, np.ndarray]:
        """Return the z-scores (n_variants,) of each panel of associations, by its label."""
        return {"-log10 p of single variants": self.z}

    @property
    def _x(self) -> np.ndarray:
        """Positions in Mb."""
        return self.positions / 1e6

    @property
    def _limits(self) -> tuple[float, float]:
        """The ends of the axis of positions in Mb."""
        return span_with_margins(self._x)

    def _draw_association(self, ax: Axes) -> None:
        """Draw -log10 p, colored by LD with the lead variant, and name the lead variant."""
        log_p = minus_log10_p(self.z)
        self._draw_variants(ax, log_p, self.r2)
        for number, variants in enumerate(self._variants_of_sets()):
            self._ring(ax, variants, log_p, *category_style(number))
        lead = self.lead
        highest = max(log_p[lead], 1)
        ax.set_ylim(-0.04 * highest, 1.2 * highest)
        name = f"{self.positions[lead]:,} bp" if self.names is None else str(self.names[lead])
        name_point(ax, self._x[lead], log_p[lead], name, points_above=9, near_edge=0.25)
        low = size_in_inches(ax)[1] < _LONG_LABEL_INCHES[0]
        ax.set_ylabel("$-\\log_{10}\\,p$" + " of single variants" * (not low))
        open_frame(ax)
        self._name_colors(ax)

    def _name_colors(self, ax: Axes) -> None:
        """Say beside a panel of variants what their colors mean, if they have some."""
        if self.r2 is not None:
            handles, labels = ax.get_legend_handles_labels()
            outer_legend(
                ax, handles=handles[::-1], labels=labels[::-1], title="r² with the lead variant"
            )

    def _draw_pip(self, ax: Axes) -> None:
        """Draw the PIPs and the credible sets."""
        self._draw_variants(ax, self.pip, self.r2)
        top = 1.0 if self.pip.max() > 0.3 else max(self.pip.max(), 0.01)
        rings = self._draw_sets(ax, 1.13 * top)
        ax.set_ylim(-0.04 * top, 1.25 * top)
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.001 * top])
        low = size_in_inches(ax)[1] < _LONG_LABEL_INCHES[1]
        ax.set_ylabel("PIP" if low else "Posterior inclusion\nprobability (PIP)")
        open_frame(ax)
        if rings:
            labels = [
                set_label(number, reported)
                for number, reported in enumerate(self.credible_sets, start=1)
            ]
            legend = outer_legend(ax, handles=rings, labels=labels, title="Credible sets")
            import_matplotlib("artist").setp(legend.legend_handles, sizes=[36])

    def _draw_sets(self, ax: Axes, text_y: float) -> list[PathCollection]:
        """Ring the variants of each credible set, number the sets at `text_y`; return the rings."""
        sets = self._variants_of_sets()
        leads = np.array([lead_of_set(s, self.pip) for s in self.credible_sets], dtype=int)
        low, high = ax.get_xlim()
        gap = _SET_INCHES / size_in_inches(ax)[0] * (high - low)
        text_x = spread(self._x[leads], gap, high - gap / 2)
        rings = []
        for number, (variants, lead) in enumerate(zip(sets, leads)):
            color, marker = category_style(number)
            rings.append(self._ring(ax, variants, self.pip, color, marker))
            ax.annotate(
                f"set {number + 1}",
                (self._x[lead], self.pip[lead]),
                xytext=(text_x[number], text_y),
                ha="center",
                va="bottom",
                color=color,
                fontsize="small",
                fontweight="bold",
                arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkB": 5},
            )
        return rings

    def _draw_variants(self, ax: Axes, height: np.ndarray, r2: np.ndarray | None) -> None:
        """Draw one point per variant: a color per bin of r2, the lead variant as a diamond."""
        x, lead, style = self._x, self.lead, scatter_style(len(self.z))
        is_lead = np.arange(len(x)) == lead
        if r2 is None:
            ax.scatter(x[~is_lead], height[~is_lead], c=NEUTRAL, **style)
            lead_color = INK
        else:
            bins = np.minimum((r2 * 5).astype(int), 4)
            for number, (color, label) in enumerate(zip(ORDERED_COLORS, R2_LABELS)):
                chosen = ~is_lead & (bins == number)
                ax.scatter(x[chosen], height[chosen], c=color, label=label, **style)
            lead_color = ORDERED_COLORS[-1]
        ax.scatter(
            x[is_lead],
            height[is_lead],
            c=lead_color,
            s=3 * style["s"],
            marker="D",
            linewidths=0.8,
            edgecolors="black",
            zorder=5,  # above the rings
            label="lead variant",
        )

    def _ring(
        self, ax: Axes, variants: np.ndarray, height: np.ndarray, color: str, marker: str
    ) -> PathCollection:
        """Draw open markers around the points of a credible set, wide around the diamond."""
        area = max(2 * scatter_style(len(self.z))["s"], 32)
        return ax.scatter(
            self._x[variants],
            height[variants],
            s=np.where(variants == self.lead, 4 * area, area),
            marker=marker,
            facecolors="none",
            edgecolors=color,
            linewidths=1.1,
            zorder=4,
        )

    def _variants_of_sets(self) -> list[np.ndarray]:
        """Return the indices of each credible set's variants."""
        return [to_numpy(reported["variants"]).astype(int) for reported in self.credible_sets]

    def _check_z(self) -> None:
        """Raise ValueError unless there is a finite z for every position."""
        self._check_shape(self.positions.shape, "position", "z")
        self._check_finite("z")

    def _validate(self) -> None:
        """Raise ValueError if the parts do not describe one locus."""
        shape = self.positions.shape
        if len(shape) != 1 or shape[0] == 0:
            raise ValueError(f"positions must be 1-D, one per variant, at least 1; got {shape}.")
        self._check_z()
        self._check_shape(shape, "position", "pip", "r2", "names")
        self._check_finite("positions", "pip", "r2")
        for name in ("pip", "r2"):
            value = getattr(self, name)
            if value is not None and (value.min() < -1e-6 or value.max() > 1 + 1e-6):
                raise ValueError(f"{name} must lie in [0, 1]; got {value.min()} to {value.max()}.")
        check_sets(self.credible_sets, shape[0])
        check_genes(self.genes)
