"""CalibrationDisplay: whether a tenth of the variants with a PIP of 0.1 are causal."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._style import (
    EDGE,
    INK,
    category_style,
    new_axes,
    open_frame,
)
from skgenetics.metrics import pip_calibration_curve
from skgenetics.utils._array_api import to_numpy


class CalibrationDisplay:
    """Calibration of posterior inclusion probabilities (PIP), where the causal variants are known.

    One point a bin of PIPs, with the interval of its causal fraction and the number of its
    variants. Calibrated PIPs lie on the diagonal; below it, they are overconfident.

    Parameters
    ----------
    mean_pip, causal_fraction, lower, upper : array-like of shape (n_bins,)
        Of each bin: mean PIP, fraction of causal variants and the interval of that fraction.
    n_variants : array-like of int of shape (n_bins,)
        Number of variants in each bin.
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
    skgenetics.metrics.pip_calibration_curve : The numbers.

    Examples
    --------
    >>> from skgenetics.inspection import CalibrationDisplay
    >>> display = CalibrationDisplay.from_predictions([3], [0.0, 0.1, 0.1, 0.8], n_bins=2)
    >>> display.plot().ax_.get_ylabel()
    'Fraction of causal variants'
    """

    def __init__(self, mean_pip, causal_fraction, lower, upper, n_variants, *, name=None):
        self.mean_pip = np.asarray(mean_pip, dtype=float)
        self.causal_fraction = np.asarray(causal_fraction, dtype=float)
        self.lower = np.asarray(lower, dtype=float)
        self.upper = np.asarray(upper, dtype=float)
        self.n_variants = np.asarray(n_variants)
        self.name = name
        columns = (self.mean_pip, self.causal_fraction, self.lower, self.upper)
        shapes = [column.shape for column in (*columns, self.n_variants)]
        if len(set(shapes)) > 1 or self.mean_pip.ndim != 1 or self.mean_pip.size == 0:
            raise ValueError(
                "mean_pip, causal_fraction, lower, upper and n_variants must be columns of one "
                f"length, at least 1; got shapes {', '.join(map(str, shapes))}."
            )
        if not all(((column >= 0) & (column <= 1)).all() for column in columns):
            raise ValueError("mean_pip, causal_fraction, lower and upper must lie in [0, 1].")

    @classmethod
    def from_predictions(cls, causal, pip, *, name=None, **options):
        """Make the display from PIPs.

        Parameters
        ----------
        causal : array-like, or list of them, one per locus
            The causal variants: a boolean mask of shape (n_variants,) or integer indices.
        pip : array-like of shape (n_variants,), or list of them, one per locus
            Posterior inclusion probabilities.
        name : str, default=None
            Name of the model, for the legend.
        **options
            Keywords of `skgenetics.metrics.pip_calibration_curve`: n_bins, strategy, confidence.

        Returns
        -------
        display : CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            As `pip_calibration_curve` says.
        """
        return cls(**pip_calibration_curve(causal, pip, **options), name=name)

    @classmethod
    def from_estimator(cls, estimator, causal, *, name=None, **options):
        """Make the display from a fitted estimator, or from one a locus.

        Parameters
        ----------
        estimator : FinemapMiXeR or list of them
            Fitted, with `pip_`.
        causal : array-like, or list of them where `estimator` is one
            The causal variants, as for `from_predictions`.
        name, **options
            As for `from_predictions`; None names the estimator's class.

        Returns
        -------
        display : CalibrationDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If an estimator has no `pip_`.
        ValueError
            As `pip_calibration_curve` says.
        """
        several = isinstance(estimator, (list, tuple))
        estimators, causal = (estimator, causal) if several else ([estimator], [causal])
        for each in estimators:
            check_is_fitted(each, "pip_")
        name = type(estimators[0]).__name__ if name is None else name
        return cls.from_predictions(
            causal, [to_numpy(each.pip_) for each in estimators], name=name, **options
        )

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
        ax = new_axes(4.4, 4.2) if ax is None else ax
        before = len(ax.containers)
        if not before:
            ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle="dashed", zorder=1)
        color, marker = category_style(before)
        ax.errorbar(
            self.mean_pip,
            self.causal_fraction,
            yerr=[
                np.maximum(self.causal_fraction - self.lower, 0),
                np.maximum(self.upper - self.causal_fraction, 0),
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
        counts = [] if before else self.n_variants
        for x, y, count in zip(self.mean_pip, self.upper, counts):
            ax.annotate(
                f"{count:,}",
                (x, y),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize="x-small",
                color=color,
            )
        ax.set(
            xlim=(-0.03, 1.03),
            ylim=(-0.03, 1.08),
            aspect="equal",
            xlabel="Mean posterior inclusion probability",
            ylabel="Fraction of causal variants",
        )
        open_frame(ax)
        if self.name is not None:
            ax.legend(frameon=False, fontsize="small", loc="upper left")
        self.ax_, self.figure_ = ax, ax.figure
        return self
