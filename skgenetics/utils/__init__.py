"""Machinery shared by the estimators, and moves of fitted models between devices."""

from skgenetics.utils._estimator import InconsistentVersionWarning, to_device, to_host

__all__ = ["InconsistentVersionWarning", "to_device", "to_host"]
