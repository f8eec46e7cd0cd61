"""From an estimator's parameters and the data's moments to a problem for the solver."""

from functools import partial
from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._priors import (
    Prior,
    check_residual_covariance,
    check_scales,
    check_weights,
    chosen_covariances,
    make_prior,
    scales_from_data,
)
from skgenetics.multitrait._residual_covariance import (
    ResidualCovariance,
    diagonal_step,
    full_step,
    low_rank_step,
    residual_covariance,
)
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number, check_option
from skgenetics.utils._validation import check_flags

NULL_START = 0.9  # of the weights
REVIVED = 0.01  # of the weights is spread anew where a fit goes on from another
STEPS = {"full": full_step, "diagonal": diagonal_step, "low_rank": low_rank_step}


class Problem(NamedTuple):
    """What the solver is given besides the data, in internal units: traits divided by `unit`."""

    prior: Prior
    weights: np.ndarray  # (T,) to start from, or to hold
    covariance: ResidualCovariance  # likewise
    covariance_step: object  # None: Sigma is held
    unit: np.ndarray  # (J',) of the effects on the traits in the model
    noise_unit: np.ndarray  # (J',) of their noise; other where traits differ in sample size
    kept: np.ndarray  # (J',) columns of y in the model: those that vary
    effects: np.ndarray | None = None  # (P, J') to start from; None: 0


def is_low_rank(options):
    """Whether the noise of the traits has the low-rank form."""
    form = options.residual_covariance
    return isinstance(form, str) and form == "low_rank"


def check_parameters(options):
    """Raise where a parameter is not what the docstring says."""
    check_flags(options)
    if isinstance(options.residual_covariance, str):
        check_option(options.residual_covariance, "residual_covariance", tuple(STEPS))
    if options.n_components is not None:
        check_number(options.n_components, "n_components", integer=True, low=0, closed="left")
    if isinstance(options.polygenic, str):
        check_option(options.polygenic, "polygenic", ("auto",))
    else:
        check_number(options.polygenic, "polygenic", low=0, closed="left")
    check_number(options.identity_share, "identity_share", low=0, high=1, closed="both")
    check_number(options.weight_threshold, "weight_threshold", low=0, high=1, closed="left")
    check_option(options.update_order, "update_order", ("sequential", "random", "evidence"))
    check_number(options.max_iter, "max_iter", integer=True, low=1, closed="left")
    check_number(options.tol, "tol", low=0, closed="left")


def make_problem(
    options, *, effects, error, moment, sd, unit, noise_unit, kept, trait_names, n_samples, varies
):
    """Return the `Problem`: the prior, and where weights and Sigma start."""
    warm = options.warm_start and hasattr(options, "weights_")
    if warm:
        before = len(options._posterior[0].effects), options._units[-1]
        now = len(effects), len(trait_names)
        if before != now:
            raise ValueError(
                f"warm_start goes on from a fit of {before[0]} variants and {before[1]} trait(s); "
                f"this one has {now[0]} and {now[1]}: set warm_start=False."
            )
    low_rank = is_low_rank(options)
    U, names = chosen_covariances(
        options.covariances,
        trait_names=[str(name) for name in trait_names],
        sd=sd,
        kept=kept,
        effects=effects,
        noise=np.outer(error, error) * moment / np.outer(sd, sd) if varies else np.eye(len(sd)),
    )
    if options.scales is None:
        scales = options._prior.scales if warm else scales_from_data(effects, error)
        largest = np.max(np.diagonal(U, axis1=1, axis2=2), axis=1)[:, None, None]
        U = U / np.where(largest > 0, largest, 1.0)
    else:
        scales = check_scales(options.scales)
    relative = sd / unit
    prior = make_prior(
        U * np.outer(relative, relative),
        scales,
        names,
        has_null=bool(options.include_null),
        identity_share=options.identity_share,
    )
    n_weights = prior.n_weights
    weights = np.full(n_weights, 1 / n_weights)
    if options.include_null:  # else the smallest scales pass for the null
        weights[0] = NULL_START
        weights[1:] = (1 - NULL_START) / (n_weights - 1)
    for name in ("weights_init", "weights"):
        if getattr(options, name) is not None:
            weights = check_weights(getattr(options, name), name, n_weights)
    if warm and options.weights is None:
        weights = to_numpy(options.weights_).astype(float)
        if len(weights) != n_weights:
            raise ValueError(
                f"The fit that warm_start goes on from had {len(weights)} components, this one has "
                f"{n_weights}: keep covariances and scales, or set warm_start=False."
            )
        weights = revived(weights)
    step = None
    if not isinstance(options.residual_covariance, str):
        given = check_residual_covariance(options.residual_covariance, len(trait_names))
        given = given[np.ix_(kept, kept)]
        covariance = residual_covariance(given / np.outer(noise_unit, noise_unit))
    elif not varies:
        covariance = residual_covariance(np.eye(len(sd)))
    else:
        step = STEPS[options.residual_covariance]
        if low_rank:
            most = len(sd) - 1
            rank = None if options.n_components is None else min(options.n_components, most)
            step = partial(low_rank_step, rank=rank)
        if warm:
            moment = to_numpy(options.residual_covariance_).astype(float)[np.ix_(kept, kept)]
        covariance = step(moment / np.outer(noise_unit, noise_unit), n_samples)
    return Problem(prior, weights, covariance, step, unit, noise_unit, kept)


def revived(weights):
    """Return weights of which a part is spread over all components: 0 would stay 0."""
    return (1 - REVIVED) * weights + REVIVED / len(weights)


def effects_before(model, inverse_sd, problem):
    """Return the effects (P, J') that warm_start goes on from, or None."""
    if not (model.warm_start and hasattr(model, "weights_")):
        return None
    effects = model._posterior[0].effects
    old_inverse_sd, scale, kept, n_traits = model._units
    full = np.zeros((len(effects), n_traits))
    full[:, kept] = effects * old_inverse_sd[:, None] * scale
    to_internal = 1 / np.where(inverse_sd > 0, inverse_sd, np.inf)
    return full[:, problem.kept] * to_internal[:, None] / problem.unit
