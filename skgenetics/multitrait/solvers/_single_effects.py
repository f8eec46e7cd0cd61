"""A sum of single effects on many traits: the model of mvSuSiE with this package's mixture.

Y = sum_l x_{gamma_l} b_l' + E, rows of E ~ N(0, Sigma). Effect l is there with probability pi; then
gamma_l is one variant, drawn with probability p_j, and b_l ~ sum_t w_t N(0, V_t), the slabs of the
mixture. In the fit (Wang et al. 2020; Zou et al. 2024) every effect in turn is updated given the
others' means r_m = rho_m alpha_m mu_m, from the scores g = X'Q(Y - X sum_{m != l} r_m):

    BF_lj = sum_t w_t BF_t(g_j, d_j)                                     `update_block`
    BF_l = sum_j p_j BF_lj,  alpha_lj = p_j BF_lj / BF_l
    rho_l = pi BF_l / (1 - pi + pi BF_l)

An effect without evidence, BF_l < 1, stays out of the others' way: its q is "absent".
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from scipy.special import logsumexp

from skgenetics.multitrait._design import Design
from skgenetics.multitrait._priors import Components
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait.solvers._contract import (
    EffectPosterior,
    Problem,
    Solver,
    VariantPosterior,
)
from skgenetics.multitrait.solvers._coordinate_ascent import make_mixture, update_alone
from skgenetics.multitrait.solvers._updates_by_trait import whitened_eigenbases
from skgenetics.multitrait.solvers._variant_updates import Mixture
from skgenetics.multitrait.solvers._weights import WeightPrior

SUPPORT = 1e-4  # what the means left out of a support can shift any z by
MAX_MOVE = 1e-2  # of a PIP in the last sweep
CACHED_COLUMNS = 2000  # of X'QX
REFINING_SWEEPS, TRIED_SWEEPS = 100, 2
COMPETING_Z = 3.0  # what two effects each do to z of a trait: above it they compete for the trait


class GramColumns:
    """Columns of X'QX (P, P), each computed when it is first needed."""

    def __init__(self, design: Design) -> None:
        self.design = design
        self.place: dict[int, int] = {}
        self.columns = np.empty((0, len(design.squared_norm)))

    def times(self, variants: np.ndarray, means: np.ndarray) -> np.ndarray:
        """Return X'QX r (P, J) of the effects `means` (k, J) of k variants."""
        if self.design.squared_norm.ndim > 1:
            return self.design.gram_product(variants, means)
        return self(variants).T @ means

    def __call__(self, variants: np.ndarray) -> np.ndarray:
        """Return the rows (k, P) of k variants."""
        new = np.array([v for v in variants if v not in self.place], dtype=np.intp)
        if len(new):
            if len(self.place) + len(new) > CACHED_COLUMNS:
                self.place, self.columns = {}, self.columns[:0]
                new = variants
            start = len(self.place)
            self.place |= {int(v): start + i for i, v in enumerate(new)}
            self.columns = np.vstack([self.columns[:start], self.design.gram_columns(new).T])
        return self.columns[[self.place[int(v)] for v in variants]]


@dataclass
class Effect:
    """q of one effect; rows of `variants` only where it moves the others."""

    alpha: np.ndarray
    """(P,) P(variant | the effect is there)."""
    scores: np.ndarray
    """(P, J) g, which it was made of."""
    squared_norm: np.ndarray
    """d of them."""
    log_bf: float = 0.0
    """log BF of the effect against none."""
    presence: float = 0.0
    """rho."""
    log_evidence: float = 0.0
    """log of the sum of the states of q: its part of the bound with g."""
    variants: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    """(k,) the support of the means."""
    means: np.ndarray | None = None
    """(k, J) r = rho alpha mu."""
    responsibilities: np.ndarray | None = None
    """(k, T') of the slabs, given the variant."""

    def shift(self, gram: GramColumns) -> np.ndarray:
        """Return X'QX r (P, J)."""
        if self.means is None:
            return np.zeros_like(self.scores)
        return gram.times(self.variants, self.means)


