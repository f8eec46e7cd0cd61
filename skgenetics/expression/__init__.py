"""Expression across tissues: cis and trans genetics."""

from skgenetics.expression._incomplete_pca import IncompletePCA

__all__ = ["IncompletePCA"]
