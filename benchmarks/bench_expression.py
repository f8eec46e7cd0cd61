"""Expression across tissues: trans solvers against the original algorithm, time and memory.

`AgainstOriginal` is the time of 2,000 iterations of the original algorithm over ours to the same
loss. The original takes full gradient steps of a fixed size in alpha (variants x factors) and the
loadings, with every parameter explicit. Its loss comes from the same iterates on the kernel of the
individuals, which are equal; its time from 20 explicit iterations. `Enrichment` is the time of a
loop over genes over ours. `GtexShape` needs Linux and about 6 GB of memory.
"""

import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_genotypes
from skgenetics.expression import gene_set_enrichment
from skgenetics.expression.trans._design import make_design
from skgenetics.expression.trans._kernel import CenteredGenotypes, genotype_kernel
from skgenetics.expression.trans._objective import (
    Penalties,
    TransProblem,
    objective_and_gradients,
)
from skgenetics.expression.trans._solvers import SOLVERS
from skgenetics.expression.trans._start import balance
from skgenetics.expression.trans._targets import make_targets

N_ORIGINAL, N_TIMED = 2000, 20
USUAL = {"variant_alpha": 1e-3, "loading_alpha": 0.03, "tissue_alpha": 0.01}


def gtex_like(n_variants, n_genes, n_tissues=10, n_individuals=449, seed=0, dtype=float):
    """Return int8 genotypes, and expression with trans effects and uneven tissues."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 3, size=(n_individuals, n_variants), dtype=np.int8)
    factors = X[:, :2000].astype(float) @ rng.normal(size=(2000, 10))
    factors = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    y = np.full((n_individuals, n_genes, n_tissues), np.nan, dtype=dtype)
    for k, share in enumerate(np.linspace(0.2, 0.8, n_tissues)):
        rows = np.flatnonzero(rng.random(n_individuals) < share)
        values = factors[rows] @ rng.normal(size=(10, n_genes)) / 5
        y[rows, :, k] = values + rng.normal(size=values.shape)
    return X, y


def start(problem, X, n_components, seed=0):
    """Return coefficients of variants (S, T) and parameters on the root of the kernel, equal."""
    rng = np.random.default_rng(seed)
    n, n_genes, n_tissues = problem.targets.shape
    dual = rng.normal(size=(n, n_components)) / n
    params = {"coef": problem.design.matrix.T @ dual}
    if problem.model == "sigmoid":
        params["coef"][-1] = 0.0
    if problem.model == "tensor":
        params["gene_factors"] = rng.normal(size=(n_genes, n_components)) / 10
        params["tissue_factors"] = rng.normal(size=(n_tissues, n_components))
    else:
        params["loadings"] = rng.normal(size=(n_tissues, n_components, n_genes)) / 10
    return problem.design.genotypes.T @ dual, params


def descend(params, problem, lengths, n_iter):
    """Take steps of pinned sizes, one parameter after the other, and return the last value."""
    for _ in range(n_iter):
        for name in params:
            value, gradients = objective_and_gradients(params, problem)
            params = {**params, name: params[name] - lengths[name] * gradients[name]}
    return value


def pinned_lengths(params, problem):
    """Return the largest power of two per parameter that 300 iterations survive."""
    lengths = dict.fromkeys(params, 2.0**12)
    first, _ = objective_and_gradients(params, problem)
    for name in params:
        alone = dict.fromkeys(params, 0.0)
        while True:
            alone[name] = lengths[name]
            with np.errstate(all="ignore"):
                value = descend(params, problem, alone, 10)
            if np.isfinite(value) and value < first:
                break
            lengths[name] /= 2
    while True:
        with np.errstate(all="ignore"):
            value = descend(params, problem, lengths, 300)
        if np.isfinite(value) and value < first:
            return lengths
        lengths = {name: length / 2 for name, length in lengths.items()}


def explicit_seconds(X, scale, y, model, n_components):
    """Return the seconds of an iteration with explicit alpha and a mask, tissue by tissue."""
    rng = np.random.default_rng(0)
    genotypes = (X - scale.mean) / scale.size**0.5
    alpha = rng.normal(size=(X.shape[1], n_components)) / 1e3
    _, n_genes, n_tissues = y.shape
    mask = ~np.isnan(y).transpose(2, 0, 1)
    Y = np.nan_to_num(y).transpose(2, 0, 1).copy()
    V, W = rng.normal(size=(n_genes, n_components)), rng.normal(size=(n_tissues, n_components))
    beta = rng.normal(size=(n_tissues, n_components, n_genes))

    def step(update_alpha):
        nonlocal alpha, beta, V, W
        F = genotypes @ alpha
        slope = 1.0
        if model == "sigmoid":
            F = 1 / (1 + np.exp(-F))
            slope = F * (1 - F)
        d_F, rest = np.zeros_like(F), []
        for k in range(n_tissues):
            loadings = W[k][:, None] * V.T if model == "tensor" else beta[k]
            residual = mask[k] * (F @ loadings - Y[k])
            if update_alpha:
                d_F += residual @ loadings.T
            else:
                rest.append(F.T @ residual)
        if update_alpha:
            alpha = alpha - 1e-9 * (genotypes.T @ (d_F * slope))
        elif model == "tensor":
            V = V - 1e-9 * sum(W[k][:, None] * rest[k] for k in range(n_tissues)).T
            W = W - 1e-9 * np.array([np.sum(V.T * rest[k], axis=1) for k in range(n_tissues)])
        else:
            beta = beta - 1e-9 * np.array(rest)

    begin = time.perf_counter()
    for _ in range(N_TIMED):
        step(True)
        step(False)
    return (time.perf_counter() - begin) / N_TIMED


class AgainstOriginal:
    """Seconds of 2,000 iterations of the original algorithm over ours to the same loss.

    Ours include the kernel.
    """

    params = (["linear", "sigmoid", "tensor"], [24_000, 244_519])
    param_names = ("trans_model", "n_variants")
    timeout = 3000
    number, repeat = 1, 1
    n_components, n_genes = 40, 500

    def track_times_faster(self, trans_model, n_variants):
        X, y = gtex_like(n_variants, self.n_genes)
        penalties, weight = Penalties(1e-3, 0.03, 0.01), np.ones(len(X))
        begin = time.perf_counter()
        kernel, scale = genotype_kernel(X, weight)
        targets = make_targets(y, weight, np, "cpu")
        design = make_design(CenteredGenotypes(X, scale), kernel, "l2", trans_model)
        problem = TransProblem(targets, design, penalties, trans_model)
        prepared = time.perf_counter() - begin
        _, params = start(problem, X, self.n_components)
        lengths = pinned_lengths(params, problem)
        goal = descend(params, problem, lengths, N_ORIGINAL)
        solver = SOLVERS["als" if trans_model == "tensor" else "varpro"]
        begin = time.perf_counter()
        for state in solver.run(balance(params, problem), problem, tol=0.0):
            if state.value <= goal:
                break
        assert state.value <= goal * (1 + 1e-9), "a worse minimum was reached"
        ours = prepared + time.perf_counter() - begin
        theirs = N_ORIGINAL * explicit_seconds(X, scale, y, trans_model, self.n_components)
        print(f"{trans_model} S={n_variants}: ours {ours:.2f} s, original {theirs:.0f} s")
        return theirs / ours


def memory(name):
    """Return gigabytes of this process: "VmRSS", now, or "VmHWM", the most since `reset_peak`."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024 / 1e9


