"""Rao-Blackwellized Gibbs sampling under the spike-and-slab prior of MiXeR.

The state is a set of variants with their effects. A sweep asks of every variant in turn whether it
has an effect, given all others, and then lets each effect choose its place anew among all variants
with its size integrated out: without that, two variants in tight LD hardly ever change places.
PIPs average the probabilities that draws were made from, not the draws.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np

from skgenetics.finemapping._chains import chain_diagnostics
from skgenetics.finemapping._elbo import NoiseNorm
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers._contract import Problem, Solver, on_host
from skgenetics.loci._credible_sets import CredibleSet, sets_of_draws
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._numba import kernel
from skgenetics.utils._parameters import Constraints, Integer

SWEEPS_PER_STATE = 50
BURN_IN = 0.25  # sweeps that are left out, as a share of those kept
# Hyperpriors of what is learned: pi ~ Beta(1, p), one causal variant a locus; sigma_beta^2 ~
# scaled inverse chi^2 of 4 degrees of freedom and scale 20 / (N H), a variant of z^2 about 20.
HYPER_DEGREES, HYPER_Z2 = 4.0, 20.0
COVARIANCE_DRAWS = 400  # thinned draws that stand for the covariance of the effects
MAX_RHAT, MAX_PIP_GAP = 1.1, 0.1  # beyond either, the chains disagree


class GibbsState(NamedTuple):
    """Averages over the kept sweeps of each chain, and the draws, on the host."""

    pip: np.ndarray
    """(c, p)"""
    first: np.ndarray
    """E[beta] (c, p)."""
    second: np.ndarray
    """E[beta^2] (c, p)."""
    blocks: list["Draws"]
    """The draws of each block."""
    converged: bool = False
    bound: float = np.nan
    """A sampler has none."""

    def draws(self) -> "Draws":
        """Return the draws of all blocks, as wide as the one of the most effects."""
        width = max(block.places.shape[2] for block in self.blocks)
        return Draws(
            np.concatenate([block.trace for block in self.blocks], axis=1),
            np.concatenate([widened(block.places, width, -1) for block in self.blocks], axis=1),
            np.concatenate([widened(block.sizes, width, 0.0) for block in self.blocks], axis=1),
        )


class Gibbs(Solver):
    """Samples the spike and slab, point mass included; calibrated, slower, forms the LD matrix.

    Two variants in tight LD hardly ever change places one by one, so that after each sweep every
    effect also chooses its place anew. What is learned is drawn with the effects.

    Parameters
    ----------
    n_draws : int, default=1000
        Sweeps that are kept of a chain, after a quarter as many that are not.
    n_chains : int, default=2
        Chains, whose agreement `diagnostics_` tells: "rhat" and "effective_size" of the number of
        causal variants and of the variance they explain (the worse), and "pip_gap", the largest
        difference of a PIP between chains. An R-hat above 1.1 or a gap above 0.1 gives a
        ConvergenceWarning.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator, whose `max_iter` and `tol` this solver does not use.
    """

    name: ClassVar[str] = "gibbs"
    has_pi: ClassVar[bool] = True
    calibrated: ClassVar[bool] = True
    forms_ld: ClassVar[bool] = True
    is_sampler: ClassVar[bool] = True
    default_tol: ClassVar[float] = 0.0
    remedy: ClassVar[str] = "The chains disagree (see diagnostics_): increase n_draws."

    _constraints: ClassVar[Constraints] = {
        "n_draws": [Integer(low=1)],
        "n_chains": [Integer(low=1)],
    }

    def __init__(self, *, n_draws: int = 1000, n_chains: int = 2):
        self.n_draws = n_draws
        self.n_chains = n_chains

    def n_iterations(self, max_iter: int | None) -> int:
        """Return the number of blocks of sweeps that `n_draws` asks for."""
        return -(-self.n_draws // SWEEPS_PER_STATE)

    def start(self, problem: Problem) -> Iterator[GibbsState]:
        """Return the blocks of sweeps of all chains."""
        locus = problem.locus
        z, scale = on_host(locus.z, locus.scale)
        return gibbs(
            z,
            to_numpy(locus.ld.dense().matrix),
            scale,
            prior=problem.prior_on_host(),
            residual_variance=problem.residual_variance,
            norm=problem.noise_norm,
            n_draws=self.n_draws,
            n_chains=self.n_chains,
            rng=problem.rng,
        )

    def posterior(self, state: GibbsState, locus: Locus) -> Posterior:
        """Return the `Posterior`; thinned draws stand for the covariance between effects."""
        mean, second = state.first.mean(axis=0), state.second.mean(axis=0)
        draws = thinned_draws(state)
        draws -= draws.mean(axis=0)
        spread = second - mean**2 - np.mean(draws**2, axis=0)
        return Posterior(
            pip=locus.array(state.pip.mean(axis=0)),
            mean=locus.array(mean),
            covariance=Covariance(
                spread=locus.array(spread),
                factors=locus.array(draws),
                weights=locus.array(np.full(len(draws), 1 / len(draws))),
            ),
            slab_second=locus.array(second),
            residual_variance=float(
                np.mean([block.trace[..., 2].mean() for block in state.blocks])
            ),
        )

    def credible_sets(self, state: GibbsState, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of the draws."""
        posterior = self.posterior(state, problem.locus)
        return sets_of_draws(
            np.concatenate(state.draws().places),
            on_host(posterior.pip)[0],
            problem.prior_pip(posterior),
            problem.observed.ld,
            **problem.set_rules(),
        )

    def n_causal(self, state: GibbsState, posterior: Posterior) -> np.ndarray:
        """Return the share of draws with k causal variants, k = 0, 1, ..."""
        counts = state.draws().trace[..., 0].ravel().astype(int)
        return np.bincount(counts) / len(counts)

    def diagnostics(self, state: GibbsState) -> dict[str, float]:
        """Return whether the chains agree: see `chain_diagnostics`."""
        return chain_diagnostics(state.draws().trace, state.pip)


