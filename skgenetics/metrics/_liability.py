"""Variance explained on the scale of the liability to a disease."""

import warnings

import numpy as np
from scipy.special import ndtri
from sklearn.exceptions import UndefinedMetricWarning

from skgenetics.metrics._validation import observed_rows
from skgenetics.utils._moments import center, is_constant
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike


def observed_to_liability_r2(r2: float, *, prevalence: float, case_fraction: float) -> float:
    r"""Turn the R2 of a 0/1 outcome into the R2 of the liability behind it.

    With prevalence :math:`K`, case fraction :math:`P`, threshold :math:`t = \Phi^{-1}(1 - K)`,
    normal density :math:`z = \phi(t)` and mean liability of cases :math:`m = z / K`,

    .. math::

        R^2_l = \frac{C R^2_o}{1 + \theta C R^2_o}, \quad
        C = \frac{K (1 - K)}{z^2} \frac{K (1 - K)}{P (1 - P)}, \quad
        \theta = m \frac{P - K}{1 - K} \left( m \frac{P - K}{1 - K} - t \right).

    Parameters
    ----------
    r2 : float
        R2 of the least-squares regression of the 0/1 outcome on the prediction, in [0, 1].
    prevalence : float
        Fraction of cases in the population, in (0, 1).
    case_fraction : float
        Fraction of cases among the samples, in (0, 1). Equal to `prevalence` without
        ascertainment, and then theta = 0.

    Returns
    -------
    float
        R2 on the liability scale in the population. It is exact for a prediction that is normal
        in the population and in a normal liability; otherwise it may exceed 1.

    Raises
    ------
    ValueError
        If an argument is outside its range.

    References
    ----------
    Lee SH, Goddard ME, Wray NR, Visscher PM (2012). A better coefficient of determination for
    genetic profile analysis. Genetic Epidemiology 36, 214-224, equation (15).

    Examples
    --------
    >>> from skgenetics.metrics import observed_to_liability_r2
    >>> round(observed_to_liability_r2(0.1, prevalence=0.01, case_fraction=0.5), 4)
    0.0596
    """
    check_number(prevalence, "prevalence", low=0, high=1)
    check_number(case_fraction, "case_fraction", low=0, high=1)
    check_number(r2, "r2", low=0, high=1, closed="both")
    threshold = -ndtri(prevalence)
    density = np.exp(-0.5 * threshold**2) / np.sqrt(2 * np.pi)
    population_variance = prevalence * (1 - prevalence)
    sample_variance = case_fraction * (1 - case_fraction)
    scale = population_variance**2 / (density**2 * sample_variance)
    shift = density / prevalence * (case_fraction - prevalence) / (1 - prevalence)
    theta = shift * (shift - threshold)
    return float(scale * r2 / (1 + theta * scale * r2))


def liability_r2_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    prevalence: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """R2 of a prediction on the liability scale, corrected for ascertainment of cases.

    The squared correlation of case status and prediction, turned by
    :func:`observed_to_liability_r2` with the case fraction of these samples. To adjust for
    covariates, pass the result of :func:`incremental_r2_score` to that function instead.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        1 for cases, 0 for controls. NaN marks a value that is not observed; its row is left out.
    y_pred : array-like of shape (n_samples,)
        Prediction on a scale that is linear in the liability, for instance a polygenic score; its
        units and sign do not matter. Probabilities are not on such a scale.
    prevalence : float
        Fraction of cases in the population, in (0, 1).
    sample_weight : array-like of shape (n_samples,), default=None
        Frequency weights.

    Returns
    -------
    float
        R2 on the liability scale. NaN, with an `UndefinedMetricWarning`, unless both cases and
        controls are observed. A constant prediction scores 0.

    Raises
    ------
    ValueError
        If `prevalence` is outside (0, 1), shapes disagree, `y_true` holds other values than 0, 1
        and NaN, a value is infinite, a prediction is NaN, a weight is negative, or nothing is
        observed.

    References
    ----------
    Lee SH, Goddard ME, Wray NR, Visscher PM (2012). A better coefficient of determination for
    genetic profile analysis. Genetic Epidemiology 36, 214-224, equation (15).

    Examples
    --------
    >>> from skgenetics.metrics import liability_r2_score
    >>> y, score = [0, 0, 0, 1, 1, 1], [-1.0, 0.5, 0.0, 0.5, -0.5, 1.0]
    >>> round(liability_r2_score(y, score, prevalence=0.1), 4)
    0.1545
    """
    check_number(prevalence, "prevalence", low=0, high=1)
    y, prediction, weight, _ = observed_rows(y_true, y_pred, sample_weight, binary=True)
    if np.ptp(y) == 0:
        warnings.warn(
            "y_true holds one class only: the R2 on the liability scale is not defined.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        return float("nan")
    case_fraction = np.average(y, weights=weight)
    mean, prediction = center(prediction, weight / weight.sum())
    variance = np.average(prediction**2, weights=weight)
    if is_constant(variance, mean):
        return 0.0
    covariance = np.average(prediction * (y - case_fraction), weights=weight)
    r2 = min(covariance**2 / (variance * case_fraction * (1 - case_fraction)), 1.0)
    return observed_to_liability_r2(r2, prevalence=prevalence, case_fraction=case_fraction)