def reset_peak():
    """Let the peak of this process's memory count from now on."""
    Path("/proc/self/clear_refs").write_text("5")


class GtexShape:
    """The size of GTEx: seconds of all threads, and memory beyond genotypes and expression.

    449 individuals in 28 tissues, 19,425 genes, 2,445,192 variants as int8, 400 factors. The whole
    fit of a model without a cis part: standardization, kernel, staged start, 60 iterations, and the
    loadings of all genes. At the end these (.9 GB in single precision, 1.7 in double) and the
    observed cells (.5 and 1.0) are in memory together, so that expression in double precision takes
    more than 2 GB; no other array is a tenth as large. The strength of the loadings' penalty is one
    at which both models explain expression. About 1.0 Tflop are the kernel's (half of it by
    symmetry), 2.6 the start's lasso, .5 its principal components, .2 of 60 iterations, and .15 the
    products of expression with itself and with the loadings. Validated genotypes are read 4 times.
    """

    params = (["linear", "sigmoid", "default"], ["float32", "float64"])
    param_names = ("trans_model", "dtype of y")
    timeout = 1800
    number, repeat = 1, 1

    def fit(self, trans_model, dtype):
        X, y = gtex_like(2_445_192, 19_425, n_tissues=28, dtype=dtype)
        before = memory("VmRSS")
        reset_peak()
        begin = time.perf_counter(), time.process_time()
        model = MILAGERegressor(max_iter=60, tol=0.0, random_state=0)
        if trans_model != "default":
            model.set_params(
                n_components=400, trans_model=trans_model, variant_alpha=1e-3, loading_alpha=1e-3,
                polygenic=False,
            )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        wall, cpu = time.perf_counter() - begin[0], time.process_time() - begin[1]
        grown = memory("VmHWM") - before
        within = sum(model.variance_explained_["within"].values())
        print(
            f"{trans_model}, {dtype}: {wall:.0f} s, {cpu:.0f} s of processors, {grown:.2f} GB more "
            f"at the peak, {within:.2f} of the variance within explained"
        )
        return wall, grown

    def track_seconds(self, trans_model, dtype):
        return self.fit(trans_model, dtype)[0]

    def track_gigabytes(self, trans_model, dtype):
        return self.fit(trans_model, dtype)[1]