class Model(NamedTuple):
    """Likelihood and hyperpriors, as the compiled sweeps read them."""

    ld: np.ndarray
    """R (p, p)."""
    scale: np.ndarray
    """sqrt(N H) (p,); variants of scale 0 are left out."""
    linear: np.ndarray
    """S z (p,)."""
    draws_pi: bool
    draws_slab: bool
    draws_noise: bool
    prior_slab: float
    """Scale of the prior of sigma_beta^2."""
    degrees: float
    """Degrees of freedom of the prior of sigma_beta^2."""
    pi_slab: float
    """pi sigma_beta^2, if a given heritability holds it, else 0."""
    z_norm: float
    rank: float


class Chain(NamedTuple):
    """State of a chain, updated in place."""

    beta: np.ndarray
    """The effects (p,)."""
    moved: np.ndarray
    """G beta (p,)."""
    log_odds: np.ndarray
    """Of the prior (p,)."""
    slab: np.ndarray
    """sigma_beta^2 (p,)."""
    noise: np.ndarray
    """s0^2 (1,)."""


class Sums(NamedTuple):
    """Sums over kept sweeps of conditional probabilities and moments."""

    pip: np.ndarray
    first: np.ndarray
    second: np.ndarray


class Draws(NamedTuple):
    """What is stored of some sweeps of c chains, or of one."""

    trace: np.ndarray
    """Number of causal variants, sum of N H beta^2 and s0^2 (c, sweeps, 3)."""
    places: np.ndarray
    """Variants with an effect (c, sweeps, most effects of a draw), then -1."""
    sizes: np.ndarray
    """Their effects, in a like array, then 0."""

    def trimmed(self) -> "Draws":
        """Return them without the columns that no draw uses."""
        width = int(self.trace[..., 0].max())
        return Draws(self.trace, self.places[..., :width].copy(), self.sizes[..., :width].copy())


def widened(array: np.ndarray, width: int, value: float) -> np.ndarray:
    """Return an array (c, sweeps, k) with columns of `value` up to `width`."""
    missing = width - array.shape[2]
    return np.pad(array, ((0, 0), (0, 0), (0, missing)), constant_values=value)


