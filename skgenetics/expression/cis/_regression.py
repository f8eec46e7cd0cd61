r"""The cis stage: expression of a gene on the variants around it, in all tissues at once.

For a gene observed in M tissues by N weighted cells, with n = N / M, the effects omega (p, K) and
intercepts minimize over the observed cells

.. math::

    \frac{1}{2n} \sum_{ik\ \mathrm{observed}} w_i (y_{ik} - b_k - x_i \omega_k)^2 + \alpha P(\omega)

with P the sum over variants of the norm of their effects over tissues ("group_lasso"), the sum of
absolute values ("lasso"), or half the sum of squares ("ridge"). If every individual is observed in
every tissue this is `MultiTaskLasso`, `Lasso`, and `Ridge` with alpha times n. Source: step 1 of
the initialization of Yang, Pe'er, Pe'er, on observed cells.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression.cis._descent import (
    MAX_SWEEPS,
    Descent,
    descend,
    squared_errors,
    start_descent,
)
from skgenetics.expression.cis._windows import Columns
from skgenetics.utils._arrays import device_of, is_numpy, move_to, namespace_of, to_numpy
from skgenetics.utils._parallel import run_parallel
from skgenetics.utils._typing import Array

CHUNK_GENES = 64  # genes per unit of work
N_ALPHAS = 16
N_FOLDS = 5
ROUGH_TOL = 1e-5
STANDARD_ERRORS = 1.0  # by which held-out individuals are predicted worse where a path ends


class CisSettings(NamedTuple):
    """How the cis stage is fitted."""

    penalty: str  # "group_lasso", "lasso" or "ridge"
    alpha: Any = None  # of all genes, or (J,) of each; None or "per_gene": from cross-validation
    impute: str | None = None  # "mean": missing tissues count as observed, as in the paper
    n_jobs: int | None = None
    tol: float = 1e-8  # of the descent; `ROUGH_TOL` where nothing but predictions is asked for
    scales: Any = None  # (S,) of the effects of each variant, whose penalty is divided by it


class CisEffects(NamedTuple):
    """Nonzero effects of all genes, on the host."""

    coef: np.ndarray  # (K, nnz)
    variants: np.ndarray  # (nnz,) columns of X
    indptr: np.ndarray  # (J + 1,) gene j has the entries indptr[j]:indptr[j + 1]
    intercept: Any  # (K, J), or None: not needed to predict
    alpha: Any = 0.0  # of all genes, or (J,) of each


class GeneEffects(NamedTuple):
    """Nonzero effects of one gene."""

    coef: np.ndarray  # (nnz, K)
    variants: np.ndarray  # (nnz,) columns of X
    intercept: np.ndarray  # (K,)
    failed: bool = False  # the decomposition did; there are no effects


class GeneData(NamedTuple):
    """What one gene is fitted to."""

    genotypes: np.ndarray  # (p, I), C-contiguous
    expression: np.ndarray  # (I, K), finite; cells of weight 0 do not count
    weight: np.ndarray  # (I, K), 0 where not observed

    @property
    def n(self) -> float:
        """Weight of the observed cells per observed tissue."""
        return self.weight.sum() / max(np.count_nonzero(self.weight.any(axis=0)), 1)

    @property
    def mean(self) -> np.ndarray:
        """Weighted mean (K,) of the expression in each tissue."""
        total = np.maximum(self.weight.sum(axis=0), 1e-300)
        return np.sum(self.weight * self.expression, axis=0) / total


def fit_path(
    gene: GeneData, alphas: Iterable[float], penalty: str, *, tol: float = 1e-8
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield effects (p, K) and intercepts (K,) of a gene at each of the falling `alphas`.

    The effects are the solver's own, which moves on from them.
    """
    X, W = gene.genotypes, gene.weight
    y_mean, total = gene.mean, np.maximum(W.sum(axis=0), 1e-300)
    if penalty == "ridge":
        path = _ridge_path(gene, X @ W / total, y_mean, alphas)
    else:
        path = (descent.coef for descent in _descent_path(gene, alphas, penalty, tol))
    for coef in path:
        (used,) = np.nonzero(np.any(coef, axis=1))
        x_mean = X[used] @ W / total
        yield coef, y_mean - np.sum(x_mean * coef[used], axis=0)


