"""The likelihoods of effects beside a background of small ones, on a grid of its variance.

Beside the effects b every variant has a small one, u ~ N(0, tau^2 s0^2 I). With the likelihood
exp((l'b - b'Gb / 2) / s0^2) of b + u, that of b alone has K^-1 l and K^-1 G = (I - K^-1) / tau^2 in
place of l and G, K = I + tau^2 G, and a factor |K|^(-1/2) exp(tau^2 l'K^-1 l / (2 s0^2)).
"""

import numpy as np
from scipy.linalg import cho_solve
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.optimize import minimize_scalar

from skgenetics.finemapping.solvers._contract import indefinite_ld
from skgenetics.finemapping.solvers._slots_state import Likelihood
from skgenetics.utils._numba import kernel

# N h^2 of the background, as a rule: 10 is what 10 effects of z about 1 explain.
TOTALS = 10.0 * np.sqrt(10.0) ** np.arange(6)
PROBABLE, MANY_PEOPLE, RARER = 0.5, 50_000, 0.25  # see probability_of_background
LARGEST = 1.0  # tau^2 of a variant: effects as large as the noise of z are no background
FEWEST = 10.0  # independent variants: all small effects of fewer look like one effect
SMALLEST_NOISE = 1e-4  # share of z that is noise, where s0^2 is drawn
LOG_NEGLIGIBLE = np.log(0.01)  # posterior probability of a point of the grid that is left out
TILE = 32  # rows and columns of a block that stays in cache
CLEAR = 3.0  # log posterior odds of effects that are told from the background beforehand


def held_background(
    linear: np.ndarray, quadratic: np.ndarray, variance: float, z_norm: float
) -> Likelihood:
    """Return the `Likelihood` at one variance tau^2 of the background, in units of s0^2."""
    if variance == 0:
        return Likelihood(
            quadratic[None], linear[None], np.array([z_norm]), np.zeros(1), np.zeros(1)
        )
    point = Point(linear, quadratic, variance, z_norm)
    return stacked([point], np.zeros(1))


def learned_background(
    linear: np.ndarray,
    quadratic: np.ndarray,
    *,
    n_variants: int,
    n_samples: float,
    noise: float,
    slab: np.ndarray,
    odds: np.ndarray,
    z_norm: float,
    rank: float = 0.0,
) -> tuple[Likelihood, np.ndarray]:
    """Return the `Likelihood` on a grid of the background's variance, and the grid (T,).

    There is one with `probability_of_background`, and then one of T = N h^2 has a probability in
    proportion to T^(-3/2): a locus of strong LD cannot tell one effect from a large background,
    which is the rarer. The grid ends where a variant's background is as large as noise, and fewer
    than 10 independent variants (see `n_independent`) have none. Points whose posterior probability
    is below 1% beside the clear effects alone are left out. In O(p^3) a point, one third of it for
    those left out.

    Parameters
    ----------
    linear : array (p,)
        l.
    quadratic : array (p, p)
        G.
    n_variants : int
        Variants that vary, over which the background is spread.
    n_samples : float
        N, people.
    noise : float
        s0^2 at which clear effects are told, and points left out unless it is drawn.
    slab, odds : array (p,)
        Variance and prior odds of an effect, at which clear effects are told.
    z_norm, rank : float
        See `NoiseNorm`; a rank above 0 means that s0^2 is drawn.
    """
    totals = TOTALS[TOTALS / max(n_variants, 1) <= LARGEST]
    if n_independent(quadratic) < FEWEST:
        totals = totals[:0]
    grid = np.append(0.0, totals / max(n_variants, 1))
    share = totals**-1.5
    present = probability_of_background(n_samples)
    log_prior = np.log(np.append(1 - present, present * share / share.sum()))
    clear = clear_effects(linear / noise, quadratic / noise, slab, odds)
    points = [Point(linear, quadratic, 0.0, z_norm)]
    values = [log_prior[0] + points[0].log_evidence(clear, slab[clear], noise, rank)]
    for variance, log in zip(grid[1:], log_prior[1:], strict=True):
        points.append(Point(linear, quadratic, variance, z_norm))
        values.append(log + points[-1].log_evidence(clear, slab[clear], noise, rank))
        negligible = np.logaddexp.reduce(values) + LOG_NEGLIGIBLE
        if values[-1] < min(negligible, values[-2]):  # larger ones even more so
            break
    kept = np.array(values) > np.logaddexp.reduce(values) + LOG_NEGLIGIBLE
    kept[0] = True
    chosen = np.flatnonzero(kept)
    return stacked([points[k] for k in chosen], log_prior[chosen]), grid[chosen]


def probability_of_background(n_samples: float) -> float:
    """Return the prior probability that small effects of a locus have N h^2 of 10 or more.

    1/2 for many people, and less for fewer: h^2, of one locus alone, has to be larger then. With
    1/2 the one effect of a locus is taken for small ones, and with too little the reverse.
    """
    return PROBABLE * min(1.0, n_samples / MANY_PEOPLE) ** RARER


