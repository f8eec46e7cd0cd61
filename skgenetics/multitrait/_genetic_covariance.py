"""The genetic covariance of the traits, by the likelihood of their polygenic background alone.

Rows of Y, rotated to the eigenvectors of the relationship K whose eigenvalues are s_i, have the
covariances s_i Sigma_g + Sigma_e. With A Sigma_e A' = I and A Sigma_g A' = diag(lambda) the
*canonical* traits AY are independent, and trait j has the row covariances 1 + lambda_j s_i.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from skgenetics.multitrait._residual_covariance import (
    FLOOR,
    CovarianceStep,
    ResidualCovariance,
    full_step,
    residual_covariance,
)

LIKELY = (1e-3, 1e2)  # bounds of delta: beyond, the noise is 1% of the variance
MAX_STEPS = 200  # of the search of the covariances


class TraitCovariances(NamedTuple):
    """Covariances of the traits' backgrounds and of their noise."""

    genetic: np.ndarray
    """(J, J) Sigma_g."""
    residual: np.ndarray
    """(J, J) Sigma_e."""

    @property
    def deltas(self) -> np.ndarray:
        """Variances (J,) of the background in units of the noise."""
        return np.diag(self.genetic) / np.diag(self.residual)


def canonical_basis(covariances: TraitCovariances) -> tuple[np.ndarray, np.ndarray]:
    """Return A (J, J) and lambda (J,), bounded."""
    root = np.linalg.cholesky(covariances.residual)
    half = np.linalg.solve(root, covariances.genetic)
    values, vectors = np.linalg.eigh(np.linalg.solve(root, half.T))
    return np.linalg.solve(root.T, vectors).T, np.clip(values, 0.0, LIKELY[1])


def likeliest_delta(
    values: np.ndarray,
    rotated: np.ndarray,
    n_samples: float,
    covariance: ResidualCovariance,
    covariance_step: CovarianceStep | None,
) -> tuple[float, ResidualCovariance, float]:
    """Return the likeliest delta of Sigma_g = delta Sigma_e, Sigma_e there, and the loss.

    Parameters
    ----------
    values, rotated : array (n,), array (n, J)
        s, and Y rotated.
    n_samples : float
        N; more than n if rows have frequency weights.
    covariance : ResidualCovariance
        Sigma_e, held if there is no `covariance_step`.
    """

    def loss_and_noise(log_delta: float) -> tuple[float, ResidualCovariance]:
        total = 1 + np.exp(log_delta) * values
        moment = rotated.T @ (rotated / total[:, None]) / n_samples
        sigma = covariance if covariance_step is None else covariance_step(moment, n_samples)
        fit = sigma.log_det + np.sum(sigma.inverse * moment)
        loss = n_samples * fit + rotated.shape[1] * np.sum(np.log(total))
        return loss / 2 + sigma.penalty, sigma

    best = minimize_scalar(
        lambda log_delta: loss_and_noise(log_delta)[0], bounds=np.log(LIKELY), method="bounded"
    ).x
    loss, sigma = loss_and_noise(best)
    return float(np.exp(best)), sigma, loss


def likeliest_covariances(
    values: np.ndarray, rotated: np.ndarray, n_samples: float
) -> TraitCovariances:
    """Return the likeliest Sigma_g and Sigma_e, shrunk towards one delta, or one per trait.

    Which of the two the better posterior says, one unit of log likelihood being the price of each
    delta of its own.
    """
    n_traits = rotated.shape[1]
    step = residual_covariance(np.eye(n_traits))
    shared, noise, _ = likeliest_delta(values, rotated, n_samples, step, full_step)
    one = residual_covariance(np.eye(1))
    own = np.array(
        [likeliest_delta(values, y[:, None], n_samples, one, full_step)[0] for y in rotated.T]
    )
    common = shrunk_covariances(values, rotated, n_samples, noise.matrix, np.full_like(own, shared))
    single = shrunk_covariances(values, rotated, n_samples, noise.matrix, own)
    return single[0] if single[1] + n_traits - 1 < common[1] else common[0]


