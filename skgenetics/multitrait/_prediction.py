"""Predictions of a fitted MMASHRegressor, their deviations and their score."""

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skgenetics.metrics import masked_r2_score
from skgenetics.multitrait._background import background_deviations
from skgenetics.multitrait._predictive_variance import variance_by_trait
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._problem import FittedUnits
from skgenetics.multitrait.solvers import VariantPosterior
from skgenetics.utils._arrays import (
    check_same_namespace,
    column_blocks,
    device_of,
    move_to,
    namespace_of,
    to_numpy,
)
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_genotypes


class PredictionMixin:
    """`predict` and `score` of :class:`skgenetics.MMASHRegressor`."""

    coef_: Array
    coef_sd_: Array
    intercept_: Any
    residual_covariance_: Array
    _background: Any
    _X_mean: Array
    _takes_dosages: bool
    responsibilities_: Array
    _posterior: VariantPosterior
    _prior: Prior
    _units: FittedUnits

    def predict(self, X: ArrayLike, return_std: bool = False) -> Array | tuple[Array, Array]:
        """Predict the traits as their posterior means.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_variants)
            Dosages of the alleles counted in fit.
        return_std : bool, default=False
            Whether to return standard deviations too: of the mixture's effects, of the background
            given the training data (its missing cells count as observed), and of the noise.

        Returns
        -------
        y_mean : array of shape (n_samples, n_traits) or (n_samples,)
        y_std : array of the same shape
            Only with return_std=True.
        """
        check_is_fitted(self)
        if not self._takes_dosages:
            raise ValueError(
                "predict needs the means and deviations of the dosages, which fit_summary was not "
                "told: give it allele_frequency, the frequencies of the counted alleles."
            )
        if return_std and self._background is not None and self._background.X is None:
            raise ValueError(
                "return_std=True needs the training genotypes, which compact() dropped. Fit again, "
                "or predict before compact()."
            )
        check_same_namespace(self, X, attribute="coef_", method="predict")
        X, xp, _ = as_genotypes(self, X, reset=False, opened=True)
        coef = self.coef_ if self.coef_.ndim == 1 else self.coef_.T
        blocks = column_blocks(X, coef.dtype)
        y_mean = sum(block @ coef[columns, ...] for columns, block in blocks) + self.intercept_
        if not return_std:
            return y_mean
        return y_mean, xp.sqrt(self._predictive_variance(X, 0 * y_mean))

    def compact(self) -> Self:
        """Drop the training genotypes that a background keeps, and return the estimator.

        A model with a background refers to the X that it was fitted on, and saved, it holds the
        genotypes of these people. Predictions stay the same; ``predict(return_std=True)`` is no
        longer possible.
        """
        check_is_fitted(self)
        if self._background is not None:
            self._background = self._background._replace(X=None, metric=None, by_trait=None)
        return self

    def _predictive_variance(self, X: Array, zeros: Array) -> Array:
        """Return the variances of predictions for X, in the shape of `zeros`."""
        xp, dtype = namespace_of(X), zeros.dtype
        one_trait, background = zeros.ndim == 1, self._background
        effect_variance = (self.coef_sd_ if one_trait else self.coef_sd_.T) ** 2
        noise = xp.linalg.diagonal(self.residual_covariance_)
        noise = noise[0] if one_trait else noise
        variance = noise + zeros
        if background is not None and background.by_trait is not None:
            units, modeled = self._units, self._units.traits.columns
            responsibilities = to_numpy(self.responsibilities_).astype(float)
            own = variance_by_trait(background, self._posterior, responsibilities, self._prior, X)
            full = np.zeros(zeros.shape)
            full[:, modeled] = own * units.scale**2
            return variance + move_to(full, xp, device_of(X), dtype)
        if background is not None:
            errors, weights = background_deviations(background, X)
            errors, weights = (xp.astype(array, dtype) for array in (errors, weights))
            variance = variance + (errors if one_trait else errors[:, None]) * noise
        for columns, block in column_blocks(X, dtype):
            deviations = block - self._X_mean[columns]
            if background is not None:  # which has taken its part of the training data
                training = xp.astype(background.X[:, columns], dtype)
                deviations = deviations - weights @ (training - self._X_mean[columns])
            variance = variance + deviations**2 @ effect_variance[columns, ...]
        return variance

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean R2 over traits, on the observed cells of y.

        Parameters
        ----------
        X : array-like or Genotypes of shape (n_samples, n_variants)
        y : array-like of shape (n_samples, n_traits) or (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        score : float
        """
        return masked_r2_score(y, self.predict(X), sample_weight=sample_weight)
