"""Machinery shared by the estimators: checks of them, and moves of fitted models to devices."""

from skgenetics.utils._estimator import InconsistentVersionWarning, to_device, to_host
from skgenetics.utils._estimator_checks import check_estimator, estimator_checks

__all__ = [
    "InconsistentVersionWarning",
    "check_estimator",
    "estimator_checks",
    "to_device",
    "to_host",
]