def chains_agree(state: GibbsState) -> bool:
    """Return whether the chains tell the same."""
    diagnostics = chain_diagnostics(state.draws().trace, state.pip)
    return diagnostics["rhat"] <= MAX_RHAT and diagnostics["pip_gap"] <= MAX_PIP_GAP


@kernel
def add_effect(model, chain, i, size):
    """Add `size` to the effect of variant i, of which `moved` = G beta is told."""
    change = model.scale[i] * size
    for j in range(model.scale.shape[0]):
        chain.moved[j] += model.scale[j] * model.ld[i, j] * change


@kernel
def draw_effects(model, chain, sums, keep):
    """Draw whether each variant in turn has an effect, and its size, given all others.

    The odds of an effect are pi / (1 - pi) (slab a)^(-1/2) exp(b^2 / 2a), its size is N(b/a, 1/a)
    with a = N H / s0^2 + 1 / slab and b = S (z - R S beta of the others) / s0^2.
    """
    s0 = chain.noise[0]
    for i in range(model.scale.shape[0]):
        if model.scale[i] == 0.0:
            continue
        diagonal = model.scale[i] * model.scale[i]
        precision = diagonal / s0 + 1.0 / chain.slab[i]
        shift = (model.linear[i] - chain.moved[i] + diagonal * chain.beta[i]) / s0
        mean = shift / precision
        odds = chain.log_odds[i] - 0.5 * np.log(chain.slab[i] * precision) + 0.5 * shift * mean
        gate = 1.0 / (1.0 + np.exp(-odds))
        if keep:
            sums.pip[i] += 0.5 * gate
            sums.first[i] += gate * mean
            sums.second[i] += gate * (mean * mean + 1.0 / precision)
        value = 0.0
        if np.random.random() < gate:
            value = mean + np.random.normal() / np.sqrt(precision)
        if value != chain.beta[i]:
            add_effect(model, chain, i, value - chain.beta[i])
            chain.beta[i] = value


@kernel
def place_weights(model, chain, weight):
    """Write the weights (p,) of the places of one more effect, its size integrated out.

    They are pi / (1 - pi) (slab a)^(-1/2) exp(b^2 / 2a) as in `draw_effects`, up to a factor, and
    0 for a variant that has an effect. Returns their sum.
    """
    s0, largest, total = chain.noise[0], -np.inf, 0.0
    for j in range(model.scale.shape[0]):
        weight[j] = -np.inf
        if chain.beta[j] == 0.0 and model.scale[j] > 0.0:
            precision = model.scale[j] * model.scale[j] / s0 + 1.0 / chain.slab[j]
            shift = (model.linear[j] - chain.moved[j]) / s0
            size = 0.5 * shift * shift / precision - 0.5 * np.log(chain.slab[j] * precision)
            weight[j] = chain.log_odds[j] + size
            largest = max(largest, weight[j])
    for j in range(model.scale.shape[0]):
        weight[j] = np.exp(weight[j] - largest)
        total += weight[j]
    return total


@kernel
def draw_place(weight, total, default):
    """Draw a variant with probability `weight` / `total`."""
    remaining, place = np.random.random() * total, default
    for j in range(weight.shape[0]):
        remaining -= weight[j]
        if weight[j] > 0.0:
            place = j
        if remaining <= 0.0:
            break
    return place


