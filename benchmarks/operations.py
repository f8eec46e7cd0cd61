"""The headline operations of the package, with the work that each must do at least.

`limits.py` sets their seconds beside what the processor's products and memory allow, `gpu.py` does
so on a GPU and beside the processor of the same machine. Data are made by NumPy, and `asarray`
moves them; `scale` shrinks every size, for a trial of the programs.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics import FinemapMiXeR, LINAClassifier, MILAGERegressor, MMASHRegressor
from skgenetics.finemapping.solvers import Adam, Gibbs
from skgenetics.inspection import bilrp

AsArray = Callable[[np.ndarray], Any]
GEMM_SIZE = {"float64": 2048, "float32": 4096}
STREAM_BYTES = 2**28


@dataclass(frozen=True)
class Operation:
    """A call, and the least that it must compute and move.

    `flops` are additions and multiplications of floating-point numbers of `dtype`, `moved` is the
    bytes that are read from memory or written to it once, and `count` says how both follow from
    the sizes.
    """

    name: str
    call: Callable[[], Any]
    flops: float
    moved: float
    dtype: str
    count: str


@dataclass(frozen=True)
class Machine:
    """What a device does: flops per second of a matrix product, by dtype, and bytes per second."""

    flops: dict[str, float]
    memory: float

    def bound(self, operation: Operation) -> float:
        """Return the seconds that the slower of products and memory takes."""
        return max(operation.flops / self.flops[operation.dtype], operation.moved / self.memory)


def best_seconds(call: Callable[[], Any], wait: Callable[[], Any], budget: float) -> float:
    """Return the least seconds of a call, after one that compiles, in `budget` seconds or once."""
    times: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        call()
        wait()
        while not times or time.perf_counter() - start < budget:
            begin = time.perf_counter()
            call()
            wait()
            times.append(time.perf_counter() - begin)
    return min(times)


def measure_machine(asarray: AsArray, wait: Callable[[], Any], scale: float = 1.0) -> Machine:
    """Return the speed of square products, and of adding a number to an array in place."""
    rng = np.random.default_rng(0)
    flops = {}
    for dtype, size in GEMM_SIZE.items():
        n = max(64, int(size * scale))
        A = asarray(rng.normal(size=(n, n)).astype(dtype))
        flops[dtype] = 2 * n**3 / best_seconds(lambda A=A: A @ A, wait, 1.0)
    values = asarray(np.ones(max(1024, int(STREAM_BYTES * scale) // 8)))

    def stream() -> None:
        nonlocal values
        values += 1.0

    size = values.shape[0] * 8
    return Machine(flops, 2 * size / best_seconds(stream, wait, 1.0))


def correlated_dosages(n_samples: int, n_variants: int, seed: int = 0) -> np.ndarray:
    """Return int8 dosages whose neighbors correlate."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n_samples, n_variants)).astype(np.float32)
    for j in range(1, n_variants):
        latent[:, j] = 0.9 * latent[:, j - 1] + 0.435 * latent[:, j]
    return (latent > 0.3).astype(np.int8) + (latent > 1.2).astype(np.int8)


