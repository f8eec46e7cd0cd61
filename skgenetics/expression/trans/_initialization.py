"""Steps of the paper's staged initialization, on observed cells.

"linear" and "sigmoid": (1) cis effects of every gene, (2) residuals, (3) samples x genes, (4) their
principal components, (5) the mean scores of each individual, (6, 7; sigmoid) scaled to [.1, .9],
logit, (8) group lasso of the factors on the genes, (9) lasso of each score on candidate variants.
"tensor": (1) as above, (2) the scores of (4) as tissue x individual for each factor, with holes,
(3) their first incomplete principal component: W and F, (4) lasso of F * W on the genes: V,
(5) lasso of each factor on candidate variants. Step 8, and step 4 of "tensor", are left to the
solvers if they begin by solving for the loadings themselves, unless they name the candidates.
"""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics.expression._incomplete_pca import IncompletePCA
from skgenetics.expression.cis._regression import CisSettings, fit_cis
from skgenetics.expression.cis._windows import Columns
from skgenetics.expression.trans._targets import Targets, dense
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy

EXACT_SIZE = 2000  # larger matrices get a randomized decomposition
OVERSAMPLES, POWER_ROUNDS = 10, 2
EM_SIZE = 2**28  # of samples, genes and squared components; beyond it missing genes are filled
LOADING_ALPHA = 0.05  # of the group lasso of step 8
MIN_LOADING = 1e-6  # a gene above it belongs to a factor


