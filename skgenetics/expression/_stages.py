"""The stages of a fit: the cis part and the trans part in turn, and the canonical form."""

from typing import NamedTuple

import numpy as np

from skgenetics.expression.cis._regression import CisEffects
from skgenetics.expression.trans._kernel import CenteredGenotypes, kernel_root
from skgenetics.expression.trans._objective import (
    Design,
    scores_to_factors,
    tissue_loadings,
)
from skgenetics.expression.trans._solvers import (
    alternate,
    gradient_descent,
    solve_layers,
    varpro,
)
from skgenetics.expression.trans._targets import Targets, fitted, fitted_mean
from skgenetics.utils._arrays import move_to, to_numpy

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
        own = tissue_loadings(layers, block.tissue, block.genes)
        offset[block.tissue, block.genes] = block.mean - fitted_mean(factors, own, block, xp)
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
    turn = xp.astype(vectors.T, loadings.dtype, copy=False)
    for k in range(loadings.shape[0]):  # in place, since they are large
        loadings[k, :, :] = turn @ loadings[k, :, :]
    return coef @ vectors, factors * signs, {"loadings": loadings}


def trans_values(factors, layers, xp):
    """Return the trans part (n, J, K) without intercepts."""
    if "loadings" in layers:
        n_tissues = layers["loadings"].shape[0]
    else:
        n_tissues = layers["tissue_factors"].shape[0]
    every = slice(None)
    loadings = (tissue_loadings(layers, k, every) for k in range(n_tissues))
    return xp.stack([factors @ xp.astype(b, factors.dtype, copy=False) for b in loadings], axis=2)


def subtract_trans(targets, fit, xp):
    """Return targets less the trans part and its intercepts, which overwrites their expression."""
    blocks = []
    for block in targets.blocks:
        loadings = tissue_loadings(fit.layers, block.tissue, slice(None))
        loadings = xp.take(loadings, targets.order[block.genes], axis=1)
        values, _ = fitted(fit.factors, loadings, block, xp)
        block.y[...] -= xp.astype(values, block.y.dtype, copy=False)
        blocks.append(block._replace(mean=0 * block.mean))
    return targets._replace(blocks=blocks)


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


class CisPart(NamedTuple):
    """The cis part and what it leaves."""

    effects: CisEffects  # on the host
    targets: Targets
    held_out: np.ndarray  # (n, J, K) of individuals held out, on the host


class HeldOut(NamedTuple):
    """Individuals whose expression is predicted while fitting."""

    variation: float  # sum of squares about the training means
    kernel: object
    genotypes: object


class Stages:
    """The cis and the trans part, each fitted to what the other leaves.

    Parameters
    ----------
    cis : CisPart
    problem : TransProblem
        With what `cis` leaves as targets.
    variation : float
        Sum of squares of the training cells within gene and tissue.
    held_out : HeldOut or None
        With it, the iteration that predicts it best is kept, else the last.

    Attributes
    ----------
    cis, problem : CisPart, TransProblem
        Of the present iteration.
    best : tuple of dict, CisPart and TransProblem
        The parameters of the iteration kept, and what they belong to.
    loss, train, validation : lists of float
        Objective, R2 within gene and tissue, and that of `held_out`, after each iteration.
    """

    def __init__(self, cis, problem, variation, held_out):
        self.cis, self.problem = cis, problem
        self.variation, self.held_out, self.best = variation, held_out, None
        self.loss, self.train, self.validation = [], [], []

    def run(self, solver, params, *, tol, n_refits, refit_cis):
        """Yield the states of the solver, over again after each refit of the cis part.

        A solver ends where it converges or, with individuals held out, `PATIENCE` iterations after
        the best; the refit goes on from the best, and is the last that brings no better one.

        Parameters
        ----------
        refit_cis : callable
            Returns the `CisPart` fitted to what a trans part (I, J, K), on the host, leaves.
        """
        for remaining in range(n_refits, -1, -1):
            stale, before, problem = 0, self.best, self.problem
            iterations = SOLVERS[solver](
                params, problem.targets, problem.design, problem.penalties,
                model=problem.model, tol=tol, xp=problem.xp,
            )  # fmt: skip
            for state in iterations:
                stale = 0 if self._record(state) else stale + 1
                ended = state.converged or stale >= PATIENCE
                last = not remaining or self.best is before
                yield state._replace(converged=ended and last)
                if ended:
                    break
            if last:
                return
            params, self.cis, self.problem = self.best
            self._refit(params, refit_cis)

    def _record(self, state):
        """Append to the traces, and return whether the state is the best so far."""
        self.loss.append(state.value)
        left = 2 * self.problem.targets.n_cells * state.loss
        self.train.append(1 - left / self.variation if self.variation > 0 else 0.0)
        if self.held_out is not None:
            fit, xp = finish(state.params, self.problem), self.problem.xp
            variation, kernel, genotypes = self.held_out
            factors = new_factors(fit, kernel, genotypes, self.problem.model, xp)
            values = to_numpy(trans_values(factors, fit.layers, xp)) + to_numpy(fit.offset).T
            left = self.cis.held_out - values
            score = 1 - float(np.nansum(left**2)) / variation if variation > 0 else 0.0
            self.validation.append(score)
            if score <= max(self.validation[:-1], default=-np.inf):
                return False
        self.best = state.params, self.cis, self.problem
        return True

    def _refit(self, params, refit_cis):
        """Fit the cis part to what the trans part leaves, which changes the targets."""
        fit, xp = finish(params, self.problem), self.problem.xp
        self.cis = refit_cis(to_numpy(trans_values(fit.factors, fit.layers, xp)))
        self.problem = self.problem._replace(targets=self.cis.targets)


def fitted_attributes(fit, cis, array, xp):
    """Return the fitted attributes of the cis and the trans part.

    array : callable
        Moves an array on the host to the device, in the dtype of the results or in one named.
    """
    arrays = {name: fit.layers[key] for name, key in LAYERS.items() if key in fit.layers}
    used = xp.any(xp.abs(fit.factors) > 0, axis=0)
    for name, values in arrays.items():
        if name == "factor_loadings_":  # by tissue, since they are large
            values = xp.stack(
                [xp.max(xp.abs(values[k, :, :]), axis=1) for k in range(values.shape[0])]
            )
        used = used & xp.any(values != 0, axis=0)
    arrays |= {"dual_coef_": fit.dual_coef, "factors_": fit.factors}
    intercept = array(cis.effects.intercept)
    dtype = intercept.dtype
    return {
        "cis_coef_": array(cis.effects.coef),
        "cis_variants_": array(cis.effects.variants, xp.int64),
        "cis_indptr_": array(cis.effects.indptr, xp.int64),
        "cis_intercept_": intercept,
        "cis_alpha_": cis.effects.alpha,
        **{n: None if v is None else xp.astype(v, dtype, copy=False) for n, v in arrays.items()},
        "intercept_": intercept + xp.astype(fit.offset, dtype),
        "n_effective_components_": int(xp.sum(xp.astype(used, xp.int64))),
        "_variant_coef": fit.variant_coef,
        "_score_intercept": fit.intercept,
    }
