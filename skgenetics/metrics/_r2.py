"""R2 on observed cells."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skgenetics.metrics._validation import check_same_shape, like_prediction
from skgenetics.utils._arrays import (
    device_of,
    float_dtype,
    get_namespace_and_device,
    move_to,
    namespace_of,
)
from skgenetics.utils._parameters import check_option
from skgenetics.utils._typing import Array, ArrayLike
from skgenetics.utils._validation import validate_sample_weight

_OPTIONS = ("uniform_average", "raw_values", "variance_weighted", "total")


def _floating(name: str, values: ArrayLike, xp: Any, device: Any) -> Array:
    """Return a numeric array of `xp` in a floating dtype."""
    values = move_to(values, xp, device)
    if not xp.isdtype(values.dtype, ("bool", "integral", "real floating")):
        raise ValueError(f"{name} must be numeric, got dtype {values.dtype}.")
    return xp.astype(values, float_dtype(values), copy=False)


def _sum(values: Array, axis: int | None) -> Array:
    """Sum in double precision over `axis` (None: over all), which keeps length 1."""
    xp = namespace_of(values)
    return xp.sum(values, axis=axis, dtype=xp.float64, keepdims=True)


def _deviations(y: Array, weight: Array, observed: Array, axis: int | None) -> Array:
    """Return y minus its weighted mean over the observed cells along `axis`.

    y is first taken from its smallest observed value: constants then deviate by exactly 0.
    """
    xp = namespace_of(y)
    origin = xp.min(xp.where(observed, y, xp.inf), axis=axis, keepdims=True)
    y = xp.where(observed, y - origin, 0.0)
    mass = _sum(weight, axis)
    mean = _sum(weight * y, axis) / xp.where(mass > 0, mass, 1.0)
    return y - xp.astype(mean, y.dtype, copy=False)


def _combine(r2: Array, variation: Array, seen: Array, multioutput: Any) -> Any:
    """Combine the R2 of targets, arrays of the shape of a sample; unseen targets are left out."""
    xp = namespace_of(r2)
    if not isinstance(multioutput, str):
        share = _floating("multioutput", multioutput, xp, device_of(r2))
        check_same_shape("multioutput", share, "a sample of y_true", r2)
        share = xp.where(seen, xp.astype(share, r2.dtype), 0.0)
        if not (xp.all(share >= 0) and xp.sum(share) > 0):
            raise ValueError(
                "multioutput must hold non-negative weights, of which one at least is positive "
                "for a target with observed cells."
            )
    elif multioutput == "raw_values":
        return xp.where(seen, r2, xp.nan)
    elif multioutput == "variance_weighted" and xp.any(variation > 0):
        share = variation
    else:
        share = xp.astype(seen, r2.dtype)
    return float(xp.sum(share * r2) / xp.sum(share))


def masked_r2_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    baseline: ArrayLike | None = None,
    multioutput: str | ArrayLike = "uniform_average",
) -> Any:
    r"""R2 on the observed cells of a target of any rank.

    For each target (a trait, or a gene in a tissue), with sums over its observed samples,

    .. math::

        R^2 = 1 - \frac{\sum_i w_i (y_i - \hat y_i)^2}{\sum_i w_i (y_i - b_i)^2},

    where :math:`b` is the weighted mean of the target over its observed samples, or `baseline`.
    NaN in `y_true` marks a cell that is not observed, and is the same as weight 0 there. Where
    all cells are observed and no baseline is given, this is :func:`sklearn.metrics.r2_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,), (n_samples, n_traits) or \
            (n_samples, n_genes, n_tissues)
        Target; NaN marks a cell that is not observed.
    y_pred : array-like of the shape of `y_true`
        Prediction, finite where `y_true` is observed. The computation takes place in its
        namespace and on its device.
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.
    baseline : array-like, default=None
        Prediction of the null model, which scores 0, of a shape that broadcasts to that of
        `y_true`; finite where `y_true` is observed. Means of the training samples, of shape
        (n_traits,) or (n_genes, n_tissues), make the score comparable between folds and defined
        for targets with one observed sample. Predictions pooled over folds take a baseline of the
        full shape, each row with the means of its fold.
    multioutput : {"uniform_average", "raw_values", "variance_weighted", "total"} or array-like, \
            default="uniform_average"
        How targets are combined; a target without observed cells is left out.

        - "uniform_average": mean of the R2 of the targets.
        - "raw_values": one R2 per target, NaN for a target without observed cells.
        - "variance_weighted": one ratio of both sums over all targets, each about its own mean or
          baseline: the pooled R2 *within* targets. As in scikit-learn, a target whose observed
          cells all equal its mean or baseline has no say.
        - "total": one ratio, about the mean of all cells or the baseline. Without a baseline,
          differences of mean between targets count as explained.
        - array-like of the shape of a sample: weights of the mean of the R2 of the targets.

    Returns
    -------
    float or array of the shape of a sample
        The score; an array with "raw_values" if `y_true` has targets. Without variation in the
        denominator, a target scores 1 if predicted perfectly, else 0. With one sample and no
        baseline, NaN with an `UndefinedMetricWarning`.

    Raises
    ------
    ValueError
        If shapes disagree, `y_true` is infinite or without any observed cell, `y_pred` or
        `baseline` is not finite at an observed cell, or a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.metrics import masked_r2_score
    >>> y = np.array([[1.0, 0.0], [2.0, np.nan], [3.0, 4.0]])
    >>> prediction = np.array([[1.0, 1.0], [2.0, 9.0], [3.0, 3.0]])
    >>> masked_r2_score(y, prediction)
    0.875
    >>> masked_r2_score(y, prediction, multioutput="variance_weighted")
    0.8
    >>> masked_r2_score(y, prediction, baseline=[1.0, 1.0], multioutput="raw_values")
    array([1. , 0.8])
    """
    if isinstance(multioutput, str):
        check_option(multioutput, "multioutput", _OPTIONS)
    xp, device = get_namespace_and_device(y_pred)
    y = _floating("y_true", y_true, xp, device)
    prediction = _floating("y_pred", y_pred, xp, device)
    y = like_prediction(y, prediction)
    check_same_shape("y_true", y, "y_pred", prediction)
    if y.ndim == 0:
        raise ValueError("y_true and y_pred are single numbers; pass arrays of samples.")
    if xp.any(xp.isinf(y)):
        raise ValueError("y_true holds infinity; NaN, and only NaN, marks what was not observed.")
    dtype = xp.result_type(y, prediction)
    y, prediction = xp.astype(y, dtype, copy=False), xp.astype(prediction, dtype, copy=False)
    observed, weight = _observed_cells(y, sample_weight)
    if not xp.all(xp.isfinite(prediction) | ~observed):
        raise ValueError("y_pred holds NaN or infinity at an observed cell of y_true.")

    total = isinstance(multioutput, str) and multioutput == "total"
    axis = None if total else 0
    if baseline is not None:
        deviation = y - _baseline(baseline, y, observed)
    elif y.shape[0] < 2:
        warnings.warn(
            "R2 is not defined with less than two samples and no baseline.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    else:
        deviation = _deviations(y, weight, observed, axis)
    unexplained = _sum(weight * xp.where(observed, y - prediction, 0.0) ** 2, axis)
    variation = _sum(weight * xp.where(observed, deviation, 0.0) ** 2, axis)
    varies = variation > 0
    perfect = xp.astype(unexplained == 0, unexplained.dtype)
    r2 = xp.where(varies, 1.0 - unexplained / xp.where(varies, variation, 1.0), perfect)
    if total or y.ndim == 1:
        return float(xp.reshape(r2, (-1,))[0])
    seen = xp.any(observed, axis=0, keepdims=True)
    return _combine(r2[0, ...], variation[0, ...], seen[0, ...], multioutput)


def _observed_cells(y: Array, sample_weight: ArrayLike | None) -> tuple[Array, Array]:
    """Return which cells of y count, and their weights, 0 elsewhere; both broadcast to y."""
    xp = namespace_of(y)
    observed = ~xp.isnan(y)
    weight = validate_sample_weight(sample_weight, y.shape[0], xp, device_of(y), y.dtype)
    if weight is None:
        weight = xp.astype(observed, y.dtype)
    else:
        weight = xp.reshape(weight, (-1,) + (1,) * (y.ndim - 1))
        observed = observed & (weight > 0)
        weight = xp.where(observed, weight, 0.0)
    if not xp.any(observed):
        raise ValueError("y_true has no observed cell with a positive weight: nothing to score.")
    return observed, weight


def _baseline(baseline: ArrayLike, y: Array, observed: Array) -> Array:
    """Return the prediction of the null model in the dtype of y, to whose shape it broadcasts."""
    xp = namespace_of(y)
    baseline = _floating("baseline", baseline, xp, device_of(y))
    try:
        fits = np.broadcast_shapes(tuple(baseline.shape), tuple(y.shape)) == tuple(y.shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"baseline has shape {tuple(baseline.shape)}, which does not broadcast to the "
            f"shape {tuple(y.shape)} of y_true."
        )
    if not xp.all(xp.isfinite(baseline) | ~observed):
        raise ValueError("baseline holds NaN or infinity at an observed cell of y_true.")
    return xp.astype(baseline, y.dtype, copy=False)
