"""Seconds, processor seconds and memory of reading two million summary statistics, over pandas'.

Ours are read from the table that pandas reads, and from a GWAS-VCF of the same values. Each reader
runs in a process of its own. Memory is the peak above that of the imports. Ours parses in a thread,
so that an idle machine of two cores gives the seconds that count.

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
    frame = pd.DataFrame(table)
    frame.to_csv(path, sep="\t", index=False)
    return frame


def write_vcf(path, frame):
    """Write the table as GWAS-VCF."""
    names = ["chromosome", "base_pair_location", "rsid", "other_allele", "effect_allele", "beta"]
    names += ["standard_error", "p_value", "effect_allele_frequency", "n"]
    with open(path, "w") as file:
        file.write("##fileformat=VCFv4.2\n")
        file.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tTRAIT\n")
        for c, place, rsid, ref, alt, b, se, p, f, n in zip(*(frame[name] for name in names)):
            file.write(f"{c}\t{place}\t{rsid}\t{ref}\t{alt}\t.\tPASS\t.\tES:SE:LP:AF:SS:ID\t")
            file.write(f"{b}:{se}:{-np.log10(float(p)):.4g}:{f}:{n}:{rsid}\n")


def peak_memory():
    """Return the peak memory of this process in megabytes (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def read_once(reader, path):
    """Print seconds, processor seconds and megabytes of one reading."""
    from skgenetics.io import read_sumstats

    read = (lambda file: pd.read_csv(file, sep="\t")) if reader == "pandas" else read_sumstats
    before = peak_memory()
    start, cpu_start = time.perf_counter(), time.process_time()
    read(path)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    print(seconds, cpu, peak_memory() - before)


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
        table, vcf = Path(folder) / "gwas.tsv", Path(folder) / "gwas.vcf"
        write_vcf(vcf, write_table(table, arguments.rows))
        files = {"pandas": table, "ours": table, "GWAS-VCF": vcf}
        runs: dict[str, list[list[float]]] = {reader: [] for reader in files}
        for _ in range(arguments.repeats):  # in turns, since a busy machine slows all
            for reader, measured in runs.items():
                command = [sys.executable, __file__, "--once", reader, str(files[reader])]
                words = subprocess.check_output(command, text=True).split()
                measured.append([float(word) for word in words])
        results = {reader: np.min(measured, axis=0) for reader, measured in runs.items()}
        for reader, (seconds, cpu, megabytes) in results.items():
            ratios = ", ".join(f"{ratio:.2f}" for ratio in results[reader] / results["pandas"])
            print(
                f"{reader:>8}  {seconds:.2f} s  {cpu:.2f} s of processors  {megabytes:.0f} MB:  "
                f"{ratios} times pandas'  ({arguments.rows:,} rows)"
            )


if __name__ == "__main__":
    main()
