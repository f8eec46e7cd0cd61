"""Print the comparison of FinemapMiXeR's solvers with susieR, all on one thread and the same loci.

    python benchmarks/finemapping_table.py [--loci 10] [--sizes 500 1000 5000] [--solvers ...]
                                           [--genotypes PLINK prefix | geuvadis]

Loci are simulated genotypes with human LD (`make_genotypes`, 2,000 people), common neighbors of a
PLINK file, or with `geuvadis` those of the bundled extract (358 people; sizes up to 784): 1, 3 or 5
causal variants that explain .5-3% of the trait, 10,000 people in the scan, z ~ N(sqrt(N) R b, R).
The rival is susie_rss of the R package susieR with its defaults, run by Rscript on the same z, R
and N; without it its rows are left out. Average precision (AP) is of PIPs pooled over loci, its
interval by 2,000 draws of loci, paired; FDP is the share of non-causal variants of PIP > .9.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import shutil
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skgenetics import FinemapMiXeR
from skgenetics.datasets import load_geuvadis, make_genotypes
from skgenetics.finemapping.solvers import SOLVERS, Adam
from skgenetics.io import read_plink
from skgenetics.metrics import (
    credible_set_summary,
    false_discovery_proportion,
    pip_average_precision,
)

N_SAMPLES = 10_000
SUSIER = """
suppressMessages(library(susieR))
args <- commandArgs(trailingOnly = TRUE)
n <- as.numeric(args[1])
for (folder in args[-1]) {
  p <- scan(file.path(folder, "p"), quiet = TRUE)
  z <- readBin(file.path(folder, "z"), "double", p)
  R <- matrix(readBin(file.path(folder, "ld"), "double", p * p), p, p)
  seconds <- system.time(
    fit <- suppressWarnings(suppressMessages(susie_rss(z = z, R = R, n = n@)))
  )
  writeBin(fit$pip, file.path(folder, "pip"))
  sets <- sapply(fit$sets$cs, function(cs) paste(cs - 1, collapse = ","))
  writeLines(as.character(unlist(sets)), file.path(folder, "sets"))
  used <- sum(seconds[c("user.self", "sys.self")])
  writeLines(sprintf("%.6f", used), file.path(folder, "seconds"))
}
"""


def real_genotypes(prefix, size, rng):
    """Genotypes (n, size) of neighboring common variants on a random chromosome of a PLINK file."""
    genotypes = read_plink(prefix)
    chromosome = genotypes.variants["chromosome"].to_numpy()
    for name in rng.permutation(np.unique(chromosome)):
        X = genotypes[:, np.flatnonzero(chromosome == name)].astype(float)
        X = np.where((X < 0) | np.isnan(X), np.nan, X)
        X = np.where(np.isnan(X), np.nanmean(X, axis=0), X)
        X = X[:, np.abs(X.mean(axis=0) - 1) < 0.9]  # MAF above .05
        if X.shape[1] >= size:
            first = rng.integers(X.shape[1] - size + 1)
            return X[:, first : first + size]
    raise ValueError(f"No chromosome of {prefix} has {size} common variants.")


def bundled_genotypes(size, rng):
    """Genotypes (358, size) of neighboring variants near a random gene of the bundled extract."""
    for name in rng.permutation(load_geuvadis().target_names):
        X = load_geuvadis(name).data.astype(float)
        if X.shape[1] >= size:
            first = rng.integers(X.shape[1] - size + 1)
            return X[:, first : first + size]
    raise ValueError(f"No gene of the bundled extract has {size} variants; the most is 784.")


def simulate(size, n_causal, seed, prefix=None):
    """One locus: z (p,), R (p, p), causal variants."""
    rng = np.random.default_rng(seed)
    if prefix is None:
        X = make_genotypes(2000, size, random_state=seed).data.astype(float)
    elif prefix == "geuvadis":
        X = bundled_genotypes(size, rng)
    else:
        X = real_genotypes(prefix, size, rng)
    Z = (X - X.mean(axis=0)) / X.std(axis=0) / np.sqrt(len(X))
    R = Z.T @ Z
    causal = rng.choice(size, n_causal, replace=False)
    effects = np.zeros(size)
    effects[causal] = rng.normal(size=n_causal)
    effects *= np.sqrt(rng.uniform(0.005, 0.03) / (effects @ R @ effects))
    z = np.sqrt(N_SAMPLES) * R @ effects + Z.T @ rng.normal(size=len(X))
    return z, R, causal


def susier_fits(loci, n_samples, settings=""):
    """Run susie_rss on (z, R) of each locus in one R process, with further arguments as R code.

    Returns a list of PIPs, arrays of the variants of the credible sets, and processor seconds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "run.R"
        script.write_text(SUSIER.replace("@", f", {settings}" if settings else ""))
        folders = [Path(scratch) / str(k) for k in range(len(loci))]
        for folder, (z, R) in zip(folders, loci, strict=True):
            folder.mkdir()
            (folder / "p").write_text(str(len(z)))
            np.asarray(z, dtype=float).tofile(folder / "z")
            np.asarray(R, dtype=float).tofile(folder / "ld")
        subprocess.run(["Rscript", script, str(n_samples), *folders], check=True)
        return [
            (
                np.fromfile(folder / "pip"),
                [
                    np.array([int(i) for i in line.split(",")])
                    for line in (folder / "sets").read_text().split()
                ],
                float((folder / "seconds").read_text()),
            )
            for folder in folders
        ]


