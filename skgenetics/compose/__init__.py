"""Estimators made of other estimators."""

from skgenetics.compose._covariates import CovariateAdjustedRegressor

__all__ = ["CovariateAdjustedRegressor"]