def _ridge_path(gene, x_mean, y_mean, alphas):
    """Yield the ridge effects (p, K) at each of `alphas`, from one decomposition per tissue.

    Of the smaller Gram matrix: its eigenvalues are found where those of the singular value
    decomposition of variants in strong LD may not be.
    """
    X, y, W = gene
    parts = []
    for k in range(W.shape[1]):
        rows = W[:, k] > 0
        root = np.sqrt(W[rows, k])
        centered = root * (X[:, rows] - x_mean[:, k, None])  # (p, n)
        target = root * (y[rows, k] - y_mean[k])
        by_variant = len(centered) <= rows.sum()
        gram = centered @ centered.T if by_variant else centered.T @ centered
        values, vectors = np.linalg.eigh(gram)
        values = np.clip(values, 0.0, None)
        right = centered @ target if by_variant else target
        left = vectors if by_variant else centered @ vectors
        parts.append((left, values, vectors.T @ right))
    for alpha in alphas:
        yield np.column_stack(
            [left @ (rotated * _inverse(values, gene.n * alpha)) for left, values, rotated in parts]
        )


def _inverse(values, ridge):
    """Return 1 / (values + ridge), and 0 where values and ridge are 0 up to rounding."""
    floor = 1e-12 * max(values.max(initial=0.0), 1e-300)
    return np.where(values + ridge > floor, 1 / np.maximum(values + ridge, floor), 0.0)


def _descent_path(
    gene: GeneData, alphas: Iterable[float], penalty: str, tol: float
) -> Iterator[Descent]:
    """Yield the `Descent` at the (group) lasso effects of each of `alphas`; it moves on."""
    centered = gene.expression - gene.mean
    descent = start_descent(gene.genotypes, gene.weight, centered)
    limit, n = tol * float(np.sum(gene.weight * centered**2)), gene.n
    for alpha in alphas:
        descend(descent, n * alpha, penalty == "group_lasso", limit, MAX_SWEEPS)
        yield descent


def largest_alpha(gene: GeneData, penalty: str) -> float:
    """Return the smallest alpha that gives no effect; for ridge, the variance of the variants."""
    X, y, W = gene
    if X.shape[0] == 0 or gene.n == 0:
        return 0.0
    if penalty == "ridge":
        total = np.maximum(W.sum(axis=0), 1e-300)
        return float(np.sum((X**2) @ W - (X @ W) ** 2 / total) / max(W.sum(), 1e-300))
    linear = X @ (W * (y - gene.mean)).astype(X.dtype)
    size = np.linalg.norm(linear, axis=1) if penalty == "group_lasso" else np.abs(linear)
    return float(np.max(size) / gene.n)


def take_columns(X: Array, columns: Columns) -> np.ndarray:
    """Return columns of X as floats on the host."""
    return _columns(X, columns).astype(np.float64)


def _columns(X, columns):
    """Return columns of X on the host."""
    return to_numpy(X[:, columns] if isinstance(columns, slice) else _taken(X, columns))


def _taken(X, columns):
    """Return the columns of X that integers on the host name."""
    xp = namespace_of(X)
    if is_numpy(xp):
        return X[:, columns]  # take copies the whole of a matrix that is not C-contiguous
    return xp.take(X, move_to(columns, xp, device_of(X)), axis=1)


def gene_data(
    X: Array, y: np.ndarray, weight: np.ndarray, columns: Columns, settings: CisSettings
) -> GeneData:
    """Return the `GeneData` of a gene of expression y (I, K), NaN where not observed.

    Genotypes are multiplied by the scales, if there are any: effects are then in units of these.
    They are in single precision, which is twice as fast, if that holds X and the descent is rough.
    """
    X, y = np.ascontiguousarray(_columns(X, columns).T), y.astype(np.float64)
    rough = settings.penalty != "ridge" and settings.tol >= ROUGH_TOL and X.dtype != np.float64
    X = X.astype(np.float32 if rough else np.float64)
    if settings.scales is not None:
        X *= settings.scales[columns][:, None]
    impute = settings.impute
    observed = ~np.isnan(y)
    cells = weight[:, None] * observed
    if impute == "mean" and observed.any():
        mean = np.sum(cells * np.where(observed, y, 0.0)) / cells.sum()
        cells = np.repeat(weight[:, None], y.shape[1], axis=1)
        return GeneData(X, np.where(observed, y, mean), cells)
    return GeneData(X, np.where(observed, y, 0.0), cells)