def run_susier(z, R):
    """Run susie_rss in an R process; return PIPs, credible sets and processor seconds."""
    ((pip, sets, seconds),) = susier_fits([(z, R)], N_SAMPLES)
    return pip, [{"variants": variants} for variants in sets], seconds


def run_ours(options, z, R):
    """Fit FinemapMiXeR; return PIPs, credible sets and seconds, checks and sets included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.process_time()
        model = FinemapMiXeR(**options, random_state=0).fit_summary(z, R, n_samples=N_SAMPLES)
        seconds = time.process_time() - start
    return model.pip_, model.credible_sets_, seconds


def bootstrap_difference(causal, ours, rival, n_draws=2_000):
    """Difference in AP and its 95% interval, loci resampled in pairs."""
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(n_draws):
        chosen = rng.integers(len(causal), size=len(causal))
        picked = [[values[k] for k in chosen] for values in (causal, ours, rival)]
        differences.append(
            pip_average_precision(picked[0], picked[1])
            - pip_average_precision(picked[0], picked[2])
        )
    point = pip_average_precision(causal, ours) - pip_average_precision(causal, rival)
    return point, *np.quantile(differences, [0.025, 0.975])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--loci", type=int, default=10, help="loci of each size and causal count")
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 5000])
    parser.add_argument("--genotypes", metavar="PREFIX", help="PLINK file, or 'geuvadis': bundled")
    parser.add_argument("--solvers", nargs="+", default=list(SOLVERS), choices=list(SOLVERS))
    arguments = parser.parse_args()
    methods = {solver: {"solver": solver} for solver in arguments.solvers}
    if Adam.name in methods:
        methods["adam, as published"] = {"solver": Adam.published()}
        methods["adam, as published, noise on LD"] = {"solver": Adam.published(noise="ld")}
    with_rival = shutil.which("Rscript") is not None
    names = [*(["susieR"] if with_rival else []), *methods]
    results = {name: {"pip": [], "sets": [], "seconds": []} for name in names}
    truth, sizes = [], []
    warm_z, warm_R, _ = simulate(50, 1, 0)
    for options in methods.values():
        run_ours(options, warm_z, warm_R)  # compiles
    for size in arguments.sizes:
        for n_causal in (1, 3, 5):
            for k in range(arguments.loci):
                seed = 1000 * size + 100 * n_causal + k
                z, R, causal = simulate(size, n_causal, seed, arguments.genotypes)
                truth.append(causal)
                sizes.append(size)
                for name in names:
                    options = methods.get(name)
                    found = run_ours(options, z, R) if options else run_susier(z, R)
                    for key, value in zip(("pip", "sets", "seconds"), found, strict=True):
                        results[name][key].append(value)
    sizes = np.array(sizes)
    print(f"{len(truth)} loci; processor seconds are medians a locus by number of variants")
    header = "".join(f"{size:>10}" for size in arguments.sizes)
    print(f"{'':26}{'AP':>7}{'FDP.9':>7}{'sets':>6}{'cover':>7}{'power':>7}{'size':>6}{header}")
    for name in names:
        result = results[name]
        summary = credible_set_summary(truth, result["sets"])
        seconds = np.array(result["seconds"])
        times = "".join(f"{np.median(seconds[sizes == s]):10.3f}" for s in arguments.sizes)
        print(
            f"{name:26}{pip_average_precision(truth, result['pip']):7.3f}"
            f"{false_discovery_proportion(truth, result['pip'], threshold=0.9):7.3f}"
            f"{summary.n_sets:6d}{summary.coverage:7.3f}{summary.power:7.3f}"
            f"{summary.median_size:6.0f}{times}"
        )
    for name in methods if with_rival else ():
        gain, low, high = bootstrap_difference(
            truth, results[name]["pip"], results["susieR"]["pip"]
        )
        ratios = np.array(results["susieR"]["seconds"]) / np.array(results[name]["seconds"])
        by_size = ", ".join(f"{np.median(ratios[sizes == s]):.1f}x at {s}" for s in arguments.sizes)
        print(f"{name} - susieR: AP {gain:+.3f} [{low:+.3f}, {high:+.3f}]; faster {by_size}")


if __name__ == "__main__":
    main()