@dataclass(frozen=True)
class EffectsState:
    """After a sweep over all effects."""

    fitted: list[Effect]
    weights: np.ndarray
    """(T,) 1 - pi, and pi w."""
    covariance: ResidualCovariance
    problem: Problem
    bound: float
    converged: bool
    bases: tuple[np.ndarray, np.ndarray] | None = None
    """The `whitened_eigenbases` at Sigma, of variants that have one each."""

    @property
    def effects(self) -> np.ndarray:
        """Return posterior means (P, J)."""
        return total_means(self.fitted)

    def variant_posterior(self, design: Design) -> VariantPosterior:
        """Return the means alone: a variant has a posterior in every effect."""
        whitener = self.covariance.whitener
        return VariantPosterior(
            self.effects, np.zeros_like(self.effects), design.squared_norm, whitener
        )

    def take_responsibilities(self) -> np.ndarray:
        """Return alpha (P, T), sum_l rho_l alpha_lj P(t | l, j), the rest on no effect."""
        n_variants, n_weights = len(self.fitted[0].alpha), len(self.weights)
        total = np.zeros((n_variants, n_weights))
        first = int(self.problem.prior.has_null)
        for effect in self.fitted:
            if effect.responsibilities is not None:
                share = effect.presence * effect.alpha[effect.variants]
                total[effect.variants, first:] += share[:, None] * effect.responsibilities
        if first:
            total[:, 0] = np.maximum(1 - total[:, 1:].sum(axis=1), 0.0)
        return total

    def single_effects(self) -> list[EffectPosterior]:
        """Return what there is to say of each effect."""
        return [
            EffectPosterior(
                alpha=effect.alpha,
                scores=effect.scores,
                squared_norm=effect.squared_norm,
                log_bf=effect.log_bf,
                presence=effect.presence,
            )
            for effect in self.fitted
        ]


class SingleEffects(Solver):
    """Updates of one effect after the other; see the module."""

    covariances, sums_effects = "subsets", True
    source = (
        "All traits were fine-mapped together: a sum of single effects, each on some of the "
        "traits. Zou et al., bioRxiv (2023); lfsr, the probability that the sign of an effect is "
        "wrong: Stephens, Biostatistics 18:275 (2017)."
    )

    def start(self, design: Design, problem: Problem, *, tol: float) -> Iterator[EffectsState]:
        """Return the generator of sweeps, those of the refinement included."""
        sweeps = refined if problem.refine else single_effects
        return sweeps(design, problem, tol=tol)


def refined(design: Design, problem: Problem, *, tol: float) -> Iterator[EffectsState]:
    """Yield the states of a fit, and of better ones found from other starts.

    The fit goes on from each of `other_starts`; the state of the best bound stays.
    """
    best = None
    for state in single_effects(design, problem, tol=tol):
        if state.converged:
            best = state
            break
        yield state
    if best is None:
        return
    starts = other_starts(design, problem, best, tol=tol)
    while (start := next(starts, None)) is not None:
        state = last_of(sweeps_from(design, problem, best, start, tol=tol), REFINING_SWEEPS)
        if state.bound > best.bound + max(tol, 1e-3):
            best, starts = state, other_starts(design, problem, state, tol=tol)
            yield EffectsState(
                state.fitted, state.weights, state.covariance, problem, state.bound, False
            )
    yield best


