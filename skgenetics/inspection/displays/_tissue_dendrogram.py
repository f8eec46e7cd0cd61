"""TissueDendrogramDisplay: which tissues the factors of expression treat alike, as a tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.cluster.hierarchy import dendrogram, is_valid_linkage, leaves_list

from skgenetics.expression import tissue_clustering
from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import INK, open_frame
from skgenetics.inspection.displays._tissues import check_labels, mark_groups
from skgenetics.utils._typing import ArrayLike

_METRIC_LABELS = {"correlation": "Distance of the factors' effects (1 - correlation)"}


class TissueDendrogramDisplay(Display):
    """Tree of tissues, by the distance between the factors' effects in each tissue.

    Parameters
    ----------
    linkage : array-like of shape (n_tissues - 1, 4)
        Hierarchical clustering, as of `scipy.cluster.hierarchy.linkage`.
    tissue_names : sequence of str of shape (n_tissues,), default=None
        Names of the leaves. None: their numbers.
    groups : sequence of str of shape (n_tissues,), default=None
        Kind of each tissue, such as "brain": a marker beside its name.
    metric : str, default="correlation"
        Name of the distance, for the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If `linkage` is no clustering, or there is not one name or group per tissue.

    See Also
    --------
    skgenetics.expression.tissue_clustering : The numbers.
    TissueMapDisplay : The same distances in the plane.

    Examples
    --------
    >>> from skgenetics.inspection import TissueDendrogramDisplay
    >>> display = TissueDendrogramDisplay(
    ...     [[0, 1, 0.2, 2], [2, 3, 0.9, 3]], tissue_names=["cortex", "cerebellum", "blood"]
    ... )
    >>> [label.get_text() for label in display.plot().ax_.get_yticklabels()]
    ['blood', 'cortex', 'cerebellum']
    """

    def __init__(
        self,
        linkage: ArrayLike,
        *,
        tissue_names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        metric: str = "correlation",
    ):
        self.linkage = np.asarray(linkage, dtype=float)
        if self.linkage.ndim != 2 or not is_valid_linkage(self.linkage):
            raise ValueError(
                "linkage must have four columns and one row per merger, as of "
                f"scipy.cluster.hierarchy.linkage; got shape {self.linkage.shape}."
            )
        self.tissue_names, self.groups = check_labels(tissue_names, groups, len(self.linkage) + 1)
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
        display : TissueDendrogramDisplay
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
        return cls(clustering.linkage, tissue_names=drawn.names, groups=drawn.groups, metric=metric)

    def _figure_size(self):
        """Return the size of one row per tissue."""
        return 6.4, 1.0 + 0.2 * max(len(self.tissue_names), 6)

    def _draw(self, ax):
        """Draw the tree."""
        n_tissues = len(self.tissue_names)
        tree = dendrogram(self.linkage, no_plot=True)
        for heights, places in zip(tree["dcoord"], tree["icoord"]):
            # scipy places leaf i at 10 i + 5
            ax.plot(heights, (np.array(places) - 5) / 10, color=INK, linewidth=1.2)
        order = leaves_list(self.linkage)
        ax.set_yticks(range(n_tissues), self.tissue_names[order])
        ax.yaxis.tick_right()
        ax.tick_params(axis="y", length=0, labelsize="small")
        ax.set_ylim(n_tissues - 0.5, -0.5)
        ax.set_xlim(1.03 * self.linkage[:, 2].max() or 1.0, 0)
        ax.set_xlabel(_METRIC_LABELS.get(self.metric, f"Distance of the effects ({self.metric})"))
        open_frame(ax, "left")
        if self.groups is not None:
            mark_groups(ax, 1.02, self.groups[order], ax.get_yaxis_transform())
