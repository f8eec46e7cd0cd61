"""The contract between FinemapMiXeR and its solvers.

FinemapMiXeR poses a `Problem`, runs the generator of states that the solver starts, and asks the
solver what the last state says of the effects. It knows no solver by its name: what it must know
beforehand, a solver declares by flags.

A new solver is a file with a subclass of `Solver` and its line in ``solvers/__init__.py``.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Protocol, TypedDict

import numpy as np

from skgenetics.finemapping._elbo import NoiseNorm, learned_prior, learning_norm
from skgenetics.finemapping._posterior import Posterior
from skgenetics.finemapping._prior import FixedPrior, Prior, slab_of_heritability
from skgenetics.loci._credible_sets import CredibleSet
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._callbacks import UNFINISHED
from skgenetics.utils._estimator import GeneticsEstimator
from skgenetics.utils._parameters import Constraints
from skgenetics.utils._typing import Array

LARGEST = 1e8  # in units of z: beyond it, effects grow without end


def check_bounded(*parts: np.ndarray) -> None:
    """Raise ValueError if `parts`, in units of z and on the host, hold NaN or grow too far.

    The steps of a solver diverge only if the likelihood has no maximum.
    """
    if not all(np.max(np.abs(part), initial=0.0) < LARGEST for part in parts):  # NaN is not
        raise indefinite_ld()


def indefinite_ld() -> ValueError:
    """Return the error of effects that grow without bound."""
    return ValueError(
        "The effects grow without bound: ld has negative eigenvalues, as if it were put together "
        "from parts, computed from other people for each pair, or rounded. Pass (1 - a) ld + a I "
        "with a > 0 large enough that none is left, or the genotypes of a panel in place of ld."
    )


class SetRules(TypedDict):
    """Arguments of the functions of credible sets."""

    coverage: float
    min_purity: float


class Annotations(NamedTuple):
    """Annotations of the variants, on the host."""

    values: np.ndarray
    """(p, k), of mean 0 and standard deviation 1 over the variants that vary."""
    unit: np.ndarray
    """Standard deviations (k,) as they were given; infinity for a constant one, of slope 0."""
    slopes: np.ndarray | None = None
    """Log odds ratios (k,) a standard deviation, if they are known before the solver runs."""


class Problem(NamedTuple):
    """A locus of p variants and what is asked about it."""

    locus: Locus
    """z, LD and scale of the likelihood; its arrays are in the namespace of the data."""
    observed: Locus
    """z and LD of the people, of which purity and heritability are; `locus` differs from it where
    the likelihood does, as with a background."""
    prior: Prior
    """What is known of pi and sigma_beta^2."""
    fixed: FixedPrior
    """What the user fixed of the prior, of which `prior` was made."""
    residual_variance: float | None
    """s0^2, or None: learned."""
    noise_norm: NoiseNorm
    """What s0^2 is learned from."""
    background: float | None
    """tau^2, the variance of a background of small effects, as `with_background` takes it; None:
    learned. A solver with `learns_background` must see to it; for the others it is part of `locus`.
    """
    annotations: "Annotations | None"
    """What a solver with `learns_annotations` must let the prior odds depend on; for the others
    `prior` does."""
    max_effects: int
    """The most effects that a solver with `sums_effects` may use."""
    max_iter: int
    """The most states that are taken from the solver."""
    tol: float
    """The solver's own criterion of convergence."""
    coverage: float
    """Probability that a credible set holds a causal variant."""
    min_purity: float
    """Smallest absolute r between two variants of a credible set."""
    rng: np.random.RandomState
    """Source of every random number."""

    def with_pi(self, pi: np.ndarray) -> "Problem":
        """Return the problem at prior probabilities `pi` (p,), which are on the host."""
        pi, slab = self.locus.array(pi), self.prior.slab
        if self.fixed.heritability is not None:
            slab = slab_of_heritability(self.fixed.heritability, pi, self.locus)
        return self._replace(prior=Prior(pi, slab))

    def prior_on_host(self) -> Prior:
        """Return the prior with its arrays on the host."""
        pi, slab = on_host(self.prior.pi, self.prior.slab)
        return Prior(pi, slab, self.prior.pi_slab)

    def prior_pip(self, posterior: Posterior) -> np.ndarray:
        """Return the prior probabilities (p,) on the host: as they are known, or the mean PIP."""
        if self.prior.pi is not None:
            return on_host(self.prior.pi)[0]
        pi = np.full(posterior.pip.shape[0], learned_prior(posterior)[0])
        if self.annotations is None:
            return pi
        relative = np.exp(self.annotations.values @ posterior.slopes)
        odds = relative / np.mean(relative[to_numpy(self.locus.scale) > 0]) * pi / (1 - pi)
        return odds / (1 + odds)

    def set_rules(self) -> SetRules:
        """Return the arguments that every function of credible sets takes."""
        return SetRules(coverage=self.coverage, min_purity=self.min_purity)


class Effects(NamedTuple):
    """L effects one by one, on the host; what each would be if it is this variant's."""

    alpha: np.ndarray
    """Probability (L, p) that effect l, if it is there, is this variant's."""
    mean: np.ndarray
    """(L, p)"""
    sd: np.ndarray
    """(L, p)"""
    log_bf: np.ndarray
    """Log Bayes factor (L, p) of effect l on this variant against none, given the others."""
    log_bf_of_any: np.ndarray
    """Log Bayes factor (L,) of effect l on any variant."""
    presence: np.ndarray
    """Probability (L,) that effect l is there."""


