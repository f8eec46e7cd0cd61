"""The paper's algorithm: Adam on the bound of the spike-and-slab model (Algorithm 1, corrected).

Source: Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from skgenetics.finemapping._elbo import (
    MIN_RESIDUAL_VARIANCE,
    NoiseNorm,
    Quadratic,
    closed_form_prior,
    elbo,
    expected_quadratic,
    gradient,
    learning_norm,
    log_sigmoid,
    prior_gradient,
    quadratic_form,
)
from skgenetics.finemapping._n_causal import poisson_binomial
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers._contract import Problem, Solver, on_host
from skgenetics.loci._credible_sets import CredibleSet, sets_of_pips
from skgenetics.loci._summary import Locus, per_variant
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._parameters import Constraints, Integer, Number, Option, PerVariant
from skgenetics.utils._typing import Array, ArrayLike

SETTLE = 4000  # the paper holds the prior for so many iterations, then renews it every RENEW
RENEW = 100
MIN_ITER = 500  # from a cold start sum |dq| is below any useful tolerance at once
START_PI, START_SLAB, START_SPIKE_SD = 1e-3, 5e-3, 1e-3
MIN_SD = 1e-8


class AdamState(NamedTuple):
    """Starts (b, p) after an iteration; the prior's parameters have shape (b, 1) or (1, p)."""

    mean: Array
    sd: Array
    gate: Array
    """q."""
    pi: Array
    slab: Array
    spike: Array
    residual_variance: Array
    bound: Array
    """(b,)"""
    converged: bool


