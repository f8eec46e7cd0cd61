"""From an estimator's parameters and the data's moments to a problem for the solver."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from skgenetics.multitrait._cell_design import CellDesign
from skgenetics.multitrait._covariances import (
    check_residual_covariance,
    choose_covariances,
    lack_subsets,
)
from skgenetics.multitrait._data import Data
from skgenetics.multitrait._genetic_covariance import TraitCovariances
from skgenetics.multitrait._moments import MarginalStatistics, ModeledTraits
from skgenetics.multitrait._priors import (
    Prior,
    check_scales,
    check_weights,
    make_prior,
    scales_from_data,
)
from skgenetics.multitrait._residual_covariance import (
    CovarianceStep,
    ResidualCovariance,
    diagonal_step,
    full_step,
    low_rank_step,
    residual_covariance,
)
from skgenetics.multitrait.solvers import SOLVERS, Problem, VariantPosterior
from skgenetics.utils._arrays import to_numpy

NULL_START = 0.9  # of the weights
REVIVED = 0.01  # of the weights is spread anew if a fit goes on from another
FORMS: dict[str, CovarianceStep] = {"full": full_step, "diagonal": diagonal_step}


class FittedUnits(NamedTuple):
    """From the solver's effects to those per counted allele, in units of y."""

    inverse_sd: np.ndarray
    """(P,) 0 for variants that do not vary."""
    scale: np.ndarray
    """(J',) 0 for traits that do not vary."""
    traits: ModeledTraits


class Start(NamedTuple):
    """Where a fit with warm_start begins: what the fit before has learned, on the host."""

    posterior: VariantPosterior
    units: FittedUnits
    scales: np.ndarray
    weights: np.ndarray
    residual_covariance: np.ndarray
    genetic_covariance: np.ndarray

    def level(self, traits: ModeledTraits, *, by_trait: bool) -> float | TraitCovariances:
        """Return the background, as one delta or as covariances of the modeled traits."""
        modeled, units = np.ix_(traits.columns, traits.columns), np.outer(traits.unit, traits.unit)
        genetic, residual = self.genetic_covariance[modeled], self.residual_covariance[modeled]
        covariances = TraitCovariances(genetic / units, residual / units)
        return covariances if by_trait else float(np.mean(covariances.deltas))

    def effects(self, inverse_sd: np.ndarray, traits: ModeledTraits) -> np.ndarray:
        """Return the effects (P, J') in the internal units of another fit."""
        before = self.units
        full = np.zeros((len(self.posterior.effects), len(traits.names)))
        per_allele = self.posterior.effects * before.inverse_sd[:, None] * before.scale
        full[:, before.traits.columns] = per_allele
        to_internal = 1 / np.where(inverse_sd > 0, inverse_sd, np.inf)
        return full[:, traits.columns] * to_internal[:, None] / traits.unit


def is_low_rank(residual_covariance: Any) -> bool:
    """Whether the noise of the traits has the low-rank form."""
    return isinstance(residual_covariance, str) and residual_covariance == "low_rank"


def warm_start_of(model: Any, data: Data) -> Start | None:
    """Return where `warm_start` goes on from, or None."""
    n_variants, n_traits = len(data.genotypes.mean), len(data.modeled.names)
    if not (model.warm_start and hasattr(model, "weights_")):
        return None
    before = len(model._posterior.effects), len(model._units.traits.names)
    if before != (n_variants, n_traits):
        raise ValueError(
            f"warm_start goes on from a fit of {before[0]} variants and {before[1]} trait(s); "
            f"this one has {n_variants} and {n_traits}: set warm_start=False."
        )
    return Start(
        model._posterior,
        model._units,
        model._prior.scales,
        to_numpy(model.weights_).astype(float),
        to_numpy(model.residual_covariance_).astype(float),
        to_numpy(model.genetic_covariance_).astype(float),
    )


def make_problem(model: Any, data: Data, start: Start | None) -> Problem:
    """Return the `Problem`: the prior, and where weights, Sigma and effects start."""
    prior = mixture_prior(model, data.marginal, data.modeled, start)
    covariance, step = starting_covariance(model, data, start)
    effects = None
    if start is not None:
        effects = start.effects(data.genotypes.inverse_sd, data.modeled)
    weights = starting_weights(model, prior.n_weights, start)
    sd, auto = data.modeled.sd, SOLVERS[model.solver].covariances
    lacking = lack_subsets(model.covariances, auto=auto, n_traits=len(sd))
    return Problem(
        prior=prior,
        weights=weights,
        max_effects=model.max_effects,
        slab_shares=starting_weights(model, prior.n_weights, None)[int(prior.has_null) :],
        learn_weights=model.weights is None,
        null_pseudocounts=null_pseudocounts(model.null_pseudocounts, data.design.n_used),
        weight_threshold=model.weight_threshold,
        covariance=covariance,
        covariance_step=step,
        effects=effects,
        subset_variances=(sd / data.modeled.unit) ** 2 if lacking else None,
    )


