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
Source: Yang, Pe'er, Pe'er, equations of L' and its derivatives, corrected: one scale for loss and
gradients, sums over observed cells, and the derivatives in the intercepts, V and W.

Parameters are dicts of arrays: "coef" (r, T), "offset" (K, J; where it is left out, the intercepts
are at their minimum given the rest), and "loadings" (K, T, J) or
"gene_factors" (J, T) and "tissue_factors" (K, T).
"""

from typing import NamedTuple

from skgenetics.expression.trans._targets import cell_roots, fitted, spread


class Penalties(NamedTuple):
    """Strengths and kinds of the penalties."""

    variant: float
    loading: float
    tissue: float = 0.0
    variant_kind: str = "l2"
    loading_kind: str = "l2"
    tissue_kind: str = "l2"


class Design(NamedTuple):
    """What the scores of the factors are linear in."""

    matrix: object  # A (I, r)
    penalized: object  # (r,) 1, or 0 for the column of ones


def scores_to_factors(scores, model, xp):
    """Return the factors (I, T) of scores A C, and their derivatives in the scores."""
    if model != "sigmoid":
        return scores, 1 + 0 * scores
    factors = (1 + xp.tanh(scores / 2)) / 2
    return factors, factors * (1 - factors)


def tissue_loadings(params, k, genes):
    """Return the effects (T, genes) of the factors on genes in tissue k."""
    if "loadings" in params:
        return params["loadings"][k, :, genes]
    return params["tissue_factors"][k, :][:, None] * params["gene_factors"][genes, :].T


def data_loss(params, factors, targets, xp, *, gradients=False):
    """Return the mean loss over observed cells, its derivative in F, and those in the rest.

    The derivatives, a dict by parameter, are empty unless `gradients`.
    """
    loss, d_factors, rest = 0.0, 0 * factors, {}
    if gradients:
        rest = {name: 0 * value for name, value in params.items() if name != "coef"}
    for block in targets.blocks:
        k, genes = block.tissue, block.genes
        loadings, root = tissue_loadings(params, k, genes), cell_roots(block, xp)
        fit, mean = fitted(factors, loadings, block, xp)
        residual = fit - block.y
        loss = loss + xp.sum(residual**2)
        own = root * residual
        if "offset" in params:
            shift = mean + params["offset"][k, genes] - block.mean
            if block.seen is not None:
                shift = xp.where(block.total > 0, shift, 0.0)
            loss = loss + xp.sum(block.total * shift**2)
            own = own + root**2 * shift
        d_factors = d_factors + spread(own @ loadings.T, block, xp)
        if not gradients:
            continue
        if "offset" in params:
            rest["offset"][k, genes] += block.total * shift / targets.n_cells
        d_loadings = xp.take(factors, block.rows, axis=0).T @ own / targets.n_cells
        if "loadings" in params:
            rest["loadings"][k, :, genes] += d_loadings
        else:
            gene_factors, tissue_factors = params["gene_factors"], params["tissue_factors"]
            rest["gene_factors"][genes, :] += (tissue_factors[k, :][:, None] * d_loadings).T
            rest["tissue_factors"][k, :] += xp.sum(gene_factors[genes, :].T * d_loadings, axis=1)
    return loss / (2 * targets.n_cells), d_factors / targets.n_cells, rest


def strengths(params, targets, penalties):
    """Return the strength and the kind of the penalty of each penalized parameter."""
    _, n_genes, n_tissues = targets.shape
    found = {"coef": (penalties.variant, penalties.variant_kind)}
    if "loadings" in params:
        found["loadings"] = (penalties.loading / targets.n_targets, penalties.loading_kind)
    else:
        found["gene_factors"] = (penalties.loading / n_genes, penalties.loading_kind)
        found["tissue_factors"] = (penalties.tissue / n_tissues, penalties.tissue_kind)
    return found


def penalty(params, targets, design, penalties, xp):
    """Return the value of the penalties."""
    value = 0.0
    for name, (strength, kind) in strengths(params, targets, penalties).items():
        size = params[name] ** 2 / 2 if kind == "l2" else xp.abs(params[name])
        if name == "coef":
            size = design.penalized[:, None] * size
        value = value + strength * xp.sum(size)
    return value


def objective(params, targets, design, penalties, *, model, xp):
    """Return the objective."""
    factors, _ = scores_to_factors(design.matrix @ params["coef"], model, xp)
    loss, _, _ = data_loss(params, factors, targets, xp)
    return loss + penalty(params, targets, design, penalties, xp)


def objective_and_gradients(params, targets, design, penalties, *, model, xp):
    """Return the objective, and the derivatives of its smooth part by parameter.

    The smooth part is all of it but the L1 penalties.
    """
    factors, slope = scores_to_factors(design.matrix @ params["coef"], model, xp)
    loss, d_factors, gradients = data_loss(params, factors, targets, xp, gradients=True)
    gradients["coef"] = design.matrix.T @ (d_factors * slope)
    for name, (strength, kind) in strengths(params, targets, penalties).items():
        if kind == "l2":
            own = design.penalized[:, None] if name == "coef" else 1.0
            gradients[name] = gradients[name] + strength * own * params[name]
    return loss + penalty(params, targets, design, penalties, xp), gradients
