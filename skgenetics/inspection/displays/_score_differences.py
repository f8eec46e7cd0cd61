"""ScoreDifferencesDisplay: by how much one model scores higher than the others, paired by fold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._scores import METRIC_LABELS
from skgenetics.inspection.displays._style import CATEGORY_COLORS, EDGE, INK, NEUTRAL, open_frame
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ScoreDifferencesDisplay(Display):
    """The score of one model minus those of others, in the same folds.

    There is a row per other model: a bar of two standard errors on either side of the mean over
    folds, and a short line per fold. What differs from 0 by more than two standard errors is blue
    if the model scores higher, and red if it scores lower.

    Parameters
    ----------
    model : str
        The model that is compared.
    others : sequence of str of shape (n_others,)
        The models that it is compared with, from the top.
    by_fold : array-like of shape (n_others, n_folds)
        Score of the model minus that of each other one, in the units of the score. NaN: a fold
        without a difference.
    metric : str, default="R2"
        Name of the score on the horizontal axis.

    Attributes
    ----------
    mean : ndarray of shape (n_others,)
        Mean difference over folds.
    standard_error : ndarray of shape (n_others,)
        Standard error of that mean, in the units of the score; NaN of a single fold.
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If shapes differ, there is nothing to compare, or a difference is infinite.

    See Also
    --------
    ScoresDisplay : The scores themselves.

    Examples
    --------
    >>> from skgenetics.inspection import ScoreDifferencesDisplay
    >>> by_fold = [[0.02, 0.03, 0.01], [0.01, -0.02, 0.0]]
    >>> display = ScoreDifferencesDisplay("FinemapMiXeR", ["RidgeCV", "ElasticNet"], by_fold)
    >>> display.plot().ax_.get_xlabel()
    'R² of FinemapMiXeR minus that of the other (mean ± 2 standard errors)'
    """

    def __init__(
        self, model: str, others: Sequence[str], by_fold: ArrayLike, *, metric: str = "R2"
    ):
        self.model, self.others, self.metric = model, list(others), metric
        self.by_fold = np.asarray(by_fold, dtype=float)
        if self.by_fold.ndim != 2 or 0 in self.by_fold.shape:
            raise ValueError(
                "by_fold must have a row per other model and a column per fold; "
                f"got shape {self.by_fold.shape}."
            )
        self._check_shape((len(self.others), self.by_fold.shape[1]), "model and fold", "by_fold")
        if np.isinf(self.by_fold).any():
            raise ValueError("by_fold holds infinity; use NaN for a fold without a difference.")

    @property
    def mean(self) -> np.ndarray:
        """Mean difference over folds (n_others,)."""
        n_folds, total = np.isfinite(self.by_fold).sum(axis=1), np.nansum(self.by_fold, axis=1)
        return np.divide(total, n_folds, out=np.full(len(total), np.nan), where=n_folds > 0)

    @property
    def standard_error(self) -> np.ndarray:
        """Standard error of the mean difference (n_others,); NaN of a single fold."""
        n_folds = np.isfinite(self.by_fold).sum(axis=1)
        squares = np.nansum((self.by_fold - self.mean[:, None]) ** 2, axis=1)
        freedom, variance = n_folds * (n_folds - 1.0), np.full(len(squares), np.nan)
        return np.sqrt(np.divide(squares, freedom, out=variance, where=freedom > 0))

    @classmethod
    def from_frame(cls, frame: Any, *, model: str, metric: str = "R2") -> Self:
        """Make the display from the table ``differences.csv`` of ``skgenetics compare``.

        Parameters
        ----------
        frame : pandas DataFrame
            Columns metric, model, minus and fold_1, fold_2, ...; one row per pair of models.
        model : str
            The model that is compared with the others.
        metric : str, default="R2"
            The rows of this metric are drawn.

        Returns
        -------
        display : ScoreDifferencesDisplay
            The display, not drawn yet: the others from the smallest mean difference to the largest.

        Raises
        ------
        ValueError
            If no row is of this metric and model.
        """
        folds = [name for name in frame if str(name).startswith("fold_")]
        by_fold = {}
        for _, row in frame[frame["metric"] == metric].iterrows():
            if model in (row["model"], row["minus"]):
                is_first = row["model"] == model
                values = row[folds].to_numpy(dtype=float)
                by_fold[row["minus" if is_first else "model"]] = values if is_first else -values
        if not by_fold:
            raise ValueError(f"frame has no difference in {metric} of {model!r}.")
        display = cls(model, list(by_fold), np.array(list(by_fold.values())), metric=metric)
        order = np.argsort(display.mean, kind="stable")
        return cls(model, [display.others[i] for i in order], display.by_fold[order], metric=metric)

    def _figure_size(self):
        """Return the size of a row per other model."""
        return 6.5, 1.1 + 0.34 * len(self.others)

    def _draw(self, ax: Axes) -> None:
        """Draw the differences."""
        with np.errstate(invalid="ignore"):
            clear = np.abs(self.mean) > 2 * self.standard_error
        gain, loss = CATEGORY_COLORS[:2]
        for row, (mean, error) in enumerate(zip(self.mean, self.standard_error)):
            color = NEUTRAL if not clear[row] else gain if mean > 0 else loss
            folds = self.by_fold[row][np.isfinite(self.by_fold[row])]
            ax.vlines(folds, row - 0.22, row + 0.22, color=color, linewidth=0.9, alpha=0.7)
            ax.errorbar(
                mean, row, xerr=2 * error, color=color, marker="o", markersize=6.5,
                markeredgecolor=EDGE, markeredgewidth=0.5, elinewidth=2,
            )  # fmt: skip
        ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
        ax.set_ylim(len(self.others) - 0.5, -0.5)
        ax.set_yticks(range(len(self.others)), self.others)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
        open_frame(ax, "left")
        metric = METRIC_LABELS.get(self.metric, self.metric)
        ax.set_xlabel(
            f"{metric} of {self.model} minus that of the other (mean ± 2 standard errors)"
        )