def other_starts(
    design: Design, problem: Problem, state: EffectsState, *, tol: float
) -> Iterator[list[Effect]]:
    """Yield effects from which the fit may find a better optimum than `state`.

    A fit may hold on to a variant between two that act. So each effect that is there is refitted
    without the variants that make up most of it.

    Two effects of variants in LD may share what one of them does to a trait, the one too much and
    the other against it, where the covariances tie the trait to others. So what an effect does to a
    trait is left to the others, if one of them moves its lead variant in that trait too, unless it
    comes back at once.
    """
    there = [place for place, effect in enumerate(state.fitted) if effect.presence > 0.5]
    for place in there:
        alpha = state.fitted[place].alpha
        order = np.argsort(-alpha, kind="stable")
        prior = np.ones(len(order))
        prior[order[: int(np.argmax(np.cumsum(alpha[order]) >= 0.95)) + 1]] = 0.0
        if np.any(prior[design.used] > 0):
            sweeps = sweeps_from(design, problem, state, state.fitted, prior, tol=tol)
            yield last_of(sweeps, REFINING_SWEEPS).fitted
    if len(there) < 2:
        return
    gram = GramColumns(design)
    leads = [int(np.argmax(state.fitted[place].alpha)) for place in there]
    d = design.squared_norm[leads]
    d = np.diagonal(d, axis1=1, axis2=2) if d.ndim == 3 else d.reshape(len(d), -1)
    noise = np.sqrt(d * np.diag(state.covariance.matrix))  # of the scores, (there, J)
    noise = np.where(noise > 0, noise, np.inf)
    shifts = [state.fitted[place].shift(gram) for place in there]
    for k, place in enumerate(there):
        moved = np.array([shift[leads[k]] for shift in shifts]) / noise[k]  # (there, J), in z
        competing = np.abs(np.delete(moved, k, axis=0)).max(axis=0, initial=0) > COMPETING_Z
        traits = np.flatnonzero(competing & (np.abs(moved[k]) > COMPETING_Z))
        for some in [traits] * (len(traits) > 1) + [traits[[j]] for j in range(len(traits))]:
            start = without_traits(state.fitted, place, some)
            sweeps = sweeps_from(design, problem, state, start, tol=tol)
            tried = last_of(sweeps, TRIED_SWEEPS).fitted
            if what_is_done(tried[-1], some) < what_is_done(state.fitted[place], some) / 2:
                yield tried


def what_is_done(effect: Effect, traits: np.ndarray) -> float:
    """Return the sum of squares of what an effect does to some traits."""
    return 0.0 if effect.means is None else float(np.sum(effect.means[:, traits].sum(axis=0) ** 2))


def without_traits(effects: list[Effect], place: int, traits: np.ndarray) -> list[Effect]:
    """Return effects of which one does nothing to some traits, and is the last to be updated."""
    means = effects[place].means
    assert means is not None
    means = means.copy()
    means[:, traits] = 0.0
    others = [effect for k, effect in enumerate(effects) if k != place]
    return [*others, replace(effects[place], means=means)]


def sweeps_from(
    design: Design,
    problem: Problem,
    state: EffectsState,
    start: list[Effect],
    variant_prior: np.ndarray | None = None,
    *,
    tol: float,
) -> Iterator[EffectsState]:
    """Yield the states of a fit that goes on from `start`, with weights and Sigma of a state."""
    problem = problem._replace(weights=state.weights, covariance=state.covariance)
    return single_effects(
        design, problem, tol=tol, start=start, variant_prior=variant_prior, bases=state.bases
    )


def last_of(sweeps: Iterator[EffectsState], n_sweeps: int) -> EffectsState:
    """Return the state after some sweeps, or before if the fit converges."""
    return deque(islice(sweeps, n_sweeps), maxlen=1).pop()


