"""Coordinate ascent on the bound with the exact spike and slab, from many starts.

q(beta, u) = prod Bern(u_i | q_i) q(beta_i | u_i): N(mean_i, variance_i) where u_i = 1, and 0 where
u_i = 0, the point mass itself, which the paper's algorithm replaces by a Gaussian. One start keeps
one variant of a clump in high LD, so the modes that many starts find are weighted by their bounds.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax, xlogy

from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE, closed_form_prior
from skgenetics.finemapping._posterior import Posterior
from skgenetics.utils._numba import kernel

TINY = 1e-100
DISTINCT = 0.05  # starts whose PIPs differ less than this everywhere are one mode


class CaviState(NamedTuple):
    """Starts (b, p) after a sweep, on the host."""

    gate: np.ndarray  # q
    mean: np.ndarray  # of beta, where the variant has an effect
    variance: np.ndarray
    residual_variance: np.ndarray  # (b,)
    bound: np.ndarray  # (b,)
    converged: bool


@kernel
def cavi_sweep(ld, scale, linear, order, log_odds, slab, s0, gate, mean, variance, moved):
    """Maximize the bound over each variant's q, mean and variance once, in `order`.

    ld is R (p, p), linear = S z, `log_odds` and `slab` (p,) are the prior's; `moved` = G (q mean)
    is kept up to date. A variant that hardly moves costs O(1), one that does O(p).
    """
    for i in order:
        diagonal = scale[i] * scale[i]
        old = gate[i] * mean[i]
        precision = diagonal / s0 + 1.0 / slab[i]
        shift = (linear[i] - moved[i] + diagonal * old) / s0
        mean[i] = shift / precision
        variance[i] = 1.0 / precision
        odds = log_odds[i] - 0.5 * np.log(slab[i] * precision) + 0.5 * shift * mean[i]
        gate[i] = 1.0 / (1.0 + np.exp(-odds))
        change = scale[i] * (gate[i] * mean[i] - old)
        if abs(change) > 1e-12:
            for j in range(scale.shape[0]):
                moved[j] += scale[j] * ld[i, j] * change


def expected_quadratic(linear, diagonal, moved, gate, mean, variance):
    """Return E[-2 linear'beta + beta' G beta]."""
    effect = gate * mean
    return (moved - 2 * linear) @ effect + diagonal @ (gate * (mean**2 + variance) - effect**2)


def prior_divergence(pi, slab, gate, mean, variance):
    """Return KL(q || prior), summed over variants."""
    off = 1 - gate
    choice = xlogy(gate, gate) - xlogy(gate, pi) + xlogy(off, off) - xlogy(off, 1 - pi)
    size = (mean**2 + variance) / slab - np.log(variance / slab) - 1
    return np.sum(choice) + gate @ size / 2


def cavi(z, ld, scale, orders, *, pi, slab, pi_slab, residual_variance, norm, tol):
    """Yield a `CaviState` a sweep, for all starts side by side.

    Parameters
    ----------
    z, scale : array (p,), on the host
    ld : array (p, p), on the host
    orders : array of int (b, p)
        Order in which each start, from no effect at all, visits the variants: the first of a clump
        takes the signal.
    pi, slab : None or array (p,)
        None: learned by EM, one value for all variants; first 1 / (p + 1), and 20 / (N H).
    pi_slab : None or float
        Their product, where a given heritability holds it.
    residual_variance : None or float
    norm : (float, float)
        As for `susie`.
    tol : float
        A start is done when its bound rises by less.
    """
    n_starts, p = orders.shape
    linear, diagonal = scale * z, scale**2
    used = np.flatnonzero(scale > 0)
    learned_pi, learned_slab = pi is None, slab is None
    pi = np.tile(1 / (p + 1.0) if learned_pi else pi, (n_starts, 1)) + np.zeros((n_starts, p))
    if pi_slab is not None:
        slab = pi_slab / pi[0]
    elif learned_slab:
        slab = 20 / np.median(diagonal[used]) if used.size else 1.0
    slab = np.tile(slab, (n_starts, 1)) + np.zeros((n_starts, p))
    gate, mean, variance, moved = (np.zeros((n_starts, p)) for _ in range(4))
    s0 = np.full(n_starts, 1.0 if residual_variance is None else residual_variance)
    bound, running = np.full(n_starts, -np.inf), np.ones(n_starts, dtype=bool)
    z_norm, rank = norm
    while running.any():
        for k in np.flatnonzero(running):
            order = orders[k][scale[orders[k]] > 0]
            with np.errstate(divide="ignore"):
                log_odds = np.log(pi[k]) - np.log1p(-pi[k])
            cavi_sweep(
                ld, scale, linear, order, log_odds, slab[k], s0[k],
                gate[k], mean[k], variance[k], moved[k],
            )  # fmt: skip
            q = gate[k], mean[k], variance[k]
            expected = expected_quadratic(linear, diagonal, moved[k], *q)
            if residual_variance is None:
                s0[k] = max((z_norm + expected) / rank, MIN_RESIDUAL_VARIANCE)
            if used.size:
                total = max(np.sum(gate[k, used]), TINY)
                second = max(gate[k] @ (mean[k] ** 2 + variance[k]), TINY)
                new_pi, new_slab = closed_form_prior(total, second, used.size, pi_slab)
                pi[k] = min(new_pi, 1 - 1e-12) if learned_pi else pi[k]
                slab[k] = new_slab if learned_slab else slab[k]
            new = -expected / (2 * s0[k])
            if z_norm is not None:
                new += (z_norm * (1 - 1 / s0[k]) - rank * np.log(s0[k])) / 2
            new -= prior_divergence(pi[k, used], slab[k, used], *(a[used] for a in q))
            running[k] = new - bound[k] >= tol
            bound[k] = new
        yield CaviState(gate, mean, variance, s0, bound.copy(), not running.any())


def distinct_modes(state):
    """Return the starts of distinct PIPs, best bound first, and their weights exp(bound) / sum."""
    modes = []
    for k in np.argsort(-state.bound, kind="stable"):
        if all(np.abs(state.gate[k] - state.gate[j]).max() > DISTINCT for j in modes):
            modes.append(int(k))
    return modes, softmax(state.bound[modes])


def cavi_posterior(state, locus):
    """Return the `Posterior`: the mixture of the distinct modes, in which variants are free."""
    modes, weights = distinct_modes(state)
    gate = state.gate[modes]
    effect = gate * state.mean[modes]
    second = gate * (state.mean[modes] ** 2 + state.variance[modes])
    mean = weights @ effect
    return Posterior(
        pip=locus.array(np.minimum(weights @ gate, 1.0)),  # weights may sum to a bit more than 1
        mean=locus.array(mean),
        spread=locus.array(weights @ (second - effect**2)),
        factors=locus.array(np.vstack([effect, mean])),
        factor_weights=locus.array(np.append(weights, -1.0)),
        slab_second=locus.array(weights @ second),
        residual_variance=float(weights @ state.residual_variance[modes]),
    )
