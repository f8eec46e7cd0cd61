"""TraitLocusDisplay: one locus in several traits, one above the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.inspection.displays._lead_ld import (
    genotypes_or_ld,
    lead_of,
    minus_log10_p,
    r2_with,
)
from skgenetics.inspection.displays._locus import LocusDisplay
from skgenetics.inspection.displays._locus_sets import check_positions, sets_in_frame
from skgenetics.inspection.displays._per_variant import fitted_variants, in_fitted_order
from skgenetics.inspection.displays._style import (
    category_style,
    open_frame,
    size_in_inches,
)
from skgenetics.inspection.displays._tracks import GAP_INCHES, Gene
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._labels import Labels
from skgenetics.utils._typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

_PLACE = ["base_pair_location", "effect_allele", "other_allele"]
_PANEL_INCHES = 1.7


class TraitLocusDisplay(LocusDisplay):
    """Picture of one locus that was fine-mapped in several traits at once.

    Panels that share the position on the chromosome: from the top, one per trait of -log10 p of
    each single variant; posterior inclusion probabilities (PIP); and recombination and genes, if
    they are given. Colors are the LD with one variant, the strongest in any trait; of several
    populations, each panel has the LD of its own, and that of the PIPs the LD of the one in which
    that variant is the strongest. The credible sets, which are of all traits, are ringed in every
    panel.

    Parameters
    ----------
    positions : array-like of shape (n_variants,)
        Positions of the variants, in base pairs.
    z : array-like of shape (n_variants, n_traits)
        Marginal z-scores; NaN where a variant was not measured.
    pip : array-like of shape (n_variants,)
        Posterior inclusion probabilities, of an effect on any trait.
    trait_names : sequence of str, default=None
        None: "y0", "y1", ...
    r2 : array-like of shape (n_variants,) or (n_variants, n_traits), default=None
        Squared correlation with the lead variant; of each population, if the traits are one trait
        in several: NaN where it lacks one of the two. None draws grey points.
    credible_sets, names, genes, genetic_map, chromosome, build, title
        As for :class:`LocusDisplay`. A set may have "lfsr" (n_traits,): its rings are drawn in
        the traits in which the sign of its effect is sure, below .05, alone.

    Attributes
    ----------
    lead : int
        Index of the variant with the largest absolute z-score in any trait.
    axes_ : ndarray of matplotlib Axes, shape (n_traits + 1,) or (n_traits + 2,)
        The panels, after `plot`.
    ax_ : matplotlib Axes
        The axes that the panels fill, after `plot`.
    figure_ : matplotlib Figure
        The figure of `ax_`, after `plot`.

    Raises
    ------
    ValueError
        As for :class:`LocusDisplay`, and if a variant was measured in no trait.

    See Also
    --------
    TraitEffectsDisplay : What the effect of each set does to each trait.

    Examples
    --------
    >>> from skgenetics.inspection import TraitLocusDisplay
    >>> z = [[5.0, 0.3], [1.0, float("nan")]]
    >>> display = TraitLocusDisplay(
    ...     [100_000, 200_000], z, pip=[0.9, 0.1], trait_names=["ldl", "hdl"], chromosome=22
    ... )
    >>> [panel.get_ylabel().split()[0] for panel in display.plot().axes_[:2]]
    ['ldl', 'hdl']
    """

    def __init__(
        self,
        positions: ArrayLike,
        z: ArrayLike,
        pip: ArrayLike,
        *,
        trait_names: Sequence[str] | None = None,
        credible_sets: Sequence[Mapping[str, Any]] = (),
        r2: ArrayLike | None = None,
        names: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = (),
        genetic_map: DataFrame | None = None,
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
    ):
        numbered = [f"y{j}" for j in range(np.shape(z)[-1])]
        self.trait_names = np.asarray(numbered if trait_names is None else trait_names).astype(str)
        z = np.asarray(to_numpy(z), dtype=float)
        self._trait_r2 = None
        if r2 is not None and np.ndim(r2) == 2:
            self._trait_r2 = np.asarray(to_numpy(r2), dtype=float)
            r2 = np.nan_to_num(self._trait_r2[:, strongest_trait(z)])
        super().__init__(
            positions,
            z,
            pip,
            credible_sets=credible_sets,
            r2=r2,
            names=names,
            genes=genes,
            genetic_map=genetic_map,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        positions: ArrayLike,
        X: ArrayLike | None = None,
        ld: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = None,
        genetic_map: DataFrame | None = None,
        chromosome: str | int | None = None,
        build: str | None = None,
        title: str | None = None,
    ) -> Self:
        """Make the display from a fitted estimator.

        Parameters
        ----------
        estimator : MMASHRegressor
            Fitted with ``solver="single_effects"``.
        ld : array-like of shape (n_variants, n_variants), or list of n_traits of them, default=None
            LD; of each population, if the estimator was fitted with a list.
        positions, X, genes, genetic_map, chromosome, build, title
            As for :meth:`LocusDisplay.from_estimator`.

        Returns
        -------
        display : TraitLocusDisplay
            The display, not drawn yet.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If a fitted estimator has no PIPs, z-scores or credible sets.
        ValueError
            If both `X` and `ld` are given, and as for the class.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "credible_sets_") or not hasattr(estimator, "trait_names_"):
            raise TypeError(
                "TraitLocusDisplay needs an MMASHRegressor fitted with solver='single_effects'; "
                f"got {estimator!r}."
            )
        z = np.atleast_2d(to_numpy(estimator.z_)).T
        z = np.where(np.isnan(z).all(axis=1, keepdims=True), 0.0, z)  # what no trait has
        return cls(
            in_fitted_order(positions, "positions", estimator),
            z,
            to_numpy(estimator.pip_),
            trait_names=estimator.trait_names_,
            credible_sets=estimator.credible_sets_,
            r2=r2_in_each(z, X, ld, fitted_variants(estimator)),
            names=getattr(estimator, "feature_names_in_", None),
            genes=genes,
            genetic_map=genetic_map,
            chromosome=chromosome,
            build=build,
            title=title,
        )

    @classmethod
    def from_frames(
        cls,
        variants: Any,
        trait_variants: Any,
        credible_sets: Any,
        trait_effects: Any,
        *,
        X: ArrayLike | None = None,
        ld: ArrayLike | None = None,
        genes: Gene | Sequence[Gene] | DataFrame | None = None,
        genetic_map: DataFrame | None = None,
        build: str | None = None,
        title: str | None = None,
    ) -> Self:
        """Make the display from tables of one locus in several traits, as of `finemap_loci`.

        Parameters
        ----------
        variants, credible_sets : pandas DataFrame
            As for :meth:`LocusDisplay.from_frame`.
        trait_variants : pandas DataFrame
            Columns trait, base_pair_location, effect_allele, other_allele and z: a row per variant
            and trait.
        trait_effects : pandas DataFrame
            Columns cs, trait and lfsr: a row per credible set and trait.
        ld : array-like of shape (n_variants, n_variants), or list of n_traits of them, default=None
            LD, in the order of `variants`; of each population, if the traits are one in several.
        X, genes, genetic_map, build, title
            As for :meth:`LocusDisplay.from_frame`.

        Returns
        -------
        display : TraitLocusDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            As for the class.
        """
        traits = list(dict.fromkeys(trait_variants["trait"]))
        check_positions(variants, title)
        place = variants.set_index(_PLACE).index
        scans = [trait_variants[trait_variants["trait"] == trait] for trait in traits]
        scans = [scan.set_index(_PLACE)["z"].loc[place] for scan in scans]
        z = np.stack([scan.to_numpy(dtype=float) for scan in scans], axis=1)
        reported = sets_in_frame(variants, credible_sets)
        for found in reported:
            rows = trait_effects[trait_effects["cs"] == found["cs"]].set_index("trait")
            found["lfsr"] = rows.loc[traits, "lfsr"].to_numpy(dtype=float)
        return cls(
            variants["base_pair_location"].to_numpy(dtype=np.int64),
            z,
            variants["pip"].to_numpy(dtype=float),
            trait_names=traits,
            credible_sets=reported,
            r2=r2_in_each(z, X, ld, Labels(None, "variants")),
            names=variants["rsid"].fillna(variants["variant_id"]).to_numpy(dtype=object),
            genes=genes,
            genetic_map=genetic_map,
            chromosome=variants["chromosome"].iloc[0],
            build=build,
            title=title,
        )

    @property
    def lead(self) -> int:
        """Index of the variant with the largest absolute z-score in any trait."""
        return lead_of(strongest_z(self.z))

    def scans(self) -> dict[str, np.ndarray]:
        """Return the z-scores (n_variants,) of each trait, by its name."""
        return {f"{name}: -log10 p": z for name, z in zip(self.trait_names, self.z.T, strict=True)}

    def _check_z(self) -> None:
        """Raise ValueError unless every variant has a finite z in some trait."""
        if self.z.ndim != 2 or 0 in self.z.shape:
            raise ValueError(
                "z must have shape (n_variants, n_traits), with a variant and a trait at least; "
                f"got {self.z.shape}."
            )
        self._check_shape((self.z.shape[1],), "trait", "trait_names")
        self._check_shape((*self.positions.shape, len(self.trait_names)), "variant and trait", "z")
        wrong = np.isinf(self.z).any(axis=1) | np.isnan(self.z).all(axis=1)
        if wrong.any():
            at = np.flatnonzero(wrong)[0]
            raise ValueError(f"z has infinity, or no value in any trait, for variant {at}.")

    def _figure_size(self) -> tuple[float, float]:
        """Return the size without recombination and genes."""
        return super()._figure_size()[0], _PANEL_INCHES * (self.z.shape[1] + 1)

    def _draw(self, ax: Axes) -> None:
        """Draw the panels."""
        ax.set_axis_off()
        layout, height = self._lay_out(ax), size_in_inches(ax)[1]
        n_panels, gap = self.z.shape[1] + 1, GAP_INCHES / height
        room = (1 - layout.legend_height - layout.track_height - gap * (n_panels - 1)) / n_panels
        axes: list[Axes] = []
        for k in range(n_panels):
            place = (0, 1 - (k + 1) * room - k * gap, layout.width, room)
            axes.append(ax.inset_axes(place, sharex=axes[0] if axes else None))
        axes[0].set_xlim(self._limits)
        for trait, panel in enumerate(axes[:-1]):
            self._draw_trait(panel, trait)
        self._name_colors(axes[0])
        self._draw_pip(axes[-1])
        self._finish(ax, layout, axes)

    def _draw_trait(self, ax: Axes, trait: int) -> None:
        """Draw -log10 p in one trait, and ring the sets that are sure to act on it."""
        log_p, r2 = minus_log10_p(self.z[:, trait]), self.r2
        if self._trait_r2 is not None:
            r2 = self._trait_r2[:, trait]
            r2 = None if np.isnan(r2[self.lead]) else np.nan_to_num(r2)
        self._draw_variants(ax, log_p, r2)
        for number, variants in enumerate(self._variants_of_sets()):
            lfsr = self.credible_sets[number].get("lfsr")
            if lfsr is None or lfsr[trait] < 0.05:
                self._ring(ax, variants, log_p, *category_style(number))
        highest = max(float(np.nanmax(log_p, initial=0.0)), 1.0)
        ax.set_ylim(-0.04 * highest, 1.12 * highest)
        ax.set_ylabel(f"{self.trait_names[trait]}\n$-\\log_{{10}}\\,p$")
        open_frame(ax)


def r2_in_each(z: np.ndarray, X: ArrayLike | None, ld: Any, labels: Labels) -> np.ndarray | None:
    """Return r2 with the lead variant (n_variants,), or (n_variants, n_traits) of a list of LD."""
    lead = lead_of(strongest_z(z))
    if not isinstance(ld, (list, tuple)) or np.ndim(ld[0]) != 2:
        return r2_with(lead, len(z), *genotypes_or_ld(X, ld, labels))
    known = [r2_with(lead, len(z), *genotypes_or_ld(X, one, labels)) for one in ld]
    return np.stack([r2 for r2 in known if r2 is not None], axis=1)


def strongest_trait(z: np.ndarray) -> int:
    """Return the trait in which the z of the lead variant is the largest in size."""
    known = np.abs(np.nan_to_num(z))
    return int(np.argmax(known[lead_of(strongest_z(z))]))


def strongest_z(z: np.ndarray) -> np.ndarray:
    """Return the z (n_variants,) that is the largest in size among those of the traits."""
    known = np.nan_to_num(z)
    return known[np.arange(len(z)), np.argmax(np.abs(known), axis=1)]
