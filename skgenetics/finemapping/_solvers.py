"""How each solver meets the estimator: its start, its posterior and its credible sets."""

from collections.abc import Callable
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from skgenetics.finemapping._elbo import learned_prior, quadratic_form
from skgenetics.finemapping._n_causal import (
    count_of_draws,
    count_of_effects,
    count_of_modes,
    count_of_pips,
)
from skgenetics.finemapping._parameters import STARTS, slab_of_heritability
from skgenetics.finemapping.solvers._adam import SETTLE, START_MEAN, START_SD, adam, adam_posterior
from skgenetics.finemapping.solvers._cavi import cavi, cavi_posterior, distinct_modes
from skgenetics.finemapping.solvers._gibbs import BLOCK, gibbs, gibbs_posterior
from skgenetics.finemapping.solvers._susie import susie, susie_posterior
from skgenetics.loci._credible_sets import sets_of_draws, sets_of_effects, sets_of_pips
from skgenetics.loci._summary import Locus, per_variant
from skgenetics.utils._arrays import to_numpy

PANEL_ROUNDS, PANEL_SWEEPS, PANEL_CHANGE = 10, 30, 0.01


class Problem(NamedTuple):
    """A locus and what was asked about it."""

    locus: Locus
    pi: Any  # (p,) beside z, or None: learned
    slab: Any  # (p,) beside z, or None: learned
    pi_slab: float | None  # their product, where both are learned under a given heritability
    residual_variance: float | None  # None: learned
    norm: tuple  # z_norm and rank of `Quadratic`, where the noise is learned
    max_iter: int
    tol: float
    rng: np.random.RandomState
    options: dict[str, Any]  # the estimator's parameters

    def with_prior(self, pi):
        """Return the problem at prior probabilities `pi` (p,), on the host."""
        pi, h2 = self.locus.array(pi), self.options["heritability"]
        slab = self.slab if h2 is None else slab_of_heritability(h2, pi, self.locus)
        return self._replace(pi=pi, slab=slab, pi_slab=None)

    def prior(self):
        """Return the arguments of the spike-and-slab solvers, on the host."""
        pi, slab = host(self.pi, self.slab)
        return {
            "pi": pi,
            "slab": slab,
            "pi_slab": self.pi_slab,
            "residual_variance": self.residual_variance,
            "norm": self.norm,
        }


class Solver(NamedTuple):
    """One solver. Its states have the attributes `bound` and `converged`."""

    start: Callable  # problem -> generator of states
    posterior: Callable  # state, locus -> Posterior
    credible_sets: Callable  # state, problem -> list of dict
    counts: Callable  # state, posterior -> P(k variants have an effect), k = 0, 1, ...
    max_iter: Callable  # the estimator's parameters -> int
    tol: float
    remedy: str = "Increase max_iter, or tol."  # where it does not converge


def host(*arrays):
    """Return `arrays` on the host in double precision; None stays None."""
    return tuple(None if array is None else to_numpy(array).astype(float) for array in arrays)


def limits(problem):
    """Return the arguments that every credible set obeys."""
    return {name: problem.options[name] for name in ("coverage", "min_purity")}


def start_susie(problem):
    """Return the sweeps of a sum of single effects."""
    locus = problem.locus
    z, scale, weights, slab = host(locus.z, locus.scale, problem.pi, problem.slab)
    weights = np.ones_like(z) if weights is None else weights
    if np.any(scale > 0) and not np.any(weights[scale > 0] > 0):
        raise ValueError("causal_probability is 0 for every variant that varies.")
    return susie(
        z,
        locus.ld,
        scale,
        n_effects=min(problem.options["max_effects"], z.shape[0]),
        prior_weights=weights,
        effect_variance=slab,
        residual_variance=problem.residual_variance,
        norm=problem.norm,
        tol=problem.tol,
    )


def susie_sets(state, problem):
    """Return the credible sets of the effects that are left."""
    used = state.strength > 0
    alpha, log_bf = state.alpha[used], state.log_bf[used]
    return sets_of_effects(alpha, log_bf, problem.locus.ld, **limits(problem))


