"""What the factors of a fitted MILAGERegressor do: tissues, genes and variants."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from scipy.stats import hypergeom
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number


def factor_loadings(model):
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


def tissue_clustering(model, *, exclude=(), metric="correlation", n_dimensions=2):
    """Cluster tissues, and place them in the plane, by what the factors do in them.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted, with three or more tissues that are not excluded.
    exclude : sequence of int, default=()
        Tissues left out, such as outliers that squeeze the others together.
    metric : str, default="correlation"
        Distance between the loadings of two tissues, as in `scipy.spatial.distance.pdist`.
    n_dimensions : int, default=2
        Of the multidimensional scaling.

    Returns
    -------
    result : Bunch
        `tissues` (n,) kept, `distances` (n, n), `linkage` (n - 1, 4) of hierarchical clustering by
        weighted means (WPGMA), for `scipy.cluster.hierarchy.dendrogram`, `order` (n,) of the leaves
        as tissues, and `positions` (n, n_dimensions) by classical multidimensional scaling.

    Raises
    ------
    ValueError
        If fewer than three tissues are left, or one has no effects at all.
    """
    loadings = factor_loadings(model)
    check_number(n_dimensions, "n_dimensions", integer=True, low=1, closed="left")
    tissues = np.setdiff1d(np.arange(loadings.shape[0]), np.asarray(exclude, dtype=np.int64))
    if tissues.size < 3:
        raise ValueError(f"Clustering needs three tissues or more; {tissues.size} are left.")
    flat = loadings[tissues].reshape(tissues.size, -1)
    empty = tissues[~np.any(flat != 0, axis=1)]
    if empty.size:
        raise ValueError(
            f"The factors have no effect in tissue(s) {empty.tolist()}; pass them as exclude, or "
            "lower loading_alpha and variant_alpha."
        )
    distances = pdist(flat, metric)
    tree = linkage(distances, method="weighted")
    square = squareform(distances)
    return Bunch(
        tissues=tissues,
        distances=square,
        linkage=tree,
        order=tissues[leaves_list(tree)],
        positions=_classical_scaling(square, n_dimensions),
    )


def _classical_scaling(distances, n_dimensions):
    """Return positions (n, n_dimensions) whose distances come nearest (Torgerson 1952)."""
    squares = distances**2
    products = squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean()
    values, vectors = np.linalg.eigh(-products / 2)
    positions = vectors * np.sqrt(np.clip(values, 0.0, None))
    return positions[:, ::-1][:, :n_dimensions]


def factor_summary(model, *, n_top=200, threshold=1e-6):
    """Summarize each factor: its tissues, genes and variants.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted.
    n_top : int, default=200
        Number of top genes, by root mean square effect over tissues.
    threshold : float, default=1e-6
        A variant is active in a factor where its effect on the scores, per counted allele, is
        larger in absolute value.

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
        active_variants=[_active(own, threshold) for own in np.abs(coef)],
        gene_overlap=overlap,
        gene_overlap_p_value=hypergeom.sf(overlap - 1, n_genes, n_top, n_top),
    )


def _active(sizes, threshold):
    """Return the places of sizes above a threshold, largest first."""
    order = np.argsort(-sizes, kind="stable")
    return order[sizes[order] > threshold]
