"""The parameters that a trans solver starts from."""

from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression.cis._windows import Columns
from skgenetics.expression.trans._initialization import (
    cis_candidates,
    group_lasso_loadings,
    individual_scores,
    lasso_gene_factors,
    logit_scores,
    sample_scores,
    tensor_scores,
)
from skgenetics.expression.trans._layers import solve_gene_factors, solve_layers, solve_loadings
from skgenetics.expression.trans._objective import Params, TransProblem, factors_of, strengths
from skgenetics.expression.trans._solvers import Solver
from skgenetics.expression.trans._targets import compress, dense
from skgenetics.expression.trans._variant_lasso import variant_lasso
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._typing import Array


class StartSettings(NamedTuple):
    """How the start is made."""

    init: str  # "staged" or "random"
    windows: list[Columns] | None = None  # of each gene
    candidates: str | np.ndarray = "all"  # "all", "cis", or columns of X
    n_jobs: int | None = None


class FactorStart(NamedTuple):
    """Where the factors start, on the host."""

    scores: np.ndarray  # (I, T) linear in the genotypes
    columns: list[np.ndarray]  # per factor: columns of X with an effect
    effects: list[np.ndarray]  # per factor: of these columns, centered and scaled
    intercept: np.ndarray  # (T,) of the scores; for "sigmoid"
    tissue_factors: Any  # W (K, T) for "tensor", else None


def start_params(
    problem: TransProblem,
    weight: np.ndarray,
    n_components: int,
    solver: Solver,
    settings: StartSettings,
    rng: np.random.RandomState,
) -> Params:
    """Return the parameters that a solver starts from, balanced between the layers."""
    if settings.init == "staged":
        start = staged_start(problem, weight, n_components, settings, rng)
    else:
        start = random_start(problem, n_components, rng)
    params = {"coef": start_coef(start, problem)}
    if solver.has_layers:
        params = start_layers(params, start, problem, solver, weight, settings.n_jobs)
    return balance(params, problem)


def staged_start(
    problem: TransProblem,
    weight: np.ndarray,
    n_components: int,
    settings: StartSettings,
    rng: np.random.RandomState,
) -> FactorStart:
    """Return the start of the paper's staged initialization."""
    scores, W = _initial_scores(problem, weight, n_components, rng)
    candidates = _candidates(scores, W, problem, weight, settings)
    genotypes = problem.design.genotypes
    linear, columns, effects = variant_lasso(genotypes, scores, weight, candidates)
    # 0 is a saddle: a factor that no candidate tells of starts from all variants
    idle = [t for t in range(n_components) if not np.any(effects[t])]
    if idle and candidates is not None:
        free = variant_lasso(genotypes, scores[:, idle], weight, None)
        linear[:, idle] = free.scores
        for t, *columns_and_effects in zip(idle, free.columns, free.effects):
            columns[t], effects[t] = columns_and_effects
    return FactorStart(linear, columns, effects, weight @ scores / weight.sum(), W)


def _initial_scores(problem, weight, n_components, rng):
    """Return the scores (I, T) that step 9 regresses on variants, and W (K, T) of "tensor"."""
    n, _, n_tissues = problem.targets.shape
    by_sample = sample_scores(problem.targets, n_components, rng)
    W = None
    if problem.model == "tensor":
        W, scores = tensor_scores(by_sample, weight)
    else:
        scores = individual_scores(by_sample, weight)
    missing = n_components - scores.shape[1]
    size = scores.std(axis=0).mean() if scores.size else 1.0
    scores = np.hstack([scores, 0.1 * size * rng.normal(size=(n, missing))])
    if W is not None:
        W = np.hstack([W, rng.normal(size=(n_tissues, missing))])
    return (logit_scores(scores) if problem.model == "sigmoid" else scores), W


def _candidates(scores, W, problem, weight, settings):
    """Return the candidate columns of X of each factor, or None for all of them."""
    if not isinstance(settings.candidates, str):
        return [settings.candidates] * scores.shape[1]
    if settings.candidates == "all":
        return None
    expression = dense(problem.targets)
    if problem.model == "tensor":
        loadings = lasso_gene_factors(scores, W, expression, weight, settings.n_jobs)
    else:
        loadings = group_lasso_loadings(scores, expression, weight, settings.n_jobs)
    return cis_candidates(loadings, settings.windows)


