"""From an estimator's parameters and the data's moments to a problem for the solver."""

from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_random_state

from skgenetics.multitrait._coordinate_ascent import coordinate_ascent, evidence_order
from skgenetics.multitrait._polygenic import GRID, MAX_SAMPLES, Relationship
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
from skgenetics.utils._validation import check_number, check_option

SEARCH_SWEEPS = 200  # at most so many for each delta that polygenic="auto" tries
SEARCH_TOL = 0.02
NULL_START = 0.9  # of the weights: the background then takes what it can
STEPS = {"full": full_step, "diagonal": diagonal_step, "low_rank": low_rank_step}


class Problem(NamedTuple):
    """What the solver is given besides the data, in internal units: traits divided by `unit`."""

    prior: Prior
    weights: np.ndarray  # (T,) to start from, or to hold
    covariance: ResidualCovariance  # likewise
    covariance_step: object  # None: Sigma is held
    unit: np.ndarray  # (J',) of the traits in the model
    kept: np.ndarray  # (J',) columns of y in the model: those that vary


def is_low_rank(options):
    """Whether the noise of the traits has the low-rank form."""
    form = options.residual_covariance
    return isinstance(form, str) and form == "low_rank"


def check_parameters(options):
    """Raise where a parameter is not what the docstring says."""
    if isinstance(options.residual_covariance, str):
        check_option(options.residual_covariance, "residual_covariance", tuple(STEPS))
    if options.n_components is not None:
        check_number(options.n_components, "n_components", integer=True, low=0, closed="left")
    if isinstance(options.polygenic, str):
        check_option(options.polygenic, "polygenic", ("auto",))
    else:
        check_number(options.polygenic, "polygenic", low=0, closed="left")
    check_number(options.identity_share, "identity_share", low=0, high=1, closed="both")
    check_option(options.update_order, "update_order", ("sequential", "random", "evidence"))
    check_number(options.max_iter, "max_iter", integer=True, low=1, closed="left")
    check_number(options.tol, "tol", low=0, closed="left")


def make_problem(
    options, *, effects, error, moment, sd, unit, kept, trait_names, n_samples, varies
):
    """Return the `Problem`: the prior, and where weights and Sigma start."""
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
        scales = scales_from_data(effects, error)
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
    if options.include_null and options.polygenic != 0:
        weights[0] = NULL_START
        weights[1:] = (1 - NULL_START) / (n_weights - 1)
    for name in ("weights_init", "weights"):
        if getattr(options, name) is not None:
            weights = check_weights(getattr(options, name), name, n_weights)
    step = None
    if not isinstance(options.residual_covariance, str):
        given = check_residual_covariance(options.residual_covariance, len(trait_names))
        covariance = residual_covariance(given[np.ix_(kept, kept)] / np.outer(unit, unit))
    elif not varies:
        covariance = residual_covariance(np.eye(len(sd)))
    else:
        step = STEPS[options.residual_covariance]
        if low_rank:
            most = len(sd) - 1
            rank = None if options.n_components is None else min(options.n_components, most)
            step = partial(low_rank_step, rank=rank)
        covariance = step(moment / np.outer(unit, unit), n_samples)
    return Problem(prior, weights, covariance, step, unit, kept)


def solve(options, design, problem, *, tol):
    """Return the generator of coordinate ascent."""
    return coordinate_ascent(
        design,
        problem.prior,
        weights=problem.weights,
        learn_weights=options.weights is None,
        covariance=problem.covariance,
        covariance_step=problem.covariance_step,
        tol=tol,
    )


def choose_design(options, make_design, design, problem):
    """Choose the order and the background; return the design and delta."""
    order = None
    if options.update_order == "random":
        order = check_random_state(options.random_state).permutation(len(design.squared_norm))
    elif options.update_order == "evidence":
        components = problem.prior.whitened(problem.covariance)
        order = evidence_order(design, components, problem.weights, problem.covariance)
    if order is not None:
        design = make_design(background=None, order=order)
    if not design.rows_known and options.polygenic not in ("auto", 0):
        raise ValueError(
            f"polygenic={options.polygenic} needs the samples, which summary statistics do not "
            "hold. Use polygenic=0 or 'auto', which is 0 here."
        )
    if not design.rows_known:
        return design, 0.0
    if not isinstance(options.polygenic, str):
        if options.polygenic == 0:
            return design, 0.0
        background = Relationship(design).background(options.polygenic)
        return make_design(background=background, order=order), float(options.polygenic)
    if len(design.host_weight) > MAX_SAMPLES or design.n_used == 0:
        return design, 0.0
    relationship, best = Relationship(design), None
    for delta in GRID:
        if delta > 0:
            design = make_design(background=relationship.background(delta), order=order)
        *_, state = islice(solve(options, design, problem, tol=SEARCH_TOL), SEARCH_SWEEPS)
        if best is None or state.bound > best[0]:
            best = state.bound, design, delta
    return best[1:]
