"""TraitEffectsDisplay: what the effect of each credible set does to each trait."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._base import Display
from skgenetics.inspection.displays._style import INK, NEUTRAL, category_style, open_frame
from skgenetics.utils._parameters import Number, check_parameter
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TWO_SIDED_95 = 1.96


class TraitEffectsDisplay(Display):
    """Effects of credible sets on several traits, with 95% intervals, one row per trait.

    Every set has a color and a marker of its own. A marker is filled if the sign of the effect is
    sure, which its local false sign rate says, and open if not.

    Parameters
    ----------
    effect : array-like of shape (n_sets, n_traits)
        Posterior mean effects, in units of the traits per standard deviation of the variant.
    effect_sd : array-like of shape (n_sets, n_traits)
        Posterior standard deviations.
    lfsr : array-like of shape (n_sets, n_traits)
        Local false sign rates.
    set_names : sequence of str, default=None
        None: "set 1", "set 2", ...
    trait_names : sequence of str, default=None
        None: "y0", "y1", ...
    max_lfsr : float, default=0.05
        Signs are sure below it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn into, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        If shapes differ or a number is not finite.

    Examples
    --------
    >>> from skgenetics.inspection import TraitEffectsDisplay
    >>> display = TraitEffectsDisplay.from_predictions(
    ...     [[0.3, 0.0]], [[0.05, 0.04]], [[0.0, 0.5]], trait_names=["ldl", "hdl"]
    ... ).plot()
    >>> [label.get_text() for label in display.ax_.get_yticklabels()]
    ['hdl', 'ldl']
    """

    def __init__(
        self,
        effect: ArrayLike,
        effect_sd: ArrayLike,
        lfsr: ArrayLike,
        *,
        set_names: Sequence[str] | None = None,
        trait_names: Sequence[str] | None = None,
        max_lfsr: float = 0.05,
    ) -> None:
        check_parameter(max_lfsr, "max_lfsr", [Number(low=0, high=0.5, closed="both")])
        self.effect = np.asarray(effect, dtype=float)
        self.effect_sd = np.asarray(effect_sd, dtype=float)
        self.lfsr = np.asarray(lfsr, dtype=float)
        if self.effect.ndim != 2 or 0 in self.effect.shape:
            raise ValueError(
                "effect must have shape (n_sets, n_traits), with a set and a trait at least; got "
                f"{self.effect.shape}."
            )
        n_sets, n_traits = self.effect.shape
        self._check_shape((n_sets, n_traits), "set and trait", "effect_sd", "lfsr")
        self._check_finite("effect", "effect_sd", "lfsr")
        names = [f"set {s}" for s in range(1, n_sets + 1)] if set_names is None else set_names
        traits = [f"y{j}" for j in range(n_traits)] if trait_names is None else trait_names
        self.set_names = np.asarray(names).astype(str)
        self.trait_names = np.asarray(traits).astype(str)
        self._check_shape((n_sets,), "set", "set_names")
        self._check_shape((n_traits,), "trait", "trait_names")
        self.max_lfsr = max_lfsr

    @classmethod
    def from_predictions(
        cls,
        effect: ArrayLike,
        effect_sd: ArrayLike,
        lfsr: ArrayLike,
        *,
        set_names: Sequence[str] | None = None,
        trait_names: Sequence[str] | None = None,
        max_lfsr: float = 0.05,
    ) -> Self:
        """Make the display from effects.

        Parameters
        ----------
        effect, effect_sd, lfsr, set_names, trait_names, max_lfsr
            As for the class.

        Returns
        -------
        display : TraitEffectsDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            As for the class.
        """
        return cls(
            effect,
            effect_sd,
            lfsr,
            set_names=set_names,
            trait_names=trait_names,
            max_lfsr=max_lfsr,
        )

    @classmethod
    def from_estimator(cls, estimator: Any, *, max_lfsr: float = 0.05) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : MMASHRegressor
            Fitted with ``solver="single_effects"``.
        max_lfsr : float, default=0.05
            As for the class.

        Returns
        -------
        display : TraitEffectsDisplay
            The display, not drawn yet. Sets are named by their most probable variant.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no credible sets.
        """
        check_is_fitted(estimator)
        sets = getattr(estimator, "credible_sets_", None)
        if sets is None:
            raise ValueError(
                "The estimator has no credible_sets_: fit it with solver='single_effects'."
            )
        if not sets:
            raise ValueError("The locus has no credible set, so there is no effect to draw.")
        unnamed = [f"x{i}" for i in range(estimator.n_features_in_)]
        variants = getattr(estimator, "feature_names_in_", unnamed)
        return cls(
            *(
                np.stack([found[name] for found in sets])
                for name in ("effect", "effect_sd", "lfsr")
            ),
            set_names=[
                f"{variants[found['variants'][0]]} ({len(found['variants'])})" for found in sets
            ],
            trait_names=estimator.trait_names_,
            max_lfsr=max_lfsr,
        )

    def _figure_size(self) -> tuple[float, float]:
        """Return the size of a row per trait."""
        n_sets, n_traits = self.effect.shape
        return 5.6, 1.2 + n_traits * (0.16 + 0.12 * min(n_sets, 6))

    def _draw(self, ax: Axes) -> None:
        """Draw the effects, trait by trait from the top."""
        n_sets, n_traits = self.effect.shape
        rows = np.arange(n_traits)[::-1]
        offsets = np.linspace(0.3, -0.3, n_sets) if n_sets > 1 else np.zeros(1)
        ax.axvline(0, color=NEUTRAL, linewidth=0.8, zorder=0)
        for s in range(n_sets):
            color, marker = category_style(s)
            places = rows + offsets[s]
            half = TWO_SIDED_95 * self.effect_sd[s]
            ax.hlines(
                places, self.effect[s] - half, self.effect[s] + half, color=color, linewidth=1
            )
            sure = self.lfsr[s] < self.max_lfsr
            for chosen, face in ((sure, color), (~sure, "white")):
                ax.scatter(
                    self.effect[s][chosen],
                    places[chosen],
                    s=26,
                    marker=marker,
                    facecolor=face,
                    edgecolor=color,
                    zorder=3,
                )
            ax.scatter([], [], marker=marker, color=color, label=self.set_names[s])
        ax.set_yticks(rows[::-1], self.trait_names[::-1])
        ax.set_ylim(-0.6, n_traits - 0.4)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel(
            f"Effect per SD of the variant, 95% interval\n(open: lfsr $\\geq$ {self.max_lfsr:g})",
            color=INK,
        )
        ax.legend(
            title="Lead (variants)", loc="upper left", bbox_to_anchor=(1, 1), frameon=False,
            fontsize="small", title_fontsize="small",
        )  # fmt: skip
        open_frame(ax)
