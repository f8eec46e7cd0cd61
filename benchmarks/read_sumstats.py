"""Time and memory of reading two million summary statistics, over those of pandas.

Each reader runs in a process of its own. Memory is the peak above that of the imports.

    python benchmarks/read_sumstats.py [--rows 2000000] [--repeats 3]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import norm


def write_table(path, n_rows):
    """Write a GWAS-SSF table of ten columns."""
    rng = np.random.default_rng(0)
    beta, se = 0.02 * rng.normal(size=n_rows), rng.uniform(0.005, 0.02, n_rows)
    bases = rng.integers(0, 4, n_rows)
    table = {
        "chromosome": np.sort(rng.integers(1, 23, n_rows)),
        "base_pair_location": rng.integers(1, 200_000_000, n_rows),
        "effect_allele": np.array(list("ACGT"))[bases],
        "other_allele": np.array(list("CGTA"))[bases],
        "beta": beta.round(6),
        "standard_error": se.round(6),
        "effect_allele_frequency": rng.uniform(size=n_rows).round(4),
        "p_value": [f"{p:.4g}" for p in 2 * norm.sf(np.abs(beta / se))],
        "rsid": [f"rs{k}" for k in rng.integers(1, 10**9, n_rows)],
        "n": rng.integers(100_000, 200_000, n_rows),
    }
    pd.DataFrame(table).to_csv(path, sep="\t", index=False)


def peak_memory():
    """Return the peak memory of this process in megabytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def read_once(reader, path):
    """Print seconds of processor time, and megabytes, of one reading."""
    from skgenetics.io import read_sumstats

    read = read_sumstats if reader == "ours" else lambda file: pd.read_csv(file, sep="\t")
    before = peak_memory()
    start = time.process_time()
    read(path)
    seconds = time.process_time() - start
    print(seconds, peak_memory() - before)


def main():
    """Print a row for each reader, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--once", nargs=2)
    arguments = parser.parse_args()
    if arguments.once:
        read_once(*arguments.once)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gwas.tsv"
        write_table(path, arguments.rows)
        runs: dict[str, list[list[float]]] = {"pandas": [], "ours": []}
        for _ in range(arguments.repeats):  # in turns, since a busy machine slows both
            for reader, measured in runs.items():
                command = [sys.executable, __file__, "--once", reader, str(path)]
                words = subprocess.check_output(command, text=True).split()
                measured.append([float(word) for word in words])
        results = {reader: np.min(measured, axis=0) for reader, measured in runs.items()}
        for reader, (seconds, megabytes) in results.items():
            print(f"{reader:>8}  {seconds:.2f} s  {megabytes:.0f} MB")
        time_ratio, memory_ratio = results["ours"] / results["pandas"]
        print(f"   ratio  {time_ratio:.2f}    {memory_ratio:.2f}  ({arguments.rows:,} rows)")


if __name__ == "__main__":
    main()
