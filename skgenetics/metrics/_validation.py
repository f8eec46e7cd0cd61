"""Checks shared by the scores that work on host arrays, one row per individual."""

import numpy as np

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._validation import validate_sample_weight


def check_same_shape(name_a, a, name_b, b):
    """Raise unless two arrays have one shape, which is named otherwise."""
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            f"{name_a} has shape {tuple(a.shape)} and {name_b} has shape {tuple(b.shape)}; "
            "both must have the same shape."
        )


def host_array(name, values, *, ndim, allow_nan=False):
    """Return a float64 NumPy array of `ndim` dimensions without infinities."""
    values = to_numpy(values)
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


def host_weights(sample_weight, n_samples):
    """Return float64 NumPy weights of shape (n_samples,), ones where None."""
    if sample_weight is None:
        return np.ones(n_samples)
    return validate_sample_weight(to_numpy(sample_weight), n_samples, np, "cpu", np.float64)


def observed_rows(y_true, y_pred, sample_weight, *, binary=False):
    """Return y, prediction and weight of the rows with an observed y and a positive weight.

    The fourth array returned is the mask of those rows.
    """
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
    return y, prediction[rows], weight[rows], rows
