"""ScoresDisplay: the scores of several models on several targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import (
    EDGE,
    INK,
    category_style,
    open_frame,
    outer_legend,
)
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRIC_LABELS = {"R2": "R²"}


class ScoresDisplay(Display):
    """Scores of models on targets (genes, traits), as dots with error bars.

    There is one row per target, and one color and marker per model. Targets and models keep the
    order in which they first appear.

    Parameters
    ----------
    targets : array-like of shape (n_scores,)
        Name of the target (gene, trait) of each score.
    models : array-like of shape (n_scores,)
        Name of the model of each score.
    mean : array-like of shape (n_scores,)
        Mean score over the test folds. NaN if a model has none: nothing is drawn.
    standard_error : array-like of shape (n_scores,), default=None
        Standard error of the mean, in the units of the score. NaN or None draws no bar.
    metric : str, default="R2"
        Name of the score on the horizontal axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If the columns differ in length or are empty, a mean is infinite, a standard error is
        negative or infinite, or a model has two scores on one target.

    See Also
    --------
    ScoreDifferencesDisplay : One model against the others, paired by fold.

    Examples
    --------
    >>> from skgenetics.inspection import ScoresDisplay
    >>> display = ScoresDisplay.from_frame(
    ...     {
    ...         "target": ["LDL", "LDL"],
    ...         "model": ["RidgeCV", "FinemapMiXeR"],
    ...         "mean": [0.21, 0.24],
    ...         "standard_error": [0.02, 0.02],
    ...     }
    ... )
    >>> display.plot().ax_.get_xlabel()
    'R² on held-out samples (mean ± standard error)'
    """

    def __init__(
        self,
        targets: ArrayLike,
        models: ArrayLike,
        mean: ArrayLike,
        standard_error: ArrayLike | None = None,
        *,
        metric: str = "R2",
    ):
        self.targets = np.asarray(targets, dtype=str)
        self.models = np.asarray(models, dtype=str)
        self.mean = np.asarray(mean, dtype=float)
        if standard_error is None:
            standard_error = np.full(self.mean.shape, np.nan)
        self.standard_error = np.asarray(standard_error, dtype=float)
        self.metric = metric
        self._validate()

    @classmethod
    def from_frame(cls, frame: Mapping[str, Any] | Any, *, metric: str = "R2") -> Self:
        """Make the display from a tidy table.

        Parameters
        ----------
        frame : pandas DataFrame or dict of columns
            Columns "target", "model", "mean" and, if known, "standard_error"; one row per score.
        metric : str, default="R2"
            Name of the score on the horizontal axis.

        Returns
        -------
        display : ScoresDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If a column is missing, and as for the class.
        """
        missing = [name for name in ("target", "model", "mean") if name not in frame]
        if missing:
            raise ValueError(
                f"frame has no column {', '.join(map(repr, missing))}; it needs 'target', 'model', "
                f"'mean' and may have 'standard_error'. Got {', '.join(map(repr, frame))}."
            )
        return cls(
            frame["target"],
            frame["model"],
            frame["mean"],
            frame.get("standard_error"),
            metric=metric,
        )

    def _figure_size(self):
        """Return the size of a row per target, as high as its models ask for."""
        n_targets, n_models = len(set(self.targets)), len(set(self.models))
        height = 0.9 + n_targets * (0.2 + 0.13 * n_models)
        return 7.5, max(height, 1.2 + 0.19 * n_models)

    def _draw(self, ax):
        """Draw the scores."""
        targets, row = distinct(self.targets)
        models, model_of_score = distinct(self.models)
        self._draw_scores(ax, models, model_of_score, row)
        for shaded in range(0, len(targets), 2):
            ax.axhspan(shaded - 0.5, shaded + 0.5, color="#F3F3F3", linewidth=0, zorder=0)
        low, high = ax.get_xlim()
        if low <= 0 <= high:
            ax.axvline(0, color=INK, linewidth=0.8, zorder=1)
        ax.set_ylim(len(targets) - 0.5, -0.5)
        ax.set_yticks(range(len(targets)), targets)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
        open_frame(ax, "left")
        metric = METRIC_LABELS.get(self.metric, self.metric)
        spread = " (mean ± standard error)" if np.isfinite(self.standard_error).any() else ""
        ax.set_xlabel(f"{metric} on held-out samples{spread}")
        outer_legend(ax)

    def _draw_scores(
        self, ax: Axes, models: list[str], model_of_score: np.ndarray, row: np.ndarray
    ) -> None:
        """Draw a dot per score in the row of its target, in the color and marker of its model."""
        step = 0.8 / len(models)
        for index, model in enumerate(models):
            chosen = model_of_score == index
            color, marker = category_style(index)
            ax.errorbar(
                self.mean[chosen],
                row[chosen] + (index - (len(models) - 1) / 2) * step,
                xerr=self.standard_error[chosen],
                color=color,
                marker=marker,
                markersize=6.5,
                markeredgecolor=EDGE,
                markeredgewidth=0.5,
                linestyle="none",
                elinewidth=1.3,
                label=model,
            )

    def _validate(self) -> None:
        """Raise ValueError if the columns do not make one table of scores."""
        self._check_columns("targets", "models", "mean", "standard_error")
        if np.isinf(self.mean).any():
            raise ValueError("mean holds infinity; use NaN if a model has no score.")
        if np.isinf(self.standard_error).any() or (self.standard_error < 0).any():
            raise ValueError("standard_error holds infinity or a negative number.")
        pairs = list(zip(self.targets.tolist(), self.models.tolist()))
        if len(set(pairs)) < len(pairs):
            twice = next(pair for pair in pairs if pairs.count(pair) > 1)
            raise ValueError(
                f"Model {twice[1]!r} has more than one score on target {twice[0]!r}; "
                "give one mean over the folds."
            )


def distinct(names: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the distinct `names` in order of appearance, and each entry's number among them."""
    order = {name: number for number, name in enumerate(dict.fromkeys(names.tolist()))}
    return list(order), np.array([order[name] for name in names.tolist()])
