"""The paper's algorithm: Adam on the bound of the spike-and-slab model (Algorithm 1, corrected)."""

from typing import NamedTuple

from skgenetics.finemapping._elbo import (
    MIN_RESIDUAL_VARIANCE,
    closed_form_prior,
    elbo,
    expected_residual,
    gradient,
    log_sigmoid,
    prior_gradient,
)
from skgenetics.finemapping._posterior import Posterior

SETTLE = 4000  # the paper holds the prior for so many iterations, then renews it every RENEW
RENEW = 100
MIN_ITER = 500  # from a cold start sum |dq| is below any useful tolerance at once
START_PI, START_SLAB, START_SPIKE_SD = 1e-3, 5e-3, 1e-3
START_MEAN = START_SD = 1e-2
MIN_SD = 1e-8


class AdamState(NamedTuple):
    """Starts (b, p) after an iteration; the prior's parameters have shape (b, 1) or (1, p)."""

    mean: object
    sd: object
    gate: object
    pi: object
    slab: object
    spike: object
    residual_variance: object
    bound: object  # (b,)
    converged: bool


def adam(
    quadratic,
    start,
    *,
    pi,
    slab,
    pi_slab,
    residual_variance,
    prior_update,
    spike_sd,
    gate_scale,
    learning_rate,
    beta_1,
    beta_2,
    epsilon,
    settle,
    min_iter,
    tol,
    xp,
):
    """Yield an `AdamState` an iteration, descending on -L in (mean, sd, o), q = sigmoid(k_f o).

    Parameters
    ----------
    quadratic : Quadratic
    start : tuple of three arrays (b, p)
        First mean, sd and o of each start.
    pi, slab, residual_variance : None, or arrays that broadcast to (b, p)
        None: learned, as `prior_update` says.
    pi_slab : None or float
        pi sigma_beta^2, where a given heritability holds it: slab = pi_slab / pi.
    prior_update : {"closed_form", "adam"}
        In closed form every RENEW iterations after the first `settle`; or by Adam with the others,
        on logit pi, log sigma_beta^2 and log s0^2.
    spike_sd : "adaptive" or float
        Adaptive: delta follows the mean over variants of sqrt(sd^2 + mean^2).
    min_iter : None or int
        None: MIN_ITER, or 10 renewals of the prior.
    tol : float
        Stop when sum abs(dq) <= tol in every start, after `min_iter` iterations.
    """
    learned = pi is None, slab is None and pi_slab is None, residual_variance is None
    column = 0 * start[0][:, :1]
    pi = START_PI + column if pi is None else pi
    slab = START_SLAB + column if slab is None else slab
    residual_variance = 1 + column if residual_variance is None else residual_variance
    spike = (START_SPIKE_SD if spike_sd == "adaptive" else spike_sd) ** 2 + column
    parameters = [*start, xp.log(pi / (1 - pi)), xp.log(slab), xp.log(residual_variance)]
    climbing = [0, 1, 2]
    if prior_update == "adam":
        climbing += [3 + i for i in range(3) if learned[i]]
    first, second = ([xp.zeros_like(part) for part in parameters] for _ in range(2))
    gate = xp.exp(log_sigmoid(gate_scale * parameters[2], xp)[0])
    moved = quadratic.product(parameters[0])
    if min_iter is None:
        renewed = prior_update == "closed_form" and any(learned)
        min_iter = settle + 10 * RENEW if renewed else MIN_ITER
    prior = prior_of(parameters, spike, pi_slab, xp)
    iteration = 0
    while True:
        iteration += 1
        mean, sd, o = parameters[:3]
        slopes = gradient(quadratic, moved, mean, sd, gate_scale * o, **prior, xp=xp)
        slopes = [*slopes[:2], slopes[2] * gate_scale * gate * (1 - gate)]
        if len(climbing) > 3:
            d_pi, d_slab, d_noise = prior_gradient(quadratic, moved, mean, sd, gate, **prior, xp=xp)
            if pi_slab is not None:  # log slab = log pi_slab - log pi
                d_pi = d_pi - (1 - prior["pi"]) * d_slab
            slopes += [d_pi, d_slab, d_noise]
        for i in climbing:
            first[i] = beta_1 * first[i] - (1 - beta_1) * slopes[i]
            second[i] = beta_2 * second[i] + (1 - beta_2) * slopes[i] ** 2
            unbiased = first[i] / (1 - beta_1**iteration)
            size = xp.sqrt(second[i] / (1 - beta_2**iteration)) + epsilon
            parameters[i] = parameters[i] - learning_rate * unbiased / size
        parameters[1] = xp.clip(parameters[1], min=MIN_SD)
        mean, sd, o = parameters[:3]
        moved = quadratic.product(mean)
        previous, gate = gate, xp.exp(log_sigmoid(gate_scale * o, xp)[0])
        if spike_sd == "adaptive":
            spike = xp.mean(xp.sqrt(sd**2 + mean**2), axis=-1, keepdims=True) ** 2
        due = prior_update == "closed_form" and iteration > settle
        if due and (iteration - settle) % RENEW == 1:
            total = xp.sum(gate, axis=-1, keepdims=True)
            effects = xp.sum(gate * (mean**2 + sd**2), axis=-1, keepdims=True)
            pi, slab = closed_form_prior(total, effects, gate.shape[-1], pi_slab)
            parameters[3] = xp.log(pi / (1 - pi)) if learned[0] else parameters[3]
            parameters[4] = xp.log(slab) if learned[1] else parameters[4]
            if learned[2]:
                residual = expected_residual(quadratic, moved, mean, sd**2, xp)[:, None]
                noise = (quadratic.z_norm + residual) / quadratic.rank
                parameters[5] = xp.log(xp.clip(noise, min=MIN_RESIDUAL_VARIANCE))
        prior = prior_of(parameters, spike, pi_slab, xp)
        bound = elbo(quadratic, moved, mean, sd, gate_scale * o, **prior, xp=xp)
        change = float(xp.max(xp.sum(xp.abs(gate - previous), axis=-1)))
        converged = iteration >= min_iter and change <= tol
        yield AdamState(mean, sd, gate, **prior, bound=bound, converged=converged)
        if converged:
            return


def prior_of(parameters, spike, pi_slab, xp):
    """Return the prior that the last three of `parameters` hold, as arguments of `elbo`."""
    pi = xp.exp(log_sigmoid(parameters[3], xp)[0])
    return {
        "pi": pi,
        "slab": xp.exp(parameters[4]) if pi_slab is None else pi_slab / pi,
        "spike": spike,
        "residual_variance": xp.exp(parameters[5]),
    }


def adam_posterior(state, locus):
    """Return the `Posterior` of the start with the best bound; constant variants have no effect."""
    best = int(locus.xp.argmax(state.bound))
    varies = locus.xp.astype(locus.scale > 0, locus.z.dtype)
    mean, sd, pip = (varies * a[best, :] for a in (state.mean, state.sd, state.gate))
    s0 = state.residual_variance
    return Posterior(
        pip=pip,
        mean=mean,
        spread=sd**2,
        factors=mean[None, :][:0, :],
        factor_weights=mean[:0],
        slab_second=pip * (mean**2 + sd**2),
        residual_variance=float(s0[min(best, s0.shape[0] - 1), 0]),
    )
