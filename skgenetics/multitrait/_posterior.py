"""What the posterior says of a variant: deviations, local false sign rates, components."""

import math
from itertools import pairwise

import numpy as np

from skgenetics.utils._numba import kernel

CHUNK = 256  # variants whose moments are held at once


@kernel
def summarize(own, squared_norm, alpha, basis, back, values, first, scales, reaches, has_null,
              second, low, high):  # fmt: skip
    """Add the variants' second moments and P(beta <= 0), P(beta >= 0) per trait.

    Parameters
    ----------
    own : array (P, J)
        g, whitened.
    squared_norm, alpha : array (P,), (P, T)
    basis, values, first, scales, has_null :
        See `skgenetics.multitrait._priors.Components`.
    back : array (M, J)
        The basis in the traits' units, Q Sigma^1/2.
    reaches : array (K, J) of bool
        Whether covariance k lets the trait's effect differ from 0.
    second, low, high : array (P, J)
        Added to. The point mass at 0 counts in both low and high.
    """
    n_traits = own.shape[1]
    n_scales = scales.shape[0]
    start = 1 if has_null else 0
    z = np.empty(values.shape[0])
    for p in range(own.shape[0]):
        d = squared_norm[p]
        for m in range(values.shape[0]):
            z[m] = 0.0
            for j in range(n_traits):
                z[m] += basis[m, j] * own[p, j]
        if has_null:
            for j in range(n_traits):
                low[p, j] += alpha[p, 0]
                high[p, j] += alpha[p, 0]
        for k in range(first.shape[0] - 1):
            for c in range(n_scales):
                share = alpha[p, start + k * n_scales + c]
                if share < 1e-12:
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


def deviations_and_sign_rates(state, responsibilities, prior, squared_norm):
    """Return posterior SDs (P, J) of effects on standardized variants, and lfsr (P, J)."""
    posterior, covariance = state.posterior, state.covariance
    parts = prior.whitened(covariance)
    back, reaches = parts.basis @ covariance.root, reached_traits(prior)
    sd, lfsr = np.empty_like(posterior.own), np.empty_like(posterior.own)
    for start in range(0, len(sd), CHUNK):
        rows = slice(start, start + CHUNK)
        second, low, high = (np.zeros_like(sd[rows]) for _ in range(3))
        summarize(
            posterior.own[rows] @ covariance.whitener, squared_norm[rows], responsibilities[rows],
            parts.basis, back, parts.values, parts.first, parts.scales, reaches, parts.has_null,
            second, low, high,
        )  # fmt: skip
        sd[rows] = np.sqrt(np.maximum(second - posterior.effects[rows] ** 2, 0.0))
        lfsr[rows] = np.minimum(np.minimum(low, high), 1.0)
    return sd, lfsr


def reached_traits(prior):
    """Return (K, J): which traits' effects differ from 0 under each covariance."""
    variances = np.stack([np.sum(factor**2, axis=1) for factor in prior.factors])
    return variances > 1e-12 * variances.max(axis=1, keepdims=True)


def component_moments(own, squared_norm, components, covariance):
    """Return mu_t (T, J) and S_t (T, J, J) of one variant with score `own` (J,)."""
    basis, values, first, _, scales, has_null = components
    back, z = basis @ covariance.root, basis @ (covariance.whitener @ own)
    n_traits, means, variances = own.shape[0], [], []
    if has_null:
        means.append(np.zeros(n_traits))
        variances.append(np.zeros((n_traits, n_traits)))
    for low, high in pairwise(first):
        vectors = back[low:high]
        for scale in scales:
            shrink = scale * values[low:high] / (1 + squared_norm * scale * values[low:high])
            means.append((shrink * z[low:high]) @ vectors)
            variances.append((vectors.T * shrink) @ vectors)
    return np.stack(means), np.stack(variances)
