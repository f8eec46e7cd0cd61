"""Checks shared by the scores that work on host arrays, one row per individual."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import as_array, validate_sample_weight


def check_same_shape(name_a: str, a: Array, name_b: str, b: Array) -> None:
    """Raise unless two arrays have one shape, which is named otherwise."""
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            f"{name_a} has shape {tuple(a.shape)} and {name_b} has shape {tuple(b.shape)}; "
            "both must have the same shape."
        )


def like_prediction(y: Array, prediction: Array) -> Array:
    """Return y (n, 1), such as a data frame of one trait, as (n,) if the prediction is."""
    return y[:, 0] if prediction.ndim == 1 and tuple(y.shape[1:]) == (1,) else y


def is_of_several(values: Any) -> bool:
    """Whether `values` is a list of arrays or dicts, one per locus or fit, and not of numbers."""
    if not isinstance(values, list | tuple) or not len(values):
        return False
    return isinstance(values[0], Mapping) or np.ndim(values[0]) > 0


def host_array(name: str, values: ArrayLike, *, ndim: int, allow_nan: bool = False) -> np.ndarray:
    """Return a float64 NumPy array of `ndim` dimensions without infinities."""
    values = to_numpy(as_array(values, name)[0])
    if values.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {values.shape}.")
    try:
        values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric, got dtype {values.dtype}.") from error
    if np.isinf(values).any() or not (allow_nan or np.isfinite(values).all()):
        allowed = "finite or NaN (not observed)" if allow_nan else "finite"
        raise ValueError(f"{name} must be {allowed}; remove or impute the other values.")
    return values


def host_labels(name: str, values: ArrayLike) -> np.ndarray:
    """Return labels, numbers or text, on the host; numbers that a data frame misses are NaN."""
    try:
        return to_numpy(as_array(values, name)[0])
    except TypeError:  # a data frame of text
        return to_numpy(values)


def host_weights(sample_weight: ArrayLike | None, n_samples: int) -> np.ndarray:
    """Return float64 NumPy weights of shape (n_samples,), ones if None."""
    weight = None if sample_weight is None else to_numpy(sample_weight)
    weight = validate_sample_weight(weight, n_samples, np, "cpu", np.float64)
    return np.ones(n_samples) if weight is None else weight


class ObservedRows(NamedTuple):
    """The rows with an observed y and a positive weight."""

    y: np.ndarray  # (n_observed,)
    prediction: np.ndarray  # (n_observed,)
    weight: np.ndarray  # (n_observed,)
    rows: np.ndarray  # (n_samples,) which rows they are


def observed_rows(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None, *, binary: bool = False
) -> ObservedRows:
    """Return the rows of y, prediction and weight that a score counts."""
    y = host_array("y_true", y_true, ndim=1, allow_nan=True)
    prediction = host_array("y_pred", y_pred, ndim=1)
    check_same_shape("y_true", y, "y_pred", prediction)
    weight = host_weights(sample_weight, y.shape[0])
    rows = ~np.isnan(y) & (weight > 0)
    if not rows.any():
        raise ValueError("y_true has no observed value with a positive weight; nothing to score.")
    y = y[rows]
    if binary and not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"y_true must be 0 (control), 1 (case) or NaN, got the values {np.unique(y)[:5]}."
        )
    return ObservedRows(y, prediction[rows], weight[rows], rows)
