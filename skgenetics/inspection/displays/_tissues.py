"""Names and kinds of tissues, shared by the Displays of factors of expression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.inspection.displays._base import as_text, check_shape
from skgenetics.inspection.displays._style import EDGE, category_style, size_in_inches
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform


class TissueLabels(NamedTuple):
    """Names and kinds of tissues, each of shape (n_tissues,)."""

    names: np.ndarray
    groups: np.ndarray | None

    def of(self, tissues: np.ndarray) -> TissueLabels:
        """Return the labels of `tissues`, which are indices, in their order."""
        return TissueLabels(
            self.names[tissues], None if self.groups is None else self.groups[tissues]
        )


def check_labels(
    tissue_names: ArrayLike | None, groups: ArrayLike | None, n_tissues: int
) -> TissueLabels:
    """Return names, numbers if None, and groups; raise ValueError unless one per tissue."""
    numbers = [f"tissue {k}" for k in range(n_tissues)]
    labels = TissueLabels(
        np.asarray(numbers if tissue_names is None else tissue_names).astype(str), as_text(groups)
    )
    for name, values in (("tissue_names", labels.names), ("groups", labels.groups)):
        if values is not None:
            check_shape(values, name, (n_tissues,), "tissue")
    return labels


def group_styles(groups: np.ndarray) -> dict[str, tuple[str, str]]:
    """Return the color and the marker of each group, in order of the groups' names."""
    return {group: category_style(i) for i, group in enumerate(sorted(set(groups.tolist())))}


def mark_groups(ax: Axes, x: float, groups: np.ndarray, transform: Transform) -> None:
    """Put the marker of each row's group at `x`, outside the frame, and the legend above `ax`."""
    for group, (color, marker) in group_styles(groups).items():
        (rows,) = np.nonzero(groups == group)
        ax.plot(
            np.full(rows.size, x), rows, color=color, marker=marker, linestyle="none",
            markersize=6, markeredgecolor=EDGE, markeredgewidth=0.5, transform=transform,
            clip_on=False, label=group,
        )  # fmt: skip
    ax.tick_params(axis="y", pad=14)
    above = 1 + 0.22 / size_in_inches(ax)[1]
    legend_of_groups(ax, loc="lower left", bbox_to_anchor=(0.0, above), ncols=4, columnspacing=1.0)


def legend_of_groups(ax: Axes, **keywords: Any) -> None:
    """Add a legend of the groups' markers to `ax`."""
    ax.legend(frameon=False, fontsize="small", handletextpad=0.1, borderaxespad=0.0, **keywords)
