"""Print pairs per second of InteractionScan beside PLINK's --fast-epistasis, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/interaction_scan.py [--repeats 3]

Genotypes are random, half of the people are cases, and pairs of p < 1e-4 are reported. Of a
quantitative trait PLINK's fast tests do not take, it has --epistasis, timed on 1,000 variants.
Dosages that are no hard calls are scanned by products of matrices. PLINK is timed whole, with
reading its files; ours begins at an array. Processor time, medians of alternating runs.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from skgenetics.preprocessing import InteractionScan

SIZES = (500, 10_000), (2_000, 10_000), (10_000, 10_000)  # people, variants
FEW = 1_000  # variants of a slow scan


def write_plink(folder, X, y):
    """Write genotypes and a trait as PLINK files d.bed, d.bim and d.fam."""
    codes = np.array([3, 2, 0], dtype=np.uint8)[X].T
    codes = np.pad(codes, ((0, 0), (0, -len(X) % 4))).reshape(X.shape[1], -1, 4)
    packed = (codes * np.array([1, 4, 16, 64], dtype=np.uint8)).sum(axis=2, dtype=np.uint8)
    (folder / "d.bed").write_bytes(bytes([0x6C, 0x1B, 1]) + packed.tobytes())
    width = X.shape[1] // 20 + 1  # variants of a chromosome
    variants = [f"{1 + j // width} rs{j} 0 {1000 * j + 1} A G\n" for j in range(X.shape[1])]
    (folder / "d.bim").write_text("".join(variants))
    people = [f"f{i} i{i} 0 0 1 {label}\n" for i, label in enumerate(y)]
    (folder / "d.fam").write_text("".join(people))


def plink_seconds(folder, *mode):
    """Return processor seconds of a scan by PLINK."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["plink1.9", "--bfile", "d", *mode, "--epi1", "1e-4"]
    command += ["--allow-no-sex", "--threads", "1", "--out", "d"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def our_seconds(X, y):
    """Return processor seconds of a scan by InteractionScan."""
    start = time.process_time()
    InteractionScan().fit(X, y)
    return time.process_time() - start


def main():
    """Print a row per size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    if shutil.which("plink1.9") is None:
        parser.error("plink1.9 is not installed; it is a package of Debian.")
    for n, m in SIZES:
        rng = np.random.default_rng(0)
        X = rng.binomial(2, rng.uniform(0.05, 0.5, m), size=(n, m)).astype(np.int8)
        y, trait = rng.permutation(np.arange(n) % 2), rng.normal(size=n)
        dosages = X[:, : m // 2] + np.float32(0.001)
        for values in (y, trait):  # compiled
            InteractionScan().fit(X[:, :100], values)
            InteractionScan().fit(dosages[:, :100], values)
        with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as few:
            write_plink(Path(name), X, 1 + y)
            write_plink(Path(few), X[:, :FEW], trait)
            seconds = [
                (
                    our_seconds(X, y),
                    our_seconds(X, trait),
                    our_seconds(dosages, trait),
                    plink_seconds(name, "--fast-epistasis"),
                    plink_seconds(name, "--fast-epistasis", "boost"),
                    plink_seconds(few, "--epistasis"),
                )
                for _ in range(arguments.repeats)
            ]
        variants = np.array([m, m, m // 2, m, m, FEW])
        rates = variants * (variants - 1) / 2e6 / np.array(seconds)
        cases, trait_, dosages_, fast, boost, linear = np.median(rates, axis=0)
        print(
            f"{n} people, {m} variants; million pairs per second: cases {cases:.1f}, quantitative "
            f"{trait_:.1f}, of dosages {dosages_:.1f}; --fast-epistasis {fast:.2f}, boost "
            f"{boost:.2f}, --epistasis {linear:.3f}; over --fast-epistasis: cases "
            f"{np.median(rates[:, 0] / rates[:, 3]):.1f}, quantitative "
            f"{np.median(rates[:, 1] / rates[:, 3]):.1f} times",
            flush=True,
        )


if __name__ == "__main__":
    main()
