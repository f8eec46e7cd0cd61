"""SimilarityDisplay: genotypes of two people, joined by the pairs that make them alike."""

import numpy as np

from skgenetics.inspection._bilrp import bilrp
from skgenetics.inspection._style import (
    CATEGORY_COLORS,
    EDGE,
    ORDERED_COLORS,
    new_axes,
    open_frame,
    outer_legend,
    position_label,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional

_STRIP = 0.13  # height of a strip of genotypes, in units of the distance between the two


class SimilarityDisplay:
    """Picture of the pairs of variants that make two samples similar to a network.

    Two strips show the dosages of the two samples along the variants. Lines join the pairs of
    variants of largest relevance: solid where the pair raises the similarity, dashed where it
    lowers it, and the stronger the more relevant.

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
        Where shapes differ, values are not finite, pairs are not variants, positions do not
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
        dosage,
        dosage2,
        pairs,
        relevance,
        *,
        positions=None,
        groups=None,
        names=("sample 1", "sample 2"),
        chromosome=None,
        build=None,
        title=None,
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
        estimator_or_layers,
        X,
        *,
        n_pairs=100,
        dosages=None,
        positions=None,
        groups=None,
        names=("sample 1", "sample 2"),
        chromosome=None,
        build=None,
        title=None,
        **options,
    ):
        """Make the display from a fitted network.

        Parameters
        ----------
        estimator_or_layers : estimator or list of tuple
            As for `bilrp`.
        X : array-like of shape (2, n_variants)
            The two samples, as the network takes them.
        n_pairs : int, default=100
            Number of pairs of variants that are joined, the most relevant ones.
        dosages : array-like of shape (2, n_variants), default=None
            What the strips show in place of X, where X is scaled.
        positions, groups, names, chromosome, build, title
            As the class says.
        **options
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
        if len(X) != 2:
            raise ValueError(f"X must hold the two samples to compare, as rows; got {len(X)} rows.")
        explanation = bilrp(estimator_or_layers, X, **options)
        pairs, relevance = explanation.top_pairs(0, 1, n_pairs)
        return cls(
            *to_numpy(X if dosages is None else dosages),
            pairs,
            relevance,
            positions=positions,
            groups=groups,
            names=names,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    def plot(self, ax=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SimilarityDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        collections = import_optional("matplotlib.collections", extra="plots")
        ax = new_axes(9.0, 3.4) if ax is None else ax
        x = self._place_variants(ax)
        shades = self._draw_strips(ax, x)
        order = np.argsort(np.abs(self.relevance))  # the strongest are drawn last, on top
        pairs, relevance = self.pairs[order], self.relevance[order]
        strength = np.abs(relevance) / max(np.abs(relevance).max(), np.finfo(float).tiny)
        signs = []
        for positive, label in ((True, "more similar"), (False, "less similar")):
            chosen = (relevance > 0) if positive else (relevance < 0)
            if not chosen.any():
                continue
            ends = [np.c_[x[pairs[chosen, side]], [1.0 - side] * chosen.sum()] for side in (0, 1)]
            lines = collections.LineCollection(
                np.stack(ends, axis=1),
                colors=CATEGORY_COLORS[0 if positive else 1],
                linestyles="solid" if positive else "dashed",
                linewidths=0.4 + 1.6 * strength[chosen],
                alpha=0.15 + 0.75 * strength[chosen],
                label=label,
            )
            ax.add_collection(lines, autolim=False)
            signs.append(_sample_line(lines, label))
        ax.set_ylim(-_STRIP - 0.02, 1 + _STRIP + 0.02)
        ax.set_yticks([1 + _STRIP / 2, -_STRIP / 2], self.names)
        ax.tick_params(axis="y", length=0)
        open_frame(ax, "left", "bottom")
        if self.title is not None:
            ax.set_title(self.title, loc="left")
        outer_legend(ax, handles=[*shades, *signs])
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _place_variants(self, ax):
        """Set up the horizontal axis and return the place of each variant."""
        n_variants = self.dosage.size
        if self.positions is not None:
            x = self.positions / 1e6
            ax.ticklabel_format(axis="x", useOffset=False)
            ax.set_xlabel(position_label(self.chromosome, self.build))
        else:
            x = np.arange(n_variants)
            ax.set_xlabel("Variant (column of X)")
        if self.groups is not None:
            first = np.flatnonzero(np.r_[True, self.groups[1:] != self.groups[:-1]])
            edges = np.r_[first, n_variants] - 0.5
            labels = [str(group) for group in self.groups[first]]
            slant = {"rotation": 45, "ha": "right"} if max(map(len, labels)) > 3 else {}
            ax.set_xticks((edges[1:] + edges[:-1]) / 2, labels, **slant)
            ax.vlines(edges[1:-1], -_STRIP, 1 + _STRIP, color=EDGE, linewidth=0.4, zorder=0)
            ax.set_xlabel("Variants by group")
        return x

    def _draw_strips(self, ax, x):
        """Draw the dosages as two strips and return the handles of their legend."""
        colors = import_optional("matplotlib.colors", extra="plots")
        patches = import_optional("matplotlib.patches", extra="plots")
        shade = colors.LinearSegmentedColormap.from_list("dosage", ORDERED_COLORS[::2])
        values = np.r_[self.dosage, self.dosage2]
        are_counts = np.isin(values, (0, 1, 2)).all()
        low, high = (0, 2) if are_counts else (values.min(), values.max())
        norm = colors.Normalize(low, high)
        middle = (x[1:] + x[:-1]) / 2
        width = x[-1] - x[0] if len(x) > 1 else 1.0
        margin = width / max(len(x) - 1, 1) / 2
        edges = np.r_[x[0] - margin, middle, x[-1] + margin]
        for row, bottom in ((self.dosage, 1.0), (self.dosage2, -_STRIP)):
            ax.pcolormesh(edges, [bottom, bottom + _STRIP], row[None, :], cmap=shade, norm=norm)
        ax.set_xlim(edges[0], edges[-1])
        return [
            patches.Patch(facecolor=shade(norm(level)), edgecolor=EDGE, label=f"dosage {level:.3g}")
            for level in np.unique([low, (low + high) / 2, high])
        ]

    def _validate(self):
        """Raise ValueError where the arrays do not fit together."""
        n_variants = self.dosage.size
        if self.dosage.ndim != 1 or n_variants == 0:
            raise ValueError(f"dosage must be 1-D and not empty; got shape {self.dosage.shape}.")
        for name, shape in (
            ("dosage2", (n_variants,)),
            ("positions", (n_variants,)),
            ("groups", (n_variants,)),
            ("pairs", (self.relevance.size, 2)),
            ("relevance", (self.relevance.size,)),
        ):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ValueError(f"{name} must have shape {shape}; got {array.shape}.")
        for name in ("dosage", "dosage2", "relevance"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds NaN or infinity.")
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


def _sample_line(lines, label):
    """Return the legend's handle of one kind of line."""
    handles = import_optional("matplotlib.lines", extra="plots")
    color, style = lines.get_colors()[0][:3], lines.get_linestyles()[0]
    return handles.Line2D([], [], color=color, linestyle=style, linewidth=1.6, label=label)
