"""Fine-mapping one locus: time, memory, and time relative to susieR on the same z and LD."""

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from skgenetics import FinemapMiXeR
from skgenetics.datasets import make_genotypes, make_summary_statistics, make_trait

N_PEOPLE = 2000
HERITABILITY = 0.02
N_SCAN = 10_000

SUSIE_R = """
suppressMessages(library(susieR))
folder <- commandArgs(TRUE)[1]
p <- as.integer(commandArgs(TRUE)[2])
n <- as.numeric(commandArgs(TRUE)[3])
z <- readBin(file.path(folder, "z.bin"), "double", p)
R <- matrix(readBin(file.path(folder, "ld.bin"), "double", p * p), p, p)
seconds <- c()
for (i in 1:2) {
  seconds[i] <- system.time(fit <- susie_rss(z, R, n = n, L = 10))[["elapsed"]]
}
writeBin(c(min(seconds), fit$pip), file.path(folder, "answer.bin"))
"""


def make_locus(n_variants):
    """Return genotypes of a panel, the trait of its people, and the z of a larger scan."""
    X = make_genotypes(N_PEOPLE, n_variants, random_state=0).data
    trait = make_trait(X, n_causal=3, h2=HERITABILITY, random_state=0)
    scan = make_summary_statistics(
        ld=np.corrcoef(X.T),
        effects=trait.coef * X.std(axis=0) / trait.target.std(),
        n_samples=N_SCAN,
        random_state=0,
    )
    return X, trait.target, scan.z


def susie_r(z, ld):
    """Return susieR's seconds, the better of two, and its PIPs; None where it is not installed."""
    if shutil.which("Rscript") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        z.tofile(folder / "z.bin")
        ld.tofile(folder / "ld.bin")
        (folder / "susie.R").write_text(SUSIE_R)
        arguments = ["Rscript", folder / "susie.R", folder, str(len(z)), str(N_SCAN)]
        done = subprocess.run(arguments, capture_output=True, text=True)
        if "there is no package called" in done.stderr:
            return None
        done.check_returncode()
        answer = np.fromfile(folder / "answer.bin")
    return answer[0], answer[1:]


class Loci:
    """Loci of three sizes and the default solver, "susie", with at most 10 effects."""

    params = (500, 1000, 5000)
    param_names = ("n_variants",)
    timeout = 300

    def setup_cache(self):
        return {p: make_locus(p) for p in self.params}

    def setup(self, loci, n_variants):
        self.X, self.y, self.z = loci[n_variants]
        self.ld = np.corrcoef(self.X.T)
        self.model = FinemapMiXeR(solver="susie")
        # compile the kernel first
        self.model.fit_summary(self.z[:50], self.ld[:50, :50], n_samples=N_SCAN)


class Susie(Loci):
    """Seconds and bytes."""

    def time_fit_summary(self, loci, n_variants):
        self.model.fit_summary(self.z, self.ld, n_samples=N_SCAN)

    def time_fit_int8(self, loci, n_variants):
        self.model.fit(self.X, self.y)

    def peakmem_fit_summary(self, loci, n_variants):
        self.model.fit_summary(self.z, self.ld, n_samples=N_SCAN)

    def peakmem_fit_int8(self, loci, n_variants):
        self.model.fit(self.X, self.y)


class AgainstSusieR(Loci):
    """The same z and LD given to susieR in the same run, reading files not counted."""

    def setup_cache(self):
        cache = {}
        for p, (X, y, z) in super().setup_cache().items():
            cache[p] = X, y, z, susie_r(z, np.corrcoef(X.T))
        return cache

    def setup(self, cache, n_variants):
        *locus, answer = cache[n_variants]
        if answer is None:
            raise NotImplementedError("susieR is not installed.")
        super().setup({n_variants: locus}, n_variants)
        self.susie_r_seconds, self.susie_r_pip = answer

    def track_times_faster(self, cache, n_variants):
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            self.model.fit_summary(self.z, self.ld, n_samples=N_SCAN)
            seconds.append(time.perf_counter() - start)
        return self.susie_r_seconds / min(seconds)

    def track_largest_pip_difference(self, cache, n_variants):
        self.model.fit_summary(self.z, self.ld, n_samples=N_SCAN)
        return float(np.abs(self.model.pip_ - self.susie_r_pip).max())
