"""What the posterior says of a variant: deviations, local false sign rates, components."""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait.solvers import VariantPosterior
from skgenetics.multitrait.solvers._coordinate_ascent import update_alone
from skgenetics.multitrait.solvers._updates_by_trait import eigenbases
from skgenetics.utils._arrays import slices
from skgenetics.utils._numba import kernel

ROWS = 256  # variants whose moments are held at once
NEGLIGIBLE = 1e-12  # a smaller responsibility counts as 0


class Bases(NamedTuple):
    """Eigenbases of the prior's covariances, of each variant (b = P) or of all alike (b = 1)."""

    loadings: np.ndarray
    """(b, J, M) FQ, whitened."""
    back: np.ndarray
    """(b, J, M) FQ."""
    values: np.ndarray
    """(b, M) eigenvalues of F'DF, with D = I if alike."""
    first: np.ndarray
    """(K + 1,) covariance k has the columns first[k] : first[k + 1]."""
    scales: np.ndarray
    """(L,) omega."""
    has_null: bool


def bases_of(prior: Prior, whitener: np.ndarray, squared_norm: np.ndarray) -> Bases:
    """Return the `Bases` of variants whose squared norms are d (P,), d_j (P, J) or D (P, J, J)."""
    factors = [whitener @ factor for factor in prior.factors]
    precision = squared_norm if squared_norm.ndim > 1 else np.ones((1, len(whitener)))
    loadings, values = eigenbases(factors, precision)
    back = np.linalg.solve(whitener, loadings)
    return Bases(loadings, back, values, prior.layout[0], prior.scales, prior.has_null)


