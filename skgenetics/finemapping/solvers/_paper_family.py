"""The paper's q in closed-form coordinate steps, from sampled starts.

q(beta, u) = prod N(beta_i | mean_i, sd_i^2) Bern(u_i | q_i) and the Gaussian spike of the paper; a
coordinate step maximizes the same bound as Adam, variant by variant. Where the spike is narrow the
bound of a variant has two maxima, one with it in the spike and one with it in the slab: a step
stays in the one where it is. So an end is a set of variants with effects, close to that of its
start, and the starts, drawn as a forward selection would go, are weighted by their bounds.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from skgenetics.finemapping._elbo import (
    MIN_RESIDUAL_VARIANCE,
    NoiseNorm,
    Quadratic,
    closed_form_prior,
    elbo,
    expected_quadratic,
)
from skgenetics.finemapping._prior import Prior
from skgenetics.utils._numba import kernel

DISTINCT = 0.05  # ends whose PIPs differ less than this everywhere are one mode
MOST_SELECTED = 10  # variants of a sampled start
CERTAIN = 1e-6
PRIOR_ROUNDS = 3  # of all starts, after each of which the prior is learned
FIRST_SLAB = 20.0  # over N H: an expected chi-square of the effects
SMALLEST_SLAB = 1.0  # over N H: smaller effects cannot be told from the spike
SMALLEST_PI = 0.1  # over p


class Ends(NamedTuple):
    """Starts (b, p) after a sweep, on the host; the prior is that of all starts."""

    mean: np.ndarray
    variance: np.ndarray
    gate: np.ndarray
    """q."""
    pi: np.ndarray
    """(p,)"""
    slab: np.ndarray
    """(p,)"""
    spike: np.ndarray
    """(p,)"""
    residual_variance: float
    bound: np.ndarray
    """(b,)"""
    converged: bool


def distinct_ends(gate: np.ndarray, bound: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Return the starts of distinct q (b, p), best bound first, and their weights exp(bound)."""
    modes: list[int] = []
    for k in np.argsort(-bound, kind="stable"):
        if all(np.abs(gate[k] - gate[j]).max() > DISTINCT for j in modes):
            modes.append(int(k))
    return modes, softmax(bound[modes])