def start_adam(problem):
    """Return the iterations of the paper's algorithm, in the namespace of the data."""
    locus, options, s0 = problem.locus, problem.options, problem.residual_variance
    xp, z = locus.xp, locus.z
    if problem.pi is not None and not bool(xp.all((problem.pi > 0) & (problem.pi < 1))):
        raise ValueError("solver='adam' needs every causal_probability to be > 0 and < 1.")
    n_components = options["n_components"]
    first = {"mean": START_MEAN, "sd": START_SD, "gate": xp.abs(z)} | (options["start"] or {})
    mean, sd, gate = (
        per_variant(first[name], f"start[{name!r}]", z, **limits) for name, limits in STARTS.items()
    )
    factors = np.ones((options["n_restarts"] or 1, z.shape[0]))
    factors[1:] = problem.rng.uniform(0, 2, factors[1:].shape)
    ones, factors = locus.array(np.ones_like(factors)), locus.array(factors)
    constants = ("spike_sd", "gate_scale", "learning_rate", "beta_1", "beta_2", "epsilon")
    constants += ("prior_update", "min_iter")
    return adam(
        quadratic_form(locus, options["noise"], n_components=n_components, norm=problem.norm),
        [ones * mean, ones * sd, factors * gate],
        pi=None if problem.pi is None else problem.pi[None, :],
        slab=None if problem.slab is None else problem.slab[None, :],
        pi_slab=problem.pi_slab,
        residual_variance=None if s0 is None else locus.array(np.full((1, 1), float(s0))),
        **{name: options[name] for name in constants},
        settle=min(SETTLE, problem.max_iter // 2),
        tol=problem.tol,
        xp=xp,
    )


def adam_sets(state, problem):
    """Return the credible sets of the mean-field PIPs."""
    posterior = adam_posterior(state, problem.locus)
    pip, prior = host(posterior.pip)[0], prior_of(posterior, problem)
    return sets_of_pips(pip, prior, problem.locus.ld, **limits(problem))


def prior_of(posterior, problem):
    """Return the prior probabilities (p,) on the host: given, or the mean PIP."""
    if problem.pi is not None:
        return host(problem.pi)[0]
    return np.full(posterior.pip.shape[0], learned_prior(posterior, problem.locus)[0])


def start_cavi(problem):
    """Return the sweeps of coordinate ascent; the first start visits variants by falling z^2."""
    locus = problem.locus
    z, scale = host(locus.z, locus.scale)
    n_starts = problem.options["n_restarts"] or 30
    orders = np.array(
        [np.argsort(-np.abs(z), kind="stable")]
        + [problem.rng.permutation(z.shape[0]) for _ in range(n_starts - 1)]
    )
    return cavi(
        z,
        to_numpy(locus.ld.dense().matrix),
        scale,
        orders,
        **problem.prior(),
        tol=problem.tol,
    )


def cavi_sets(state, problem):
    """Return the credible sets of draws from the mixture of modes."""
    posterior = cavi_posterior(state, problem.locus)
    modes, weights = distinct_modes(state)
    chosen = problem.rng.choice(modes, size=2000, p=weights)
    causal = problem.rng.uniform(size=(2000, state.gate.shape[1])) < state.gate[chosen]
    width = max(int(causal.sum(axis=1).max()), 1)
    order = np.argsort(~causal, axis=1, kind="stable")[:, :width]
    places = np.where(np.take_along_axis(causal, order, axis=1), order, -1)
    pip = host(posterior.pip)[0]
    prior = prior_of(posterior, problem)
    return sets_of_draws(places, pip, prior, problem.locus.ld, **limits(problem))


def start_gibbs(problem):
    """Return the blocks of sweeps of the sampler."""
    locus, options = problem.locus, problem.options
    z, scale = host(locus.z, locus.scale)
    return gibbs(
        z,
        to_numpy(locus.ld.dense().matrix),
        scale,
        **problem.prior(),
        n_draws=options["n_draws"],
        n_chains=options["n_chains"],
        rng=problem.rng,
    )


def gibbs_sets(state, problem):
    """Return the credible sets of the draws."""
    posterior = gibbs_posterior(state, problem.locus)
    places = state.places.reshape(-1, state.places.shape[-1])
    pip, prior = host(posterior.pip)[0], prior_of(posterior, problem)
    return sets_of_draws(places, pip, prior, problem.locus.ld, **limits(problem))


def panel_noise(problem):
    """Return s0^2 with what the errors of a panel's LD add to the noise of z.

    The LD of m other people is R + W, so that z = (R + W) v - W v + e where v = S beta. W is that
    of a sample covariance: Cov(W v) = (v'Rv R + R v v'R) / m. The second part changes the size of
    the signal alone; the first is noise like e, as if s0^2 were larger by v'Rv / m. v is that of
    single effects, fitted in turn with s0^2.
    """
    locus, first = problem.locus, problem.residual_variance
    noise = first
    for _ in range(PANEL_ROUNDS):
        sweeps = start_susie(problem._replace(residual_variance=noise, tol=SOLVERS["susie"].tol))
        *_, state = islice(sweeps, PANEL_SWEEPS)
        moved = susie_posterior(state, locus).mean * locus.scale
        previous = noise
        noise = first + float(moved @ locus.ld.product(moved)) / locus.panel_size
        if abs(noise - previous) < PANEL_CHANGE * noise:
            return noise
    return max(noise, previous)


def at_most(default):
    """Return the reader of `max_iter` for a solver whose own limit is `default`."""
    return lambda options: default if options["max_iter"] is None else options["max_iter"]


SOLVERS = {
    "susie": Solver(
        start_susie,
        susie_posterior,
        susie_sets,
        count_of_effects,
        at_most(100),
        1e-3,
    ),
    "gibbs": Solver(
        start_gibbs,
        gibbs_posterior,
        gibbs_sets,
        count_of_draws,
        lambda options: -(-options["n_draws"] // BLOCK),
        0.0,
        "The chains disagree (see diagnostics_): increase n_draws.",
    ),
    "cavi": Solver(
        start_cavi,
        cavi_posterior,
        cavi_sets,
        count_of_modes,
        at_most(500),
        1e-3,
    ),
    "adam": Solver(
        start_adam,
        adam_posterior,
        adam_sets,
        count_of_pips,
        at_most(10_000),
        2.5e-3,
    ),
}
