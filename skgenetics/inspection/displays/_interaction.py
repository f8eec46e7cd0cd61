"""InteractionDisplay: a heat map of the importances of pairs of variants or genes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.inspection.displays._base import Display, as_text
from skgenetics.inspection.displays._networks import (
    check_network,
    unit_of_output,
    variant_names,
)
from skgenetics.inspection.displays._style import (
    EDGE,
    INK,
    VARIANT_AXIS,
    color_scale,
    name_point,
    write_title,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import Flag, check_parameter
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.colorbar import Colorbar

_MAX_NAMES = 40  # rows that can be named one by one


class InteractionDisplay(Display):
    """Heat map of the importances of pairs of variants, or of pairs of genes.

    Parameters
    ----------
    importances : array-like of shape (n_variants, n_variants)
        Importance of each pair, as of `second_order_importance` or `swap_interactions`. With
        negative values the color scale is symmetric about 0.
    names : array-like of shape (n_variants,), default=None
        Names of the variants or genes; up to 40 are written on the axes. None: their numbers.
    chromosomes : array-like of shape (n_variants,), default=None
        Chromosome of each row, chromosome after chromosome; lines part them, and beyond 40 rows
        they are written on the axes.
    n_labels : int, default=3
        Of how many of the strongest pairs the names are written, where they are not on the axes.
    label : str, default="Importance of the pair"
        What the colors are, with its unit.
    axis_label : str, default="Variant (column of X)"
        Label of both axes, if they have numbers.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    colorbar_ : matplotlib Colorbar
        The scale beside `ax_`, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If the matrix is not square, not finite or empty, names or chromosomes do not fit it, or a
        chromosome is in several places.

    See Also
    --------
    InteractionNetworkDisplay : The strongest pairs as a network.
    swap_interactions : Importances of pairs for any estimator.

    Examples
    --------
    >>> from skgenetics.inspection import InteractionDisplay
    >>> display = InteractionDisplay([[0.0, 0.3], [0.3, 0.0]], names=["rs1", "rs2"])
    >>> display.plot().colorbar_.ax.get_ylabel()
    'Importance of the pair'
    """

    colorbar_: Colorbar

    def __init__(
        self,
        importances: ArrayLike,
        *,
        names: ArrayLike | None = None,
        chromosomes: ArrayLike | None = None,
        n_labels: int = 3,
        label: str = "Importance of the pair",
        axis_label: str = VARIANT_AXIS,
        title: str | None = None,
    ):
        self.importances = to_numpy(importances).astype(float)
        self.names = as_text(names)
        self.chromosomes = as_text(chromosomes)
        self.n_labels = n_labels
        self.label = label
        self.axis_label = axis_label
        self.title = title
        shape = self.importances.shape
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
            raise ValueError(f"importances must be a square matrix; got shape {shape}.")
        self._check_finite("importances")
        self._check_shape(shape[:1], "row", "names", "chromosomes")
        starts = self._chromosome_starts()
        if self.chromosomes is not None and len(starts) != len(set(self.chromosomes)):
            raise ValueError(
                "chromosomes must be in order, all rows of one after the other; sort the rows and "
                "columns of importances by chromosome."
            )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        target: int | None = None,
        groups: ArrayLike | None = None,
        average: bool = False,
        names: ArrayLike | None = None,
        chromosomes: ArrayLike | None = None,
        n_labels: int = 3,
        title: str | None = None,
        **keywords: Any,
    ) -> Self:
        """Make the display from a fitted network.

        Parameters
        ----------
        estimator : LINAClassifier or LINARegressor
            Fitted. For others pass the result of `swap_interactions` to the class.
        X : array-like of shape (n_samples, n_variants)
            Samples to explain.
        target : int, default=None
            Index of the task; needed if there are several.
        groups : array-like of shape (n_variants,), default=None
            The gene of each variant. Importances are added over genes, which become the rows.
        average : bool, default=False
            With `groups`: the mean over the pairs of variants of two genes rather than their sum,
            which is larger for genes of many variants.
        names : array-like, default=None
            Names of the rows. None: those of `groups`, or those that `fit` has seen, if any.
        chromosomes, n_labels
            As in the class.
        title : str, default=None
            Title of the picture.
        **keywords
            Keywords of `second_order_importance`: kind, signed, n_repeats, random_state.

        Returns
        -------
        display : InteractionDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError, TypeError
            If the estimator is not fitted, or is another.
        ValueError
            If there are several tasks and no `target`, `average` without `groups`, and as the
            class and `second_order_importance` say.
        """
        check_network(estimator, target)
        check_parameter(average, "average", [Flag()])
        if average and groups is None:
            raise ValueError("average=True needs groups, the gene of each variant.")
        importances = estimator.second_order_importance(X, target=target, groups=groups, **keywords)
        swap, unit = keywords.get("kind") == "swap", unit_of_output(estimator)
        if groups is not None:
            genes, sizes = np.unique(groups, return_counts=True)
            names = genes if names is None else names
        if average:
            n_pairs = np.outer(sizes, sizes) - swap * np.diag(sizes)  # no swap of one variant
            importances = to_numpy(importances) / np.maximum(n_pairs, 1)
        label = f"Importance of the pair ({unit} per squared allele)"
        if swap:
            label = f"Change by the pair beyond both ({unit})"
        if average:
            label = f"Mean {label[0].lower()}{label[1:]}"
        return cls(
            importances,
            names=variant_names(estimator, names),
            chromosomes=chromosomes,
            n_labels=n_labels,
            label=label,
            title=title,
        )

    def _figure_size(self):
        """Return the size of a square and its scale."""
        return 6.2, 5.0

    def _draw(self, ax):
        """Draw the heat map and its scale."""
        image = ax.imshow(
            self.importances, interpolation="nearest", **color_scale(self.importances)
        )
        n, starts = len(self.importances), self._chromosome_starts()
        for start in starts[1:]:
            for line in (ax.axvline, ax.axhline):
                line(start - 0.5, color=EDGE, linewidth=0.6)
        if self.names is not None and n <= _MAX_NAMES:
            size = "medium" if n <= 15 else "x-small"
            upright = n <= 15 and max(map(len, self.names)) <= 3
            ax.set_yticks(range(n), self.names, fontsize=size)
            ax.set_xticks(range(n), self.names, fontsize=size, rotation=0 if upright else 90)
            ax.tick_params(length=0)
        else:
            if self.chromosomes is not None:
                middles = (starts + np.append(starts[1:], n) - 1) / 2
                ax.set_xticks(middles, self.chromosomes[starts])
                ax.set_yticks(middles, self.chromosomes[starts])
            axis_label = "Chromosome" if len(starts) else self.axis_label
            ax.set(xlabel=axis_label, ylabel=axis_label)
            self._name_strongest(ax)
        write_title(ax, self.title)
        self.colorbar_ = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        self.colorbar_.outline.set_visible(False)
        self.colorbar_.set_label(self.label)

    def _chromosome_starts(self):
        """Return the first row of each chromosome; none if chromosomes are not known."""
        if self.chromosomes is None:
            return np.array([], dtype=int)
        changes = np.flatnonzero(self.chromosomes[1:] != self.chromosomes[:-1]) + 1
        return np.concatenate([[0], changes])

    def _name_strongest(self, ax):
        """Circle the strongest pairs above the diagonal, and write their names."""
        if self.names is None:
            return
        rows, columns = np.triu_indices(len(self.importances), 1)
        sizes = np.abs(self.importances[rows, columns])
        for k in np.argsort(-sizes, kind="stable")[: self.n_labels]:
            if sizes[k] > 0:
                i, j = rows[k], columns[k]
                ax.plot(j, i, "o", markersize=8, markerfacecolor="none", markeredgecolor=INK)
                name = f"{self.names[i]} \u00d7 {self.names[j]}"
                name_point(ax, j, i, name, points_above=5, near_edge=0.25)
