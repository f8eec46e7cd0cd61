"""How alike tissues are, by what the factors do in them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.utils import Bunch

from skgenetics.expression._factors import factor_loadings
from skgenetics.utils._parameters import check_number


def tissue_clustering(
    model: Any,
    *,
    exclude: Sequence[int] = (),
    metric: str = "correlation",
    n_dimensions: int = 2,
) -> Bunch:
    """Cluster tissues, and place them in the plane, by the factors' effects in each tissue.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted, with three or more tissues that are not excluded.
    exclude : sequence of int, default=()
        Tissues to leave out, such as outliers that crowd all other tissues together.
    metric : str, default="correlation"
        Distance between the loadings of two tissues, as in `scipy.spatial.distance.pdist`.
    n_dimensions : int, default=2
        Of the multidimensional scaling.

    Returns
    -------
    result : Bunch
        `tissues` (n,) that are not excluded, `distances` (n, n), `linkage` (n - 1, 4) of
        hierarchical clustering by weighted means (WPGMA), for
        `scipy.cluster.hierarchy.dendrogram`, `order` (n,) of the leaves as tissues, and `positions`
        (n, n_dimensions) by classical multidimensional scaling.

    Raises
    ------
    ValueError
        If fewer than three tissues remain, or one has no effects at all.
    """
    loadings = factor_loadings(model)
    check_number(n_dimensions, "n_dimensions", integer=True, low=1, closed="left")
    tissues = np.setdiff1d(np.arange(loadings.shape[0]), np.asarray(exclude, dtype=np.int64))
    if tissues.size < 3:
        raise ValueError(f"Clustering needs three tissues or more; {tissues.size} remain.")
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
