"""SimilarityDisplay: genotypes of two people, joined by the pairs that make them alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skgenetics.inspection._bilrp import bilrp
from skgenetics.inspection.displays._base import Display, import_matplotlib
from skgenetics.inspection.displays._style import (
    CATEGORY_COLORS,
    EDGE,
    ORDERED_COLORS,
    VARIANT_AXIS,
    color_map,
    open_frame,
    outer_legend,
    position_label,
    write_title,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import Integer, check_parameter
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

_STRIP_HEIGHT = 0.13  # height of a strip of genotypes, in units of the distance between the two


class SimilarityDisplay(Display):
    """Picture of the pairs of variants that make two samples similar to a network.

    Two strips show the dosages of the two samples along the variants. Lines join the pairs of
    variants of largest relevance. A line is solid if its pair raises the similarity and dashed if
    the pair lowers it. The more relevant a pair, the stronger its line.

    Parameters
    ----------
    dosage, dosage2 : array-like of shape (n_variants,)
        Dosages of the first sample, drawn above, and of the second.
    pairs : array-like of int of shape (n_pairs, 2)
        Variants of the first and of the second sample, as of `SimilarityExplanation.top_pairs`.
    relevance : array-like of shape (n_pairs,)
        Relevance of each pair, signed.
    positions : array-like of shape (n_variants,), default=None
        Positions of the variants, increasing, in base pairs. None: variants are evenly spaced.
    groups : array-like of shape (n_variants,), default=None
        Gene or LD block of each variant, neighbors together: named on the axis in place of numbers.
        Not with `positions`.
    names : tuple of two str, default=("sample 1", "sample 2")
        Names of the samples.
    chromosome, build : str, default=None
        Name of the chromosome and genome build, for the axis.
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
        If shapes differ, values are not finite, pairs are not variants, positions do not
        increase, or both positions and groups are given.

    See Also
    --------
    bilrp : The relevance of pairs of variants.

    Examples
    --------
    >>> from skgenetics.inspection import SimilarityDisplay
    >>> display = SimilarityDisplay([0, 1, 2], [2, 1, 1], pairs=[[2, 0], [1, 1]], relevance=[3, -1])
    >>> display.plot().ax_.get_xlabel()
    'Variant (column of X)'
    """

    def __init__(
        self,
        dosage: ArrayLike,
        dosage2: ArrayLike,
        pairs: ArrayLike,
        relevance: ArrayLike,
        *,
        positions: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        names: tuple[str, str] = ("sample 1", "sample 2"),
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
    ):
        self.dosage, self.dosage2 = to_numpy(dosage), to_numpy(dosage2)
        self.pairs, self.relevance = np.asarray(pairs), to_numpy(relevance)
        self.positions = None if positions is None else np.asarray(positions)
        self.groups = None if groups is None else np.asarray(groups)
        self.names = names
        self.chromosome = chromosome
        self.build = build
        self.title = title
        self._validate()

    @classmethod
    def from_estimator(
        cls,
        estimator_or_layers: Any,
        X: ArrayLike,
        *,
        n_pairs: int = 30,
        dosages: ArrayLike | None = None,
        positions: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        names: tuple[str, str] = ("sample 1", "sample 2"),
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
        **keywords: Any,
    ) -> Self:
        """Make the display from a fitted network.

        Parameters
        ----------
        estimator_or_layers : estimator or list of tuple
            As for `bilrp`.
        X : array-like of shape (2, n_variants)
            The two samples, as the network takes them.
        n_pairs : int, default=30
            Number of pairs of variants that are joined, the most relevant ones.
        dosages : array-like of shape (2, n_variants), default=None
            What the strips show in place of X, if X is scaled.
        positions, groups, names, chromosome, build, title
            As for the class.
        **keywords
            Keywords of `bilrp`: rule, gamma, epsilon, bounds, bias, layer, normalize.

        Returns
        -------
        display : SimilarityDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError, TypeError
            As `bilrp` and the class say.
        """
        check_parameter(n_pairs, "n_pairs", [Integer(low=1)])
        if len(X) != 2:
            raise ValueError(f"X must hold the two samples to compare, as rows; got {len(X)} rows.")
        explanation = bilrp(estimator_or_layers, X, **keywords)
        pairs, relevance = explanation.top_pairs(0, 1, n_pairs)
        dosage, dosage2 = to_numpy(X if dosages is None else dosages)
        return cls(
            dosage,
            dosage2,
            pairs,
            relevance,
            positions=positions,
            groups=groups,
            names=names,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    def _figure_size(self):
        """Return a size that leaves room for the legend."""
        return 9.0, 3.4

    def _draw(self, ax):
        """Draw the strips and the lines between them."""
        x = self._place_variants(ax)
        strips = self._draw_strips(ax, x)
        lines = self._draw_pairs(ax, x)
        ax.set_ylim(-_STRIP_HEIGHT - 0.02, 1 + _STRIP_HEIGHT + 0.02)
        ax.set_yticks([1 + _STRIP_HEIGHT / 2, -_STRIP_HEIGHT / 2], self.names)
        ax.tick_params(axis="y", length=0)
        open_frame(ax, "left", "bottom")
        write_title(ax, self.title)
        outer_legend(ax, handles=[*strips, *lines])

    def _draw_pairs(self, ax: Axes, x: np.ndarray) -> list[Artist]:
        """Draw the pairs as lines, by the sign of their relevance; return the legend's handles."""
        collections, lines = import_matplotlib("collections"), import_matplotlib("lines")
        order = np.argsort(np.abs(self.relevance))  # the strongest are drawn last, on top
        pairs, relevance = self.pairs[order], self.relevance[order]
        strength = np.abs(relevance) / max(np.abs(relevance).max(), np.finfo(float).tiny)
        handles = []
        for chosen, label, color, style in (
            (relevance > 0, "more similar", CATEGORY_COLORS[0], "solid"),
            (relevance < 0, "less similar", CATEGORY_COLORS[1], "dashed"),
        ):
            if not chosen.any():
                continue
            ends = [np.c_[x[pairs[chosen, side]], [1.0 - side] * chosen.sum()] for side in (0, 1)]
            segments = collections.LineCollection(
                np.stack(ends, axis=1),
                colors=color,
                linestyles=style,
                linewidths=0.4 + 1.6 * strength[chosen],
                alpha=0.15 + 0.75 * strength[chosen],
                label=label,
            )
            ax.add_collection(segments, autolim=False)
            handles.append(
                lines.Line2D([], [], color=color, linestyle=style, linewidth=1.6, label=label)
            )
        return handles

    def _place_variants(self, ax: Axes) -> np.ndarray:
        """Set up the horizontal axis and return the place of each variant (n_variants,)."""
        n_variants = self.dosage.size
        if self.positions is not None:
            x = self.positions / 1e6
            ax.ticklabel_format(axis="x", useOffset=False)
            ax.set_xlabel(position_label(self.chromosome, self.build))
        else:
            x = np.arange(n_variants, dtype=float)
            ax.set_xlabel(VARIANT_AXIS)
        if self.groups is not None:
            first = np.flatnonzero(np.r_[True, self.groups[1:] != self.groups[:-1]])
            edges = np.r_[first, n_variants] - 0.5
            labels = [str(group) for group in self.groups[first]]
            slant: dict[str, Any] = (
                {"rotation": 45, "ha": "right"} if max(map(len, labels)) > 3 else {}
            )
            ax.set_xticks((edges[1:] + edges[:-1]) / 2, labels, **slant)
            ax.vlines(
                edges[1:-1], -_STRIP_HEIGHT, 1 + _STRIP_HEIGHT, color=EDGE, linewidth=0.4, zorder=0
            )
            ax.set_xlabel("Variants by group")
        return x

    def _draw_strips(self, ax: Axes, x: np.ndarray) -> list[Patch]:
        """Draw the dosages as two strips and return the handles of their legend."""
        Normalize, Patch = import_matplotlib("colors").Normalize, import_matplotlib("patches").Patch
        shades = color_map(ORDERED_COLORS[::2])
        values = np.r_[self.dosage, self.dosage2]
        are_counts = np.isin(values, (0, 1, 2)).all()
        low, high = (0, 2) if are_counts else (values.min(), values.max())
        norm = Normalize(low, high)
        edges = cell_edges(x)
        for row, bottom in ((self.dosage, 1.0), (self.dosage2, -_STRIP_HEIGHT)):
            strip = [bottom, bottom + _STRIP_HEIGHT]
            ax.pcolormesh(edges, strip, row[None, :], cmap=shades, norm=norm)
        ax.set_xlim(edges[0], edges[-1])
        return [
            Patch(facecolor=shades(norm(level)), edgecolor=EDGE, label=f"dosage {level:.3g}")
            for level in np.unique([low, (low + high) / 2, high])
        ]

    def _validate(self) -> None:
        """Raise ValueError if the arrays do not fit together."""
        n_variants = self.dosage.size
        if self.dosage.ndim != 1 or n_variants == 0:
            raise ValueError(f"dosage must be 1-D and not empty; got shape {self.dosage.shape}.")
        self._check_shape((n_variants,), "variant", "dosage2", "positions", "groups")
        self._check_shape((self.relevance.size,), "pair", "relevance")
        self._check_shape((self.relevance.size, 2), "variant of a pair", "pairs")
        self._check_finite("dosage", "dosage2", "relevance")
        if self.relevance.size == 0:
            raise ValueError("There is no pair to draw; give at least one.")
        if self.pairs.min() < 0 or self.pairs.max() >= n_variants:
            raise ValueError(
                f"pairs must hold indices from 0 to {n_variants - 1}; got {self.pairs.min()} to "
                f"{self.pairs.max()}."
            )
        if self.positions is not None and self.groups is not None:
            raise ValueError("Give positions or groups, not both: they are the same axis.")
        if self.positions is not None and (np.diff(self.positions) < 0).any():
            raise ValueError("positions must increase; sort the variants first.")
        if len(self.names) != 2:
            raise ValueError(f"names must be the names of the two samples; got {self.names!r}.")


def cell_edges(x: np.ndarray) -> np.ndarray:
    """Return the edges (n + 1,) of cells around the increasing places `x` (n,)."""
    width = x[-1] - x[0] if len(x) > 1 else 1.0
    margin = width / max(len(x) - 1, 1) / 2
    return np.r_[x[0] - margin, (x[1:] + x[:-1]) / 2, x[-1] + margin]