class State(Protocol):
    """What a solver yields once an iteration; the rest of a state is its solver's affair."""

    @property
    def bound(self) -> Any:
        """Lower bound on the log evidence: a number, one per start (b,), or NaN for none."""

    @property
    def converged(self) -> bool:
        """Whether no further iteration is needed; the generator ends after such a state."""


class Solver(GeneticsEstimator):
    """Base of the solvers: an object of settings whose methods know one algorithm.

    Settings are arguments of ``__init__``, stored as they are (`get_params` and `set_params` are
    scikit-learn's) and checked in ``FinemapMiXeR.fit`` against the table ``_constraints``. A solver
    keeps no state of a fit.

    A subclass defines `start`, `posterior`, `credible_sets`, `n_causal` and the class attributes
    below, and overrides the other methods if it differs.
    """

    name: ClassVar[str]
    """Value of FinemapMiXeR's parameter `solver` and attribute `solver_`."""
    source: ClassVar[str] = ""
    """What it is and whom to cite, in a sentence or two of a report."""
    has_pi: ClassVar[bool] = False
    """Whether its prior is the spike and slab, which has a number pi_1. It then takes `pi_slab` of
    a `Prior`; the others are given one expected effect in its place."""
    calibrated: ClassVar[bool] = False
    """Whether its PIPs are not overconfident. Only then its fit can tell that z and LD do not
    agree, and "auto" may take it."""
    forms_ld: ClassVar[bool] = False
    """Whether it needs the dense LD matrix (p, p)."""
    believes_ld: ClassVar[bool] = False
    """Whether it misleads with LD that is not that of the people of the scan. It is then told more
    of a panel's errors, and "auto" takes it for summary statistics only once they fit their LD."""
    most_variants: ClassVar[float] = np.inf
    """Up to how many variants "auto" takes it if it believes the LD."""
    sums_effects: ClassVar[bool] = False
    """Whether it fits at most `max_effects` effects; with one it asks nothing of the LD."""
    learns_background: ClassVar[bool] = False
    """Whether it takes `background` of the problem and says in its `Posterior` what it is."""
    learns_annotations: ClassVar[bool] = False
    """Whether it takes `annotations` of the problem and says in its `Posterior` what their slopes
    are. For the others they are learned by many fits."""
    is_sampler: ClassVar[bool] = False
    """Whether it draws. A chain that has not converged needs more draws and is no sign of LD that
    does not fit."""
    default_max_iter: ClassVar[int] = 100
    """Largest number of states if FinemapMiXeR's `max_iter` is None."""
    default_tol: ClassVar[float] = 1e-3
    """Criterion of convergence if FinemapMiXeR's `tol` is None."""
    unfinished: ClassVar[str] = UNFINISHED
    """What the warning says of a fit that has used up its iterations, {} of them."""

    _constraints: ClassVar[Constraints] = {}

    def start(self, problem: Problem) -> Iterator[State]:
        """Return the generator of states, one per iteration."""
        raise NotImplementedError

    def posterior(self, state: Any, locus: Locus) -> Posterior:
        """Return what `state` says of the effects; constant variants have none."""
        raise NotImplementedError

    def credible_sets(self, state: Any, problem: Problem) -> list[CredibleSet]:
        """Return the credible sets of `state`, the strongest first."""
        raise NotImplementedError

    def effects(self, state: Any, problem: Problem, credible_sets: list[CredibleSet]) -> Effects:
        """Return the effects one by one; here those that are as sure as the credible sets say.

        Within a set the Bayes factors are in proportion to the probabilities over the prior ones.
        """
        posterior = self.posterior(state, problem.locus)
        pip, mean, sd = on_host(
            posterior.pip, posterior.mean, posterior.covariance.variances() ** 0.5
        )
        prior = problem.prior_pip(posterior)
        alpha = np.zeros((len(credible_sets), len(pip)))
        for row, found in zip(alpha, credible_sets, strict=True):
            row[found["variants"]] = found["alpha"]
        total = np.log(10) * np.array([found["log10_bf"] for found in credible_sets])
        if len(credible_sets) == 0:
            total = np.zeros(0)
        size = np.where(alpha > 0, 1 / np.maximum(pip, 1e-300), 0.0)
        share = np.maximum(prior, 1e-300) / max(float(prior.sum()), 1e-300)
        return Effects(
            alpha=alpha,
            mean=size * mean,
            sd=np.where(alpha > 0, sd, 0.0),
            log_bf=np.log(np.maximum(alpha, 1e-300)) + total[:, None] - np.log(share),
            log_bf_of_any=total,
            presence=alpha.sum(axis=1),
        )

    def n_causal(self, state: Any, posterior: Posterior) -> np.ndarray:
        """Return P(k variants have an effect), k = 0, 1, ..."""
        raise NotImplementedError

    def limit_reached(self, state: Any, problem: Problem) -> str | None:
        """Return a sentence on a limit of the user's that the fit has run into, or None."""

    def diagnostics(self, state: Any) -> dict[str, float]:
        """Return what else `state` says of the quality of the fit."""
        return {}

    def noise_norm(self, locus: Locus) -> NoiseNorm:
        """Return what s0^2 is learned from under the solver's model of the noise."""
        return learning_norm(locus)

    def quick(self) -> "Solver":
        """Return the solver with settings for a fit that is a step of another."""
        return self

    def n_iterations(self, max_iter: int | None) -> int:
        """Return the largest number of states for FinemapMiXeR's `max_iter`."""
        return self.default_max_iter if max_iter is None else max_iter


def on_host(*arrays: Array | None) -> tuple:
    """Return `arrays` on the host in double precision; None stays None."""
    return tuple(None if array is None else to_numpy(array).astype(float) for array in arrays)
