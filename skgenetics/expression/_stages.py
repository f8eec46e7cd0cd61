"""The trans stage: start, solver, canonical form."""

from typing import NamedTuple

import numpy as np

from skgenetics.expression._kernel import CenteredGenotypes, kernel_root
from skgenetics.expression._objective import (
    Design,
    scores_to_factors,
    tissue_loadings,
)
from skgenetics.expression._targets import gather
from skgenetics.expression._trans import (
    alternate,
    gradient_descent,
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
LAYERS = {
    "factor_loadings_": "loadings",
    "gene_factors_": "gene_factors",
    "tissue_factors_": "tissue_factors",
}
PATIENCE = 10  # iterations without a better validation score


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
    if len(targets.groups) > 1:  # else genes are in the order of y
        back = xp.argsort(targets.order)
        axes = {"loadings": 2, "gene_factors": 0}
        layers = {
            name: xp.take(value, back, axis=axes[name]) if name in axes else value
            for name, value in layers.items()
        }
        offset = xp.take(offset, back, axis=1)
    intercept = 0 * coef[0, :]
    if model == "sigmoid":
        coef, intercept = coef[:-1, :], coef[-1, :]
    dual = None if problem.root is None else problem.root @ coef
    variant = coef if dual is None else None
    return TransFit(dual, variant, intercept, factors, layers, offset)


def rotate(coef, factors, loadings, xp):
    """Return the equal solution whose coef are orthogonal, by falling size.

    With L2 penalties on both layers any rotation of the factors is as good; this one is unique but
    for signs, which make the largest score of each factor positive.
    """
    _, vectors = xp.linalg.eigh(coef.T @ coef)
    vectors = xp.flip(vectors, axis=1)
    factors = factors @ vectors
    flipped = xp.astype(xp.max(factors, axis=0) < -xp.min(factors, axis=0), factors.dtype)
    signs = 1 - 2 * flipped
    vectors = vectors * signs
    for k in range(loadings.shape[0]):  # in place, since they are large
        loadings[k, :, :] = vectors.T @ loadings[k, :, :]
    return coef @ vectors, factors * signs, {"loadings": loadings}


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


class Traces:
    """What is recorded of each iteration, and the state to keep."""

    def __init__(self, loss, train, validation):
        self.loss, self.train, self.validation, self.best = loss, train, validation, None


def watch(iterations, traces, problem, held_out, variation):
    """Yield the states of a solver, recorded; stop where held-out individuals ask for it.

    Parameters
    ----------
    held_out : HeldOut or None
        With it, the state that predicts it best is kept, else the last.
    variation : float
        Sum of squares of the training cells within gene and tissue.
    """
    stale = 0
    for state in iterations:
        traces.loss.append(state.value)
        left = 2 * problem.targets.n_cells * state.loss
        traces.train.append(1 - left / variation if variation > 0 else 0.0)
        if held_out is not None:
            score = held_out.score(finish(state.params, problem), problem)
            stale = 0 if score > max(traces.validation, default=-np.inf) else stale + 1
            traces.validation.append(score)
            state = state._replace(converged=state.converged or stale >= PATIENCE)
        if stale == 0:
            traces.best = state
        yield state
        if state.converged:
            return


def fitted_attributes(fit, cis_intercept, xp):
    """Return the fitted attributes of the trans part, in the dtype of `cis_intercept`."""
    arrays = {name: fit.layers[key] for name, key in LAYERS.items() if key in fit.layers}
    used = xp.any(xp.abs(fit.factors) > 0, axis=0)
    for name, values in arrays.items():
        used = used & xp.any(values != 0, axis=(0, 2) if name == "factor_loadings_" else 0)
    arrays |= {"dual_coef_": fit.dual_coef, "factors_": fit.factors}
    dtype = cis_intercept.dtype
    return {
        **{n: None if v is None else xp.astype(v, dtype) for n, v in arrays.items()},
        "intercept_": cis_intercept + xp.astype(fit.offset, dtype),
        "n_effective_components_": int(xp.sum(xp.astype(used, xp.int64))),
        "_variant_coef": fit.variant_coef,
        "_score_intercept": fit.intercept,
    }
