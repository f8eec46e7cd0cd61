"""Coordinate ascent on the bound with the exact spike and slab, from many starts.

q(beta, u) = prod Bern(u_i | q_i) q(beta_i | u_i): N(mean_i, variance_i) where u_i = 1, and 0 where
u_i = 0, the point mass itself, which the paper's algorithm replaces by a Gaussian. One start keeps
one variant of a clump in high LD, so the modes that many starts find are weighted by their bounds.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import xlogy

from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE, NoiseNorm, closed_form_prior
from skgenetics.finemapping._n_causal import mixture, poisson_binomial
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers._contract import Problem, Solver, check_bounded, on_host
from skgenetics.finemapping.solvers._paper_family import distinct_ends
from skgenetics.loci._credible_sets import CredibleSet, sets_of_draws
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._numba import kernel
from skgenetics.utils._parameters import Constraints, Integer

TINY = 1e-100
DRAWS_OF_SETS = 2000  # from the mixture of modes, of which credible sets are made


class CaviState(NamedTuple):
    """Starts (b, p) after a sweep, on the host."""

    gate: np.ndarray
    """q."""
    mean: np.ndarray
    """Of beta, if the variant has an effect."""
    variance: np.ndarray
    residual_variance: np.ndarray
    """(b,)"""
    bound: np.ndarray
    """(b,)"""
    converged: bool


class CAVI(Solver):
    """Coordinate ascent on a mean-field bound from many starts, weighted; too sure of its sets.

    The spike and slab with its point mass. A single start is overconfident in LD; the learned pi_1
    is biased low. Forms the LD matrix.

    Parameters
    ----------
    n_restarts : int, default=30
        Starts, each from no effects at all but visiting the variants in another order. Those that
        end apart are weighted by their bounds.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator.
    """

    name: ClassVar[str] = "cavi"
    source: ClassVar[str] = (
        "Solver cavi: the spike and slab of Akdeniz et al., PLoS Genet 20:e1011372 (2024), by "
        "coordinate ascent from drawn starts."
    )
    has_pi: ClassVar[bool] = True
    forms_ld: ClassVar[bool] = True
    default_max_iter: ClassVar[int] = 500

    _constraints: ClassVar[Constraints] = {"n_restarts": [Integer(low=1)]}

    def __init__(self, *, n_restarts: int = 30):
        self.n_restarts = n_restarts

    def start(self, problem: Problem) -> Iterator[CaviState]:
        """Return the sweeps of all starts; the first visits the variants by falling z^2."""
        locus = problem.locus
        z, scale = on_host(locus.z, locus.scale)
        orders = np.array(
            [np.argsort(-np.abs(z), kind="stable")]
            + [problem.rng.permutation(z.shape[0]) for _ in range(self.n_restarts - 1)]
        )
        return cavi(
            z,
            to_numpy(locus.ld.dense().matrix),
            scale,
            orders,
            prior=problem.prior_on_host(),
            residual_variance=problem.residual_variance,
            norm=problem.noise_norm,
            tol=problem.tol,
        )

    def posterior(self, state: CaviState, locus: Locus) -> Posterior:
        """Return the mixture of the distinct modes, in each of which variants are independent."""
        modes, weights = distinct_modes(state)
        gate = state.gate[modes]
        effect = gate * state.mean[modes]
        second = gate * (state.mean[modes] ** 2 + state.variance[modes])
        mean = weights @ effect
        return Posterior(
            pip=locus.array(np.minimum(weights @ gate, 1.0)),  # weights may sum to a bit over 1
            mean=locus.array(mean),
            covariance=Covariance(
                spread=locus.array(weights @ (second - effect**2)),
                factors=locus.array(np.vstack([effect, mean])),
                weights=locus.array(np.append(weights, -1.0)),
            ),
            slab_second=locus.array(weights @ second),
            residual_variance=float(weights @ state.residual_variance[modes]),
        )

    def credible_sets(self, state: CaviState, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of draws from the mixture of modes."""
        posterior = self.posterior(state, problem.locus)
        return sets_of_draws(
            causal_variants(state, DRAWS_OF_SETS, problem.rng),
            on_host(posterior.pip)[0],
            problem.prior_pip(posterior),
            problem.observed.ld,
            **problem.set_rules(),
        )

    def n_causal(self, state: CaviState, posterior: Posterior) -> np.ndarray:
        """Return the distribution under the mixture of modes."""
        modes, weights = distinct_modes(state)
        return mixture([poisson_binomial(state.gate[mode]) for mode in modes], weights)


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


def expected_quadratic(
    linear: np.ndarray,
    diagonal: np.ndarray,
    moved: np.ndarray,
    gate: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
) -> float:
    """Return E[-2 linear'beta + beta' G beta]."""
    effect = gate * mean
    return (moved - 2 * linear) @ effect + diagonal @ (gate * (mean**2 + variance) - effect**2)


def prior_divergence(
    pi: np.ndarray, slab: np.ndarray, gate: np.ndarray, mean: np.ndarray, variance: np.ndarray
) -> float:
    """Return KL(q || prior), summed over variants."""
    off = 1 - gate
    choice = xlogy(gate, gate) - xlogy(gate, pi) + xlogy(off, off) - xlogy(off, 1 - pi)
    size = (mean**2 + variance) / slab - np.log(variance / slab) - 1
    return np.sum(choice) + gate @ size / 2


