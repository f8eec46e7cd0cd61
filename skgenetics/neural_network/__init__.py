"""Interpretable networks of genotypes for one or many traits."""

from skgenetics.neural_network._lina import LINAClassifier, LINARegressor

__all__ = ["LINAClassifier", "LINARegressor"]
