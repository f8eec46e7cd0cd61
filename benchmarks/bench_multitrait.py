"""A sweep of MMASHRegressor against a compiled update component by component, and full fits.

The baseline of `Sweep` is in this file: it factorizes one J x J matrix per mixture component.
`FullFit` counts sweeps against those of plain EM, and memory against the responsibilities. `Fit`
has the seconds and bytes of a fit with and without a polygenic background.
"""

import time
import tracemalloc
import warnings

import numba
import numpy as np

from skgenetics import MMASHRegressor
from skgenetics.multitrait._covariances import canonical_covariances
from skgenetics.multitrait._genotype_design import GenotypeDesign
from skgenetics.multitrait._moments import Genotypes
from skgenetics.multitrait._priors import make_prior
from skgenetics.multitrait._residual_covariance import residual_covariance
from skgenetics.multitrait.solvers import SOLVERS, Problem, _coordinate_ascent

SIZES = {"500 x 1000 x 10": (500, 1000, 10, 7), "1000 x 5000 x 20": (1000, 5000, 20, 8),
         "1000 x 1000 x 50": (1000, 1000, 50, 8)}  # fmt: skip


@numba.njit(nogil=True)
def component_sweep(X, R, B, V, weights, sigma, n_variants):
    """Update the first variants with a J x J factorization per component: equations (20)-(22)."""
    d = X.shape[0] - 1.0
    noise = sigma / d
    log_noise = np.sum(np.log(np.diag(np.linalg.cholesky(noise))))
    logs, means = np.empty(len(weights)), np.empty((len(weights), B.shape[1]))
    for p in range(n_variants):
        x = np.ascontiguousarray(X[:, p])
        b = (x @ R) / d + B[p]
        base = b @ np.linalg.solve(noise, b)
        for t in range(len(weights)):
            total = V[t] + noise
            factor = np.linalg.cholesky(total)
            solved = np.linalg.solve(total, b)
            logs[t] = np.log(weights[t]) + log_noise - np.sum(np.log(np.diag(factor)))
            logs[t] += (base - b @ solved) / 2
            means[t] = V[t] @ solved
        alpha = np.exp(logs - logs.max())
        mean = (alpha / alpha.sum()) @ means
        R -= np.outer(x, mean - B[p])
        B[p] = mean
    return B


def problem(size):
    """Return genotypes, traits of ten shared effects, the prior, its weights and Sigma."""
    n, p, n_traits, n_scales = SIZES[size]
    rng = np.random.default_rng(0)
    X = rng.binomial(2, 0.3, size=(n, p)).astype(np.int8)
    Y = X[:, :10] @ (0.2 * rng.normal(size=(10, n_traits))) + rng.normal(size=(n, n_traits))
    groups = canonical_covariances([str(j) for j in range(n_traits)])
    U = np.stack([matrix for group in groups.values() for matrix in group.values()])
    scales = np.geomspace(1e-4, 1, n_scales)
    n_weights = len(U) * n_scales + 1
    return X, Y - Y.mean(axis=0), U, scales, np.full(n_weights, 1 / n_weights), np.cov(Y.T)


def solver(X, Y, U, scales, weights, sigma, *, learn_weights):
    """Return the generator of sweeps."""
    moments = Genotypes(
        X.mean(axis=0), 1 / X.std(axis=0, ddof=1), np.full(X.shape[1], len(X) - 1.0)
    )
    problem = Problem(
        prior=make_prior(U, scales, map(str, range(len(U))), has_null=True),
        weights=weights,
        learn_weights=learn_weights,
        weight_threshold=0.0,
        covariance=residual_covariance(sigma),
        covariance_step=None,
    )
    design = GenotypeDesign(X, Y, moments, centered=True)
    return SOLVERS["coordinate_ascent"].start(design, problem, tol=-np.inf)


