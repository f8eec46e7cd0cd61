"""Classification scores on observed labels."""

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score, roc_auc_score

from skgenetics.metrics._validation import (
    check_same_shape,
    host_array,
    host_labels,
    host_weights,
    like_prediction,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._typing import ArrayLike


def masked_accuracy_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of samples whose observed labels are all predicted correctly.

    Samples without an observed label are left out. Where all labels are observed, this is
    :func:`sklearn.metrics.accuracy_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_tasks)
        Labels: binary, multiclass (strings too) or multilabel. NaN marks a label that is not
        observed.
    y_pred : array-like of the shape of `y_true`
        Predicted labels.
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If shapes disagree, no label is observed, or a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.metrics import masked_accuracy_score
    >>> masked_accuracy_score([[1, np.nan], [0, 1], [np.nan, np.nan]], [[1, 0], [0, 0], [1, 1]])
    0.5
    """
    y, prediction = host_labels("y_true", y_true), to_numpy(y_pred)
    y = like_prediction(y, prediction)
    check_same_shape("y_true", y, "y_pred", prediction)
    if y.ndim not in (1, 2):
        raise ValueError(f"y_true must have one or two dimensions, got shape {y.shape}.")
    y, prediction = y.reshape(len(y), -1), prediction.reshape(len(y), -1)
    observed = y == y  # False at NaN, for labels of any dtype
    weight = host_weights(sample_weight, len(y)) * observed.any(axis=1)
    if not weight.any():
        raise ValueError("y_true has no observed label with a positive weight: nothing to score.")
    right = ((y == prediction) | ~observed).all(axis=1)
    return float(np.average(right, weights=weight))


def _task_scores(
    score: Callable,
    y_true: ArrayLike,
    y_score: ArrayLike,
    sample_weight: ArrayLike | None,
    average: str | None,
) -> float | np.ndarray:
    """Apply a ranking score to the observed labels of each task, and average."""
    if average not in ("macro", None):
        raise ValueError(f"average must be 'macro' or None, got {average!r}.")
    y, y_score = host_labels("y_true", y_true), to_numpy(y_score)
    y = like_prediction(y, y_score)
    check_same_shape("y_true", y, "y_score", y_score)
    if y.ndim not in (1, 2):
        raise ValueError(f"y_true must have one or two dimensions, got shape {y.shape}.")
    y = host_array("y_true", y.reshape(len(y), -1), ndim=2, allow_nan=True)
    y_score = y_score.reshape(y.shape)
    weight = host_weights(sample_weight, len(y))
    observed = ~np.isnan(y) & (weight > 0)[:, None]
    if not observed.any():
        raise ValueError("y_true has no observed label with a positive weight: nothing to score.")
    if not np.isin(y[observed], (0, 1)).all():
        raise ValueError(
            f"y_true must hold 0, 1 and NaN only, got the labels {np.unique(y[observed])[:5]}."
        )
    if not np.isfinite(y_score[observed]).all():
        raise ValueError("y_score holds NaN or infinity at an observed label of y_true.")

    scores = np.full(y.shape[1], np.nan)
    for task, rows in enumerate(observed.T):
        labels = y[rows, task]
        if labels.min(initial=1) < labels.max(initial=0):
            scores[task] = score(labels, y_score[rows, task], sample_weight=weight[rows])
    if average is None:
        return scores
    if np.isnan(scores).all():
        warnings.warn(
            f"No task has both labels among its observed ones: {score.__name__} is not defined.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
        return float("nan")
    return float(np.nanmean(scores))


def masked_roc_auc_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    average: str | None = "macro",
) -> float | np.ndarray:
    """Area under the ROC curve on observed labels, mean over tasks.

    Where all labels are observed and each task has both, this is
    :func:`sklearn.metrics.roc_auc_score`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,) or (n_samples, n_tasks)
        Labels 0 and 1; NaN marks a label that is not observed.
    y_score : array-like of the shape of `y_true`
        Decision values or probabilities of label 1, finite for every observed `y_true`.
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.
    average : {"macro", None}, default="macro"
        Mean over tasks, or None for the values of the tasks.

    Returns
    -------
    float or array of shape (n_tasks,)
        A task without both labels among its observed ones is NaN, and is left out of the mean; the
        mean is NaN, with an `UndefinedMetricWarning`, if no task has both.

    Raises
    ------
    ValueError
        If shapes disagree, a label is not 0, 1 or NaN, no label is observed, a score is not finite
        at an observed label, or a weight is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.metrics import masked_roc_auc_score
    >>> y = np.array([[1, 0], [0, 1], [1, np.nan], [0, 1]])
    >>> y_score = np.array([[0.9, 0.1], [0.2, 0.3], [0.4, 0.7], [0.5, 0.8]])
    >>> masked_roc_auc_score(y, y_score, average=None)
    array([0.75, 1.  ])
    """
    return _task_scores(roc_auc_score, y_true, y_score, sample_weight, average)


def masked_average_precision_score(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    average: str | None = "macro",
) -> float | np.ndarray:
    """Average precision on observed labels, mean over tasks.

    Where all labels are observed and each task has both, this is
    :func:`sklearn.metrics.average_precision_score`.

    Parameters
    ----------
    y_true, y_score, sample_weight, average
        As in :func:`masked_roc_auc_score`.

    Returns
    -------
    float or array of shape (n_tasks,)
        As in :func:`masked_roc_auc_score`, NaN included.

    Raises
    ------
    ValueError
        As in :func:`masked_roc_auc_score`.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.metrics import masked_average_precision_score
    >>> y = np.array([[1, 0], [0, 1], [1, np.nan], [0, 1]])
    >>> y_score = np.array([[0.9, 0.1], [0.2, 0.3], [0.4, 0.7], [0.5, 0.8]])
    >>> masked_average_precision_score(y, y_score, average=None)
    array([0.83333333, 1.        ])
    """
    return _task_scores(average_precision_score, y_true, y_score, sample_weight, average)