@kernel
def draw_places(model, chain, sums, keep, weight):
    """Let each effect in turn choose its place among all variants, then draw its size.

    The order is drawn afresh: in order of position, an effect that jumps over another would change
    which of them comes next, and the posterior would not be left as it is. One effect per sweep, at
    random, adds to the PIPs: the others stay as they are. Effects that are certain do not move.
    """
    causal = np.random.permutation(np.flatnonzero((chain.beta != 0.0) & (chain.log_odds < np.inf)))
    counted = np.random.randint(causal.shape[0]) if causal.shape[0] > 0 else -1
    if keep and counted < 0:
        sums.pip[chain.beta != 0.0] += 0.5
    for k in range(causal.shape[0]):
        i = causal[k]
        add_effect(model, chain, i, -chain.beta[i])
        chain.beta[i] = 0.0
        total = place_weights(model, chain, weight)
        if keep and k == counted:
            for j in range(weight.shape[0]):
                sums.pip[j] += 0.5 * (weight[j] / total if chain.beta[j] == 0.0 else 1.0)
        place = draw_place(weight, total, i)
        s0 = chain.noise[0]
        precision = model.scale[place] * model.scale[place] / s0 + 1.0 / chain.slab[place]
        mean = (model.linear[place] - chain.moved[place]) / s0 / precision
        chain.beta[place] = mean + np.random.normal() / np.sqrt(precision)
        add_effect(model, chain, place, chain.beta[place])


@kernel
def store_draw(model, chain, draws, sweep):
    """Store the variants with an effect; return their number and three sums over them.

    The sums are beta^2, N H beta^2 and beta (G beta - 2 S z), the residual of z but for z_norm.
    """
    n_causal, squares, explained, residual = 0, 0.0, 0.0, 0.0
    for j in range(chain.beta.shape[0]):
        if chain.beta[j] != 0.0:
            draws.places[sweep, n_causal] = j
            draws.sizes[sweep, n_causal] = chain.beta[j]
            n_causal += 1
            squares += chain.beta[j] * chain.beta[j]
            explained += (model.scale[j] * chain.beta[j]) ** 2
            residual += chain.beta[j] * (chain.moved[j] - 2.0 * model.linear[j])
    return n_causal, squares, explained, residual


@kernel
def draw_pi(model, chain, n_causal, squares):
    """Draw pi from Beta(1 + n, 2 p - n) for n effects, sigma_beta^2 with it if h^2 is held.

    If pi sigma_beta^2 is held, the effects add pi^(n/2) exp(-pi squares / (2 pi_slab)) to the
    density of pi: the power goes into the proposal, the rest is accepted or not.
    """
    held = model.pi_slab > 0.0
    shape = 1.5 * n_causal if held else 1.0 * n_causal
    n_variants = max(np.sum(model.scale > 0), 1)
    pi = np.random.beta(1.0 + shape, 2.0 * n_variants - n_causal)
    if held:
        previous = 1.0 / (1.0 + np.exp(-chain.log_odds[0]))
        if np.log(np.random.random()) > 0.5 * (previous - pi) * squares / model.pi_slab:
            pi = previous
        chain.slab[:] = model.pi_slab / pi
    chain.log_odds[:] = np.log(pi) - np.log1p(-pi)


@kernel
def gibbs_sweeps(model, chain, sums, draws, seed, keep):
    """Run as many sweeps of a chain as `draws` has rows; if `keep`, add to the `sums`."""
    np.random.seed(seed)
    weight = np.empty(model.scale.shape[0])
    for sweep in range(draws.trace.shape[0]):
        draw_effects(model, chain, sums, keep)
        draw_places(model, chain, sums, keep, weight)
        n_causal, squares, explained, residual = store_draw(model, chain, draws, sweep)
        if model.draws_pi:
            draw_pi(model, chain, n_causal, squares)
        if model.draws_slab and model.pi_slab == 0.0:
            shape = 0.5 * (model.degrees + n_causal)
            scale = 0.5 * (model.degrees * model.prior_slab + squares)
            chain.slab[:] = scale / np.random.gamma(shape)
        if model.draws_noise:
            error = max(model.z_norm + residual, 1e-4 * model.rank)
            chain.noise[0] = 0.5 * error / np.random.gamma(0.5 * model.rank)
        draws.trace[sweep, 0] = n_causal
        draws.trace[sweep, 1] = explained
        draws.trace[sweep, 2] = chain.noise[0]


