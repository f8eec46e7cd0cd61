"""The contract between MMASHRegressor and its solvers.

MMASHRegressor makes a `Design` of the data and a `Problem` of the parameters, runs the generator of
states that the solver starts, and asks the last state what it says of the effects. It knows no
solver by its name: what it must know beforehand, a solver declares by flags.

A new solver is a file with a subclass of `Solver` and its line in ``solvers/__init__.py``. Traits
are in internal units, divided by `ModeledTraits.unit`, and variants standardized.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from skgenetics.multitrait._design import Design
from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import CovarianceStep, ResidualCovariance
from skgenetics.multitrait.solvers._weights import WeightPrior


class Problem(NamedTuple):
    """What a solver is asked, besides the data."""

    prior: Prior
    """Covariances U_k and scales omega_l of the mixture."""
    weights: np.ndarray
    """(T,) pi to start from, or to hold."""
    learn_weights: bool
    weight_threshold: float
    """Weights learned to be smaller become 0."""
    covariance: ResidualCovariance
    """Sigma to start from, or to hold."""
    covariance_step: CovarianceStep | None
    """C (J, J), N -> the Sigma that maximizes the bound given C; None: Sigma is held."""
    effects: np.ndarray | None = None
    """(P, J) posterior means to start from; None: 0."""
    null_pseudocounts: float = 0.0
    """Variants without an effect that count beside those of the data where the pi of variants is
    learned; 0: pi of the largest likelihood."""
    max_effects: int = 10
    """L, of a solver that sums single effects."""
    refine: bool = True
    """Whether such a solver looks for better optima from other starts."""
    slab_shares: np.ndarray | None = None
    """(T',) shares of the slabs, without the null, before the data are seen. None: those of the
    weights."""

    subset_variances: np.ndarray | None = None
    """(J,) u of effects that may be on any of the traits, if the covariances have none for them
    that should; the solver need not know."""

    def weight_prior(self, *, null: float, effects: float = 0.0) -> WeightPrior:
        """Return the `WeightPrior` of learned weights, with a null, of these pseudo-counts."""
        shares = self.weights[1:] if self.slab_shares is None else self.slab_shares
        n_covariances = len(self.prior.factors)
        return WeightPrior.of_slabs(shares, n_covariances, null=null, effects=effects)


class VariantPosterior(NamedTuple):
    """What the posterior of each variant's effects follows from, given the prior."""

    effects: np.ndarray
    """(P, J) posterior means."""
    scores: np.ndarray
    """(P, J) g = x_p'Q R_(-p), with the residual of all other variants' effects, whitened."""
    squared_norm: np.ndarray
    """(P,) d = x_p'Q x_p, or (P, J) of each of the whitened traits."""
    whitener: np.ndarray
    """(J, J) what makes the noise of the traits independent, of variance 1."""


class EffectPosterior(NamedTuple):
    """What a solver that sums effects says of one of them."""

    alpha: np.ndarray
    """(P,) probability of each variant to carry the effect, if there is one."""
    scores: np.ndarray
    """(P, J) x_p'Q R, with the residual of all other effects."""
    squared_norm: np.ndarray
    """d as in a `VariantPosterior`, of the noise of these scores."""
    log_bf: float
    """log Bayes factor of the effect against none."""
    presence: float
    """Probability that there is such an effect."""


class State(Protocol):
    """What a solver yields once per iteration; the next iteration may change it."""

    @property
    def bound(self) -> float:
        """Lower bound on the log evidence for the weights and Sigma of this state."""

    @property
    def converged(self) -> bool:
        """Whether no further iteration is needed; the generator ends after such a state."""

    @property
    def weights(self) -> np.ndarray:
        """Return pi (T,)."""

    @property
    def covariance(self) -> ResidualCovariance:
        """Return Sigma."""

    @property
    def effects(self) -> np.ndarray:
        """Return posterior means (P, J); 0 for variants that do not vary."""

    def variant_posterior(self, design: Design) -> VariantPosterior:
        """Return what the posterior of each variant follows from."""

    def take_responsibilities(self) -> np.ndarray:
        """Return alpha (P, T) of all components, once per state: they are large."""

    def single_effects(self) -> list[EffectPosterior]:
        """Return the effects of a solver that sums them, none if variants have a posterior each."""


class Solver:
    """Base of the solvers, which keep no state of a fit."""

    source: ClassVar[str] = ""
    """What it is and whom to cite, in a sentence or two of a report."""
    covariances: ClassVar[str] = "canonical"
    """What the estimator's parameter means by "auto"; "subsets" only if the traits are few."""
    sums_effects: ClassVar[bool] = False
    """Whether its states have `single_effects`; summary statistics then may have a background."""
    by_trait: ClassVar[bool] = False
    """Whether it knows the `CanonicalDesign` of a background of its own in every trait."""
    uses_order: ClassVar[bool] = False
    """Whether it updates the variants in the order of the design's blocks, so that `update_order`
    applies; it must then define `log_evidence`."""

    def start(self, design: Design, problem: Problem, *, tol: float) -> Iterator[State]:
        """Return the generator of states, which ends when the bound rises by less than `tol`."""
        raise NotImplementedError

    def log_evidence(self, design: Design, problem: Problem) -> np.ndarray:
        """Return log sum_t pi_t BF_pt (P,) of each variant alone; -inf if it does not vary."""
        raise NotImplementedError
