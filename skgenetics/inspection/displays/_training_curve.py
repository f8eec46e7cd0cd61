"""TrainingCurveDisplay: the course of a fit, on training and on held-out samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import EDGE, category_style, open_frame
from skgenetics.utils._parameters import Flag, check_option, check_parameter
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    pass

LOSS = "Loss"
SCORE = "Variance explained (R²)"


class TrainingCurveDisplay(Display):
    """Loss or score of a fit after each iteration, on training and on held-out samples.

    The dashed curve is that of the training samples, the solid one that of samples held out for
    early stopping. A marker shows the best iteration, whose coefficients the estimator has. Several
    displays in one axes get a color and a marker each.

    Parameters
    ----------
    training : array-like of shape (n_iter,)
        Value on the training samples after each iteration.
    validation : array-like of shape (n_iter,), default=None
        Value on the samples held out.
    metric : str, default="Loss"
        Name of the values, for the vertical axis.
    greater_is_better : bool, default=False
        Whether the largest value is the best: True for scores.
    unit : str, default="Iteration"
        Name of a step, for the horizontal axis.
    name : str, default=None
        Name of the model, for the legend.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If a curve is empty, not finite, or shorter than the other.

    Examples
    --------
    >>> from skgenetics.inspection import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay([1.0, 0.6, 0.4], [1.1, 0.8, 0.9])
    >>> display.best_iteration
    2
    >>> display.plot().ax_.get_xlabel()
    'Iteration'
    """

    def __init__(
        self,
        training: ArrayLike,
        validation: ArrayLike | None = None,
        *,
        metric: str = LOSS,
        greater_is_better: bool = False,
        unit: str = "Iteration",
        name: str | None = None,
    ):
        self.training = np.asarray(training, dtype=float)
        self.validation = None if validation is None else np.asarray(validation, dtype=float)
        self.metric = metric
        check_parameter(greater_is_better, "greater_is_better", [Flag()])
        self.greater_is_better = greater_is_better
        self.unit = unit
        self.name = name
        for which, curve in (("training", self.training), ("validation", self.validation)):
            if curve is None:
                continue
            if curve.ndim != 1 or curve.size == 0 or not np.isfinite(curve).all():
                raise ValueError(
                    f"{which} must hold one finite value per iteration, at least 1; got shape "
                    f"{curve.shape} with {np.count_nonzero(~np.isfinite(curve))} not finite."
                )
        if self.validation is not None and self.validation.shape != self.training.shape:
            raise ValueError(
                "training and validation must have one value each per iteration; got "
                f"{self.training.size} and {self.validation.size}."
            )

    @property
    def best_iteration(self) -> int | None:
        """Iteration, counted from 1, of the best value on held-out samples; None without them."""
        if self.validation is None:
            return None
        best = np.argmax if self.greater_is_better else np.argmin
        return int(best(self.validation)) + 1

    @classmethod
    def from_estimator(cls, estimator: Any, *, kind: str = "auto", name: str | None = None) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : MILAGERegressor, LINAClassifier, LINARegressor, or one with their attributes
            Fitted. Held-out samples are there after a fit with ``early_stopping=True``.
        kind : {"auto", "score", "loss"}, default="auto"
            "score": `train_scores_` and `validation_scores_`, variance explained. "loss":
            `loss_curve_` and, if the estimator has no `train_scores_`, minus its
            `validation_scores_`, the loss on held-out samples without penalties. "auto": "score"
            if the estimator has `train_scores_`.
        name : str, default=None
            Name of the model, for the legend.

        Returns
        -------
        display : TrainingCurveDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator has no `loss_curve_`.
        ValueError
            If it has no iterations or no scores of them, or its validation scores are no losses.
        """
        check_option(kind, "kind", ("auto", "score", "loss"))
        check_is_fitted(estimator, "loss_curve_")
        scores = getattr(estimator, "train_scores_", None)
        validation = getattr(estimator, "validation_scores_", None) or None
        unit = "Epoch" if getattr(estimator, "solver", None) == "adam" else "Iteration"
        if kind == "score" and scores is None:
            raise ValueError(
                f"{type(estimator).__name__} keeps no score of its training samples "
                "(train_scores_). Use kind='loss'."
            )
        if scores is not None and kind != "loss":
            return cls(
                scores, validation, metric=SCORE, greater_is_better=True, unit=unit, name=name
            )
        if scores is not None:
            validation = None  # of another unit than the loss
        if validation is not None:
            if max(validation) > 0:
                raise ValueError(
                    f"validation_scores_ of {type(estimator).__name__} are not minus a loss: some "
                    "are positive. Pass the curves to TrainingCurveDisplay itself."
                )
            validation = -np.asarray(validation)
        return cls(estimator.loss_curve_, validation, unit=unit, name=name)

    def _figure_size(self):
        """Return the size of one panel."""
        return 5.6, 3.6

    def _draw(self, ax):
        """Draw the curves."""
        n_before = sum(line.get_linestyle() == "--" for line in ax.lines)
        color, marker = category_style(n_before)
        prefix = "" if self.name is None else f"{self.name}, "
        iterations = np.arange(1, self.training.size + 1)
        ax.plot(
            iterations, self.training, color=color, linestyle="dashed", linewidth=1.4,
            label=f"{prefix}training",
        )  # fmt: skip
        best = self.best_iteration
        if self.validation is not None and best is not None:
            ax.plot(
                iterations, self.validation, color=color, linewidth=1.8, marker=marker,
                markevery=[best - 1], markersize=7, markeredgecolor=EDGE,
                markeredgewidth=0.5, label=f"{prefix}held out (best: {best})",
            )  # fmt: skip
        ax.set(xlabel=self.unit, ylabel=self.metric)
        ax.xaxis.get_major_locator().set_params(integer=True)
        open_frame(ax)
        ax.legend(frameon=False, fontsize="small")
