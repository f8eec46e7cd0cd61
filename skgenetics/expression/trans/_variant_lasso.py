"""The lasso of each factor's scores on candidate variants: step 9 of the paper's initialization.

A working set for each factor grows by the variants that violate optimality most, so that a round
costs one pass over the genotypes and little memory.
"""

import warnings
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso

from skgenetics.expression.trans._kernel import CenteredGenotypes

ALPHA_SHARE = 0.5  # of the smallest strength that gives no effect
ROUNDS = 3
GROWTH = 100  # variants that a working set grows by in a round
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
    for _ in range(ROUNDS):
        weighted = weight[:, None] * residual
        leading = _leading(genotypes.products(weighted / total), columns, candidates, n_components)
        if alphas is None:
            alphas = _strengths(genotypes, weighted, total, leading)
        done = True
        for t, (new, sizes) in enumerate(leading):
            new = new[sizes > alphas[t] * (1 + 1e-4)]
            if not new.size or alphas[t] <= 1e-12:
                continue
            done = False
            columns[t] = np.concatenate([columns[t], new])
            start = np.concatenate([effects[t], np.zeros(new.size)])
            X = genotypes.take(columns[t])
            effects[t] = _lasso(X, scores[:, t], weight, total * alphas[t], start)
            fit = X @ effects[t]
            residual[:, t] = scores[:, t] - (fit - weight @ fit / total)
        if done:
            break
    return VariantLasso(scores - residual, columns, effects)


def _strengths(genotypes, weighted, total, leading):
    """Return the strength of each factor's lasso, from exact products with its first residual."""
    return [
        ALPHA_SHARE * float(np.max(np.abs(r @ genotypes.take(columns[:1])), initial=0)) / total
        for r, (columns, _) in zip(weighted.T, leading)
    ]


def _lasso(X, scores, weight, strength, start):
    """Return the effects b (m,) of columns X (I, m) on scores y (I,), from a start.

    They minimize sum_i w_i (y_i - x_i b)^2 / 2 + strength |b|_1, X and y less their weighted means.
    """
    root = np.sqrt(weight)
    X = np.asfortranarray(root[:, None] * (X - weight @ X / weight.sum()))
    model = Lasso(
        alpha=strength / len(X), fit_intercept=False, tol=TOL, max_iter=MAX_ITER, warm_start=True
    )
    model.coef_ = start
    with warnings.catch_warnings():  # an approximate start is good enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, root * scores, check_input=False)
    return model.coef_


def _leading(
    products: Iterable[tuple[slice, np.ndarray]],
    columns: list[np.ndarray],
    candidates: list[np.ndarray] | None,
    n_components: int,
) -> list[Leading]:
    """Return, per factor, the `GROWTH` leading candidates outside its working set `columns`."""
    cut = np.zeros(n_components)  # smaller products cannot be among the leading ones
    places: list[np.ndarray] = []
    factors: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    for block, values in products:
        size = np.abs(values)
        for t in range(n_components):
            if candidates is not None:
                excluded = np.ones(size.shape[0], dtype=bool)
                excluded[_inside(candidates[t], block)] = False
                size[excluded, t] = 0.0
            size[_inside(columns[t], block), t] = 0.0
        if not places and size.shape[0] > GROWTH:
            cut = np.partition(size, -GROWTH, axis=0)[-GROWTH] * (1 - 1e-12)
        place, factor = np.nonzero(size > cut)
        places.append(place + block.start)
        factors.append(factor)
        sizes.append(size[place, factor])
        if len(places) % 16 == 0:
            merged = _merged(places, factors, sizes, n_components)
            cut = np.array([m.sizes[-1] if m.sizes.size == GROWTH else 0.0 for m in merged])
            places = [np.concatenate([m.columns for m in merged])]
            factors = [np.repeat(np.arange(n_components), [m.columns.size for m in merged])]
            sizes = [np.concatenate([m.sizes for m in merged])]
    return _merged(places, factors, sizes, n_components)


def _inside(columns, block):
    """Return the places in a block (slice) of those columns that lie in it."""
    return columns[(columns >= block.start) & (columns < block.stop)] - block.start


def _merged(places, factors, sizes, n_components):
    """Return the `Leading` columns of each factor from those of several blocks."""
    places, factors, sizes = (np.concatenate(parts) for parts in (places, factors, sizes))
    order = np.lexsort((places, -sizes, factors))
    bounds = np.searchsorted(factors[order], np.arange(n_components + 1))
    chosen = [order[first:after][:GROWTH] for first, after in pairwise(bounds)]
    return [Leading(places[entries], sizes[entries]) for entries in chosen]
