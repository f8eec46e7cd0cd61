"""TissueMapDisplay: which tissues the factors of expression treat alike, in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.expression import tissue_clustering
from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import (
    EDGE,
    INK,
    open_frame,
    root_figure,
    size_in_inches,
)
from skgenetics.inspection.displays._tissues import (
    check_labels,
    group_styles,
    legend_of_groups,
)
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LETTER_INCHES = 0.07  # of the names
LINE_INCHES = 0.13
GAP_INCHES = 0.06  # between a point and its name


class TissueMapDisplay(Display):
    """Tissues in the plane: two are near each other if the factors act alike in both.

    Parameters
    ----------
    positions : array-like of shape (n_tissues, 2)
        Coordinates, as of multidimensional scaling.
    tissue_names : sequence of str of shape (n_tissues,), default=None
        Names beside the points. None: their numbers.
    groups : sequence of str of shape (n_tissues,), default=None
        Kind of each tissue, such as "brain": its color and marker.
    metric : str, default="correlation"
        Name of the distance, for the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If positions are not finite pairs, or there is not one name or group per tissue.

    See Also
    --------
    skgenetics.expression.tissue_clustering : The numbers.
    TissueDendrogramDisplay : The same distances as a tree.

    Examples
    --------
    >>> from skgenetics.inspection import TissueMapDisplay
    >>> display = TissueMapDisplay([[0, 0], [0.1, 0], [0.7, 0.2]], groups=["a", "a", "b"])
    >>> display.plot().ax_.get_xlabel()
    'Coordinate 1 (distance: correlation)'
    """

    def __init__(
        self,
        positions: ArrayLike,
        *,
        tissue_names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        metric: str = "correlation",
    ):
        self.positions = np.asarray(positions, dtype=float)
        if self.positions.ndim != 2 or self.positions.shape[1] != 2 or not len(self.positions):
            raise ValueError(
                f"positions must have shape (n_tissues, 2); got {self.positions.shape}."
            )
        self._check_finite("positions")
        self.tissue_names, self.groups = check_labels(tissue_names, groups, len(self.positions))
        self.metric = metric

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        tissue_names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        exclude: Sequence[int] = (),
        metric: str = "correlation",
    ) -> Self:
        """Make the display from a fitted model.

        Parameters
        ----------
        estimator : MILAGERegressor
            Fitted, with three or more tissues that are not excluded.
        tissue_names, groups : sequence of str of shape (n_tissues,), default=None
            Name and kind of each tissue of y, excluded ones too.
        exclude, metric
            As for :func:`~skgenetics.expression.tissue_clustering`.

        Returns
        -------
        display : TissueMapDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            As `tissue_clustering` and the class say.
        """
        clustering = tissue_clustering(estimator, exclude=exclude, metric=metric)
        labels = check_labels(tissue_names, groups, len(estimator.tissue_mean_))
        drawn = labels.of(clustering.tissues)
        return cls(
            clustering.positions, tissue_names=drawn.names, groups=drawn.groups, metric=metric
        )

    def _figure_size(self):
        """Return the size of one panel."""
        return 5.6, 5.0

    def _draw(self, ax):
        """Draw the points and their names."""
        groups = np.full(len(self.positions), "") if self.groups is None else self.groups
        for group, (color, marker) in group_styles(groups).items():
            x, y = self.positions[groups == group].T
            ax.plot(
                x, y, color=color, marker=marker, linestyle="none", markersize=7,
                markeredgecolor=EDGE, markeredgewidth=0.5, label=group,
            )  # fmt: skip
        ax.set_aspect("equal", adjustable="datalim")
        ax.margins(0.15)
        ax.set(
            xlabel=f"Coordinate 1 (distance: {self.metric})",
            ylabel=f"Coordinate 2 (distance: {self.metric})",
        )
        open_frame(ax)
        if self.groups is not None:
            legend_of_groups(ax, loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=4)
        self._write_names(ax)

    def _write_names(self, ax: Axes) -> None:
        """Write the names beside their points, where they cover least."""
        root_figure(ax).draw_without_rendering()  # sets the limits that an equal aspect asks for
        frame = np.array(size_in_inches(ax))
        low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
        points = (self.positions - low) / (high - low) * frame
        shifts = place_names(points, self.tissue_names.tolist(), frame)
        for point, name, shift in zip(self.positions, self.tissue_names, shifts):
            ax.annotate(
                name, point, xytext=72 * shift, textcoords="offset points", fontsize="small",
                color=INK, va="center", ha="center",
            )  # fmt: skip


def place_names(points: np.ndarray, names: Sequence[str], frame: np.ndarray) -> np.ndarray:
    """Return the shifts (n, 2), in inches, of the centers of names from their points (n, 2).

    `frame` is the width and the height of the axes. Each name in turn takes the place right of,
    left of, above or below its point, or at a corner, that leaves the frame least, and covers least
    of the points and of the names before it.
    """
    half = np.array([[LETTER_INCHES * len(name) / 2, LINE_INCHES / 2] for name in names])
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
    boxes = [(point, np.full(2, GAP_INCHES)) for point in points]
    shifts = []
    for i, (point, size) in enumerate(zip(points, half)):
        costs = []
        for side in sides:
            center = point + side * (size + GAP_INCHES)
            outside = np.maximum(size - center, center + size - frame).clip(0).sum()
            covered = sum(
                np.prod(np.clip(size + other - np.abs(center - place), 0, None))
                for j, (place, other) in enumerate(boxes)
                if j != i
            )
            costs.append(10 * outside + covered)
        shifts.append(sides[int(np.argmin(costs))] * (size + GAP_INCHES))
        boxes.append((point + shifts[-1], size))
    return np.array(shifts)
