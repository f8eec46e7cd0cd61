"""The mixture's weights pi by accelerated EM, at fixed likelihoods of the components."""

from typing import NamedTuple

import numpy as np

STEP_GAIN = 1e-8  # least gain of log likelihood by a step of EM that is worth another cycle
SHARED_COUNTS = 1.0  # effects of each covariance that are counted beforehand


class WeightPrior(NamedTuple):
    """What is held of pi before the data are seen, as pseudo-counts.

    The weight on effects, 1 - pi_0, has a beta prior, and the shares of the slabs in it have a
    Dirichlet prior. Without the latter every slab would learn from the largest of the null
    variants that look like it: their Bayes factors have heavy tails, so that the largest sum of
    many slabs is large where none of them has an effect.
    """

    null: float
    """Variants, or effects of a sum, that are nothing."""
    effects: float
    """Those that are something."""
    shares: np.ndarray | None
    """(T',) effects of each slab that say how they are shared out; None: nothing is held of pi."""

    @classmethod
    def of_slabs(
        cls, shares: np.ndarray, n_covariances: int, *, null: float, effects: float = 0.0
    ) -> "WeightPrior":
        """Return the prior with `SHARED_COUNTS` per covariance, spread as `shares` (T')."""
        counts = SHARED_COUNTS * n_covariances / max(shares.sum(), 1e-300)
        return cls(null, effects, shares * counts)

    @classmethod
    def flat(cls) -> "WeightPrior":
        """Return the prior that leaves pi, of which the first may be no null, to the data."""
        return cls(0.0, 0.0, None)

    def of_components(self, retained: np.ndarray) -> "WeightPrior":
        """Return the prior of some of the T components, the null among them."""
        return self if self.shares is None else self._replace(shares=self.shares[retained[1:] - 1])

    def log_density(self, weights: np.ndarray) -> float:
        """Return its log density at pi (T,), up to a constant: 0 for shares as expected."""
        if self.shares is None:
            return 0.0
        slabs = weights[1:]
        with np.errstate(divide="ignore"):
            log_density = self.null * np.log(weights[0]) if self.null else 0.0
            log_density += self.effects * np.log1p(-weights[0]) if self.effects else 0.0
        counted = (self.shares > 0) & (slabs > 0)
        if counted.any():
            expected = self.shares[counted] / self.shares.sum()
            log_density += self.shares[counted] @ np.log(slabs[counted] / slabs.sum() / expected)
        return float(log_density)

    def mode(self, counts: np.ndarray) -> np.ndarray:
        """Return the likeliest pi (T,) beside expected counts (T,) of the variants."""
        if self.shares is None:
            return counts / counts.sum()
        slabs = counts[1:]
        with_effect = slabs.sum() + self.effects
        total = counts[0] + self.null + with_effect
        slabs = slabs + self.shares
        share = with_effect / total / max(slabs.sum(), 1e-300)
        return np.concatenate([[(counts[0] + self.null) / total], share * slabs])


def updated_weights(
    alpha: np.ndarray,
    weights: np.ndarray,
    used: np.ndarray,
    n_cycles: int,
    prior: WeightPrior,
) -> tuple[np.ndarray, np.ndarray]:
    """Return pi after one EM step, and after `n_cycles` of SQUAREM at fixed likelihoods.

    An EM step is the prior's mode beside the sums of the responsibilities, which maximizes the log
    likelihood of pi plus the log density of the prior.

    A cycle extrapolates two EM steps, unless that lowers the likelihood, and adds one (Varadhan and
    Roland 2008). They end when a step of EM gains next to nothing, as leaps from there would
    magnify rounding. The likelihoods alpha / pi are never formed: with rho = pi_new / pi, a step
    has the counts rho_t sum_p alpha_pt / (sum_s alpha_ps rho_s).

    Parameters
    ----------
    alpha : array (P, T)
        Responsibilities under `weights`; 0 for variants that are not used.
    weights : array (T,)
    used : array (P,) of bool
    n_cycles : int
    prior : WeightPrior
    """
    if not np.any(used):
        return weights, weights
    present = weights > 1e-290
    inverse = present / np.where(present, weights, 1.0)

    def em_step(rho: np.ndarray) -> tuple[np.ndarray, float]:
        """Return rho after a step, and the log likelihood before it."""
        total = alpha @ rho
        total[~used] = 1.0
        step = inverse * prior.mode(rho * (alpha.T @ (1 / total)))
        return step, np.sum(np.log(total)) + prior.log_density(weights * rho)

    plain = prior.mode(alpha.T @ used)
    rho, first = present.astype(float), inverse * plain
    log_likelihood = prior.log_density(weights)
    for _ in range(n_cycles):
        second, before_second = em_step(first)
        if before_second - log_likelihood < STEP_GAIN:
            break
        change, turn = weights * (first - rho), weights * (second - 2 * first + rho)
        length = max(1.0, np.sqrt(change @ change / max(turn @ turn, 1e-300)))
        leap = weights * rho + length * (2 * change + length * turn)
        leap = np.maximum(leap, weights * second / 10)
        leap = inverse * leap / leap.sum()
        after_leap, at_leap = em_step(leap)
        if at_leap >= before_second:
            rho, first, log_likelihood = leap, after_leap, at_leap
        else:
            rho, first, log_likelihood = first, second, before_second
    accelerated = weights * first
    return plain / plain.sum(), accelerated / accelerated.sum()
