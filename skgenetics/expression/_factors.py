"""What the factors of a fitted MILAGERegressor do: tissues, genes and variants."""

from typing import Any

import numpy as np
from scipy.stats import hypergeom
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number


def factor_loadings(model: Any) -> np.ndarray:
    """Return the effects (n_tissues, n_components_, n_genes) of the factors, of any trans model.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted.

    Returns
    -------
    loadings : ndarray of shape (n_tissues, n_components_, n_genes)
        In standardized expression; for "tensor" the products of both layers.
    """
    check_is_fitted(model)
    if hasattr(model, "factor_loadings_"):
        return to_numpy(model.factor_loadings_)
    tissue, gene = to_numpy(model.tissue_factors_), to_numpy(model.gene_factors_)
    return tissue[:, :, None] * gene.T[None, :, :]


def factor_summary(model: Any, *, n_top: int = 200, threshold: float = 1e-6) -> Bunch:
    """Summarize each factor: its tissues, genes and variants.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted.
    n_top : int, default=200
        Number of top genes, by root mean square effect over tissues.
    threshold : float, default=1e-6
        A variant is active in a factor if its effect on the scores, per counted allele, is larger
        in absolute value.

    Returns
    -------
    summary : Bunch
        `mean_loading` (n_tissues, n_components_), the mean effect over genes;
        `tissue_strength` (n_tissues, n_components_), the root mean square effect over genes;
        `gene_strength` (n_components_, n_genes), that over tissues;
        `top_tissues` (n_components_, n_tissues), strongest first; `top_genes`
        (n_components_, n_top); `active_variants`, a list of arrays of columns of X, strongest
        first; `gene_overlap` (n_components_, n_components_), the number of top genes two factors
        share, and `gene_overlap_p_value`, the hypergeometric probability of so many or more.
    """
    loadings = factor_loadings(model)
    _, n_components, n_genes = loadings.shape
    check_number(n_top, "n_top", integer=True, low=1, closed="left")
    check_number(threshold, "threshold", low=0, closed="left")
    n_top = min(n_top, n_genes)
    gene_strength = np.sqrt(np.mean(loadings**2, axis=0))
    tissue_strength = np.sqrt(np.mean(loadings**2, axis=2))
    top_genes = np.argsort(-gene_strength, axis=1, kind="stable")[:, :n_top]
    member = np.zeros((n_components, n_genes))
    np.put_along_axis(member, top_genes, 1.0, axis=1)
    overlap = (member @ member.T).astype(np.int64)
    coef = to_numpy(model.variant_coef_)
    return Bunch(
        mean_loading=loadings.mean(axis=2),
        tissue_strength=tissue_strength,
        gene_strength=gene_strength,
        top_tissues=np.argsort(-tissue_strength.T, axis=1, kind="stable"),
        top_genes=top_genes,
        active_variants=[_active(sizes, threshold) for sizes in np.abs(coef)],
        gene_overlap=overlap,
        gene_overlap_p_value=hypergeom.sf(overlap - 1, n_genes, n_top, n_top),
    )


def _active(sizes, threshold):
    """Return the places of sizes above a threshold, largest first."""
    order = np.argsort(-sizes, kind="stable")
    return order[sizes[order] > threshold]
