"""Fine-mapping one locus: time and memory, relative to susieR on the same z and LD.

`AgainstSusieR` needs Rscript and the R package susieR and is skipped without Rscript. The other
classes measure seconds and bytes of the default solver, the time that leading eigenvectors save,
and the calibration of heritability and of the number of effects.
"""

import shutil
import time

import numpy as np
from scipy import stats

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_trait
from skgenetics.finemapping.solvers import Adam

from .finemapping_table import N_SAMPLES, run_ours, run_susier, simulate


class Susie:
    """Seconds and bytes of "susie", with at most 10 effects."""

    params = (500, 1000, 5000)
    param_names = ("n_variants",)
    timeout = 300

    def setup(self, n_variants):
        self.z, self.ld, _ = simulate(n_variants, n_causal=3, seed=0)
        self.X = make_genotypes(2000, n_variants, random_state=0).data  # int8
        self.y = make_trait(self.X, n_causal=3, h2=0.02, random_state=0).target
        self.model = FinemapMiXeR(solver="susie")
        self.model.fit(self.X[:, :50], self.y)  # compiles

    def time_fit_summary(self, n_variants):
        self.model.fit_summary(self.z, self.ld, n_samples=N_SAMPLES)

    def time_fit_int8(self, n_variants):
        self.model.fit(self.X, self.y)

    def peakmem_fit_summary(self, n_variants):
        self.model.fit_summary(self.z, self.ld, n_samples=N_SAMPLES)

    def peakmem_fit_int8(self, n_variants):
        self.model.fit(self.X, self.y)


class Large:
    """Bytes and seconds of large loci: LD of 20,000 variants, a panel of 10,000 x 50,000."""

    timeout = 900

    def setup_cache(self):
        FinemapMiXeR().fit_summary(np.zeros(5), np.eye(5, dtype=np.float32), n_samples=100)

    def fit_dense_20000(self):
        place = np.arange(20_000, dtype=np.float32)
        ld = np.empty((20_000, 20_000), dtype=np.float32)
        for rows in np.split(np.arange(20_000), 100):
            ld[rows] = np.exp(-np.abs(place[rows, None] - place) / 60)
        z = 8 * ld[5000] - 7 * ld[12_000]
        return FinemapMiXeR().fit_summary(z, ld, n_samples=100_000)

    def fit_panel_50000(self):
        rng = np.random.default_rng(0)
        panel = np.empty((10_000, 50_000), dtype=np.int8)
        latent = rng.normal(size=10_000)
        for column in panel.T:  # neighbors correlate
            latent = 0.97 * latent + 0.25 * rng.normal(size=10_000)
            column[:] = np.digitize(latent + 0.5 * rng.normal(size=10_000), [-0.3, 1.2])
        lead = stats.zscore(panel[:, [10_000, 30_000]]) @ [8, -7] / 10_000
        z = np.concatenate([lead @ stats.zscore(block) for block in np.array_split(panel, 500, 1)])
        return FinemapMiXeR().fit_summary(z, panel, n_samples=10_000)

    def peakmem_dense_20000(self):
        self.fit_dense_20000()

    def peakmem_panel_50000(self):
        self.fit_panel_50000()


class Recovery:
    """Estimated heritability and number of effects against the truth, in 30 simulated loci.

    Each locus has three effects that explain .02 of the trait; the scan has 10,000 people.
    """

    params = ("susie", "gibbs", "cavi")
    param_names = ("solver",)
    timeout = 300

    def setup(self, solver):
        self.ratios, self.covered = [], []
        rng = np.random.default_rng(1)
        for seed in range(30):
            X = make_genotypes(1000, 200, random_state=seed).data.astype(float)
            Z = stats.zscore(X[:, X.std(axis=0) > 0.1]) / 1000**0.5
            ld, effects = Z.T @ Z, np.zeros(Z.shape[1])
            effects[rng.choice(len(ld), 3, replace=False)] = rng.normal(size=3)
            effects *= (0.02 / (effects @ effects)) ** 0.5
            z = 100 * ld @ effects + Z.T @ rng.normal(size=1000)
            model = FinemapMiXeR(solver=solver, random_state=0)
            model.fit_summary(z, ld, n_samples=10_000, on_mismatch="ignore")
            self.ratios.append(model.heritability_ / 0.02)
            self.covered.append(model.n_causal_[1][0] <= 3 <= model.n_causal_[1][1])

    def track_heritability_over_truth(self, solver):
        return float(np.mean(self.ratios))

    def track_its_standard_error(self, solver):
        return float(np.std(self.ratios) / len(self.ratios) ** 0.5)

    def track_intervals_of_n_causal_that_hold_it(self, solver):
        return float(np.mean(self.covered))


class LeadingEigenvectors:
    """How many times faster "adam" is on the eigenvectors that hold 99% of the trace of the LD."""

    params = (1000, 3000)
    param_names = ("n_variants",)
    timeout = 600

    def track_times_faster(self, n_variants):
        z, ld, _ = simulate(n_variants, n_causal=3, seed=0)
        options = {"causal_probability": 0.001, "effect_variance": 0.005}
        options |= {"max_iter": 4000, "tol": 1e9}
        seconds = []
        for n_components in (None, 0.99):
            start = time.process_time()
            solver = Adam.published(noise="ld", n_components=n_components, min_iter=4000)
            run_ours(options | {"solver": solver}, z, ld)
            seconds.append(time.process_time() - start)
        return seconds[0] / seconds[1]


class AgainstSusieR:
    """Processor seconds of susieR over ours, the best of five each, on one thread."""

    params = ((500, 1000, 1500, 5000), ("auto", "susie"))
    param_names = ("n_variants", "solver")
    timeout = 300

    def setup(self, n_variants, solver):
        if shutil.which("Rscript") is None:
            raise NotImplementedError("Rscript is not on the path.")
        self.z, self.ld, _ = simulate(n_variants, n_causal=3, seed=0)
        self.options = {"solver": solver}
        run_ours(self.options, self.z, self.ld)  # compiles

    def track_times_faster(self, n_variants, solver):
        ours, rival = [], []
        for _ in range(5):  # alternating, so load slows both
            rival.append(run_susier(self.z, self.ld)[2])
            ours.append(run_ours(self.options, self.z, self.ld)[2])
        return min(rival) / min(ours)

    def track_largest_pip_difference(self, n_variants, solver):
        theirs = run_susier(self.z, self.ld)[0]
        return float(np.abs(run_ours(self.options, self.z, self.ld)[0] - theirs).max())
