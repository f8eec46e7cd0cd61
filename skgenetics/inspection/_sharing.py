"""SharingDisplay: which patterns of sharing between traits the effects follow."""

from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection._style import CATEGORY_COLORS, NEUTRAL, new_axes, open_frame
from skgenetics.utils._parameters import check_number

NULL = "null"
OTHERS = "all others"


class SharingDisplay:
    """How often each covariance of a mixture of effects is followed, a bar each.

    Of all variants, the bars are the weights of the prior; of one variant, the posterior
    probabilities of its patterns. The share without any effect has no bar, but is written below.

    Parameters
    ----------
    shares : dict of str to float
        Share of each pattern, in [0, 1]; "null" is that without an effect.
    max_bars : int, default=12
        Patterns beyond the largest ones are drawn as one.
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
        Where a share leaves [0, 1] or there is no pattern.

    Examples
    --------
    >>> from skgenetics.inspection import SharingDisplay
    >>> shares = {"null": 0.9, "shared": 0.06, "only ldl": 0.04}
    >>> display = SharingDisplay.from_predictions(shares).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['only ldl', 'shared']
    """

    def __init__(self, shares, *, max_bars=12, variant=None):
        check_number(max_bars, "max_bars", integer=True, low=1, closed="left")
        self.shares = {str(pattern): float(share) for pattern, share in shares.items()}
        if not set(self.shares) - {NULL}:
            raise ValueError(f"shares must hold a pattern besides 'null'; got {shares!r}.")
        outside = [share for share in self.shares.values() if not 0 <= share <= 1 + 1e-9]
        if outside:
            raise ValueError(f"shares must lie in [0, 1]; got {outside[0]}.")
        self.max_bars = max_bars
        self.variant = variant

    @classmethod
    def from_predictions(cls, shares, *, max_bars=12, variant=None):
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
            As the class says.
        """
        return cls(shares, max_bars=max_bars, variant=variant)

    @classmethod
    def from_estimator(cls, estimator, *, variant=None, max_bars=12):
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

    def plot(self, ax=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into; None makes a figure.

        Returns
        -------
        display : SharingDisplay
            Itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            Where matplotlib is not installed; the error names the extra.
        """
        patterns = sorted(set(self.shares) - {NULL}, key=self.shares.__getitem__, reverse=True)
        drawn, rest = patterns[: self.max_bars], patterns[self.max_bars :]
        lengths, colors = [self.shares[p] for p in drawn], [CATEGORY_COLORS[0]] * len(drawn)
        if rest:
            drawn, colors = [*drawn, OTHERS], [*colors, NEUTRAL]
            lengths.append(sum(self.shares[pattern] for pattern in rest))
        ax = new_axes(5.2, 1.3 + 0.26 * len(drawn)) if ax is None else ax
        places = range(len(drawn))[::-1]
        ax.barh(places, lengths, color=colors, height=0.7)
        for place, length in zip(places, lengths, strict=True):
            ax.annotate(
                percent(length), (length, place), (3, 0), textcoords="offset points",
                va="center", fontsize="small",
            )  # fmt: skip
        ax.set_yticks(places[::-1], drawn[::-1])
        ax.set_xlim(0, 1.15 * max(max(lengths), 1e-3))
        label = "Share of variants" if self.variant is None else "Posterior probability"
        if NULL in self.shares:
            label += f"\n(no effect: {percent(self.shares[NULL])})"
        ax.set_xlabel(label)
        if self.variant is not None:
            ax.set_title(f"Variant {self.variant}")
        open_frame(ax)
        ax.tick_params(axis="y", length=0)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def percent(share):
    """Return a share in percent, to three digits."""
    return f"{100 * share:.3g}%" if share >= 0.001 else "< 0.1%"
