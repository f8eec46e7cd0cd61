"""Where the trans solvers start: the paper's staged initialization, on observed cells.

"linear" and "sigmoid": (1) cis effects of every gene, (2) residuals, (3) samples x genes, (4) their
principal components, (5) the mean scores of each individual, (6, 7; sigmoid) scaled to [.1, .9],
logit, (8) group lasso of the factors on the genes, (9) lasso of each score on candidate variants.
"tensor": (1) as above, (2) the scores of (4) as tissue x individual for each factor, with holes,
(3) their first incomplete principal component: W and F, (4) lasso of F * W on the genes: V,
(5) lasso of each factor on candidate variants. Steps 8 and 4 are left to the solvers where they
begin by solving for the loadings themselves, unless they name the candidates.
"""

import warnings
from itertools import pairwise

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics.expression._incomplete_pca import IncompletePCA
from skgenetics.expression.cis._descent import MAX_SWEEPS, descend, variant_moments
from skgenetics.expression.cis._regression import fit_cis
from skgenetics.expression.trans._targets import dense
from skgenetics.utils._arrays import to_numpy

EXACT_SIZE = 2000  # larger matrices get a randomized decomposition
OVERSAMPLES, POWER_ROUNDS = 10, 2
EM_SIZE = 2**28  # of samples, genes and squared components; beyond it missing genes are filled
LASSO_SHARE = 0.5  # of the smallest strength that gives no effect
LOADING_ALPHA = 0.05  # of the group lasso of step 8
ROUNDS, GROWTH = 3, 100  # of the working set
MIN_LOADING = 1e-6  # a gene above it belongs to a factor


