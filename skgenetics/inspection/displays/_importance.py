"""ImportanceDisplay: the importance of each variant along the genome, of one or many tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display, as_text
from skgenetics.inspection.displays._networks import unit_of_output, variant_names
from skgenetics.inspection.displays._per_variant import in_fitted_order
from skgenetics.inspection.displays._style import (
    CATEGORY_COLORS,
    VARIANT_AXIS,
    name_point,
    open_frame,
    position_label,
    scatter_style,
    span_with_margins,
    write_title,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import Integer, check_parameter
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CHROMOSOME_SHADES = CATEGORY_COLORS[0], CATEGORY_COLORS[5]  # of neighbors
_SELECTED_COLOR = CATEGORY_COLORS[1]
_CHROMOSOME_GAP = 0.01  # in units of the length of all chromosomes
_LABEL_GAP = 0.15  # between named variants, in units of the width
_PANEL_GAP = 0.25  # in units of the height of a panel


class _GenomeAxis(NamedTuple):
    """The horizontal axis: chromosomes side by side."""

    x: np.ndarray  # (n_variants,), places of the variants
    edges: np.ndarray  # (n_chromosomes + 1,), ends of the chromosomes
    names: list[str]  # of the chromosomes, if known


class ImportanceDisplay(Display):
    """Picture of the importance of each variant over its position, like a Manhattan plot.

    There is one panel per task; the panels fill the axes drawn into. The shade alternates from
    chromosome to chromosome. Selected variants are diamonds. The most important ones are named.

    Parameters
    ----------
    importances : array-like of shape (n_variants,) or (n_tasks, n_variants)
        Importances, of which larger ones matter more.
    positions : array-like of shape (n_variants,), default=None
        Positions in base pairs. None: variants are evenly spaced, in their order.
    chromosomes : array-like of shape (n_variants,), default=None
        Chromosome of each variant; they are drawn side by side, in order of appearance. Needs
        `positions`. None: all are on one.
    names : array-like of shape (n_variants,), default=None
        Names of the variants. None: their position, or their number.
    tasks : list of str, default=None
        Names of the tasks, above their panels.
    selected : array-like of int, or bool of shape (n_variants,), default=()
        Variants to mark, for instance `selected` of `decoy_selection`; of groups,
        ``numpy.concatenate(selection.members)``.
    n_labels : int, default=3
        Variants named in each panel: the most important ones that are not close to one another.
    label : str, default="Importance"
        Label of the vertical axes, with the unit.
    build : str, default=None
        Genome build of the positions ("GRCh37", "GRCh38"), for the axis.
    title : str, default=None
        Title of the picture. Not drawn if there are names of tasks.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_tasks,)
        The panels, from the top, after `plot`.
    ax_ : matplotlib Axes
        The axes that the panels fill, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If shapes differ, values are not finite, selected variants do not exist, or chromosomes
        are given without positions.

    See Also
    --------
    InteractionDisplay : Importances of pairs.
    LocusDisplay : Association and PIPs of one locus.

    Examples
    --------
    >>> from skgenetics.inspection import ImportanceDisplay
    >>> display = ImportanceDisplay(
    ...     [0.1, 0.4, 0.2], positions=[10_000, 20_000, 5_000], chromosomes=[1, 1, 2]
    ... )
    >>> [tick.get_text() for tick in display.plot().axes_[0].get_xticklabels()]
    ['1', '2']
    """

    def __init__(
        self,
        importances: ArrayLike,
        *,
        positions: ArrayLike | None = None,
        chromosomes: ArrayLike | None = None,
        names: ArrayLike | None = None,
        tasks: Sequence[str] | None = None,
        selected: ArrayLike = (),
        n_labels: int = 3,
        label: str = "Importance",
        build: str | None = None,
        title: str | None = None,
    ):
        self.importances = np.atleast_2d(to_numpy(importances)).astype(float)
        self.positions = None if positions is None else np.asarray(positions)
        self.chromosomes = as_text(chromosomes)
        self.names = as_text(names)
        self.tasks = None if tasks is None else [str(task) for task in tasks]
        self.n_labels = n_labels
        self.label = label
        self.build = build
        self.title = title
        self._validate()
        self.selected = as_mask(to_numpy(selected), self.importances.shape[1])

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        target: int | None = None,
        positions: ArrayLike | None = None,
        chromosomes: ArrayLike | None = None,
        names: ArrayLike | None = None,
        tasks: Sequence[str] | None = None,
        selected: ArrayLike = (),
        n_labels: int = 3,
        build: str | None = None,
        title: str | None = None,
    ) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : LINAClassifier, LINARegressor, or one with `feature_importances_`
            Fitted.
        X : array-like of shape (n_samples, n_variants), default=None
            Samples to explain by `first_order_importance`, one panel a task. None takes
            `feature_importances_`, which any estimator can have.
        target : int, default=None
            Index of the task to draw; None: all. Needs `X`.
        positions, chromosomes, names, tasks, selected, n_labels, build, title
            As for the class. The names of the variants are those that `fit` has seen, if any.

        Returns
        -------
        display : ImportanceDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no importances.
        ValueError
            If `target` is given without `X`, and as for the class.
        """
        check_is_fitted(estimator)
        if X is None and target is not None:
            raise ValueError("target needs X: feature_importances_ are the mean over all tasks.")
        attribute = "feature_importances_" if X is None else "first_order_importance"
        if not hasattr(estimator, attribute):
            raise TypeError(
                f"{type(estimator).__name__} has no {attribute}. Give a LINAClassifier or "
                "LINARegressor (of a pipeline its last step, and what the steps before it make of "
                "X), or pass importances to ImportanceDisplay itself."
            )
        if X is None:
            importances = estimator.feature_importances_
        else:
            importances = estimator.first_order_importance(X, target=target)
        label = "Importance"
        if hasattr(estimator, "first_order_importance"):
            label += f"\n({unit_of_output(estimator)} per allele)"
        return cls(
            importances,
            positions=in_fitted_order(positions, "positions", estimator),
            chromosomes=chromosomes,
            names=variant_names(estimator, names),
            tasks=tasks,
            selected=selected,
            n_labels=n_labels,
            label=label,
            build=build,
            title=title,
        )

    def _figure_size(self):
        """Return the size, one panel per task."""
        return 8.5, 0.8 + 2.0 * len(self.importances)

    def _draw(self, ax):
        """Draw the panels."""
        ax.set_axis_off()
        genome = self._genome_axis()
        n_tasks = len(self.importances)
        height = 1 / (n_tasks + _PANEL_GAP * (n_tasks - 1))
        axes: list[Axes] = []
        for task, importance in enumerate(self.importances):
            bottom = 1 - height - (1 + _PANEL_GAP) * height * task
            panel = ax.inset_axes((0, bottom, 1, height), sharex=axes[0] if axes else None)
            self._draw_panel(panel, genome, importance)
            if self.tasks is not None:
                panel.set_title(self.tasks[task], loc="left", fontsize="medium")
            panel.tick_params(labelbottom=task == n_tasks - 1)
            axes.append(panel)
        self._label_genome_axis(axes[-1], genome)
        if self.selected.any():
            axes[0].legend(
                loc="lower right",
                bbox_to_anchor=(1.0, 1.0),
                borderaxespad=0.0,
                frameon=False,
                fontsize="small",
                handletextpad=0.3,
            )
        if self.tasks is None:
            write_title(axes[0], self.title)
        self.axes_ = np.array(axes, dtype=object)

    def _genome_axis(self) -> _GenomeAxis:
        """Return the places of variants and chromosomes."""
        if self.positions is None:
            x = np.arange(self.importances.shape[1], dtype=float)
            return _GenomeAxis(x, np.array([-0.5, x[-1] + 0.5]), [])
        x = self.positions / 1e6
        chromosomes = []
        if self.chromosomes is not None:
            chromosomes = list(dict.fromkeys(self.chromosomes.tolist()))
        if len(chromosomes) <= 1:
            return _GenomeAxis(x, np.array(span_with_margins(x)), chromosomes)
        members = [self.chromosomes == chromosome for chromosome in chromosomes]
        lengths = np.array([np.ptp(x[variants]) for variants in members])
        gap = _CHROMOSOME_GAP * (lengths.sum() or 1.0)
        edges = np.r_[0.0, np.cumsum(lengths + gap)]
        for variants, edge in zip(members, edges):
            x[variants] += edge + gap / 2 - x[variants].min()
        return _GenomeAxis(x, edges, [name.removeprefix("chr") for name in chromosomes])

    def _label_genome_axis(self, ax: Axes, genome: _GenomeAxis) -> None:
        """Write names of chromosomes, or positions on the only one, below a panel."""
        if len(genome.names) > 1:
            ax.set_xticks((genome.edges[:-1] + genome.edges[1:]) / 2, genome.names)
            size = "small" if len(genome.names) > 12 else "medium"
            ax.tick_params(axis="x", length=0, labelsize=size)
            ax.set_xlabel("Chromosome" if self.build is None else f"Chromosome ({self.build})")
        elif self.positions is not None:
            ax.ticklabel_format(axis="x", useOffset=False)
            ax.set_xlabel(position_label(genome.names[0] if genome.names else None, self.build))
        else:
            ax.set_xlabel(VARIANT_AXIS)

    def _draw_panel(self, ax: Axes, genome: _GenomeAxis, importance: np.ndarray) -> None:
        """Draw points by chromosome, selected variants, and names of the most important ones."""
        x, style = genome.x, scatter_style(genome.x.size)
        chromosome = np.searchsorted(genome.edges, x) - 1
        for parity, color in enumerate(_CHROMOSOME_SHADES):
            shaded = ~self.selected & (chromosome % 2 == parity)
            ax.scatter(x[shaded], importance[shaded], c=color, **style)
        if self.selected.any():
            style["s"] *= 2.5
            ax.scatter(
                x[self.selected],
                importance[self.selected],
                c=_SELECTED_COLOR,
                marker="D",
                zorder=3,
                label="selected",
                **style,
            )
        top = max(importance.max(), np.finfo(float).tiny)
        ax.set(xlim=genome.edges[[0, -1]])
        ax.set(ylim=(min(0, importance.min()) - 0.04 * top, 1.2 * top))
        ax.set_ylabel(self.label)
        open_frame(ax)
        distance = _LABEL_GAP * (genome.edges[-1] - genome.edges[0])
        for variant in highest_apart(importance, x, distance, self.n_labels):
            name = self._name(variant)
            name_point(ax, x[variant], importance[variant], name, points_above=5, near_edge=0.15)

    def _name(self, variant: int) -> str:
        """Return the name of a variant."""
        if self.names is not None:
            return self.names[variant]
        if self.positions is None:
            return f"x{variant}"
        position = f"{self.positions[variant]:,}"
        if self.chromosomes is not None and len(set(self.chromosomes)) > 1:
            return f"{self.chromosomes[variant]}:{position}"
        return f"{position} bp"

    def _validate(self) -> None:
        """Raise ValueError if the arrays do not fit together."""
        if self.importances.ndim != 2 or self.importances.size == 0:
            raise ValueError(
                "importances must have shape (n_variants,) or (n_tasks, n_variants), at least one "
                f"of each; got {self.importances.shape}."
            )
        n_tasks, n_variants = self.importances.shape
        check_parameter(self.n_labels, "n_labels", [Integer(low=0)])
        self._check_shape((n_variants,), "variant", "positions", "chromosomes", "names")
        self._check_finite("importances", "positions")
        if self.chromosomes is not None and self.positions is None:
            raise ValueError("chromosomes need positions, in base pairs within each chromosome.")
        if self.tasks is not None and len(self.tasks) != n_tasks:
            raise ValueError(f"tasks must name the {n_tasks} tasks; got {self.tasks}.")


def highest_apart(
    importance: np.ndarray, x: np.ndarray, distance: float, n_labels: int
) -> list[int]:
    """Return up to `n_labels` variants of largest importance that are `distance` apart."""
    chosen: list[int] = []
    for variant in np.argsort(-importance, kind="stable"):
        if len(chosen) == n_labels:
            break
        if all(abs(x[variant] - x[other]) > distance for other in chosen):
            chosen.append(variant)
    return chosen


def as_mask(selected: np.ndarray, n_variants: int) -> np.ndarray:
    """Return a mask of variants from a mask or from indices."""
    is_mask = selected.dtype.kind == "b"
    inside = np.isin(selected, np.arange(n_variants)).all()
    if not (selected.shape == (n_variants,) if is_mask else inside):
        raise ValueError(
            f"selected must be a mask of shape ({n_variants},) or hold indices from 0 to "
            f"{n_variants - 1}; got {selected.tolist()[:10]}."
        )
    mask = np.zeros(n_variants, dtype=bool)
    mask[selected if is_mask else selected.astype(int)] = True
    return mask
