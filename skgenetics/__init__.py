"""Statistical genetics on the scikit-learn API."""

from skgenetics._version import __version__
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.neural_network import LINAClassifier, LINARegressor

__all__ = ["FinemapMiXeR", "LINAClassifier", "LINARegressor", "__version__"]
