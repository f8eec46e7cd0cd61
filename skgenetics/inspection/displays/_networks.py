"""What the Displays of importances ask of an estimator."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._typing import ArrayLike


def check_network(estimator: Any, target: int | None) -> None:
    """Raise unless the estimator is a fitted network, with one task or a target."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "second_order_importance"):
        raise TypeError(
            f"{type(estimator).__name__} has no second_order_importance. Give a LINAClassifier or "
            "LINARegressor (of a pipeline its last step, and what the steps before it make of X), "
            "or the display itself what skgenetics.inspection.swap_interactions returns."
        )
    n_tasks = estimator.task_coef_.shape[0]
    if target is None and n_tasks > 1:
        raise ValueError(
            f"The network has {n_tasks} tasks or classes; give target, from 0 to {n_tasks - 1}."
        )


def unit_of_output(estimator: Any) -> str:
    """Return the unit of what a network explains."""
    return "log odds" if is_classifier(estimator) else "trait"


def variant_names(estimator: Any, names: ArrayLike | None) -> ArrayLike | None:
    """Return `names`; if None, those that `fit` has seen, if any."""
    return getattr(estimator, "feature_names_in_", None) if names is None else names
