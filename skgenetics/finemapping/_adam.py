"""The paper's algorithm: Adam on the bound of the spike-and-slab model (Algorithm 1, corrected)."""

from typing import NamedTuple

from skgenetics.finemapping._elbo import (
    MIN_RESIDUAL_VARIANCE,
    closed_form_prior,
    elbo,
    expected_residual,
    gradient,
    log_sigmoid,
)
from skgenetics.finemapping._summary import Posterior

SETTLE = 4000  # the paper holds the prior for so many iterations, then renews it every RENEW
RENEW = 100
MIN_ITER = 500  # from a cold start sum |dq| is below any useful tolerance at once
START_PI, START_SLAB, START_SPIKE_SD = 1e-3, 5e-3, 1e-3
START_MEAN = START_SD = 1e-2


class AdamState(NamedTuple):
    """Starts (b, p) after an iteration; the prior's parameters have shape (b, 1) or (p,)."""

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
    residual_variance,
    spike_sd,
    gate_scale,
    learning_rate,
    beta_1,
    beta_2,
    epsilon,
    settle,
    tol,
    xp,
):
    """Yield an `AdamState` an iteration, descending on -L in (mean, sd, o), q = sigmoid(k_f o).

    Parameters
    ----------
    quadratic : Quadratic
    start : array (b, p)
        First o of each start; the paper's is abs(z).
    pi, slab, residual_variance : None, or arrays that broadcast to (b, p)
        None: learned in closed form, every RENEW iterations after the first `settle`.
    spike_sd : "adaptive" or float
        Adaptive: delta follows the mean over variants of sqrt(sd^2 + mean^2).
    tol : float
        Stop when sum abs(dq) <= tol in every start, after MIN_ITER iterations and, where the prior
        is learned, 10 renewals.
    """
    learned = pi is None, slab is None, residual_variance is None
    column = 0 * start[:, :1]
    pi = START_PI + column if learned[0] else pi
    slab = START_SLAB + column if learned[1] else slab
    residual_variance = 1 + column if learned[2] else residual_variance
    spike = (START_SPIKE_SD if spike_sd == "adaptive" else spike_sd) ** 2 + column
    parameters = [0 * start + START_MEAN, 0 * start + START_SD, start]
    first = [xp.zeros_like(start) for _ in parameters]
    second = [xp.zeros_like(start) for _ in parameters]
    gate = xp.exp(log_sigmoid(gate_scale * start, xp)[0])
    moved = quadratic.product(parameters[0])
    n_quiet = settle + 10 * RENEW if any(learned) else MIN_ITER
    iteration = 0
    while True:
        iteration += 1
        mean, sd, o = parameters
        prior = {"pi": pi, "slab": slab, "spike": spike, "residual_variance": residual_variance}
        d_mean, d_sd, d_gate = gradient(quadratic, moved, mean, sd, gate_scale * o, **prior, xp=xp)
        slopes = (-d_mean, -d_sd, -d_gate * gate_scale * gate * (1 - gate))
        for i, slope in enumerate(slopes):
            first[i] = beta_1 * first[i] + (1 - beta_1) * slope
            second[i] = beta_2 * second[i] + (1 - beta_2) * slope**2
            unbiased = first[i] / (1 - beta_1**iteration)
            size = xp.sqrt(second[i] / (1 - beta_2**iteration)) + epsilon
            parameters[i] = parameters[i] - learning_rate * unbiased / size
        parameters[1] = xp.clip(parameters[1], min=1e-8)  # sd stays positive
        mean, sd, o = parameters
        moved = quadratic.product(mean)
        previous, gate = gate, xp.exp(log_sigmoid(gate_scale * o, xp)[0])
        if spike_sd == "adaptive":
            spike = xp.mean(xp.sqrt(sd**2 + mean**2), axis=-1, keepdims=True) ** 2
        if iteration > settle and (iteration - settle) % RENEW == 1:
            new_pi, new_slab = closed_form_prior(mean, sd, gate, xp)
            pi = new_pi if learned[0] else pi
            slab = new_slab if learned[1] else slab
            if learned[2]:
                residual = expected_residual(quadratic, moved, mean, sd**2, xp)
                residual_variance = (quadratic.z_norm + residual[:, None]) / quadratic.rank
                residual_variance = xp.clip(residual_variance, min=MIN_RESIDUAL_VARIANCE)
        prior = {"pi": pi, "slab": slab, "spike": spike, "residual_variance": residual_variance}
        bound = elbo(quadratic, moved, mean, sd, gate_scale * o, **prior, xp=xp)
        change = float(xp.max(xp.sum(xp.abs(gate - previous), axis=-1)))
        converged = iteration >= n_quiet and change <= tol
        yield AdamState(mean, sd, gate, pi, slab, spike, residual_variance, bound, converged)
        if converged:
            return


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
