"""Multivariate regression of many traits with a mixture prior shared between them."""

from skgenetics.multitrait._genetic_covariance import GeneticParameters
from skgenetics.multitrait._mmash import MMASHRegressor
from skgenetics.multitrait._noise_correlation import noise_correlation
from skgenetics.multitrait._sharing import Sharing, learn_sharing

__all__ = ["GeneticParameters", "MMASHRegressor", "Sharing", "learn_sharing", "noise_correlation"]
