"""SharingDisplay: which patterns of sharing between traits the effects follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import CATEGORY_COLORS, NEUTRAL, open_frame
from skgenetics.utils._parameters import Integer, check_parameter

if TYPE_CHECKING:
    pass

NULL = "null"
OTHERS = "all others"
SMALL = 0.001  # share below which a pattern has no bar of its own


class SharingDisplay(Display):
    """How often effects follow each pattern of sharing between traits, one bar per pattern.

    For all variants the bars are the weights of the prior. For one variant they are the posterior
    probabilities of its patterns. The share of no effect has no bar; it is written below the axis.

    Parameters
    ----------
    shares : dict of str to float
        Share of each pattern, in [0, 1]; "null" is the pattern of no effect.
    max_bars : int, default=12
        Patterns beyond the largest ones, and those of less than 0.1% where one has more, are drawn
        as one.
    variant : int or str, default=None
        The variant that the shares are of; None: all.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If a share leaves [0, 1] or there is no pattern.

    Examples
    --------
    >>> from skgenetics.inspection import SharingDisplay
    >>> shares = {"null": 0.9, "shared": 0.06, "singleton_ldl": 0.04}
    >>> display = SharingDisplay.from_predictions(shares).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['singleton_ldl', 'shared']
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        *,
        max_bars: int = 12,
        variant: int | str | None = None,
    ):
        check_parameter(max_bars, "max_bars", [Integer(low=1)])
        self.shares = {str(pattern): float(share) for pattern, share in shares.items()}
        if not set(self.shares) - {NULL}:
            raise ValueError(f"shares must hold a pattern besides 'null'; got {shares!r}.")
        outside = [share for share in self.shares.values() if not 0 <= share <= 1 + 1e-9]
        if outside:
            raise ValueError(f"shares must lie in [0, 1]; got {outside[0]}.")
        self.max_bars = max_bars
        self.variant = variant

    @classmethod
    def from_predictions(
        cls,
        shares: Mapping[str, float],
        *,
        max_bars: int = 12,
        variant: int | str | None = None,
    ) -> Self:
        """Make the display from shares.

        Parameters
        ----------
        shares, max_bars, variant
            As for the class.

        Returns
        -------
        display : SharingDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            As for the class.
        """
        return cls(shares, max_bars=max_bars, variant=variant)

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, variant: int | str | None = None, max_bars: int = 12
    ) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : MMASHRegressor
            Fitted, with a method `sharing`.
        variant : int or str, default=None
            Column of X, or its name, of which the posterior is drawn. None: the prior that was
            learned from all variants.
        max_bars : int, default=12
            As for the class.

        Returns
        -------
        display : SharingDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there is no such variant.
        """
        check_is_fitted(estimator)
        return cls(estimator.sharing(variant), max_bars=max_bars, variant=variant)

    def _figure_size(self):
        """Return the size of a row per bar."""
        return 5.2, 1.3 + 0.26 * len(self._bars())

    def _bars(self) -> dict[str, float]:
        """Return the patterns to draw and their shares, largest first; the rest are one bar."""
        patterns = [pattern for pattern in self.shares if pattern != NULL]
        patterns.sort(key=self.shares.__getitem__, reverse=True)
        n_seen = sum(self.shares[pattern] >= SMALL for pattern in patterns) or len(patterns)
        n_bars = min(n_seen, self.max_bars)
        bars = {pattern: self.shares[pattern] for pattern in patterns[:n_bars]}
        if len(patterns) > n_bars:
            bars[OTHERS] = sum(self.shares[pattern] for pattern in patterns[n_bars:])
        return bars

    def _draw(self, ax):
        """Draw the bars."""
        bars = self._bars()
        lengths = list(bars.values())
        colors = [NEUTRAL if pattern == OTHERS else CATEGORY_COLORS[0] for pattern in bars]
        places = range(len(bars))[::-1]
        ax.barh(places, lengths, color=colors, height=0.7)
        for place, length in zip(places, lengths, strict=True):
            ax.annotate(
                percent(length), (length, place), (3, 0), textcoords="offset points",
                va="center", fontsize="small",
            )  # fmt: skip
        ax.set_yticks(places[::-1], list(bars)[::-1])
        ax.set_xlim(0, 1.15 * max(max(lengths), 1e-3))
        ax.set_xticks([])  # the bars say their shares
        label = "Share of variants" if self.variant is None else "Posterior probability"
        if NULL in self.shares:
            label += f"\n(no effect: {percent(self.shares[NULL])})"
        ax.set_xlabel(label)
        if self.variant is not None:
            ax.set_title(f"Variant {self.variant}")
        open_frame(ax, "bottom")
        ax.tick_params(axis="y", length=0)


def percent(share: float) -> str:
    """Return a share in percent, to three digits."""
    return f"{100 * share:.3g}%" if share >= SMALL else "< 0.1%"
