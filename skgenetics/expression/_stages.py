"""The trans stage: start, solver, canonical form."""

from typing import NamedTuple

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
from skgenetics.expression._kernel import CenteredGenotypes, kernel_root
from skgenetics.expression._objective import (
    Design,
    scores_to_factors,
    strengths,
    tissue_loadings,
)
from skgenetics.expression._targets import gather
from skgenetics.expression._trans import (
    alternate,
    gradient_descent,
    solve_gene_factors,
    solve_layers,
    varpro,
)
from skgenetics.utils._array_api import move_to, to_numpy

SOLVERS = {
    "varpro": varpro,
    "als": alternate,
    "proximal": alternate,
    "gd": gradient_descent,
}


class TransProblem(NamedTuple):
    """What the trans stage is fitted to, on the device of X."""

    genotypes: CenteredGenotypes
    root: object  # B (I, r): C = B Z; None where coef are the variants' own
    design: Design
    targets: object
    penalties: object
    model: str
    xp: object
    device: object


class TransFit(NamedTuple):
    """Factors and their effects, on the device of X."""

    dual_coef: object  # (I, T), or None
    variant_coef: object  # (S, T) of centered and scaled genotypes, or None
    intercept: object  # (T,) of the scores
    factors: object  # (I, T)
    layers: dict  # "loadings", or "gene_factors" and "tissue_factors", genes as in y
    offset: object  # (K, J)


def make_problem(genotypes, kernel, targets, penalties, model, xp, device):
    """Return the `TransProblem`: on a root of the kernel, or on the variants where L1 asks."""
    root = None
    if penalties.variant_kind == "l1":
        matrix, width = genotypes, genotypes.X.shape[1]
        if model == "sigmoid":
            matrix = WithOnes(genotypes, xp)
    else:
        matrix, root = kernel_root(kernel, xp)
        width = matrix.shape[1]
        if model == "sigmoid":
            matrix = xp.concat([matrix, 1 + 0 * matrix[:, :1]], axis=1)
    penalized = np.ones(width + (model == "sigmoid"))
    penalized[width:] = 0.0
    design = Design(matrix, move_to(penalized, xp, device))
    return TransProblem(genotypes, root, design, targets, penalties, model, xp, device)


class WithOnes:
    """A matrix with a column of ones added, for products on either side."""

    def __init__(self, matrix, xp, transposed=False):
        self.matrix, self.xp, self.transposed = matrix, xp, transposed

    @property
    def T(self):
        """The transpose."""
        return WithOnes(self.matrix, self.xp, not self.transposed)

    def __matmul__(self, values):
        """Return the product with `values`."""
        if self.transposed:
            total = self.xp.sum(values, axis=0, keepdims=True)
            return self.xp.concat([self.matrix.T @ values, total], axis=0)
        return self.matrix @ values[:-1, :] + values[-1:, :]


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


def finish(params, problem):
    """Return the `TransFit` of a solver's parameters, with the loadings of all genes."""
    xp, targets, penalties, model = problem.xp, problem.targets, problem.penalties, problem.model
    coef = params["coef"]
    factors, _ = scores_to_factors(problem.design.matrix @ coef, model, xp)
    layers = {name: value for name, value in params.items() if name != "coef"}
    if model != "tensor" and penalties.loading_kind == "l2":
        layers = solve_layers(
            {"loadings": None}, factors, targets, penalties, model, xp
        )  # solvers may have worked on compressed genes
        if model == "linear" and penalties.variant_kind == "l2":
            coef, factors, layers = rotate(coef, factors, layers["loadings"], xp)
    _, n_genes, n_tissues = targets.shape
    offset = xp.zeros((n_tissues, n_genes), dtype=factors.dtype, device=factors.device)
    for block in targets.blocks:
        _, mean = gather(factors, block, xp)
        own = tissue_loadings(layers, block.tissue, block.genes)
        offset[block.tissue, block.genes] = block.mean - mean @ own
    back = xp.argsort(targets.order)
    axes = {"loadings": 2, "gene_factors": 0}
    layers = {
        name: xp.take(value, back, axis=axes[name]) if name in axes else value
        for name, value in layers.items()
    }
    intercept = 0 * coef[0, :]
    if model == "sigmoid":
        coef, intercept = coef[:-1, :], coef[-1, :]
    dual = None if problem.root is None else problem.root @ coef
    return TransFit(
        dual, coef if dual is None else None, intercept, factors, layers,
        xp.take(offset, back, axis=1),
    )  # fmt: skip


def rotate(coef, factors, loadings, xp):
    """Return the equal solution whose coef are orthogonal, by falling size.

    With L2 penalties on both layers any rotation of the factors is as good; this one is unique but
    for signs, which make the largest score of each factor positive.
    """
    _, vectors = xp.linalg.eigh(coef.T @ coef)
    vectors = xp.flip(vectors, axis=1)
    factors = factors @ vectors
    high, low = xp.max(factors, axis=0), xp.min(factors, axis=0)
    vectors = vectors * xp.where(high >= -low, 1.0, -1.0)
    signs = xp.where(high >= -low, 1.0, -1.0)
    return coef @ vectors, factors * signs, {"loadings": vectors.T @ loadings}


def trans_values(factors, layers, xp):
    """Return the trans part (n, J, K) without intercepts."""
    if "loadings" in layers:
        n_tissues = layers["loadings"].shape[0]
    else:
        n_tissues = layers["tissue_factors"].shape[0]
    every = slice(None)
    parts = [factors @ tissue_loadings(layers, k, every) for k in range(n_tissues)]
    return xp.stack(parts, axis=2)


def new_factors(fit, kernel, genotypes, model, xp):
    """Return the factors (n, T) of new individuals.

    Parameters
    ----------
    kernel : array (n, I)
        With the training individuals; only where the fit is dual.
    genotypes : CenteredGenotypes
        Of the new individuals; only where it is not.
    """
    if fit.dual_coef is not None:
        scores = kernel @ fit.dual_coef
    else:
        scores = genotypes @ fit.variant_coef
    return scores_to_factors(scores + fit.intercept, model, xp)[0]


class HeldOut(NamedTuple):
    """Individuals whose expression is predicted while fitting."""

    residual: object  # (n, J, K) after the cis part, on the host
    variation: float  # about the training means
    kernel: object
    genotypes: object

    def score(self, fit, problem):
        """Return R2 within gene and tissue."""
        xp = problem.xp
        factors = new_factors(fit, self.kernel, self.genotypes, problem.model, xp)
        values = to_numpy(trans_values(factors, fit.layers, xp)) + to_numpy(fit.offset).T
        left = np.nansum((self.residual - values) ** 2)
        return float(1 - left / self.variation) if self.variation > 0 else 0.0
