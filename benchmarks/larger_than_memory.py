"""Memory and time of fits on genotypes that stay on disk: 100,000 people and 50,000 variants.

As int8 these genotypes are 5 GB, in single precision 20 GB; the PLINK file, which is simulated
first, has 1.25 GB. Each fit runs in a process of its own, whose largest resident memory and
processor seconds are printed.

    python benchmarks/larger_than_memory.py FOLDER [--people 100000] [--variants 50000] [--only ..]

FOLDER keeps the file for another run.
"""

import argparse
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from skgenetics import FinemapMiXeR, LINARegressor, MMASHRegressor
from skgenetics.compose import CovariateAdjustedRegressor
from skgenetics.io import Genotypes, read_plink, with_covariates

BLOCK = 250  # variants written at a time
SWEEPS = 2  # over all variants, of the fits of three traits


def simulate(prefix: Path, n: int, p: int) -> None:
    """Write PLINK files of unrelated people and variants in equilibrium, minor alleles counted."""
    rng = np.random.default_rng(0)
    codes = np.array([3, 2, 0], dtype=np.uint8)  # of 0, 1 and 2 copies of A1
    shifts = np.array([1, 4, 16, 64], dtype=np.uint8)  # of four people in a byte
    with open(prefix.with_suffix(".bed"), "wb") as file:
        file.write(b"\x6c\x1b\x01")
        for start in range(0, p, BLOCK):
            width = min(BLOCK, p - start)
            limit = rng.integers(13, 128, size=(width, 1), dtype=np.uint8)  # of 256
            calls = sum(
                (rng.integers(0, 256, size=(width, n), dtype=np.uint8) < limit).astype(np.int8)
                for _ in range(2)
            )
            packed = np.zeros((width, -(-n // 4) * 4), dtype=np.uint8)
            packed[:, :n] = codes[calls]
            file.write(
                (packed.reshape(width, -1, 4) * shifts).sum(axis=2, dtype=np.uint8).tobytes()
            )
    people = (f"0 i{i} 0 0 0 -9\n" for i in range(n))
    variants = (f"1 rs{j} 0 {1000 * j + 1} A C\n" for j in range(p))
    prefix.with_suffix(".fam").write_text("".join(people))
    prefix.with_suffix(".bim").write_text("".join(variants))


def traits_of(genotypes: Genotypes) -> np.ndarray:
    """Return three traits of the same 20 variants, of a heritability of .4, .2 and 0."""
    rng = np.random.default_rng(1)
    causal = rng.choice(min(2000, genotypes.shape[1]), 20, replace=False)
    G = genotypes[:, causal].astype(float)
    genetic = (G - G.mean(axis=0)) @ rng.normal(size=20)
    noise = rng.normal(size=(len(genetic), 3))
    return np.sqrt([0.4, 0.2, 0.0]) * (genetic / genetic.std())[:, None] + noise


def lina(genotypes: Genotypes) -> str:
    """An epoch of partial_fit."""
    y = traits_of(genotypes)[:, 0]
    model = LINARegressor(random_state=0).partial_fit(genotypes, y)
    return f"loss {model.loss_curve_[-1]:.3f}"


def finemapping(genotypes: Genotypes) -> str:
    """A region of 2,000 variants."""
    region = genotypes.select(columns=slice(0, 2000))
    model = FinemapMiXeR(max_effects=30).fit(region, traits_of(genotypes)[:, 0])
    return f"{len(model.credible_sets_)} credible sets"


def many_traits(genotypes: Genotypes) -> str:
    """Three traits on all variants."""
    model = MMASHRegressor(max_iter=SWEEPS).fit(genotypes, traits_of(genotypes))
    return f"{int((model.lfsr_ < 0.05).any(axis=0).sum())} variants of lfsr < .05"


def adjusted(genotypes: Genotypes) -> str:
    """The same, adjusted for ten covariates that are read with the variants."""
    import pandas as pd

    Y = traits_of(genotypes)
    C = np.random.default_rng(2).normal(size=(len(Y), 10)) + 0.3 * Y[:, :1]
    frame = pd.DataFrame(C, columns=[f"pc{k}" for k in range(10)])
    joined = with_covariates(genotypes, frame)
    model = CovariateAdjustedRegressor(
        MMASHRegressor(max_iter=SWEEPS), covariates=list(frame.columns)
    ).fit(joined, Y)
    return f"{int((model.regressor_.lfsr_ < 0.05).any(axis=0).sum())} variants of lfsr < .05"


PARTS = {part.__name__: part for part in (lina, finemapping, many_traits, adjusted)}


def main() -> None:
    """Simulate the file where it is absent, and run each fit in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--variants", type=int, default=50_000)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--here", action="store_true", help="run the one fit in this process")
    arguments = parser.parse_args()
    n, p = arguments.people, arguments.variants
    prefix = arguments.folder / f"people{n}_variants{p}"
    if not prefix.with_suffix(".bim").is_file():
        simulate(prefix, n, p)
    if not arguments.here:
        for name in arguments.only:
            settings = ["--people", str(n), "--variants", str(p), "--only", name, "--here"]
            subprocess.run([sys.executable, __file__, arguments.folder, *settings], check=True)
        return
    warnings.simplefilter("ignore")  # of few sweeps
    [name] = arguments.only
    start = time.process_time()
    result = PARTS[name](read_plink(prefix))
    seconds = time.process_time() - start
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{name:<12} {gigabytes:5.2f} GB  {seconds:7.0f} s  {result}", flush=True)


if __name__ == "__main__":
    main()
