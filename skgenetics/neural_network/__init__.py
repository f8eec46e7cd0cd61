"""Interpretable networks of genotypes for one or many traits."""

from skgenetics.neural_network._classifier import LINAClassifier
from skgenetics.neural_network._decoys import decoy_selection
from skgenetics.neural_network._regressor import LINARegressor

__all__ = ["LINAClassifier", "LINARegressor", "decoy_selection"]