def shrunk_covariances(
    values: np.ndarray,
    rotated: np.ndarray,
    n_samples: float,
    noise: np.ndarray,
    deltas: np.ndarray,
) -> tuple[TraitCovariances, float]:
    """Return the posterior mode of Sigma_g and Sigma_e, and the loss there.

    The prior of Sigma_g is a Wishart distribution about D^1/2 Sigma_e D^1/2 with D = diag(deltas),
    worth J + 1 samples: it keeps the eigenvalues from 0 and from running away, and the genetic
    correlations near those of the noise unless the data say otherwise.

    Parameters
    ----------
    noise : array (J, J)
        Sigma_e to start from.
    deltas : array (J,)
    """
    n_traits = len(deltas)
    lower = np.tril_indices(n_traits)
    root_deltas = np.sqrt(deltas)

    def factors(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        both = np.zeros((2, n_traits, n_traits))
        both[:, *lower] = parameters.reshape(2, -1)
        return both[0], both[1]

    def covariances(parameters: np.ndarray) -> TraitCovariances:
        L_g, L_e = factors(parameters)
        return TraitCovariances(L_g @ L_g.T, L_e @ L_e.T + FLOOR * np.eye(n_traits))

    def loss_and_gradient(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        loss, in_genetic, in_residual = negative_log_posterior(
            values, rotated, n_samples, covariances(parameters), deltas
        )
        L_g, L_e = factors(parameters)
        gradient = np.stack([2 * in_genetic @ L_g, 2 * in_residual @ L_e])[:, *lower]
        return loss, gradient.reshape(-1)

    start = np.stack([root_deltas[:, None] * np.linalg.cholesky(noise), np.linalg.cholesky(noise)])
    found = minimize(
        loss_and_gradient,
        start[:, *lower].reshape(-1),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": MAX_STEPS},
    )
    return covariances(found.x), float(found.fun)


def negative_log_posterior(
    values: np.ndarray,
    rotated: np.ndarray,
    n_samples: float,
    covariances: TraitCovariances,
    deltas: np.ndarray,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the loss of `shrunk_covariances`, and its derivatives in Sigma_g and Sigma_e.

    Up to a constant it is sum_i [log|V_i| + y_i'V_i^-1 y_i] / 2 with V_i = s_i Sigma_g + Sigma_e,
    plus (J + 1) / 2 [tr(T^-1 Sigma_g) - log|T^-1 Sigma_g| - J] with T = D^1/2 Sigma_e D^1/2.
    """
    n_traits = len(deltas)
    root = np.linalg.cholesky(covariances.residual)
    half = np.linalg.solve(root, covariances.genetic)
    eigenvalues, vectors = np.linalg.eigh(np.linalg.solve(root, half.T))
    basis = np.linalg.solve(root.T, vectors).T
    eigenvalues = np.maximum(eigenvalues, 1e-12)
    total = 1 + values[:, None] * eigenvalues
    canonical = rotated @ basis.T
    weighed = canonical / total
    log_det_residual = 2 * np.sum(np.log(np.diag(root)))
    loss = np.sum(np.log(total)) + np.sum(canonical * weighed) + n_samples * log_det_residual
    in_genetic = np.diag(np.sum(values[:, None] / total, axis=0))
    in_genetic -= weighed.T @ (values[:, None] * weighed)
    in_residual = np.diag(np.sum(1 / total, axis=0) + n_samples - len(values)) - weighed.T @ weighed
    in_genetic, in_residual = basis.T @ in_genetic @ basis, basis.T @ in_residual @ basis

    strength, inverse_residual = n_traits + 1, basis.T @ basis
    scale = 1 / np.sqrt(np.outer(deltas, deltas))
    scaled = scale * covariances.genetic
    inverse_genetic = basis.T @ (basis / eigenvalues[:, None])
    penalty = np.sum(inverse_residual * scaled) - n_traits
    penalty += np.sum(np.log(deltas)) - np.sum(np.log(eigenvalues))
    in_genetic += strength * (scale * inverse_residual - inverse_genetic)
    in_residual += strength * (inverse_residual - inverse_residual @ scaled @ inverse_residual)
    return float(loss + strength * penalty) / 2, in_genetic / 2, in_residual / 2


class GeneticParameters(NamedTuple):
    """What a background says of the traits, with standard errors."""

    heritability: np.ndarray
    """(J,) share of the background in the variance that the mixture leaves."""
    heritability_se: np.ndarray
    """(J,) NaN for a trait without a background."""
    correlation: np.ndarray
    """(J, J) of the backgrounds of the traits; NaN where one is 0."""
    correlation_se: np.ndarray
    """(J, J)."""


def genetic_parameters(
    covariances: TraitCovariances, values: np.ndarray, n_samples: float
) -> GeneticParameters:
    """Return heritabilities and genetic correlations, with errors by the expected information.

    In canonical traits the information of a pair of elements of Sigma_g and Sigma_e is zero with
    all other pairs: of the elements (j, k) it is sum_i (s_i^2, s_i, 1) / (v_ij v_ik) with
    v_ij = 1 + lambda_j s_i, half of it if j = k. The rest is the delta method.

    Parameters
    ----------
    values : array (n,)
        s.
    n_samples : float
        N.
    """
    (genetic, residual), (basis, deltas) = covariances, canonical_basis(covariances)
    back = np.linalg.inv(basis)
    inverse = 1 / (1 + values[:, None] * deltas)
    scaled = values[:, None] * inverse
    in_genetic, both, in_residual = scaled.T @ scaled, scaled.T @ inverse, inverse.T @ inverse
    in_residual = in_residual + n_samples - len(values)
    determinant = in_genetic * in_residual - both**2

    def error(by_genetic: np.ndarray, by_residual: np.ndarray) -> float:
        g, e = back.T @ by_genetic @ back, back.T @ by_residual @ back
        variance = g**2 * in_residual - 2 * g * e * both + e**2 * in_genetic
        return float(np.sqrt(2 * np.sum(variance / determinant)))

    n_traits, variance = len(genetic), np.diag(genetic)
    with np.errstate(invalid="ignore"):
        correlation = genetic / np.sqrt(np.outer(variance, variance))
    heritability_se = np.full(n_traits, np.nan)
    correlation_se = np.full((n_traits, n_traits), np.nan)
    total = variance + np.diag(residual)
    for t in np.flatnonzero(variance > 0):
        one = np.zeros((n_traits, n_traits))
        one[t, t] = 1 / total[t] ** 2
        heritability_se[t] = error(one * residual[t, t], -one * variance[t])
        for u in np.flatnonzero(variance > 0):
            slope = np.zeros((n_traits, n_traits))
            slope[t, u] += 0.5 / np.sqrt(variance[t] * variance[u])
            slope[u, t] += 0.5 / np.sqrt(variance[t] * variance[u])
            for v in (t, u):
                slope[v, v] -= correlation[t, u] / 2 / variance[v]
            correlation_se[t, u] = error(slope, 0 * slope)
    return GeneticParameters(variance / total, heritability_se, correlation, correlation_se)
