"""CalibrationDisplay: whether a tenth of the variants with a PIP of 0.1 are causal."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._style import (
    EDGE,
    INK,
    category_style,
    new_axes,
    open_frame,
    outer_legend,
)
from skgenetics.metrics import lfsr_calibration_curve, pip_calibration_curve
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_option

_AXIS_LABELS = {
    "pip": ("Mean posterior inclusion probability", "Fraction of causal variants"),
    "lfsr": ("Mean local false sign rate", "Fraction of effects of the wrong sign"),
}


class CalibrationDisplay:
    """Calibration of probabilities of a fit, where the true effects are known.

    Posterior inclusion probabilities (PIP) are compared with the fraction of causal variants, local
    false sign rates (lfsr) with the fraction of effects whose sign is wrong. One point a bin, with
    the interval of its fraction and the number of its variants (effects). What is calibrated lies
    on the diagonal. PIPs below it, and false sign rates above it, are overconfident.

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
        Where the arrays differ in length or are empty, or values leave [0, 1].

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

    def __init__(self, predicted, realized, lower, upper, counts, *, kind="pip", name=None):
        self.predicted = np.asarray(predicted, dtype=float)
        self.realized = np.asarray(realized, dtype=float)
        self.lower = np.asarray(lower, dtype=float)
        self.upper = np.asarray(upper, dtype=float)
        self.counts = np.asarray(counts)
        self.kind = kind
        self.name = name
        check_option(kind, "kind", tuple(_AXIS_LABELS))
        columns = (self.predicted, self.realized, self.lower, self.upper)
        shapes = [column.shape for column in (*columns, self.counts)]
        if len(set(shapes)) > 1 or self.predicted.ndim != 1 or self.predicted.size == 0:
            raise ValueError(
                "predicted, realized, lower, upper and counts must be columns of one length, at "
                f"least 1; got shapes {', '.join(map(str, shapes))}."
            )
        if not all(((column >= 0) & (column <= 1)).all() for column in columns):
            raise ValueError("predicted, realized, lower and upper must lie in [0, 1].")

    @classmethod
    def from_predictions(cls, truth, predicted, *, kind="pip", coef=None, name=None, **options):
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
        **options
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
            curve = pip_calibration_curve(truth, predicted, **options)
        else:
            curve = lfsr_calibration_curve(truth, coef, predicted, **options)
        return cls(*curve.values(), kind=kind, name=name)

    @classmethod
    def from_estimator(cls, estimator, truth, *, kind="pip", name=None, **options):
        """Make the display from a fitted estimator, or from one a locus.

        Parameters
        ----------
        estimator : FinemapMiXeR, MMASHRegressor, or list of them
            Fitted, with `pip_`, or for "lfsr" with `lfsr_` and `coef_`.
        truth : array-like, or list of them where `estimator` is one
            The causal variants or the true effects, as for `from_predictions`.
        kind, name, **options
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
        predicted, *coef = [
            [to_numpy(getattr(each, attribute)) for each in estimators] for attribute in attributes
        ]
        coef = coef[0] if coef else None
        name = type(estimators[0]).__name__ if name is None else name
        return cls.from_predictions(truth, predicted, kind=kind, coef=coef, name=name, **options)

    def plot(self, ax=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure. Several displays in one axes get a color and a
            marker each; the numbers of variants are those of the first.

        Returns
        -------
        display : CalibrationDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        ax = new_axes(4.4 if self.name is None else 5.9, 4.2) if ax is None else ax
        before = len(ax.containers)
        if not before:
            ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="dashed", zorder=1)
        color, marker = category_style(before)
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
        counts = [] if before else self.counts
        for x, y, count in zip(self.predicted, self.upper, counts):
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
        self.ax_, self.figure_ = ax, ax.figure
        return self
