"""The parameters that a trans solver starts from."""

import numpy as np

from skgenetics.expression._initialization import (
    cis_candidates,
    group_lasso_loadings,
    individual_scores,
    logit_scores,
    sample_scores,
    tensor_scores,
    variant_lasso,
)
from skgenetics.expression._objective import scores_to_factors, strengths
from skgenetics.expression._trans import solve_gene_factors, solve_layers
from skgenetics.utils._array_api import move_to, to_numpy


def start_params(
    problem, residual, weight, n_components, *, init, solver, windows, candidates, rng
):
    """Return the parameters that a solver starts from.

    residual : array (I, J, K), on the host
    windows : list of slice or integer array
    candidates : "all", "cis" or integer array
    """
    xp, device, model = problem.xp, problem.device, problem.model
    n, n_genes, n_tissues = residual.shape

    def array(values):
        return move_to(np.ascontiguousarray(values), xp, device)

    W, members, genotypes = None, None, problem.genotypes
    if init == "staged":
        found = sample_scores(residual, weight, n_components, rng)
        if model == "tensor":
            W, scores = tensor_scores(found, weight)
        else:
            scores = individual_scores(found, weight)
        extra = n_components - scores.shape[1]
        size = scores.std(axis=0).mean() if scores.size else 1.0
        scores = np.hstack([scores, 0.1 * size * rng.normal(size=(n, extra))])
        if W is not None:
            W = np.hstack([W, rng.normal(size=(n_tissues, extra))])
        if model == "sigmoid":
            scores = logit_scores(scores)
        if isinstance(candidates, str) and candidates == "cis":
            members = cis_candidates(group_lasso_loadings(scores, residual, weight), windows)
        elif not isinstance(candidates, str):
            members = [candidates] * n_components
        host = _HostGenotypes(genotypes, xp, device)
        scores, effects = variant_lasso(host, scores, weight, members, host.take)
        intercept = weight @ scores / weight.sum()
        scores = scores - intercept
    else:
        effects = rng.normal(size=(genotypes.X.shape[1], n_components))
        scores = to_numpy(genotypes @ array(effects))
        W = rng.normal(size=(n_tissues, n_components))
        intercept = np.zeros(n_components)
    coef = array(effects) if problem.root is None else problem.root.T @ array(scores)
    if model == "sigmoid":
        coef = xp.concat([coef, array(intercept)[None, :]], axis=0)
    params = {"coef": coef}
    if model == "tensor":
        params["gene_factors"] = array(np.zeros((n_genes, n_components)))
        params["tissue_factors"] = array(W)
    else:
        params["loadings"] = array(np.zeros((n_tissues, n_components, n_genes)))
    if solver != "varpro":
        factors, _ = scores_to_factors(problem.design.matrix @ coef, model, xp)
        rest = (factors, problem.targets, problem.penalties)
        if model == "tensor":
            params["gene_factors"] = solve_gene_factors(params, *rest, xp)
        elif solver == "gd":
            own = group_lasso_loadings(to_numpy(factors), residual, weight)
            params["loadings"] = array(own[:, :, to_numpy(problem.targets.order)])
        else:
            params = solve_layers(params, *rest, model, xp)
    return balance(params, problem)


def balance(params, problem):
    """Return parameters of the same predictions whose two penalties are as small as possible.

    The products of F with its loadings stay the same when one grows as the other shrinks, in the
    models without a sigmoid.
    """
    targets, penalties, xp = problem.targets, problem.penalties, problem.xp
    second = "gene_factors" if problem.model == "tensor" else "loadings"
    if problem.model == "sigmoid" or penalties.variant_kind != penalties.loading_kind:
        return params
    if not bool(xp.any(params[second] != 0)):
        factors = problem.design.matrix @ params["coef"]
        params = solve_layers(params, factors, targets, penalties, problem.model, xp)
    powers = {"l2": 2, "l1": 1}
    sizes = {}
    for name, (strength, kind) in strengths(params, targets, penalties).items():
        sizes[name] = strength * float(xp.sum(xp.abs(params[name]) ** powers[kind]))
    if not (sizes["coef"] > 0 and sizes[second] > 0):
        return params
    growth = (sizes[second] / sizes["coef"]) ** (1 / (2 * powers[penalties.loading_kind]))
    return {
        **params,
        "coef": params["coef"] * growth,
        second: params[second] / growth,
    }


class _HostGenotypes:
    """Products with centered genotypes, with arrays on the host on either side."""

    def __init__(self, genotypes, xp, device):
        self.genotypes, self.xp, self.device = genotypes, xp, device
        self.T = self

    def __matmul__(self, values):
        """Return the product of the transpose with values (I, T)."""
        return to_numpy(self.genotypes.T @ move_to(values, self.xp, self.device))

    def take(self, columns):
        """Return columns (I, m)."""
        X = self.xp.take(self.genotypes.X, move_to(columns, self.xp, self.device), axis=1)
        mean, size = self.genotypes.scale
        return (to_numpy(X).astype(float) - to_numpy(mean)[columns]) / size**0.5
