r"""The objective of the trans models and every gradient of it.

With the individuals' factors F (I, T), per gene j and tissue k

* "linear": F = A C, prediction F beta_k + b_k (the paper's ML; its intercept a is not identified
  beside b and is left out);
* "sigmoid": F = 1 / (1 + exp(-A C)), the same prediction (NN); a column of ones in A carries the
  intercept a of the scores;
* "tensor": F = A C, prediction sum_t F_t V_jt W_kt + b_kj (TM, with an intercept for each tissue).

A (I, r) is either the genotypes themselves, C the coefficients alpha', or a root of the kernel of
the genotypes, C their coordinates in its row space. The objective is

.. math::

    \frac{1}{2N} \sum_{(i,j,k)\ \mathrm{observed}} w_i (y_{ijk} - \hat y_{ijk})^2
    + \lambda_\alpha P(C) + \frac{\lambda_\beta}{M} P(\beta)
    \quad\text{or}\quad + \frac{\lambda_\beta}{J} P(V) + \frac{\lambda_W}{K} P(W)

with N the weight of all observed cells, M the number of pairs of gene and tissue, and P half the
sum of squares, or the sum of absolute values. So a strength means the same for few genes and many.
Source: Yang, Pe'er, Pe'er, the loss L' and its derivatives, corrected: one scale for loss and
gradients, sums over observed cells, and the derivatives in the intercepts, V and W.
"""

from typing import Any, NamedTuple, TypeAlias

from skgenetics.expression.trans._targets import Block, Targets, cell_roots, fitted, spread
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

# "coef" (r, T): C. "loadings" (K, T, J): beta; or "gene_factors" (J, T): V, and "tissue_factors"
# (K, T): W. "offset" (K, J): b; without it the intercepts are at their minimum given the rest.
Params: TypeAlias = dict[str, Array]


class Penalties(NamedTuple):
    """Strengths and kinds ("l2" or "l1") of the penalties."""

    variant: float  # lambda_alpha
    loading: float  # lambda_beta
    tissue: float = 0.0  # lambda_W
    variant_kind: str = "l2"
    loading_kind: str = "l2"
    tissue_kind: str = "l2"


class Design(NamedTuple):
    """What the scores of the factors are linear in."""

    matrix: Any  # A (I, r): an array, or a matrix of genotypes that multiplies by blocks
    penalized: Array  # (r,) 1, or 0 for the column of ones
    genotypes: Any = None  # CenteredGenotypes of the training individuals, for the start
    root: Array | None = None  # B (I, .) with A = K B; None if A is the genotypes themselves


class TransProblem(NamedTuple):
    """What a solver minimizes: expression, genotypes, penalties and the model that joins them."""

    targets: Targets
    design: Design
    penalties: Penalties
    model: str  # "linear", "sigmoid" or "tensor"


class DataLoss(NamedTuple):
    """The mean loss over observed cells and its derivatives."""

    value: Any
    d_factors: Array  # (I, T)
    d_layers: Params  # in all parameters but "coef"; empty if not asked for


def activate(scores: Array, model: str) -> tuple[Array, Array]:
    """Return the factors (I, T) of scores A C, and their derivatives in the scores."""
    if model != "sigmoid":
        return scores, 1 + 0 * scores
    factors = (1 + namespace_of(scores).tanh(scores / 2)) / 2
    return factors, factors * (1 - factors)


def factors_of(coef: Array, problem: TransProblem) -> tuple[Array, Array]:
    """Return the factors F (I, T) of coefficients C, and their derivatives in the scores A C."""
    return activate(problem.design.matrix @ coef, problem.model)


def tissue_loadings(layers: Params, k: int, genes: slice) -> Array:
    """Return the effects (T, genes) of the factors on genes in tissue k."""
    if "loadings" in layers:
        return layers["loadings"][k, :, genes]
    return layers["tissue_factors"][k, :][:, None] * layers["gene_factors"][genes, :].T


