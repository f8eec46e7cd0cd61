"""What the posterior says of a variant: deviations, local false sign rates, components."""

import math
from itertools import pairwise

import numpy as np

from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait.solvers import VariantPosterior
from skgenetics.multitrait.solvers._coordinate_ascent import make_mixture
from skgenetics.multitrait.solvers._variant_updates import update_block
from skgenetics.utils._arrays import slices
from skgenetics.utils._numba import kernel

ROWS = 256  # variants whose moments are held at once
NEGLIGIBLE = 1e-12  # a smaller responsibility counts as 0


@kernel
def summarize(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    alpha: np.ndarray,
    components: tuple,
    back: np.ndarray,
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
    components : tuple
        The fields of `skgenetics.multitrait._priors.Components`.
    back : array (M, J)
        The basis in the traits' units, Q Sigma^1/2.
    reaches : array (K, J) of bool
        Whether covariance k lets the trait's effect differ from 0.
    second, low, high : array (P, J)
        Added to. The point mass at 0 counts in both low and high.
    """
    basis, values, first, _, scales, has_null = components
    n_traits, n_scales = scores.shape[1], scales.shape[0]
    start = 1 if has_null else 0
    z = np.empty(values.shape[0])
    for p in range(scores.shape[0]):
        d = squared_norm[p]
        for m in range(values.shape[0]):
            z[m] = 0.0
            for j in range(n_traits):
                z[m] += basis[m, j] * scores[p, j]
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
                        v = scales[c] * values[m]
                        shrink = v / (1.0 + d * v)
                        mean += back[m, j] * shrink * z[m]
                        variance += back[m, j] * back[m, j] * shrink
                    second[p, j] += share * (mean * mean + variance)
                    below = 0.5 * math.erfc(mean / math.sqrt(2.0 * variance))
                    low[p, j] += share * below
                    high[p, j] += share * (1.0 - below)


def deviations_and_sign_rates(
    posterior: VariantPosterior, responsibilities: np.ndarray, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Return posterior SDs (P, J) of effects on standardized variants, and lfsr (P, J)."""
    covariance = posterior.covariance
    components = prior.whitened(covariance)
    back, reaches = components.basis @ covariance.root, reached_traits(prior)
    sd, lfsr = np.empty_like(posterior.effects), np.empty_like(posterior.effects)
    for rows in slices(len(sd), ROWS):
        second, low, high = (np.zeros_like(sd[rows]) for _ in range(3))
        summarize(
            posterior.partial_scores[rows] @ covariance.whitener,
            posterior.squared_norm[rows],
            responsibilities[rows],
            tuple(components),
            back,
            reaches,
            second,
            low,
            high,
        )
        sd[rows] = np.sqrt(np.maximum(second - posterior.effects[rows] ** 2, 0.0))
        lfsr[rows] = np.minimum(np.minimum(low, high), 1.0)
    return sd, lfsr


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
    scores, squared_norm : array (P, J), (P,)
        g = x_p'Q R, and d.
    shares : array (T',)
        Weights of the slabs, which sum to 1.

    Returns
    -------
    mean, second, low, high, nonzero : array (P, J)
        Posterior means, second moments, P(beta <= 0), P(beta >= 0) and P(beta != 0).
    """
    slabs = prior._replace(has_null=False)
    components = slabs.whitened(covariance)
    mean, change, partial = (np.zeros_like(scores) for _ in range(3))
    alpha = np.empty((len(scores), len(shares)))
    update_block(
        (np.empty(0), np.ascontiguousarray(scores), squared_norm),
        tuple(make_mixture(components, shares, covariance)),
        (mean, change, alpha, partial, np.empty(len(scores))),
        False,
        np.empty((0, 0)),
    )
    second, low, high = (np.zeros_like(scores) for _ in range(3))
    reaches = reached_traits(prior)
    summarize(
        scores @ covariance.whitener,
        squared_norm,
        alpha,
        tuple(components),
        components.basis @ covariance.root,
        reaches,
        second,
        low,
        high,
    )
    n_scales = alpha.shape[1] // len(reaches)
    by_covariance = alpha.reshape(len(scores), len(reaches), n_scales).sum(axis=2)
    return mean, second, low, high, by_covariance @ reaches


def reached_traits(prior: Prior) -> np.ndarray:
    """Return (K, J): which traits' effects differ from 0 under each covariance."""
    variances = np.stack([np.sum(factor**2, axis=1) for factor in prior.factors])
    return variances > 1e-12 * variances.max(axis=1, keepdims=True)


def component_moments(
    posterior: VariantPosterior, variant: int, prior: Prior
) -> tuple[np.ndarray, np.ndarray]:
    """Return mu_pt (T, J) and S_pt (T, J, J) of a variant p."""
    covariance, d = posterior.covariance, posterior.squared_norm[variant]
    basis, values, first, _, scales, has_null = prior.whitened(covariance)
    z = basis @ (covariance.whitener @ posterior.partial_scores[variant])
    back, n_traits = basis @ covariance.root, basis.shape[1]
    means, variances = [], []
    if has_null:
        means.append(np.zeros(n_traits))
        variances.append(np.zeros((n_traits, n_traits)))
    for low, high in pairwise(first):
        vectors = back[low:high]
        for scale in scales:
            shrink = scale * values[low:high] / (1 + d * scale * values[low:high])
            means.append((shrink * z[low:high]) @ vectors)
            variances.append((vectors.T * shrink) @ vectors)
    return np.stack(means), np.stack(variances)
