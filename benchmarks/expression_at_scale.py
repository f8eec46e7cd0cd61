"""Print the time and memory of MILAGERegressor's default on the shape of GTEx, with a cis part.

    python benchmarks/expression_at_scale.py FOLDER [--share 1] [--jobs 1 2]

449 people, 28 tissues with 40% of the samples missing, 20,000 genes and 500,000 common variants
(int8) with LD on 22 chromosomes: 1 Mb on either side of a gene holds some 330 of them. With
`--share .1` a tenth of the genes and variants, as dense. Half of the genes have one to three cis
effects, which explain 5% of the variance on average and correlate by .8 between tissues; ten
factors of ten variants each act on a third of the genes, and explain 3% on average.

The data are written to FOLDER (1.3 GB) if they are not there. Each fit is a process of its own. The
row shows its seconds, the load of the machine when it began, the processor seconds of it and its
workers, the most memory of it and of its largest worker, and what was chosen.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from joblib.externals.loky import get_reusable_executor

from skgenetics import MILAGERegressor
from skgenetics.datasets import make_genotypes
from skgenetics.expression import cis_windows_from_positions

N_PEOPLE, N_TISSUES, N_GENES, N_VARIANTS = 449, 28, 20_000, 500_000
N_CHROMOSOMES, GENOME = 22, 3e9  # base pairs
SAMPLED = 0.25, 0.95  # least and largest share of the people in a tissue
CIS_H2, TRANS_H2, N_FACTORS = 0.05, 0.03, 10
CHUNK = 500  # genes made at once


def make_data(folder, share):
    """Write genotypes, expression and windows."""
    rng = np.random.default_rng(0)
    per_chromosome, n_genes = round(share * N_VARIANTS / N_CHROMOSOMES), round(share * N_GENES)
    shape = N_PEOPLE, per_chromosome * N_CHROMOSOMES
    X = np.lib.format.open_memmap(folder / "X.npy", mode="w+", dtype=np.int8, shape=shape)
    windows = write_genotypes(X, per_chromosome, n_genes, share * GENOME / N_CHROMOSOMES, rng)
    acting = X[:, rng.choice(X.shape[1], 10 * N_FACTORS)]
    factors = scaled(acting).reshape(N_PEOPLE, N_FACTORS, 10).sum(axis=2)
    factors = scaled(factors + 0.5 * rng.normal(size=factors.shape))
    sampled = rng.random((N_PEOPLE, N_TISSUES)) < np.linspace(*SAMPLED, N_TISSUES)
    shape = N_PEOPLE, n_genes, N_TISSUES
    y = np.lib.format.open_memmap(folder / "y.npy", mode="w+", dtype=np.float32, shape=shape)
    for first in range(0, n_genes, CHUNK):
        part = slice(first, first + CHUNK)
        made = expression_of(X, windows[part], factors, rng)
        made[~np.broadcast_to(sampled[:, None], made.shape)] = np.nan
        y[:, part] = made
    np.save(folder / "windows.npy", windows)


def write_genotypes(X, per_chromosome, n_genes, length, rng):
    """Write the genotypes of chromosomes of a length, and return the windows of their genes."""
    variants, genes = {"chromosome": [], "base_pair_location": []}, {"chromosome": [], "start": []}
    for c in range(N_CHROMOSOMES):
        places = np.sort(rng.choice(int(length), per_chromosome, replace=False)) + 1
        made = make_genotypes(N_PEOPLE, per_chromosome, positions=places, random_state=c)
        X[:, c * per_chromosome : (c + 1) * per_chromosome] = made.data
        variants["chromosome"] += [str(c + 1)] * per_chromosome
        variants["base_pair_location"] += places.tolist()
    for c in np.sort(rng.integers(N_CHROMOSOMES, size=n_genes)):
        genes["chromosome"].append(str(c + 1))
        genes["start"].append(int(rng.integers(length)) + 1)
    return cis_windows_from_positions(genes, variants)


def expression_of(X, windows, factors, rng):
    """Return the complete expression (people, genes, tissues) of some genes."""
    shape = N_PEOPLE, len(windows), N_TISSUES
    made = rng.normal(size=shape).astype(np.float32) + rng.normal(size=shape[1:])
    acts = rng.random((N_FACTORS, len(windows))) < 0.33
    acts = acts * rng.normal(size=acts.shape)
    made += np.sqrt(TRANS_H2 / (0.33 * N_FACTORS)) * (factors @ acts)[:, :, None]
    for place, (start, stop) in enumerate(windows):
        if stop > start and rng.random() < 0.5:
            causal = rng.integers(start, stop, size=rng.integers(1, 4))
            effects = np.sqrt(0.8) * rng.normal(size=(causal.size, 1))
            effects = effects + np.sqrt(0.2) * rng.normal(size=(causal.size, N_TISSUES))
            values = scaled(X[:, causal]) @ effects
            size = rng.exponential(CIS_H2) / max(values.var(axis=0).mean(), 1e-9)
            made[:, place] += np.sqrt(size) * values
    return made


def scaled(values):
    """Return columns of mean 0 and variance 1."""
    values = values - values.mean(axis=0)
    return values / np.maximum(values.std(axis=0), 1e-9)


def fit(folder, n_jobs):
    """Fit the default to the data of a folder; return what was chosen and the seconds."""
    X, y = np.load(folder / "X.npy"), np.load(folder / "y.npy")
    model = MILAGERegressor(
        cis_windows=np.load(folder / "windows.npy"), n_variants=X.shape[1], n_jobs=n_jobs,
        random_state=0,
    )  # fmt: skip
    begin = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - begin
    get_reusable_executor().shutdown(wait=True)  # whose workers count from now on
    within = model.variance_explained_["within"]
    return {
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "own": time.process_time(),
        "data": (X.nbytes + y.nbytes) / 1e9,
        "workers": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9,
        "factors": model.n_components_,
        "polygenic": "polygenic" in within,
        "effects": model.cis_variants_.size / y.shape[1],
        "within": sum(within.values()),
    }


def measured(folder, n_jobs):
    """Return what a process that fits prints, and what it took."""
    load, before = os.getloadavg()[0], resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, str(folder), "--fit", str(n_jobs)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = sum(after[:2]) - sum(before[:2])
    return json.loads(done.stdout) | {"load": load, "processor": processor}


def main():
    """Print a row per number of jobs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--jobs", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--fit", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.folder
    if options.fit is not None:
        print(json.dumps(fit(folder, options.fit)))
        return
    if not (folder / "windows.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_data(folder, options.share)
    for n_jobs in options.jobs:
        row = measured(folder, n_jobs)
        print(
            f"{n_jobs} jobs: {row['seconds']:.0f} s at a load of {row['load']:.1f}, "
            f"{row['processor']:.0f} s of processors, {row['own']:.0f} of them its own, "
            f"{row['memory']:.2f} GB of which "
            f"{row['data']:.2f} are the data, {row['workers']:.2f} GB the largest worker; "
            f"{row['factors']} factors, polygenic {row['polygenic']}, {row['effects']:.1f} effects "
            f"a gene, {row['within']:.3f} of the variance within explained",
            flush=True,
        )


if __name__ == "__main__":
    main()
