"""Seconds of the headline operations, over what the machine's products and memory allow.

The speed of matrix products and of memory is measured in the same run, on one thread. The bound is
the slower of the two for the work that an operation must do at least; the last lines say how that
is counted. Files are set beside reading their bytes once.

    python benchmarks/limits.py [--scale 1] [--budget 3] [--only NAME ...]

Measured on one thread of an idle machine: 52 Gflop/s in float64, 102 in float32, 50 GB/s. Ratios
are within 2 where one product dominates (BiLRP, importances). LINA makes its inputs floating batch
by batch. Fine-mapping takes many sweeps, restarts and checks, and the bound is for one look at the
LD; of 1,000 variants the default samples. That of MILAGERegressor leaves out the start's lasso and
principal components, which `bench_expression.py` counts. Files are parsed, not copied. The next
steps are the operations of the largest ratios.

======================================================================  =======  =====
operation                                                               seconds  ratio
======================================================================  =======  =====
fine-mapping, 1,000 variants, float64                                     0.202  1,300
fine-mapping, 5,000 variants, float64                                     0.269     67
fine-mapping, 20,000 variants, float32                                     2.53     79
sampler, 1,000 variants, 400 draws                                        0.101     47
the paper's steps by Adam, 1,000 variants, 200 fits at once                2.87    3.7
MMASHRegressor, 1,000 x 5,000 x 20, 20 sweeps                             0.852    4.9
single effects of 5 traits, 1,000 x 1,000                                  1.91     25
MILAGERegressor, 449 people, 500,000 variants, 5,000 genes, 28 tissues     22.1     20
cis part of a gene, 449 people, 2,817 variants, 28 tissues                0.284     23
LINA, an epoch, 50,000 x 10,000                                            14.4    3.3
importance of all pairs of 1,000 variants, 64 people                     0.0869    1.3
BiLRP factors, 64 people, 5,000 variants, 50 units                        0.155   0.95
reading PLINK, 2,000 x 20,000                                             0.184    180
reading summary statistics, 500,000 rows                                  0.141     82
======================================================================  =======  =====
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from skgenetics.io import read_plink, read_sumstats

try:
    from .operations import ON_HOST, Operation, best_seconds, measure_machine
    from .read_sumstats import write_table
except ImportError:
    from operations import ON_HOST, Operation, best_seconds, measure_machine
    from read_sumstats import write_table


def plink_reading(folder: Path, scale: float) -> Operation:
    """Read a PLINK file into int8."""
    from bed_reader import to_bed

    n, p = 2000, max(200, int(20_000 * scale))
    path = folder / "x.bed"
    to_bed(path, np.random.default_rng(0).integers(0, 3, size=(n, p)).astype(np.int8))
    return Operation(
        f"reading PLINK, {n:,} x {p:,}",
        lambda: read_plink(path.with_suffix(""))[:],
        0.0,
        path.stat().st_size + 1.0 * n * p,
        "float64",
        "two bits per call are read, and eight written",
    )


def sumstats_reading(folder: Path, scale: float) -> Operation:
    """Read summary statistics of ten columns."""
    rows = max(2000, int(500_000 * scale))
    path = folder / "gwas.tsv"
    write_table(path, rows)
    return Operation(
        f"reading summary statistics, {rows:,} rows",
        lambda: read_sumstats(path),
        0.0,
        path.stat().st_size + 8.0 * 13 * rows,
        "float64",
        "the text is read, and 13 columns of 8 bytes written: text is parsed at some hundred MB "
        "per second at best, far below memory",
    )


def main() -> None:
    """Print a row per operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for repeats of each")
    parser.add_argument("--only", nargs="+", help="names of functions of operations.py")
    arguments = parser.parse_args()
    chosen = [
        make
        for make in (*ON_HOST, plink_reading, sumstats_reading)
        if arguments.only is None or make.__name__ in arguments.only
    ]
    counts = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        machine = measure_machine(np.asarray, lambda: None, min(1.0, arguments.scale))
        speeds = ", ".join(f"{f / 1e9:.0f} Gflop/s in {d}" for d, f in machine.flops.items())
        print(f"One thread: {speeds}, {machine.memory / 1e9:.1f} GB/s")
        print(f"{'operation':<72}{'seconds':>9}{'bound':>9}{'ratio':>8}")
        for make in chosen:
            from_file = make in (plink_reading, sumstats_reading)
            operation = make(Path(folder) if from_file else np.asarray, arguments.scale)
            seconds = best_seconds(operation.call, lambda: None, arguments.budget)
            bound = machine.bound(operation)
            ratio = seconds / bound
            print(f"{operation.name:<72}{seconds:>9.3g}{bound:>9.2g}{ratio:>8.3g}", flush=True)
            counts.append(f"{operation.name}: {operation.count}.")
    print("\nCounted:", *counts, sep="\n")


if __name__ == "__main__":
    main()
