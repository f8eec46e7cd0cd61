"""InteractionNetworkDisplay: the strongest pairs of variants as chords of a circle."""

import numpy as np
from sklearn.base import is_classifier

from skgenetics.inspection._interaction_display import check_network
from skgenetics.inspection._style import (
    CATEGORY_COLORS,
    EDGE,
    NEUTRAL,
    category_style,
    new_axes,
    outer_legend,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional

_SIGNS = {1: (CATEGORY_COLORS[0], "solid"), -1: (CATEGORY_COLORS[1], "dashed")}


class InteractionNetworkDisplay:
    """Picture of pairs of variants as a network: variants on a circle, pairs as chords.

    Variants stand in the order of their columns, counterclockwise from the right. A chord is the
    wider the more important its pair; negative ones are dashed. A variant is the larger the more
    its chords add up to.

    Parameters
    ----------
    pairs : array-like of int of shape (n_pairs, 2)
        Indices of the variants of each pair, as of ``second_order_importance(X, top_k=...)``.
    importances : array-like of shape (n_pairs,)
        Importance of each pair.
    names : array-like of shape (n_variants,), default=None
        Names of all variants, indexed by `pairs`. None: their numbers.
    groups : array-like of shape (n_variants,), default=None
        Gene or chromosome of each variant, which sets its color and marker.
    label : str, default="Importance of the pair"
        What the widths are, with its unit.
    title : str, default=None
        Title of the picture.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        Where there is no pair, shapes differ, a value is not finite, or a pair is one variant
        twice.

    See Also
    --------
    InteractionDisplay : All pairs as a heat map.

    Examples
    --------
    >>> from skgenetics.inspection import InteractionNetworkDisplay
    >>> display = InteractionNetworkDisplay([[0, 7], [3, 7]], [0.4, 0.1])
    >>> [text.get_text() for text in display.plot().ax_.texts]
    ['x0', 'x3', 'x7']
    """

    def __init__(
        self,
        pairs,
        importances,
        *,
        names=None,
        groups=None,
        label="Importance of the pair",
        title=None,
    ):
        self.pairs, self.importances = np.asarray(pairs), to_numpy(importances).astype(float)
        self.names = None if names is None else np.asarray(names).astype(str)
        self.groups = None if groups is None else np.asarray(groups).astype(str)
        self.label = label
        self.title = title
        n_pairs = self.importances.size
        if n_pairs == 0 or self.importances.ndim != 1 or self.pairs.shape != (n_pairs, 2):
            raise ValueError(
                "pairs must have shape (n_pairs, 2) and importances (n_pairs,), of one pair at "
                f"least; got {self.pairs.shape} and {self.importances.shape}."
            )
        if not np.isfinite(self.importances).all():
            raise ValueError("importances holds NaN or infinity.")
        if self.pairs.dtype.kind not in "iu" or self.pairs.min() < 0:
            raise ValueError("pairs must hold indices of variants, from 0.")
        if (self.pairs[:, 0] == self.pairs[:, 1]).any():
            raise ValueError("Each of pairs must be of two different variants.")
        for name in ("names", "groups"):
            value = getattr(self, name)
            if value is not None and (value.ndim != 1 or value.size <= self.pairs.max()):
                raise ValueError(
                    f"{name} must have an entry for each variant, {self.pairs.max() + 1} at least "
                    f"as pairs says; got shape {value.shape}."
                )

    @classmethod
    def from_estimator(
        cls, estimator, X, *, n_pairs=20, target=None, names=None, groups=None, title=None
    ):
        """Make the display from a fitted network.

        Parameters
        ----------
        estimator : LINAClassifier or LINARegressor
            Fitted.
        X : array-like of shape (n_samples, n_variants)
            Samples to explain.
        n_pairs : int, default=20
            Number of pairs drawn, the strongest ones. They are found without computing all.
        target : int, default=None
            Index of the task; needed where there are several.
        names : array-like of shape (n_variants,), default=None
            Names of the variants. None: those that `fit` has seen, if any.
        groups, title
            As the class says.

        Returns
        -------
        display : InteractionNetworkDisplay
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
        top = estimator.second_order_importance(X, target=target, top_k=n_pairs)
        unit = "log odds" if is_classifier(estimator) else "trait"
        return cls(
            top.pairs,
            top.importances,
            names=getattr(estimator, "feature_names_in_", None) if names is None else names,
            groups=groups,
            label=f"Importance of the pair\n({unit} per squared allele)",
            title=title,
        )

    def plot(self, ax=None):
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : InteractionNetworkDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        ax = new_axes(7.4, 5.0) if ax is None else ax
        variants, ends = np.unique(self.pairs, return_inverse=True)
        ends = ends.reshape(self.pairs.shape)
        angle = 2 * np.pi * np.arange(len(variants)) / len(variants)
        place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        strength = np.abs(self.importances) / max(np.abs(self.importances).max(), 1e-300)
        self._draw_chords(ax, place[ends], strength)
        handles = self._draw_variants(ax, variants, place, ends, strength)
        for variant, at, (x, y) in zip(variants, angle, place):
            left = np.cos(at) < -1e-9
            ax.text(
                1.07 * x,
                1.07 * y,
                f"x{variant}" if self.names is None else self.names[variant],
                rotation=np.degrees(at) + (180 if left else 0),
                rotation_mode="anchor",
                ha="right" if left else "left",
                va="center",
                fontsize="small" if len(variants) <= 40 else "xx-small",
            )
        ax.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", anchor="W")  # room for names
        ax.set_axis_off()
        if self.title is not None:
            ax.set_title(self.title, loc="left")
        outer_legend(ax, handles=[*self._scale(), *handles], title=self.label)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw_chords(self, ax, ends, strength):
        """Draw the pairs, whose ends are (n_pairs, 2, 2), as curves towards the center."""
        collections = import_optional("matplotlib.collections", extra="plots")
        t = np.linspace(0, 1, 40)[:, None]
        first, second = ends[:, :1], ends[:, 1:]
        middle = 0.1 * (first + second)
        curves = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * second
        for sign, (color, style) in _SIGNS.items():
            chosen = (self.importances < 0) == (sign < 0)
            if not chosen.any():
                continue
            chords = collections.LineCollection(
                curves[chosen],
                colors=color,
                linestyles=style,
                linewidths=0.5 + 3.5 * strength[chosen],
                alpha=0.25 + 0.65 * strength[chosen],
            )
            ax.add_collection(chords, autolim=False)

    def _draw_variants(self, ax, variants, place, ends, strength):
        """Draw the variants and return the handles of their groups."""
        total = np.bincount(ends.ravel(), weights=np.repeat(strength, 2))
        area = 20 + 90 * total / max(total.max(), 1e-300)
        if self.groups is None:
            ax.scatter(*place.T, s=area, c=NEUTRAL, edgecolors=EDGE, linewidths=0.5, zorder=3)
            return []
        handles, groups = [], self.groups[variants]
        for number, group in enumerate(dict.fromkeys(groups.tolist())):
            chosen = groups == group
            color, marker = category_style(number)
            options = {"c": color, "marker": marker, "edgecolors": EDGE, "linewidths": 0.5}
            ax.scatter(*place[chosen].T, s=area[chosen], zorder=3, **options)
            handles.append(ax.scatter([], [], s=36, label=group, **options))
        return handles

    def _scale(self):
        """Return the legend's handles of chords of the largest and of half the largest size."""
        lines = import_optional("matplotlib.lines", extra="plots")
        handles = []
        for sign, (color, style) in _SIGNS.items():
            if not (np.sign(self.importances) == sign).any():
                continue
            for share in (1.0, 0.5):
                value = sign * share * np.abs(self.importances).max()
                options = {"linewidth": 0.5 + 3.5 * share, "alpha": 0.25 + 0.65 * share}
                handles.append(
                    lines.Line2D(
                        [], [], color=color, linestyle=style, label=f"{value:.2g}", **options
                    )
                )
        return handles
