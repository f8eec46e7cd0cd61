"""Sampling under the spike and slab of MiXeR: slots that hold a variant or nothing.

The sizes of the effects are integrated out, so that a state is a set of variants: see
:mod:`skgenetics.finemapping.solvers._slots`. What is learned is drawn beside it, and so is the
variance of a background of small effects. PIPs average the probabilities that moves were drawn
from, not the draws.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import betaln

from skgenetics.finemapping._chains import chain_diagnostics
from skgenetics.finemapping._likelihood import root_samples
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping._prior import Prior
from skgenetics.finemapping.solvers._background import held_background, learned_background
from skgenetics.finemapping.solvers._contract import (
    Problem,
    Solver,
    check_bounded,
    indefinite_ld,
    on_host,
)
from skgenetics.finemapping.solvers._duplicates import Duplicates, find_duplicates
from skgenetics.finemapping.solvers._slots import gibbs_sweeps
from skgenetics.finemapping.solvers._slots_state import (
    Chain,
    Conditionals,
    Draws,
    Likelihood,
    Model,
    Sums,
    Work,
)
from skgenetics.loci._credible_sets import CredibleSet, sets_of_draws
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import Constraints, Integer

SWEEPS_PER_STATE = 50  # a block
BURN_IN = 2  # blocks that are left out
FEWEST_BLOCKS = 4  # of a chain, before Monte Carlo errors count
# Hyperpriors of what is learned: pi ~ Beta(2, p), two causal variants a locus, but no more than two
# among 250 variants, and no effect at all has probability 2/3; sigma_beta^2 ~ scaled inverse chi^2
# of 4 degrees of freedom and scale 20 / (N H), a variant of z^2 about 20.
HYPER_SHAPE, HYPER_NONE, DENSEST = 2.0, 2 / 3, 250
HYPER_DEGREES, HYPER_Z2 = 4.0, 20.0
MIN_SLOTS, MOST_SLOTS = 12, 48  # their number doubles where a chain fills them
COVARIANCE_DRAWS = 200  # thinned draws that stand for the covariance of the effects
MAX_RHAT, MAX_PIP_GAP = 1.1, 0.1  # beyond either, the chains disagree


class GibbsState(NamedTuple):
    """Averages over the kept sweeps of each of c chains, and the draws, on the host."""

    pip: np.ndarray
    """Number of slots expected to hold each variant (c, p), which may exceed 1 by its error."""
    first: np.ndarray
    """E[beta] (c, p)."""
    second: np.ndarray
    """E[beta^2] (c, p)."""
    counts: np.ndarray
    """Share of the sweeps with k effects (c, p + 1)."""
    blocks: list[Draws]
    """The draws of each block."""
    pip_error: float
    """Largest Monte Carlo standard error of a PIP."""
    converged: bool = False
    bound: float = np.nan
    """A sampler has none."""

    def draws(self) -> Draws:
        """Return the draws of all blocks, as wide as the one of the most effects."""
        width = max(block.places.shape[2] for block in self.blocks)
        trace = np.concatenate([block.trace for block in self.blocks], axis=1)
        shape = (*trace.shape[:2], width)
        joined = Draws(trace, np.full(shape, -1), np.zeros(shape), np.zeros(shape))
        for k, block in enumerate(self.blocks):
            rows = slice(k * SWEEPS_PER_STATE, (k + 1) * SWEEPS_PER_STATE)
            for into, part in zip(joined[1:], block[1:], strict=True):
                into[:, rows, : part.shape[2]] = part
        return joined

    def averages(self) -> np.ndarray:
        """Return the means (4 + k,) of the traces."""
        return np.mean([block.trace.mean(axis=(0, 1)) for block in self.blocks], axis=0)


def batch_error(mean: np.ndarray, squares: np.ndarray, n_batches: int) -> float:
    """Return the largest standard error of means (p,) of batches, given the batches' `squares`."""
    variance = np.maximum(squares / n_batches - mean**2, 0.0)
    return float(np.sqrt(variance.max() / (n_batches - 1))) if n_batches > 1 else np.inf


