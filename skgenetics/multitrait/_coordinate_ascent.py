"""Coordinate ascent on the bound of the multivariate mixture regression.

Source: "M&M ASH model and inference" (2016), equations (17)-(22), corrected, in the eigenbasis of
the prior's covariances. Rows of Y are N(B'x, Sigma); a row beta_p of B has the prior
sum_t pi_t N(0, V_t) and the posterior q(beta_p) = sum_t alpha_pt N(mu_pt, S_pt). Everything is
*whitened* in the kernel: multiplied by Sigma^-1/2, so that the noise has the covariance I.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._design import BLOCK
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.utils._numba import kernel

INNER_STEPS = (10, 50)  # EM steps of the weights after the first sweep, and at most
GROWTH = 1.2  # of their number from sweep to sweep


@kernel
def update_block(
    gram, score, squared_norm, log_weights, basis, values, first, scales, has_null,
    learn_covariance, effects, alpha, own, evidence, moments,
):  # fmt: skip
    """Update the variants of a block one after the other, in whitened space.

    With z = Q g and w_l the scales, log BF_kl = sum_m [w lam z^2 / (1 + d w lam)
    - log(1 + d w lam)] / 2 over the eigenvectors m of covariance k; mu_kl = Q_k'(a_l z) and
    S_kl = Q_k' diag(a_l) Q_k with a_ml = w_l lam_m / (1 + d w_l lam_m).

    Loops that take four steps at once keep four sums in registers. The exponentials are those of a
    polynomial, which compiles to vector instructions: exp(v) = 2^k exp(r), |r| <= log(2) / 2, in
    error by 2e-16 of itself. Components are padded to a multiple of four scales.

    Parameters
    ----------
    gram : array (b, b)
        X_B' X_B, in the metric of the samples.
    score : array (b, J)
        X_B' R with the residual R before the block.
    squared_norm : array (b,)
        d, the diagonal of gram.
    log_weights : array (T,)
        log pi, the null first where there is one.
    basis, values, first, scales, has_null :
        See `skgenetics.multitrait._priors.Components`.
    learn_covariance : bool
    effects : array (b, J)
        r, posterior means; updated.
    alpha, own, evidence : array (b, T), (b, J), (b,)
        Written: responsibilities, g = x_p'R_(-p), log sum_t pi_t BF_pt.
    moments : array (sum of squared ranks,)
        Covariance k has its block of rank_k^2; sum_p d_p sum_l alpha_pkl (m m' + diag a), where
        m = a z, is added to its lower triangle, in the eigenbasis, where learn_covariance.
    """
    n_block, n_traits = effects.shape
    n_vectors, n_scales = values.shape[0], scales.shape[0]
    n_covariances = first.shape[0] - 1
    start = 1 if has_null else 0
    width = 4 * ((n_scales + 3) // 4)
    n_padded = 4 * ((start + n_covariances * width + 3) // 4)  # the null is the last
    null = n_covariances * width
    basis_t = np.ascontiguousarray(basis.T)
    shrink = np.zeros((n_vectors, width))
    prior = np.full(n_padded, -np.inf)
    log_odds, weight, power = np.empty(n_padded), np.empty(n_padded), np.empty(n_padded)
    weight_bits, power_bits = weight.view(np.int64), power.view(np.int64)
    z, half, s = np.empty(n_vectors), np.empty(n_vectors), np.empty(n_vectors)
    g, mean, mixed = np.empty(n_traits), np.empty(n_traits), np.empty(n_vectors)
    change = np.zeros((n_block, n_traits))
    if has_null:
        prior[null] = log_weights[0]
    d_known = -1.0
    for i in range(n_block):
        d = squared_norm[i]
        if d != d_known:
            d_known = d
            for k in range(n_covariances):
                for c in range(n_scales):
                    product, total = 1.0, 0.0
                    for m in range(first[k], first[k + 1]):
                        variance = scales[c] * values[m]
                        product *= 1.0 + d * variance
                        shrink[m, c] = variance / (1.0 + d * variance)
                        if product > 1e200:
                            total += np.log(product)
                            product = 1.0
                    prior[k * width + c] = log_weights[start + k * n_scales + c] - 0.5 * (
                        total + np.log(product)
                    )
        for j in range(n_traits):
            g[j] = score[i, j] + d * effects[i, j]
        q = 0
        while q + 4 <= i:
            r0, r1, r2, r3 = gram[i, q], gram[i, q + 1], gram[i, q + 2], gram[i, q + 3]
            for j in range(n_traits):
                g[j] -= (r0 * change[q, j] + r1 * change[q + 1, j]) + (
                    r2 * change[q + 2, j] + r3 * change[q + 3, j]
                )
            q += 4
        while q < i:
            for j in range(n_traits):
                g[j] -= gram[i, q] * change[q, j]
            q += 1
        own[i] = g
        z[:] = 0.0
        j = 0
        while j + 4 <= n_traits:
            r0, r1, r2, r3 = g[j], g[j + 1], g[j + 2], g[j + 3]
            for m in range(n_vectors):
                z[m] += (basis_t[j, m] * r0 + basis_t[j + 1, m] * r1) + (
                    basis_t[j + 2, m] * r2 + basis_t[j + 3, m] * r3
                )
            j += 4
        while j < n_traits:
            for m in range(n_vectors):
                z[m] += basis_t[j, m] * g[j]
            j += 1
        for m in range(n_vectors):
            half[m] = 0.5 * z[m] * z[m]

        for k in range(n_covariances):
            for t in range(k * width, (k + 1) * width, 4):
                c = t - k * width
                r0, r1, r2, r3 = prior[t], prior[t + 1], prior[t + 2], prior[t + 3]
                for m in range(first[k], first[k + 1]):
                    r0 += half[m] * shrink[m, c]
                    r1 += half[m] * shrink[m, c + 1]
                    r2 += half[m] * shrink[m, c + 2]
                    r3 += half[m] * shrink[m, c + 3]
                log_odds[t], log_odds[t + 1], log_odds[t + 2], log_odds[t + 3] = r0, r1, r2, r3
        log_odds[null:] = prior[null:]
        r0 = r1 = r2 = r3 = -np.inf
        for t in range(0, n_padded, 4):
            r0 = log_odds[t] if log_odds[t] > r0 else r0
            r1 = log_odds[t + 1] if log_odds[t + 1] > r1 else r1
            r2 = log_odds[t + 2] if log_odds[t + 2] > r2 else r2
            r3 = log_odds[t + 3] if log_odds[t + 3] > r3 else r3
        largest = max(max(r0, r1), max(r2, r3))
        for t in range(n_padded):
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
        for t in range(n_padded):
            weight_bits[t] += power_bits[t] << 52
        for t in range(n_padded):
            weight[t] = weight[t] if log_odds[t] - largest > -700.0 else 0.0
        r0 = r1 = r2 = r3 = 0.0
        for t in range(0, n_padded, 4):
            r0 += weight[t]
            r1 += weight[t + 1]
            r2 += weight[t + 2]
            r3 += weight[t + 3]
        total = (r0 + r1) + (r2 + r3)
        evidence[i] = largest + np.log(total)
        inverse = 1.0 / total
        for t in range(n_padded):
            weight[t] *= inverse
        if has_null:
            alpha[i, 0] = weight[null]
        for k in range(n_covariances):
            for c in range(n_scales):
                alpha[i, start + k * n_scales + c] = weight[k * width + c]

        for k in range(n_covariances):
            for m in range(first[k], first[k + 1]):
                r0 = r1 = r2 = r3 = 0.0
                for c in range(0, width, 4):
                    t = k * width + c
                    r0 += weight[t] * shrink[m, c]
                    r1 += weight[t + 1] * shrink[m, c + 1]
                    r2 += weight[t + 2] * shrink[m, c + 2]
                    r3 += weight[t + 3] * shrink[m, c + 3]
                s[m] = ((r0 + r1) + (r2 + r3)) * z[m]
        mean[:] = 0.0
        m = 0
        while m + 4 <= n_vectors:
            r0, r1, r2, r3 = s[m], s[m + 1], s[m + 2], s[m + 3]
            for j in range(n_traits):
                mean[j] += (basis[m, j] * r0 + basis[m + 1, j] * r1) + (
                    basis[m + 2, j] * r2 + basis[m + 3, j] * r3
                )
            m += 4
        while m < n_vectors:
            for j in range(n_traits):
                mean[j] += basis[m, j] * s[m]
            m += 1
        for j in range(n_traits):
            change[i, j] = mean[j] - effects[i, j]
            effects[i, j] = mean[j]

        if learn_covariance:
            offset = 0
            for k in range(n_covariances):
                low, rank = first[k], first[k + 1] - first[k]
                for c in range(n_scales):
                    share = d * weight[k * width + c]
                    if share > 1e-13 * d:
                        for m in range(rank):
                            mixed[m] = shrink[low + m, c] * z[low + m]
                        for m in range(rank):
                            row = offset + m * rank
                            scaled = share * mixed[m]
                            for other in range(m + 1):
                                moments[row + other] += scaled * mixed[other]
                            moments[row + m] += share * shrink[low + m, c]
                offset += rank * rank


class Posterior(NamedTuple):
    """q(B); rows of variants that do not vary stay as they were made."""

    effects: np.ndarray  # (P, J) r, posterior means
    alpha: np.ndarray  # (P, T) responsibilities
    own: np.ndarray  # (P, J) g = x_p'R_(-p), which q(beta_p) was made of
    evidence: np.ndarray  # (P,) log sum_t pi_t BF_pt


class State(NamedTuple):
    """After a sweep: the posterior and the parameters that the sweep used, with their bound."""

    posterior: Posterior  # its alpha (P, T') of the components in the model
    places: np.ndarray  # (T',) which of the T components these are
    weights: np.ndarray  # (T,) pi
    covariance: ResidualCovariance  # Sigma
    bound: float
    converged: bool

    @property
    def responsibilities(self):
        """The alpha (P, T) of all components."""
        alpha = self.posterior.alpha
        if len(self.places) == len(self.weights):
            return alpha
        full = np.zeros((len(alpha), len(self.weights)))
        full[:, self.places] = alpha
        return full


def sweep(design, components, weights, covariance, posterior, *, learn_covariance):
    """Update every variant of `posterior` and `design` once; return the bound's terms.

    Returns
    -------
    gain : float
        sum_p [log sum_t pi_t BF_pt - g_p.r_p + d_p |r_p|^2 / 2], whitened.
    spread : array (J, J) or None
        sum_p d_p Var_q(beta_p), where learn_covariance.
    """
    basis, values, first, scales, has_null = components
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    whitener, root = covariance.whitener, covariance.root
    moments = np.zeros(int(np.sum(np.diff(first) ** 2)) if learn_covariance else 0)
    gain = 0.0
    for block, gram in zip(design.blocks, design.grams, strict=True):
        columns = design.columns(block)
        d = design.squared_norm[block]
        before = posterior.effects[block]
        whitened = before @ whitener
        effects, score = whitened.copy(), design.score(columns) @ whitener
        alpha = posterior.alpha[block]  # a view where the block is a slice
        own, evidence = np.empty_like(effects), np.empty_like(d)
        for start in range(0, len(d), BLOCK):
            part, later = slice(start, start + BLOCK), slice(start + BLOCK, None)
            update_block(
                np.ascontiguousarray(gram[part, part]), score[part], d[part], log_weights, basis,
                values, first, scales, has_null, learn_covariance,
                effects[part], alpha[part], own[part], evidence[part], moments,
            )  # fmt: skip
            score[later] -= gram[later, part] @ (effects[part] - whitened[part])
        after = effects @ root
        design.move(columns, after - before)
        posterior.effects[block] = after
        posterior.alpha[block] = alpha
        posterior.own[block] = own @ root
        posterior.evidence[block] = evidence
        gain += np.sum(evidence) + np.sum(effects * (d[:, None] / 2 * effects - own))
    if not learn_covariance:
        return float(gain), None
    effects = posterior.effects
    square = effects.T @ (design.squared_norm[:, None] * effects)
    second, offset = np.zeros_like(square), 0
    for low, high in pairwise(first):
        rank = high - low
        inner = moments[offset : offset + rank**2].reshape(rank, rank)
        inner = inner + np.tril(inner, -1).T
        second += basis[low:high].T @ inner @ basis[low:high]
        offset += rank**2
    return float(gain), root @ second @ root - square


def updated_weights(alpha, weights, design, n_steps):
    """Return pi after one EM step, and after `n_steps` of them at fixed likelihoods.

    The likelihoods alpha / pi are never formed: with rho = pi_new / pi, a step multiplies rho by
    mean_p alpha_pt / (pi_t sum_s alpha_ps rho_s).
    """
    if design.n_used == 0:
        return weights, weights
    present = weights > 1e-290
    safe = np.where(present, weights, 1.0)
    ratio, plain = np.where(present, 1.0, 0.0), None
    for _ in range(n_steps):
        total = alpha @ ratio
        total[~design.used] = np.inf
        ratio = ratio * (alpha.T @ (1 / total)) / (safe * design.n_used)
        new = weights * ratio
        plain = new / new.sum() if plain is None else plain
    return plain, new / new.sum()


def coordinate_ascent(
    design, prior: Prior, *, weights, learn_weights, covariance, covariance_step, tol,
    effects=None, weight_threshold=0.0,
):  # fmt: skip
    """Yield a `State` a sweep, of a bound that never falls.

    Parameters
    ----------
    design : GenotypeDesign or SummaryDesign
        The data; it holds the residual, which the sweeps update.
    prior : Prior
        Covariances and scales of the mixture.
    weights : array (T,)
        pi to start from, or to hold.
    learn_weights : bool
        EM, accelerated: several inner steps between sweeps, more from sweep to sweep. A step after
        which the bound is lower is undone and replaced by one step of EM, which cannot lower it.
    covariance : ResidualCovariance
        Sigma to start from, or to hold.
    covariance_step : None or callable
        C (J, J), N -> `ResidualCovariance` that maximizes the bound given C.
    tol : float
        Stop when the bound rises by less.
    effects : array (P, J), optional
        Posterior means to start from; 0 where left out.
    weight_threshold : float
        Weights learned to be smaller become 0; covariances and scales without weight leave the
        model. An accelerated step that lowers the bound is undone with what it removed.
    """
    n_variants, n_traits = design.squared_norm.shape[0], covariance.matrix.shape[0]
    posterior = Posterior(
        np.zeros((n_variants, n_traits)) if effects is None else effects.copy(),
        np.zeros((n_variants, len(weights))),
        np.zeros((n_variants, n_traits)),
        np.zeros(n_variants),
    )
    design.start(posterior.effects)
    n_weights, index = len(weights), np.arange(len(weights))
    components = prior.whitened(covariance)
    constant = design.log_normalizer

    def step():
        """Sweep once; return the bound and C."""
        nonlocal posterior
        if posterior.alpha.shape[1] != len(weights):
            posterior = posterior._replace(alpha=np.zeros((n_variants, len(weights))))
        imputed, log_imputed = design.impute(covariance)
        gain, spread = sweep(
            design, components, weights, covariance, posterior,
            learn_covariance=covariance_step is not None,
        )  # fmt: skip
        square = design.square()
        bound = (
            constant
            - (design.n_samples * covariance.log_det + np.sum(square * covariance.inverse)) / 2
        )
        bound += gain + log_imputed - covariance.penalty
        spread = 0.0 if spread is None else (spread + spread.T) / 2
        return float(bound), (square + spread + imputed) / design.n_samples

    bound, fallback, n_steps = -np.inf, None, float(INNER_STEPS[0])
    while True:
        if fallback is not None:
            saved = posterior.effects.copy(), design.save()
        value, moment = step()
        if fallback is not None and value < bound:
            posterior.effects[:] = saved[0]
            design.restore(saved[1])
            weights, prior, index = fallback
            components, n_steps = prior.whitened(covariance), float(INNER_STEPS[0])
            value, moment = step()
        converged = value - bound < tol
        bound = value
        full = np.zeros(n_weights)
        full[index] = weights
        yield State(posterior, index, full, covariance, bound, converged)
        if converged:
            return
        swept = prior
        if covariance_step is not None:
            covariance = covariance_step(moment, design.n_samples)
        if learn_weights:
            plain, weights = updated_weights(posterior.alpha, weights, design, int(n_steps))
            fallback = plain, prior, index
            n_steps = min(GROWTH * n_steps, float(INNER_STEPS[1]))
            lowest = min(weight_threshold, weights.max())
            weights = np.where(weights < lowest, 0.0, weights)
            weights /= weights.sum()
            prior, kept = prior.without_empty(weights)
            weights, index = weights[kept], index[kept]
        if prior is not swept or covariance_step is not None:
            components = prior.whitened(covariance)


def evidence_order(design, components, weights, covariance):
    """Return the variants by their evidence alone, log sum_t pi_t BF_pt, strongest first."""
    basis, values, first, scales, has_null = components
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    evidence = np.full(design.squared_norm.shape[0], -np.inf)
    design.start(np.zeros((len(evidence), covariance.matrix.shape[0])))
    design.impute(covariance)
    for block in design.blocks:
        score = design.score(design.columns(block)) @ covariance.whitener
        n_block = score.shape[0]
        found = np.empty(n_block)
        update_block(
            np.zeros((n_block, n_block)), score, design.squared_norm[block], log_weights, basis,
            values, first, scales, has_null, False,
            np.zeros_like(score), np.empty((n_block, len(weights))), np.empty_like(score), found,
            np.empty(0),
        )  # fmt: skip
        evidence[block] = found
    return np.argsort(-evidence, kind="stable")
