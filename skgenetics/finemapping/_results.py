"""What is made of a fitted locus: its attributes, the table of its variants, the path of bounds."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.finemapping._background_effects import background_effects
from skgenetics.finemapping._data import TraitUnits
from skgenetics.finemapping._elbo import learned_prior
from skgenetics.finemapping._n_causal import summarize
from skgenetics.finemapping._posterior import Posterior, explained_share
from skgenetics.finemapping._prior import fixed_or_learned
from skgenetics.finemapping.solvers import Problem, Solver, State
from skgenetics.finemapping.solvers._contract import indefinite_ld
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import Array

if TYPE_CHECKING:
    from pandas import DataFrame

SMALLEST_SHARE = -1e-3  # of the trait: by LD of which an eigenvalue is a little below 0


def fitted_attributes(
    state: State, solver: Solver, problem: Problem, units: TraitUnits, coverage: float
) -> dict[str, Any]:
    """Return the attributes that follow from a state: what `predict` and callbacks need."""
    posterior = solver.posterior(state, problem.locus)
    xp, sd = namespace_of(posterior.mean), posterior.covariance.variances() ** 0.5
    background = background_effects(
        posterior,
        problem,
        background_variance(posterior, problem),
        in_likelihood=not solver.learns_background,
    )
    score_of_means = float(xp.sum((posterior.mean + background) * units.X_mean))
    return {
        "z_": problem.observed.z + 0.0,  # never -0.0
        "pip_": posterior.pip + 0.0,
        "coef_": units.effect * posterior.mean + 0.0,
        "coef_sd_": units.effect * sd,
        "background_coef_": units.effect * background + 0.0,
        "intercept_": units.center - units.effect * score_of_means,
        "n_causal_": summarize(solver.n_causal(state, posterior), coverage),
        "_covariance": posterior.covariance.times(units.effect),
        **prior_attributes(posterior, problem),
    }


def prior_attributes(posterior: Posterior, problem: Problem) -> dict[str, Any]:
    """Return the parameters of the model: as the user fixed them, or as they were learned."""
    locus, prior, fixed = problem.locus, problem.prior, problem.fixed
    learned_pi, slab = learned_prior(posterior, prior.pi_slab)
    pi = locus.array(problem.prior_pip(posterior)) if fixed.annotated else learned_pi
    if fixed.heritability is not None and prior.slab is not None:
        slab = float(prior.slab[0])
    annotated, annotations = {}, problem.annotations
    if annotations is not None:
        slopes = posterior.slopes if annotations.slopes is None else annotations.slopes
        annotated["annotation_coef_"] = locus.array(slopes / annotations.unit)
    genic = locus.heterozygosity * posterior.slab_second
    return {
        "causal_probability_": fixed_or_learned(fixed.causal_probability, pi, locus),
        "effect_variance_": fixed_or_learned(fixed.effect_variance, slab, locus),
        "residual_variance_": posterior.residual_variance,
        "background_variance_": background_variance(posterior, problem),
        "heritability_": explained_share(posterior, problem.observed),
        "genic_variance_": float(namespace_of(genic).sum(genic)),
        **annotated,
    }


def background_variance(posterior: Posterior, problem: Problem) -> float:
    """Return tau^2: as the solver learned it, or as it is part of the problem's likelihood."""
    if problem.background is not None:
        return float(problem.background)
    return float(posterior.background or 0.0)


def check_share(heritability: float, highest: float) -> None:
    """Raise ValueError if effects explain more than `highest` of the trait, or less than none."""
    if not heritability >= SMALLEST_SHARE:
        raise indefinite_ld()
    if heritability > highest:
        raise ValueError(
            f"The effects explain {heritability:.3g} times the variance of the trait: z, ld and "
            "n_samples cannot belong together. Check that n_samples is that of the scan, that z "
            "are Wald statistics, and that ld is r, of the same variants and alleles; "
            "ld_mismatch(z, ld, n_samples) tells which variants to look at."
        )


class BoundPath:
    """The bounds of the states of a solver, recorded as they pass by."""

    def __init__(self):
        self.bounds: list[np.ndarray] = []

    def follow(self, states: Iterable[State]) -> Iterator[State]:
        """Yield the `states`, recording their bounds."""
        for state in states:
            self.bounds.append(np.atleast_1d(to_numpy(state.bound)))
            yield state

    def of_best_start(self) -> list[float]:
        """Return the bounds of the start that ends best; an empty list for a sampler."""
        best = int(np.argmax(self.bounds[-1]))
        return [float(bound[best]) for bound in self.bounds if np.isfinite(bound[best])]


def posterior_frame(
    names: Sequence[str], z: Array, pip: Array, mean: Array, sd: Array, credible_sets: list
) -> "DataFrame":
    """Return a data frame with a row per variant; the strongest set of a variant counts."""
    pandas = import_optional("pandas", extra="dataframe")
    number, alpha = np.zeros(len(names), dtype=int), np.zeros(len(names))
    for i, credible_set in reversed(list(enumerate(credible_sets, start=1))):
        number[credible_set["variants"]] = i
        alpha[credible_set["variants"]] = credible_set["alpha"]
    return pandas.DataFrame(
        {
            "variant_id": names,
            "z": to_numpy(z),
            "pip": to_numpy(pip),
            "posterior_mean": to_numpy(mean),
            "posterior_sd": to_numpy(sd),
            "cs": number,
            "cs_alpha": alpha,
        }
    )