def select_forward(
    matrix: np.ndarray,
    linear: np.ndarray,
    log_odds: np.ndarray,
    slab: np.ndarray,
    rng: np.random.RandomState | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return variants and their effects as a stochastic forward selection finds them.

    The next variant is drawn by its prior odds times its Bayes factor given those before it, and
    the selection ends with the probability of none. rng None: the most probable is taken.

    Parameters
    ----------
    matrix, linear : array (p, p) and (p,)
        G and l of log p(z | b) = l'b - b'Gb / 2.
    log_odds, slab : array (p,)
    """
    chosen: list[int] = []
    effects = np.zeros(0)
    diagonal = np.diag(matrix)
    for _ in range(min(MOST_SELECTED, len(linear))):
        residual = linear - matrix[:, chosen] @ effects
        explained = residual**2 * slab / (1 + diagonal * slab)
        log_weight = log_odds + (explained - np.log1p(diagonal * slab)) / 2
        log_weight[chosen] = -np.inf
        weight = softmax(np.append(np.where(diagonal > 0, log_weight, -np.inf), 0.0))
        drawn = np.argmax(weight) if rng is None else rng.choice(len(weight), p=weight)
        if drawn == len(linear):
            break
        chosen.append(int(drawn))
        inside = matrix[np.ix_(chosen, chosen)] + np.diag(1 / slab[chosen])
        effects = np.linalg.solve(inside, linear[chosen])
    return np.array(chosen, dtype=int), effects


@kernel
def maximum_from(gate, residual, diagonal, log_odds, slab, spike):
    """Return mean, variance, q and bound of one variant, by fixed-point steps from `gate`.

    `residual` and `diagonal` are l_i - sum_j G_ij b_j over the others, and G_ii, both over s0^2.
    """
    mean, variance = 0.0, spike
    for _ in range(50):
        variance = 1.0 / (diagonal + (1.0 - gate) / spike + gate / slab)
        mean = residual * variance
        second = mean * mean + variance
        logit = log_odds + 0.5 * np.log(spike / slab) + 0.5 * second * (1.0 / spike - 1.0 / slab)
        previous = gate
        if logit > 0.0:
            gate = 1.0 / (1.0 + np.exp(-logit))
        else:
            gate = np.exp(logit) / (1.0 + np.exp(logit))
        if abs(gate - previous) < 1e-10:
            break
    second = mean * mean + variance
    bound = residual * mean - 0.5 * diagonal * second + 0.5 * np.log(variance)
    if gate > 0.0:
        bound += gate * (log_odds - np.log(gate) - 0.5 * np.log(slab) - 0.5 * second / slab)
    if gate < 1.0:
        bound -= (1.0 - gate) * (np.log1p(-gate) + 0.5 * np.log(spike) + 0.5 * second / spike)
    return mean, variance, gate, bound


@kernel
def coordinate_sweep(matrix, linear, log_odds, slab, spike, s0, mean, variance, gate, moved):
    """Maximize the bound over each variant's mean, variance and q, in the basin where it is.

    `matrix` is G (p, p); `moved` = G mean is kept up to date. Returns sum abs(dq).
    """
    change = 0.0
    for i in range(linear.shape[0]):
        diagonal = matrix[i, i] / s0
        residual = (linear[i] - moved[i]) / s0 + diagonal * mean[i]
        best = maximum_from(gate[i], residual, diagonal, log_odds[i], slab[i], spike[i])
        step = best[0] - mean[i]
        if abs(step) * np.sqrt(matrix[i, i]) > 1e-12:
            for j in range(linear.shape[0]):
                moved[j] += matrix[i, j] * step
        change += abs(best[2] - gate[i])
        mean[i], variance[i], gate[i] = best[0], best[1], best[2]
    return change


class Ascent:
    """All starts, their common prior, and the likelihood that they climb."""

    def __init__(
        self,
        matrix: np.ndarray,
        linear: np.ndarray,
        scale: np.ndarray,
        *,
        prior: Prior,
        spike: np.ndarray,
        residual_variance: float | None,
        norm: NoiseNorm,
    ):
        p, self.varies = len(linear), scale > 0
        self.matrix, self.linear, self.spike, self.norm = matrix, linear, spike, norm
        self.prior, self.learns_noise = prior, residual_variance is None
        self.noise = 1.0 if residual_variance is None else float(residual_variance)
        information = np.median(scale[self.varies] ** 2) if self.varies.any() else 1.0
        self.smallest_slab = SMALLEST_SLAB / information
        self.pi = np.full(p, 1 / (p + 1.0)) if prior.pi is None else np.array(prior.pi)
        slab = FIRST_SLAB / information
        if prior.pi_slab is not None:
            slab = prior.pi_slab / self.pi[0]
        self.slab = np.full(p, slab) if prior.slab is None else np.array(prior.slab)
        self.quadratic = Quadratic(linear, lambda b: b @ matrix, np.diag(matrix).copy(), *norm)

    @property
    def log_odds(self) -> np.ndarray:
        """Prior log odds (p,) of an effect."""
        return np.log(self.pi) - np.log1p(-self.pi)

    def draw_starts(self, n_starts: int, rng: np.random.RandomState) -> None:
        """Set mean, variance and q (b, p) of the starts; the first is the greedy selection."""
        shape = n_starts, len(self.linear)
        self.mean, self.gate = np.zeros(shape), np.full(shape, CERTAIN)
        self.variance = np.tile(self.spike, (n_starts, 1))
        posed = self.matrix / self.noise, self.linear / self.noise, self.log_odds, self.slab
        for k in range(n_starts):
            chosen, effects = select_forward(*posed, rng if k else None)
            self.mean[k, chosen], self.gate[k, chosen] = effects, 1 - CERTAIN
            precision = np.diag(self.matrix)[chosen] / self.noise + 1 / self.slab[chosen]
            self.variance[k, chosen] = 1 / precision
        self.moved = self.mean @ self.matrix

    def sweep(self, k: int) -> float:
        """Sweep over the variants of start k; return sum abs(dq)."""
        return coordinate_sweep(
            self.matrix, self.linear, self.log_odds, self.slab, self.spike, self.noise,
            self.mean[k], self.variance[k], self.gate[k], self.moved[k],
        )  # fmt: skip

    def bounds(self) -> np.ndarray:
        """Return the bound (b,) of each start."""
        gate = np.clip(self.gate, 1e-300, 1 - 1e-16)
        return elbo(
            self.quadratic, self.moved, self.mean, self.variance**0.5,
            np.log(gate) - np.log1p(-gate), pi=self.pi, slab=self.slab, spike=self.spike,
            residual_variance=np.full((1, 1), self.noise),
        )  # fmt: skip

    def learn_prior(self) -> bool:
        """Set what is learned of the prior to the maximizer of the weighted bound, if anything.

        Neither pi nor the slab may vanish, as they do where nothing has an effect.
        """
        learns_pi, learns_slab = self.prior.pi is None, self.prior.slab is None
        if not (learns_pi or learns_slab or self.learns_noise) or not self.varies.any():
            return False
        modes, weights = distinct_ends(self.gate, self.bounds())
        gate = self.gate[modes][:, self.varies]
        second = (self.mean**2 + self.variance)[modes][:, self.varies]
        total = float(weights @ gate.sum(axis=1))
        moment = float(weights @ np.sum(gate * second, axis=1))
        n_varying = int(self.varies.sum())
        pi, slab = closed_form_prior(total, moment, n_varying, self.prior.pi_slab)
        pi = float(np.clip(pi, SMALLEST_PI / n_varying, 0.5))
        if learns_pi:
            self.pi[:] = pi
        if learns_slab:
            slab = slab if self.prior.pi_slab is None else self.prior.pi_slab / self.pi[0]
            self.slab[:] = max(slab, self.smallest_slab)
        if self.learns_noise:
            errors = self.norm.z_norm + expected_quadratic(
                self.quadratic, self.moved[modes], self.mean[modes], self.variance[modes]
            )
            self.noise = max(float(weights @ errors) / self.norm.rank, MIN_RESIDUAL_VARIANCE)
        return True

    def ends(self, *, converged: bool) -> Ends:
        """Return the starts as they are now."""
        return Ends(
            self.mean.copy(),
            self.variance.copy(),
            self.gate.copy(),
            self.pi.copy(),
            self.slab.copy(),
            self.spike,
            self.noise,
            self.bounds(),
            converged,
        )


def climb(ascent: Ascent, n_starts: int, rng: np.random.RandomState, tol: float) -> Iterator[Ends]:
    """Yield `Ends` after each sweep over all starts that still move.

    A start is done when sum abs(dq) <= `tol` in a sweep. The prior is learned when all are, and the
    starts go on from there, PRIOR_ROUNDS times.
    """
    ascent.draw_starts(n_starts, rng)
    for rounds_left in range(PRIOR_ROUNDS, -1, -1):
        moving = list(range(n_starts))
        while moving:
            moving = [k for k in moving if ascent.sweep(k) > tol]
            if moving:
                yield ascent.ends(converged=False)
        if not rounds_left or not ascent.learn_prior():
            break
    yield ascent.ends(converged=True)