class Enrichment:
    """Gene set enrichment over a loop over genes, on 50 sets and 19,425 genes."""

    timeout = 300

    def setup(self):
        rng = np.random.default_rng(0)
        self.names = [f"gene{i}" for i in range(19_425)]
        self.scores = rng.normal(size=len(self.names))
        self.sets = {
            f"set{s}": [self.names[i] for i in rng.choice(len(self.names), 100, replace=False)]
            for s in range(50)
        }

    def track_times_faster(self):
        begin = time.perf_counter()
        gene_set_enrichment(self.scores, self.names, self.sets, n_permutations=200)
        ours = (time.perf_counter() - begin) / (200 * len(self.sets))
        order = np.argsort(-self.scores)
        begin = time.perf_counter()
        for members in list(self.sets.values())[:5]:
            member = np.isin(self.names, members)[order].tolist()
            sizes = np.abs(self.scores[order]).tolist()
            total = sum(size for size, inside in zip(sizes, member) if inside)
            running, high, low = 0.0, 0.0, 0.0
            for inside, size in zip(member, sizes):
                running += size / total if inside else -1 / (len(member) - 100)
                high, low = max(high, running), min(low, running)
        return (time.perf_counter() - begin) / 5 / ours


class WithoutGenetics:
    """Expression of tissue means and noise: R2 in total is high, within it is 0 at most."""

    timeout = 600

    def fit(self):
        rng = np.random.default_rng(0)
        X = make_genotypes(449, 2000, random_state=0).data
        y = rng.normal(size=(449, 100, 28)) + np.sqrt(1.5) * rng.normal(size=(100, 28))
        share = np.linspace(0.2, 0.8, 28)
        y = np.where(rng.random((449, 1, 28)) < share, y, np.nan)
        windows = np.column_stack([np.arange(100) * 15, np.arange(100) * 15 + 100])
        model = MILAGERegressor(cis_windows=windows, n_variants=2000, random_state=0)
        model.fit(X[:360], y[:360])
        prediction = model.predict(X[360:])
        total = 1 - np.nansum((y[360:] - prediction) ** 2) / np.nansum(
            (y[360:] - np.nanmean(y[:360])) ** 2
        )
        return model.score(X[360:], y[360:]), total

    def track_r2_within(self):
        return self.fit()[0]

    def track_r2_total(self):
        return self.fit()[1]


class CisStage:
    """A gene of 2,817 cis variants in 28 tissues, sampled as in GTEx, at a given strength."""

    timeout = 300

    def setup(self):
        X, y = gtex_like(2817, 1, n_tissues=28)
        self.X, self.y = X, y
        self.model = MILAGERegressor(
            0, cis_windows=[[0, 2817]], n_variants=2817, cis_alpha=0.1, polygenic=False
        )
        self.model.fit(X, y)  # compile

    def time_fit(self):
        self.model.fit(self.X, self.y)
