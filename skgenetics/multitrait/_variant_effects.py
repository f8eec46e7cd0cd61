"""What a fitted model says of its variants, and of how effects are shared."""

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.multitrait._background import Spectrum
from skgenetics.multitrait._genetic_covariance import (
    GeneticParameters,
    TraitCovariances,
    genetic_parameters,
)
from skgenetics.multitrait._posterior import component_moments
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._problem import FittedUnits
from skgenetics.multitrait.solvers import VariantPosterior
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import Array

if TYPE_CHECKING:
    from pandas import DataFrame


class VariantEffectsMixin:
    """Methods of a fitted :class:`skgenetics.MMASHRegressor` besides predictions."""

    n_features_in_: int
    weights_: Array
    genetic_covariance_: Array
    residual_covariance_: Array
    _relationship: Spectrum | None
    responsibilities_: Array
    covariance_names_: list[str]
    trait_names_: list[str]
    coef_: Array
    coef_sd_: Array
    lfsr_: Array
    pip_: Array
    _prior: Prior
    _posterior: VariantPosterior
    _units: FittedUnits

    def to_frame(self) -> "DataFrame":
        """Return a pandas data frame with one row per variant.

        Returns
        -------
        frame : pandas.DataFrame
            Columns variant_id, pip and, of each trait, posterior_mean_<trait>,
            posterior_sd_<trait> and lfsr_<trait>: `coef_`, `coef_sd_` and `lfsr_`. The names of the
            traits are `trait_names_`; they are left out if y was 1-D.

        Raises
        ------
        ImportError
            If pandas is not installed; the error names the extra.
        """
        check_is_fitted(self)
        pandas = import_optional("pandas", extra="dataframe")
        unnamed = [f"x{i}" for i in range(self.n_features_in_)]
        columns = {"variant_id": getattr(self, "feature_names_in_", unnamed)}
        columns["pip"] = to_numpy(self.pip_)
        arrays = {"posterior_mean": self.coef_, "posterior_sd": self.coef_sd_, "lfsr": self.lfsr_}
        suffixes = [""] if self.coef_.ndim == 1 else [f"_{name}" for name in self.trait_names_]
        for j, suffix in enumerate(suffixes):
            for name, array in arrays.items():
                columns[name + suffix] = np.atleast_2d(to_numpy(array))[j]
        return pandas.DataFrame(columns)

    def sharing(self, variant: int | str | None = None) -> dict[str, float]:
        """Return how often each covariance is followed, summed over the scales.

        Parameters
        ----------
        variant : int or str, optional
            Column of X, or its name. None: all variants.

        Returns
        -------
        shares : dict of str to float
            "null" and the covariances, largest first: the weights of the prior, or the posterior
            probabilities of the variant. They sum to 1.
        """
        check_is_fitted(self)
        weights = self.weights_
        if variant is not None:
            weights = self.responsibilities_[self._column(variant), :]
        weights = to_numpy(weights).astype(float)
        shares = {"null": float(weights[0])} if self._prior.has_null else {}
        summed = weights[len(shares) :].reshape(len(self.covariance_names_), -1).sum(axis=1)
        shares |= dict(zip(self.covariance_names_, map(float, summed), strict=True))
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def genetic_parameters(self) -> GeneticParameters:
        """Return the heritabilities and genetic correlations of the polygenic background.

        Returns
        -------
        parameters : GeneticParameters
            Fields heritability (n_traits,), the share of the background in the variance that the
            mixture's effects leave, heritability_se (n_traits,), correlation
            (n_traits, n_traits) and correlation_se (n_traits, n_traits), all ndarray. A trait
            without a background has the heritability 0, and NaN elsewhere. Standard errors are
            those of the likelihood with the mixture's effects taken as known, too small if these
            are uncertain, and not valid for a heritability near 0 or 1.
        """
        check_is_fitted(self)
        genetic, residual = (
            to_numpy(a).astype(float) for a in (self.genetic_covariance_, self.residual_covariance_)
        )
        n_traits, present = len(genetic), np.flatnonzero(np.diag(residual) > 0)
        missing = np.full((n_traits, n_traits), np.nan)
        spread = GeneticParameters(
            np.zeros(n_traits), missing[0].copy(), missing.copy(), missing.copy()
        )
        if self._relationship is None or len(present) == 0:
            return spread
        at = np.ix_(present, present)
        own = genetic_parameters(TraitCovariances(genetic[at], residual[at]), *self._relationship)
        for whole, part in zip(spread, own, strict=True):
            whole[at if whole.ndim == 2 else present] = part
        return spread

    def component_moments(self, variant: int | str) -> tuple[np.ndarray, np.ndarray]:
        """Return the posterior of a variant's effects under each component.

        Parameters
        ----------
        variant : int or str
            Column of X, or its name.

        Returns
        -------
        means : ndarray of shape (T, n_traits)
            mu_pt, per counted allele in units of y.
        covariances : ndarray of shape (T, n_traits, n_traits)
            S_pt.

        Raises
        ------
        ValueError
            With solver="single_effects", whose effects are not of single variants.
        """
        check_is_fitted(self)
        if hasattr(self, "credible_sets_"):
            raise ValueError(
                "With solver='single_effects' a variant has no posterior of its own: see "
                "credible_sets_, which says what each effect does to the traits."
            )
        p = self._column(variant)
        mu, S = component_moments(self._posterior, p, self._prior)
        columns, factor = self._units.traits.columns, self._units.inverse_sd[p] * self._units.scale
        n_traits = len(self.trait_names_)
        means = np.zeros((len(mu), n_traits))
        means[:, columns] = mu * factor
        covariances = np.zeros((len(mu), n_traits, n_traits))
        covariances[np.ix_(np.arange(len(mu)), columns, columns)] = S * np.outer(factor, factor)
        return means, covariances

    def effect_covariance(self, variant: int | str) -> np.ndarray:
        """Return the posterior covariance (n_traits, n_traits) of a variant's effects.

        Parameters
        ----------
        variant : int or str
            Column of X, or its name.

        Returns
        -------
        covariance : ndarray of shape (n_traits, n_traits)
        """
        means, covariances = self.component_moments(variant)
        alpha = to_numpy(self.responsibilities_)[self._column(variant)].astype(float)
        deviations = means - alpha @ means
        return np.einsum("t,tij->ij", alpha, covariances) + (deviations.T * alpha) @ deviations

    def _column(self, variant: int | str) -> int:
        """Return the column of a variant, from its number or name."""
        if isinstance(variant, str):
            names = list(getattr(self, "feature_names_in_", []))
            if variant not in names:
                raise ValueError(f"No variant is named {variant!r}.")
            return names.index(variant)
        check_number(
            variant, "variant", integer=True, low=0, high=self.n_features_in_ - 1, closed="both"
        )
        return int(variant)