def gibbs(
    z: np.ndarray,
    ld: np.ndarray,
    scale: np.ndarray,
    *,
    prior: Prior,
    residual_variance: float | None,
    norm: NoiseNorm,
    n_draws: int,
    n_chains: int,
    rng: np.random.RandomState,
) -> Iterator[GibbsState]:
    """Yield a `GibbsState` per block of sweeps of all chains, until `n_draws` sweeps are kept.

    Parameters
    ----------
    z, scale : array (p,), on the host
    ld : array (p, p), on the host
    prior : Prior, on the host
        What is None is drawn with the effects, one value for all variants.
    residual_variance : None or float
        None: drawn with the effects.
    norm : NoiseNorm
        Needed if s0^2 is drawn.
    n_draws, n_chains : int
        Kept sweeps of a chain; BURN_IN of their number run before.
    rng : RandomState
        Source of the seeds.
    """
    model, chain = first_state(z, ld, scale, prior, residual_variance, norm, n_chains)
    n_blocks = -(-n_draws // SWEEPS_PER_STATE)
    n_burn = int(np.ceil(BURN_IN * n_blocks))
    sums = Sums(*(np.zeros((n_chains, len(z))) for _ in range(3)))
    shape = n_chains, SWEEPS_PER_STATE, len(z)
    kept: list[Draws] = []
    for block in range(-n_burn, n_blocks):
        draws = Draws(np.zeros((*shape[:2], 3)), np.full(shape, -1), np.zeros(shape))
        for c in range(n_chains):
            gibbs_sweeps(
                model,
                Chain(*(part[c] for part in chain)),
                Sums(*(part[c] for part in sums)),
                Draws(*(part[c] for part in draws)),
                rng.randint(2**31 - 1),
                block >= 0,
            )
        if block < 0:
            continue
        kept.append(draws.trimmed())
        means = Sums(*(total / (len(kept) * SWEEPS_PER_STATE) for total in sums))
        state = GibbsState(**means._asdict(), blocks=kept)
        yield state if block < n_blocks - 1 else state._replace(converged=chains_agree(state))


def first_state(
    z: np.ndarray,
    ld: np.ndarray,
    scale: np.ndarray,
    prior: Prior,
    residual_variance: float | None,
    norm: NoiseNorm,
    n_chains: int,
) -> tuple[Model, Chain]:
    """Return the `Model`, and the chains at no effect, each a row of the arrays of a `Chain`."""
    p, varies = len(z), scale > 0
    prior_slab = HYPER_Z2 / np.median(scale[varies] ** 2) if varies.any() else 1.0
    pi = np.full(p, 1 / (p + 1)) if prior.pi is None else prior.pi
    if prior.pi_slab is not None:
        prior_slab = prior.pi_slab / pi[0]
    slab = np.full(p, prior_slab) if prior.slab is None else prior.slab
    with np.errstate(divide="ignore"):
        log_odds = np.log(pi) - np.log1p(-pi)
    model = Model(
        ld=ld,
        scale=scale,
        linear=scale * z,
        draws_pi=prior.pi is None,
        draws_slab=prior.slab is None,
        draws_noise=residual_variance is None,
        prior_slab=float(prior_slab),
        degrees=HYPER_DEGREES,
        pi_slab=float(prior.pi_slab or 0.0),
        z_norm=float(norm.z_norm or 0.0),
        rank=float(norm.rank or 0.0),
    )
    chain = Chain(
        beta=np.zeros((n_chains, p)),
        moved=np.zeros((n_chains, p)),
        log_odds=np.tile(log_odds, (n_chains, 1)),
        slab=np.tile(slab, (n_chains, 1)),
        noise=np.full((n_chains, 1), float(residual_variance or 1.0)),
    )
    return model, chain


def thinned_draws(state: GibbsState) -> np.ndarray:
    """Return effects (k, p) of at most COVARIANCE_DRAWS draws, evenly spaced over all chains."""
    _, places, sizes = (np.concatenate(part) for part in state.draws())
    chosen = np.linspace(0, len(places) - 1, min(COVARIANCE_DRAWS, len(places))).astype(int)
    draws = np.zeros((len(chosen), state.pip.shape[1]))
    row, column = np.nonzero(places[chosen] >= 0)
    draws[row, places[chosen][row, column]] = sizes[chosen][row, column]
    return draws
