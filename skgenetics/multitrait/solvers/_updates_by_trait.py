"""Updates of coordinate ascent where every canonical trait has a row covariance of its own.

The precision of a variant is then D = diag(d_j) instead of d I. With the noise whitened and
U = FF', the eigenvectors Q of F'DF, its eigenvalues lam, and z = Q'F'g give

    log BF_l = sum_m [a_m z_m^2 - log(1 + w_l lam_m)] / 2,  a_m = w_l / (1 + w_l lam_m)
    mu_l = FQ (a z),  S_l = FQ diag(a) Q'F'

so that no U is inverted, and one decomposition of F'DF serves all scales. The rest is that of
`_variant_updates`.
"""

from typing import Any

import numpy as np

from skgenetics.multitrait._design import Design
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait.solvers._variant_updates import (
    NEGLIGIBLE,
    SUMS,
    exponentiate,
    log_odds_of_slabs,
    mean_shrinkage,
)
from skgenetics.utils._numba import kernel


def eigenbases(factors: list[np.ndarray], precision: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return FQ (b, J, M) and lam (b, M) of all covariances, one after the other.

    Parameters
    ----------
    factors : list of array (J, rank)
        F of whitened covariances.
    precision : array (b, J), or (b, J, J)
        The diagonals of D, or D.
    """
    loadings, values = [], []
    for factor in factors:
        half = factor.T * precision[:, None, :] if precision.ndim == 2 else factor.T @ precision
        inner = half @ factor
        if factor.shape[1] == 1:
            loadings.append(np.broadcast_to(factor, (len(precision), *factor.shape)))
            values.append(inner[:, 0])
        else:
            lam, vectors = np.linalg.eigh(inner)
            loadings.append(factor @ vectors)
            values.append(np.maximum(lam, 0.0))
    return np.concatenate(loadings, axis=2), np.concatenate(values, axis=1)


def whitened_eigenbases(
    prior: Prior, covariance: ResidualCovariance, squared_norm: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `eigenbases` of the prior's covariances, whitened by the deviations of Sigma."""
    sd = np.sqrt(np.diag(covariance.matrix))
    return eigenbases([factor / sd[:, None] for factor in prior.factors], squared_norm)


def update_variants_alone(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    prior: Prior,
    weights: np.ndarray,
    covariance: ResidualCovariance,
    bases: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means (P, J), alpha (P, T) and the log evidence (P,) of variants one by one.

    `bases` are the `whitened_eigenbases`, if they are there already.
    """
    sd = np.sqrt(np.diag(covariance.matrix))
    if bases is None:
        bases = whitened_eigenbases(prior, covariance, squared_norm)
    loadings, values = bases
    means, change, partial = (np.zeros_like(scores) for _ in range(3))
    alpha, evidence = np.empty((len(scores), len(weights))), np.empty(len(scores))
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    update_block_by_trait(
        np.empty((0,) * squared_norm.ndim),
        np.ascontiguousarray(scores),
        squared_norm,
        loadings,
        values,
        sd,
        (log_weights, prior.scales, prior.has_null, *prior.layout),
        (means, change, alpha, partial, evidence),
        np.zeros(len(sd)),
    )
    return means, alpha, evidence


def update_blocks_by_trait(
    design: Design, model: Any, weights: np.ndarray, posterior: Any
) -> np.ndarray:
    """Update every variant once; return sum_p d_pj E_q[beta_pj^2] (J,), 0 with matrices D.

    Parameters
    ----------
    design : CanonicalDesign or CellDesign
    model, posterior : Model, Posterior
        Those of coordinate ascent, in canonical traits.
    weights : array (T',)
    """
    prior, sd = model.prior, np.sqrt(np.diag(model.covariance.matrix))
    factors = [factor / sd[:, None] for factor in prior.factors]
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    layout = prior.layout
    alpha = posterior.responsibilities(len(weights))
    alpha[~design.used] = 0.0
    moments = np.zeros(design.n_traits)
    for block, gram in zip(design.blocks, design.grams, strict=True):
        columns = design.columns(block)
        score, d = design.score(columns), design.squared_norm[block]
        loadings, values = eigenbases(factors, d)
        change = np.empty_like(score)
        written = (
            posterior.effects[block],
            change,
            alpha[block],
            posterior.partial_scores[block],
            posterior.log_evidence[block],
        )
        for part in gram:
            variants = part.variants
            update_block_by_trait(
                part.triangle,
                score[variants],
                d[variants],
                loadings[variants],
                values[variants],
                sd,
                (log_weights, prior.scales, prior.has_null, *layout),
                tuple(array[variants] for array in written),
                moments,
            )
            if len(part.later):
                pairs = "lpjk,pk->lj" if part.later.ndim == 4 else "lpj,pj->lj"
                score[variants.stop :] -= np.einsum(pairs, part.later, change[variants])
        design.move(columns, change)
        if not isinstance(block, slice):  # else the arrays are views
            posterior.effects[block], _, alpha[block] = written[:3]
            posterior.partial_scores[block], posterior.log_evidence[block] = written[3:]
        del columns  # before the next ones are made
    design.settle()
    return moments


@kernel(fastmath=SUMS)
def update_block_by_trait(
    gram: np.ndarray,
    score: np.ndarray,
    squared_norm: np.ndarray,
    loadings: np.ndarray,
    values: np.ndarray,
    sd: np.ndarray,
    prior: tuple,
    posterior: tuple,
    moments: np.ndarray,
) -> None:
    """Update the variants of a block one after the other.

    Parameters
    ----------
    gram : array (b (b - 1) / 2, J), or (b (b - 1) / 2, J, J), or of length 0
        Lower triangle of X_B'Q_j X_B, row after row; 0 throughout if empty.
    score, squared_norm : array (b, J), array (b, J) or (b, J, J)
        X_B'Q_j R_j with the residual before the block, and D.
    loadings, values : array (b, J, M), array (b, M)
        Those of `eigenbases`.
    sd : array (J,)
        Deviations of the noise.
    prior : tuple
        log pi (T,), scales (L,), whether there is a null, and the `Layout` of the covariances.
    posterior : tuple
        The fields of a `BlockPosterior`, which is written.
    moments : array (J,)
        sum_p d_pj E_q[beta_pj^2] is added to it; not with matrices D.
    """
    log_weights, scales, has_null, first, runs = prior
    effects, change, responsibilities, partial_scores, log_evidence = posterior
    n_block, n_traits = effects.shape
    n_vectors, n_scales, n_covariances = values.shape[1], len(scales), len(first) - 1
    null, start = n_scales * n_covariances, 1 if has_null else 0
    log_odds, odds, powers = (
        np.empty(null + start),
        np.empty(null + start),
        np.empty(null + start),
    )
    odds_bits, power_bits = odds.view(np.int64), powers.view(np.int64)
    grid = n_scales, n_covariances
    log_odds_kl, odds_kl = log_odds[:null].reshape(grid), odds[:null].reshape(grid)
    log_prior_kl, shrinkage = np.empty(grid), np.empty((n_scales, n_vectors))
    z, half_squares, s = np.empty(n_vectors), np.empty(n_vectors), np.empty(n_vectors)
    g = np.empty(n_traits)
    if has_null:
        log_odds[null] = log_weights[0]
    for i in range(n_block):
        basis = loadings[i]
        row = i * (i - 1) // 2
        if squared_norm.ndim == 2:
            for j in range(n_traits):
                g[j] = score[i, j] + squared_norm[i, j] * effects[i, j]
            if len(gram) > 0:
                for q in range(i):
                    for j in range(n_traits):
                        g[j] -= gram[row + q, j] * change[q, j]
        else:
            for j in range(n_traits):
                g[j] = score[i, j]
                for k in range(n_traits):
                    g[j] += squared_norm[i, j, k] * effects[i, k]
            if len(gram) > 0:
                for q in range(i):
                    for j in range(n_traits):
                        for k in range(n_traits):
                            g[j] -= gram[row + q, j, k] * change[q, k]
        partial_scores[i] = g
        z[:] = 0.0
        for j in range(n_traits):
            for m in range(n_vectors):
                z[m] += basis[j, m] * (g[j] / sd[j])
        for m in range(n_vectors):
            half_squares[m] = 0.5 * z[m] * z[m]
        for c in range(n_scales):
            for k in range(n_covariances):
                log_det = 0.0
                for m in range(first[k], first[k + 1]):
                    total = 1.0 + scales[c] * values[i, m]
                    shrinkage[c, m] = scales[c] / total
                    log_det += np.log(total)
                log_prior_kl[c, k] = log_weights[start + k * n_scales + c] - 0.5 * log_det
        log_odds_of_slabs(runs, shrinkage, half_squares, log_prior_kl, log_odds_kl)
        largest, total = exponentiate(log_odds, powers, power_bits, odds, odds_bits)
        log_evidence[i] = largest + np.log(total)
        if has_null:
            responsibilities[i, 0] = odds[null] / total
        for k in range(n_covariances):
            for c in range(n_scales):
                odds_kl[c, k] /= total
                responsibilities[i, start + k * n_scales + c] = odds_kl[c, k]
        mean_shrinkage(runs, shrinkage, odds_kl, s)
        for j in range(n_traits):
            mean = 0.0
            for m in range(n_vectors):
                mean += basis[j, m] * s[m] * z[m]
            if squared_norm.ndim == 2:
                second = 0.0
                for m in range(n_vectors):
                    second += basis[j, m] * basis[j, m] * s[m]
                for k in range(n_covariances):
                    for c in range(n_scales):
                        if odds_kl[c, k] > NEGLIGIBLE:
                            mu = 0.0
                            for m in range(first[k], first[k + 1]):
                                mu += basis[j, m] * shrinkage[c, m] * z[m]
                            second += odds_kl[c, k] * mu * mu
                moments[j] += squared_norm[i, j] * sd[j] * sd[j] * second
            change[i, j] = sd[j] * mean - effects[i, j]
            effects[i, j] = sd[j] * mean