def sample_scores(
    targets: Targets, n_components: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return principal component scores (I, K, T') of samples, NaN if not sampled: steps 3, 4.

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
        components = _incomplete_scores(targets, sampled, weight[sampled], n_components)
    else:
        samples = [b.y for b in targets.blocks] if complete else _filled(targets, sampled)
        components = _complete_scores(samples, weight[sampled], n_components, random_state)
    scores = scores[:, :, : components.shape[1]]
    scores[sampled] = components
    return scores.transpose(1, 0, 2)


def _incomplete_scores(targets, sampled, weight, n_components):
    """Return the scores (N, T) of N samples by principal components of their observed genes."""
    blocks = [block._replace(mean=0 * block.mean) for block in targets.blocks]
    samples = dense(targets._replace(blocks=blocks)).transpose(2, 0, 1)[sampled]
    samples = samples[:, ~np.isnan(samples).all(axis=0)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        pca = IncompletePCA(n_components, max_iter=100).fit(samples, sample_weight=weight)
    return pca.transform(samples)


def _complete_scores(parts, weight, n_components, random_state):
    """Return the scores (N, T) of N samples, in parts (n, J) times the roots of the weights."""
    if min(weight.size, parts[0].shape[1]) <= EXACT_SIZE:
        parts = [to_numpy(part) for part in parts]
        right = _right_vectors(np.concatenate(parts).astype(np.float64))[:, :n_components]
    else:
        right = _leading_vectors(parts, n_components, random_state)
    scores = np.concatenate([to_numpy(part @ right) for part in parts])
    return scores / np.sqrt(weight)[:, None]


def _filled(targets, sampled):
    """Return the samples (n, J) of each tissue, missing genes at their mean in it, which is 0."""
    parts = [
        np.zeros((of_tissue.sum(), targets.shape[1]), dtype=to_numpy(targets.blocks[0].y).dtype)
        for of_tissue in sampled
    ]
    for block in targets.blocks:
        place = np.cumsum(sampled[block.tissue])[to_numpy(block.rows)] - 1
        parts[block.tissue][place, block.genes] = to_numpy(block.y)
    return parts


def _leading_vectors(parts, n_components, random_state):
    """Return nearly the leading right singular vectors (J, T) of stacked parts (n, J).

    Subspace iteration in the dtype of the parts, which are not stacked; a start needs no more.
    """
    xp, n_genes = namespace_of(parts[0]), parts[0].shape[1]
    basis = random_state.normal(size=(n_genes, min(n_components + OVERSAMPLES, n_genes)))
    basis = move_to(basis, xp, device_of(parts[0]), parts[0].dtype)
    for _ in range(POWER_ROUNDS):
        basis, _ = xp.linalg.qr(sum(part.T @ (part @ basis) for part in parts))
    moved = xp.concat([part @ basis for part in parts], axis=0)
    _, vectors = xp.linalg.eigh(moved.T @ moved)
    return basis @ xp.flip(vectors, axis=1)[:, :n_components]


def _right_vectors(matrix):
    """Return the right singular vectors of a matrix whose singular values are not 0."""
    if matrix.shape[0] < matrix.shape[1]:
        values, left = np.linalg.eigh(matrix @ matrix.T)
        vectors = matrix.T @ left / np.sqrt(np.clip(values, 1e-300, None))
    else:
        values, vectors = np.linalg.eigh(matrix.T @ matrix)
    return vectors[:, ::-1][:, : int(np.sum(values > 1e-10 * values[-1]))]


def individual_scores(scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the mean scores (I, T) of each individual's samples, 0 without any: step 5."""
    count = np.sum(~np.isnan(scores), axis=1)
    mean = np.sum(np.nan_to_num(scores), axis=1) / np.maximum(count, 1)
    return mean - weight @ mean / weight.sum()


def logit_scores(scores: np.ndarray) -> np.ndarray:
    """Return the logit of scores scaled to [.1, .9], where the sigmoid starts: steps 6, 7."""
    low, high = scores.min(axis=0), scores.max(axis=0)
    share = 0.1 + 0.8 * (scores - low) / np.where(high > low, high - low, 1.0)
    share = np.where(high > low, share, 0.5)
    return np.log(share / (1 - share))


def tensor_scores(scores: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return W (K, T) and F (I, T), the first component of each tissue x individual.

    Steps 2 and 3 of "tensor".
    """
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


def group_lasso_loadings(
    factors: np.ndarray, residual: np.ndarray, weight: np.ndarray, n_jobs: int | None = None
) -> np.ndarray:
    """Return loadings (K, T, J) of the group lasso of factors (I, T) on genes: step 8."""
    n_genes, n_components = residual.shape[1], factors.shape[1]
    settings = CisSettings("group_lasso", LOADING_ALPHA, n_jobs=n_jobs)
    every_factor: list[Columns] = [slice(0, n_components)] * n_genes
    effects = fit_cis(factors, residual, weight, every_factor, settings)
    loadings = np.zeros((residual.shape[2], n_components, n_genes))
    genes = np.repeat(np.arange(n_genes), np.diff(effects.indptr))
    loadings[:, effects.variants, genes] = effects.coef
    return loadings


def lasso_gene_factors(
    factors: np.ndarray,
    W: np.ndarray,
    residual: np.ndarray,
    weight: np.ndarray,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Return V' (1, T, J) of the lasso of F * W on genes over all samples: step 4 of "tensor"."""
    n_genes, n_tissues = residual.shape[1:]
    samples = (factors[:, None, :] * W).reshape(-1, W.shape[1])
    expression = residual.transpose(0, 2, 1).reshape(-1, n_genes, 1)
    return group_lasso_loadings(samples, expression, np.repeat(weight, n_tissues), n_jobs)


def cis_candidates(loadings: np.ndarray, windows: list[Columns]) -> list[np.ndarray]:
    """Return, per factor, the columns of X in the cis windows of its genes."""
    nothing = np.empty(0, dtype=np.int64)
    candidates = []
    for strength in np.abs(loadings).max(axis=0):
        members = [windows[j] for j in np.flatnonzero(strength > MIN_LOADING)]
        columns = [np.arange(w.start, w.stop) if isinstance(w, slice) else w for w in members]
        candidates.append(np.unique(np.concatenate([nothing, *columns])))
    return candidates
