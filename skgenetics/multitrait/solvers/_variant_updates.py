"""The compiled loop of coordinate ascent, over the variants of a block."""

import numpy as np

from skgenetics.utils._numba import kernel

# sums may be taken in any order, and a product added without rounding before
SUMS = ("contract", "reassoc")


@kernel(fastmath=SUMS)
def update_block(
    gram, score, squared_norm, log_weights, ahead, back, values, first, runs, scales, has_null,
    learn_covariance, effects, change, alpha, own, evidence, moments,
):  # fmt: skip
    """Update the variants of a block one after the other.

    With z = Q Sigma^-1/2 g and w_l the scales, log BF_kl = sum_m [w lam z^2 / (1 + d w lam)
    - log(1 + d w lam)] / 2 over the eigenvectors m of covariance k. With a_ml = w_l lam_m /
    (1 + d w_l lam_m), whitened, mu_kl = Q_k'(a_l z) and S_kl = Q_k' diag(a_l) Q_k.

    The loops are laid out for vector instructions. Components are arrays (L, K), eigenvectors
    (L, M); what runs over the last axis is a covariance's eigenvectors, or all of a run of
    covariances of rank 1. `runs` is unsigned: an index that might be negative is not known to be
    consecutive. Loops that take four steps at once keep four sums in registers. The exponentials
    are those of a polynomial: exp(v) = 2^k exp(r), |r| <= log(2) / 2, in error by 2e-16 of itself.

    Parameters
    ----------
    gram : array (b (b - 1) / 2,)
        Lower triangle of X_B' X_B, row after row, in the metric of the samples.
    score : array (b, J)
        X_B' R with the residual R before the block.
    squared_norm : array (b,)
        d, the diagonal of X_B' X_B.
    log_weights : array (T,)
        log pi, the null first where there is one.
    ahead, back : array (J, M), (J, M)
        Sigma^-1/2 Q' and Sigma^1/2 Q': from traits to whitened eigenvectors, and back.
    values, first, runs, scales, has_null :
        See `skgenetics.multitrait._priors.Components`.
    learn_covariance : bool
    effects : array (b, J)
        r, posterior means; updated.
    change, alpha, own, evidence : array (b, J), (b, T), (b, J), (b,)
        Written: by what r changed, responsibilities, g = x_p'R_(-p), log sum_t pi_t BF_pt.
    moments : array (largest rank, M)
        Covariance k has its columns first[k] : first[k + 1] and as many rows. Where
        learn_covariance, sum_p d_p sum_l alpha_pkl (m m' + diag a), m = a z, is added to its lower
        triangle, in the eigenbasis.
    """
    n_block, n_traits = effects.shape
    n_vectors, n_scales, n_covariances = values.shape[0], scales.shape[0], first.shape[0] - 1
    start = 1 if has_null else 0
    null = n_scales * n_covariances  # it comes last here
    prior, log_odds = np.empty(null + start), np.empty(null + start)
    weight, power = np.empty(null + start), np.empty(null + start)
    weight_bits, power_bits = weight.view(np.int64), power.view(np.int64)
    grid = n_scales, n_covariances
    prior_kl, odds_kl = prior[:null].reshape(grid), log_odds[:null].reshape(grid)
    weight_kl, top = weight[:null].reshape(grid), np.empty(n_covariances)
    shrink, z, half = np.empty((n_scales, n_vectors)), np.empty(n_vectors), np.empty(n_vectors)
    s, mixed = np.empty(n_vectors), np.empty(n_vectors)
    g, mean = np.empty(n_traits), np.empty(n_traits)
    if has_null:
        prior[null] = log_odds[null] = log_weights[0]
    d_known = -1.0
    for i in range(n_block):
        d = squared_norm[i]
        if d != d_known:
            d_known = d
            for c in range(n_scales):
                for m in range(n_vectors):
                    variance = scales[c] * values[m]
                    shrink[c, m] = variance / (1.0 + d * variance)
                for k in range(n_covariances):
                    product, total = 1.0, 0.0
                    for m in range(first[k], first[k + 1]):
                        product *= 1.0 + d * scales[c] * values[m]
                        if product > 1e200:
                            total += np.log(product)
                            product = 1.0
                    total += np.log(product)
                    prior_kl[c, k] = log_weights[start + k * n_scales + c] - 0.5 * total

        for j in range(n_traits):
            g[j] = score[i, j] + d * effects[i, j]
        q, row = 0, i * (i - 1) // 2
        while q + 4 <= i:
            t = row + q
            r0, r1, r2, r3 = gram[t], gram[t + 1], gram[t + 2], gram[t + 3]
            for j in range(n_traits):
                g[j] -= (r0 * change[q, j] + r1 * change[q + 1, j]) + (
                    r2 * change[q + 2, j] + r3 * change[q + 3, j]
                )
            q += 4
        while q < i:
            for j in range(n_traits):
                g[j] -= gram[row + q] * change[q, j]
            q += 1
        own[i] = g
        z[:] = 0.0
        j = 0
        while j + 4 <= n_traits:
            r0, r1, r2, r3 = g[j], g[j + 1], g[j + 2], g[j + 3]
            for m in range(n_vectors):
                z[m] += (ahead[j, m] * r0 + ahead[j + 1, m] * r1) + (
                    ahead[j + 2, m] * r2 + ahead[j + 3, m] * r3
                )
            j += 4
        while j < n_traits:
            for m in range(n_vectors):
                z[m] += ahead[j, m] * g[j]
            j += 1
        for m in range(n_vectors):
            half[m] = 0.5 * z[m] * z[m]

        for run in range(len(runs)):
            k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
            if runs[run, 1] - k == high - low:
                shift = low - k
                for c in range(n_scales):
                    for m in range(low, high):
                        odds_kl[c, m - shift] = prior_kl[c, m - shift] + half[m] * shrink[c, m]
            else:
                c = 0
                while c + 4 <= n_scales:
                    r0 = r1 = r2 = r3 = 0.0
                    for m in range(low, high):
                        r0 += half[m] * shrink[c, m]
                        r1 += half[m] * shrink[c + 1, m]
                        r2 += half[m] * shrink[c + 2, m]
                        r3 += half[m] * shrink[c + 3, m]
                    odds_kl[c, k], odds_kl[c + 1, k] = prior_kl[c, k] + r0, prior_kl[c + 1, k] + r1
                    odds_kl[c + 2, k] = prior_kl[c + 2, k] + r2
                    odds_kl[c + 3, k] = prior_kl[c + 3, k] + r3
                    c += 4
                while c < n_scales:
                    total = 0.0
                    for m in range(low, high):
                        total += half[m] * shrink[c, m]
                    odds_kl[c, k] = prior_kl[c, k] + total
                    c += 1
        top[:] = odds_kl[0]
        for c in range(1, n_scales):
            for k in range(n_covariances):
                top[k] = odds_kl[c, k] if odds_kl[c, k] > top[k] else top[k]
        largest = np.max(top)
        if has_null:
            largest = max(largest, log_odds[null])
        for t in range(len(log_odds)):
            v = log_odds[t] - largest
            v = v if v > -700.0 else -700.0
            shifted = v * 1.4426950408889634 + 6755399441055744.0  # rounds; low bits hold k
            power[t] = shifted
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
            weight[t] = e * r + 1.0
        for t in range(len(log_odds)):
            weight_bits[t] += power_bits[t] << 52
        total = 0.0
        for t in range(len(log_odds)):
            weight[t] = weight[t] if log_odds[t] - largest > -700.0 else 0.0
            total += weight[t]
        evidence[i] = largest + np.log(total)
        inverse = 1.0 / total
        if has_null:
            alpha[i, 0] = weight[null] * inverse
        for k in range(n_covariances):
            for c in range(n_scales):
                alpha[i, start + k * n_scales + c] = weight_kl[c, k] * inverse

        s[:] = 0.0
        for run in range(len(runs)):
            k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
            if runs[run, 1] - k == high - low:
                shift = low - k
                for c in range(n_scales):
                    for m in range(low, high):
                        s[m] += weight_kl[c, m - shift] * shrink[c, m]
            else:
                for c in range(n_scales):
                    for m in range(low, high):
                        s[m] += weight_kl[c, k] * shrink[c, m]
        for m in range(n_vectors):
            s[m] *= inverse * z[m]
        j = 0
        while j + 4 <= n_traits:
            r0 = r1 = r2 = r3 = 0.0
            for m in range(n_vectors):
                r0 += back[j, m] * s[m]
                r1 += back[j + 1, m] * s[m]
                r2 += back[j + 2, m] * s[m]
                r3 += back[j + 3, m] * s[m]
            mean[j], mean[j + 1], mean[j + 2], mean[j + 3] = r0, r1, r2, r3
            j += 4
        while j < n_traits:
            total = 0.0
            for m in range(n_vectors):
                total += back[j, m] * s[m]
            mean[j] = total
            j += 1
        for j in range(n_traits):
            change[i, j] = mean[j] - effects[i, j]
            effects[i, j] = mean[j]

        if learn_covariance:
            unit = d * inverse
            for run in range(len(runs)):
                k, low, high = runs[run, 0], runs[run, 2], runs[run, 3]
                if runs[run, 1] - k == high - low:
                    shift = low - k
                    for c in range(n_scales):
                        for m in range(low, high):
                            moments[0, m] += (unit * weight_kl[c, m - shift] * shrink[c, m]) * (
                                1.0 + 2.0 * half[m] * shrink[c, m]
                            )
                    continue
                for c in range(n_scales):
                    share = unit * weight_kl[c, k]
                    if share > 1e-13 * d:
                        for m in range(low, high):
                            mixed[m] = shrink[c, m] * z[m]
                        for row in range(low, high):
                            scaled = share * mixed[row]
                            for m in range(low, row):
                                moments[row - low, m] += scaled * mixed[m]
                            moments[row - low, row] += scaled * mixed[row] + share * shrink[c, row]
