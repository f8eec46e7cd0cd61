"""Preparation of expression before a model: filters, normal scores and hidden covariates.

None of this looks at genotypes. It may therefore run once, on all people, before folds are made:
held-out genotypes stay unseen. It does use the expression of the held-out, whose ranks and
components are then relative to everybody's, as in the pipelines of GTEx.
"""

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skgenetics.utils._labels import column_labels, first_labels, row_labels
from skgenetics.utils._parameters import check_number
from skgenetics.utils._typing import ArrayLike

_PEOPLE = (150, 250, 350)  # at which GTEx takes more hidden factors
_COMPONENTS = (15, 30, 45, 60)


def expressed_genes(
    tpm: ArrayLike,
    counts: ArrayLike | None = None,
    *,
    tpm_threshold: float = 0.1,
    count_threshold: float = 6.0,
    sample_frac_threshold: float = 0.5,
) -> np.ndarray:
    """Return which genes are expressed in enough samples.

    Parameters
    ----------
    tpm : array-like of shape (n_individuals, n_genes) or (n_individuals, n_genes, n_tissues)
        Expression; NaN marks what was not observed. The samples of all tissues count together.
    counts : array-like of the same shape, optional
        Reads, if they are to count too. Labels of individuals and genes are matched to those of
        `tpm`.
    tpm_threshold, count_threshold : float
        A gene is expressed in a sample if it reaches both.
    sample_frac_threshold : float, default=0.5
        Share of the observed samples in which a gene must be expressed. .5 is that of Yang, Pe'er,
        Pe'er; GTEx takes .2, tissue by tissue.

    Returns
    -------
    expressed : ndarray of bool of shape (n_genes,)

    Raises
    ------
    ValueError
        If shapes or labels differ or a threshold is out of range.

    References
    ----------
    GTEx Consortium (2020), Science 369:1318, supplement 3.4, whose names of thresholds these are.

    Examples
    --------
    >>> from skgenetics.preprocessing import expressed_genes
    >>> expressed_genes([[0.0, 3.0], [0.2, 1.0], [0.0, 0.5]])
    array([False,  True])
    """
    check_number(sample_frac_threshold, "sample_frac_threshold", low=0, high=1, closed="both")
    if counts is not None:
        counts = _beside(tpm, counts)
    tpm = _expression(tpm, "tpm")
    observed, reached = ~np.isnan(tpm), tpm >= tpm_threshold
    if counts is not None:
        observed &= ~np.isnan(counts)
        reached &= counts >= count_threshold
    n_observed = observed.sum(axis=(0, 2))
    n_reached = (observed & reached).sum(axis=(0, 2))
    return (n_observed > 0) & (n_reached >= sample_frac_threshold * n_observed)


def sampled_tissues(y: ArrayLike, *, min_samples: int = 100) -> np.ndarray:
    """Return which tissues were sampled from enough individuals.

    Parameters
    ----------
    y : array-like of shape (n_individuals, n_genes, n_tissues)
        Expression; NaN marks what was not observed. An individual was sampled if any gene was.
    min_samples : int, default=100
        Individuals asked for.

    Returns
    -------
    sampled : ndarray of bool of shape (n_tissues,)

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import sampled_tissues
    >>> y = np.zeros((120, 5, 2))
    >>> y[:60, :, 1] = np.nan
    >>> sampled_tissues(y)
    array([ True, False])
    """
    check_number(min_samples, "min_samples", low=0, closed="left")
    return (~np.isnan(_expression(y, "y"))).any(axis=1).sum(axis=0) >= min_samples


def inverse_normal_transform(y: ArrayLike, *, offset: float = 0.0) -> np.ndarray:
    r"""Return the normal scores of expression, gene by gene and tissue by tissue.

    The value of rank r among n observed ones becomes :math:`\Phi^{-1}((r - c) / (n + 1 - 2c))`.
    Equal values have their mean rank.

    Parameters
    ----------
    y : array-like of shape (n_individuals,), (n_individuals, n_genes) or \
            (n_individuals, n_genes, n_tissues)
        Expression; NaN stays.
    offset : float, default=0.0
        c: 0 as in the pipelines of GTEx and tensorQTL (van der Waerden), 3/8 for Blom's scores.

    Returns
    -------
    scores : ndarray of float64 of the shape of `y`

    Notes
    -----
    :class:`sklearn.preprocessing.QuantileTransformer` interpolates between quantiles of a training
    set, and sends the smallest and the largest value to -5.2 and 5.2 at any n.

    Examples
    --------
    >>> from skgenetics.preprocessing import inverse_normal_transform
    >>> inverse_normal_transform([3.0, 100.0, 5.0]).round(3)
    array([-0.674,  0.674,  0.   ])
    """
    check_number(offset, "offset", low=0, high=1, closed="left")
    values = np.asarray(y, dtype=np.float64)
    if values.ndim not in (1, 2, 3):
        raise ValueError(f"y must have 1, 2 or 3 dimensions; got {values.ndim}.")
    ranks = rankdata(values, axis=0, nan_policy="omit")
    n = (~np.isnan(values)).sum(axis=0)
    return norm.ppf((ranks - offset) / (n + 1 - 2 * offset))


