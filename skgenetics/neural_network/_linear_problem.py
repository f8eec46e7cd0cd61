"""The linear model of all logits on some rows, read block by block.

What `_known_start` fits: effects of the standardized dosages and of products of them.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from skgenetics.neural_network._linear_model import Effects, Quadratic, Spectrum, free_rows
from skgenetics.neural_network._objective import LOSSES, mean_logit
from skgenetics.neural_network._training import Samples
from skgenetics.utils._arrays import device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._opened import take
from skgenetics.utils._typing import Array

SMALLEST_EIGENVALUE = 1e-10  # over the largest one; smaller ones are rounding
SAME_ROW = 1e-9  # difference of projections, in standard deviations, of rows that are alike


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
                block = take(X, columns, axis=1)
                columns = xp.asarray(columns, device=device)
                mean, scale = xp.take(mean, columns), xp.take(scale, columns)
            else:
                block, mean, scale = X[:, columns], mean[columns], scale[columns]
            if not isinstance(rows, slice):
                block = take(block, rows, axis=0)
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
        for batch in self.samples.chunks():
            yield slice(start, start + batch.Z.shape[0]), batch.Z
            start += batch.Z.shape[0]


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
        self.additive: dict[int, Effects] = {}  # of variants alone, once computed, and
        self.mixture_share: dict[int, float] = {}  # the probability of the mixture

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
            m, total = self.columns.m, max(D.sum(), 1e-300)  # of a task never observed 0
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
            kept = values > SMALLEST_EIGENVALUE * max(values[-1], 1e-300)
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
        values, vectors = self.spectrum(task)
        D, y = self.task_weight(task), self.centered(task)
        total = D.sum()
        b = self.correlation_with((D * y / total)[:, None])[:, 0] - mean * (D @ y) / total
        variance = float(D @ y**2) / total
        n_rows = self.n_distinct(np.flatnonzero(D > 0))
        free = free_rows(values, vectors.T @ b, variance, total, n_rows)
        noise = None if self.loss == "squared" else 1 / float(self.curvature[task])
        return Quadratic(G, b, variance, total, free, noise)

    def n_distinct(self, places: np.ndarray) -> int:
        """Return how many of the rows at some places differ, by one random projection."""
        direction = np.random.default_rng(0).normal(size=(self.columns.m, 1))
        sums = np.empty(self.columns.n)
        for rows, Z in self.columns.blocks():
            sums[rows] = (to_numpy(Z).astype(np.float64) @ direction)[:, 0]
        sums = np.sort(sums[places])
        return 1 + int(np.sum(np.diff(sums) > SAME_ROW * np.sqrt(self.columns.m)))

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
