r"""The cis stage: expression of a gene on the variants around it, in all tissues at once.

For a gene observed in M tissues by N weighted cells, with n = N / M, the effects omega (p, K) and
intercepts minimize over the observed cells

.. math::

    \frac{1}{2n} \sum_{ik\ \mathrm{observed}} w_i (y_{ik} - b_k - x_i \omega_k)^2 + \alpha P(\omega)

with P the sum over variants of the norm of their effects over tissues ("group_lasso"), the sum of
absolute values ("lasso"), or half the sum of squares ("ridge"). Where every individual is observed
in every tissue this is `MultiTaskLasso`, `Lasso`, and `Ridge` with alpha times n. Source: step 1 of
Yang, Pe'er, Pe'er, on observed cells.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.expression.cis._descent import MAX_SWEEPS, descend, variant_moments
from skgenetics.utils._arrays import get_namespace_and_device, move_to, to_numpy
from skgenetics.utils._parallel import run_parallel

CHUNK = 64  # genes a unit of work
N_ALPHAS = 16
N_FOLDS = 5


class CisEffects(NamedTuple):
    """Nonzero effects of all genes."""

    coef: np.ndarray  # (K, nnz)
    variants: np.ndarray  # (nnz,) columns of X
    indptr: np.ndarray  # (J + 1,)
    intercept: np.ndarray  # (K, J)
    alpha: float


def fit_path(X, y, W, alphas, penalty, *, tol=1e-8):
    """Yield effects (p, K) and intercepts (K,) at each of the falling `alphas`.

    Parameters
    ----------
    X : array (p, I), C-contiguous
    y : array (I, K)
        Finite; cells of weight 0 do not count.
    W : array (I, K)
    """
    n = W.sum() / max(np.count_nonzero(W.any(axis=0)), 1)
    total = np.maximum(W.sum(axis=0), 1e-300)
    y_mean = np.sum(W * y, axis=0) / total
    mean, scale = variant_moments(X, W)
    if penalty == "ridge":
        factors = [
            np.linalg.svd(np.sqrt(W[:, k]) * (X - mean[:, k, None]), full_matrices=False)
            for k in range(W.shape[1])
        ]
        for alpha in alphas:
            coef = np.zeros((X.shape[0], W.shape[1]))
            for k, (left, values, right) in enumerate(factors):
                rotated = right @ (np.sqrt(W[:, k]) * (y[:, k] - y_mean[k]))
                shrunken = values / np.maximum(values**2 + n * alpha, 1e-300)
                coef[:, k] = left @ (shrunken * rotated)
            yield coef, y_mean - np.sum(mean * coef, axis=0)
        return
    residual = W * (y - y_mean)
    limit = tol * np.sum(residual * (y - y_mean))
    coef = np.zeros((X.shape[0], W.shape[1]))
    for alpha in alphas:
        descend(
            X, W, mean, scale, residual, coef, n * alpha, penalty == "group_lasso", limit,
            MAX_SWEEPS,
        )  # fmt: skip
        yield coef.copy(), y_mean - np.sum(mean * coef, axis=0)


def largest_alpha(X, y, W, penalty):
    """Return the smallest alpha that gives no effect; for ridge, the variance of the variants."""
    n = W.sum() / max(np.count_nonzero(W.any(axis=0)), 1)
    if X.shape[0] == 0 or n == 0:
        return 0.0
    _, scale = variant_moments(X, W)
    if penalty == "ridge":
        return scale.sum() / max(W.sum(), 1e-300)
    y_mean = np.sum(W * y, axis=0) / np.maximum(W.sum(axis=0), 1e-300)
    linear = (X @ (W * (y - y_mean))) * (scale > 0)
    size = np.linalg.norm(linear, axis=1) if penalty == "group_lasso" else np.abs(linear)
    return float(np.max(size) / n)


def take_columns(X, columns):
    """Return columns of X, a slice or integers, as floats on the host."""
    if not isinstance(columns, slice):
        xp, device = get_namespace_and_device(X)
        return to_numpy(xp.take(X, move_to(columns, xp, device), axis=1)).astype(np.float64)
    return to_numpy(X[:, columns]).astype(np.float64)


def gene_data(X, y, weight, columns, impute):
    """Return the variants (p, I), the filled expression (I, K) and its weights, of one gene."""
    X, y = np.ascontiguousarray(take_columns(X, columns).T), y.astype(np.float64)
    observed = ~np.isnan(y)
    if impute == "mean" and observed.any():  # as in the paper: missing tissues count as observed
        cells = weight[:, None] * observed
        fill = np.sum(cells * np.where(observed, y, 0.0)) / cells.sum()
        return X, np.where(observed, y, fill), np.repeat(weight[:, None], y.shape[1], axis=1)
    return X, np.where(observed, y, 0.0), weight[:, None] * observed


class GeneChunks:
    """Units of work: chunks of genes with their variants, on the host, made when asked for."""

    def __init__(self, X, y, weight, windows, rest):
        self.X, self.y, self.weight, self.windows, self.rest = X, y, weight, windows, rest

    def __len__(self):
        """Return the number of chunks."""
        return -(-len(self.windows) // CHUNK)

    def __getitem__(self, index):
        """Return genotypes, their columns in X, expression, weights, windows and the rest."""
        if index >= len(self):
            raise IndexError(index)
        genes = slice(CHUNK * index, CHUNK * (index + 1))
        windows = self.windows[genes]
        places = [np.arange(w.start, w.stop) if isinstance(w, slice) else w for w in windows]
        columns = np.unique(np.concatenate(places)).astype(np.int64)
        xp, device = get_namespace_and_device(self.X)
        X = to_numpy(xp.take(self.X, move_to(columns, xp, device), axis=1))
        own = [np.searchsorted(columns, place) for place in places]
        own = [  # a slice of X is one of its columns too
            slice(int(o[0]), int(o[-1]) + 1) if isinstance(w, slice) and o.size else o
            for o, w in zip(own, windows)
        ]
        return (X, columns, self.y[:, genes], self.weight, own, *self.rest)


def _fit_genes(_, unit, seed):
    """Return nonzero effects, their variants and the intercepts of each gene of a chunk."""
    X, names, y, weight, windows, penalty, impute, alpha = unit
    found = []
    for j, columns in enumerate(windows):
        window, values, W = gene_data(X, y[:, j], weight, columns, impute)
        coef, intercept = next(fit_path(window, values, W, [alpha], penalty))
        used = np.flatnonzero(np.any(coef != 0, axis=1))
        found.append((coef[used], names[columns][used], intercept))
    return found


def _validate_genes(_, unit, seed):
    """Return the squared error on held-out individuals at each alpha, summed over a chunk."""
    X, _, y, weight, windows, penalty, impute, alphas, fold = unit
    errors = np.zeros(len(alphas))
    for j, columns in enumerate(windows):
        window, values, W = gene_data(X, y[:, j], weight, columns, impute)
        truth = weight[:, None] * ~np.isnan(y[:, j])
        for f in range(fold.max() + 1):
            test = (fold == f)[:, None]
            path = fit_path(window, values, W * ~test, alphas, penalty, tol=1e-5)
            for a, (coef, intercept) in enumerate(path):
                error = values - window.T @ coef - intercept
                errors[a] += np.sum(truth * test * error**2)
    return errors


def fit_cis(X, y, weight, windows, *, penalty, alpha, impute, n_jobs, random_state):
    """Return the `CisEffects` of all genes.

    Parameters
    ----------
    X : array (I, S)
        Genotypes of any real dtype and namespace.
    y : array (I, J, K), on the host, NaN where not observed
    weight : array (I,), on the host
    windows : list of slice or integer array
        Columns of X of each gene.
    alpha : None or float
        None: one strength for all genes, which predicts held-out individuals best in 5 folds.
    random_state : RandomState
        Of the folds.
    """
    n = y.shape[0]

    def units(*rest):
        return GeneChunks(X, y, weight, windows, (penalty, impute, *rest))

    if alpha is None:
        top = [
            largest_alpha(*gene_data(X, y[:, j], weight, columns, impute), penalty)
            for j, columns in enumerate(windows)
        ]
        if penalty == "ridge":
            alphas = np.mean(top) * np.geomspace(10, 1e-3, N_ALPHAS)
        else:
            alphas = np.max(top) * np.geomspace(1, 0.02, N_ALPHAS)
        fold = random_state.permutation(n) % min(N_FOLDS, n)
        errors = sum(run_parallel(_validate_genes, units(alphas, fold), n_jobs=n_jobs))
        alpha = float(alphas[np.argmin(errors)])
    genes = [
        gene for chunk in run_parallel(_fit_genes, units(alpha), n_jobs=n_jobs) for gene in chunk
    ]
    return CisEffects(
        coef=np.concatenate([coef for coef, _, _ in genes]).T,
        variants=np.concatenate([variants for _, variants, _ in genes]),
        indptr=np.cumsum([0] + [len(variants) for _, variants, _ in genes]),
        intercept=np.column_stack([intercept for _, _, intercept in genes]),
        alpha=float(alpha),
    )


def no_effects(intercept):
    """Return the `CisEffects` of a model of intercepts (K, J) alone."""
    n_tissues, n_genes = intercept.shape
    return CisEffects(
        np.zeros((n_tissues, 0)),
        np.zeros(0, dtype=np.int64),
        np.zeros(n_genes + 1, dtype=np.int64),
        intercept,
        0.0,
    )


def predict_cis(X, effects, genes=slice(None)):
    """Return the cis part (n, m, K) of genes, on the host, without intercepts.

    X is of any namespace.
    """
    places = np.arange(len(effects.indptr) - 1)[genes]
    values = np.zeros((X.shape[0], len(places), effects.coef.shape[0]))
    for place, j in enumerate(places):
        own = slice(effects.indptr[j], effects.indptr[j + 1])
        if own.start < own.stop:
            block = take_columns(X, effects.variants[own])
            values[:, place] = block @ effects.coef[:, own].T
    return values