def random_start(
    problem: TransProblem, n_components: int, rng: np.random.RandomState
) -> FactorStart:
    """Return a start of random effects of all variants, and of random tissue factors."""
    genotypes, n_tissues = problem.design.genotypes, problem.targets.shape[2]
    n_variants = genotypes.X.shape[1]
    effects = rng.normal(size=(n_components, n_variants))
    scores = to_numpy(genotypes @ _moved(effects.T, problem))
    W = rng.normal(size=(n_tissues, n_components)) if problem.model == "tensor" else None
    columns = [np.arange(n_variants)] * n_components
    return FactorStart(scores, columns, list(effects), np.zeros(n_components), W)


def _moved(values: np.ndarray, problem: TransProblem) -> Array:
    """Return values in the namespace and on the device of a problem."""
    like = problem.design.penalized
    return move_to(np.ascontiguousarray(values), namespace_of(like), device_of(like))


def start_coef(start: FactorStart, problem: TransProblem) -> Array:
    """Return "coef" (r, T): effects of the variants, or coordinates of the scores in the root."""
    root = problem.design.root
    if root is not None:
        coef = root.T @ _moved(start.scores, problem)
    else:
        n_variants = problem.design.genotypes.X.shape[1]
        effects = np.zeros((n_variants, len(start.columns)))
        for t, columns in enumerate(start.columns):
            effects[columns, t] = start.effects[t]
        coef = _moved(effects, problem)
    if problem.model == "sigmoid":
        intercept = _moved(start.intercept, problem)
        coef = namespace_of(coef).concat([coef, intercept[None, :]], axis=0)
    return coef


def start_layers(
    params: Params,
    start: FactorStart,
    problem: TransProblem,
    solver: Solver,
    weight: np.ndarray,
    n_jobs: int | None = None,
) -> Params:
    """Return parameters with the layers that go with "coef"."""
    targets, _, penalties, model = problem
    factors, _ = factors_of(params["coef"], problem)
    _, n_genes, n_tissues = targets.shape
    n_components = factors.shape[1]
    if model == "tensor":
        zeros = _moved(np.zeros((n_genes, n_components)), problem)
        W = _moved(start.tissue_factors, problem)
        params = {**params, "gene_factors": zeros, "tissue_factors": W}
        return {**params, "gene_factors": solve_gene_factors(params, factors, targets, penalties)}
    if not solver.solves_layers:
        loadings = group_lasso_loadings(to_numpy(factors), dense(targets), weight, n_jobs)
        return {**params, "loadings": _moved(loadings[:, :, to_numpy(targets.order)], problem)}
    zeros = _moved(np.zeros((n_tissues, n_components, n_genes)), problem)
    return solve_layers({**params, "loadings": zeros}, factors, targets, penalties, model)


def balance(params: Params, problem: TransProblem) -> Params:
    """Return parameters of the same predictions whose two penalties are as small as possible.

    The products of F with its loadings stay the same when one grows as the other shrinks, in the
    models without a sigmoid.
    """
    targets, _, penalties, model = problem
    if model == "sigmoid" or penalties.variant_kind != penalties.loading_kind:
        return params
    xp, whole = namespace_of(params["coef"]), params
    layer = "gene_factors" if model == "tensor" else "loadings"
    if layer not in params:  # varpro
        factors, _ = factors_of(params["coef"], problem)
        whole = {**params, layer: solve_loadings(factors, compress(targets), penalties)}
    power = 2 if penalties.variant_kind == "l2" else 1
    sizes = {
        name: strength * float(xp.sum(xp.abs(whole[name]) ** power))
        for name, (strength, _) in strengths(whole, targets, penalties).items()
    }
    if not (sizes["coef"] > 0 and sizes[layer] > 0):
        return params
    growth = (sizes[layer] / sizes["coef"]) ** (1 / (2 * power))
    factor = {"coef": growth, layer: 1 / growth}
    return {name: value * factor.get(name, 1.0) for name, value in params.items()}
