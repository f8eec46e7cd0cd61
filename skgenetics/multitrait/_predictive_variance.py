"""The variance of predictions with a background of its own in every trait."""

from typing import Any

import numpy as np

from skgenetics.multitrait._background import TrainingBackground
from skgenetics.multitrait._posterior import effect_covariances
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait.solvers import VariantPosterior
from skgenetics.utils._arrays import column_blocks, namespace_of, to_numpy
from skgenetics.utils._typing import Array


def variance_by_trait(
    background: TrainingBackground,
    posterior: VariantPosterior,
    responsibilities: np.ndarray,
    prior: Prior,
    X: Array,
) -> np.ndarray:
    """Return the variance (m, J) of the predicted means in internal units, on the host.

    In the whitened canonical trait j, the background of a sample x is A_j (Y - XB)_j besides an
    error, with A_j = lambda_j x'X'Q_j / P, so that B reaches the prediction through x' - A_j X.

    Parameters
    ----------
    responsibilities : array (P, T)
    X : array (m, P)
    """
    canonical = background.by_trait
    if background.X is None or canonical is None:
        raise ValueError("The training genotypes were dropped.")
    xp, n_new, n_traits = namespace_of(X), X.shape[0], len(posterior.whitener)
    training = background.X

    def standardized(columns: slice) -> tuple[Array, Array]:
        mean, inverse_sd = background.mean[columns], background.inverse_sd[columns]
        new, old = (xp.astype(array[:, columns], mean.dtype) for array in (X, training))
        return (new - mean) * inverse_sd, (old - mean) * inverse_sd

    blocks = [columns for columns, _ in column_blocks(X, background.mean.dtype)]
    across: Any = 0.0
    squares: Any = 0.0
    for columns in blocks:
        new, old = standardized(columns)
        across, squares = across + new @ old.T, squares + xp.sum(new**2, axis=1)
    rotated = canonical.rotate(across.T)
    root = canonical.root_weight[:, None]
    weights, errors = [], np.zeros((n_new, n_traits))
    for j, level in enumerate(np.asarray(background.level)):
        A = level * (root * (canonical.vectors @ (canonical.kept[:, j, None] * rotated))).T
        weights.append(A)
        errors[:, j] = level * to_numpy(squares - xp.sum(A * across, axis=1))
    moments = np.zeros((n_new, n_traits, n_traits))
    for columns in blocks:
        new, old = standardized(columns)
        deviations = np.stack([to_numpy(new - A @ old) for A in weights], axis=-1)
        covariances = effect_covariances(posterior, responsibilities, prior, columns)
        moments += np.einsum("mbj,bjk,mbk->mjk", deviations, covariances, deviations, optimize=True)
    back = np.linalg.inv(posterior.whitener)
    variance = np.einsum("tj,mjk,tk->mt", back, moments, back)
    return variance + np.maximum(errors, 0.0) @ (back**2).T
