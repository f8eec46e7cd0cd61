"""The lasso of each factor's scores on candidate variants: step 9 of the paper's initialization.

A working set for each factor grows by the variants that violate optimality most, so that a round
costs one pass over the genotypes and little memory.
"""

import warnings
from collections.abc import Iterable
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from skgenetics.expression.trans._kernel import CenteredGenotypes
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._typing import Array

ALPHA_SHARE = 0.5  # of the smallest strength that gives no effect
ROUNDS = 3
GROWTH = 100  # variants that a working set grows by in a round
TAKEN = 2**22  # genotypes that are taken at a time
TOL, MAX_ITER = 1e-8, 1000  # of a lasso; the tolerance is that of the dual gap over |y|^2


class VariantLasso(NamedTuple):
    """Sparse effects of variants on the scores of T factors."""

    scores: np.ndarray  # (I, T) what the effects make of the genotypes
    columns: list[np.ndarray]  # per factor: columns of X
    effects: list[np.ndarray]  # per factor: of these columns, centered and scaled


class Leading(NamedTuple):
    """The columns of X whose products with a residual are largest, the largest first."""

    columns: np.ndarray
    sizes: np.ndarray


def variant_lasso(
    genotypes: CenteredGenotypes,
    scores: np.ndarray,
    weight: np.ndarray,
    candidates: list[np.ndarray] | None,
) -> VariantLasso:
    """Return the `VariantLasso` of scores (I, T) under weights (I,).

    candidates : per factor the columns of X that may have effects; None: all
    """
    total, n_components = weight.sum(), scores.shape[1]
    scores = scores - weight @ scores / total
    residual = scores.copy()
    columns = [np.empty(0, dtype=np.int64)] * n_components
    effects = [np.empty(0)] * n_components
    alphas = None
    for _ in range(ROUNDS if n_components else 0):
        weighted = weight[:, None] * residual / total
        leading = _leading(genotypes.products(weighted), columns, candidates, n_components)
        if alphas is None:
            alphas = _strengths(genotypes, weighted, leading)
        new = {
            t: found.columns[found.sizes > alphas[t] * (1 + 1e-4)]
            for t, found in enumerate(leading)
            if alphas[t] > 1e-12
        }
        grown = [t for t in new if new[t].size]
        if not grown:
            break
        for t in grown:
            columns[t] = np.concatenate([columns[t], new[t]])
            effects[t] = np.concatenate([effects[t], np.zeros(new[t].size)])
        for t, X in zip(grown, _taken(genotypes, [columns[t] for t in grown])):
            effects[t] = _lasso(X, scores[:, t], weight, total * alphas[t], effects[t])
            fit = X @ effects[t]
            residual[:, t] = scores[:, t] - (fit - weight @ fit / total)
    return VariantLasso(scores - residual, columns, effects)


def _strengths(genotypes, residual, leading):
    """Return the strength of each factor's lasso, from exact products with its first residual."""
    X = _taken(genotypes, [found.columns[:1] for found in leading])
    largest = [np.max(np.abs(r @ x), initial=0) for r, x in zip(residual.T, X)]
    return ALPHA_SHARE * np.array(largest)


def _taken(genotypes, columns):
    """Yield the genotypes (I, m) of columns of each factor, taken for several factors at a time."""
    width = max(1, TAKEN // genotypes.X.shape[0])
    ends = np.cumsum([of_factor.size for of_factor in columns])
    for _, several in groupby(range(len(columns)), key=lambda t: ends[t] // width):
        members = [columns[t] for t in several]
        X = genotypes.take(np.concatenate(members))
        yield from np.split(X, np.cumsum([of_factor.size for of_factor in members])[:-1], axis=1)


def _lasso(X, scores, weight, strength, start):
    """Return the effects b (m,) of columns X (I, m) on scores y (I,), from a start.

    They minimize sum_i w_i (y_i - x_i b)^2 / 2 + strength |b|_1, X and y less their weighted means.
    """
    root = np.sqrt(weight)
    X = np.asfortranarray(root[:, None] * (X - weight @ X / weight.sum()))
    with warnings.catch_warnings():  # an approximate start is good enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, path, _ = lasso_path(
            X, root * scores, alphas=[strength / len(X)], precompute=False, coef_init=start,
            tol=TOL, max_iter=MAX_ITER, check_input=False,
        )  # fmt: skip
    return path[:, 0]


def _leading(
    products: Iterable[tuple[slice, Array]],
    columns: list[np.ndarray],
    candidates: list[np.ndarray] | None,
    n_components: int,
) -> list[Leading]:
    """Return, per factor, the `GROWTH` leading candidates outside its working set `columns`.

    The products stay on their device but for those that may be among the leading ones, which are
    merged whenever their blocks are twice as many as the time before.
    """
    closed, opened = _Entries(columns), None if candidates is None else _Entries(candidates)
    cut = np.zeros(n_components)  # smaller products cannot be among the leading ones
    found: list[tuple[np.ndarray, ...]] = []  # column, factor and size
    for n_before, (block, values) in enumerate(products):
        xp = namespace_of(values)
        size, device = xp.abs(values), device_of(values)
        for entries, inside in ((opened, True), (closed, False)):
            if entries is not None and entries.columns.size:
                mask = entries.mask(block, n_components) == inside
                size = xp.where(move_to(mask, xp, device), size, 0.0)
        if not n_before and size.shape[0] > GROWTH:
            cut = np.partition(to_numpy(size), -GROWTH, axis=0)[-GROWTH] * (1 - 1e-6)
        above = size > move_to(cut, xp, device, size.dtype)
        column, factor = (to_numpy(place) for place in xp.nonzero(above))
        found.append((column + block.start, factor, to_numpy(size[above])))
        if n_before & (n_before + 1) == 0:  # 1, 2, 4, ... blocks so far
            found, cut = _merged(found, n_components)
    found, _ = _merged(found, n_components)
    column, factor, size = found[0]
    bounds = np.searchsorted(factor, np.arange(n_components + 1))
    return [Leading(column[first:after], size[first:after]) for first, after in pairwise(bounds)]


class _Entries:
    """Pairs of a column of X and a factor, to be marked in blocks of columns.

    columns : list of array
        Of each factor.
    """

    def __init__(self, columns: list[np.ndarray]):
        column = np.concatenate(columns)
        factor = np.repeat(np.arange(len(columns)), [of_factor.size for of_factor in columns])
        order = np.argsort(column, kind="stable")
        self.columns, self.factors = column[order], factor[order]

    def mask(self, block: slice, n_components: int) -> np.ndarray:
        """Return which of the columns of a block and the factors (m, T) are among the pairs."""
        mask = np.zeros((block.stop - block.start, n_components), dtype=bool)
        inside = slice(*np.searchsorted(self.columns, [block.start, block.stop]))
        mask[self.columns[inside] - block.start, self.factors[inside]] = True
        return mask


def _merged(found, n_components):
    """Return the leading entries, by factor and falling size, as a list of one, and the cuts."""
    column, factor, size = (np.concatenate(parts) for parts in zip(*found))
    order = np.lexsort((column, -size, factor))
    column, factor, size = column[order], factor[order], size[order]
    starts = np.searchsorted(factor, np.arange(n_components))
    kept = np.arange(factor.size) - starts[factor] < GROWTH
    column, factor, size = column[kept], factor[kept], size[kept]
    count = np.bincount(factor, minlength=n_components)
    cut = np.zeros(n_components)
    full = count == GROWTH
    cut[full] = size[np.cumsum(count)[full] - 1]
    return [(column, factor, size)], cut
