"""Simulated expression of many genes in many tissues, with cis and trans genetics."""

from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from sklearn.utils import Bunch, check_array, check_random_state, check_scalar

from skgenetics.datasets._simulation import (
    check_dosages,
    check_share,
    correlation_root,
    draw_missing,
    draw_noise,
    genetic_values,
)
from skgenetics.utils._typing import ArrayLike

SIGMOID_SD = 2.0  # of the scores before the sigmoid, enough to bend it


def make_expression_tensor(
    X: ArrayLike,
    *,
    n_genes: int = 50,
    n_tissues: int = 5,
    n_components: int = 3,
    trans_model: str = "linear",
    cis_windows: ArrayLike | None = None,
    cis_window_size: int = 50,
    n_cis_causal: int = 2,
    n_trans_causal: int = 10,
    gene_share: float = 0.3,
    cis_h2: float = 0.2,
    trans_h2: float = 0.1,
    tissue_correlation: float | ArrayLike = 0.8,
    residual_correlation: float | ArrayLike = 0.0,
    tissue_mean_sd: float = 1.0,
    missing_rate: float | ArrayLike = 0.3,
    random_state: Any = None,
) -> Bunch:
    """Simulate expression (individual, gene, tissue) by the model of `MILAGERegressor`.

    The expression of a gene in a tissue is an intercept, the effects of a few variants in the cis
    window of the gene, the effects of factors, each of which depends on a few variants anywhere
    and acts on many genes, and noise. As in GTEx, a tissue is sampled in some of the individuals
    only, for all genes or none.

    Parameters
    ----------
    X : array-like of shape (n_individuals, n_variants)
        Complete dosages, none of them constant.

    n_genes : int, default=50
        Number of genes, J.

    n_tissues : int, default=5
        Number of tissues, K.

    n_components : int, default=3
        Number of factors, T.

    trans_model : {"linear", "sigmoid", "tensor"}, default="linear"
        How factors act. "linear": with their own effect in each gene and tissue; "sigmoid": the
        same, of factors that are the sigmoid of a linear score; "tensor": with the product of an
        effect of the gene and an effect of the tissue.

    cis_windows : array-like of int of shape (J, 2), default=None
        First column of X and the one after the last of the cis window of each gene. None spreads
        windows of `cis_window_size` columns evenly over X.

    cis_window_size : int, default=50
        Number of variants in a window if `cis_windows` is None; at most the number of columns of X.

    n_cis_causal : int, default=2
        Number of causal variants in each window (all variants of a smaller window), the same in all
        tissues.

    n_trans_causal : int, default=10
        Number of causal variants of each factor.

    gene_share : float, default=0.3
        Share of the genes that each factor acts on; at least one gene.

    cis_h2, trans_h2 : float, default=0.2 and 0.1
        Shares of variance within gene and tissue: the variance over all individuals of the cis
        (trans) part over the sum of the variances of cis part, trans part and noise, each added up
        over genes and tissues. Exact in the sample; genes and tissues differ.

    tissue_correlation : float or array-like of shape (K, K), default=0.8
        Correlation of cis and trans effects between tissues.

    residual_correlation : float or array-like of shape (K, K), default=0.0
        Correlation of the noise of a gene between the tissues of an individual.

    tissue_mean_sd : float, default=1.0
        Standard deviation of mean expression over genes and tissues; the noise has about 1.

    missing_rate : float or array-like of shape (K,), default=0.3
        Share of the individuals in which a tissue was not sampled.

    random_state : int, RandomState instance or None, default=None
        Determines the numbers drawn.

    Returns
    -------
    expression : :class:`~sklearn.utils.Bunch`
        Truths are named as the fitted attributes of `MILAGERegressor`, without the underscore:
        target = intercept + cis_values + trans_values + noise.

        data : array-like of shape (n_individuals, n_variants)
            `X` as given.
        target : ndarray of shape (n_individuals, J, K)
            Expression; NaN if the tissue was not sampled.
        complete_target : ndarray of shape (n_individuals, J, K)
            Expression before any was set to missing.
        observed : bool ndarray of shape (n_individuals, K)
            Whether the tissue was sampled.
        cis_windows : int ndarray of shape (J, 2)
            Half-open intervals of columns of X.
        cis_coef : ndarray of shape (K, n_cis)
            Cis effects per allele (omega), gene after gene.
        cis_indptr : int ndarray of shape (J + 1,)
            Gene j has the columns ``cis_indptr[j]:cis_indptr[j + 1]`` of `cis_coef`, one for each
            variant of its window.
        variant_coef : ndarray of shape (T, n_variants)
            Effects of variants on the scores of factors (alpha).
        variant_intercept : ndarray of shape (T,)
            Intercept of the scores (a); 0 unless "sigmoid".
        factors : ndarray of shape (n_individuals, T)
            The factors, F.
        factor_loadings : ndarray of shape (K, T, J)
            Effects of factors on genes (beta); for "tensor" the products of the next two.
        gene_factors : ndarray of shape (J, T), or None unless "tensor"
            Effects of the genes (V).
        tissue_factors : ndarray of shape (K, T), or None unless "tensor"
            Effects of the tissues (W).
        intercept : ndarray of shape (K, J)
            Intercepts.
        tissue_mean : ndarray of shape (K, J)
            Mean of `complete_target`.
        cis_values, trans_values : ndarray of shape (n_individuals, J, K)
            The two genetic parts, not centered.
        residual_variance : float
            Variance of the noise, the same in all genes and tissues.

    Raises
    ------
    ValueError
        If X has missing calls or constant variants, windows are not within X, or a parameter is out
        of range.

    Examples
    --------
    >>> from skgenetics.datasets import make_expression_tensor, make_genotypes
    >>> X = make_genotypes(random_state=0).data
    >>> make_expression_tensor(X, n_genes=8, n_tissues=3, random_state=0).target.shape
    (500, 8, 3)
    """
    for name, value in (
        ("n_genes", n_genes),
        ("n_tissues", n_tissues),
        ("n_components", n_components),
        ("cis_window_size", cis_window_size),
        ("n_cis_causal", n_cis_causal),
        ("n_trans_causal", n_trans_causal),
    ):
        check_scalar(value, name, Integral, min_val=1)
    check_scalar(gene_share, "gene_share", Real, min_val=0, max_val=1, include_boundaries="right")
    check_scalar(tissue_mean_sd, "tissue_mean_sd", Real, min_val=0)
    check_share(cis_h2, "cis_h2")
    check_share(trans_h2, "trans_h2")
    if cis_h2 + trans_h2 >= 1:
        raise ValueError(f"cis_h2 + trans_h2 must be below 1, got {cis_h2 + trans_h2}.")
    if trans_model not in ("linear", "sigmoid", "tensor"):
        raise ValueError(f"trans_model must be linear, sigmoid or tensor, got {trans_model!r}.")
    missing_rates = _missing_rates(missing_rate, n_tissues)
    effect_root = correlation_root(tissue_correlation, n_tissues, "tissue_correlation")
    noise_root = correlation_root(residual_correlation, n_tissues, "residual_correlation")
    dosages = check_dosages(X)
    n_individuals, n_variants = dosages.shape
    if n_trans_causal > n_variants:
        raise ValueError(f"n_trans_causal is {n_trans_causal}, but X has {n_variants} variants.")
    windows = _check_windows(cis_windows, cis_window_size, n_genes, n_variants)
    rng = check_random_state(random_state)

    cis = _draw_cis(dosages, windows, n_cis_causal, cis_h2, effect_root, rng)
    factors = _draw_factors(dosages, n_components, n_trans_causal, trans_model, rng)
    trans = _draw_trans(
        factors.values, n_genes, gene_share, trans_h2, trans_model, effect_root, rng
    )

    residual_variance = 1 - cis_h2 - trans_h2
    tissue_mean = rng.normal(scale=tissue_mean_sd, size=(n_tissues, n_genes))
    intercept = tissue_mean - cis.values.mean(axis=0).T - trans.values.mean(axis=0).T
    complete = cis.values + trans.values + intercept.T
    for j in range(n_genes):
        complete[:, j] += draw_noise(n_individuals, noise_root, residual_variance, rng)
    observed = np.ones((n_individuals, n_tissues), dtype=bool)
    for tissue, rate in zip(observed.T, missing_rates):
        tissue[draw_missing(n_individuals, rate, rng)] = False
    return Bunch(
        data=X,
        target=np.where(observed[:, None, :], complete, np.nan),
        complete_target=complete,
        observed=observed,
        cis_windows=windows,
        cis_coef=cis.coef,
        cis_indptr=cis.indptr,
        variant_coef=factors.coef,
        variant_intercept=factors.intercept,
        factors=factors.values,
        factor_loadings=trans.loadings,
        gene_factors=trans.gene_factors,
        tissue_factors=trans.tissue_factors,
        intercept=intercept,
        tissue_mean=tissue_mean,
        cis_values=cis.values,
        trans_values=trans.values,
        residual_variance=residual_variance,
    )


