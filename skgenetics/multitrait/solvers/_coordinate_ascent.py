"""Coordinate ascent on the bound of the multivariate mixture regression.

Source: "M&M ASH model and inference" (2016), equations (17)-(22), corrected, in the eigenbasis of
the prior's covariances. Rows of Y are N(B'x, Sigma); a row beta_p of B has the prior
sum_t pi_t N(0, V_t) and the posterior q(beta_p) = sum_t alpha_pt N(mu_pt, S_pt). *Whitened* is what
was multiplied by Sigma^-1/2, so that the noise has the covariance I: there the V_t have their
eigenvectors. Scores and effects stay in the traits' units.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from skgenetics.multitrait._background import CanonicalBackground
from skgenetics.multitrait._canonical_design import CanonicalDesign
from skgenetics.multitrait._design import Design
from skgenetics.multitrait._priors import Components, Prior
from skgenetics.multitrait._residual_covariance import (
    ResidualCovariance,
    diagonal_step,
    residual_covariance,
)
from skgenetics.multitrait.solvers._contract import (
    EffectPosterior,
    Problem,
    Solver,
    VariantPosterior,
)
from skgenetics.multitrait.solvers._updates_by_trait import (
    update_blocks_by_trait,
    update_variants_alone,
)
from skgenetics.multitrait.solvers._variant_updates import Mixture, update_block
from skgenetics.multitrait.solvers._weights import WeightPrior, updated_weights

CYCLES = (1, 8)  # of accelerated EM for the weights, after the first sweep and at most
GROWTH = 1.5  # of their number from sweep to sweep
MOVED_ROWS = 256  # variants whose responsibilities are moved at a time


class Posterior:
    """q(B), which sweeps change; rows of variants that do not vary stay as they were made.

    Attributes
    ----------
    effects : array (P, J)
        r, posterior means.
    partial_scores : array (P, J)
        g = x_p'Q R_(-p), which q(beta_p) was made of.
    log_evidence : array (P,)
        log sum_t pi_t BF_pt.
    """

    def __init__(self, effects: np.ndarray) -> None:
        self.effects = effects
        self.partial_scores = np.zeros_like(effects)
        self.log_evidence = np.zeros(len(effects))
        self._buffer: np.ndarray | None = None  # (P T,), whose beginning holds alpha

    def reserve(self, n_weights: int) -> None:
        """Make room for the responsibilities of all components, if they were taken."""
        if self._buffer is None:
            self._buffer = np.empty(len(self.effects) * n_weights)

    def responsibilities(self, n_weights: int) -> np.ndarray:
        """Return alpha (P, n_weights) of the components in the model."""
        if self._buffer is None:
            raise RuntimeError("The responsibilities were taken before another sweep.")
        return self._buffer[: len(self.effects) * n_weights].reshape(-1, n_weights)

    def take_responsibilities(self, components: np.ndarray, n_weights: int) -> np.ndarray:
        """Return alpha (P, n_weights) of all components, from those of `components` in place."""
        alpha = self.responsibilities(len(components))
        spread = self.responsibilities(n_weights)
        for end in range(len(alpha), 0, -MOVED_ROWS):  # a row moves to the right, the last first
            rows = slice(max(end - MOVED_ROWS, 0), end)
            moved = alpha[rows].copy()
            spread[rows] = 0.0
            spread[rows, components] = moved
        self._buffer = None
        return spread


@dataclass(frozen=True)
class Model:
    """The components that have weight, and Sigma."""

    prior: Prior
    indices: np.ndarray
    """(T',) which of the T components these are."""
    covariance: ResidualCovariance

    @cached_property
    def components(self) -> Components:
        """The eigenbasis of the whitened covariances."""
        return self.prior.whitened(self.covariance)

    def with_covariance(self, covariance: ResidualCovariance) -> "Model":
        """Return the model with another Sigma."""
        return self if covariance is self.covariance else replace(self, covariance=covariance)

    def without_empty(self, weights: np.ndarray) -> tuple["Model", np.ndarray]:
        """Return the model and pi without covariances and scales of no weight."""
        prior, retained = self.prior.without_empty(weights)
        if prior is self.prior:
            return self, weights
        return replace(self, prior=prior, indices=self.indices[retained]), weights[retained]


@dataclass(frozen=True)
class SweepState:
    """After a sweep: the posterior and the parameters that the sweep used, with their bound.

    They are those of the canonical traits if there is a background by trait.
    """

    posterior: Posterior
    indices: np.ndarray
    """(T',) which of the T components are in the model."""
    weights: np.ndarray
    """(T,) pi."""
    noise: ResidualCovariance
    bound: float
    converged: bool
    background: CanonicalBackground | None = None

    @property
    def effects(self) -> np.ndarray:
        """Return posterior means (P, J)."""
        if self.background is None:
            return self.posterior.effects
        return self.background.to_traits(self.posterior.effects)

    @property
    def covariance(self) -> ResidualCovariance:
        """Return Sigma."""
        if self.background is None:
            return self.noise
        root = self.background.inverse_basis * np.sqrt(np.diag(self.noise.matrix))
        return residual_covariance(root @ root.T)

    def variant_posterior(self, design: Design) -> VariantPosterior:
        """Return what the posterior of each variant follows from."""
        whitener, d = self.noise.whitener, design.squared_norm
        scores = self.posterior.partial_scores @ whitener
        if self.background is not None:
            whitener = whitener @ self.background.basis
        return VariantPosterior(self.effects, scores, d, whitener)

    def take_responsibilities(self) -> np.ndarray:
        """Return the alpha (P, T) of all components, once: the next sweep makes them anew."""
        return self.posterior.take_responsibilities(self.indices, len(self.weights))

    def single_effects(self) -> list[EffectPosterior]:
        """Return nothing: variants have a posterior each."""
        return []


class CoordinateAscent(Solver):
    """Updates of one variant after the other; see the module."""

    by_trait = True
    uses_order = True

    def start(self, design: Design, problem: Problem, *, tol: float) -> Iterator[SweepState]:
        """Return the generator of sweeps."""
        if isinstance(design, CanonicalDesign):
            problem = canonical_problem(problem, design.background)
        return coordinate_ascent(design, problem, tol=tol)

    def log_evidence(self, design: Design, problem: Problem) -> np.ndarray:
        """Return log sum_t pi_t BF_pt (P,) of each variant alone."""
        log_evidence = np.full(len(design.squared_norm), -np.inf)
        design.start(np.zeros((len(log_evidence), design.n_traits)))
        design.impute(problem.covariance)
        for block in design.blocks:
            score, d = design.score(design.columns(block)), design.squared_norm[block]
            prior, weights = problem.prior, problem.weights
            log_evidence[block] = update_alone(score, d, prior, weights, problem.covariance)[2]
        return log_evidence


def canonical_problem(problem: Problem, background: CanonicalBackground) -> Problem:
    """Return the problem of the canonical traits, whose noise stays independent."""
    factors = [background.basis @ factor for factor in problem.prior.factors]
    noise = np.diag(background.basis @ problem.covariance.matrix @ background.basis.T)
    return problem._replace(
        prior=problem.prior._replace(factors=factors),
        covariance=residual_covariance(np.diag(noise)),
        covariance_step=None if problem.covariance_step is None else diagonal_step,
        effects=None if problem.effects is None else background.to_canonical(problem.effects),
    )


def coordinate_ascent(design: Design, problem: Problem, *, tol: float) -> Iterator[SweepState]:
    """Yield a `SweepState` per sweep, of a bound that never falls.

    Where weights are learned, the bound holds the log density of their prior. They are
    learned by several cycles of EM between sweeps, more from sweep to sweep. If
    the bound is lower after them, they are undone with the components that they removed, and
    replaced by one step of EM, which cannot lower it.
    """
    n_variants, n_traits = len(design.squared_norm), design.n_traits
    start = np.zeros((n_variants, n_traits)) if problem.effects is None else problem.effects.copy()
    posterior, n_weights = Posterior(start), len(problem.weights)
    design.start(posterior.effects)
    model, weights = Model(problem.prior, np.arange(n_weights), problem.covariance), problem.weights
    learn_covariance = problem.covariance_step is not None
    weight_prior = WeightPrior.flat()
    if problem.learn_weights and problem.prior.has_null and problem.null_pseudocounts > 0:
        weight_prior = problem.weight_prior(null=problem.null_pseudocounts)
    bound, undo, n_cycles = -np.inf, None, float(CYCLES[0])
    while True:
        if undo is not None:
            saved = posterior.effects.copy(), design.save()
        posterior.reserve(n_weights)
        reached, moment = sweep(design, model, weights, posterior, learn_covariance)
        reached += weight_prior.of_components(model.indices).log_density(weights)
        if undo is not None and reached < bound:
            posterior.effects[:] = saved[0]
            design.restore(*saved)
            weights, model = undo[0], undo[1].with_covariance(model.covariance)
            n_cycles = float(CYCLES[0])
            reached, moment = sweep(design, model, weights, posterior, learn_covariance)
            reached += weight_prior.of_components(model.indices).log_density(weights)
        converged, bound = reached - bound < tol, reached
        all_weights = np.zeros(n_weights)
        all_weights[model.indices] = weights
        state = SweepState(
            posterior,
            model.indices,
            all_weights,
            model.covariance,
            bound,
            converged,
            design.background if isinstance(design, CanonicalDesign) else None,
        )
        if converged:
            yield state
            return
        if problem.covariance_step is not None:
            covariance = problem.covariance_step(moment, design.n_samples)
            model = model.with_covariance(covariance)
        if problem.learn_weights:
            alpha = posterior.responsibilities(len(weights))
            plain, weights = updated_weights(
                alpha,
                weights,
                design.used,
                int(n_cycles),
                weight_prior.of_components(model.indices),
            )
            undo = plain, model
            n_cycles = min(GROWTH * n_cycles, float(CYCLES[1]))
            lowest = min(problem.weight_threshold, weights.max())
            weights = np.where(weights < lowest, 0.0, weights)
            model, weights = model.without_empty(weights / weights.sum())
        yield state


def sweep(
    design: Design,
    model: Model,
    weights: np.ndarray,
    posterior: Posterior,
    learn_covariance: bool,
) -> tuple[float, np.ndarray]:
    """Update every variant once; return the bound and C, the expected residual covariance.

    ELBO = log_normalizer - [N log|Sigma| + tr(Sigma^-1 E'QE)] / 2
    + sum_p [log sum_t pi_t BF_pt - g_p.r_p + d_p |r_p|^2 / 2] + the missing cells' part, with g
    and r whitened, and C = [E'QE + sum_p d_p Var_q(beta_p) + the missing cells' covariance] / N.
    """
    covariance = model.covariance
    imputed, log_imputed = design.impute(covariance)
    second = np.zeros((design.n_traits, design.n_traits))
    if design.squared_norm.ndim > 1:
        second = np.diag(update_blocks_by_trait(design, model, weights, posterior))
    else:
        mixture = make_mixture(model.components, weights, covariance)
        moments = update_blocks(design, mixture, posterior, learn_covariance)
        if learn_covariance:
            second = second_moments(mixture, moments)
    effects, d = posterior.effects, design.squared_norm
    weighed = np.einsum("pjk,pk->pj", d, effects) if d.ndim == 3 else (d.T * effects.T).T
    square_of_means, cross = effects.T @ weighed, effects.T @ posterior.partial_scores
    gain = np.sum(posterior.log_evidence)
    gain += np.sum(covariance.inverse * (square_of_means / 2 - cross))
    square = design.square()
    fit = design.n_samples * covariance.log_det + np.sum(square * covariance.inverse)
    bound = design.log_normalizer - fit / 2 + gain + log_imputed - covariance.penalty
    moment = square + imputed
    if learn_covariance:
        variance = second - square_of_means
        moment = moment + (variance + variance.T) / 2
    return float(bound), moment / design.n_samples


def update_alone(
    scores: np.ndarray,
    squared_norm: np.ndarray,
    prior: Prior,
    weights: np.ndarray,
    covariance: ResidualCovariance,
    mixture: Mixture | None = None,
    bases: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return means (P, J), alpha (P, T) and the log evidence (P,) of variants one by one.

    Parameters
    ----------
    scores, squared_norm : array
        g (P, J), and d as in a `VariantPosterior`.
    mixture : Mixture, optional
        That of the prior, weights and covariance, if it is there already.
    bases : tuple, optional
        The `whitened_eigenbases` of variants that have one each, likewise.
    """
    if squared_norm.ndim > 1:
        return update_variants_alone(scores, squared_norm, prior, weights, covariance, bases)
    if mixture is None:
        mixture = make_mixture(prior.whitened(covariance), weights, covariance)
    means, change, partial = (np.zeros_like(scores) for _ in range(3))
    alpha, evidence = np.empty((len(scores), len(weights))), np.empty(len(scores))
    update_block(
        (np.empty(0), np.ascontiguousarray(scores), squared_norm),
        tuple(mixture),
        (means, change, alpha, partial, evidence),
        False,
        np.empty((0, 0)),
    )
    return means, alpha, evidence


def make_mixture(
    components: Components, weights: np.ndarray, covariance: ResidualCovariance
) -> Mixture:
    """Return the prior as the compiled loop takes it."""
    to_eigenbasis = np.ascontiguousarray((components.basis @ covariance.whitener).T)
    from_eigenbasis = np.ascontiguousarray((components.basis @ covariance.root).T)
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    return Mixture(log_weights, to_eigenbasis, from_eigenbasis, *components[1:])


def update_blocks(
    design: Design, mixture: Mixture, posterior: Posterior, learn_covariance: bool
) -> np.ndarray:
    """Update every variant of `posterior` and `design` once; return the moments if needed.

    The moments are those of `update_block`, sum_p d_p E_q[...] per covariance in the eigenbasis.
    """
    n_vectors, largest_rank = len(mixture.values), np.max(np.diff(mixture.first))
    moments = np.zeros((largest_rank, n_vectors) if learn_covariance else (0, 0))
    alpha = posterior.responsibilities(len(mixture.log_weights))
    alpha[~design.used] = 0.0
    effects, partial_scores = posterior.effects, posterior.partial_scores
    log_evidence, mixture_arrays = posterior.log_evidence, tuple(mixture)
    for block, gram in zip(design.blocks, design.grams, strict=True):
        columns = design.columns(block)
        score, d = design.score(columns), design.squared_norm[block]
        change = np.empty_like(score)
        written = effects[block], change, alpha[block], partial_scores[block], log_evidence[block]
        for part in gram:
            variants = part.variants
            update_block(
                (part.triangle, score[variants], d[variants]),
                mixture_arrays,
                tuple(array[variants] for array in written),
                learn_covariance,
                moments,
            )
            if len(part.later):
                score[variants.stop :] -= part.later @ change[variants]
        design.move(columns, change)
        if not isinstance(block, slice):  # else the arrays are views
            effects[block], _, alpha[block], partial_scores[block], log_evidence[block] = written
        del columns  # before the next ones are made
    design.settle()
    return moments


def second_moments(mixture: Mixture, moments: np.ndarray) -> np.ndarray:
    """Return sum_p d_p E_q[beta_p beta_p'] (J, J) from the moments of each covariance."""
    back = mixture.from_eigenbasis
    total = np.zeros((len(back), len(back)))
    for low, high in pairwise(mixture.first):
        inner = moments[: high - low, low:high]
        inner = inner + np.tril(inner, -1).T
        total += back[:, low:high] @ inner @ back[:, low:high].T
    return total
