"""Multivariate regression of many traits with a mixture prior shared between them."""

from skgenetics.multitrait._mmash import MMASHRegressor

__all__ = ["MMASHRegressor"]
