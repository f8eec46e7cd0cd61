"""InteractionNetworkDisplay: the strongest pairs of variants as chords of a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from skgenetics.inspection.displays._base import Display, as_text, import_matplotlib
from skgenetics.inspection.displays._networks import (
    check_network,
    unit_of_output,
    variant_names,
)
from skgenetics.inspection.displays._style import (
    CATEGORY_COLORS,
    EDGE,
    NEUTRAL,
    category_style,
    outer_legend,
    write_title,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

_SIGN_STYLES = {1: (CATEGORY_COLORS[0], "solid"), -1: (CATEGORY_COLORS[1], "dashed")}


class _Network(NamedTuple):
    """The drawn variants on the circle, and the chords between them."""

    variants: np.ndarray  # (n_drawn,), indices
    angle: np.ndarray  # (n_drawn,)
    place: np.ndarray  # (n_drawn, 2)
    ends: np.ndarray  # (n_pairs, 2), positions in `variants`
    strength: np.ndarray  # (n_pairs,), absolute importance in units of the largest


class InteractionNetworkDisplay(Display):
    """Picture of pairs of variants as a network: variants on a circle, pairs as chords.

    Variants stand in the order of their columns, counterclockwise from the right. The more
    important a pair, the wider its chord; chords of negative importances are dashed. The size of a
    variant is the sum of the importances of its chords.

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
        Title of the legend: what the widths are, with the unit.
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
        If there is no pair, shapes differ, a value is not finite, or a pair is one variant
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
        pairs: ArrayLike,
        importances: ArrayLike,
        *,
        names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        label: str = "Importance of the pair",
        title: str | None = None,
    ):
        self.pairs, self.importances = np.asarray(pairs), to_numpy(importances).astype(float)
        self.names = as_text(names)
        self.groups = as_text(groups)
        self.label = label
        self.title = title
        n_pairs = self.importances.size
        if n_pairs == 0 or self.importances.ndim != 1 or self.pairs.shape != (n_pairs, 2):
            raise ValueError(
                "pairs must have shape (n_pairs, 2) and importances (n_pairs,), of one pair at "
                f"least; got {self.pairs.shape} and {self.importances.shape}."
            )
        self._check_finite("importances")
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
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        n_pairs: int = 20,
        target: int | None = None,
        names: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        title: str | None = None,
    ) -> Self:
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
            Index of the task; needed if there are several.
        names : array-like of shape (n_variants,), default=None
            Names of the variants. None: those that `fit` has seen, if any.
        groups, title
            As for the class.

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
        return cls(
            top.pairs,
            top.importances,
            names=variant_names(estimator, names),
            groups=groups,
            label=f"Importance of the pair\n({unit_of_output(estimator)} per squared allele)",
            title=title,
        )

    def _figure_size(self):
        """Return the size of the circle, names around it and the legend."""
        return 7.4, 5.0

    def _draw(self, ax):
        """Draw the network."""
        network = self._network()
        self._draw_chords(ax, network)
        groups = self._draw_variants(ax, network)
        self._write_names(ax, network)
        ax.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", anchor="W")  # room for names
        ax.set_axis_off()
        write_title(ax, self.title)
        outer_legend(ax, handles=[*self._handles_of_chords(), *groups], title=self.label)

    def _network(self) -> _Network:
        """Return the places of variants and chords."""
        variants, ends = np.unique(self.pairs, return_inverse=True)
        angle = 2 * np.pi * np.arange(len(variants)) / len(variants)
        place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        strength = np.abs(self.importances) / max(np.abs(self.importances).max(), 1e-300)
        return _Network(variants, angle, place, ends.reshape(self.pairs.shape), strength)

    def _draw_chords(self, ax: Axes, network: _Network) -> None:
        """Draw the pairs as curves that bend towards the center."""
        collections = import_matplotlib("collections")
        t = np.linspace(0, 1, 40)[:, None]
        ends = network.place[network.ends]
        first, second = ends[:, :1], ends[:, 1:]
        middle = 0.1 * (first + second)
        curves = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * second
        for sign, (color, style) in _SIGN_STYLES.items():
            chosen = (self.importances < 0) == (sign < 0)
            if not chosen.any():
                continue
            chords = collections.LineCollection(
                curves[chosen],
                colors=color,
                linestyles=style,
                **line_size(network.strength[chosen]),
            )
            ax.add_collection(chords, autolim=False)

    def _draw_variants(self, ax: Axes, network: _Network) -> list[Artist]:
        """Draw the variants and return the handles of their groups."""
        total = np.bincount(network.ends.ravel(), weights=np.repeat(network.strength, 2))
        area = 20 + 90 * total / max(total.max(), 1e-300)
        if self.groups is None:
            x, y = network.place.T
            ax.scatter(x, y, s=area, c=NEUTRAL, edgecolors=EDGE, linewidths=0.5, zorder=3)
            return []
        handles: list[Artist] = []
        groups = self.groups[network.variants]
        for number, group in enumerate(dict.fromkeys(groups.tolist())):
            color, marker = category_style(number)
            style: dict[str, Any] = {"c": color, "marker": marker, "edgecolors": EDGE}
            x, y = network.place[groups == group].T
            ax.scatter(x, y, s=area[groups == group], zorder=3, linewidths=0.5, **style)
            handles.append(ax.scatter([], [], s=36, label=group, linewidths=0.5, **style))
        return handles

    def _write_names(self, ax: Axes, network: _Network) -> None:
        """Write the names of the variants around the circle, readable from outside."""
        for variant, angle, (x, y) in zip(network.variants, network.angle, network.place):
            on_left = np.cos(angle) < -1e-9
            ax.text(
                1.07 * x,
                1.07 * y,
                f"x{variant}" if self.names is None else self.names[variant],
                rotation=np.degrees(angle) + (180 if on_left else 0),
                rotation_mode="anchor",
                ha="right" if on_left else "left",
                va="center",
                fontsize="small" if len(network.variants) <= 40 else "xx-small",
            )

    def _handles_of_chords(self) -> list[Artist]:
        """Return the legend's chords of the largest importance and of half that, by sign."""
        lines = import_matplotlib("lines")
        largest = np.abs(self.importances).max()
        return [
            lines.Line2D(
                [], [], color=color, linestyle=style, label=f"{sign * strength * largest:.2g}",
                linewidth=line_size(strength)["linewidths"], alpha=line_size(strength)["alpha"],
            )
            for sign, (color, style) in _SIGN_STYLES.items()
            if (np.sign(self.importances) == sign).any()
            for strength in (1.0, 0.5)
        ]  # fmt: skip


def line_size(strength: Any) -> dict[str, Any]:
    """Return the widths and opacities of chords of a `strength` from 0 to 1."""
    return {"linewidths": 0.5 + 3.5 * strength, "alpha": 0.25 + 0.65 * strength}
