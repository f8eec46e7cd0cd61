"""Tests of all pairs of columns for a product effect, as pure functions.

For columns z_i, z_j of mean 0 and variance 1 and a target r (n,) of mean 0, all weighted by D,

    S_ij = z_i' diag(D r) z_j

is one product of matrices for a block of pairs. Where z_i and z_j are independent, S_ij / (sd(r)
sqrt(N)) is standard normal without interaction. Pairs beyond a limit are then tested exactly: the
coefficient of z_i z_j beside z_i, z_j and a constant, by least squares.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from skgenetics.utils._arrays import namespace_of, slices, to_numpy
from skgenetics.utils._numba import kernel
from skgenetics.utils._typing import Array

BLOCK = 512  # columns of a block of pairs
WEIGHTED_SIZE = 2**23  # floats of the columns that one reading of all others is multiplied by
MOST_CANDIDATES = 100_000  # pairs of a target that are held before they are tested
EXACT_BYTES = 2**26  # of the columns whose pairs are tested exactly at a time
SADDLE = 10  # p below this over the number of tests is computed more exactly for two labels
NEWTON_STEPS = 20  # of the saddle point


class PairTests(NamedTuple):
    """Tests of pairs of columns, in rising order of p."""

    pairs: np.ndarray  # (k, 2), i <= j; i = j is the square of a column
    coef: np.ndarray  # (k,) coefficient of the product of standardized columns
    z: np.ndarray  # (k,) coefficient over its standard error
    p_value: np.ndarray  # (k,)
    q_value: np.ndarray  # (k,) false discovery rate of the pairs up to this one
    r2: np.ndarray  # (k,) squared correlation of the two columns
    n_tests: int

    def take(self, rows: np.ndarray) -> "PairTests":
        """Return some of the pairs."""
        fields = {name: getattr(self, name)[rows] for name in self._fields[:-1]}
        return self._replace(**fields)


class Candidates(NamedTuple):
    """Pairs whose score for a target is beyond its limit."""

    task: int
    pairs: np.ndarray  # (k, 2)
    size: np.ndarray  # (k,) abs(S)


def large_products(
    columns: Callable[[slice], Array],
    n_columns: int,
    targets: Array,
    limits: np.ndarray,
    *,
    block: int = BLOCK,
) -> Iterator[Candidates]:
    """Yield the pairs with abs(S_ij) beyond the limit of a target, by products of matrices.

    All pairs with i <= j are seen once; some with i > j may be among those found.

    Parameters
    ----------
    columns : callable
        From a slice of columns to z (n, width).
    targets : array (n, d)
        D r of each target.
    limits : ndarray (d,)
    block : int
        Columns read at a time, unless WEIGHTED_SIZE allows more.
    """
    xp = namespace_of(targets)
    for rows in slices(n_columns, max(block, WEIGHTED_SIZE // targets.shape[0])):
        first = columns(rows)
        for task in range(targets.shape[1]):
            weighted = xp.asarray((first * targets[:, task, None]).T, copy=True)
            for others in slices(n_columns, block, start=rows.start):
                S = weighted[: others.stop - rows.start, :] @ columns(others)
                size = xp.reshape(xp.abs(S), (-1,))
                [found] = xp.nonzero(float(limits[task]) <= size)
                if found.shape[0]:
                    i, j = np.divmod(to_numpy(found), S.shape[1])
                    pairs = np.stack([i + rows.start, j + others.start], axis=1)
                    yield Candidates(task, pairs, to_numpy(xp.take(size, found)))


def candidate_pairs(
    found: Iterable[Candidates], n_targets: int, *, squares: bool = False
) -> list[np.ndarray]:
    """Return, for each target, the MOST_CANDIDATES pairs (k, 2) of largest scores.

    `squares` says whether pairs of a column with itself count.
    """
    kept: list[list[np.ndarray]] = [[] for _ in range(n_targets)]
    sizes: list[list[np.ndarray]] = [[] for _ in range(n_targets)]
    for task, pairs, size in found:
        above = pairs[:, 0] < pairs[:, 1] + squares
        kept[task].append(pairs[above])
        sizes[task].append(size[above])
        if sum(map(len, sizes[task])) > 2 * MOST_CANDIDATES:
            _keep_largest(kept[task], sizes[task])
    for task_pairs, task_sizes in zip(kept, sizes, strict=True):
        _keep_largest(task_pairs, task_sizes)
    return [pairs[0] for pairs in kept]


def in_batches(found: Iterable[Candidates]) -> Iterator[np.ndarray]:
    """Yield the pairs (k, 2) of different columns, about MOST_CANDIDATES at a time."""
    held = [np.empty((0, 2), dtype=np.int64)]
    for _, pairs, _ in found:
        held.append(pairs[pairs[:, 0] < pairs[:, 1]])
        if sum(map(len, held)) >= MOST_CANDIDATES:
            yield np.concatenate(held)
            held = held[:1]
    yield np.concatenate(held)


def _keep_largest(pairs: list[np.ndarray], sizes: list[np.ndarray]) -> None:
    """Join the lists into one array each, of MOST_CANDIDATES pairs at most, in place."""
    joined = np.concatenate([np.empty((0, 2), dtype=np.int64), *pairs])
    size = np.concatenate([np.empty(0), *sizes])
    if len(size) > MOST_CANDIDATES:
        largest = np.sort(np.argpartition(-size, MOST_CANDIDATES)[:MOST_CANDIDATES])
        joined, size = joined[largest], size[largest]
    pairs[:], sizes[:] = [joined], [size]


def product_tests(
    columns: Callable[[np.ndarray], np.ndarray],
    pairs: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    *,
    n_nuisance: int = 0,
    mean: np.ndarray | None = None,
    n_tests: float = 1.0,
) -> np.ndarray:
    """Return coefficient, z, p and squared correlation (4, k) of pairs of columns, on the host.

    Least squares of the target on a constant, z_i, z_j and z_i z_j, weighted by frequencies. z_i
    z_j is freed of the other three, t = q'D r / sqrt(s2 q'D q), with N - 4 - `n_nuisance` degrees
    of freedom. A square has a constant and z_i beside it.

    Parameters
    ----------
    columns : callable
        From indices to columns (n, k), which are standardized here.
    pairs : ndarray (k, 2)
    target : ndarray (n,)
        Of weighted mean 0; for a label of two classes, label minus probability.
    weight : ndarray (n,)
    mean : ndarray (n,), optional
        Probabilities of a label of two classes: p that may count among `n_tests` is then replaced
        by that of a saddle-point approximation, which holds for rare cases and rare alleles.
    n_tests : float
        All pairs.
    """
    total = weight.sum()
    share = weight / total
    results = []
    for part, index in column_batches(pairs, EXACT_BYTES // len(target)):
        held = np.ascontiguousarray(np.asarray(columns(index)).T)
        center, precision = np.empty(len(held)), np.empty(len(held))
        standardization(held, share, center, precision)
        i, j = np.searchsorted(index, pairs[part]).T
        moments = np.empty((len(i), 5, 5))  # of a constant, z_i, z_j, z_i z_j and the target
        pair_moments(held, center, precision, i, j, target, share, moments)
        r2 = moments[:, 1, 2] ** 2 / (moments[:, 1, 1] * moments[:, 2, 2] + 1e-300)
        same = np.flatnonzero(i == j)
        moments[same, 2] = moments[same, :, 2] = 0.0  # z_j is z_i
        inverse = np.linalg.pinv(moments[:, :3, :3], rcond=1e-8, hermitian=True)
        with_product, with_target = moments[:, :3, 3], moments[:, :3, 4]
        on_basis = np.einsum("kab,kb->ka", inverse, with_product)
        square = moments[:, 3, 3]
        size = square - np.einsum("ka,ka->k", with_product, on_basis)
        usable = size > 1e-6 * np.maximum(square, 1e-12)
        size = np.where(usable, size, 1.0)
        score = moments[:, 3, 4] - np.einsum("ka,ka->k", with_target, on_basis)
        explained = np.einsum("ka,kab,kb->k", with_target, inverse, with_target)
        residual = moments[:, 4, 4] - explained - score**2 / size
        freedom = np.maximum(total - 4 - n_nuisance + (i == j), 1)
        variance = np.maximum(residual, 1e-300) * total / freedom
        coef = np.where(usable, score / size, 0.0)
        z = np.where(usable, score * np.sqrt(total) / np.sqrt(variance * size), 0.0)
        p = 2 * special.stdtr(freedom, -np.abs(z))
        if mean is not None:
            for k in np.flatnonzero((p * n_tests < SADDLE) & usable):
                z_i, z_j = ((held[c] - center[c]) * precision[c] for c in (i[k], j[k]))
                direction = z_i * z_j - on_basis[k] @ [np.ones_like(z_i), z_i, z_j]
                p[k] = saddle_point_p(direction, target + mean, mean, weight)
        results.append(np.stack([coef, z, np.where(usable, p, 1.0), r2]))
    return np.concatenate([np.empty((4, 0)), *results], axis=1)


def column_batches(pairs: np.ndarray, most: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield consecutive pairs and the sorted columns they are of, about `most` of them."""
    start = 0
    while start < len(pairs):
        stop = len(pairs)
        _, first = np.unique(pairs[start:], return_index=True)
        if len(first) > most:
            stop = start + max(1, int(np.sort(first)[most]) // 2)
        yield slice(start, stop), np.unique(pairs[start:stop])
        start = stop


@kernel(fastmath=("reassoc", "contract", "nsz"))
def standardization(columns, share, center, precision):
    """Write mean and 1 / sd of columns (k, n); 0 for the latter if they do not vary."""
    for k in range(len(columns)):
        mean = variance = 0.0
        for row in range(columns.shape[1]):
            mean += share[row] * np.float64(columns[k, row])
        for row in range(columns.shape[1]):
            variance += share[row] * (np.float64(columns[k, row]) - mean) ** 2
        center[k] = mean
        precision[k] = 1 / np.sqrt(variance) if variance > 1e-24 * (1 + mean * mean) else 0.0


@kernel(fastmath=("reassoc", "contract", "nsz"))
def pair_moments(columns, center, precision, first, second, target, share, moments):
    """Write the weighted means of products of (1, z_i, z_j, z_i z_j, target) to (k, 5, 5).

    `first` and `second` (k,) are the places of i and j among the columns (c, n).
    """
    for k in range(len(first)):
        i_th, j_th = columns[first[k]], columns[second[k]]
        center_i, precision_i = center[first[k]], precision[first[k]]
        center_j, precision_j = center[second[k]], precision[second[k]]
        total = i = j = r = ii = ij = ir = jj = jr = iij = ijj = iijj = ijr = rr = 0.0
        for row in range(len(target)):
            z_i, z_j = (i_th[row] - center_i) * precision_i, (j_th[row] - center_j) * precision_j
            y = target[row]
            d_i, d_j, d_y = share[row] * z_i, share[row] * z_j, share[row] * y
            d_ij, product = d_i * z_j, z_i * z_j
            total, i, j, r = total + share[row], i + d_i, j + d_j, r + d_y
            ii, ij, ir = ii + d_i * z_i, ij + d_ij, ir + d_i * y
            jj, jr, rr = jj + d_j * z_j, jr + d_j * y, rr + d_y * y
            iij, ijj = iij + d_ij * z_i, ijj + d_ij * z_j
            iijj, ijr = iijj + d_ij * product, ijr + d_ij * y
        rows = (
            (total, i, j, ij, r), (i, ii, ij, iij, ir), (j, ij, jj, ijj, jr),
            (ij, iij, ijj, iijj, ijr), (r, ir, jr, ijr, rr),
        )  # fmt: skip
        for a in range(5):
            for b in range(5):
                moments[k, a, b] = rows[a][b]


def saddle_point_p(
    direction: np.ndarray, label: np.ndarray, mean: np.ndarray, weight: np.ndarray
) -> float:
    """Return the two-sided p of the score direction'D (label - mean), labels being Bernoulli.

    Lugannani and Rice's formula: with K the cumulant function of the score and t the root of
    K'(t) = score, w = sign(t) sqrt(2 (t score - K(t))) and u = t sqrt(K''(t)), P(score' > score) =
    1 - Phi(w + log(u / w) / w).
    """
    score = float((weight * direction) @ (label - mean))
    return min(1.0, sum(_tail(direction, mean, weight, side * abs(score)) for side in (1, -1)))


def _tail(q: np.ndarray, mean: np.ndarray, weight: np.ndarray, score: float) -> float:
    """Return P(score' > score) for a positive score, P(score' < score) for a negative one."""
    bound = float(weight @ np.where((q > 0) == (score > 0), q * (1 - mean), -q * mean))
    if abs(score) >= abs(bound) * (1 - 1e-9):
        return 0.0
    low, high = (0.0, np.inf) if score > 0 else (-np.inf, 0.0)
    variance = float(weight @ (q * q * mean * (1 - mean)))
    t = score / variance
    for _ in range(NEWTON_STEPS):
        tilted = special.expit(special.logit(mean) + t * q)
        slope = float(weight @ (q * (tilted - mean))) - score
        low, high = (t, high) if slope < 0 else (low, t)
        step = t - slope / max(float(weight @ (q * q * tilted * (1 - tilted))), 1e-300)
        if not low < step < high:
            step = (low + high) / 2 if np.isfinite(low + high) else 2 * t
        if abs(step - t) < 1e-8 * abs(t):
            break
        t = step
    log_terms = np.logaddexp(np.log1p(-mean), np.log(mean) + t * q) - t * q * mean
    cumulant = float(weight @ log_terms)
    curvature = float(weight @ (q * q * tilted * (1 - tilted)))
    w = np.sign(t) * np.sqrt(max(2 * (t * score - cumulant), 0.0))
    u = t * np.sqrt(curvature)
    if abs(w) < 1e-3 or u / w <= 0:
        return float(special.ndtr(-abs(score) / np.sqrt(variance)))
    return float(special.ndtr(-abs(w + np.log(u / w) / w)))


def false_discovery_rates(p: np.ndarray, n_tests: float) -> np.ndarray:
    """Return Benjamini and Hochberg's q of the smallest p (k,), in rising order, of n_tests."""
    ratio = p * n_tests / np.arange(1, len(p) + 1)
    return np.minimum(1.0, np.minimum.accumulate(ratio[::-1])[::-1])


def sorted_tests(pairs: np.ndarray, tests: np.ndarray, n_tests: int) -> PairTests:
    """Return the `PairTests` of some pairs (k, 2) and their `product_tests` (4, k)."""
    coef, z, p, r2 = tests
    order = np.lexsort((-np.abs(z), p))
    p = p[order]
    q = false_discovery_rates(p, n_tests)
    return PairTests(pairs[order], coef[order], z[order], p, q, r2[order], n_tests)


def distinct_pairs(
    tests: PairTests, columns: Callable[[np.ndarray], np.ndarray], weight: np.ndarray, r2: float
) -> np.ndarray:
    """Return the rows of `tests` whose product has no stronger one that it correlates with.

    Two variants in LD with the two of a pair make nearly the same product: of products with a
    squared correlation above `r2`, only that of the smallest p is returned.
    """
    share = weight / weight.sum()
    chosen: list[int] = []
    basis = np.empty((len(weight), 0))
    for row, (i, j) in enumerate(tests.pairs):
        product = np.prod(np.asarray(columns(np.array([i, j])), dtype=np.float64), axis=1)
        product = (product - share @ product) * np.sqrt(share)
        norm = np.sqrt(product @ product)
        if norm == 0:
            continue
        product /= norm
        if basis.shape[1] and np.max((product @ basis) ** 2) > r2:
            continue
        chosen.append(row)
        basis = np.column_stack([basis, product])
    return np.array(chosen, dtype=int)
