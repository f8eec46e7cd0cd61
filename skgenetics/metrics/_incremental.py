"""What a genetic prediction adds to the covariates."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from skgenetics.metrics._validation import host_array, observed_rows
from skgenetics.utils._moments import is_constant
from skgenetics.utils._typing import ArrayLike


def _standardized_design(
    covariates: ArrayLike, prediction: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return covariates and, as last column, the prediction; each column standardized."""
    covariates = host_array("covariates", covariates, ndim=2)
    if covariates.shape[0] != rows.shape[0] or covariates.shape[1] == 0:
        raise ValueError(
            f"covariates must have shape ({rows.shape[0]}, n_covariates) with at least one "
            f"covariate, got {covariates.shape}."
        )
    return StandardScaler().fit_transform(np.column_stack([covariates[rows], prediction]))


def incremental_r2_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    covariates: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """R2 that a prediction adds to the covariates.

    The R2 of the least-squares regression of `y_true` on covariates and prediction, minus that on
    the covariates alone, both with an intercept and both fitted on these samples. Hence the scale
    and the sign of the prediction do not matter.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Trait. NaN marks a value that is not observed; its row is left out.
    y_pred : array-like of shape (n_samples,)
        Prediction, for instance a polygenic score, made without these samples.
    covariates : array-like of shape (n_samples, n_covariates)
        Covariates such as age, sex and principal components. Collinear columns are allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.

    Returns
    -------
    float
        Between 0 and 1, up to rounding. NaN, with an `UndefinedMetricWarning`, if the observed
        `y_true` are constant.

    Raises
    ------
    ValueError
        If shapes disagree, a value is infinite, a prediction or covariate is NaN, a weight is
        negative, or nothing is observed.

    Examples
    --------
    >>> from skgenetics.metrics import incremental_r2_score
    >>> covariates = [[0.0], [0.0], [1.0], [1.0]]
    >>> round(incremental_r2_score([0.0, 1.0, 2.0, 3.0], [0, 1, 0, 1], covariates), 12)
    0.2
    """
    y, prediction, weight, rows = observed_rows(y_true, y_pred, sample_weight)
    design = _standardized_design(covariates, prediction, rows)
    if is_constant(np.var(y), np.mean(y)):
        warnings.warn(
            "y_true is constant: the incremental R2 is not defined.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")

    def r2(features):
        model = LinearRegression().fit(features, y, weight)
        return model.score(features, y, weight)

    return float(r2(design) - r2(design[:, :-1]))


def incremental_roc_auc_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    covariates: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Area under the ROC curve that a prediction adds to the covariates.

    The area reached by the unpenalized logistic regression of `y_true` on covariates and
    prediction, minus that on the covariates alone, both fitted on these samples.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 for cases, 0 for controls. NaN marks a value that is not observed; its row is left out.
    y_pred : array-like of shape (n_samples,)
        Prediction on any scale, for instance a polygenic score, made without these samples.
    covariates : array-like of shape (n_samples, n_covariates)
        Covariates such as age, sex and principal components. Collinear columns are allowed.
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.

    Returns
    -------
    float
        Difference of the two areas. NaN, with an `UndefinedMetricWarning`, unless both cases and
        controls are observed.

    Raises
    ------
    ValueError
        If shapes disagree, `y_true` holds other values than 0, 1 and NaN, a value is infinite, a
        prediction or covariate is NaN, a weight is negative, or nothing is observed.

    Examples
    --------
    >>> from skgenetics.metrics import incremental_roc_auc_score
    >>> covariates = [[0.0], [1.0], [0.0], [1.0]]
    >>> incremental_roc_auc_score([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], covariates)
    0.5
    """
    y, prediction, weight, rows = observed_rows(y_true, y_pred, sample_weight, binary=True)
    design = _standardized_design(covariates, prediction, rows)
    if np.ptp(y) == 0:
        warnings.warn(
            "y_true holds one class only: the incremental area is not defined.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")

    def area(features):
        model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000).fit(features, y, weight)
        # Equal rows may differ in the last bit of the dot product; rounding keeps them tied.
        log_odds = np.round(model.decision_function(features), 9)
        return roc_auc_score(y, log_odds, sample_weight=weight)

    return float(area(design) - area(design[:, :-1]))