def expression_components(y: ArrayLike, n_components: int | None = None) -> list[np.ndarray]:
    """Return principal components of expression, tissue by tissue: hidden covariates.

    Batch, cell composition and the like act on many genes at once, and so do their components.

    Parameters
    ----------
    y : array-like of shape (n_individuals, n_genes) or (n_individuals, n_genes, n_tissues)
        Expression, best as normal scores; NaN marks what was not observed. A cell missing in a
        sampled individual counts as the gene's mean. Genes are scaled to variance 1.
    n_components : int, optional
        Components of each tissue. By default as many as GTEx takes hidden factors: 15 below 150
        individuals, 30 below 250, 45 below 350, else 60. Never more than there are genes, or
        individuals less one.

    Returns
    -------
    components : list of ndarray of shape (n_individuals, n_components_of_tissue)
        One per tissue, of variance 1, NaN in the rows of individuals that were not sampled.

    Warnings
    --------
    Factors of `MILAGERegressor` act on many genes too. Components of all genes take trans effects
    of that kind with them, as they do in a scan for trans-eQTLs.

    See Also
    --------
    skgenetics.compose.CovariateAdjustedRegressor : Regresses them out in training folds
        (`tissue_covariates`).

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics.preprocessing import expression_components
    >>> y = np.random.default_rng(0).normal(size=(40, 100, 2))
    >>> [components.shape for components in expression_components(y, 3)]
    [(40, 3), (40, 3)]
    """
    y = _expression(y, "y")
    if n_components is not None:
        check_number(n_components, "n_components", integer=True, low=0, closed="left")
    return [_components(y[:, :, k], n_components) for k in range(y.shape[2])]


def _components(y: np.ndarray, n_components: int | None) -> np.ndarray:
    """Return the components (n, m) of a tissue's expression (n, genes)."""
    observed = ~np.isnan(y)
    sampled, seen = observed.any(axis=1), observed.any(axis=0)
    n_sampled = int(sampled.sum())
    if n_components is None:
        n_components = _COMPONENTS[np.searchsorted(_PEOPLE, n_sampled, side="right")]
    n_components = max(min(n_components, n_sampled - 1, int(seen.sum())), 0)
    components = np.full((len(y), n_components), np.nan)
    if n_components:
        values = StandardScaler().fit_transform(y[np.ix_(sampled, seen)])  # ignores NaN
        pca = PCA(n_components, whiten=True, svd_solver="full")
        components[sampled] = pca.fit_transform(np.nan_to_num(values))
    return components


def _beside(tpm: ArrayLike, counts: ArrayLike) -> np.ndarray:
    """Return counts of the people and genes of `tpm`, matched by their labels if they have any."""
    rows, columns = (labels(tpm) for labels in (row_labels, column_labels))
    people = first_labels({"the rows of tpm": rows}, "the rows of tpm", "individuals")
    genes = first_labels({"the columns of tpm": columns}, "the columns of tpm", "genes")
    order = genes.order(column_labels(counts), "the columns of counts")
    array = people.match(counts, "counts")
    array = array if order is None else array[:, order]
    if np.shape(array) != np.shape(tpm):
        raise ValueError(
            f"counts must have the shape of tpm, {np.shape(tpm)}; got {np.shape(array)}."
        )
    return _expression(array, "counts")


def _expression(y: ArrayLike, name: str) -> np.ndarray:
    """Return expression as (n_individuals, n_genes, n_tissues)."""
    values = np.asarray(y, dtype=np.float64)
    if values.ndim not in (2, 3):
        raise ValueError(
            f"{name} must have shape (n_individuals, n_genes) or (n_individuals, n_genes, "
            f"n_tissues); got {values.shape}."
        )
    if np.isinf(values).any():
        raise ValueError(f"{name} holds infinite values; NaN marks what was not observed.")
    return values[:, :, None] if values.ndim == 2 else values