def single_effects(
    design: Design,
    problem: Problem,
    *,
    tol: float,
    start: list[Effect] | None = None,
    variant_prior: np.ndarray | None = None,
    bases: tuple[np.ndarray, np.ndarray] | None = None,
) -> Iterator[EffectsState]:
    """Yield an `EffectsState` per sweep, of a bound that never falls."""
    n_variants = len(design.squared_norm)
    prior = np.where(design.used, 1.0 if variant_prior is None else variant_prior, 0.0)
    with np.errstate(divide="ignore"):
        log_prior = np.log(prior / max(prior.sum(), 1e-300))
    n_effects = max(min(problem.max_effects, int(np.count_nonzero(prior))), 1)
    problem = problem._replace(max_effects=n_effects)
    effects = [
        Effect(
            prior / max(prior.sum(), 1e-300),
            np.zeros((n_variants, design.n_traits)),
            design.squared_norm,
        )
        for _ in range(n_effects)
    ]
    if start is not None:
        effects = list(start)
    gram = GramColumns(design)
    design.start(total_means(effects))
    weights, covariance, bound = problem.weights, problem.covariance, -np.inf
    learn_covariance = problem.covariance_step is not None
    pip = pips(effects)
    while True:
        imputed, log_imputed = design.impute(covariance)
        components = problem.prior.whitened(covariance)
        if bases is None and design.squared_norm.ndim > 1:
            bases = whitened_eigenbases(problem.prior, covariance, design.squared_norm)
        slabs = Slabs(problem, components, weights, covariance, bases)
        before = total_means(effects)
        scores, total = design.scores(), before.copy()
        spread = np.zeros((design.n_traits, design.n_traits))
        gain, absent = 0.0, None
        for place, effect in enumerate(effects):
            if effect.means is not None or absent is None:
                scores = scores + effect.shift(gram)
                if effect.means is not None:
                    total[effect.variants] -= effect.means
                excess = design.excess_noise(total, covariance)
                effect = slabs.update(scores, design.squared_norm, log_prior, excess)
            else:  # of the same scores as the absent one before it
                effect = absent
            effects[place] = effect
            gain += effect.log_evidence
            absent = effect if effect.means is None else None
            if effect.means is not None:
                total[effect.variants] += effect.means
                shift = effect.shift(gram)
                scores = scores - shift
                support = effect.variants
                cross = effect.means.T @ effect.scores[support]
                own = effect.means.T @ shift[support]
                gain += float(np.sum(covariance.inverse * (own / 2 - cross)))
                if learn_covariance:
                    spread += slabs.second_moment(effect, design.squared_norm) - own
        design.shift(total_means(effects) - before)
        square = design.square()
        fit = design.n_samples * covariance.log_det + np.sum(square * covariance.inverse)
        reached = design.log_normalizer - fit / 2 + gain + log_imputed - covariance.penalty
        reached += slabs.weight_prior.log_density(weights)
        pip_before, pip = pip, pips(effects)
        moved = np.abs(pip - pip_before).max()
        converged = bool(reached - bound < tol and moved < MAX_MOVE)
        bound = float(reached)
        yield EffectsState(list(effects), weights, covariance, problem, bound, converged, bases)
        if converged:
            return
        if problem.covariance_step is not None:
            moment = (square + imputed + (spread + spread.T) / 2) / design.n_samples
            covariance, bases = problem.covariance_step(moment, design.n_samples), None
        if problem.learn_weights and problem.prior.has_null:
            weights = slabs.updated_weights(effects)