class Adam(Solver):
    """The published Finemap-MiXeR algorithm, corrected; overconfident in LD, on any device.

    Gradient ascent on a mean-field bound of the spike and slab, with a Gaussian in place of the
    point mass.

    Parameters
    ----------
    noise : {"ld", "independent"}, default="ld"
        Covariance of the noise of z, up to `residual_variance`: the LD matrix, which is right, or
        the identity, which is what the paper assumes.
    n_components : None, int or float, default=None
        PCA form: replace the product with the LD by its leading eigenvectors, so many, or as many
        as hold this share of the trace. None: the full product.
    spike_sd : "adaptive" or float, default="adaptive"
        Standard deviation of the Gaussian that stands for the point mass. "adaptive": it follows
        the mean size of the effects, as in the paper, so that the objective itself changes and
        `elbo_path_` need not rise.
    gate_scale : float, default=1.0
        k_f of the paper: q_i = 1 / (1 + exp(-k_f o_i)).
    learning_rate, beta_1, beta_2, epsilon : float, default=1e-3, 0.9, 0.99, 1e-8
        Constants of Adam.
    mean_init, sd_init : float or array-like of shape (n_variants,), default=0.01
        First mean and standard deviation of the effects.
    gate_init : None, float or array-like of shape (n_variants,), default=None
        First o_i. None: abs(z), as in the paper.
    prior_update : {"closed_form", "adam"}, default="closed_form"
        How the prior's parameters are learned: exactly, every 100 iterations after the first 4,000
        (or half of max_iter), or by Adam too, on their logs, from the first iteration on.
    n_restarts : int, default=1
        Starts, which run as one batch; the one of the best bound is kept. The first is the start of
        `gate_init`, in the others each o_i is multiplied by a uniform draw from (0, 2).
    min_iter : None or int, default=None
        Smallest number of iterations. None: 500, or until the prior was learned 10 times.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator, whose `tol` is the change of the PIPs in sum.

    References
    ----------
    Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes.
    """

    name: ClassVar[str] = "adam"
    has_pi: ClassVar[bool] = True
    default_max_iter: ClassVar[int] = 10_000
    default_tol: ClassVar[float] = 2.5e-3

    _constraints: ClassVar[Constraints] = {
        "noise": [Option("ld", "independent")],
        "n_components": [None, Integer(low=1), Number(low=0, high=1, closed="right")],
        "spike_sd": [Option("adaptive"), Number(low=0)],
        "gate_scale": [Number(low=0)],
        "learning_rate": [Number(low=0)],
        "beta_1": [Number(low=0, high=1, closed="left")],
        "beta_2": [Number(low=0, high=1, closed="left")],
        "epsilon": [Number(low=0)],
        "mean_init": [PerVariant()],  # checked beside z
        "sd_init": [PerVariant()],
        "gate_init": [None, PerVariant()],
        "prior_update": [Option("closed_form", "adam")],
        "n_restarts": [Integer(low=1)],
        "min_iter": [None, Integer(low=1)],
    }

    def __init__(
        self,
        *,
        noise: str = "ld",
        n_components: int | float | None = None,
        spike_sd: str | float = "adaptive",
        gate_scale: float = 1.0,
        learning_rate: float = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
        mean_init: ArrayLike = 0.01,
        sd_init: ArrayLike = 0.01,
        gate_init: ArrayLike | None = None,
        prior_update: str = "closed_form",
        n_restarts: int = 1,
        min_iter: int | None = None,
    ):
        self.noise = noise
        self.n_components = n_components
        self.spike_sd = spike_sd
        self.gate_scale = gate_scale
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.mean_init = mean_init
        self.sd_init = sd_init
        self.gate_init = gate_init
        self.prior_update = prior_update
        self.n_restarts = n_restarts
        self.min_iter = min_iter

    def noise_norm(self, locus: Locus) -> NoiseNorm:
        """Return what s0^2 is learned from under the noise that is assumed."""
        return learning_norm(locus, self.noise)

    def start(self, problem: Problem) -> Iterator[AdamState]:
        """Return the iterations, in the namespace of the data."""
        locus, pi = problem.locus, problem.prior.pi
        if pi is not None and not bool(namespace_of(pi).all((pi > 0) & (pi < 1))):
            raise ValueError(
                f"solver={self.name!r} needs every causal_probability to be > 0 and < 1."
            )
        noise = problem.residual_variance
        return adam(
            quadratic_form(
                locus, self.noise, n_components=self.n_components, norm=problem.noise_norm
            ),
            self.first_variational_parameters(locus, problem.rng),
            self,
            prior=problem.prior,
            residual_variance=None if noise is None else locus.array(np.full((1, 1), float(noise))),
            settle=min(SETTLE, problem.max_iter // 2),
            tol=problem.tol,
        )

    def first_variational_parameters(self, locus: Locus, rng: np.random.RandomState) -> list[Array]:
        """Return mean, sd and o (b, p) of each start."""
        z = locus.z
        gate_init = namespace_of(z).abs(z) if self.gate_init is None else self.gate_init
        mean = per_variant(self.mean_init, "mean_init", z, labels=locus.labels)
        sd = per_variant(self.sd_init, "sd_init", z, low=0, labels=locus.labels)
        gate = per_variant(gate_init, "gate_init", z, labels=locus.labels)
        factors = np.ones((self.n_restarts, z.shape[0]))
        factors[1:] = rng.uniform(0, 2, factors[1:].shape)
        ones = locus.array(np.ones_like(factors))
        return [ones * mean, ones * sd, locus.array(factors) * gate]

    def posterior(self, state: AdamState, locus: Locus) -> Posterior:
        """Return the `Posterior` of the start with the best bound."""
        xp = namespace_of(locus.z)
        best = int(xp.argmax(state.bound))
        varies = xp.astype(locus.scale > 0, locus.z.dtype)
        mean, sd, pip = (varies * part[best, :] for part in (state.mean, state.sd, state.gate))
        noise = state.residual_variance
        return Posterior(
            pip=pip,
            mean=mean,
            covariance=Covariance(spread=sd**2, factors=mean[None, :][:0, :], weights=mean[:0]),
            slab_second=pip * (mean**2 + sd**2),
            residual_variance=float(noise[min(best, noise.shape[0] - 1), 0]),
        )

    def credible_sets(self, state: AdamState, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of the mean-field PIPs."""
        posterior = self.posterior(state, problem.locus)
        return sets_of_pips(
            on_host(posterior.pip)[0],
            problem.prior_pip(posterior),
            problem.observed.ld,
            **problem.set_rules(),
        )

    def n_causal(self, state: AdamState, posterior: Posterior) -> np.ndarray:
        """Return the distribution of a sum of independent events."""
        return poisson_binomial(to_numpy(posterior.pip))


class Ascent(NamedTuple):
    """What Adam climbs in: arrays (b, p), then those of the prior (b, 1), or (1, p) if held."""

    mean: Array
    sd: Array
    o: Array
    """q = sigmoid(k_f o)."""
    log_odds: Array
    """logit pi."""
    log_slab: Array
    """log sigma_beta^2."""
    log_noise: Array
    """log s0^2."""


class Learned(NamedTuple):
    """Which of the prior's parameters are learned."""

    pi: bool
    slab: bool
    noise: bool


def adam(
    quadratic: Quadratic,
    start: list[Array],
    settings: Adam,
    *,
    prior: Prior,
    residual_variance: Array | None,
    settle: int,
    tol: float,
) -> Iterator[AdamState]:
    """Yield an `AdamState` per iteration, descending on -L in (mean, sd, o).

    Parameters
    ----------
    quadratic : Quadratic
    start : list of three arrays (b, p)
        First mean, sd and o of each start.
    settings : Adam
    prior : Prior
        What is None is learned, as `prior_update` says.
    residual_variance : None or array (1, 1)
        None: learned.
    settle : int
        Iterations before the prior is renewed in closed form, every RENEW iterations.
    tol : float
        Stop when sum abs(dq) <= tol in every start, after `min_iter` iterations.
    """
    xp = namespace_of(start[0])
    held = prior.pi is not None, prior.slab is not None, residual_variance is not None
    learned = Learned(not held[0], not held[1] and prior.pi_slab is None, not held[2])
    in_closed_form = settings.prior_update == "closed_form"
    at = first_ascent(start, prior, residual_variance)
    adaptive = settings.spike_sd == "adaptive"
    spike_sd: Any = START_SPIKE_SD if adaptive else settings.spike_sd
    spike = spike_sd**2 + 0 * at.mean[:, :1]
    gate = xp.exp(log_sigmoid(settings.gate_scale * at.o)[0])
    moved = quadratic.product(at.mean)
    min_iter = settings.min_iter
    if min_iter is None:
        min_iter = settle + 10 * RENEW if in_closed_form and any(learned) else MIN_ITER
    climbing = [True] * 3 + [one and not in_closed_form for one in learned]
    optimizer = Optimizer(settings, at)
    parameters = prior_parameters(at, spike, prior.pi_slab)
    iteration, converged = 0, False
    while not converged:
        iteration += 1
        slopes = ascent_gradient(
            quadratic, moved, at, gate, parameters, settings.gate_scale, prior.pi_slab,
            with_prior=any(climbing[3:]),
        )  # fmt: skip
        at = optimizer.step(at, slopes, climbing)
        at = at._replace(sd=xp.clip(at.sd, min=MIN_SD))
        moved = quadratic.product(at.mean)
        previous, gate = gate, xp.exp(log_sigmoid(settings.gate_scale * at.o)[0])
        if adaptive:
            spike = xp.mean(xp.sqrt(at.sd**2 + at.mean**2), axis=-1, keepdims=True) ** 2
        if in_closed_form and iteration > settle and (iteration - settle) % RENEW == 1:
            at = renewed_prior(quadratic, moved, at, gate, learned, prior.pi_slab)
        parameters = prior_parameters(at, spike, prior.pi_slab)
        q = at.mean, at.sd, settings.gate_scale * at.o
        bound = elbo(quadratic, moved, *q, **parameters)
        change = float(xp.max(xp.sum(xp.abs(gate - previous), axis=-1)))
        converged = iteration >= min_iter and change <= tol
        yield AdamState(at.mean, at.sd, gate, **parameters, bound=bound, converged=converged)


def first_ascent(start: list[Array], prior: Prior, residual_variance: Array | None) -> Ascent:
    """Return where Adam starts: the prior's parameters held, or at the paper's first values."""
    xp, column = namespace_of(start[0]), 0 * start[0][:, :1]
    pi = START_PI + column if prior.pi is None else prior.pi[None, :]
    slab = START_SLAB + column if prior.slab is None else prior.slab[None, :]
    noise = 1 + column if residual_variance is None else residual_variance
    mean, sd, o = start
    return Ascent(mean, sd, o, xp.log(pi / (1 - pi)), xp.log(slab), xp.log(noise))


def prior_parameters(at: Ascent, spike: Array, pi_slab: float | None) -> dict[str, Array]:
    """Return the prior's parameters as arguments of `elbo` and its derivatives."""
    xp = namespace_of(at.log_odds)
    pi = xp.exp(log_sigmoid(at.log_odds)[0])
    return {
        "pi": pi,
        "slab": xp.exp(at.log_slab) if pi_slab is None else pi_slab / pi,
        "spike": spike,
        "residual_variance": xp.exp(at.log_noise),
    }


def ascent_gradient(
    quadratic: Quadratic,
    moved: Array,
    at: Ascent,
    gate: Array,
    prior: dict[str, Array],
    gate_scale: float,
    pi_slab: float | None,
    *,
    with_prior: bool,
) -> list[Array]:
    """Return the derivatives of the bound in each part of `Ascent`, by the chain rule for o."""
    d_mean, d_sd, d_gate = gradient(quadratic, moved, at.mean, at.sd, gate_scale * at.o, **prior)
    slopes = [d_mean, d_sd, d_gate * gate_scale * gate * (1 - gate)]
    if with_prior:
        d_pi, d_slab, d_noise = prior_gradient(quadratic, moved, at.mean, at.sd, gate, **prior)
        if pi_slab is not None:  # log slab = log pi_slab - log pi
            d_pi = d_pi - (1 - prior["pi"]) * d_slab
        slopes += [d_pi, d_slab, d_noise]
    return slopes


class Optimizer:
    """Adam, Algorithm 1 of the paper with its corrections: moments of the slopes of -L."""

    def __init__(self, settings: Adam, at: Ascent):
        self.settings, self.iteration = settings, 0
        xp = namespace_of(at.mean)
        self.first, self.second = ([xp.zeros_like(part) for part in at] for _ in range(2))

    def step(self, at: Ascent, slopes: list[Array], climbing: list[bool]) -> Ascent:
        """Return `at` after a step of the parts that are `climbing`."""
        xp, beta_1, beta_2 = namespace_of(at.mean), self.settings.beta_1, self.settings.beta_2
        self.iteration += 1
        parts: list[Any] = list(at)
        for i in np.flatnonzero(climbing):
            self.first[i] = beta_1 * self.first[i] - (1 - beta_1) * slopes[i]
            self.second[i] = beta_2 * self.second[i] + (1 - beta_2) * slopes[i] ** 2
            unbiased = self.first[i] / (1 - beta_1**self.iteration)
            size = xp.sqrt(self.second[i] / (1 - beta_2**self.iteration)) + self.settings.epsilon
            parts[i] = parts[i] - self.settings.learning_rate * unbiased / size
        return Ascent(*parts)


def renewed_prior(
    quadratic: Quadratic,
    moved: Array,
    at: Ascent,
    gate: Array,
    learned: Learned,
    pi_slab: float | None,
) -> Ascent:
    """Return `at` with what is learned of the prior at the maximizer of the bound."""
    xp = namespace_of(gate)
    total = xp.sum(gate, axis=-1, keepdims=True)
    second = xp.sum(gate * (at.mean**2 + at.sd**2), axis=-1, keepdims=True)
    pi, slab = closed_form_prior(total, second, gate.shape[-1], pi_slab)
    if learned.pi:
        at = at._replace(log_odds=xp.log(pi / (1 - pi)))
    if learned.slab:
        at = at._replace(log_slab=xp.log(slab))
    if learned.noise:
        residual = expected_quadratic(quadratic, moved, at.mean, at.sd**2)[:, None]
        noise = (quadratic.z_norm + residual) / quadratic.rank
        at = at._replace(log_noise=xp.log(xp.clip(noise, min=MIN_RESIDUAL_VARIANCE)))
    return at
