"""The weights in a fitted estimator."""

from typing import Any

import numpy as np

from skgenetics.utils._optional import import_optional


def linear_coefficients(estimator: Any, n_features: int) -> np.ndarray:
    """Return what a fitted estimator adds to its prediction per unit of each feature.

    It is asked for the predictions of 0 and of each unit vector, so that scaling and imputation
    steps of a pipeline count.

    Parameters
    ----------
    estimator : estimator
        Fitted on arrays or data frames; its predictions are linear in X.
    n_features : int

    Returns
    -------
    coefficients : ndarray of shape (n_features, ...)
        The further axes are those of a prediction: traits, or genes and tissues.

    Raises
    ------
    ValueError
        If it has another number of features, or its predictions are not linear.
    """
    name = type(estimator).__name__
    n_fitted = getattr(estimator, "n_features_in_", n_features)
    if n_fitted != n_features:
        raise ValueError(
            f"{name} was fitted with {n_fitted} features; variants has {n_features} rows. Give one "
            "row for each, in their order, and say how many covariates follow (n_covariates)."
        )
    origin = _predict(estimator, np.zeros((1, n_features)))
    coefficients = _predict(estimator, np.eye(n_features)) - origin
    dosages = np.linspace(0, 2, n_features)[None]
    expected = origin[0] + np.tensordot(dosages[0], coefficients, axes=1)
    scale = np.abs(coefficients).sum(axis=0) + np.abs(origin[0])
    if np.any(np.abs(_predict(estimator, dosages)[0] - expected) > 1e-4 * scale):
        raise ValueError(
            f"The predictions of {name} are not linear in the genotypes, so it has no weights."
        )
    return coefficients


def _predict(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Return predictions as NumPy numbers, asking by the names that the estimator knows."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        X = import_optional("pandas", extra="dataframe").DataFrame(X, columns=names)
    return np.asarray(estimator.predict(X), dtype=np.float64)
