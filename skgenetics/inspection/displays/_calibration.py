"""CalibrationDisplay: whether a tenth of the variants with a PIP of 0.1 are causal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import (
    EDGE,
    INK,
    category_style,
    open_frame,
    outer_legend,
)
from skgenetics.metrics import lfsr_calibration_curve, pip_calibration_curve
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_option
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    pass

_AXIS_LABELS = {
    "pip": ("Mean posterior inclusion probability", "Fraction of causal variants"),
    "lfsr": ("Mean local false sign rate", "Fraction of effects of the wrong sign"),
}


class CalibrationDisplay(Display):
    """Calibration of the probabilities of a fit, if the true effects are known.

    Posterior inclusion probabilities (PIP) are compared with the fraction of causal variants, local
    false sign rates (lfsr) with the fraction of effects whose sign is wrong. There is one point per
    bin, with the interval of its fraction and the number of its variants (effects). Calibrated
    probabilities lie on the diagonal. PIPs below it, and false sign rates above it, are
    overconfident. Several displays in one axes get a color and a marker each; the numbers of
    variants come from the first estimator.

    Parameters
    ----------
    predicted, realized, lower, upper : array-like of shape (n_bins,)
        Of each bin: mean probability, fraction of what happened and the interval of the fraction.
    counts : array-like of int of shape (n_bins,)
        Number of variants, or of effects, in each bin.
    kind : {"pip", "lfsr"}, default="pip"
        What the probabilities are, for the axes.
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
        If the arrays differ in length or are empty, or values leave [0, 1].

    See Also
    --------
    skgenetics.metrics.pip_calibration_curve : The numbers, for PIPs.
    skgenetics.metrics.lfsr_calibration_curve : The numbers, for false sign rates.

    Examples
    --------
    >>> from skgenetics.inspection import CalibrationDisplay
    >>> display = CalibrationDisplay.from_predictions([3], [0.0, 0.1, 0.1, 0.8], n_bins=2)
    >>> display.plot().ax_.get_ylabel()
    'Fraction of causal variants'
    """

    def __init__(
        self,
        predicted: ArrayLike,
        realized: ArrayLike,
        lower: ArrayLike,
        upper: ArrayLike,
        counts: ArrayLike,
        *,
        kind: str = "pip",
        name: str | None = None,
    ):
        self.predicted = np.asarray(predicted, dtype=float)
        self.realized = np.asarray(realized, dtype=float)
        self.lower = np.asarray(lower, dtype=float)
        self.upper = np.asarray(upper, dtype=float)
        self.counts = np.asarray(counts)
        self.kind = kind
        self.name = name
        check_option(kind, "kind", tuple(_AXIS_LABELS))
        self._check_columns("predicted", "realized", "lower", "upper", "counts")
        columns = (self.predicted, self.realized, self.lower, self.upper)
        if not all(((column >= 0) & (column <= 1)).all() for column in columns):
            raise ValueError("predicted, realized, lower and upper must lie in [0, 1].")

    @classmethod
    def from_predictions(
        cls,
        truth: ArrayLike,
        predicted: ArrayLike,
        *,
        kind: str = "pip",
        coef: ArrayLike | None = None,
        name: str | None = None,
        **keywords: Any,
    ) -> Self:
        """Make the display from PIPs or false sign rates.

        Parameters
        ----------
        truth : array-like, or list of them, one per locus or fit
            "pip": the causal variants, a boolean mask of shape (n_variants,) or integer indices.
            "lfsr": the true effects, of the shape of `predicted`.
        predicted : array-like of shape (n_variants,), or list of them, one per locus or fit
            Posterior inclusion probabilities; or local false sign rates, of any shape.
        kind : {"pip", "lfsr"}, default="pip"
            What `predicted` is.
        coef : array-like of the shape of `predicted`, or list of them, default=None
            Estimated effects, of which "lfsr" judges the signs.
        name : str, default=None
            Name of the model, for the legend.
        **keywords
            Keywords of `skgenetics.metrics.pip_calibration_curve` and `lfsr_calibration_curve`:
            n_bins, strategy, confidence.

        Returns
        -------
        display : CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If `coef` is missing for "lfsr" or given for "pip", and as the functions say.
        """
        check_option(kind, "kind", tuple(_AXIS_LABELS))
        if (coef is not None) != (kind == "lfsr"):
            raise ValueError(
                "coef, the estimates whose signs are judged, belongs to kind='lfsr', which needs "
                f"it; got kind={kind!r} {'without' if coef is None else 'with'} coef."
            )
        if kind == "pip":
            curve = pip_calibration_curve(truth, predicted, **keywords)
        else:
            curve = lfsr_calibration_curve(truth, coef, predicted, **keywords)
        return cls(*curve.values(), kind=kind, name=name)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        truth: ArrayLike,
        *,
        kind: str = "pip",
        name: str | None = None,
        **keywords: Any,
    ) -> Self:
        """Make the display from a fitted estimator, or from one per locus.

        Parameters
        ----------
        estimator : FinemapMiXeR, MMASHRegressor, or list of them
            Fitted, with `pip_`, or for "lfsr" with `lfsr_` and `coef_`.
        truth : array-like, or list of them if `estimator` is one
            The causal variants or the true effects, as for `from_predictions`.
        kind, name, **keywords
            As for `from_predictions`; a `name` of None is the estimator's class.

        Returns
        -------
        display : CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If an estimator lacks the attributes.
        ValueError
            As `from_predictions` says.
        """
        check_option(kind, "kind", tuple(_AXIS_LABELS))
        several = isinstance(estimator, (list, tuple))
        estimators, truth = (estimator, truth) if several else ([estimator], [truth])
        attributes = ["pip_"] if kind == "pip" else ["lfsr_", "coef_"]
        for each in estimators:
            check_is_fitted(each, attributes)
        columns = {
            attribute: [to_numpy(getattr(each, attribute)) for each in estimators]
            for attribute in attributes
        }
        predicted, coef = columns[attributes[0]], columns.get("coef_")
        name = type(estimators[0]).__name__ if name is None else name
        return cls.from_predictions(truth, predicted, kind=kind, coef=coef, name=name, **keywords)

    def _figure_size(self):
        """Return the size of a square with room for a legend, if there is one."""
        return 4.4 if self.name is None else 5.9, 4.2

    def _draw(self, ax):
        """Draw the curve and, into empty axes, the diagonal and the numbers of variants."""
        n_before = len(ax.containers)
        if n_before == 0:
            ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="dashed", zorder=1)
        color, marker = category_style(n_before)
        ax.errorbar(
            self.predicted,
            self.realized,
            yerr=[
                np.maximum(self.realized - self.lower, 0),
                np.maximum(self.upper - self.realized, 0),
            ],
            color=color,
            marker=marker,
            markersize=6.5,
            markeredgecolor=EDGE,
            markeredgewidth=0.5,
            linewidth=0.8,
            elinewidth=1.3,
            label=self.name,
        )
        for x, y, count in zip(self.predicted, self.upper, [] if n_before else self.counts):
            ax.annotate(
                f"{count:,}",
                (x, y),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize="x-small",
                color=color,
            )
        xlabel, ylabel = _AXIS_LABELS[self.kind]
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.08), aspect="equal", anchor="W")
        ax.set(xlabel=xlabel, ylabel=ylabel)
        open_frame(ax)
        if self.name is not None:
            outer_legend(ax)