def chains_agree(state: GibbsState) -> bool:
    """Return whether the chains tell the same."""
    diagnostics = chain_diagnostics(state.draws().trace, state.pip)
    return diagnostics["rhat"] <= MAX_RHAT and diagnostics["pip_gap"] <= MAX_PIP_GAP


class Gibbs(Solver):
    """Samples the spike and slab, point mass included; calibrated, slower, forms the LD matrix.

    Slots hold a variant or nothing; each is redrawn given the others, with the sizes of the effects
    integrated out, so that effects change places in tight LD too. What is learned is drawn with
    them, slopes of annotations too, and the background of small effects on a grid: one with
    probability 1/2 beyond 50,000 people, and (N / 50,000)^(1/4) times that below.

    Parameters
    ----------
    n_draws : int, default=1000
        The most sweeps that are kept of a chain, after 100 that are not. In a sweep each slot is
        redrawn once. A chain ends before, though not before 200 sweeps, if the chains agree and no
        PIP has a Monte Carlo standard error above FinemapMiXeR's `tol` (None: 0.01).
    n_chains : int, default=2
        Chains, whose agreement `diagnostics_` tells: "rhat" and "effective_size" of the number of
        causal variants and of the variance they explain (the worse), "pip_gap", the largest
        difference of a PIP between chains, and "pip_error", the largest standard error of a PIP. An
        R-hat above 1.1 or a gap above 0.1 gives a ConvergenceWarning.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator, whose `max_iter` this solver does not use.

    References
    ----------
    Zanella and Roberts, "Scalable importance tempering and Bayesian variable selection", JRSS B
    2019: all conditional probabilities of a state at once. Cui et al., "Improving fine-mapping by
    modeling infinitesimal effects", Nature Genetics 2024: the background.
    """

    name: ClassVar[str] = "gibbs"
    source: ClassVar[str] = (
        "Solver gibbs: a sampler under the spike and slab of Akdeniz et al., PLoS Genet "
        "20:e1011372 (2024), with a background of small effects, Cui et al., Nat Genet 56:162 "
        "(2024)."
    )
    has_pi: ClassVar[bool] = True
    calibrated: ClassVar[bool] = True
    forms_ld: ClassVar[bool] = True
    believes_ld: ClassVar[bool] = True
    most_variants: ClassVar[float] = 1500
    is_sampler: ClassVar[bool] = True
    learns_background: ClassVar[bool] = True
    learns_annotations: ClassVar[bool] = True
    default_tol: ClassVar[float] = 0.01
    unfinished: ClassVar[str] = (
        "has taken all draws, and its chains disagree (see diagnostics_): increase n_draws."
    )

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
        prior, (scale,) = problem.prior_on_host(), on_host(deviation_scale(problem.locus))
        likelihood, grid = likelihood_of(problem, prior, scale)
        return gibbs(
            likelihood,
            scale,
            prior=prior,
            residual_variance=problem.residual_variance,
            rank=float(problem.noise_norm.rank or 0.0),
            grid=grid,
            n_draws=self.n_draws,
            n_chains=self.n_chains,
            tol=problem.tol,
            rng=problem.rng,
            annotations=None if problem.annotations is None else problem.annotations.values,
            duplicates=duplicates_of(problem),
        )

    def posterior(self, state: GibbsState, locus: Locus) -> Posterior:
        """Return the `Posterior`; thinned draws stand for the covariance between effects."""
        mean, second = state.first.mean(axis=0), state.second.mean(axis=0)
        draws = thinned_draws(state)
        draws -= draws.mean(axis=0)
        spread = second - mean**2 - np.mean(draws**2, axis=0)
        _, _, noise, background, *slopes = state.averages()
        return Posterior(
            pip=locus.array(np.clip(state.pip.mean(axis=0), 0.0, 1.0)),
            mean=locus.array(mean),
            covariance=Covariance(
                spread=locus.array(spread),
                factors=locus.array(draws),
                weights=locus.array(np.full(len(draws), 1 / len(draws))),
            ),
            slab_second=locus.array(second),
            residual_variance=float(noise),
            background=float(background) / background_unit(locus),
            slopes=np.array(slopes),
        )

    def credible_sets(self, state: GibbsState, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of the draws."""
        posterior, draws = self.posterior(state, problem.locus), state.draws()
        return sets_of_draws(
            np.concatenate(draws.places),
            on_host(posterior.pip)[0],
            problem.prior_pip(posterior),
            problem.observed.ld,
            log_bf=np.concatenate(draws.log_bf),
            averaged=duplicates_of(problem).averaged,
            **problem.set_rules(),
        )

    def n_causal(self, state: GibbsState, posterior: Posterior) -> np.ndarray:
        """Return the share of the sweeps with k causal variants, k = 0, 1, ..."""
        return state.counts.mean(axis=0)

    def diagnostics(self, state: GibbsState) -> dict[str, float]:
        """Return whether the chains agree: see `chain_diagnostics`."""
        return chain_diagnostics(state.draws().trace, state.pip) | {"pip_error": state.pip_error}


def duplicates_of(problem: Problem) -> Duplicates:
    """Return the variants that neither z and LD nor the prior tell apart."""
    pi, slab, _ = problem.prior_on_host()
    annotations = () if problem.annotations is None else problem.annotations.values.T
    known = [values for values in (pi, slab, *annotations) if values is not None]
    return find_duplicates(
        problem.locus, np.reshape(known, (len(known), problem.locus.z.shape[0])).T
    )


def sample_unit(root: np.ndarray) -> float:
    """Return sqrt(N), the mean over variants that vary: effects b are in units of z."""
    used = root[root > 0]
    return float(np.sqrt(np.mean(used**2))) if used.size else 1.0


def deviation_scale(locus: Locus) -> np.ndarray:
    """Return what an effect of 1 per allele is as b (p,): sqrt(N H), 0 if the variant is constant.

    b is per deviation of the genotype and in units of z; N is the mean of all variants.
    """
    root, scale = on_host(root_samples(locus), locus.scale)
    return scale / np.where(root > 0, root, 1.0) * sample_unit(root)


def background_unit(locus: Locus) -> float:
    """Return what tau^2 = 1 of FinemapMiXeR is as a variance of b: N times the mean H."""
    scale = deviation_scale(locus)
    used = scale[scale > 0]
    return float(np.mean(used**2)) if used.size else 1.0


def likelihood_of(
    problem: Problem, prior: Prior, scale: np.ndarray
) -> tuple[Likelihood, np.ndarray]:
    """Return the `Likelihood` of a problem and its grid of tau^2 / s0^2."""
    locus = problem.locus
    z, root = on_host(locus.z, root_samples(locus))
    relative = root / sample_unit(root)
    quadratic = np.ascontiguousarray(to_numpy(locus.ld.dense().matrix), dtype=float)
    if np.any(relative != 1):
        quadratic = relative[:, None] * quadratic * relative
    linear = relative * z
    norm, noise = problem.noise_norm, problem.residual_variance or 1.0
    z_norm, rank = float(norm.z_norm or 0.0), float(norm.rank or 0.0)
    n_variants = int(np.sum(scale > 0))
    if problem.background is not None or n_variants == 0:
        ratio = (problem.background or 0.0) * background_unit(locus) / noise
        return held_background(linear, quadratic, ratio, z_norm), np.array([ratio])
    pi, slab = first_prior(prior, scale)
    return learned_background(
        linear,
        quadratic,
        n_variants=n_variants,
        n_samples=float(np.max(to_numpy(locus.n_samples))),
        noise=noise,
        slab=np.where(scale > 0, slab * scale**2, 1.0),
        odds=np.where(scale > 0, pi / np.maximum(1 - pi, 1e-12), 0.0),
        z_norm=z_norm,
        rank=rank,
    )


def first_prior(prior: Prior, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pi and sigma_beta^2 (p,), as they are known or where chains start."""
    varies = scale > 0
    slab = HYPER_Z2 / np.median(scale[varies] ** 2) if varies.any() else 1.0
    pi = np.full(len(scale), 1 / (len(scale) + 1)) if prior.pi is None else prior.pi
    if prior.pi_slab is not None:
        slab = prior.pi_slab / pi[0]
    return pi, np.full(len(scale), slab) if prior.slab is None else prior.slab


def gibbs(
    likelihood: Likelihood,
    scale: np.ndarray,
    *,
    prior: Prior,
    residual_variance: float | None,
    rank: float,
    grid: np.ndarray,
    n_draws: int,
    n_chains: int,
    tol: float,
    rng: np.random.RandomState,
    annotations: np.ndarray | None = None,
    duplicates: Duplicates | None = None,
) -> Iterator[GibbsState]:
    """Yield a `GibbsState` per block of sweeps of all chains, until they agree to `tol`.

    Parameters
    ----------
    likelihood : Likelihood
    scale : array (p,)
        b per allelic effect; variants of scale 0 are left out.
    prior : Prior, on the host
        What is None is drawn with the effects, one value for all variants.
    residual_variance : None or float
        None: drawn with the effects.
    rank : float
        Degrees of freedom of the noise, if s0^2 is drawn.
    grid : array (T,)
        tau^2 / s0^2 of the background.
    n_draws, n_chains : int
        The most sweeps that are kept of a chain; BURN_IN blocks run before.
    tol : float
        Largest standard error of a PIP at which the chains end.
    rng : RandomState
        Source of the seeds.
    annotations : array (p, k)
        Of standard deviation 1: prior odds that depend on them are drawn beside pi.
    duplicates : Duplicates
        Variants that share what is drawn of them.
    """
    model, chains, n_slots = first_state(
        scale, prior, residual_variance, rank, grid, n_chains, annotations
    )
    n_blocks, p, most = -(-n_draws // SWEEPS_PER_STATE), len(scale), int(np.sum(scale > 0))
    sums = [Sums(np.zeros(p), np.zeros(p), np.zeros(p), np.zeros(p + 1)) for _ in chains]
    kept: list[Draws] = []
    block, squares = -BURN_IN, np.zeros((n_chains, p))
    per_allele, converged = 1 / np.where(scale > 0, scale, 1.0), False
    while block < n_blocks and not converged:
        width = model.n_held + n_slots
        conditionals, work = scratch(width, p)
        shape = n_chains, SWEEPS_PER_STATE, width
        draws = Draws(
            np.zeros((*shape[:2], 4 + model.annotations.shape[1])),
            np.full(shape, -1),
            np.zeros(shape),
            np.zeros(shape),
        )
        for c, chain in enumerate(chains):
            one, seed = Draws(*(part[c] for part in draws)), rng.randint(2**31 - 1)
            before = sums[c].pip.copy()
            try:
                gibbs_sweeps(
                    model, likelihood, chain, conditionals, work, sums[c], one, seed, block >= 0
                )
            except ZeroDivisionError as error:  # of weights that are no numbers
                raise indefinite_ld() from error
            check_bounded(one.sizes)
            squares[c] += ((sums[c].pip - before) / SWEEPS_PER_STATE) ** 2
        if block >= 0:
            kept.append(draws.trimmed())
            pip, first, second, counts = (
                np.stack(part) / (len(kept) * SWEEPS_PER_STATE) for part in zip(*sums, strict=True)
            )
            if duplicates is not None:
                pip, second = duplicates.averaged(pip), duplicates.averaged(second)
                first = duplicates.averaged_effects(first)
            state = GibbsState(
                pip,
                first * per_allele,
                second * per_allele**2,
                counts,
                kept,
                pip_error=batch_error(pip.mean(axis=0), squares.sum(axis=0), n_chains * len(kept)),
            )
            done = len(kept) >= FEWEST_BLOCKS and state.pip_error <= tol
            converged = (done or block == n_blocks - 1) and chains_agree(state)
            yield state._replace(converged=converged)
        full = draws.trace[..., 0].max() >= width
        if full and width < most and n_slots < MOST_SLOTS:  # more slots, and longer
            n_slots = min(2 * n_slots, most - model.n_held)
            chains = [chain._replace(members=wider(chain.members, width)) for chain in chains]
            block -= block < 0
        block += 1


def wider(members: np.ndarray, width: int) -> np.ndarray:
    """Return the members (L,) of a chain with room for as many more, at least `width`."""
    return np.concatenate([members, np.zeros(width, dtype=members.dtype)])


def scratch(width: int, p: int) -> tuple[Conditionals, Work]:
    """Return arrays for at most `width` effects among p variants."""
    conditionals = Conditionals(
        np.empty(p),
        np.empty(p),
        np.zeros((width, p)),  # the first row is read, times 0, where there is no effect
        np.empty((width, width)),
        np.zeros(width),
    )
    rows = [np.empty((2, p)) for _ in range(3)]
    powers = np.empty(p, dtype=np.int64)
    return conditionals, Work(rows[0], rows[1], rows[2], np.empty(p), np.empty(p), powers)


def hyperprior_of_pi(n_variants: int) -> tuple[float, float]:
    """Return b of pi ~ Beta(HYPER_SHAPE, b), and the weight of no effect at all beside it.

    Without that weight no effect has the probability E (1 - pi)^p = B(a, b + p) / B(a, b).
    """
    other_shape = float(max(n_variants, DENSEST))
    log_none = betaln(HYPER_SHAPE, other_shape + n_variants) - betaln(HYPER_SHAPE, other_shape)
    return other_shape, HYPER_NONE / (1 - HYPER_NONE) * float(np.expm1(-log_none))


def first_state(
    scale: np.ndarray,
    prior: Prior,
    residual_variance: float | None,
    rank: float,
    grid: np.ndarray,
    n_chains: int,
    annotations: np.ndarray | None = None,
) -> tuple[Model, list[Chain], int]:
    """Return the `Model`, the chains without effects but those held, and a number of slots."""
    varies = scale > 0
    design = np.zeros((len(scale), 0)) if annotations is None else annotations
    share = np.where(varies, 1.0 if prior.pi_slab is None else scale**2, 0.0)
    pi, slab = first_prior(prior, scale)
    with np.errstate(divide="ignore"):
        log_odds = np.where(varies, np.log(pi) - np.log1p(-pi), -np.inf)
    n_variants = max(int(varies.sum()), 1)
    other_shape, none = hyperprior_of_pi(n_variants)
    held = np.flatnonzero(varies & (pi == 1))
    log_odds[held] = -np.inf  # they have their effect already
    model = Model(
        scale=scale,
        draws_pi=prior.pi is None,
        draws_slab=prior.slab is None,
        draws_noise=residual_variance is None,
        prior_slab=float(slab[0]) if prior.slab is None else 0.0,
        degrees=HYPER_DEGREES,
        pi_slab=float(prior.pi_slab or 0.0),
        rank=rank,
        grid=grid,
        n_variants=n_variants,
        n_held=len(held),
        shape=HYPER_SHAPE,
        other_shape=other_shape,
        none=none if prior.pi is None else 1.0,
        annotations=np.ascontiguousarray(design),
        share=share / max(share.sum(), 1e-300),
    )
    expected = float(np.sum(pi[varies & (pi < 1)]))
    n_slots = max(MIN_SLOTS, int(expected + 4 * np.sqrt(expected)) + 1)
    n_slots = max(min(n_slots, int(varies.sum()) - len(held)), 1)
    chains = [
        Chain(
            members=np.append(held, np.zeros(n_slots, dtype=held.dtype)),
            n_effects=np.array([len(held)]),
            log_odds=log_odds.copy(),
            pi=np.array([float(np.max(pi, initial=0.0))]),
            slopes=np.zeros(design.shape[1]),
            relative=np.zeros(len(scale)),
            slab=np.where(varies, slab * scale**2, 1.0),
            noise=np.array([float(residual_variance or 1.0)]),
            grid=np.zeros(1, dtype=np.int64),
        )
        for _ in range(n_chains)
    ]
    return model, chains, n_slots


def thinned_draws(state: GibbsState) -> np.ndarray:
    """Return effects (k, p) of at most COVARIANCE_DRAWS draws, evenly spaced over all chains."""
    _, places, sizes, _ = (np.concatenate(part) for part in state.draws())
    chosen = np.linspace(0, len(places) - 1, min(COVARIANCE_DRAWS, len(places))).astype(int)
    draws = np.zeros((len(chosen), state.pip.shape[1]))
    row, column = np.nonzero(places[chosen] >= 0)
    draws[row, places[chosen][row, column]] = sizes[chosen][row, column]
    return draws