class Slabs:
    """The mixture of an effect that is there, and what a sweep computes of it."""

    def __init__(
        self,
        problem: Problem,
        components: Components,
        weights: np.ndarray,
        covariance: ResidualCovariance,
        bases: tuple[np.ndarray, np.ndarray] | None,
    ) -> None:
        self.bases = bases
        has_null = problem.prior.has_null
        self.presence = 1 - weights[0] if has_null else 1.0
        shares = weights[int(has_null) :]
        self.shares = shares / max(shares.sum(), 1e-300)
        self.components = components._replace(has_null=False)
        self.mixture: Mixture = make_mixture(self.components, self.shares, covariance)
        self.covariance, self.has_null, self.problem = covariance, has_null, problem
        self.weights = weights
        self.weight_prior = WeightPrior.flat()
        if problem.learn_weights and has_null:  # one effect and L absent ones count beforehand
            self.weight_prior = problem.weight_prior(null=problem.max_effects, effects=1.0)

    def update(
        self,
        scores: np.ndarray,
        d: np.ndarray,
        log_prior: np.ndarray,
        excess: np.ndarray | None = None,
    ) -> Effect:
        """Return q of an effect from its scores g (P, J), whose noise is `excess` (P,) Sigma."""
        bases = self.bases
        if excess is not None:
            scores, d = scores / excess[:, None], (d.T / excess).T
            bases = None if bases is None else (bases[0], bases[1] / excess[:, None])
        prior = self.problem.prior._replace(has_null=False)
        means, responsibilities, evidence = update_alone(
            scores, d, prior, self.shares, self.covariance, self.mixture, bases
        )
        total = evidence + log_prior
        log_bf = float(logsumexp(total)) if np.isfinite(log_prior).any() else -np.inf
        if not np.isfinite(log_bf):
            return Effect(np.exp(log_prior), scores, d)
        alpha = np.exp(total - log_bf)
        with np.errstate(divide="ignore"):
            present, absent = np.log(self.presence) + log_bf, np.log1p(-self.presence)
        log_evidence = float(np.logaddexp(present, absent))
        presence = float(np.exp(present - log_evidence))
        effect = Effect(alpha, scores, d, log_bf, presence, log_evidence)
        if self.has_null and log_bf < 0:
            effect.log_evidence = float(absent)
            return effect
        means *= (effect.presence * alpha)[:, None]
        norm = d if d.ndim == 1 else d.reshape(len(d), -1).max(axis=1)
        moved = np.abs(means @ self.covariance.whitener).max(axis=1)
        effect.variants = support_of(np.sqrt(norm) * moved)
        effect.means = means[effect.variants]
        effect.responsibilities = responsibilities[effect.variants]
        return effect

    def second_moment(self, effect: Effect, d: np.ndarray) -> np.ndarray:
        """Return rho sum_j alpha_j d_j E[b b' | j] (J, J) of an effect."""
        variants, back = effect.variants, self.mixture.from_eigenbasis
        z = effect.scores[variants] @ self.mixture.to_eigenbasis
        share = effect.presence * effect.alpha[variants] * d[variants]
        alpha = (effect.responsibilities * share[:, None]).reshape(
            len(variants), len(self.problem.prior.factors), len(self.components.scales)
        )
        _, values, first, _, scales, _ = self.components
        total = np.zeros((len(back), len(back)))
        for k in range(len(first) - 1):
            columns = slice(first[k], first[k + 1])
            variance = scales[:, None] * values[columns]  # (L, rank)
            shrunk = variance / (1 + d[variants][:, None, None] * variance)  # (k, L, rank)
            mu = (shrunk * z[:, None, columns]).reshape(-1, variance.shape[1])
            flat = alpha[:, k].reshape(-1)
            inner = mu.T @ (flat[:, None] * mu)
            inner += np.diag(flat @ shrunk.reshape(-1, variance.shape[1]))
            total += back[:, columns] @ inner @ back[:, columns].T
        return total

    def updated_weights(self, effects: list[Effect]) -> np.ndarray:
        """Return pi and w after an EM step."""
        counts = np.zeros_like(self.weights)
        for effect in effects:
            if effect.responsibilities is not None:
                share = effect.presence * effect.alpha[effect.variants]
                counts[1:] += share @ effect.responsibilities
        counts[0] = len(effects) - counts[1:].sum()
        return self.weight_prior.mode(counts)


def support_of(shifts: np.ndarray) -> np.ndarray:
    """Return the variants whose `shifts` (P,) of z matter: the rest sums to less than `SUPPORT`."""
    order = np.argsort(shifts, kind="stable")
    kept = np.cumsum(shifts[order]) >= SUPPORT
    kept[-1] = True
    return np.sort(order[kept])


def total_means(effects: list[Effect]) -> np.ndarray:
    """Return sum_l r_l (P, J)."""
    total = np.zeros_like(effects[0].scores)
    for effect in effects:
        if effect.means is not None:
            total[effect.variants] += effect.means
    return total


def pips(effects: list[Effect]) -> np.ndarray:
    """Return 1 - prod_l (1 - rho_l alpha_lj) (P,)."""
    log_none = sum(np.log1p(-np.minimum(e.presence * e.alpha, 1 - 1e-16)) for e in effects)
    return -np.expm1(log_none)