class _Cis(NamedTuple):
    """Effects of the variants of each gene's window."""

    coef: np.ndarray  # (K, n_cis), gene after gene
    indptr: np.ndarray  # (J + 1,) where each gene's columns of coef begin
    values: np.ndarray  # (n_individuals, J, K)


def _draw_cis(
    X: np.ndarray,
    windows: np.ndarray,
    n_causal: int,
    h2: float,
    effect_root: np.ndarray,
    rng: np.random.RandomState,
) -> _Cis:
    """Draw the effects of `n_causal` variants per window, correlated between tissues."""
    n_tissues = len(effect_root)
    indptr = np.concatenate([[0], np.cumsum(windows[:, 1] - windows[:, 0])])
    coef = np.zeros((n_tissues, indptr[-1]))
    values = np.empty((len(X), len(windows), n_tissues))
    for j, (first, last) in enumerate(windows):
        causal = rng.permutation(last - first)[:n_causal]
        coef[:, indptr[j] + causal] = effect_root @ rng.normal(size=(n_tissues, len(causal)))
        values[:, j] = X[:, first + causal] @ coef[:, indptr[j] + causal].T
    scale = np.sqrt(h2 / values.var(axis=0).mean())
    return _Cis(coef * scale, indptr, values * scale)


class _Factors(NamedTuple):
    """Factors that variants anywhere act on: F = act(X alpha' + a)."""

    coef: np.ndarray  # (T, n_variants) alpha
    intercept: np.ndarray  # (T,) a
    values: np.ndarray  # (n_individuals, T) F


