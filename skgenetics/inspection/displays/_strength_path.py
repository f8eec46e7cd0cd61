"""StrengthPathDisplay: what held-out individuals say of penalties and numbers of factors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import EDGE, category_style, open_frame
from skgenetics.utils._typing import ArrayLike


class StrengthPathDisplay(Display):
    """Prediction of held-out individuals by strength of the penalties and number of factors.

    A line per number of factors. The dashed line is the best without any; a large marker shows the
    best of all.

    Parameters
    ----------
    n_components : array-like of int of shape (n_points,)
        Number of factors; points with 0 are drawn as the dashed line.
    strength : array-like of shape (n_points,)
        Strength of the penalties.
    score : array-like of shape (n_points,)
        R2 of held-out individuals; NaN where none was computed.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If lengths differ, or no point has a score.

    References
    ----------
    .. [1] Yang, Pe'er, Pe'er, Figure 4.

    Examples
    --------
    >>> from skgenetics.inspection import StrengthPathDisplay
    >>> display = StrengthPathDisplay([0, 1, 1], [0.3, 0.2, 0.1], [0.05, 0.08, 0.06])
    >>> display.best
    1
    >>> display.plot().ax_.get_xlabel()
    'Strength of the penalties'
    """

    def __init__(self, n_components: ArrayLike, strength: ArrayLike, score: ArrayLike):
        self.n_components = np.asarray(n_components, dtype=int)
        self.strength = np.asarray(strength, dtype=float)
        self.score = np.asarray(score, dtype=float)
        shapes = {a.shape for a in (self.n_components, self.strength, self.score)}
        if len(shapes) > 1 or self.score.ndim != 1:
            raise ValueError(
                "n_components, strength and score must have one entry per point; got shapes "
                f"{self.n_components.shape}, {self.strength.shape} and {self.score.shape}."
            )
        if not np.isfinite(self.score).any():
            raise ValueError("score holds no finite value.")

    @property
    def best(self) -> int:
        """Place of the point that predicts best."""
        return int(np.nanargmax(self.score))

    @classmethod
    def from_estimator(cls, estimator: Any) -> Self:
        """Make the display from a fitted `MILAGERegressor`.

        Parameters
        ----------
        estimator : MILAGERegressor
            Fitted with something left to the data ("auto").

        Returns
        -------
        display : StrengthPathDisplay
            The display, not drawn yet. The score of a point is the better of those without and
            with polygenic term; the strength is the geometric mean of `variant_alpha` and
            `loading_alpha`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no `strength_path_`.
        """
        check_is_fitted(estimator, "loss_curve_")
        if not hasattr(estimator, "strength_path_"):
            raise ValueError(
                "The estimator has no strength_path_: every parameter was given. Leave one 'auto'."
            )
        path = estimator.strength_path_
        strength = np.sqrt(path["variant_alpha"] * path["loading_alpha"])
        score = np.fmax(path["score"], path["polygenic_score"])
        return cls(path["n_components"], strength, score)

    def _figure_size(self):
        """Return the size of one panel."""
        return 5.6, 3.6

    def _draw(self, ax):
        """Draw the lines."""
        without = self.n_components == 0
        if np.isfinite(self.score[without]).any():
            ax.axhline(
                np.nanmax(self.score[without]), color=EDGE, linestyle="dashed", linewidth=1.2
            )
        for place, number in enumerate(np.unique(self.n_components[~without])):
            points = np.flatnonzero(self.n_components == number)
            points = points[np.argsort(self.strength[points], kind="stable")]
            color, marker = category_style(place)
            ax.plot(
                self.strength[points], self.score[points], color=color, marker=marker,
                markersize=4, linewidth=1.4, label=f"{number} factor{'s' * int(number > 1)}",
            )  # fmt: skip
        ax.plot(
            self.strength[self.best], self.score[self.best], marker="o", markersize=11,
            markerfacecolor="none", markeredgecolor=EDGE,
        )  # fmt: skip
        if np.all(self.strength > 0):
            ax.set_xscale("log")
        ax.set(xlabel="Strength of the penalties", ylabel="Held-out R²")
        open_frame(ax)
        if not without.all():
            ax.legend(frameon=False, fontsize="small")