def n_independent(quadratic: np.ndarray) -> float:
    """Return tr(G)^2 / tr(G^2), p without LD and 1 where all variants are one."""
    squares = float(np.einsum("ij,ij->", quadratic, quadratic))
    return float(np.trace(quadratic)) ** 2 / squares if squares else 0.0


class Point:
    """The likelihood at one variance tau^2 of the background, in units of s0^2."""

    def __init__(self, linear: np.ndarray, quadratic: np.ndarray, variance: float, z_norm: float):
        self.variance, self.original = variance, quadratic
        if variance == 0:
            self.linear, self.z_norm, self.log_det = linear, z_norm, 0.0
            return
        matrix = variance * quadratic  # K
        matrix.flat[:: len(matrix) + 1] += 1.0
        self.factor, failed = dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
        if failed:
            raise indefinite_ld()
        self.linear = cho_solve((self.factor, True), linear, check_finite=False)
        self.z_norm = z_norm - variance * float(linear @ self.linear)
        self.log_det = 2 * float(np.sum(np.log(np.diag(self.factor))))

    def write_quadratic(self, into: np.ndarray) -> None:
        """Write K^-1 G `into` (p, p); the factor of K is written over."""
        if self.variance == 0:
            into[:] = self.original
            return
        inverse = dpotri(self.factor, lower=1, overwrite_c=1)[0]
        mirror(inverse.T, -1 / self.variance, into)
        into.flat[:: len(into) + 1] += 1 / self.variance

    def columns(self, variants: np.ndarray) -> np.ndarray:
        """Return the columns (p, k) of K^-1 G."""
        columns = self.original[:, variants]
        if self.variance == 0 or not variants.size:
            return columns
        return cho_solve((self.factor, True), columns, check_finite=False)

    def log_evidence(
        self, variants: np.ndarray, slab: np.ndarray, noise: float, rank: float
    ) -> float:
        """Return log p(z) beside effects N(0, slab) on `variants`, but for a constant.

        If the `rank` is above 0, that of the best s0^2 in place of `noise`.
        """
        root = np.sqrt(slab)
        inner, shift = (
            self.columns(variants)[variants] * root[:, None] * root,
            self.linear[variants],
        )
        values, vectors = np.linalg.eigh(inner)
        squares = ((root * shift) @ vectors) ** 2

        def value(log_noise: float) -> float:
            s0 = np.exp(log_noise)
            fit = (self.z_norm - np.sum(squares / (s0 + values))) / s0
            log_det = self.log_det + np.sum(np.log1p(values / s0))
            return -0.5 * float(fit + log_det + rank * log_noise)

        if rank == 0:
            return value(np.log(noise))
        largest = np.log(self.z_norm / rank)
        bounds = largest + np.log(SMALLEST_NOISE), largest
        return -minimize_scalar(lambda log: -value(log), bounds=bounds, method="bounded").fun


def stacked(points: list[Point], log_prior: np.ndarray) -> Likelihood:
    """Return the `Likelihood` of points of the grid."""
    linear = np.stack([point.linear for point in points])
    z_norm = np.array([point.z_norm for point in points])
    log_det = np.array([point.log_det for point in points])
    quadratic = np.empty((len(points), *points[0].original.shape))
    for into, point in zip(quadratic, points, strict=True):
        point.write_quadratic(into)
    return Likelihood(quadratic, linear, z_norm, log_det, log_prior)


@kernel
def mirror(upper, factor, into):
    """Write `factor` times the symmetric matrix of an `upper` triangle, tile by tile."""
    p = upper.shape[0]
    for top in range(0, p, TILE):
        for left in range(top, p, TILE):
            for i in range(top, min(top + TILE, p)):
                for j in range(max(left, i), min(left + TILE, p)):
                    into[i, j] = factor * upper[i, j]
                    into[j, i] = into[i, j]


def clear_effects(
    linear: np.ndarray, quadratic: np.ndarray, slab: np.ndarray, odds: np.ndarray
) -> np.ndarray:
    """Return variants of effects added one by one while the posterior odds of one more are clear.

    The log odds of one more effect on j are log odds_j + r_j^2 / (2 q_j) - log(s_j q_j) / 2, see
    :mod:`skgenetics.finemapping.solvers._slots`.
    """
    residual, precision = linear.copy(), np.diag(quadratic) + 1 / slab
    chosen: list[int] = []
    rows = np.empty((0, len(linear)))  # Cholesky factor of the precision, a row an effect
    with np.errstate(divide="ignore"):
        log_odds = np.log(odds)
    while len(chosen) < len(linear):
        gain = log_odds + 0.5 * residual**2 / precision - 0.5 * np.log(slab * precision)
        gain[chosen] = -np.inf
        best = int(np.argmax(gain))
        if gain[best] < CLEAR:
            break
        row = (quadratic[best] - rows[:, best] @ rows) / np.sqrt(precision[best])
        residual = residual - row * residual[best] / np.sqrt(precision[best])
        precision = precision - row**2
        rows, chosen = np.vstack([rows, row]), [*chosen, best]
    return np.array(chosen, dtype=int)
