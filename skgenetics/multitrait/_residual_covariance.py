"""The covariance Sigma of the traits' noise: its forms, and their exact M-steps.

Each step maximizes -N/2 [log|Sigma| + tr(Sigma^-1 C)] over its form, C = (1/N) E_q[(Y - XB)'(Y -
XB)] being the expected residual covariance, with the posterior covariance of B and of the missing
cells. Eigenvalues stay above `FLOOR`, in units of the traits' variances, for collinear traits.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

FLOOR = 1e-4


class ResidualCovariance(NamedTuple):
    """Sigma, and what the sweeps compute from Sigma."""

    matrix: np.ndarray  # (J, J)
    root: np.ndarray  # Sigma^1/2, symmetric
    whitener: np.ndarray  # Sigma^-1/2
    inverse: np.ndarray
    log_det: float
    factors: np.ndarray | None  # (J, q) W of sigma^2 I + WW'
    noise: float | None  # sigma^2
    penalty: float  # taken from the bound for the parameters of a rank that is learned


CovarianceStep = Callable[[np.ndarray, float], ResidualCovariance]
"""C (J, J) and N -> the Sigma of a form that maximizes the bound."""


def residual_covariance(
    matrix: np.ndarray,
    *,
    factors: np.ndarray | None = None,
    noise: float | None = None,
    penalty: float = 0.0,
) -> ResidualCovariance:
    """Return the `ResidualCovariance` of a symmetric positive definite matrix (J, J)."""
    values, vectors = np.linalg.eigh(matrix)
    root = (vectors * np.sqrt(values)) @ vectors.T
    whitener = (vectors / np.sqrt(values)) @ vectors.T
    inverse = (vectors / values) @ vectors.T
    log_det = float(np.sum(np.log(values)))
    return ResidualCovariance(matrix, root, whitener, inverse, log_det, factors, noise, penalty)


def full_step(moment: np.ndarray, n_samples: float) -> ResidualCovariance:
    """Return Sigma = C."""
    values, vectors = np.linalg.eigh(moment)
    if values[0] < FLOOR:
        moment = (vectors * np.maximum(values, FLOOR)) @ vectors.T
    return residual_covariance(moment)


def diagonal_step(moment: np.ndarray, n_samples: float) -> ResidualCovariance:
    """Return Sigma = diag(C)."""
    return residual_covariance(np.diag(np.maximum(np.diag(moment), FLOOR)))


def low_rank_step(moment: np.ndarray, n_samples: float, *, rank: int | None) -> ResidualCovariance:
    """Return Sigma = sigma^2 I + WW' with `rank` factors; None: the rank of the best BIC.

    With C = U L U', sigma^2 is the mean of the J - rank smallest eigenvalues and
    W = U_q (L_q - sigma^2)^1/2 (Tipping and Bishop 1999). A rank that is learned costs log(N) / 2
    per free parameter, which is taken from the bound.
    """
    n_traits = moment.shape[0]
    values, vectors = np.linalg.eigh(moment)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    best = -np.inf, 0, FLOOR, 0.0
    for q in range(max(n_traits, 1)) if rank is None else [rank]:
        noise = max(float(np.mean(values[q:])), FLOOR)
        leading = np.maximum(values[:q], noise)
        loss = np.sum(np.log(leading) + values[:q] / leading)  # log|Sigma| + tr(Sigma^-1 C)
        loss += (n_traits - q) * np.log(noise) + np.sum(values[q:]) / noise
        n_parameters = n_traits * q - q * (q - 1) / 2 + 1
        penalty = 0.0 if rank is not None else n_parameters * np.log(n_samples) / 2
        objective = -n_samples * loss / 2 - penalty
        if objective > best[0]:
            best = objective, q, noise, penalty
    _, q, noise, penalty = best
    factors = vectors[:, :q] * np.sqrt(np.maximum(values[:q] - noise, 0.0))
    matrix = factors @ factors.T + noise * np.eye(n_traits)
    return residual_covariance(matrix, factors=factors, noise=noise, penalty=penalty)
