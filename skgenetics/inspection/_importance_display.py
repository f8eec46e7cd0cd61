"""ImportanceDisplay: the importance of each variant along the genome, of one or many tasks."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._style import (
    CATEGORY_COLORS,
    EDGE,
    new_axes,
    open_frame,
    position_label,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number

_SHADES = CATEGORY_COLORS[0], CATEGORY_COLORS[5]  # of neighboring chromosomes
_SELECTED = CATEGORY_COLORS[1]
_GAP = 0.01  # between chromosomes, in units of all of them
_LABEL_GAP = 0.15  # between named variants, in units of the width


class ImportanceDisplay:
    """Picture of the importance of each variant over its position, like a Manhattan plot.

    One panel a task. The shade alternates from chromosome to chromosome; selected variants are
    diamonds; the most important variants are named.

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
        Variants to mark, for instance `selected` of `decoy_selection`.
    n_labels : int, default=3
        Variants named in each panel: the most important ones that are not close to one another.
    label : str, default="Importance"
        What is on the vertical axes, with its unit.
    build : str, default=None
        Genome build of the positions ("GRCh37", "GRCh38"), for the axis.
    title : str, default=None
        Title of the picture, where there are no names of tasks.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, shape (n_tasks,)
        The panels, from the top, after `plot`.
    figure_ : matplotlib Figure
        The figure of `axes_`, after `plot`.

    Raises
    ------
    ValueError
        Where shapes differ, values are not finite, selected variants do not exist, or chromosomes
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
        importances,
        *,
        positions=None,
        chromosomes=None,
        names=None,
        tasks=None,
        selected=(),
        n_labels=3,
        label="Importance",
        build=None,
        title=None,
    ):
        self.importances = np.atleast_2d(to_numpy(importances)).astype(float)
        self.positions = None if positions is None else np.asarray(positions)
        self.chromosomes = None if chromosomes is None else np.asarray(chromosomes).astype(str)
        self.names = None if names is None else np.asarray(names).astype(str)
        self.tasks = None if tasks is None else [str(task) for task in tasks]
        self.selected = to_numpy(selected)
        self.n_labels = n_labels
        self.label = label
        self.build = build
        self.title = title
        self._validate()

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X=None,
        *,
        target=None,
        positions=None,
        chromosomes=None,
        names=None,
        tasks=None,
        selected=(),
        n_labels=3,
        build=None,
        title=None,
    ):
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
            As the class says. The names of the variants are those that `fit` has seen, if any.

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
            If `target` is given without `X`, and as the class says.
        """
        check_is_fitted(estimator)
        if X is None and target is not None:
            raise ValueError("target needs X: feature_importances_ are the mean over all tasks.")
        wanted = "feature_importances_" if X is None else "first_order_importance"
        if not hasattr(estimator, wanted):
            raise TypeError(
                f"{type(estimator).__name__} has no {wanted}. Give a LINAClassifier or "
                "LINARegressor (of a pipeline its last step, and what the steps before it make of "
                "X), or pass importances to ImportanceDisplay itself."
            )
        if X is None:
            importances = estimator.feature_importances_
        else:
            importances = estimator.first_order_importance(X, target=target)
        label = "Importance"
        if hasattr(estimator, "first_order_importance"):
            unit = "log odds" if is_classifier(estimator) else "trait"
            label += f"\n({unit} per allele)"
        return cls(
            importances,
            positions=positions,
            chromosomes=chromosomes,
            names=getattr(estimator, "feature_names_in_", None) if names is None else names,
            tasks=tasks,
            selected=selected,
            n_labels=n_labels,
            label=label,
            build=build,
            title=title,
        )

    def plot(self, ax=None):
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes whose area the panels fill; None makes a figure.

        Returns
        -------
        display : ImportanceDisplay
            The display itself, with `axes_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        n_tasks = len(self.importances)
        ax = new_axes(8.5, 0.8 + 2.0 * n_tasks) if ax is None else ax
        ax.set_axis_off()
        x, edges, chromosomes = self._places()
        height = 1 / (n_tasks + 0.25 * (n_tasks - 1))
        axes = []
        for task, importance in enumerate(self.importances):
            place = [0, 1 - height - 1.25 * height * task, 1, height]
            axes.append(ax.inset_axes(place, sharex=axes[0] if axes else None))
            self._draw(axes[-1], x, edges, importance)
            if self.tasks is not None:
                axes[-1].set_title(self.tasks[task], loc="left", fontsize="medium")
            axes[-1].tick_params(labelbottom=False)
        if self.selected.any():
            axes[0].legend(
                loc="lower right",
                bbox_to_anchor=(1.0, 1.0),
                borderaxespad=0.0,
                frameon=False,
                fontsize="small",
                handletextpad=0.3,
            )
        last = axes[-1]
        last.tick_params(labelbottom=True)
        if len(chromosomes) > 1:
            last.set_xticks((edges[:-1] + edges[1:]) / 2, chromosomes)
            small = "small" if len(chromosomes) > 12 else "medium"
            last.tick_params(axis="x", length=0, labelsize=small)
            last.set_xlabel("Chromosome" if self.build is None else f"Chromosome ({self.build})")
        elif self.positions is not None:
            last.ticklabel_format(axis="x", useOffset=False)
            last.set_xlabel(position_label(*chromosomes, self.build))
        else:
            last.set_xlabel("Variant (column of X)")
        if self.title is not None and self.tasks is None:
            axes[0].set_title(self.title, loc="left")
        self.axes_, self.figure_ = np.array(axes, dtype=object), ax.figure
        return self

    def _places(self):
        """Return the places of the variants, the edges of the chromosomes, and their names."""
        if self.positions is None:
            x = np.arange(self.importances.shape[1], dtype=float)
            return x, np.array([-0.5, x[-1] + 0.5]), [None]
        x = self.positions / 1e6
        names = [None]
        if self.chromosomes is not None:
            names = list(dict.fromkeys(self.chromosomes.tolist()))
        if len(names) == 1:
            margin = 0.02 * (np.ptp(x) or 0.001)
            return x, np.array([x.min() - margin, x.max() + margin]), names
        members = [self.chromosomes == name for name in names]
        lengths = np.array([np.ptp(x[chosen]) for chosen in members])
        gap = _GAP * (lengths.sum() or 1.0)
        edges = np.r_[0.0, np.cumsum(lengths + gap)]
        x = x.copy()
        for chosen, edge in zip(members, edges):
            x[chosen] += edge + gap / 2 - x[chosen].min()
        return x, edges, [name.removeprefix("chr") for name in names]

    def _draw(self, ax, x, edges, importance):
        """Draw one panel: points by chromosome, selected variants, and names of the highest."""
        size = float(np.clip(12_000 / x.size, 9, 26))
        options = {"linewidths": 0.3, "edgecolors": EDGE, "rasterized": x.size > 2000}
        chromosome = np.searchsorted(edges, x) - 1
        for odd, color in enumerate(_SHADES):
            there = ~self.selected & (chromosome % 2 == odd)
            ax.scatter(x[there], importance[there], s=size, c=color, **options)
        if self.selected.any():
            ax.scatter(
                x[self.selected],
                importance[self.selected],
                s=2.5 * size,
                c=_SELECTED,
                marker="D",
                zorder=3,
                label="selected",
                **options,
            )
        top = max(importance.max(), np.finfo(float).tiny)
        ax.set(xlim=(edges[0], edges[-1]), ylim=(min(0, importance.min()) - 0.04 * top, 1.2 * top))
        ax.set_ylabel(self.label)
        open_frame(ax)
        width, named = edges[-1] - edges[0], []
        for variant in np.argsort(-importance, kind="stable"):
            if len(named) == self.n_labels:
                break
            if all(abs(x[variant] - x[other]) > _LABEL_GAP * width for other in named):
                named.append(variant)
                place = (x[variant] - edges[0]) / width
                ax.annotate(
                    self._name(variant),
                    (x[variant], importance[variant]),
                    xytext=(0, 5),
                    textcoords="offset points",
                    ha="left" if place < 0.15 else "right" if place > 0.85 else "center",
                    fontsize="small",
                )

    def _name(self, variant):
        """Return the name of a variant."""
        if self.names is not None:
            return self.names[variant]
        if self.positions is None:
            return f"x{variant}"
        place = f"{self.positions[variant]:,}"
        several = self.chromosomes is not None and len(set(self.chromosomes)) > 1
        return f"{self.chromosomes[variant]}:{place}" if several else f"{place} bp"

    def _validate(self):
        """Raise ValueError where the arrays do not fit together."""
        if self.importances.ndim != 2 or self.importances.size == 0:
            raise ValueError(
                "importances must have shape (n_variants,) or (n_tasks, n_variants), at least one "
                f"of each; got {self.importances.shape}."
            )
        n_tasks, n_variants = self.importances.shape
        check_number(self.n_labels, "n_labels", integer=True, low=0, closed="left")
        for name in ("positions", "chromosomes", "names"):
            value = getattr(self, name)
            if value is not None and value.shape != (n_variants,):
                raise ValueError(
                    f"{name} must have shape ({n_variants},), one a variant; got {value.shape}."
                )
        for name in ("importances", "positions"):
            value = getattr(self, name)
            if value is not None and not np.isfinite(value).all():
                raise ValueError(f"{name} holds NaN or infinity.")
        if self.chromosomes is not None and self.positions is None:
            raise ValueError("chromosomes need positions, in base pairs within each of them.")
        if self.tasks is not None and len(self.tasks) != n_tasks:
            raise ValueError(f"tasks must name the {n_tasks} tasks; got {self.tasks}.")
        self.selected = _mask(self.selected, n_variants)


def _mask(selected, n_variants):
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
