"""Statistical genetics on the scikit-learn API."""

from skgenetics._version import __version__
from skgenetics.finemapping import FinemapMiXeR

__all__ = ["FinemapMiXeR", "__version__"]
