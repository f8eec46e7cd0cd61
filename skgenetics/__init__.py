"""Statistical genetics on the scikit-learn API."""

from skgenetics._version import __version__

__all__ = ["__version__"]
