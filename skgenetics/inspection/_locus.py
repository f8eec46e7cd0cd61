"""LocusDisplay: association, PIPs, credible sets and genes of one fine-mapped locus."""

import numpy as np
from scipy.sparse import issparse
from scipy.stats import norm
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._genes import lay_out_genes, plot_genes
from skgenetics.inspection._style import (
    EDGE,
    INK,
    NEUTRAL,
    ORDERED_COLORS,
    category_style,
    new_axes,
    open_frame,
    outer_legend,
    position_label,
    size_in_inches,
)
from skgenetics.utils._arrays import column_blocks, to_numpy

_R2_LABELS = ("0.0–0.2", "0.2–0.4", "0.4–0.6", "0.6–0.8", "0.8–1.0")
_WIDTH, _HEIGHT = 8.5, 5.4  # inches, without genes
_LEGEND_INCHES = 1.75
_GAP_INCHES = 0.15
_GENE_ROW_INCHES = 0.28


class LocusDisplay:
    """Picture of one fine-mapped locus.

    Panels above one another share the position on the chromosome: -log10 p of each variant alone,
    colored by its LD with the lead variant; the posterior inclusion probabilities (PIP) with the
    credible sets; and, where given, the genes.

    Parameters
    ----------
    positions : array-like of shape (n_variants,)
        Positions of the variants, in base pairs.
    z : array-like of shape (n_variants,)
        z-scores of the variants, each alone. The lead variant has the largest absolute z-score.
    pip : array-like of shape (n_variants,)
        Posterior inclusion probabilities.
    credible_sets : list of dict, default=()
        Each with "variants" (indices), "coverage" and "min_abs_r", as `FinemapMiXeR` reports them.
    r2 : array-like of shape (n_variants,), default=None
        Squared correlation with the lead variant; None draws grey points.
    names : array-like of shape (n_variants,), default=None
        Names of the variants; None names the lead variant by its position.
    genes : dict or list of dict, default=()
        Each with "name", "start" and, if known, "end" (base pairs, start < end) and "strand" ("+"
        or "-"). Genes outside the range of the positions are not drawn.
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
    axes_ : ndarray of matplotlib Axes, shape (2,) or (3,)
        The panels, from the top: association, PIP and, where there are genes, genes; after `plot`.
    figure_ : matplotlib Figure
        The figure of `axes_`, after `plot`.

    Raises
    ------
    ValueError
        Where shapes differ, values are not finite or outside their range, or a credible set or a
        gene lacks what is drawn of it.

    See Also
    --------
    ScoresDisplay : Scores of several models on several targets.

    Notes
    -----
    p-values are two-sided and from the logarithm of the normal tail, so that they do not underflow
    at large z-scores. The PIP axis ends at 1, or, where no PIP exceeds 0.3, at the largest PIP.

    Examples
    --------
    >>> from skgenetics.inspection import LocusDisplay
    >>> display = LocusDisplay([100_000, 200_000], z=[5.0, 1.0], pip=[0.9, 0.1], chromosome=22)
    >>> display.plot().axes_[1].get_xlabel()
    'Position on chromosome 22 (Mb)'
    """

    def __init__(
        self,
        positions,
        z,
        pip,
        *,
        credible_sets=(),
        r2=None,
        names=None,
        genes=(),
        chromosome=None,
        build=None,
        title=None,
    ):
        self.positions = np.asarray(positions)
        self.z = to_numpy(z)
        self.pip = to_numpy(pip)
        self.credible_sets = list(credible_sets)
        self.r2 = None if r2 is None else to_numpy(r2)
        self.names = None if names is None else np.asarray(names, dtype=object)
        self.genes = [genes] if isinstance(genes, dict) else list(genes or ())
        self.chromosome = chromosome
        self.build = build
        self.title = title
        self._validate()

    @classmethod
    def from_estimator(
        cls,
        estimator,
        *,
        positions,
        X=None,
        ld=None,
        genes=None,
        chromosome=None,
        build=None,
        title=None,
    ):
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : FinemapMiXeR or Pipeline
            Fitted, with `pip_`, `z_` and `credible_sets_`; of a pipeline, the last step.
        positions : array-like of shape (n_variants,)
            Positions of the variants the estimator was fitted to, in base pairs.
        X : array-like of shape (n_samples, n_variants), default=None
            Dosages from which the LD with the lead variant is computed, without a float copy of
            integers. NaN and negative integers are missing calls: their variant's mean stands in.
        ld : array-like or sparse matrix of shape (n_variants, n_variants), default=None
            Correlations of the variants, instead of `X`. Without both, points are grey.
        genes : dict or list of dict, default=None
            Genes, as the class says.
        chromosome : str or int, default=None
            Name of the chromosome, for the axis.
        build : str, default=None
            Genome build of the positions, for the axis.
        title : str, default=None
            Title of the picture.

        Returns
        -------
        display : LocusDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            Where the estimator is not fitted.
        TypeError
            Where a fitted estimator has no PIPs, z-scores or credible sets.
        ValueError
            Where both `X` and `ld` are given, and as the class says.
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
        if X is not None and ld is not None:
            raise ValueError("Give X or ld, not both: each gives the LD with the lead variant.")
        r2 = None
        if X is not None:
            r2 = _r2_from_dosages(to_numpy(X), z)
        elif ld is not None:
            r2 = _r2_from_ld(ld if issparse(ld) else to_numpy(ld), z)
        return cls(
            positions,
            z,
            estimator.pip_,
            credible_sets=estimator.credible_sets_,
            r2=r2,
            names=getattr(estimator, "feature_names_in_", None),
            genes=genes,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    def plot(self, ax=None):
        """Draw the locus.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes whose area the panels and legends fill, at least some 6 x 4 inches; None makes a
            figure.

        Returns
        -------
        display : LocusDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        own_figure = ax is None
        if own_figure:
            ax = new_axes(_WIDTH, _HEIGHT)
        ax.set_axis_off()
        width, height = size_in_inches(ax)
        has_legend = self.r2 is not None or bool(self.credible_sets)
        panel_width = 1 - _LEGEND_INCHES / width if has_legend else 1.0
        x = self.positions / 1e6
        margin = 0.02 * (np.ptp(x) or 0.001)
        limits = x.min() - margin, x.max() + margin
        genes = lay_out_genes(self.genes, limits, width * panel_width)
        n_rows = 1 + max((row for *_, row in genes), default=-1)
        gene_inches = _GENE_ROW_INCHES * n_rows + 1.5 * _GAP_INCHES if genes else 0.0
        if own_figure:
            ax.figure.set_size_inches(_WIDTH, _HEIGHT + gene_inches)
            height += gene_inches
        bottom, gap = min(gene_inches / height, 0.5), _GAP_INCHES / height
        top = (1 - bottom - gap) / 2
        upper = ax.inset_axes([0, 1 - top, panel_width, top])
        lower = ax.inset_axes([0, bottom, panel_width, top], sharex=upper)
        axes = [upper, lower]
        upper.set_xlim(limits)
        self._plot_association(upper, x)
        self._plot_pip(lower, x)
        if genes:
            axes.append(ax.inset_axes([0, 0, panel_width, bottom - gap], sharex=upper))
            plot_genes(axes[-1], genes, n_rows)
        for panel in axes[:-1]:
            panel.tick_params(labelbottom=False)
        for panel in axes:
            panel.ticklabel_format(axis="x", useOffset=False)
        axes[-1].locator_params(axis="x", nbins=7)
        axes[-1].set_xlabel(position_label(self.chromosome, self.build))
        if self.title is not None:
            upper.set_title(self.title, loc="left")
        self.axes_, self.figure_ = np.array(axes, dtype=object), ax.figure
        return self

    @property
    def lead(self):
        """Index of the variant with the largest absolute z-score."""
        return int(np.argmax(np.abs(self.z)))

    def _plot_association(self, ax, x):
        """Draw -log10 p, colored by LD with the lead variant, and name the lead variant."""
        # 0 + turns the -0.0 of a p-value of 1 into 0.0
        height = 0 - (norm.logsf(np.abs(self.z)) + np.log(2)) / np.log(10)
        self._scatter(ax, x, height)
        for number, variants in enumerate(self._set_variants()):
            self._ring(ax, variants, x, height, *category_style(number))
        lead = self.lead
        ax.set_ylim(-0.04 * max(height[lead], 1), 1.2 * max(height[lead], 1))
        low, high = ax.get_xlim()
        place = (x[lead] - low) / (high - low)
        side = "left" if place < 0.25 else "right" if place > 0.75 else "center"
        if self.names is not None:
            name = str(self.names[lead])
        else:
            name = f"{self.positions[lead]:,} bp"
        ax.annotate(
            name,
            (x[lead], height[lead]),
            xytext=(0, 9),
            textcoords="offset points",
            ha=side,
            va="bottom",
            fontsize="small",
        )
        ax.set_ylabel("$-\\log_{10}\\,p$ of single variants")
        open_frame(ax)
        if self.r2 is not None:
            handles, labels = ax.get_legend_handles_labels()
            outer_legend(
                ax, handles=handles[::-1], labels=labels[::-1], title="r² with the lead variant"
            )

    def _plot_pip(self, ax, x):
        """Draw the PIPs and number the credible sets above the panel's points."""
        self._scatter(ax, x, self.pip)
        top = 1.0 if self.pip.max() > 0.3 else max(self.pip.max(), 0.01)
        sets = self._set_variants()
        best = np.array([v[np.argmax(self.pip[v])] for v in sets], dtype=int)
        low, high = ax.get_xlim()
        text_x = _spread(x[best], 0.03 * (high - low), high)
        handles, labels = [], []
        for number, (variants, lead) in enumerate(zip(sets, best)):
            color, marker = category_style(number)
            handles.append(self._ring(ax, variants, x, self.pip, color, marker))
            report, size = self.credible_sets[number], len(variants)
            labels.append(
                f"{number + 1}: {size} variant{'s' if size > 1 else ''}\n"
                f"coverage {report['coverage']:.2f}, min |r| {report['min_abs_r']:.2f}"
            )
            ax.annotate(
                str(number + 1),
                (x[lead], self.pip[lead]),
                xytext=(text_x[number], 1.13 * top),
                ha="center",
                va="bottom",
                color=color,
                fontsize="small",
                fontweight="bold",
                arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.8, "shrinkB": 5},
            )
        ax.set_ylim(-0.04 * top, 1.25 * top)
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= 1.001 * top])
        ax.set_ylabel("Posterior inclusion\nprobability (PIP)")
        open_frame(ax)
        if sets:
            legend = outer_legend(ax, handles=handles, labels=labels, title="Credible sets")
            for handle in legend.legend_handles:
                handle.set_sizes([36])

    def _scatter(self, ax, x, height):
        """Draw one point a variant: a color a bin of r2, the lead variant as a diamond."""
        size = self._point_size()
        others = np.arange(len(x)) != self.lead
        options = {"s": size, "linewidths": 0.3, "edgecolors": EDGE, "rasterized": len(x) > 2000}
        if self.r2 is None:
            ax.scatter(x[others], height[others], c=NEUTRAL, **options)
            color = INK
        else:
            bins = np.minimum((self.r2 * 5).astype(int), 4)
            for number, (color, label) in enumerate(zip(ORDERED_COLORS, _R2_LABELS)):
                chosen = others & (bins == number)
                ax.scatter(x[chosen], height[chosen], c=color, label=label, **options)
        ax.scatter(
            x[[self.lead]],
            height[[self.lead]],
            c=color,
            s=3 * size,
            marker="D",
            linewidths=0.8,
            edgecolors="black",
            zorder=3,
            label="lead variant",
        )

    def _ring(self, ax, variants, x, height, color, marker):
        """Draw open markers around the points of a credible set, wide around the diamond."""
        return ax.scatter(
            x[variants],
            height[variants],
            s=np.where(variants == self.lead, 4, 1) * max(2 * self._point_size(), 32),
            marker=marker,
            facecolors="none",
            edgecolors=color,
            linewidths=1.1,
            zorder=4,
        )

    def _point_size(self):
        """Return the area of a point, in square points: smaller where there are many."""
        return float(np.clip(12_000 / len(self.z), 9, 26))

    def _set_variants(self):
        """Return the indices of each credible set's variants."""
        return [to_numpy(report["variants"]).astype(int) for report in self.credible_sets]

    def _validate(self):
        """Raise ValueError where the parts do not describe one locus."""
        shape = self.positions.shape
        if len(shape) != 1 or shape[0] == 0:
            raise ValueError(f"positions must be 1-D, one a variant, at least 1; got {shape}.")
        for name in ("z", "pip", "r2", "names"):
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise ValueError(
                    f"{name} must have shape {shape}, one value a position; got {value.shape}."
                )
        for name in ("positions", "z", "pip", "r2"):
            value = getattr(self, name)
            if value is not None and not np.all(np.isfinite(value)):
                raise ValueError(f"{name} holds NaN or infinity.")
        for name, value in (("pip", self.pip), ("r2", self.r2)):
            if value is not None and (value.min() < -1e-6 or value.max() > 1 + 1e-6):
                raise ValueError(f"{name} must lie in [0, 1]; got {value.min()} to {value.max()}.")
        for number, report in enumerate(self.credible_sets, start=1):
            missing = {"variants", "coverage", "min_abs_r"} - set(report)
            if missing:
                raise ValueError(f"Credible set {number} has no {', '.join(sorted(missing))}.")
            variants = to_numpy(report["variants"])
            if variants.size == 0 or variants.min() < 0 or variants.max() >= shape[0]:
                raise ValueError(
                    f"Credible set {number} must hold indices from 0 to {shape[0] - 1}; "
                    f"got {variants.tolist()}."
                )
        for gene in self.genes:
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


