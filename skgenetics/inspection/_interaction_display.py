"""InteractionDisplay: a heat map of the importances of pairs of variants or genes."""

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._style import color_scale, new_axes
from skgenetics.utils._arrays import to_numpy

_NAMED = 40  # rows that can be named one by one


class InteractionDisplay:
    """Heat map of the importances of pairs of variants, or of pairs of genes.

    Parameters
    ----------
    importances : array-like of shape (n_variants, n_variants)
        Importance of each pair, as of `second_order_importance` or `swap_interactions`. With
        negative values the color scale is symmetric about 0.
    names : array-like of shape (n_variants,), default=None
        Names of the variants or genes; up to 40 are written on the axes. None: their numbers.
    label : str, default="Importance of the pair"
        What the colors are, with its unit.
    axis_label : str, default="Variant (column of X)"
        Label of both axes, where they have numbers.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    colorbar_ : matplotlib Colorbar
        The scale beside `ax_`, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        Where the matrix is not square, not finite or empty, or names do not fit it.

    See Also
    --------
    InteractionNetworkDisplay : The strongest pairs as a network.
    swap_interactions : Importances of pairs for any estimator.

    Examples
    --------
    >>> from skgenetics.inspection import InteractionDisplay
    >>> display = InteractionDisplay([[0.0, 0.3], [0.3, 0.0]], names=["rs1", "rs2"])
    >>> display.plot().colorbar_.ax.get_ylabel()
    'Importance of the pair'
    """

    def __init__(
        self,
        importances,
        *,
        names=None,
        label="Importance of the pair",
        axis_label="Variant (column of X)",
        title=None,
    ):
        self.importances = to_numpy(importances).astype(float)
        self.names = None if names is None else np.asarray(names).astype(str)
        self.label = label
        self.axis_label = axis_label
        self.title = title
        shape = self.importances.shape
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
            raise ValueError(f"importances must be a square matrix; got shape {shape}.")
        if not np.isfinite(self.importances).all():
            raise ValueError("importances holds NaN or infinity.")
        if self.names is not None and self.names.shape != shape[:1]:
            raise ValueError(
                f"names must have shape ({shape[0]},), one a row; got {self.names.shape}."
            )

    @classmethod
    def from_estimator(
        cls, estimator, X, *, target=None, groups=None, names=None, title=None, **options
    ):
        """Make the display from a fitted network.

        Parameters
        ----------
        estimator : LINAClassifier or LINARegressor
            Fitted. For others pass the result of `swap_interactions` to the class.
        X : array-like of shape (n_samples, n_variants)
            Samples to explain.
        target : int, default=None
            Index of the task; needed where there are several.
        groups : array-like of shape (n_variants,), default=None
            The gene of each variant: importances are added over genes, which are the rows then.
        names : array-like, default=None
            Names of the rows. None: those of `groups`, or those that `fit` has seen, if any.
        title : str, default=None
            Title of the picture.
        **options
            Keywords of `second_order_importance`: kind, signed, n_repeats, random_state.

        Returns
        -------
        display : InteractionDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError, TypeError
            If the estimator is not fitted, or is another.
        ValueError
            If there are several tasks and no `target`, and as the class and
            `second_order_importance` say.
        """
        check_network(estimator, target)
        importances = estimator.second_order_importance(X, target=target, groups=groups, **options)
        if names is None:
            seen = getattr(estimator, "feature_names_in_", None)
            names = seen if groups is None else np.unique(groups)
        unit = "log odds" if is_classifier(estimator) else "trait"
        if options.get("kind") == "swap":
            label = f"Change by the pair beyond both ({unit})"
        else:
            label = f"Importance of the pair ({unit} per squared allele)"
        return cls(importances, names=names, label=label, title=title)

    def plot(self, ax=None):
        """Draw the heat map and its scale.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : InteractionDisplay
            Itself, with `ax_`, `colorbar_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        ax = new_axes(6.2, 5.0) if ax is None else ax
        image = ax.imshow(
            self.importances, interpolation="nearest", **color_scale(self.importances)
        )
        n = len(self.importances)
        if self.names is not None and n <= _NAMED:
            size = "medium" if n <= 15 else "x-small"
            upright = n <= 15 and max(map(len, self.names)) <= 3
            ax.set_yticks(range(n), self.names, fontsize=size)
            ax.set_xticks(range(n), self.names, fontsize=size, rotation=0 if upright else 90)
            ax.tick_params(length=0)
        else:
            ax.set(xlabel=self.axis_label, ylabel=self.axis_label)
        if self.title is not None:
            ax.set_title(self.title, loc="left")
        self.colorbar_ = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        self.colorbar_.outline.set_visible(False)
        self.colorbar_.set_label(self.label)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def check_network(estimator, target):
    """Raise unless the estimator is a fitted network, with one task or a target."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "second_order_importance"):
        raise TypeError(
            f"{type(estimator).__name__} has no second_order_importance. Give a LINAClassifier or "
            "LINARegressor (of a pipeline its last step, and what the steps before it make of X), "
            "or the display itself what skgenetics.inspection.swap_interactions returns."
        )
    n_tasks = estimator.task_coef_.shape[0]
    if target is None and n_tasks > 1:
        raise ValueError(
            f"The network has {n_tasks} tasks or classes; give target, from 0 to {n_tasks - 1}."
        )