class Folds(NamedTuple):
    """Individuals held out in turn to choose alpha."""

    fold: np.ndarray  # (I,) number of the fold that holds out the individual
    alphas: np.ndarray  # falling
    scales: Any = None  # (folds, p) of the effects of variants in each fold, or None


class GeneChunk(NamedTuple):
    """A unit of work: some genes and the genotypes of their windows, on the host."""

    genotypes: np.ndarray  # (I, p)
    variants: np.ndarray  # (p,) their columns in X
    expression: np.ndarray  # (I, genes, K)
    weight: np.ndarray  # (I,)
    windows: list[Columns]  # of `genotypes`, per gene
    settings: CisSettings
    folds: Folds | None

    def genes(self) -> Iterator[tuple[GeneData, Columns]]:
        """Yield the `GeneData` and the window of each gene."""
        for j, window in enumerate(self.windows):
            y = self.expression[:, j]
            yield gene_data(self.genotypes, y, self.weight, window, self.settings), window


class GeneChunks(Sequence):
    """The units of work: chunks of genes with their variants, made when asked for."""

    def __init__(self, X, y, weight, windows, settings, folds=None):
        self.X, self.y, self.weight, self.windows = X, y, weight, windows
        self.settings, self.folds = settings, folds

    def __len__(self) -> int:
        """Return the number of chunks."""
        return -(-len(self.windows) // CHUNK_GENES)

    def __getitem__(self, index: Any) -> Any:
        """Return a `GeneChunk`."""
        if index >= len(self):
            raise IndexError(index)
        genes = slice(CHUNK_GENES * index, CHUNK_GENES * (index + 1))
        windows = self.windows[genes]
        columns = [np.arange(w.start, w.stop) if isinstance(w, slice) else w for w in windows]
        variants = np.unique(np.concatenate(columns)).astype(np.int64)
        places = [np.searchsorted(variants, of_gene) for of_gene in columns]
        local = [  # a slice of X is one of its columns too
            slice(int(p[0]), int(p[-1]) + 1) if isinstance(w, slice) and p.size else p
            for p, w in zip(places, windows)
        ]
        X = to_numpy(_taken(self.X, variants))
        settings = self.settings
        if isinstance(settings.alpha, np.ndarray):
            settings = settings._replace(alpha=settings.alpha[genes])
        if settings.scales is not None:
            settings = settings._replace(scales=settings.scales[variants])
        folds = self.folds
        if folds is not None and folds.scales is not None:
            folds = folds._replace(scales=folds.scales[:, variants])
            settings = settings._replace(scales=None)  # these come by fold
        return GeneChunk(X, variants, self.y[:, genes], self.weight, local, settings, folds)


def _fit_chunk(_, chunk, seed):
    """Return the `GeneEffects` of each gene of a chunk."""
    effects = []
    settings = chunk.settings
    alphas = np.broadcast_to(settings.alpha, len(chunk.windows))
    for j, (gene, window) in enumerate(chunk.genes()):
        try:
            coef, intercept = next(fit_path(gene, [alphas[j]], settings.penalty, tol=settings.tol))
        except np.linalg.LinAlgError:
            nothing = np.zeros((0, gene.weight.shape[1]))
            effects.append(GeneEffects(nothing, chunk.variants[:0], gene.mean, failed=True))
            continue
        if settings.scales is not None:
            coef = coef * settings.scales[window][:, None]
        (used,) = np.nonzero(np.any(coef != 0, axis=1))
        effects.append(GeneEffects(coef[used], chunk.variants[window][used], intercept))
    return effects


def _validate_chunk(_, chunk, seed):
    """Return the squared errors (genes, alphas) on held-out cells of the genes of a chunk.

    A gene's path ends where its error has risen by so many standard errors between individuals that
    no weaker penalty will do; the rest goes on in a straight line. Without variants it is a point.
    """
    fold, alphas, scales = chunk.folds
    errors = np.zeros((len(chunk.windows), len(alphas)))
    for j, (gene, window) in enumerate(chunk.genes()):
        observed = chunk.weight[:, None] * ~np.isnan(chunk.expression[:, j])
        paths = []
        for f in range(fold.max() + 1):
            X = gene.genotypes if scales is None else gene.genotypes * scales[f, window][:, None]
            paths.append(_errors_of_fold(gene._replace(genotypes=X), observed, fold == f, chunk))
        best = None
        for a, of_folds in enumerate(zip(*paths)):
            by_individual = sum(of_folds)
            errors[j, a] = by_individual.sum()
            if not len(gene.genotypes):
                errors[j] = errors[j, a]
                break
            if best is None or errors[j, a] < best.sum():
                best = by_individual
            risen = by_individual - best
            if risen.sum() > STANDARD_ERRORS * noise_of_sum(risen, chunk.weight):
                rise = errors[j, a] - errors[j, a - 1]
                errors[j, a:] = errors[j, a] + rise * np.arange(len(alphas) - a)
                break
    return errors


def _errors_of_fold(gene, observed, held_out, chunk):
    """Yield the squared error of each individual on held-out cells of a gene at each strength.

    gene : GeneData
        Of all individuals.
    observed : array (I, K)
        Weights of the cells that count.
    held_out : bool array (I,)
    """
    training = gene._replace(weight=gene.weight * ~held_out[:, None])
    alphas, settings = chunk.folds.alphas, chunk.settings
    if settings.penalty != "ridge":
        cells = np.ascontiguousarray((observed * held_out[:, None]).T)
        for descent in _descent_path(training, alphas, settings.penalty, settings.tol):
            yield squared_errors(descent, cells)
        return
    try:
        for coef, intercept in fit_path(training, alphas, settings.penalty):
            fitted = gene.genotypes[:, held_out].T @ coef + intercept
            errors = np.zeros(held_out.size)
            squares = (gene.expression[held_out] - fitted) ** 2
            errors[held_out] = np.sum(observed[held_out] * squares, axis=1)
            yield errors
    except np.linalg.LinAlgError:
        yield from np.zeros((len(alphas), held_out.size))  # the gene has no say in this fold


def _limit_chunk(_, chunk, seed):
    """Return the `largest_alpha` of each gene of a chunk."""
    return [largest_alpha(gene, chunk.settings.penalty) for gene, _ in chunk.genes()]


class AlphaErrors(NamedTuple):
    """Squared errors on held-out cells by strength."""

    alphas: np.ndarray  # (A,) falling
    errors: np.ndarray  # (J, A)
    n_cells: np.ndarray  # (J,) weight of the cells held out


def validate_alphas(
    X: Array,
    y: np.ndarray,
    weight: np.ndarray,
    windows: list[Columns],
    settings: CisSettings,
    fold: np.ndarray,
    scales: np.ndarray | None = None,
) -> AlphaErrors:
    """Return what held-out individuals say of strengths, the same for all genes.

    settings : CisSettings
        If it has a strength, of that one alone.
    fold : int array (I,)
    scales : array (folds, S), optional
        Of the effects of variants in each fold; those of `settings` else.
    """
    settings = settings._replace(tol=ROUGH_TOL)
    if settings.alpha is None or isinstance(settings.alpha, str):
        given = GeneChunks(X, y, weight, windows, settings)
        limits = np.concatenate(list(run_parallel(_limit_chunk, given, n_jobs=settings.n_jobs)))
        if settings.penalty == "ridge":
            alphas = np.mean(limits) * np.geomspace(10, 1e-3, N_ALPHAS)
        else:
            alphas = np.max(limits) * np.geomspace(1, 0.02, N_ALPHAS)
    else:
        alphas = np.array([settings.alpha])
    chunks = GeneChunks(X, y, weight, windows, settings, Folds(fold, alphas, scales))
    errors = np.concatenate(list(run_parallel(_validate_chunk, chunks, n_jobs=settings.n_jobs)))
    cells = [weight @ ~np.isnan(y[:, j]) for j in range(y.shape[1])]
    return AlphaErrors(alphas, errors, np.array([of_gene.sum() for of_gene in cells]))


def fold_numbers(n: int, n_folds: int, rng: np.random.RandomState) -> np.ndarray:
    """Return the number (n,) of the fold that holds out each individual."""
    return rng.permutation(n) % min(n_folds, n)


def noise_of_sum(gains: np.ndarray, weight: np.ndarray) -> float:
    """Return the standard error of the sum of gains (n,) of individuals, which weights multiply.

    A weight counts as so many individuals of equal gain.
    """
    weight = np.maximum(weight, 1e-300)
    mean = gains.sum() / weight.sum()
    return float(np.sqrt(np.sum((gains - weight * mean) ** 2 / weight)))


def noise_of(error: Any, n_cells: Any) -> Any:
    """Return the standard deviation of a sum of squares of so many normal errors."""
    return error * np.sqrt(2 / np.maximum(n_cells, 1))


def choose_alpha(found: AlphaErrors) -> float:
    """Return the strength, one for all genes, that predicts held-out individuals best."""
    return float(found.alphas[np.argmin(found.errors.sum(axis=0))])


def choose_alphas(found: AlphaErrors) -> np.ndarray:
    """Return a strength (J,) for each gene: its own if it tells, else the one of all genes.

    A gene tells if its best strength beats the largest by more than the standard deviation of a
    sum of squares of as many normal errors. Genes of strong effects need weak penalties, which the
    many genes of weak effects, in a choice for all, do not allow.
    """
    best = found.errors.min(axis=1)
    tells = found.errors[:, 0] - best > noise_of(best, found.n_cells)
    return np.where(tells, found.alphas[found.errors.argmin(axis=1)], choose_alpha(found))


def fit_cis(
    X: Array,
    y: np.ndarray,
    weight: np.ndarray,
    windows: list[Columns],
    settings: CisSettings,
    random_state: Any = None,
) -> CisEffects:
    """Return the `CisEffects` of all genes.

    Parameters
    ----------
    X : array (I, S)
        Genotypes of any real dtype and namespace.
    y : array (I, J, K), on the host, NaN where not observed
    weight : array (I,), on the host
    windows : list of slice or integer array
        Columns of X of each gene.
    settings : CisSettings
    random_state : RandomState
        Of the folds; only if ``settings.alpha`` is None or "per_gene".
    """
    alpha = settings.alpha
    if alpha is None or isinstance(alpha, str):
        fold = fold_numbers(y.shape[0], N_FOLDS, random_state)
        found = validate_alphas(X, y, weight, windows, settings, fold)
        alpha = choose_alpha(found) if alpha is None else choose_alphas(found)
        settings = settings._replace(alpha=alpha)
    chunks = run_parallel(
        _fit_chunk, GeneChunks(X, y, weight, windows, settings), n_jobs=settings.n_jobs
    )
    genes = [gene for chunk in chunks for gene in chunk]
    failed = np.flatnonzero([gene.failed for gene in genes])
    if failed.size:
        warnings.warn(
            f"The cis part of {failed.size} of {len(genes)} genes, the first {failed[0]}, was not "
            "found (its decomposition does not converge); these genes have no cis effects.",
            UserWarning,
            stacklevel=2,
        )
    return CisEffects(
        coef=np.concatenate([gene.coef for gene in genes]).T,
        variants=np.concatenate([gene.variants for gene in genes]),
        indptr=np.cumsum([0] + [len(gene.variants) for gene in genes]),
        intercept=np.column_stack([gene.intercept for gene in genes]),
        alpha=alpha,
    )


def no_effects(intercept: np.ndarray) -> CisEffects:
    """Return the `CisEffects` of a model of intercepts (K, J) alone."""
    n_tissues, n_genes = intercept.shape
    variants = np.zeros(0, dtype=np.int64)
    indptr = np.zeros(n_genes + 1, dtype=np.int64)
    return CisEffects(np.zeros((n_tissues, 0)), variants, indptr, intercept)


def predict_cis(X: Array, effects: CisEffects, genes: slice = slice(None)) -> np.ndarray:
    """Return the cis part (n, m, K) of some genes, on the host, without intercepts.

    X is of any namespace.
    """
    members = np.arange(len(effects.indptr) - 1)[genes]
    values = np.zeros((X.shape[0], len(members), effects.coef.shape[0]))
    for place, j in enumerate(members):
        entries = slice(effects.indptr[j], effects.indptr[j + 1])
        if entries.start < entries.stop:
            block = take_columns(X, effects.variants[entries])
            values[:, place] = block @ effects.coef[:, entries].T
    return values
