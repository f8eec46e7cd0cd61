"""What is known before training: a linear model of the variants, and the pairs found by a scan.

The effects are fitted to the training rows, by ridge and by a mixture of normals, which their
evidence weighs; pairs are those of a false discovery rate in the scan of the residual. Held-out
rows, if there are any, decide whether the pairs predict.
"""

from collections.abc import Sequence

import numpy as np
from scipy import linalg, special

from skgenetics.neural_network._linear_model import (
    Effects,
    Products,
    averaged,
    free_rows,
    mixture_effects,
    penalized_fit,
    ridge_effects,
    ridge_penalty,
)
from skgenetics.neural_network._linear_problem import SMALLEST_EIGENVALUE, Columns, Known, Problem
from skgenetics.neural_network._training import Samples
from skgenetics.utils._arrays import device_of, move_to, namespace_of, slices, to_numpy
from skgenetics.utils._pair_scan import (
    PairTests,
    candidate_pairs,
    distinct_pairs,
    large_products,
    product_tests,
    sorted_tests,
)
from skgenetics.utils._typing import Array

GRAM_COLUMNS = 6000  # columns whose matrix of inner products is held and decomposed
DUAL_ROWS = 4000  # rows that choose the penalty if there are more columns
LEAST_SHARE = 1e-3  # probability of ridge or the mixture below which the other stands alone
KERNEL_SIZE = 2**22  # floats of their dosages that are multiplied at a time
SCAN_SIZE = 4e12  # rows times pairs of the scan; of more columns, those of strongest effect
FDR = 0.01  # of the pairs that training starts from
SCREEN = 1e-4  # p of the pairs that are tested exactly
SAME_PRODUCT = 0.2  # squared correlation of two products that count as one
HIGHEST_R2 = 0.2  # squared correlation of two variants whose product is LD rather than interaction
ROUNDS = 3  # scans, each of the residual that the pairs before leave


def fit_effects(problem: Problem, pairs: Sequence[np.ndarray]) -> Known:
    """Return the linear model of variants and of given pairs.

    The effects of products are estimated jointly with those of the variants: the problem of the
    variants is what is left of it once the products are projected out.
    """
    m, d = problem.columns.m, problem.d
    products = [problem.columns.products(p) if len(p) else np.empty((problem.columns.n, 0))
                for p in pairs]  # fmt: skip
    width = m + max(P.shape[1] for P in products)
    coef, penalty = np.zeros((d, width)), np.ones((d, width))
    if m <= GRAM_COLUMNS:
        for task, P in enumerate(products):
            effects = _quadratic_effects(problem, task, P)
            coef[task, : m + P.shape[1]] = effects.coef
            penalty[task, : m + P.shape[1]] = effects.penalty
        means = np.stack([problem.gram(task)[1] for task in range(d)])
        intercept = problem.start - np.sum(coef[:, :m] * means, axis=1)
        for task, P in enumerate(products):
            D = problem.task_weight(task)
            intercept[task] -= D @ P @ coef[task, m : m + P.shape[1]] / max(D.sum(), 1e-300)
    else:
        penalty *= np.array([_dual_penalty(problem, task) for task in range(d)])[:, None]
        for task, P in enumerate(products):
            penalty[task, m : m + P.shape[1]] = 1 / max(problem.mass[task], 1)
        intercept = problem.start
    if problem.loss != "squared" or m > GRAM_COLUMNS:
        unobserved = problem.mass == 0
        penalty[unobserved] = 1.0
        coef, intercept = penalized_fit(
            problem.loss_gradient(products), coef, intercept,
            penalty * problem.curvature[:, None],
        )  # fmt: skip
    return Known(
        coef[:, :m], intercept, list(pairs),
        [row[m : m + P.shape[1]] for row, P in zip(coef, products, strict=True)],
    )  # fmt: skip


def _additive_effects(problem: Problem, task: int) -> Effects:
    """Return the effects of the variants of a logit, and keep the probability of the mixture."""
    if task not in problem.additive:
        variants = problem.quadratic(task)
        nothing = Products(np.empty((len(variants.b), 0)), np.empty((0, 0)), np.empty(0))
        ridge = ridge_effects(variants, problem.spectrum(task), nothing, np.empty(0))
        mixture = mixture_effects(variants, nothing, np.empty(0))
        known = np.isfinite(ridge.evidence)  # or nothing varies
        share = float(special.expit(mixture.evidence - ridge.evidence)) if known else 0.0
        share = 0.0 if share < LEAST_SHARE else 1.0 if share > 1 - LEAST_SHARE else share
        problem.mixture_share[task] = share
        problem.additive[task] = averaged(mixture, ridge, share)
    return problem.additive[task]