def data_loss(
    params: Params, factors: Array, targets: Targets, *, gradients: bool = False
) -> DataLoss:
    """Return the first term of the objective, with its derivatives in F and, if asked, the rest."""
    xp = namespace_of(factors)
    loss, d_factors, d_layers = 0.0, 0 * factors, {}
    if gradients:
        d_layers = {name: 0 * value for name, value in params.items() if name != "coef"}
    for block in targets.blocks:
        loadings = tissue_loadings(params, block.tissue, block.genes)
        root = cell_roots(block)
        fit, mean = fitted(factors, loadings, block)
        residual = fit - block.y
        loss = loss + xp.sum(residual**2)
        d_fit = root * residual
        if "offset" in params:
            shift = _intercept_error(params["offset"], mean, block)
            loss = loss + xp.sum(block.total * shift**2)
            d_fit = d_fit + root**2 * shift
            if gradients:
                d_layers["offset"][block.tissue, block.genes] += (
                    block.total * shift / targets.n_cells
                )
        d_factors = d_factors + spread(d_fit @ loadings.T, block)
        if gradients:
            d_loadings = xp.take(factors, block.rows, axis=0).T @ d_fit / targets.n_cells
            _add_layer_gradients(d_layers, params, d_loadings, block)
    return DataLoss(loss / (2 * targets.n_cells), d_factors / targets.n_cells, d_layers)


def _intercept_error(offset: Array, fitted_mean: Array, block: Block) -> Array:
    """Return the mean residual (genes,) of a block's observed cells; 0 for genes without any."""
    shift = fitted_mean + offset[block.tissue, block.genes] - block.mean
    if block.seen is None:
        return shift
    return namespace_of(shift).where(block.total > 0, shift, 0.0)


def _add_layer_gradients(
    gradients: Params, params: Params, d_loadings: Array, block: Block
) -> None:
    """Add a block's derivatives in beta (T, genes), or through them those in V and W."""
    k, genes = block.tissue, block.genes
    if "loadings" in params:
        gradients["loadings"][k, :, genes] += d_loadings
        return
    V, W = params["gene_factors"][genes, :], params["tissue_factors"][k, :]
    gradients["gene_factors"][genes, :] += (W[:, None] * d_loadings).T
    gradients["tissue_factors"][k, :] += namespace_of(V).sum(V.T * d_loadings, axis=1)


def strengths(params: Params, targets: Targets, penalties: Penalties) -> dict[str, tuple]:
    """Return the strength and the kind of the penalty of each penalized parameter."""
    _, n_genes, n_tissues = targets.shape
    by_name = {"coef": (penalties.variant, penalties.variant_kind)}
    if "loadings" in params:
        by_name["loadings"] = (penalties.loading / targets.n_targets, penalties.loading_kind)
    else:
        by_name["gene_factors"] = (penalties.loading / n_genes, penalties.loading_kind)
        by_name["tissue_factors"] = (penalties.tissue / n_tissues, penalties.tissue_kind)
    return by_name


def penalty(params: Params, problem: TransProblem) -> Any:
    """Return the value of the penalties."""
    xp, value = namespace_of(params["coef"]), 0.0
    by_name = strengths(params, problem.targets, problem.penalties)
    for name, (strength, kind) in by_name.items():
        size = params[name] ** 2 / 2 if kind == "l2" else xp.abs(params[name])
        if name == "coef":
            size = problem.design.penalized[:, None] * size
        value = value + strength * xp.sum(size)
    return value


def objective(params: Params, problem: TransProblem) -> Any:
    """Return the objective."""
    factors, _ = factors_of(params["coef"], problem)
    return data_loss(params, factors, problem.targets).value + penalty(params, problem)


def objective_and_gradients(params: Params, problem: TransProblem) -> tuple[Any, Params]:
    """Return the objective, and the derivatives by parameter of all of it but the L1 penalties."""
    factors, slope = factors_of(params["coef"], problem)
    loss = data_loss(params, factors, problem.targets, gradients=True)
    gradients = loss.d_layers | {"coef": problem.design.matrix.T @ (loss.d_factors * slope)}
    by_name = strengths(params, problem.targets, problem.penalties)
    for name, (strength, kind) in by_name.items():
        if kind == "l2":
            penalized = problem.design.penalized[:, None] if name == "coef" else 1.0
            gradients[name] = gradients[name] + strength * penalized * params[name]
    return loss.value + penalty(params, problem), gradients