def _r2_from_dosages(X, z):
    """Return r2 of every column of X with the lead; 0 where a column does not vary."""
    if X.ndim != 2 or X.shape[1] != len(z):
        raise ValueError(
            f"X must have one column for each of the {len(z)} fitted variants; got shape {X.shape}."
        )
    missing_codes = np.issubdtype(X.dtype, np.signedinteger)
    lead = int(np.argmax(np.abs(z)))
    lead = _centered(X[:, [lead]].astype(float), missing_codes)[:, 0]
    r2 = np.empty(len(z))
    for columns, block in column_blocks(X, np, np.float64):
        block = _centered(block, missing_codes)
        scale = np.sum(block**2, axis=0) * (lead @ lead)
        r2[columns] = (lead @ block) ** 2 / np.where(scale > 0, scale, 1.0)
    return np.minimum(r2, 1.0)


def _centered(block, missing_codes):
    """Return the columns minus the means of their calls, with 0 for missing calls."""
    called = block >= 0 if missing_codes else ~np.isnan(block)
    mean = np.where(called, block, 0.0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
    return np.where(called, block - mean, 0.0)


def _r2_from_ld(ld, z):
    """Return r2 with the lead from its row of a dense or sparse matrix of correlations."""
    if ld.shape != (len(z), len(z)):
        raise ValueError(
            f"ld must have shape ({len(z)}, {len(z)}), the fitted variants; got {ld.shape}."
        )
    row = ld[[int(np.argmax(np.abs(z)))], :]
    row = row.toarray() if issparse(row) else row
    return np.minimum(row[0].astype(float) ** 2, 1.0)


def _spread(x, gap, high):
    """Return `x` moved as little to the right as keeps a `gap` between neighbors, below `high`."""
    order = np.argsort(x, kind="stable")
    steps = gap * np.arange(len(x))
    moved = np.empty(len(x))
    moved[order] = np.maximum.accumulate(x[order] - steps) + steps
    moved[order] = np.minimum(moved[order], high - steps[::-1])
    return moved
