"""Which of many traits an effect acts on: a spike and slab for each trait, given the variant.

Of more than a few traits there are too many subsets for a covariance each. An effect b on J traits,
whose likelihood is h'b - b'Pb / 2, is here 0 in each trait with probability 1 - q, else
N(0, omega u_j), independent between traits. Expectation propagation (Minka 2001) takes each of the
priors as s_j exp(nu_j b_j - tau_j b_j^2 / 2), so that b is normal but in the trait at hand. q and
omega are averaged over a grid by their evidence.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp, ndtr, softmax

SHARES = (np.arange(8) + 0.5) / 8  # q
MAX_STEPS, STEP, TOLERANCE = 100, 0.7, 1e-4  # of expectation propagation
LEAST, MOST = 1e-6, 1e8  # tau, in units of the precision of the slab


class TraitEffects(NamedTuple):
    """What is known of an effect on J traits, each an array (J,)."""

    mean: np.ndarray
    second: np.ndarray
    """Second moments."""
    low: np.ndarray
    """P(b <= 0)."""
    high: np.ndarray
    """P(b >= 0)."""
    nonzero: np.ndarray
    """P(b != 0)."""

    def mixed(self, other: "TraitEffects", share: float) -> "TraitEffects":
        """Return the mixture of the two, `share` of it the other."""
        pairs = zip(self, other, strict=True)
        return TraitEffects(*((1 - share) * mine + share * its for mine, its in pairs))


class Tilted(NamedTuple):
    """The trait's prior times the normal message of the others, exp(c b - k b^2 / 2)."""

    log_total: np.ndarray
    """Logarithm of its integral."""
    nonzero: np.ndarray
    mean: np.ndarray
    """Of b, if it is not 0."""
    variance: np.ndarray
    """Likewise."""

    @classmethod
    def of(
        cls, linear: np.ndarray, precision: np.ndarray, slab: np.ndarray, share: np.ndarray
    ) -> "Tilted":
        """Return it for c, k and the slab's variance (G, J), and q (G, 1)."""
        variance = 1 / (1 / slab + precision)
        mean = variance * linear
        log_slab = np.log(share) + (np.log(variance / slab) + mean * linear) / 2
        log_spike = np.log1p(-share)
        log_total = np.logaddexp(log_spike, log_slab)
        return cls(log_total, expit(log_slab - log_spike), mean, variance)


def trait_subsets(
    linear: np.ndarray, precision: np.ndarray, variances: np.ndarray, scales: np.ndarray
) -> tuple[float, TraitEffects]:
    """Return an effect that may act on any of the traits, and its log BF against none.

    Parameters
    ----------
    linear, precision : array (J,), array (J, J)
        h and P of the likelihood.
    variances, scales : array (J,), array (L,)
        u and omega.
    """
    slab = np.repeat(np.multiply.outer(scales, variances), len(SHARES), axis=0)
    share = np.tile(SHARES, len(scales))[:, None]
    tau, nu = 1 / slab, np.zeros_like(slab)
    for _ in range(MAX_STEPS):
        cavity = cavities(linear, precision, tau, nu)
        tilted = Tilted.of(*cavity[:2], slab, share)
        mean = tilted.nonzero * tilted.mean
        variance = tilted.nonzero * (tilted.variance + tilted.mean**2) - mean**2
        wanted = np.clip(
            1 / np.maximum(variance, 1 / (MOST / slab)) - cavity[1], LEAST / slab, MOST / slab
        )
        moved = np.max(np.abs(wanted - tau) / (tau + cavity[1]))
        nu = nu + STEP * (mean * (wanted + cavity[1]) - cavity[0] - nu)
        tau = tau + STEP * (wanted - tau)
        if moved < TOLERANCE:
            break
    c, k, log_normal = cavities(linear, precision, tau, nu)
    tilted = Tilted.of(c, k, slab, share)
    log_site = tilted.log_total - ((c + nu) ** 2 / (k + tau) - np.log(k + tau)) / 2
    log_bf = log_normal + np.sum(log_site, axis=1)
    likely = softmax(log_bf)
    negative = ndtr(-tilted.mean / np.sqrt(tilted.variance))
    second = tilted.nonzero * (tilted.variance + tilted.mean**2)
    effects = TraitEffects(
        likely @ (tilted.nonzero * tilted.mean),
        likely @ second,
        1 - likely @ (tilted.nonzero * (1 - negative)),
        1 - likely @ (tilted.nonzero * negative),
        likely @ tilted.nonzero,
    )
    return float(logsumexp(log_bf) - np.log(len(log_bf))), effects


def cavities(
    linear: np.ndarray, precision: np.ndarray, tau: np.ndarray, nu: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return c and k (G, J) of the other traits' messages, and the log integral (G,) of them all.

    The integral is over b of exp((h + nu)'b - b'(P + diag(tau))b / 2), less log(2 pi) J / 2.
    """
    variance = np.linalg.inv(precision + tau[:, :, None] * np.eye(len(linear)))
    mean = np.einsum("gij,gj->gi", variance, linear + nu)
    own = np.diagonal(variance, axis1=1, axis2=2)
    log_det = np.linalg.slogdet(variance)[1]
    log_normal = (log_det + np.sum((linear + nu) * mean, axis=1)) / 2
    return mean / own - nu, np.maximum(1 / own - tau, 0.0), log_normal
