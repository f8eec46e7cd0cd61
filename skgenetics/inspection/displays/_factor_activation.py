"""FactorActivationDisplay: in which tissues each factor of expression acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.expression import factor_summary, tissue_clustering
from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import INK, RISING_COLORS, color_map, size_in_inches
from skgenetics.inspection.displays._tissues import check_labels, mark_groups
from skgenetics.utils._parameters import check_option
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LABELS = {
    "strength": "Effect on expression\n(root mean square over genes, s.d.)",
    "mean": "Mean effect on expression\n(s.d.)",
}
_MAX_NAMED = 40  # factors that get a name each


class FactorActivationDisplay(Display):
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
        If values are no finite matrix, or shapes differ.

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
        values: ArrayLike,
        *,
        kind: str = "strength",
        tissue_names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        factor_names: ArrayLike | None = None,
        n_active_variants: ArrayLike | None = None,
    ):
        check_option(kind, "kind", tuple(_LABELS))
        self.values = np.asarray(values, dtype=float)
        self.kind = kind
        if self.values.ndim != 2 or 0 in self.values.shape or not np.isfinite(self.values).all():
            raise ValueError(
                "values must be a finite matrix of one row per tissue and one column per factor; "
                f"got shape {self.values.shape}."
            )
        n_tissues, n_factors = self.values.shape
        self.tissue_names, self.groups = check_labels(tissue_names, groups, n_tissues)
        self.factor_names = np.asarray(range(n_factors) if factor_names is None else factor_names)
        self.n_active_variants = (
            None if n_active_variants is None else np.asarray(n_active_variants)
        )
        self._check_shape((n_factors,), "factor", "factor_names", "n_active_variants")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: str = "strength",
        tissue_names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        threshold: float = 1e-6,
    ) -> Self:
        """Make the display from a fitted model.

        Tissues come in the order of their clustering, if each of three or more has effects.

        Parameters
        ----------
        estimator : MILAGERegressor
            Fitted, with one factor at least.
        kind : {"strength", "mean"}, default="strength"
            Root mean square of a factor's effects on the genes of a tissue, or their mean.
        tissue_names, groups : sequence of str of shape (n_tissues,), default=None
            Name and kind of each tissue of y.
        threshold : float, default=1e-6
            A variant is active if its effect on the factor is larger. The number of active
            variants is omitted with ``variant_penalty="l2"``, as all are active.

        Returns
        -------
        display : FactorActivationDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As for the class.
        """
        summary = factor_summary(estimator, threshold=threshold)
        values = summary.tissue_strength if kind == "strength" else summary.mean_loading
        labels = check_labels(tissue_names, groups, len(values))
        order = np.arange(len(values))
        if np.count_nonzero(summary.tissue_strength.any(axis=1)) == len(order) > 2:
            order = tissue_clustering(estimator).order
        labels = labels.of(order)
        active = np.array([len(variants) for variants in summary.active_variants])
        return cls(
            values[order],
            kind=kind,
            tissue_names=labels.names,
            groups=labels.groups,
            n_active_variants=active if estimator.variant_penalty == "l1" else None,
        )

    def _figure_size(self):
        """Return the size of one row per tissue and one column per factor."""
        n_tissues, n_factors = self.values.shape
        return 3.4 + 0.25 * min(max(n_factors, 6), _MAX_NAMED), 1.4 + 0.2 * max(n_tissues, 8)

    def _draw(self, ax):
        """Draw the matrix."""
        n_tissues, n_factors = self.values.shape
        image = ax.imshow(self.values, aspect="auto", **self._color_scale())
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.02)
        bar.set_label(_LABELS[self.kind], fontsize="small")
        bar.ax.tick_params(labelsize="small")
        ax.set_yticks(range(n_tissues), self.tissue_names)
        if n_factors <= _MAX_NAMED:
            rotation = 90 if max(len(str(name)) for name in self.factor_names) > 2 else 0
            ax.set_xticks(range(n_factors), self.factor_names, rotation=rotation)
        ax.tick_params(length=0, labelsize="small")
        ax.set_xlabel("Factor")
        if self.groups is not None:
            mark_groups(
                ax, -8 / (72 * size_in_inches(ax)[0]), self.groups, ax.get_yaxis_transform()
            )
        if self.n_active_variants is not None and n_factors <= _MAX_NAMED:
            write_counts(ax, self.n_active_variants)

    def _color_scale(self) -> dict[str, Any]:
        """Return color map and limits: from 0 up for "strength", about 0 for "mean"."""
        largest = np.abs(self.values).max() or 1.0
        if self.kind == "strength":
            return {"cmap": color_map(RISING_COLORS), "vmin": 0.0, "vmax": largest}
        return {"cmap": "PuOr", "vmin": -largest, "vmax": largest}


def write_counts(ax: Axes, n_active_variants: np.ndarray) -> None:
    """Write the number of active variants above each column of a matrix."""
    rotation = 90 if n_active_variants.max() > 99 else 0
    for place, count in enumerate(n_active_variants):
        ax.annotate(
            f"{count:,}", (place, -0.5), xytext=(0, 3), textcoords="offset points",
            ha="center", va="bottom", fontsize="x-small", rotation=rotation, color=INK,
        )  # fmt: skip
    ax.annotate(
        "Active variants", (-0.5, -0.5), xytext=(-14, 3), textcoords="offset points",
        ha="right", va="bottom", fontsize="x-small", color=INK,
    )  # fmt: skip
