"""FactorActivationDisplay: in which tissues each factor of expression acts."""

import numpy as np

from skgenetics.expression import factor_summary, tissue_clustering
from skgenetics.inspection._style import INK, ORDERED_COLORS, new_axes, size_in_inches
from skgenetics.inspection._tissues import check_labels, mark_groups
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_option

LABELS = {
    "strength": "Effect on expression\n(root mean square over genes, s.d.)",
    "mean": "Mean effect on expression\n(s.d.)",
}
FEW_FACTORS = 40  # that get a number each


class FactorActivationDisplay:
    """Matrix of tissues and factors: how strongly each factor acts in each tissue.

    Parameters
    ----------
    values : array-like of shape (n_tissues, n_factors)
        Effects: not negative for "strength", signed for "mean".
    kind : {"strength", "mean"}, default="strength"
        What the values are, for colors and their label.
    tissue_names : sequence of str of shape (n_tissues,), default=None
        Names of the rows. None: their numbers.
    groups : sequence of str of shape (n_tissues,), default=None
        Kind of each tissue, such as "brain": a marker beside its name.
    factor_names : sequence of shape (n_factors,), default=None
        Names of the columns. None: their numbers.
    n_active_variants : array-like of int of shape (n_factors,), default=None
        Number of variants that act on each factor, written above its column.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        Where values are no finite matrix, or shapes differ.

    See Also
    --------
    skgenetics.expression.factor_summary : The numbers.

    Examples
    --------
    >>> from skgenetics.inspection import FactorActivationDisplay
    >>> display = FactorActivationDisplay([[0.1, 0.4], [0.2, 0.0]], n_active_variants=[12, 3])
    >>> display.plot().ax_.get_xlabel()
    'Factor'
    """

    def __init__(
        self,
        values,
        *,
        kind="strength",
        tissue_names=None,
        groups=None,
        factor_names=None,
        n_active_variants=None,
    ):
        check_option(kind, "kind", tuple(LABELS))
        self.values = np.asarray(values, dtype=float)
        self.kind = kind
        if self.values.ndim != 2 or 0 in self.values.shape or not np.isfinite(self.values).all():
            raise ValueError(
                "values must be a finite matrix of one row a tissue and one column a factor; got "
                f"shape {self.values.shape}."
            )
        n_tissues, n_factors = self.values.shape
        self.tissue_names, self.groups = check_labels(tissue_names, groups, n_tissues)
        self.factor_names = np.asarray(range(n_factors) if factor_names is None else factor_names)
        self.n_active_variants = (
            None if n_active_variants is None else np.asarray(n_active_variants)
        )
        for name in ("factor_names", "n_active_variants"):
            entries = getattr(self, name)
            if entries is not None and entries.shape != (n_factors,):
                raise ValueError(
                    f"{name} must have one entry for each of {n_factors} factors; got shape "
                    f"{entries.shape}."
                )

    @classmethod
    def from_estimator(
        cls, estimator, *, kind="strength", tissue_names=None, groups=None, threshold=1e-6
    ):
        """Make the display from a fitted model.

        Tissues come in the order of their clustering, where there are three or more with effects.

        Parameters
        ----------
        estimator : MILAGERegressor
            Fitted, with one factor at least.
        kind : {"strength", "mean"}, default="strength"
            Root mean square of a factor's effects on the genes of a tissue, or their mean.
        tissue_names, groups : sequence of str of shape (n_tissues,), default=None
            Name and kind of each tissue of y.
        threshold : float, default=1e-6
            Variants are active whose effect on a factor is larger. Their number is left out with
            ``variant_penalty="l2"``, where all are.

        Returns
        -------
        display : FactorActivationDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As the class says.
        """
        summary = factor_summary(estimator, threshold=threshold)
        values = summary.tissue_strength if kind == "strength" else summary.mean_loading
        names, groups = check_labels(tissue_names, groups, len(values))
        order = np.arange(len(values))
        if np.count_nonzero(summary.tissue_strength.any(axis=1)) == len(order) > 2:
            order = tissue_clustering(estimator).order
        active = np.array([len(variants) for variants in summary.active_variants])
        return cls(
            values[order],
            kind=kind,
            tissue_names=names[order],
            groups=None if groups is None else groups[order],
            n_active_variants=active if estimator.variant_penalty == "l1" else None,
        )

    def plot(self, ax=None):
        """Draw the matrix.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure of a fitting size.

        Returns
        -------
        display : FactorActivationDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        n_tissues, n_factors = self.values.shape
        if ax is None:
            inches = 3.4 + 0.25 * min(max(n_factors, 6), FEW_FACTORS)
            ax = new_axes(inches, 1.4 + 0.2 * max(n_tissues, 8))
        size = np.abs(self.values).max() or 1.0
        colors = import_optional("matplotlib.colors", extra="plots")
        if self.kind == "strength":
            own = ("#FFFFFF", *ORDERED_COLORS)
            cmap, low = colors.LinearSegmentedColormap.from_list("strength", own), 0.0
        else:
            cmap, low = "PuOr", -size
        image = ax.imshow(self.values, cmap=cmap, vmin=low, vmax=size, aspect="auto")
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02)
        bar.set_label(LABELS[self.kind], fontsize="small")
        bar.ax.tick_params(labelsize="small")
        ax.set_yticks(range(n_tissues), self.tissue_names)
        if n_factors <= FEW_FACTORS:
            turned = 90 if max(len(str(name)) for name in self.factor_names) > 2 else 0
            ax.set_xticks(range(n_factors), self.factor_names, rotation=turned)
        ax.tick_params(length=0, labelsize="small")
        ax.set_xlabel("Factor")
        if self.groups is not None:
            mark_groups(
                ax, -8 / (72 * size_in_inches(ax)[0]), self.groups, ax.get_yaxis_transform()
            )
        if self.n_active_variants is not None and n_factors <= FEW_FACTORS:
            turned = 90 if self.n_active_variants.max() > 99 else 0
            for place, count in enumerate(self.n_active_variants):
                ax.annotate(
                    f"{count:,}", (place, -0.5), xytext=(0, 3), textcoords="offset points",
                    ha="center", va="bottom", fontsize="x-small", rotation=turned, color=INK,
                )  # fmt: skip
            ax.annotate(
                "Active variants", (-0.5, -0.5), xytext=(-14, 3), textcoords="offset points",
                ha="right", va="bottom", fontsize="x-small", color=INK,
            )  # fmt: skip
        self.ax_, self.figure_ = ax, ax.figure
        return self