def cavi(
    z: np.ndarray,
    ld: np.ndarray,
    scale: np.ndarray,
    orders: np.ndarray,
    *,
    prior: Prior,
    residual_variance: float | None,
    norm: NoiseNorm,
    tol: float,
) -> Iterator[CaviState]:
    """Yield a `CaviState` per sweep, for all starts side by side.

    Parameters
    ----------
    z, scale : array (p,), on the host
    ld : array (p, p), on the host
    orders : array of int (b, p)
        Order in which each start, from no effect at all, visits the variants: the first of a clump
        takes the signal.
    prior : Prior, on the host
        What is None is learned by EM, one value for all variants; first 1 / (p + 1), and
        20 / (N H).
    residual_variance : None or float
        None: learned.
    norm : NoiseNorm
        Needed if s0^2 is learned.
    tol : float
        A start is done when its bound rises by less.
    """
    starts = [
        CaviStart(z, ld, scale, order, prior=prior, residual_variance=residual_variance, norm=norm)
        for order in orders
    ]
    running = np.ones(len(starts), dtype=bool)
    while running.any():
        for k in np.flatnonzero(running):
            running[k] = starts[k].sweep() >= tol
        yield CaviState(
            gate=np.array([start.gate for start in starts]),
            mean=np.array([start.mean for start in starts]),
            variance=np.array([start.variance for start in starts]),
            residual_variance=np.array([start.residual_variance for start in starts]),
            bound=np.array([start.bound for start in starts]),
            converged=not running.any(),
        )


class CaviStart:
    """One start of coordinate ascent: q of every variant, and the prior as it is learned."""

    def __init__(
        self,
        z: np.ndarray,
        ld: np.ndarray,
        scale: np.ndarray,
        order: np.ndarray,
        *,
        prior: Prior,
        residual_variance: float | None,
        norm: NoiseNorm,
    ):
        p = len(z)
        self.ld, self.scale, self.linear, self.diagonal = ld, scale, scale * z, scale**2
        self.order, self.varies = order[scale[order] > 0], np.flatnonzero(scale > 0)
        self.prior, self.norm, self.learns_noise = prior, norm, residual_variance is None
        self.gate, self.mean, self.variance, self.moved = (np.zeros(p) for _ in range(4))
        self.residual_variance = 1.0 if residual_variance is None else float(residual_variance)
        self.bound = -np.inf
        self.pi = np.full(p, 1 / (p + 1.0)) if prior.pi is None else np.array(prior.pi)
        self.slab = np.full(p, self.first_slab()) if prior.slab is None else np.array(prior.slab)

    def first_slab(self) -> float:
        """Return the first sigma_beta^2, if it is learned."""
        if self.prior.pi_slab is not None:
            return self.prior.pi_slab / self.pi[0]
        return 20 / np.median(self.diagonal[self.varies]) if self.varies.size else 1.0

    def sweep(self) -> float:
        """Maximize the bound over q, s0^2 and the prior in turn; return by how much it rises."""
        with np.errstate(divide="ignore"):
            log_odds = np.log(self.pi) - np.log1p(-self.pi)
        q = self.gate, self.mean, self.variance
        cavi_sweep(
            self.ld, self.scale, self.linear, self.order, log_odds, self.slab,
            self.residual_variance, *q, self.moved,
        )  # fmt: skip
        check_bounded(self.moved / np.max(self.scale, initial=1.0))
        expected = expected_quadratic(self.linear, self.diagonal, self.moved, *q)
        if self.learns_noise:
            learned = (self.norm.z_norm + expected) / self.norm.rank
            self.residual_variance = max(learned, MIN_RESIDUAL_VARIANCE)
        if self.varies.size:
            self.learn_prior()
        previous, self.bound = self.bound, self.evidence_bound(expected)
        return self.bound - previous

    def learn_prior(self) -> None:
        """Set what is learned of pi and sigma_beta^2 to the bound's maximizer: the M-step."""
        total = max(np.sum(self.gate[self.varies]), TINY)
        second = max(self.gate @ (self.mean**2 + self.variance), TINY)
        pi, slab = closed_form_prior(total, second, self.varies.size, self.prior.pi_slab)
        if self.prior.pi is None:
            self.pi[:] = min(pi, 1 - 1e-12)
        if self.prior.slab is None:
            self.slab[:] = slab

    def evidence_bound(self, expected: float) -> float:
        """Return the bound, relative to no effect, given `expected_quadratic`."""
        bound = -expected / (2 * self.residual_variance)
        if self.norm.z_norm is not None:
            inflation = self.norm.z_norm * (1 - 1 / self.residual_variance)
            bound += (inflation - self.norm.rank * np.log(self.residual_variance)) / 2
        parts = self.pi, self.slab, self.gate, self.mean, self.variance
        return bound - prior_divergence(*(part[self.varies] for part in parts))


def distinct_modes(state: CaviState) -> tuple[list[int], np.ndarray]:
    """Return the starts of distinct PIPs, best bound first, and their weights exp(bound) / sum."""
    return distinct_ends(state.gate, state.bound)


def causal_variants(state: CaviState, n_draws: int, rng: np.random.RandomState) -> np.ndarray:
    """Return draws (n_draws, m) of the causal variants from the mixture of modes, then -1."""
    modes, weights = distinct_modes(state)
    return draws_of_modes(state.gate[modes], weights, n_draws, rng)


def draws_of_modes(
    gate: np.ndarray, weights: np.ndarray, n_draws: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return draws (n_draws, m) of the causal variants from modes q (k, p), then -1."""
    chosen = rng.choice(len(gate), size=n_draws, p=weights)
    causal = rng.uniform(size=(n_draws, gate.shape[1])) < gate[chosen]
    width = max(int(causal.sum(axis=1).max()), 1)
    order = np.argsort(~causal, axis=1, kind="stable")[:, :width]
    return np.where(np.take_along_axis(causal, order, axis=1), order, -1)
