"""The paper's algorithm: Adam on the bound of the spike-and-slab model (Algorithm 1, corrected).

Source: Akdeniz et al., "Finemap-MiXeR", PLoS Genetics 2024, supplementary notes.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skgenetics.finemapping._elbo import (
    MIN_RESIDUAL_VARIANCE,
    Quadratic,
    closed_form_prior,
    elbo,
    expected_quadratic,
    gradient,
    log_sigmoid,
    prior_gradient,
)
from skgenetics.finemapping._prior import Prior
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

RENEW = 100  # iterations between two renewals of the prior, once it is not held any more
MIN_ITER = 500  # from a cold start sum |dq| is below any useful tolerance at once
START_PI, START_SLAB, START_SPIKE_SD = 1e-3, 5e-3, 1e-3
MIN_SD = 1e-8
USUAL_RATE = 1e-3


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


class Point(NamedTuple):
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
    settings: Any,
    *,
    prior: Prior,
    residual_variance: Array | None,
    settle: int,
    tol: float,
    spike: Array | None = None,
) -> Iterator[AdamState]:
    """Yield an `AdamState` per iteration, descending on -L in (mean, sd, o).

    Parameters
    ----------
    quadratic : Quadratic
    start : list of three arrays (b, p)
        First mean, sd and o of each start.
    settings : Adam
        Constants of Adam, `gate_scale`, `spike_sd`, `prior_update` and `min_iter`.
    prior : Prior
        What is None is learned, as `prior_update` says.
    residual_variance : None or array (1, 1)
        None: learned.
    settle : int
        Iterations before the prior is renewed in closed form, every RENEW iterations.
    tol : float
        Stop when sum abs(dq) <= tol in every start, after `min_iter` iterations.
    spike : None or array (1, p)
        delta^2 where `spike_sd` is "narrow".
    """
    xp = namespace_of(start[0])
    held = prior.pi is not None, prior.slab is not None, residual_variance is not None
    learned = Learned(not held[0], not held[1] and prior.pi_slab is None, not held[2])
    in_closed_form = settings.prior_update != "adam"
    at = first_ascent(start, prior, residual_variance)
    adaptive = settings.spike_sd == "adaptive"
    if settings.spike_sd != "narrow" or spike is None:
        spike_sd: Any = START_SPIKE_SD if isinstance(settings.spike_sd, str) else settings.spike_sd
        spike = spike_sd**2 + 0 * at.mean[:, :1]
    gate = xp.exp(log_sigmoid(settings.gate_scale * at.o)[0])
    moved = quadratic.product(at.mean)
    min_iter = settings.min_iter
    if min_iter is None:
        min_iter = settle + 10 * RENEW if in_closed_form and any(learned) else MIN_ITER
    climbing = [True] * 3 + [one and not in_closed_form for one in learned]
    rate = settings.learning_rate
    if rate is None:
        narrow = settings.spike_sd == "narrow"
        rate = 0.1 * float(xp.min(spike)) ** 0.5 if narrow else USUAL_RATE
    optimizer = Optimizer(settings, at, rate)
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


def first_ascent(start: list[Array], prior: Prior, residual_variance: Array | None) -> Point:
    """Return where Adam starts: the prior's parameters held, or at the paper's first values."""
    xp, column = namespace_of(start[0]), 0 * start[0][:, :1]
    pi = START_PI + column if prior.pi is None else prior.pi[None, :]
    slab = START_SLAB + column if prior.slab is None else prior.slab[None, :]
    noise = 1 + column if residual_variance is None else residual_variance
    mean, sd, o = start
    return Point(mean, sd, o, xp.log(pi / (1 - pi)), xp.log(slab), xp.log(noise))


def prior_parameters(at: Point, spike: Array, pi_slab: float | None) -> dict[str, Array]:
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
    at: Point,
    gate: Array,
    prior: dict[str, Array],
    gate_scale: float,
    pi_slab: float | None,
    *,
    with_prior: bool,
) -> list[Array]:
    """Return the derivatives of the bound in each part of `Point`, by the chain rule for o."""
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

    def __init__(self, settings: Any, at: Point, rate: float):
        self.settings, self.rate, self.iteration = settings, rate, 0
        xp = namespace_of(at.mean)
        self.first, self.second = ([xp.zeros_like(part) for part in at] for _ in range(2))

    def step(self, at: Point, slopes: list[Array], climbing: list[bool]) -> Point:
        """Return `at` after a step of the parts that are `climbing`."""
        xp, beta_1, beta_2 = namespace_of(at.mean), self.settings.beta_1, self.settings.beta_2
        self.iteration += 1
        parts: list[Any] = list(at)
        for i in np.flatnonzero(climbing):
            self.first[i] = beta_1 * self.first[i] - (1 - beta_1) * slopes[i]
            self.second[i] = beta_2 * self.second[i] + (1 - beta_2) * slopes[i] ** 2
            unbiased = self.first[i] / (1 - beta_1**self.iteration)
            size = xp.sqrt(self.second[i] / (1 - beta_2**self.iteration)) + self.settings.epsilon
            parts[i] = parts[i] - self.rate * unbiased / size
        return Point(*parts)


def renewed_prior(
    quadratic: Quadratic,
    moved: Array,
    at: Point,
    gate: Array,
    learned: Learned,
    pi_slab: float | None,
) -> Point:
    """Return `at` with what is learned of the prior at the maximizer of the bound."""
    xp = namespace_of(gate)
    smallest = float(xp.finfo(gate.dtype).eps)  # neither all variants nor none have an effect
    total = xp.clip(xp.sum(gate, axis=-1, keepdims=True), min=smallest)
    second = xp.sum(gate * (at.mean**2 + at.sd**2), axis=-1, keepdims=True)
    pi, slab = closed_form_prior(total, second, gate.shape[-1], pi_slab)
    pi, slab = xp.clip(pi, min=smallest, max=1 - smallest), xp.clip(slab, min=MIN_SD**2)
    if learned.pi:
        at = at._replace(log_odds=xp.log(pi / (1 - pi)))
    if learned.slab:
        at = at._replace(log_slab=xp.log(slab))
    if learned.noise:
        residual = expected_quadratic(quadratic, moved, at.mean, at.sd**2)[:, None]
        noise = (quadratic.z_norm + residual) / quadratic.rank
        at = at._replace(log_noise=xp.log(xp.clip(noise, min=MIN_RESIDUAL_VARIANCE)))
    return at
