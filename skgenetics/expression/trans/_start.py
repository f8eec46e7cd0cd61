"""The parameters that a trans solver starts from."""

import numpy as np

from skgenetics.expression.trans._initialization import (
    cis_candidates,
    group_lasso_loadings,
    individual_scores,
    lasso_gene_factors,
    logit_scores,
    sample_scores,
    tensor_scores,
    variant_lasso,
)
from skgenetics.expression.trans._objective import scores_to_factors, strengths
from skgenetics.expression.trans._solvers import solve_gene_factors, solve_layers, solve_loadings
from skgenetics.expression.trans._targets import compress, dense
from skgenetics.utils._arrays import column_blocks, move_to, to_numpy


def start_params(
    problem, weight, n_components, *, init, solver, windows, candidates, rng, n_jobs=None
):
    """Return the parameters that a solver starts from.

    windows : list of slice or integer array
    candidates : "all", "cis" or integer array
    """
    xp, device, model = problem.xp, problem.device, problem.model
    n, n_genes, n_tissues = problem.targets.shape

    def array(values):
        return move_to(np.ascontiguousarray(values), xp, device)

    W, members, genotypes = None, None, problem.genotypes
    if init == "staged":
        found = sample_scores(problem.targets, n_components, rng)
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
            if model == "tensor":
                own = lasso_gene_factors(scores, W, dense(problem.targets), weight, n_jobs)
            else:
                own = group_lasso_loadings(scores, dense(problem.targets), weight, n_jobs)
            members = cis_candidates(own, windows)
        elif not isinstance(candidates, str):
            members = [candidates] * n_components
        logits = scores

        def gradients(values):
            # the weighted residuals sum to 0, so that the means of X drop out
            moved = xp.astype(array(values / genotypes.scale.size**0.5), xp.float32)
            for columns, block in column_blocks(genotypes.X, xp, xp.float32):
                yield columns, to_numpy(block.T @ moved)

        def take(columns):
            X = xp.take(genotypes.X, array(columns), axis=1)
            mean, size = genotypes.scale
            return (to_numpy(X).astype(float) - to_numpy(mean)[columns]) / size**0.5

        scores, columns, effects = variant_lasso(gradients, take, logits, weight, members)
        intercept = weight @ logits / weight.sum()
        # 0 is a saddle: a factor that no candidate tells of starts from all variants
        idle = [t for t in range(n_components) if not np.any(effects[t])]
        if idle and members is not None:
            found = variant_lasso(gradients, take, logits[:, idle], weight, None)
            for t, own, *rest in zip(idle, found[0].T, *found[1:]):
                scores[:, t] = own
                columns[t], effects[t] = rest
    else:
        columns = [np.arange(genotypes.X.shape[1])] * n_components
        effects = rng.normal(size=(n_components, genotypes.X.shape[1]))
        scores = to_numpy(genotypes @ array(effects.T))
        W = rng.normal(size=(n_tissues, n_components))
        intercept = np.zeros(n_components)
    if problem.root is None:
        coef = np.zeros((genotypes.X.shape[1], n_components))
        for t in range(n_components):
            coef[columns[t], t] = effects[t]
        coef = array(coef)
    else:
        coef = problem.root.T @ array(scores)
    if model == "sigmoid":
        coef = xp.concat([coef, array(intercept)[None, :]], axis=0)
    params = {"coef": coef}
    if model == "tensor":
        params["gene_factors"] = array(np.zeros((n_genes, n_components)))
        params["tissue_factors"] = array(W)
    elif solver != "varpro":
        params["loadings"] = array(np.zeros((n_tissues, n_components, n_genes)))
    if solver != "varpro":
        factors, _ = scores_to_factors(problem.design.matrix @ coef, model, xp)
        rest = (factors, problem.targets, problem.penalties)
        if model == "tensor":
            params["gene_factors"] = solve_gene_factors(params, *rest, xp)
        elif solver == "gd":
            expression = dense(problem.targets)
            own = group_lasso_loadings(to_numpy(factors), expression, weight, n_jobs)
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
    whole = params
    if second not in params:  # varpro
        factors = problem.design.matrix @ params["coef"]
        small = compress(targets, xp)
        whole = {**params, second: solve_loadings(factors, small, penalties, xp)}
    power = 2 if penalties.variant_kind == "l2" else 1
    sizes = {
        name: strength * float(xp.sum(xp.abs(whole[name]) ** power))
        for name, (strength, _) in strengths(whole, targets, penalties).items()
    }
    if not (sizes["coef"] > 0 and sizes[second] > 0):
        return params
    growth = (sizes[second] / sizes["coef"]) ** (1 / (2 * power))
    factor = {"coef": growth, second: 1 / growth}
    return {name: value * factor.get(name, 1.0) for name, value in params.items()}