def _quadratic_effects(problem: Problem, task: int, P: np.ndarray) -> Effects:
    """Return effects and penalties of the variants and of the products P (n, k) of a logit."""
    if problem.mass[task] == 0:
        width = problem.columns.m + P.shape[1]
        return Effects(np.zeros(width), np.ones(width), -np.inf)
    additive = _additive_effects(problem, task)
    if not P.shape[1]:
        return additive
    variants = problem.quadratic(task)
    D, y = problem.task_weight(task), problem.centered(task)
    share = D / D.sum()
    centered = P - share @ P
    products = Products(
        cross=problem.correlation_with(share[:, None] * centered),
        G=centered.T @ (share[:, None] * centered),
        b=centered.T @ (share * y),
    )
    # penalty of the products: of effects like those that were found
    diagonal = np.diag(products.G)
    strength = np.mean(products.b**2 / np.maximum(diagonal, 1e-12))
    own = diagonal * variants.variance / max(float(strength), 1e-12) / variants.n + 1e-10
    share = problem.mixture_share[task]
    if share == 1:
        return mixture_effects(variants, products, own)
    ridge = ridge_effects(variants, problem.spectrum(task), products, own)
    return averaged(mixture_effects(variants, products, own), ridge, share) if share else ridge


def _dual_penalty(problem: Problem, task: int) -> float:
    """Return the ridge penalty of a logit, chosen on DUAL_ROWS rows by their inner products."""
    D, y = problem.task_weight(task), problem.centered(task)
    rows = np.flatnonzero(D > 0)
    if not len(rows):
        return 1.0
    if len(rows) > DUAL_ROWS:
        rows = np.sort(np.random.default_rng(0).choice(rows, DUAL_ROWS, replace=False))
    total, root = D[rows].sum(), np.sqrt(D[rows])
    samples = problem.columns.samples
    chosen = Columns(samples._replace(rows=samples.rows[rows]))
    kernel = np.zeros((len(rows), len(rows)))
    for part in slices(chosen.m, KERNEL_SIZE // len(rows)):
        Z = to_numpy(chosen.standardized(part)).astype(np.float64, copy=False)
        Z = (Z - D[rows] @ Z / total) * (root / np.sqrt(total))[:, None]
        kernel += Z @ Z.T
    values, vectors = linalg.eigh(kernel)
    target = root * (y[rows] - D[rows] @ y[rows] / total) / np.sqrt(total)
    kept = values > SMALLEST_EIGENVALUE * max(values[-1], 1e-300)
    values, projected = values[kept], np.sqrt(values[kept]) * (vectors[:, kept].T @ target)
    variance = float(target @ target)
    free = free_rows(values, projected, variance, total, problem.n_distinct(rows))
    return ridge_penalty(values, projected, variance, total, free) * total / D.sum()


def scan(problem: Problem, known: Known, columns: np.ndarray | None) -> list[PairTests]:
    """Return, for each logit, the pairs of false discovery rate FDR in the residual of a model.

    `columns` are the variants scanned; None: all.
    """
    access = problem.columns
    m = access.m if columns is None else len(columns)

    def block(part: slice) -> Array:
        return access.standardized(part if columns is None else columns[part])

    residual = problem.residual(problem.logits(known))
    D = to_numpy(problem.cells).astype(np.float64)
    total = np.maximum(D.sum(axis=0), 1e-300)
    residual = residual - np.sum(D * residual, axis=0) / total
    targets = D * residual
    sd = np.sqrt(np.sum(D * residual**2, axis=0) / total)
    limits = np.where(sd > 0, -0.9 * special.ndtri(SCREEN / 2) * sd * np.sqrt(total), np.inf)
    like = problem.Y
    moved = move_to(targets, namespace_of(like), device_of(like), like.dtype)
    found = candidate_pairs(large_products(block, m, moved, limits), len(limits), squares=True)
    tests, n_tests = [], m * (m + 1) // 2
    for task, pairs in enumerate(found):
        if not len(pairs):  # as of a task never observed
            tests.append(sorted_tests(pairs, np.empty((4, 0)), n_tests))
            continue
        pairs = pairs if columns is None else columns[pairs]
        target = np.where(D[:, task] > 0, residual[:, task], 0.0)
        binary = problem.loss != "squared"
        label = to_numpy(problem.Y[:, task]).astype(float) if binary else None
        mean = None if label is None else np.clip(label - target, 1e-6, 1 - 1e-6)
        if mean is not None:
            target = np.where(D[:, task] > 0, label - mean, 0.0)
        results = product_tests(
            access.on_host, pairs, target, D[:, task], mean=mean, n_tests=n_tests
        )
        same = pairs[:, 0] == pairs[:, 1]
        keep = (results[2] <= SCREEN) & (same | (results[3] <= HIGHEST_R2))
        table = sorted_tests(pairs[keep], results[:, keep], n_tests)
        table = table.take(np.flatnonzero(table.q_value <= FDR))
        tests.append(table.take(distinct_pairs(table, access.on_host, D[:, task], SAME_PRODUCT)))
    return tests


def find_pairs(problem: Problem, limit: int) -> list[np.ndarray]:
    """Return the pairs of each logit, `limit` in all, from scans of ever smaller residuals."""
    d = problem.d
    pairs = [np.empty((0, 2), dtype=np.int64) for _ in range(d)]
    known = fit_effects(problem, pairs)
    most = int(np.sqrt(2 * SCAN_SIZE / max(1, problem.columns.n) / d))
    columns = None
    if problem.columns.m > most:
        strength = np.max(np.abs(known.coef), axis=0)
        columns = np.sort(np.argpartition(-strength, most)[:most])
    for _ in range(ROUNDS):
        tests = scan(problem, known, columns)
        p = np.concatenate([table.p_value for table in tests])
        room = limit - sum(map(len, pairs))
        last = np.sort(p)[min(room, len(p)) - 1] if room > 0 and len(p) else -1.0
        grown = False
        for task, table in enumerate(tests):
            new = table.pairs[table.p_value <= last]
            old = set(map(tuple, pairs[task].tolist()))
            fresh = [pair for pair in new.tolist() if tuple(pair) not in old]
            if fresh:
                pairs[task], grown = np.concatenate([pairs[task], fresh]), True
        if not grown:
            break
        pairs = placeable(pairs)
        known = fit_effects(problem, pairs)
    return pairs


def placeable(pairs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the pairs that the network of several logits can hold: see `gates`."""
    placed = gates(pairs)
    return [
        np.array([pair for pair in task.tolist() if tuple(pair) in placed], dtype=np.int64).reshape(
            -1, 2
        )
        for task in pairs
    ]


def gates(pairs: Sequence[np.ndarray]) -> dict[tuple[int, int], tuple[int, int]]:
    """Return, for each pair, the variant of the hidden units and the one whose attention they move.

    With one logit any variant may serve several pairs. With several, the effects of a pair on the
    logits are the K of the second variant, which therefore serves one pair; a pair both of whose
    variants serve others is left out.
    """
    every = [tuple(pair) for task in pairs for pair in task.tolist()]
    count: dict[int, int] = {}
    for pair in set(every):
        for variant in set(pair):
            count[variant] = count.get(variant, 0) + 1
    result: dict[tuple[int, int], tuple[int, int]] = {}
    taken: set[int] = set()
    for pair in dict.fromkeys(every):
        hidden, gate = sorted(pair, key=lambda variant: -count[variant])
        if len(pairs) > 1 and gate in taken:
            hidden, gate = gate, hidden
            if gate in taken:
                continue
        taken.add(gate)
        result[pair] = (hidden, gate)
    return result


def known_start(
    training: Samples, validation: Samples | None, loss: str, limit: int
) -> tuple[Known, bool]:
    """Return the model fitted to the training rows, and whether pairs may be in it.

    `limit` is the largest number of pairs; 0: none are scanned for. Validation rows, if there are
    any, say whether the pairs that were found predict.
    """
    problem = Problem(training, loss)
    known = fit_known(problem, limit)
    if validation is None or not any(map(len, known.pairs)):
        return known, limit > 0
    held_out, additive = Problem(validation, loss), fit_known(problem, 0)
    with_pairs = held_out.losses(known).sum() < held_out.losses(additive).sum()
    return (known if with_pairs else additive), bool(with_pairs)


def fit_known(problem: Problem, limit: int) -> Known:
    """Return the model of the variants and of `limit` pairs at most, fitted to a problem."""
    pairs = [np.empty((0, 2), dtype=np.int64)] * problem.d
    return fit_effects(problem, find_pairs(problem, limit) if limit else pairs)