def _draw_factors(
    X: np.ndarray,
    n_components: int,
    n_causal: int,
    trans_model: str,
    rng: np.random.RandomState,
) -> _Factors:
    """Draw the variants that act on each factor, and their effects."""
    n_variants = X.shape[1]
    coef = np.zeros((n_components, n_variants))
    for effects in coef:
        effects[rng.permutation(n_variants)[:n_causal]] = rng.normal(size=n_causal)
    scores = genetic_values(X, coef.T)
    rescale = (SIGMOID_SD if trans_model == "sigmoid" else 1.0) / scores.std(axis=0)
    coef, values = coef * rescale[:, None], scores * rescale
    intercept = np.zeros(n_components)
    if trans_model == "sigmoid":
        intercept -= values.mean(axis=0)
        values = expit(values + intercept)
    return _Factors(coef, intercept, values)


class _Trans(NamedTuple):
    """Effects of factors on genes in tissues."""

    loadings: np.ndarray  # (K, T, J) beta
    gene_factors: np.ndarray | None  # (J, T) V, of the tensor model
    tissue_factors: np.ndarray | None  # (K, T) W, likewise
    values: np.ndarray  # (n_individuals, J, K)


def _draw_trans(
    factors: np.ndarray,
    n_genes: int,
    gene_share: float,
    h2: float,
    trans_model: str,
    effect_root: np.ndarray,
    rng: np.random.RandomState,
) -> _Trans:
    """Draw the genes that each factor acts on, and its effects, correlated between tissues."""
    n_components, n_tissues = factors.shape[1], len(effect_root)
    acts_on = np.zeros((n_components, n_genes), dtype=bool)
    for genes in acts_on:
        genes[rng.permutation(n_genes)[: max(1, round(gene_share * n_genes))]] = True
    gene_factors = tissue_factors = None
    if trans_model == "tensor":
        gene_factors = acts_on.T * rng.normal(size=(n_genes, n_components))
        tissue_factors = effect_root @ rng.normal(size=(n_tissues, n_components))
        loadings = np.einsum("jt,kt->ktj", gene_factors, tissue_factors)
    else:
        normal = rng.normal(size=(n_tissues, n_components, n_genes)) * acts_on
        loadings = np.tensordot(effect_root, normal, axes=1)
    values = np.einsum("it,ktj->ijk", factors, loadings, optimize=True)
    scale = np.sqrt(h2 / values.var(axis=0).mean())
    if gene_factors is not None:
        gene_factors = gene_factors * scale
    return _Trans(loadings * scale, gene_factors, tissue_factors, values * scale)


def _missing_rates(missing_rate: float | ArrayLike, n_tissues: int) -> np.ndarray:
    """Return the share of people missing in each tissue (K,)."""
    rates = np.asarray(missing_rate)
    if rates.shape not in ((), (n_tissues,)):
        raise ValueError(
            f"missing_rate must be a number or have shape ({n_tissues},), got {rates.shape}."
        )
    for rate in rates.ravel().tolist():
        check_share(rate, "missing_rate")
    return np.broadcast_to(rates, n_tissues)


def _check_windows(
    cis_windows: ArrayLike | None, cis_window_size: int, n_genes: int, n_variants: int
) -> np.ndarray:
    """Return half-open intervals of columns (n_genes, 2): those given, or evenly spread ones."""
    if cis_windows is None:
        size = min(cis_window_size, n_variants)
        first = np.linspace(0, n_variants - size, n_genes).round().astype(int)
        return np.column_stack([first, first + size])
    windows = check_array(cis_windows, input_name="cis_windows")
    if windows.shape != (n_genes, 2) or not np.issubdtype(windows.dtype, np.integer):
        raise ValueError(
            f"cis_windows must be integers of shape ({n_genes}, 2), first column and the one after "
            f"the last, got {windows.dtype} of shape {windows.shape}."
        )
    first, last = windows.T
    (bad,) = np.nonzero((first < 0) | (last <= first) | (last > n_variants))
    if len(bad):
        raise ValueError(
            f"cis_windows of gene {bad[0]} is {windows[bad[0]].tolist()}; a window needs "
            f"0 <= first < last <= {n_variants}, the number of variants."
        )
    return windows
