"""A solver's parameters in the form that is reported, and what they say of new individuals."""

from typing import NamedTuple

from skgenetics.expression.trans._kernel import CenteredGenotypes
from skgenetics.expression.trans._layers import solve_layers
from skgenetics.expression.trans._objective import (
    Params,
    TransProblem,
    activate,
    factors_of,
    tissue_loadings,
)
from skgenetics.expression.trans._targets import Targets, fitted, fitted_mean
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

GENE_AXIS = {"loadings": 2, "gene_factors": 0}


class TransFit(NamedTuple):
    """Factors and their effects, on the device of X."""

    dual_coef: Array | None  # (I, T)
    variant_coef: Array | None  # (S, T) of centered and scaled genotypes, if dual_coef is None
    intercept: Array  # (T,) of the scores
    factors: Array  # (I, T) of the training individuals
    layers: Params  # "loadings", or "gene_factors" and "tissue_factors", genes as in y
    offset: Array  # (K, J)


def finish(params: Params, problem: TransProblem) -> TransFit:
    """Return the `TransFit` of a solver's parameters, with the loadings of all genes."""
    targets, design, penalties, model = problem
    coef = params["coef"]
    factors, _ = factors_of(coef, problem)
    layers = {name: value for name, value in params.items() if name != "coef"}
    if model != "tensor" and penalties.loading_kind == "l2":
        # solvers may have worked on compressed genes
        layers = solve_layers({}, factors, targets, penalties, model)
        if model == "linear" and penalties.variant_kind == "l2":
            coef, factors, layers["loadings"] = rotate(coef, factors, layers["loadings"])
    layers, offset = _in_order_of_y(layers, best_offset(layers, factors, targets), targets)
    intercept = 0 * coef[0, :]
    if model == "sigmoid":
        coef, intercept = coef[:-1, :], coef[-1, :]
    if design.root is None:
        return TransFit(None, coef, intercept, factors, layers, offset)
    return TransFit(design.root @ coef, None, intercept, factors, layers, offset)


def best_offset(layers: Params, factors: Array, targets: Targets) -> Array:
    """Return the intercepts b (K, J) that minimize the objective; 0 without observed cells."""
    _, n_genes, n_tissues = targets.shape
    xp = namespace_of(factors)
    offset = xp.zeros((n_tissues, n_genes), dtype=factors.dtype, device=factors.device)
    for block in targets.blocks:
        loadings = tissue_loadings(layers, block.tissue, block.genes)
        mean = fitted_mean(factors, loadings, block)
        offset[block.tissue, block.genes] = block.mean - mean
    return offset


def _in_order_of_y(layers, offset, targets):
    """Return layers and offset (K, J) with the genes of `targets` in the order of y."""
    if len(targets.groups) == 1:
        return layers, offset
    xp = namespace_of(offset)
    back = xp.argsort(targets.order)
    layers = {
        name: xp.take(value, back, axis=GENE_AXIS[name]) if name in GENE_AXIS else value
        for name, value in layers.items()
    }
    return layers, xp.take(offset, back, axis=1)


def rotate(coef: Array, factors: Array, loadings: Array) -> tuple[Array, Array, Array]:
    """Return the equal solution whose coef are orthogonal, by falling size.

    With L2 penalties on both layers any rotation of the factors is as good; this one is unique but
    for signs, which make the largest score of each factor positive.
    """
    xp = namespace_of(coef)
    _, vectors = xp.linalg.eigh(coef.T @ coef)
    vectors = xp.flip(vectors, axis=1)
    factors = factors @ vectors
    flipped = xp.astype(xp.max(factors, axis=0) < -xp.min(factors, axis=0), factors.dtype)
    signs = 1 - 2 * flipped
    vectors = vectors * signs
    turn = xp.astype(vectors.T, loadings.dtype, copy=False)
    for k in range(loadings.shape[0]):  # in place, since they are large
        loadings[k, :, :] = turn @ loadings[k, :, :]
    return coef @ vectors, factors * signs, loadings


def trans_values(factors: Array, layers: Params) -> Array:
    """Return the trans part (n, J, K) without intercepts."""
    xp = namespace_of(factors)
    by_tissue = layers["loadings" if "loadings" in layers else "tissue_factors"]
    loadings = (tissue_loadings(layers, k, slice(None)) for k in range(by_tissue.shape[0]))
    return xp.stack([factors @ xp.astype(b, factors.dtype, copy=False) for b in loadings], axis=2)


def scaled_trans(fit: TransFit, share: float) -> TransFit:
    """Return the `TransFit` whose trans part, intercepts included, is a share of that of `fit`."""
    layers = {
        name: share * value if name in GENE_AXIS else value for name, value in fit.layers.items()
    }
    return fit._replace(layers=layers, offset=share * fit.offset)


def subtract_trans(targets: Targets, fit: TransFit) -> Targets:
    """Return targets less the trans part and its intercepts, which overwrites their expression."""
    xp, blocks = namespace_of(fit.factors), []
    for block in targets.blocks:
        loadings = tissue_loadings(fit.layers, block.tissue, slice(None))
        loadings = xp.take(loadings, targets.order[block.genes], axis=1)
        values, _ = fitted(fit.factors, loadings, block)
        block.y[...] -= xp.astype(values, block.y.dtype, copy=False)
        blocks.append(block._replace(mean=0 * block.mean))
    return targets._replace(blocks=blocks)


def new_factors(
    fit: TransFit, kernel: Array | None, genotypes: CenteredGenotypes, model: str
) -> Array:
    """Return the factors (n, T) of new individuals.

    Parameters
    ----------
    kernel : array (n, I)
        With the training individuals; only if the fit is dual.
    genotypes : CenteredGenotypes
        Of the new individuals; only if it is not.
    """
    dual, primal = fit.dual_coef, fit.variant_coef
    scores = genotypes @ primal if dual is None else kernel @ dual
    return activate(scores + fit.intercept, model)[0]
