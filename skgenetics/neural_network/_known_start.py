"""What is known before training: a linear model of the variants, and the pairs found by a scan.

The effects are fitted to the training rows, by ridge or by a mixture of normals; pairs are those of
a false discovery rate in the scan of the residual. Held-out rows, if there are any, decide between
the two kinds of effects, and whether the pairs predict.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse, special

from skgenetics.neural_network._linear_model import (
    Effects,
    Products,
    Quadratic,
    Spectrum,
    mixture_effects,
    penalized_fit,
    ridge_effects,
    ridge_penalty,
)
from skgenetics.neural_network._objective import LOSSES, mean_logit
from skgenetics.neural_network._training import Samples, row_chunks
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._pair_scan import (
    PairTests,
    candidate_pairs,
    distinct_pairs,
    product_tests,
    sorted_tests,
)
from skgenetics.utils._typing import Array

GRAM_COLUMNS = 6000  # columns whose matrix of inner products is held and decomposed
DUAL_ROWS = 4000  # rows that choose the penalty if there are more columns
SCAN_SIZE = 4e12  # rows times pairs of the scan; of more columns, those of strongest effect
FDR = 0.01  # of the pairs that training starts from
SCREEN = 1e-4  # p of the pairs that are tested exactly
SAME_PRODUCT = 0.2  # squared correlation of two products that count as one
HIGHEST_R2 = 0.2  # squared correlation of two variants whose product is LD rather than interaction
ROUNDS = 3  # scans, each of the residual that the pairs before leave


class Known(NamedTuple):
    """Logits that are linear in the standardized dosages and their products."""

    coef: np.ndarray  # (d, m)
    intercept: np.ndarray  # (d,)
    pairs: list[np.ndarray]  # (k_p, 2) of each logit
    products: list[np.ndarray]  # (k_p,) coefficients of z_i z_j


class Columns:
    """Standardized columns of the rows of `samples`, and products of them, as often as needed."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples
        self.X = samples.X.tocsc() if sparse.issparse(samples.X) else samples.X
        self.n, self.m = len(samples.rows), samples.X.shape[1]
        whole = self.n == samples.X.shape[0]
        self.rows = slice(None) if whole else samples.rows

    def standardized(self, columns: slice | np.ndarray) -> Array:
        """Return z (n, k) of some columns."""
        X, like = self.X, self.samples.Y
        xp, device = namespace_of(like), device_of(like)
        mean, scale = self.samples.mean, self.samples.scale
        if sparse.issparse(X):
            block = move_to(X[:, columns].toarray()[self.rows], xp, device)
        else:
            rows = self.rows
            if isinstance(columns, np.ndarray):
                columns = xp.asarray(columns, device=device)
                block = xp.take(X, columns, axis=1)
                mean, scale = xp.take(mean, columns), xp.take(scale, columns)
            else:
                block, mean, scale = X[:, columns], mean[columns], scale[columns]
            if not isinstance(rows, slice):
                block = xp.take(block, xp.asarray(rows, device=device), axis=0)
        if sparse.issparse(X):
            mean, scale = mean[columns], scale[columns]
        return (xp.astype(block, like.dtype) - mean) / scale

    def on_host(self, columns: np.ndarray) -> np.ndarray:
        """Return z (n, k) of some columns on the host."""
        return to_numpy(self.standardized(columns))

    def products(self, pairs: np.ndarray) -> np.ndarray:
        """Return z_i z_j (n, k) of pairs, on the host in double precision."""
        first, second = (self.on_host(np.asarray(index)) for index in pairs.T)
        return first.astype(np.float64) * second

    def take(self, array: Array) -> Array:
        """Return the rows of an array of the samples."""
        if isinstance(self.rows, slice):
            return array
        xp = namespace_of(array)
        return xp.take(array, xp.asarray(self.rows, device=device_of(array)), axis=0)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield places among the rows and z (rows, m), in the order of the rows."""
        start = 0
        for rows in row_chunks(self.samples.rows, self.m):
            yield slice(start, start + len(rows)), self.samples.batch(rows).Z
            start += len(rows)


class Problem:
    """The linear model of all logits on some rows, whatever the loss."""

    def __init__(self, samples: Samples, loss: str) -> None:
        self.columns, self.loss = Columns(samples), loss
        Y, cells = (self.columns.take(array) for array in (samples.Y, samples.cell_weight))
        self.Y, self.d = Y, Y.shape[1]
        xp = namespace_of(Y)
        self.cells = cells + xp.zeros_like(Y)  # (n, d)
        self.mass = to_numpy(xp.sum(self.cells, axis=0)).astype(np.float64)
        self.start = to_numpy(mean_logit(loss, Y, self.cells)).astype(np.float64)
        self.curvature = np.ones(self.d)
        if loss != "squared":
            mean = np.clip(self._mean_label(), 1e-4, 1 - 1e-4)
            self.curvature = mean * (1 - mean)
        self._gram: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self._spectra: dict[bytes, Spectrum] = {}
        self.additive: dict[tuple[int, str], Effects] = {}  # of variants alone, once computed

    def _mean_label(self) -> np.ndarray:
        """Return the mean of the observed labels (d,)."""
        xp = namespace_of(self.Y)
        total = to_numpy(xp.sum(self.cells * self.Y, axis=0)).astype(np.float64)
        return total / np.maximum(self.mass, 1e-300)

    def task_weight(self, task: int) -> np.ndarray:
        """Return D (n,) of a logit on the host."""
        return to_numpy(self.cells[:, task]).astype(np.float64)

    def centered(self, task: int) -> np.ndarray:
        """Return (y - mean) / v (n,) of a logit on the host, 0 where not observed."""
        y = to_numpy(self.Y[:, task]).astype(np.float64)
        D = self.task_weight(task)
        mean = D @ y / max(D.sum(), 1e-300)
        return np.where(D > 0, y - mean, 0.0) / self.curvature[task]

    def gram(self, task: int) -> tuple[np.ndarray, np.ndarray]:
        """Return G (m, m) of the variants and their means under D (m,), once per pattern of D."""
        D = self.task_weight(task)
        key = D.tobytes()
        if key not in self._gram:
            m, total = self.columns.m, D.sum()
            G, mean = np.zeros((m, m)), np.zeros(m)
            for rows, Z in self.columns.blocks():
                xp = namespace_of(Z)
                share = move_to(D[rows] / total, xp, device_of(Z), Z.dtype)
                G += to_numpy((Z * share[:, None]).T @ Z)
                mean += to_numpy(share @ Z)
            G -= np.outer(mean, mean)
            self._gram[key] = (G, mean)
        return self._gram[key]

    def spectrum(self, task: int) -> Spectrum:
        """Return the eigenvalues of G that are not 0, and their vectors, once per pattern of D."""
        D = self.task_weight(task)
        key = D.tobytes()
        if key not in self._spectra:
            G, mean = self.gram(task)
            rows = np.flatnonzero(D > 0)
            if len(rows) >= len(G):
                values, vectors = linalg.eigh(G)
            else:  # through the inner products of the rows
                batch = self.columns.samples.batch(self.columns.samples.rows[rows])
                Z = (to_numpy(batch.Z) - mean) * np.sqrt(D[rows] / D.sum())[:, None]
                values, left = linalg.eigh(Z @ Z.T)
                vectors = Z.T @ left / np.sqrt(np.maximum(values, 1e-300))
            kept = values > 1e-10 * max(values[-1], 1e-300)
            self._spectra[key] = Spectrum(values[kept], vectors[:, kept])
        return self._spectra[key]

    def correlation_with(self, vectors: np.ndarray) -> np.ndarray:
        """Return Z' v (m, k) for vectors (n, k) on the host."""
        total = np.zeros((self.columns.m, vectors.shape[1]))
        for rows, Z in self.columns.blocks():
            xp = namespace_of(Z)
            total += to_numpy(Z.T @ move_to(vectors[rows], xp, device_of(Z), Z.dtype))
        return total

    def quadratic(self, task: int) -> Quadratic:
        """Return the quadratic problem of a logit in the variants."""
        G, mean = self.gram(task)
        D, y = self.task_weight(task), self.centered(task)
        total = D.sum()
        b = self.correlation_with((D * y / total)[:, None])[:, 0] - mean * (D @ y) / total
        return Quadratic(G, b, float(D @ y**2) / total, total)

    def loss_gradient(
        self, products: Sequence[np.ndarray]
    ) -> Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray, np.ndarray]]:
        """Return the mean loss as a function of effects (d, m + k) and intercepts.

        `products` (n, k_p) of each logit stand behind the variants; k is the largest k_p.
        """
        m, total = self.columns.m, np.maximum(self.mass, 1e-300)

        def gradient_of(B: np.ndarray, a: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            value, d_coef, d_intercept = 0.0, np.zeros_like(B), np.zeros_like(a)
            for rows, Z in self.columns.blocks():
                xp, device = namespace_of(Z), device_of(Z)
                logit = to_numpy(Z @ move_to(B[:, :m].T, xp, device, Z.dtype)).astype(float) + a
                for task, P in enumerate(products):
                    logit[:, task] += P[rows] @ B[task, m : m + P.shape[1]]
                Y, cells = (to_numpy(array[rows, :]) for array in (self.Y, self.cells))
                losses, slope = LOSSES[self.loss](logit, Y.astype(float))
                weight = cells / total
                value += float(np.sum(weight[:, : losses.shape[1]] * losses))
                slope = slope * weight * (0.5 if self.loss == "squared" else 1.0)
                d_intercept += slope.sum(axis=0)
                d_coef[:, :m] += to_numpy(move_to(slope, xp, device, Z.dtype).T @ Z)
                for task, P in enumerate(products):
                    d_coef[task, m : m + P.shape[1]] += slope[:, task] @ P[rows]
            return value * (0.5 if self.loss == "squared" else 1.0), d_coef, d_intercept

        return gradient_of

    def residual(self, logit: np.ndarray) -> np.ndarray:
        """Return y - E[y] (n, d) for logits (n, d), 0 where not observed, on the host."""
        _, slope = LOSSES[self.loss](logit, to_numpy(self.Y).astype(float))
        scale = -0.5 if self.loss == "squared" else -1.0
        return np.where(to_numpy(self.cells) > 0, scale * slope, 0.0)

    def logits(self, known: Known) -> np.ndarray:
        """Return the logits (n, d) of the rows, on the host."""
        logit = np.tile(known.intercept, (self.columns.n, 1))
        for rows, Z in self.columns.blocks():
            xp = namespace_of(Z)
            coef = move_to(known.coef.T, xp, device_of(Z), Z.dtype)
            logit[rows] += to_numpy(Z @ coef)
        for task, pairs in enumerate(known.pairs):
            if len(pairs):
                logit[:, task] += self.columns.products(pairs) @ known.products[task]
        return logit

    def losses(self, known: Known) -> np.ndarray:
        """Return the weighted losses of the rows (n, d), (n, 1) for one target of several classes.

        Their sum over rows is the mean loss of each logit.
        """
        cells, _ = LOSSES[self.loss](self.logits(known), to_numpy(self.Y).astype(float))
        weight = to_numpy(self.cells)[:, : cells.shape[1]].astype(np.float64)
        return weight * cells / np.maximum(weight.sum(axis=0), 1e-300)


def fit_effects(problem: Problem, kinds: Sequence[str], pairs: Sequence[np.ndarray]) -> Known:
    """Return the linear model of variants and of given pairs, its effects of one kind a logit.

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
            key = (task, kinds[task])
            effects = problem.additive.get(key) if not P.shape[1] else None
            effects = effects or _quadratic_effects(problem, task, kinds[task], P)
            if not P.shape[1]:
                problem.additive[key] = effects
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


def _quadratic_effects(problem: Problem, task: int, kind: str, P: np.ndarray) -> Effects:
    """Return effects and penalties of the variants and of the products P (n, k) of a logit."""
    if problem.mass[task] == 0:
        width = problem.columns.m + P.shape[1]
        return Effects(np.zeros(width), np.ones(width))
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
    strength = np.mean(products.b**2 / np.maximum(diagonal, 1e-12)) if P.shape[1] else 1.0
    own = diagonal * variants.variance / max(float(strength), 1e-12) / variants.n + 1e-10
    if kind == "ridge":
        return ridge_effects(variants, problem.spectrum(task), products, own)
    return mixture_effects(variants, products, own)


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
    batch = samples.batch(samples.rows[rows])
    Z = to_numpy(batch.Z).astype(np.float64, copy=False)
    Z = (Z - D[rows] @ Z / total) * (root / np.sqrt(total))[:, None]
    values, vectors = linalg.eigh(Z @ Z.T)
    values = np.clip(values, 0, None)
    target = root * (y[rows] - D[rows] @ y[rows] / total) / np.sqrt(total)
    projected = np.sqrt(values) * (vectors.T @ target)
    penalty = ridge_penalty(values, projected, float(target @ target), total)
    return penalty * total / D.sum()


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
    limits = np.maximum(-0.9 * special.ndtri(SCREEN / 2) * sd * np.sqrt(total), 1e-300)
    like = problem.Y
    moved = move_to(targets, namespace_of(like), device_of(like), like.dtype)
    found = candidate_pairs(block, m, moved, limits, squares=True)
    tests = []
    for task, pairs in enumerate(found):
        pairs = pairs if columns is None else columns[pairs]
        target = np.where(D[:, task] > 0, residual[:, task], 0.0)
        binary = problem.loss != "squared"
        label = to_numpy(problem.Y[:, task]).astype(float) if binary else None
        mean = None if label is None else np.clip(label - target, 1e-6, 1 - 1e-6)
        if mean is not None:
            target = np.where(D[:, task] > 0, label - mean, 0.0)
        n_tests = m * (m + 1) // 2
        results = product_tests(
            access.on_host, pairs, target, D[:, task], mean=mean, n_tests=n_tests
        )
        same = pairs[:, 0] == pairs[:, 1]
        keep = (results[2] <= SCREEN) & (same | (results[3] <= HIGHEST_R2))
        table = sorted_tests(pairs, results, keep, n_tests)
        table = table.take(np.flatnonzero(table.q_value <= FDR))
        tests.append(table.take(distinct_pairs(table, access.on_host, D[:, task], SAME_PRODUCT)))
    return tests


def find_pairs(problem: Problem, kinds: Sequence[str], limit: int) -> list[np.ndarray]:
    """Return the pairs of each logit, `limit` in all, from scans of ever smaller residuals."""
    d = problem.d
    pairs = [np.empty((0, 2), dtype=np.int64) for _ in range(d)]
    known = fit_effects(problem, kinds, pairs)
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
        known = fit_effects(problem, kinds, pairs)
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


class Plan(NamedTuple):
    """What held-out rows have decided: the kind of effects of each logit, and whether of pairs."""

    kinds: list[str]
    with_pairs: bool


def known_start(
    training: Samples, validation: Samples | None, loss: str, limit: int
) -> tuple[Known, Plan]:
    """Return the model fitted to the training rows, of the kinds that suit the validation rows.

    `limit` is the largest number of pairs; 0: none are scanned for. Effects are those of ridge,
    unless a mixture is better on the validation rows by a standard error.
    """
    problem = Problem(training, loss)
    d = problem.d
    nothing = [np.empty((0, 2), dtype=np.int64)] * d
    plan = Plan(["ridge"] * d, limit > 0)
    if validation is None:
        return fit_planned(problem, plan, limit), plan
    held_out = Problem(validation, loss)
    best = fit_effects(problem, plan.kinds, nothing)
    if problem.columns.m <= GRAM_COLUMNS:
        other = fit_effects(problem, ["mixture"] * d, nothing)
        gain = held_out.losses(best) - held_out.losses(other)
        error = gain.std(axis=0) * np.sqrt(len(gain))
        better = np.broadcast_to(gain.sum(axis=0) > error, d)
        kinds = ["mixture" if wins else "ridge" for wins in better]
        plan = plan._replace(kinds=kinds)
        best = fit_effects(problem, kinds, nothing) if len(set(kinds)) > 1 else (
            other if better[0] else best
        )  # fmt: skip
    if not limit:
        return best, plan
    pairs = find_pairs(problem, plan.kinds, limit)
    if any(map(len, pairs)):
        with_pairs = fit_effects(problem, plan.kinds, pairs)
        if held_out.losses(with_pairs).sum() < held_out.losses(best).sum():
            return with_pairs, plan
    return best, plan._replace(with_pairs=bool(limit) and not any(map(len, pairs)))


def fit_planned(problem: Problem, plan: Plan, limit: int) -> Known:
    """Return the model of a plan, fitted to all rows of a problem."""
    pairs = [np.empty((0, 2), dtype=np.int64)] * problem.d
    if plan.with_pairs and limit:
        pairs = find_pairs(problem, plan.kinds, limit)
    return fit_effects(problem, plan.kinds, pairs)