def sample_scores(targets, n_components, random_state):
    """Return principal component scores (I, K, T') of samples, NaN where a tissue was not sampled.

    T' <= T, as many as the data have. Genes are centered within each tissue.
    """
    n, n_genes, n_tissues = targets.shape
    sampled, weight = np.zeros((n_tissues, n), dtype=bool), np.zeros((n_tissues, n))
    for block in targets.blocks:
        rows = to_numpy(block.rows)
        sampled[block.tissue, rows], weight[block.tissue, rows] = True, to_numpy(block.weight)
    n_samples = int(sampled.sum())
    n_components = max(min(n_components, n_samples - 1, n_genes), 0)
    scores = np.full((n_tissues, n, n_components), np.nan)
    if n_components == 0:
        return scores.transpose(1, 0, 2)
    complete = len(targets.groups) == 1 and all(block.seen is None for block in targets.blocks)
    if not complete and n_samples * n_genes * n_components**2 < EM_SIZE:
        blocks = [block._replace(mean=0 * block.mean) for block in targets.blocks]
        samples = dense(targets._replace(blocks=blocks)).transpose(2, 0, 1)[sampled]
        samples = samples[:, ~np.isnan(samples).all(axis=0)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            pca = IncompletePCA(n_components, max_iter=100)
            found = pca.fit(samples, sample_weight=weight[sampled]).transform(samples)
    else:
        parts = [to_numpy(block.y) for block in targets.blocks]
        if not complete:
            parts = _filled(targets, sampled)
        if min(n_samples, n_genes) <= EXACT_SIZE:
            right = _right_vectors(np.concatenate(parts).astype(np.float64))[:, :n_components]
        else:
            right = _leading_vectors(parts, n_components, random_state)
        found = np.concatenate([part @ right for part in parts])
        found = found / np.sqrt(weight[sampled])[:, None]
    scores = scores[:, :, : found.shape[1]]
    scores[sampled] = found
    return scores.transpose(1, 0, 2)


def _filled(targets, sampled):
    """Return the samples (n, J) of each tissue, missing genes at their mean in it, which is 0."""
    parts = [
        np.zeros((own.sum(), targets.shape[1]), dtype=to_numpy(targets.blocks[0].y).dtype)
        for own in sampled
    ]
    for block in targets.blocks:
        place = np.cumsum(sampled[block.tissue])[to_numpy(block.rows)] - 1
        parts[block.tissue][place, block.genes] = to_numpy(block.y)
    return parts


def _leading_vectors(parts, n_components, random_state):
    """Return nearly the leading right singular vectors (J, T) of stacked parts (n, J).

    Subspace iteration in the dtype of the parts, which are not stacked; a start needs no more.
    """
    width = min(n_components + OVERSAMPLES, parts[0].shape[1])
    basis = random_state.normal(size=(parts[0].shape[1], width)).astype(parts[0].dtype)
    for _ in range(POWER_ROUNDS):
        basis, _ = np.linalg.qr(sum(part.T @ (part @ basis) for part in parts))
    moved = np.concatenate([part @ basis for part in parts])
    _, vectors = np.linalg.eigh(moved.T @ moved)
    return basis @ vectors[:, ::-1][:, :n_components]


def _right_vectors(matrix):
    """Return the right singular vectors of a matrix whose singular values are not 0."""
    if matrix.shape[0] < matrix.shape[1]:
        values, left = np.linalg.eigh(matrix @ matrix.T)
        vectors = matrix.T @ left / np.sqrt(np.clip(values, 1e-300, None))
    else:
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
    return vectors[:, ::-1][:, : int(np.sum(values > 1e-10 * values[-1]))]


def individual_scores(scores, weight):
    """Return the mean scores (I, T) over each individual's samples; 0 without any."""
    count = np.sum(~np.isnan(scores), axis=1)
    mean = np.sum(np.nan_to_num(scores), axis=1) / np.maximum(count, 1)
    return mean - weight @ mean / weight.sum()


def logit_scores(scores):
    """Return scores scaled to [.1, .9] and taken to the logit: where the sigmoid starts."""
    low, high = scores.min(axis=0), scores.max(axis=0)
    share = 0.1 + 0.8 * (scores - low) / np.where(high > low, high - low, 1.0)
    share = np.where(high > low, share, 0.5)
    return np.log(share / (1 - share))


def tensor_scores(scores, weight):
    """Return W (K, T) and F (I, T): the first component of each factor's tissue x individual."""
    _, n_tissues, n_components = scores.shape
    W, F = np.ones((n_tissues, n_components)), individual_scores(scores, weight)
    if n_tissues == 1:
        return W, F
    for t in range(n_components):
        if np.nanmax(np.abs(scores[:, :, t]), initial=0) > 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                pca = IncompletePCA(1, max_iter=100).fit(scores[:, :, t], sample_weight=weight)
            W[:, t], F[:, t] = pca.components_[0], pca.transform(scores[:, :, t])[:, 0]
    return W, F


def group_lasso_loadings(factors, residual, weight, n_jobs=None):
    """Return loadings (K, T, J) of the group lasso of factors (I, T) on genes: step 8."""
    n_genes, n_components = residual.shape[1], factors.shape[1]
    effects = fit_cis(
        factors, residual, weight, [slice(0, n_components)] * n_genes,
        penalty="group_lasso", alpha=LOADING_ALPHA, impute=None, n_jobs=n_jobs, random_state=None,
    )  # fmt: skip
    loadings = np.zeros((residual.shape[2], n_components, n_genes))
    genes = np.repeat(np.arange(n_genes), np.diff(effects.indptr))
    loadings[:, effects.variants, genes] = effects.coef
    return loadings


def lasso_gene_factors(factors, W, residual, weight, n_jobs=None):
    """Return V' (1, T, J) of the lasso of F * W on genes over all samples: step 4 of "tensor"."""
    n_genes, n_tissues = residual.shape[1:]
    samples = (factors[:, None, :] * W).reshape(-1, W.shape[1])
    expression = residual.transpose(0, 2, 1).reshape(-1, n_genes, 1)
    return group_lasso_loadings(samples, expression, np.repeat(weight, n_tissues), n_jobs)


def cis_candidates(loadings, windows):
    """Return a list of columns of X: the cis windows of the genes of each factor."""
    strength = np.abs(loadings).max(axis=0)
    empty = [np.empty(0, dtype=np.int64)]
    found = []
    for own in strength:
        members = [windows[j] for j in np.flatnonzero(own > MIN_LOADING)]
        members = [np.arange(w.start, w.stop) if isinstance(w, slice) else w for w in members]
        found.append(np.unique(np.concatenate(empty + members)))
    return found


def variant_lasso(gradients, take, scores, weight, candidates):
    """Return the lasso fit (I, T) of scores on candidate variants, and their effects: step 9.

    A working set for each factor grows by the variants that violate optimality most, so that a
    round costs one pass over the genotypes and little memory.

    Parameters
    ----------
    gradients : callable
        Yields slices of columns and the products (m, T) of those columns of X, centered and
        scaled, with an array (I, T).
    take : callable
        Returns given columns (I, m) of the same matrix.
    scores : array (I, T)
    candidates : list of integer arrays, one a factor, or None for all variants

    Returns
    -------
    fit : array (I, T)
    columns, effects : lists of arrays, one a factor
    """
    total, n_components = weight.sum(), scores.shape[1]
    scores = scores - weight @ scores / total
    cells = weight[:, None].copy()
    residual, strength = scores.copy(), None
    columns = [np.empty(0, dtype=np.int64)] * n_components
    effects = [np.empty(0)] * n_components
    for _ in range(ROUNDS):
        found = _largest(gradients(cells * residual / total), columns, candidates, n_components)
        if strength is None:  # from exact products, those of `gradients` may be in single precision
            strength = [
                LASSO_SHARE * float(np.max(np.abs(own @ take(new[:1])), initial=0)) / total
                for own, (new, _) in zip((cells * residual).T, found)
            ]
        done = True
        for t, (new, sizes) in enumerate(found):
            new = new[sizes > strength[t] * (1 + 1e-4)]
            if not new.size or strength[t] <= 1e-12:
                continue
            done = False
            columns[t] = np.concatenate([columns[t], new])
            X = np.ascontiguousarray(take(columns[t]).T)
            mean, scale = variant_moments(X, cells)
            coef = np.concatenate([effects[t], np.zeros(new.size)])[:, None]
            left = scores[:, t] - X.T @ coef[:, 0]
            left = np.ascontiguousarray(cells * (left - weight @ left / total)[:, None])
            limit = 1e-8 * float(weight @ scores[:, t] ** 2)
            descend(
                X, cells, mean, scale, left, coef, total * strength[t], False, limit, MAX_SWEEPS
            )
            effects[t] = coef[:, 0]
            fit = X.T @ effects[t]
            residual[:, t] = scores[:, t] - (fit - weight @ fit / total)
        if done:
            break
    return scores - residual, columns, effects


def _largest(products, columns, candidates, n_components):
    """Return, for each factor, the columns of the largest sizes outside its set, and these."""
    cut, places, factors, kept = np.zeros(n_components), [], [], []
    for block, values in products:
        sizes = np.abs(values)
        for t in range(n_components):
            if candidates is not None:
                outside = np.ones(sizes.shape[0], dtype=bool)
                outside[_inside(candidates[t], block)] = False
                sizes[outside, t] = 0.0
            sizes[_inside(columns[t], block), t] = 0.0
        if not places and sizes.shape[0] > GROWTH:
            cut = np.partition(sizes, -GROWTH, axis=0)[-GROWTH] * (1 - 1e-12)
        place, factor = np.nonzero(sizes > cut)
        places.append(place + block.start)
        factors.append(factor)
        kept.append(sizes[place, factor])
        if len(places) % 16 == 0:
            merged = _top(places, factors, kept, n_components)
            cut = np.array([s[-1] if s.size == GROWTH else 0.0 for _, s in merged])
            places = [np.concatenate([p for p, _ in merged])]
            factors = [np.repeat(np.arange(n_components), [p.size for p, _ in merged])]
            kept = [np.concatenate([s for _, s in merged])]
    return _top(places, factors, kept, n_components)


def _inside(columns, block):
    """Return the places in a block (slice) of those columns that lie in it."""
    return columns[(columns >= block.start) & (columns < block.stop)] - block.start


def _top(places, factors, sizes, n_components):
    """Return a list of the columns and sizes of each factor, the largest first."""
    places, factors, sizes = (np.concatenate(parts) for parts in (places, factors, sizes))
    order = np.lexsort((places, -sizes, factors))
    bounds = np.searchsorted(factors[order], np.arange(n_components + 1))
    chosen = [order[a:b][:GROWTH] for a, b in pairwise(bounds)]
    return [(places[own], sizes[own]) for own in chosen]
