"""Genotypes on disk, adjusted for covariates where they are read."""

from typing import Any

import numpy as np

from skgenetics.compose._adjustment import FeatureRegression, residuals
from skgenetics.utils._opened import Opened
from skgenetics.utils._typing import Array


class AdjustedGenotypes:
    """What covariates leave of genotypes on disk: `OpenedGenotypes` whose calls are all there.

    Parameters
    ----------
    genotypes : Opened of shape (n_samples, n_variants)
    covariates : array of shape (n_samples, n_covariates)
        Centered, in double precision.
    fit : FeatureRegression
        Of the variants on the covariates.
    """

    def __init__(self, genotypes: Opened, covariates: Array, fit: FeatureRegression) -> None:
        self.genotypes, self.covariates, self.fit = genotypes, covariates, fit
        self.shape, self.variants = genotypes.shape, genotypes.source.variants

    def __getitem__(self, key: tuple[Any, Any]) -> Array:
        rows, columns = key
        coef, intercept, kept = self.fit
        fit = FeatureRegression(coef[:, columns], intercept[columns], kept[columns])
        return residuals(self.covariates[rows, :], [self.genotypes[rows, columns]], fit)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:, :], dtype=dtype)

    def select(self, rows: Any = slice(None), columns: Any = slice(None)) -> "AdjustedGenotypes":
        """Return some rows and columns, without reading them."""
        coef, intercept, kept = self.fit
        fit = FeatureRegression(coef[:, columns], intercept[columns], kept[columns])
        genotypes = self.genotypes.select(rows, columns)
        return AdjustedGenotypes(genotypes, self.covariates[rows, :], fit)
