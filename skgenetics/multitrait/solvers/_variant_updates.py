"""The compiled loop of coordinate ascent, over the variants of a block.

For a variant with partial score g = x'R_(-p), squared norm d = x'x and z = Q Sigma^-1/2 g in the
eigenbasis of the whitened covariances U_k, whose eigenvalues are lam_m and scales w_l:

    a_lm = w_l lam_m / (1 + d w_l lam_m)                                 `shrink_eigenvalues`
    log BF_kl = sum_{m in k} [a_lm z_m^2 - log(1 + d w_l lam_m)] / 2     `log_odds_of_slabs`
    alpha_kl = pi_kl BF_kl / sum_t pi_t BF_t                             `exponentiate`
    r = Sigma^1/2 Q' s,  s_m = z_m sum_l alpha_kl a_lm                   `mean_shrinkage`
    mu_kl = Q_k'(a_l z),  S_kl = Q_k' diag(a_l) Q_k, whitened            `add_moments`

These are equations (17) and (20)-(22) of the note without an inverse of U_k.

The loops are laid out for vector instructions. Components are arrays (L, K), the null after them,
and eigenvectors (L, M); what runs over the last axis is a covariance's eigenvectors, or all of a
run of covariances of rank 1. `runs` is unsigned: an index that might be negative is not known to be
consecutive. Loops that take four steps at once keep four sums in registers.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.utils._numba import kernel

# sums may be taken in any order, and a product added without rounding before
SUMS = ("contract", "reassoc")
SMALLEST_LOG = -700.0  # exp of less is 0
NEGLIGIBLE = 1e-13  # a smaller responsibility adds nothing to the second moments


class BlockData(NamedTuple):
    """What the data say of the variants of a block."""

    gram: np.ndarray  # (b (b - 1) / 2,) lower triangle of X_B'QX_B, row after row; or () for 0
    score: np.ndarray  # (b, J) X_B'QR with the residual R before the block
    squared_norm: np.ndarray  # (b,) d, the diagonal of X_B'QX_B


class Mixture(NamedTuple):
    """The prior in the eigenbasis of its whitened covariances; see `_priors.Components`."""

    log_weights: np.ndarray  # (T,) log pi, the null first if there is one
    to_eigenbasis: np.ndarray  # (J, M) Sigma^-1/2 Q', from traits to whitened eigenvectors
    from_eigenbasis: np.ndarray  # (J, M) Sigma^1/2 Q', and back
    values: np.ndarray  # (M,) lam
    first: np.ndarray  # (K + 1,)
    runs: np.ndarray  # (R, 4)
    scales: np.ndarray  # (L,) w
    has_null: bool


class BlockPosterior(NamedTuple):
    """q(beta_p) of the variants of a block."""

    effects: np.ndarray  # (b, J) r, posterior means; updated, all else is written
    change: np.ndarray  # (b, J) by what r changed
    responsibilities: np.ndarray  # (b, T) alpha
    partial_scores: np.ndarray  # (b, J) g
    log_evidence: np.ndarray  # (b,) log sum_t pi_t BF_t


@kernel(fastmath=SUMS)
def update_block(
    block_arrays: tuple,
    mixture_arrays: tuple,
    posterior_arrays: tuple,
    learn_covariance: bool,
    moments: np.ndarray,
) -> None:
    """Update the variants of a block one after the other.

    The arguments are plain tuples: numba takes 10 us to recognize a named one in Python. Arrays
    that go to another kernel are counted by reference, 5 ns each, so the shortest loops stay here.

    Parameters
    ----------
    block_arrays, mixture_arrays, posterior_arrays : tuple
        The fields of a `BlockData`, a `Mixture` and a `BlockPosterior`, which is written.
    learn_covariance : bool
        Whether `moments` are needed.
    moments : array (largest rank, M)
        Covariance k has its columns first[k] : first[k + 1] and as many rows. To its lower triangle
        is added sum_p d_p sum_l alpha_pkl (mu_pkl mu_pkl' + diag a_l), in the eigenbasis.
    """
    block, mixture = BlockData(*block_arrays), Mixture(*mixture_arrays)
    posterior = BlockPosterior(*posterior_arrays)
    gram, effects, change = block.gram, posterior.effects, posterior.change
    n_block, n_traits = effects.shape
    n_vectors, n_scales = len(mixture.values), len(mixture.scales)
    n_covariances = len(mixture.first) - 1
    null, start = n_scales * n_covariances, 1 if mixture.has_null else 0
    log_prior, log_odds = np.empty(null + start), np.empty(null + start)
    odds, powers = np.empty(null + start), np.empty(null + start)
    odds_bits, power_bits = odds.view(np.int64), powers.view(np.int64)
    grid = n_scales, n_covariances
    log_prior_kl, log_odds_kl = log_prior[:null].reshape(grid), log_odds[:null].reshape(grid)
    odds_kl, shrinkage = odds[:null].reshape(grid), np.empty((n_scales, n_vectors))
    z, half_squares = np.empty(n_vectors), np.empty(n_vectors)
    s, mu, g = np.empty(n_vectors), np.empty(n_vectors), np.empty(n_traits)
    if mixture.has_null:
        log_odds[null] = mixture.log_weights[0]
    d_before = -1.0
    for i in range(n_block):
        d = block.squared_norm[i]
        if d != d_before:
            d_before = d
            shrink_eigenvalues(d, mixture, shrinkage, log_prior_kl)

        for j in range(n_traits):
            g[j] = block.score[i, j] + d * effects[i, j]
        if len(gram) > 0:
            remove_earlier_changes(gram, change, i, g)
        posterior.partial_scores[i] = g
        multiply_rows(g, mixture.to_eigenbasis, z)
        for m in range(n_vectors):
            half_squares[m] = 0.5 * z[m] * z[m]

        log_odds_of_slabs(mixture.runs, shrinkage, half_squares, log_prior_kl, log_odds_kl)
        largest, total = exponentiate(log_odds, powers, power_bits, odds, odds_bits)
        posterior.log_evidence[i] = largest + np.log(total)
        inverse = 1.0 / total
        if mixture.has_null:
            posterior.responsibilities[i, 0] = odds[null] * inverse
        for k in range(n_covariances):
            for c in range(n_scales):
                posterior.responsibilities[i, start + k * n_scales + c] = odds_kl[c, k] * inverse

        mean_shrinkage(mixture.runs, shrinkage, odds_kl, s)
        for m in range(n_vectors):
            s[m] *= inverse * z[m]
        multiply_columns(mixture.from_eigenbasis, s, g)
        for j in range(n_traits):
            change[i, j] = g[j] - effects[i, j]
            effects[i, j] = g[j]
        if learn_covariance:
            add_moments(d, d * inverse, mixture.runs, shrinkage, odds_kl, z, mu, moments)


@kernel(fastmath=SUMS)
def shrink_eigenvalues(
    d: float, mixture: Mixture, shrinkage: np.ndarray, log_prior_kl: np.ndarray
) -> None:
    """Write a_lm (L, M) and log pi_kl - sum_{m in k} log(1 + d w_l lam_m) / 2 (L, K)."""
    values, first, scales = mixture.values, mixture.first, mixture.scales
    start = 1 if mixture.has_null else 0
    for c in range(len(scales)):
        for m in range(len(values)):
            variance = scales[c] * values[m]
            shrinkage[c, m] = variance / (1.0 + d * variance)
        for k in range(len(first) - 1):
            product, log_det = 1.0, 0.0
            for m in range(first[k], first[k + 1]):
                product *= 1.0 + d * scales[c] * values[m]
                if product > 1e200:
                    log_det += np.log(product)
                    product = 1.0
            log_det += np.log(product)
            log_prior_kl[c, k] = mixture.log_weights[start + k * len(scales) + c] - 0.5 * log_det


@kernel(fastmath=SUMS)
def remove_earlier_changes(gram: np.ndarray, change: np.ndarray, i: int, g: np.ndarray) -> None:
    """Take from g, row i of X_B'QR before the block, what the variants before i have changed."""
    q, row = 0, i * (i - 1) // 2
    while q + 4 <= i:
        t = row + q
        r0, r1, r2, r3 = gram[t], gram[t + 1], gram[t + 2], gram[t + 3]
        for j in range(len(g)):
            g[j] -= (r0 * change[q, j] + r1 * change[q + 1, j]) + (
                r2 * change[q + 2, j] + r3 * change[q + 3, j]
            )
        q += 4
    while q < i:
        for j in range(len(g)):
            g[j] -= gram[row + q] * change[q, j]
        q += 1


@kernel(fastmath=SUMS)
def multiply_rows(vector: np.ndarray, matrix: np.ndarray, product: np.ndarray) -> None:
    """Write vector' matrix, four rows at a time."""
    j, n_rows = 0, len(vector)
    product[:] = 0.0
    while j + 4 <= n_rows:
        v0, v1, v2, v3 = vector[j], vector[j + 1], vector[j + 2], vector[j + 3]
        for m in range(len(product)):
            product[m] += (v0 * matrix[j, m] + v1 * matrix[j + 1, m]) + (
                v2 * matrix[j + 2, m] + v3 * matrix[j + 3, m]
            )
        j += 4
    while j < n_rows:
        for m in range(len(product)):
            product[m] += vector[j] * matrix[j, m]
        j += 1


@kernel(fastmath=SUMS)
def multiply_columns(matrix: np.ndarray, vector: np.ndarray, product: np.ndarray) -> None:
    """Write matrix vector, four rows at a time."""
    j, n_rows = 0, len(product)
    while j + 4 <= n_rows:
        p0 = p1 = p2 = p3 = 0.0
        for m in range(len(vector)):
            p0 += matrix[j, m] * vector[m]
            p1 += matrix[j + 1, m] * vector[m]
            p2 += matrix[j + 2, m] * vector[m]
            p3 += matrix[j + 3, m] * vector[m]
        product[j], product[j + 1], product[j + 2], product[j + 3] = p0, p1, p2, p3
        j += 4
    while j < n_rows:
        p0 = 0.0
        for m in range(len(vector)):
            p0 += matrix[j, m] * vector[m]
        product[j] = p0
        j += 1


@kernel(fastmath=SUMS)
def log_odds_of_slabs(
    runs: np.ndarray,
    shrinkage: np.ndarray,
    half_squares: np.ndarray,
    log_prior_kl: np.ndarray,
    log_odds_kl: np.ndarray,
) -> None:
    """Write log pi_kl BF_kl (L, K)."""
    n_scales = len(shrinkage)
    for run in range(len(runs)):
        k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
        if runs[run, 1] - k == high - low:  # of rank 1: eigenvector m belongs to m - shift
            shift = low - k
            for c in range(n_scales):
                for m in range(low, high):
                    log_odds_kl[c, m - shift] = (
                        log_prior_kl[c, m - shift] + half_squares[m] * shrinkage[c, m]
                    )
            continue
        c = 0
        while c + 4 <= n_scales:
            t0 = t1 = t2 = t3 = 0.0
            for m in range(low, high):
                t0 += half_squares[m] * shrinkage[c, m]
                t1 += half_squares[m] * shrinkage[c + 1, m]
                t2 += half_squares[m] * shrinkage[c + 2, m]
                t3 += half_squares[m] * shrinkage[c + 3, m]
            log_odds_kl[c, k] = log_prior_kl[c, k] + t0
            log_odds_kl[c + 1, k] = log_prior_kl[c + 1, k] + t1
            log_odds_kl[c + 2, k] = log_prior_kl[c + 2, k] + t2
            log_odds_kl[c + 3, k] = log_prior_kl[c + 3, k] + t3
            c += 4
        while c < n_scales:
            total = 0.0
            for m in range(low, high):
                total += half_squares[m] * shrinkage[c, m]
            log_odds_kl[c, k] = log_prior_kl[c, k] + total
            c += 1


@kernel(fastmath=SUMS)
def exponentiate(
    log_odds: np.ndarray,
    powers: np.ndarray,
    power_bits: np.ndarray,
    odds: np.ndarray,
    odds_bits: np.ndarray,
) -> tuple[float, float]:
    """Write exp(log_odds - largest) into odds (T,); return the largest and the sum of odds.

    exp(v) = 2^k exp(r) with |r| <= log(2) / 2 and a polynomial for exp(r), in error by 2e-16 of
    itself. The low bits of the scratch `powers`, v / log(2) + 1.5 2^52, hold k; `power_bits` and
    `odds_bits` are the arrays before them as integers.
    """
    t, n_components = 0, len(log_odds)
    l0 = l1 = l2 = l3 = log_odds[0]
    while t + 4 <= n_components:
        l0 = log_odds[t] if log_odds[t] > l0 else l0
        l1 = log_odds[t + 1] if log_odds[t + 1] > l1 else l1
        l2 = log_odds[t + 2] if log_odds[t + 2] > l2 else l2
        l3 = log_odds[t + 3] if log_odds[t + 3] > l3 else l3
        t += 4
    while t < n_components:
        l0 = log_odds[t] if log_odds[t] > l0 else l0
        t += 1
    largest = max(max(l0, l1), max(l2, l3))
    for t in range(len(log_odds)):
        v = log_odds[t] - largest
        v = v if v > SMALLEST_LOG else SMALLEST_LOG
        shifted = v * 1.4426950408889634 + 6755399441055744.0
        powers[t] = shifted
        r = shifted - 6755399441055744.0
        r = (v - r * 6.93145751953125e-1) - r * 1.42860682030941723212e-6
        e = 1.0 / 6227020800.0
        e = e * r + 1.0 / 479001600.0
        e = e * r + 1.0 / 39916800.0
        e = e * r + 1.0 / 3628800.0
        e = e * r + 1.0 / 362880.0
        e = e * r + 1.0 / 40320.0
        e = e * r + 1.0 / 5040.0
        e = e * r + 1.0 / 720.0
        e = e * r + 1.0 / 120.0
        e = e * r + 1.0 / 24.0
        e = e * r + 1.0 / 6.0
        e = e * r + 0.5
        e = e * r + 1.0
        odds[t] = e * r + 1.0
    for t in range(len(log_odds)):
        odds_bits[t] += power_bits[t] << 52
    total = 0.0
    for t in range(len(log_odds)):
        odds[t] = odds[t] if log_odds[t] - largest > SMALLEST_LOG else 0.0
        total += odds[t]
    return largest, total


@kernel(fastmath=SUMS)
def mean_shrinkage(
    runs: np.ndarray, shrinkage: np.ndarray, odds_kl: np.ndarray, s: np.ndarray
) -> None:
    """Write sum_l odds_kl a_lm (M,) of the covariance k that eigenvector m belongs to."""
    s[:] = 0.0
    for run in range(len(runs)):
        k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
        shift = low - k
        if runs[run, 1] - k == high - low:
            for c in range(len(shrinkage)):
                for m in range(low, high):
                    s[m] += odds_kl[c, m - shift] * shrinkage[c, m]
        else:
            for c in range(len(shrinkage)):
                for m in range(low, high):
                    s[m] += odds_kl[c, k] * shrinkage[c, m]


@kernel(fastmath=SUMS)
def add_moments(
    d: float,
    factor: float,
    runs: np.ndarray,
    shrinkage: np.ndarray,
    odds_kl: np.ndarray,
    z: np.ndarray,
    mu: np.ndarray,
    moments: np.ndarray,
) -> None:
    """Add d sum_l alpha_kl (mu_kl mu_kl' + diag a_l), mu_kl = a_l z, to each covariance's moments.

    d alpha_kl is factor odds_kl; `mu` is scratch (M,).
    """
    for run in range(len(runs)):
        k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
        if runs[run, 1] - k == high - low:
            shift = low - k
            for c in range(len(shrinkage)):
                for m in range(low, high):
                    moments[0, m] += (factor * odds_kl[c, m - shift] * shrinkage[c, m]) * (
                        1.0 + z[m] * z[m] * shrinkage[c, m]
                    )
            continue
        for c in range(len(shrinkage)):
            weight = factor * odds_kl[c, k]
            if weight <= NEGLIGIBLE * d:
                continue
            for m in range(low, high):
                mu[m] = shrinkage[c, m] * z[m]
            for row in range(low, high):
                scaled = weight * mu[row]
                for m in range(low, row):
                    moments[row - low, m] += scaled * mu[m]
                moments[row - low, row] += scaled * mu[row] + weight * shrinkage[c, row]