def null_pseudocounts(given: float | None, n_variants: int) -> float:
    """Return the pseudo-counts on the null: `given`, or ash's 10 and a tenth of the variants.

    The likelihood is nearly flat in the weight on small effects, and the more variants and
    components there are, the more variants without an effect pass for such.
    """
    return 10 + n_variants / 10 if given is None else float(given)


def mixture_prior(
    model: Any, marginal: MarginalStatistics, traits: ModeledTraits, start: Start | None
) -> Prior:
    """Return the prior that `covariances` and `scales` ask for, in internal units."""
    errors, sd = marginal.errors, traits.sd
    noise = np.eye(len(sd))
    if traits.varies:
        noise = np.outer(errors, errors) * marginal.moment / np.outer(sd, sd)
    named = choose_covariances(
        model.covariances,
        auto=SOLVERS[model.solver].covariances,
        trait_names=traits.names,
        sd=sd,
        modeled=traits.columns,
        effects=marginal.effects,
        noise=noise,
    )
    U = np.stack(list(named.values()))
    if model.scales is not None:
        scales = check_scales(model.scales)
    else:
        largest = np.max(np.diagonal(U, axis1=1, axis2=2), axis=1)[:, None, None]
        U = U / np.where(largest > 0, largest, 1.0)
        scales = (
            start.scales
            if start is not None
            else scales_from_data(marginal.effects, errors, has_null=model.include_null)
        )
    relative = sd / traits.unit
    return make_prior(
        U * np.outer(relative, relative),
        scales,
        named,
        has_null=bool(model.include_null),
        identity_share=model.identity_share,
    )


def starting_weights(model: Any, n_weights: int, start: Start | None) -> np.ndarray:
    """Return pi (T,) to start from, or to hold."""
    if model.weights is not None:
        return check_weights(model.weights, "weights", n_weights)
    if model.weights_init is not None:
        weights = check_weights(model.weights_init, "weights_init", n_weights)
    elif model.include_null:  # else the smallest scales pass for the null
        weights = np.full(n_weights, (1 - NULL_START) / (n_weights - 1))
        weights[0] = NULL_START
    else:
        weights = np.full(n_weights, 1 / n_weights)
    if start is None:
        return weights
    if len(start.weights) != n_weights:
        raise ValueError(
            f"The fit that warm_start goes on from had {len(start.weights)} components, this one "
            f"has {n_weights}: keep covariances and scales, or set warm_start=False."
        )
    return revived(start.weights)


def starting_covariance(
    model: Any, data: Data, start: Start | None
) -> tuple[ResidualCovariance, CovarianceStep | None]:
    """Return Sigma to start from or to hold, and its M-step or None."""
    marginal, traits = data.marginal, data.modeled
    form, units = model.residual_covariance, np.outer(traits.noise_unit, traits.noise_unit)
    modeled = np.ix_(traits.columns, traits.columns)
    if not isinstance(form, str):
        form = traits.labels.match_square(form, "residual_covariance")
        fixed = check_residual_covariance(form, len(traits.names))
        return residual_covariance(fixed[modeled] / units), None
    if isinstance(data.design, CellDesign):  # which holds the noise
        return residual_covariance(np.eye(len(traits.sd))), None
    if data.noise_known:
        return residual_covariance(marginal.moment / units), None
    if not traits.varies:
        return residual_covariance(np.eye(len(traits.sd))), None
    if is_low_rank(form):
        largest = len(traits.sd) - 1
        rank = None if model.n_components is None else min(model.n_components, largest)
        step: CovarianceStep = partial(low_rank_step, rank=rank)
    else:
        step = FORMS[form]
    moment = marginal.moment if start is None else start.residual_covariance[modeled]
    return step(moment / units, marginal.n_samples), step


def revived(weights: np.ndarray) -> np.ndarray:
    """Return weights of which a part is spread over all components: 0 would stay 0."""
    return (1 - REVIVED) * weights + REVIVED / len(weights)