def locus(n_variants: int, dtype: str = "float64") -> tuple[np.ndarray, np.ndarray]:
    """Return z of two effects and LD that falls off with distance."""
    place = np.arange(n_variants, dtype=dtype)
    R = np.exp(-np.abs(place[:, None] - place) / 60)
    rng = np.random.default_rng(0)
    noise = np.empty(n_variants)
    noise[0] = rng.normal()
    for j, draw in enumerate(rng.normal(size=n_variants - 1), start=1):  # covariance R exactly
        noise[j] = np.exp(-1 / 60) * noise[j - 1] + np.sqrt(1 - np.exp(-1 / 30)) * draw
    z = 9 * R[n_variants // 4] - 8 * R[n_variants // 2] + noise
    return z.astype(dtype), R


def summary_fit(asarray: AsArray, n_variants: int, dtype: str) -> Operation:
    """`FinemapMiXeR().fit_summary` with all its checks."""
    z, R = (asarray(array) for array in locus(n_variants, dtype))
    return Operation(
        f"fine-mapping, {n_variants:,} variants, {dtype}",
        lambda: FinemapMiXeR().fit_summary(z, R, n_samples=100_000),
        2.0 * n_variants**2,
        np.dtype(dtype).itemsize * n_variants**2,
        dtype,
        "the LD is read once, to check it, and multiplied by one vector",
    )


def fit_of_1000(asarray: AsArray, scale: float) -> Operation:
    """Fine-mapping of a locus of usual size."""
    return summary_fit(asarray, max(100, int(1000 * scale)), "float64")


def fit_of_5000(asarray: AsArray, scale: float) -> Operation:
    """Fine-mapping of a large locus."""
    return summary_fit(asarray, max(200, int(5000 * scale)), "float64")


def fit_of_20000(asarray: AsArray, scale: float) -> Operation:
    """Fine-mapping of a locus whose LD takes 1.6 GB in single precision."""
    return summary_fit(asarray, max(300, int(20_000 * scale)), "float32")


def sampler(asarray: AsArray, scale: float) -> Operation:
    """400 sweeps of the sampler."""
    p, draws = max(100, int(1000 * scale)), 400
    z, R = (asarray(array) for array in locus(p))
    solver = Gibbs(n_draws=draws)
    model = FinemapMiXeR(solver=solver, random_state=0)
    slots, effects = 10, 2
    return Operation(
        f"sampler, {p:,} variants, {draws} draws",
        lambda: model.fit_summary(z, R, n_samples=100_000, on_mismatch="ignore"),
        draws * slots * p * (2.0 * effects**2 + 20),
        draws * slots * p * 8.0 * (effects + 1),
        "float64",
        "a sweep gives each of 10 slots the odds of all variants beside 2 effects, an exponential "
        "counted as 20",
    )


def concurrent_fits(asarray: AsArray, scale: float) -> Operation:
    """100 iterations of the paper's steps from 200 sampled starts of one locus at once."""
    p, starts, iterations = max(100, int(1000 * scale)), 200, 100
    z, R = (asarray(array) for array in locus(p))
    solver = Adam(steps="adam", n_restarts=starts, min_iter=iterations)
    model = FinemapMiXeR(solver=solver, max_iter=iterations, tol=1e9, random_state=0)
    return Operation(
        f"the paper's steps by Adam, {p:,} variants, {starts} fits at once",
        lambda: model.fit_summary(z, R, n_samples=100_000, on_mismatch="ignore"),
        2.0 * iterations * starts * p**2,
        8.0 * iterations * p * (p + 10 * starts),
        "float64",
        "an iteration multiplies the LD by the means of all starts, and Adam reads and writes ten "
        "numbers per variant and start",
    )


def traits_fit(asarray: AsArray, scale: float) -> Operation:
    """20 sweeps of MMASHRegressor."""
    n, p, n_traits, sweeps = max(100, int(1000 * scale)), max(100, int(5000 * scale)), 20, 20
    rng = np.random.default_rng(0)
    X = correlated_dosages(n, p)
    Y = X[:, :10] @ (0.2 * rng.normal(size=(10, n_traits))) + rng.normal(size=(n, n_traits))
    X, Y = asarray(X), asarray(Y)
    model = MMASHRegressor(polygenic=0, max_iter=sweeps, tol=0.0)
    return Operation(
        f"MMASHRegressor, {n:,} x {p:,} x {n_traits}, {sweeps} sweeps",
        lambda: model.fit(X, Y),
        sweeps * p * n_traits * (4.0 * n + 500),
        sweeps * 8.0 * n * p,
        "float64",
        "a sweep multiplies X by the residuals and updates them, and gives each variant and trait "
        "25 covariances on 10 scales, two operations each",
    )


def traits_locus(asarray: AsArray, scale: float) -> Operation:
    """Fine-mapping of five traits at once."""
    n, p, n_traits, n_effects, sweeps = 1000, max(100, int(1000 * scale)), 5, 10, 20
    rng = np.random.default_rng(0)
    X = correlated_dosages(n, p)
    Y = X[:, [p // 4]] * rng.normal(size=n_traits) / 3 + rng.normal(size=(n, n_traits))
    X, Y = asarray(X), asarray(Y)
    model = MMASHRegressor(solver="single_effects", max_effects=n_effects)
    return Operation(
        f"single effects of {n_traits} traits, {n:,} x {p:,}",
        lambda: model.fit(X, Y),
        sweeps * n_effects * p * n_traits * 4.0 * n,
        sweeps * n_effects * 8.0 * n * p,
        "float64",
        "20 sweeps, in which each of 10 effects multiplies X by the residuals and updates them",
    )


def expression_fit(asarray: AsArray, scale: float) -> Operation:
    """The trans model of MILAGERegressor on the people and tissues of GTEx, fewer genes."""
    n, n_tissues = 449, 28
    p, n_genes = max(2000, int(500_000 * scale)), max(50, int(5000 * scale))
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(n, p), dtype=np.int8)
    factors = X[:, :2000] @ rng.normal(size=(2000, 10)).astype(np.float32)
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    y = np.full((n, n_genes, n_tissues), np.nan, dtype=np.float32)
    for k, share in enumerate(np.linspace(0.2, 0.8, n_tissues)):
        rows = np.flatnonzero(rng.random(n) < share)
        signal = factors[rows] @ rng.normal(size=(10, n_genes)) / 5
        y[rows, :, k] = signal + rng.normal(size=signal.shape)
    observed, X, y = float(np.isfinite(y).sum()), asarray(X), asarray(y)
    model = MILAGERegressor(
        max(10, int(400 * scale)), variant_alpha=1e-3, loading_alpha=1e-3, polygenic=False,
        max_iter=20, tol=0.0, random_state=0,
    )  # fmt: skip
    return Operation(
        f"MILAGERegressor, {n} people, {p:,} variants, {n_genes:,} genes, {n_tissues} tissues",
        lambda: model.fit(X, y),
        1.0 * n**2 * p + n * observed,
        1.0 * n * p + 4.0 * observed,
        "float32",
        "half of the symmetric products of genotypes and of observed expression with themselves",
    )


def cis_stage(asarray: AsArray, scale: float) -> Operation:
    """The cis part of one gene of many variants in 28 tissues, at a given strength."""
    n, p, n_tissues = 449, max(200, int(2817 * scale)), 28
    X = correlated_dosages(n, p)
    y = X[:, [p // 2], None] + np.random.default_rng(0).normal(size=(n, 1, n_tissues))
    X, y = asarray(X), asarray(y)
    model = MILAGERegressor(0, cis_windows=[[0, p]], n_variants=p, cis_alpha=0.1, polygenic=False)
    return Operation(
        f"cis part of a gene, {n} people, {p:,} variants, {n_tissues} tissues",
        lambda: model.fit(X, y),
        2.0 * n * p * n_tissues + 1.0 * n**2 * p,
        9.0 * n * p,
        "float64",
        "variants by tissues once, and half of the people's products; int8 is read and made "
        "floating once",
    )


def network_epoch(asarray: AsArray, scale: float) -> Operation:
    """An epoch of the attention network on int8 dosages."""
    n, m, hidden = max(1000, int(50_000 * scale)), max(100, int(10_000 * scale)), (100, 50)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(n, m), dtype=np.int8)
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 1).astype(np.int64)
    X, y = asarray(X), asarray(y)
    model = LINAClassifier(hidden, start="random", batch_size=1000, random_state=0)
    return Operation(
        f"LINA, an epoch, {n:,} x {m:,}",
        lambda: model.partial_fit(X, y, classes=[0, 1]),
        6.0 * n * m * (hidden[0] + hidden[1]),
        5.0 * n * m,
        "float32",
        "forward, and backward to weights and inputs, of the layers at both ends; int8 is read and "
        "made floating once",
    )


def all_pairs(asarray: AsArray, scale: float) -> Operation:
    """Importance of all pairs of variants."""
    n, m, hidden = 64, max(100, int(1000 * scale)), (100, 50)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, size=(2000, m)).astype(np.float32)
    y = (X[:, 0] * X[:, 1]).astype(np.int64) > 1
    model = LINAClassifier(hidden, start="random", max_iter=3, random_state=0)
    X, y = asarray(X), asarray(y.astype(np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return Operation(
        f"importance of all pairs of {m:,} variants, {n} people",
        lambda: model.second_order_importance(X[:n, :]),
        n * (2.0 * m**2 * hidden[1] + 2.0 * m * hidden[0] * hidden[1]),
        8.0 * m**2,
        "float32",
        "per person, the layers below the last as m x 50, times the last one",
    )


def similarity_factors(asarray: AsArray, scale: float) -> Operation:
    """Factors of BiLRP through one hidden layer."""
    n, m, width, units = 64, max(200, int(5000 * scale)), 256, 50
    rng = np.random.default_rng(0)
    layers = [
        (rng.normal(size=(m, width)) / m**0.5, 0.1 * rng.normal(size=width), "relu"),
        (rng.normal(size=(width, units)) / width**0.5, np.zeros(units), "identity"),
    ]
    X = asarray(rng.integers(0, 3, size=(n, m)).astype(np.int8))
    return Operation(
        f"BiLRP factors, {n} people, {m:,} variants, {units} units",
        lambda: bilrp(layers, X, rule="gamma", gamma=0.25),
        2.0 * n * units * width * m + 4.0 * n * width * m,
        8.0 * n * units * m,
        "float64",
        "per person and unit, the relevance of the hidden units times their weights",
    )


ON_DEVICE = (
    concurrent_fits,
    expression_fit,
    network_epoch,
    all_pairs,
    similarity_factors,
)
ON_HOST = (
    fit_of_1000,
    fit_of_5000,
    fit_of_20000,
    sampler,
    concurrent_fits,
    traits_fit,
    traits_locus,
    expression_fit,
    cis_stage,
    network_epoch,
    all_pairs,
    similarity_factors,
)
