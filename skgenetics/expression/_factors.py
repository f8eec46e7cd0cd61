"""What the factors of a fitted MILAGERegressor do: tissues, genes and variants."""

import warnings
from typing import Any

import numpy as np
from scipy.stats import hypergeom
from sklearn.base import clone
from sklearn.utils import Bunch, check_random_state
from sklearn.utils.validation import check_is_fitted

from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike


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


def permuted_factor_loadings(
    model: Any, X: ArrayLike, y: ArrayLike, *, n_permutations: int = 20, random_state: Any = None
) -> np.ndarray:
    """Return the effects of factors in fits to permuted people: genes without genetics.

    Each fit pairs the genotypes of one person with the expression of another, which keeps what is
    expressed together and breaks what genotypes do, and has the strengths and the number of
    factors of the model. A fit takes as long as that of the model.

    Parameters
    ----------
    model : MILAGERegressor
        Fitted, with factors.
    X, y : array-like
        What it was fitted to.
    n_permutations : int, default=20
        Number of fits.
    random_state : None, int or RandomState, default=None
        Of the permutations.

    Returns
    -------
    loadings : ndarray of shape (n_permutations, n_tissues, n_components_, n_genes)
        As of :func:`factor_loadings`. Factors are in the order of their size only in "linear" with
        L2 penalties; elsewhere any factor stands for any other.

    Examples
    --------
    >>> null = permuted_factor_loadings(model, X, y)  # doctest: +SKIP
    >>> scores = factor_loadings(model)[0, 2]  # tissue 0, factor 2  # doctest: +SKIP
    >>> gene_set_enrichment(
    ...     scores, names, sets, null_scores=null[:, 0, 2]
    ... )  # doctest: +SKIP
    """
    check_is_fitted(model)
    check_number(n_permutations, "n_permutations", integer=True, low=1, closed="left")
    rng = check_random_state(random_state)
    again = clone(model).set_params(
        n_components=model.n_components_, variant_alpha=model.variant_alpha_,
        loading_alpha=model.loading_alpha_, polygenic=False, early_stopping=False,
    )  # fmt: skip
    if hasattr(model, "tissue_alpha_"):
        again.set_params(tissue_alpha=model.tissue_alpha_)
    y = np.asarray(y) if not hasattr(y, "dtype") else y
    loadings = []
    for _ in range(n_permutations):
        order = rng.permutation(len(y))
        with warnings.catch_warnings():  # without genetics no factor may be left
            warnings.filterwarnings("ignore", "n_components=", UserWarning)
            loadings.append(factor_loadings(again.fit(X, y[order])))
    return np.stack(loadings)


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
        first; `gene_overlap` (2, 2, n_components_, n_components_), the number of genes that the
        n_top most positive (0) or most negative (1) mean effects of a factor share with those of
        another, and `gene_overlap_p_value`, the hypergeometric probability of so many or more.
    """
    loadings = factor_loadings(model)
    _, n_components, n_genes = loadings.shape
    check_number(n_top, "n_top", integer=True, low=1, closed="left")
    check_number(threshold, "threshold", low=0, closed="left")
    n_top = min(n_top, n_genes)
    gene_strength = np.sqrt(np.mean(loadings**2, axis=0))
    tissue_strength = np.sqrt(np.mean(loadings**2, axis=2))
    top_genes = np.argsort(-gene_strength, axis=1, kind="stable")[:, :n_top]
    member = np.zeros((2, n_components, n_genes))
    for end, sign in zip(member, (-1, 1)):
        order = np.argsort(sign * loadings.mean(axis=0), axis=1, kind="stable")
        np.put_along_axis(end, order[:, :n_top], 1.0, axis=1)
    overlap = np.einsum("asj,btj->abst", member, member, optimize=True).astype(np.int64)
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
