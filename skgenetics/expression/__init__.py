"""Expression across tissues: cis and trans genetics."""

from skgenetics.expression._incomplete_pca import IncompletePCA
from skgenetics.expression._milage import MILAGERegressor
from skgenetics.expression._windows import cis_windows_from_positions

__all__ = ["IncompletePCA", "MILAGERegressor", "cis_windows_from_positions"]
