"""Statistical genetics on the scikit-learn API."""

from skgenetics._version import __version__
from skgenetics.expression import MILAGERegressor
from skgenetics.finemapping import FinemapMiXeR
from skgenetics.multitrait import MMASHRegressor
from skgenetics.neural_network import LINAClassifier, LINARegressor

__all__ = [
    "FinemapMiXeR",
    "LINAClassifier",
    "LINARegressor",
    "MILAGERegressor",
    "MMASHRegressor",
    "__version__",
]