class Sweep:
    """Seconds per sweep at a fixed Sigma, and how many times faster than component by component."""

    params = tuple(SIZES)
    param_names = ("samples x variants x traits",)
    timeout = 600

    def setup(self, size):
        self.problem = problem(size)
        self.sweeps = solver(*self.problem, learn_weights=True)
        next(self.sweeps)  # compiles

    def time_sweep(self, size):
        next(self.sweeps)

    def track_times_faster(self, size):
        X, Y, U, scales, weights, sigma = self.problem
        V = np.concatenate([np.zeros_like(U[:1]), *(scales[:, None, None] * u for u in U)])
        Z = np.asfortranarray((X - X.mean(axis=0)) / X.std(axis=0, ddof=1))
        few, shape = 20, (X.shape[1], Y.shape[1])  # the rival's time is proportional to variants
        component_sweep(Z, Y.copy(), np.zeros(shape), V, weights, sigma, 1)
        B = component_sweep(Z, Y.copy(), np.zeros(shape), V, weights, sigma, few)
        held = solver(*self.problem, learn_weights=False)
        state = next(held)
        np.testing.assert_allclose(state.posterior.effects[:few], B[:few], atol=1e-10)
        rival, ours = [], []
        end = time.perf_counter() + 10
        while time.perf_counter() < end:  # runs alternate, so load slows both
            start = time.perf_counter()
            component_sweep(Z, Y.copy(), np.zeros(shape), V, weights, sigma, few)
            rival.append((time.perf_counter() - start) * X.shape[1] / few)
            sweeps = solver(*self.problem, learn_weights=True)
            next(sweeps)
            for _ in range(3):
                start = time.perf_counter()
                next(sweeps)
                ours.append(time.perf_counter() - start)
        return min(rival) / min(ours)


class FullFit:
    """A fit without a background that learns weights and Sigma."""

    params = tuple(SIZES)
    param_names = ("samples x variants x traits",)
    timeout = 3000

    def setup(self, size):
        self.X, self.Y, _, scales, weights, _ = problem(size)
        self.uniform = weights
        names = ["independent", "singleton", "heterogeneous", "shared"]
        self.model = MMASHRegressor(polygenic=0, covariances=names, scales=scales)
        self.model.fit(self.X[:, :200], self.Y)  # compiles

    def time_fit(self, size):
        self.model.fit(self.X, self.Y)

    def track_sweeps(self, size):
        return self.model.fit(self.X, self.Y).n_iter_

    def track_sweeps_of_plain_em(self, size):
        """Sweeps to within 1 of the bound, at most 400, by one step of EM a sweep."""
        bound = self.model.fit(self.X, self.Y).elbo_path_[-1]
        plain = MMASHRegressor(**self.model.get_params()).set_params(
            tol=0, max_iter=400, weight_threshold=0, weights_init=self.uniform
        )
        cycles = _coordinate_ascent.CYCLES
        try:
            _coordinate_ascent.CYCLES = (0, 0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                path = np.array(plain.fit(self.X, self.Y).elbo_path_)
        finally:
            _coordinate_ascent.CYCLES = cycles
        return int(np.sum(path < bound - 1))

    def peak(self, **options):
        """Bytes that a fit allocates."""
        model = MMASHRegressor(**self.model.get_params()).set_params(**options)
        tracemalloc.start()
        model.fit(self.X, self.Y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    def track_memory_ratio(self, size):
        """X and what the fit allocates, over X and the responsibilities."""
        responsibilities = self.X.shape[1] * len(self.uniform) * 8
        return (self.X.nbytes + self.peak()) / (self.X.nbytes + responsibilities)

    def track_matrices_of_a_background(self, size):
        """What the search of a background adds, in matrices of n x n."""
        return (self.peak(polygenic="auto") - self.peak()) / (8 * len(self.X) ** 2)


class Fit:
    """A full fit: prior, weights, Sigma, without and with the search of a background."""

    params = ((0.0, "auto"), (1000, 5000))
    param_names = ("polygenic", "variants")
    timeout = 600

    def setup(self, polygenic, n_variants):
        rng = np.random.default_rng(0)
        self.X = rng.binomial(2, 0.3, size=(800, n_variants)).astype(np.int8)
        self.Y = self.X[:, :10] @ (0.2 * rng.normal(size=(10, 10))) + rng.normal(size=(800, 10))
        self.model = MMASHRegressor(polygenic=polygenic)
        MMASHRegressor(polygenic=0).fit(self.X[:, :20], self.Y)  # compiles

    def time_fit(self, polygenic, n_variants):
        self.model.fit(self.X, self.Y)

    def peakmem_fit(self, polygenic, n_variants):
        self.model.fit(self.X, self.Y)