@kernel
def summarize(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    alpha: np.ndarray,
    bases: tuple,
    reaches: np.ndarray,
    second: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> None:
    """Add the variants' second moments and P(beta <= 0), P(beta >= 0) per trait.

    Parameters
    ----------
    scores : array (P, J)
        g, whitened.
    squared_norm, alpha : array (P,), (P, T)
        d, which is 1 if the variants have a basis each.
    bases : tuple
        The fields of `Bases`.
    reaches : array (K, J) of bool
        Whether covariance k lets the trait's effect differ from 0.
    second, low, high : array (P, J)
        Added to. The point mass at 0 counts in both low and high.
    """
    loadings, back, values, first, scales, has_null = bases
    n_traits, n_scales = scores.shape[1], scales.shape[0]
    start = 1 if has_null else 0
    z = np.empty(values.shape[1])
    for p in range(scores.shape[0]):
        d, b = squared_norm[p], p if len(values) > 1 else 0
        z[:] = 0.0
        for j in range(n_traits):
            for m in range(len(z)):
                z[m] += loadings[b, j, m] * scores[p, j]
        if has_null:
            for j in range(n_traits):
                low[p, j] += alpha[p, 0]
                high[p, j] += alpha[p, 0]
        for k in range(first.shape[0] - 1):
            for c in range(n_scales):
                share = alpha[p, start + k * n_scales + c]
                if share < NEGLIGIBLE:
                    continue
                for j in range(n_traits):
                    if not reaches[k, j]:
                        low[p, j] += share
                        high[p, j] += share
                        continue
                    mean, variance = 0.0, 0.0
                    for m in range(first[k], first[k + 1]):
                        shrink = scales[c] / (1.0 + d * scales[c] * values[b, m])
                        mean += back[b, j, m] * shrink * z[m]
                        variance += back[b, j, m] * back[b, j, m] * shrink
                    second[p, j] += share * (mean * mean + variance)
                    below = 0.5 * math.erfc(mean / math.sqrt(2.0 * variance))
                    low[p, j] += share * below
                    high[p, j] += share * (1.0 - below)


def summarized(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    alpha: np.ndarray,
    prior: Prior,
    whitener: np.ndarray,
) -> np.ndarray:
    """Return second moments, P(beta <= 0) and P(beta >= 0) (3, P, J) of variants; see `summarize`.

    Parameters
    ----------
    scores, squared_norm : array
        Those of a `VariantPosterior`.
    """
    summaries = np.zeros((3, *scores.shape))
    reaches = reached_traits(prior)
    alike = squared_norm.ndim == 1
    for rows in slices(len(scores), ROWS):
        norms = squared_norm[rows]
        bases = bases_of(prior, whitener, norms)
        scalar = norms if alike else np.ones(len(norms))
        summarize(scores[rows], scalar, alpha[rows], tuple(bases), reaches, *summaries[:, rows])
    return summaries


def deviations_and_sign_rates(
    posterior: VariantPosterior, responsibilities: np.ndarray, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior SDs (P, J) of effects on standardized variants, and lfsr (P, J)."""
    second, low, high = summarized(
        posterior.scores, posterior.squared_norm, responsibilities, prior, posterior.whitener
    )
    sd = np.sqrt(np.maximum(second - posterior.effects**2, 0.0))
    return sd, np.minimum(np.minimum(low, high), 1.0)


def posterior_of_slabs(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    prior: Prior,
    shares: np.ndarray,
    covariance: ResidualCovariance,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what is known of variants that carry an effect of the mixture's slabs.

    Parameters
    ----------
    scores, squared_norm : array
        g = x_p'Q R (P, J), and d as in a `VariantPosterior`.
    shares : array (T',)
        Weights of the slabs, which sum to 1.

    Returns
    -------
    mean, second, low, high, nonzero : array (P, J)
        Posterior means, second moments, P(beta <= 0), P(beta >= 0) and P(beta != 0).
    """
    slabs = prior._replace(has_null=False)
    mean, alpha, _ = update_alone(scores, squared_norm, slabs, shares, covariance)
    whitener, reaches = covariance.whitener, reached_traits(prior)
    second, low, high = summarized(scores @ whitener, squared_norm, alpha, slabs, whitener)
    n_scales = alpha.shape[1] // len(reaches)
    by_covariance = alpha.reshape(len(scores), len(reaches), n_scales).sum(axis=2)
    return mean, second, low, high, by_covariance @ reaches


def reached_traits(prior: Prior) -> np.ndarray:
    """Return (K, J): which traits' effects differ from 0 under each covariance."""
    variances = np.stack([np.sum(factor**2, axis=1) for factor in prior.factors])
    return variances > 1e-12 * variances.max(axis=1, keepdims=True)


def effect_covariances(
    posterior: VariantPosterior, responsibilities: np.ndarray, prior: Prior, rows: slice
) -> np.ndarray:
    """Return the posterior covariances (b, J, J) of the effects of some variants, whitened."""
    norms, scores = posterior.squared_norm[rows], posterior.scores[rows]
    bases, alpha = bases_of(prior, posterior.whitener, norms), responsibilities[rows]
    d = 1.0 if norms.ndim > 1 else norms[:, None]
    means = posterior.effects[rows] @ posterior.whitener.T
    total = -means[:, :, None] * means[:, None, :]
    component = int(bases.has_null)
    for low, high in pairwise(bases.first):
        loadings, values = bases.loadings[:, :, low:high], bases.values[:, low:high]
        z = np.matmul(scores[:, None, :], loadings)[:, 0]
        for scale in bases.scales:
            shrink, share = scale / (1 + d * scale * values), alpha[:, component, None, None]
            component += 1
            if np.max(share) > NEGLIGIBLE:
                mean = np.matmul(loadings, (shrink * z)[:, :, None])
                spread = (loadings * shrink[:, None, :]) @ np.swapaxes(loadings, 1, 2)
                total += share * (mean @ np.swapaxes(mean, 1, 2) + spread)
    return total


def component_moments(
    posterior: VariantPosterior, variant: int, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Return mu_pt (T, J) and S_pt (T, J, J) of a variant p."""
    norm = posterior.squared_norm[variant]
    bases = bases_of(prior, posterior.whitener, posterior.squared_norm[[variant]])
    loadings, back, values = bases.loadings[0], bases.back[0], bases.values[0]
    d = 1.0 if norm.ndim else float(norm)
    z, n_traits = loadings.T @ posterior.scores[variant], len(loadings)
    means, variances = [], []
    if bases.has_null:
        means.append(np.zeros(n_traits))
        variances.append(np.zeros((n_traits, n_traits)))
    for low, high in pairwise(bases.first):
        vectors = back[:, low:high]
        for scale in bases.scales:
            shrink = scale / (1 + d * scale * values[low:high])
            means.append(vectors @ (shrink * z[low:high]))
            variances.append((vectors * shrink) @ vectors.T)
    return np.stack(means), np.stack(variances)
