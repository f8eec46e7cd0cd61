"""Seconds of the headline operations, over what the machine's products and memory allow.

The speed of matrix products and of memory is measured in the same run, on one thread. The bound is
the slower of the two for the work that an operation must do at least; the last lines say how that
is counted. Files are set beside reading their bytes once.

    python benchmarks/limits.py [--scale 1] [--budget 3] [--only NAME ...] [--where]

Measured on one thread of an idle machine: 52 Gflop/s in float64, 102 in float32, 50 GB/s.

======================================================================  =======  =====
operation                                                               seconds  ratio
======================================================================  =======  =====
fine-mapping, 1,000 variants, float64                                     0.161  1,000
fine-mapping, 5,000 variants, float64                                     0.259     67
fine-mapping, 20,000 variants, float32                                     2.48     80
sampler, 1,000 variants, 400 draws                                       0.0985     46
the paper's steps by Adam, 1,000 variants, 200 fits at once                2.60    3.4
MMASHRegressor, 1,000 x 5,000 x 20, 20 sweeps                             0.775    4.5
single effects of 5 traits, 1,000 x 1,000                                  1.79     23
MILAGERegressor, 449 people, 500,000 variants, 5,000 genes, 28 tissues     21.6     19
cis part of a gene, 449 people, 2,817 variants, 28 tissues                0.602     49
LINA, an epoch, 50,000 x 10,000                                            14.0    3.1
importance of all pairs of 1,000 variants, 64 people                     0.0851    1.2
BiLRP factors, 64 people, 5,000 variants, 50 units                        0.152   0.93
reading PLINK, 2,000 x 20,000                                             0.154    160
reading BGEN, 10,000 x 1,000                                              0.137     66
reading summary statistics, 500,000 rows                                  0.187    110
twas, 400 genes in 10 tissues                                              1.09     18
======================================================================  =======  =====

The aim is 2 where one product dominates and 4 elsewhere. What is above it, where its time goes by
``--where`` (shares of functions, on a machine with other work), and what would be next:

fine-mapping, 1,000 variants, and the sampler
    The bound is for one look at the LD, or for the draws alone. Over half is work of p^3: a
    factorization that tells whether the LD is that of the scan, eigenvectors and quadratic forms of
    backgrounds. Next: what the eigenvectors give is factorized once more; take it from them.
fine-mapping, 5,000 and 20,000 variants
    Again the bound is for one look. Thirteen products with the LD take 40 to 45%, the check that it
    is a correlation matrix 20 to 50% (before it went by tiles, which are 1.7 and 3 times as fast).
    Next: nothing; sweeps follow each other.
MMASHRegressor
    A quarter gathers the columns of variants that still move, a seventh is the compiled update.
    Next: columns in place while most variants move.
single effects of 5 traits
    A quarter is the compiled update, a sixth weighs the people by the precision that a background
    gives, the rest are moments, eigenvectors and what the background is. Next: the weighted Gram
    matrix of a locus this small, once, in place of its genotypes.
MILAGERegressor
    No part has more than an eighth: floating copies of blocks, eigenvectors of folds, products with
    the kernel. The bound leaves out the start's lasso and principal components, which
    `bench_expression.py` counts. Next: several passes over each block that is made floating.
cis part of a gene
    Three quarters are the compiled descent. Some 850 variants have effects in this row, which is
    weaker a strength than folds choose. Next: sweeps without products where the working set is
    large.
LINA
    Three fifths are products, a seventh the loss by attention, element by element, the rest norms
    of the weights, penalties, and batches made floating. Next: the loss of a block in one pass.
reading PLINK
    Two fifths read the text of the .bim, the rest is bed-reader, which decodes call by call. Next:
    nothing here. A table of the four calls of each byte is faster, but a library that others keep
    well is used even where code of ours would be faster.
reading BGEN
    Two fifths are zlib, most of the rest makes dosages of probabilities. Next: nothing; another
    unpacker would be one more dependency.
reading summary statistics
    Four fifths turn text into numbers. Next: nothing; `read_sumstats.py` compares with pandas.
twas
    No function has more than a tenth: it is Python's calls on some tens of numbers. Next: all
    tissues of a gene at once.
"""

import argparse
import cProfile
import pstats
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from skgenetics.association import ExpressionWeights, GeneModel, twas
from skgenetics.io import Genotypes, read_bgen, read_plink, read_sumstats, sample_index

try:
    from .operations import (
        ON_HOST,
        Operation,
        best_seconds,
        correlated_dosages,
        measure_machine,
    )
    from .read_sumstats import write_table
except ImportError:
    from operations import ON_HOST, Operation, best_seconds, correlated_dosages, measure_machine
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


def bgen_reading(folder: Path, scale: float) -> Operation:
    """Read a BGEN file of 8 bits a probability, compressed by zlib, into float32."""
    n, p = 10_000, max(50, int(1000 * scale))
    path = folder / "x.bgen"
    n_bytes = write_bgen(path, n, p)
    genotypes = read_bgen(path)
    return Operation(
        f"reading BGEN, {n:,} x {p:,}",
        lambda: genotypes[:],
        0.0,
        path.stat().st_size + 2.0 * n_bytes + 4.0 * n * p,
        "float64",
        "compressed bytes are read, three per call written and read again, and four written: zlib "
        "unpacks some hundred MB per second, far below memory",
    )


def write_bgen(path: Path, n: int, p: int) -> int:
    """Write imputed dosages of some people and variants; return the bytes before compression."""
    rng = np.random.default_rng(0)
    head = struct.pack("<IHBB", n, 2, 2, 2) + bytes([2]) * n + bytes([0, 8])
    names = b"".join(struct.pack("<H", 8) + b"%08d" % i for i in range(n))
    blocks = []
    for j in range(p):
        calls = rng.binomial(2, rng.uniform(0.05, 0.5), size=n)
        doubt = np.where(rng.random(n) < 0.2, rng.integers(0, 100, n), 0)  # of 255
        numbers = np.stack([(calls == k) * (255 - doubt) for k in (0, 1)], axis=1)
        data = head + numbers.astype(np.uint8).tobytes()
        packed = zlib.compress(data)
        name = b"rs%d" % j
        blocks.append(struct.pack("<HH", 0, len(name)) + name + struct.pack("<H", 1) + b"1")
        blocks.append(struct.pack("<IHI", 1000 * j + 1, 2, 1) + b"A" + struct.pack("<I", 1) + b"C")
        blocks.append(struct.pack("<II", len(packed) + 4, len(data)) + packed)
    start = 20 + 8 + len(names)
    header = struct.pack("<IIII4sI", start, 20, p, n, b"bgen", 1 | 2 << 2 | 1 << 31)
    path.write_bytes(header + struct.pack("<II", 8 + len(names), n) + names + b"".join(blocks))
    return (len(head) + 2 * n) * p


def twas_tests(_: Path, scale: float) -> Operation:
    """Test genes in ten tissues, with the LD of a panel."""
    n, n_genes, n_tissues, n_model = 500, max(20, int(400 * scale)), 10, 15
    near = 40  # variants from one gene to the next
    p = near * n_genes
    variants = pd.DataFrame(
        {
            "chromosome": "1",
            "base_pair_location": pd.array(1000 * np.arange(1, p + 1), dtype="Int64"),
            "variant_id": [f"1_{1000 * (j + 1)}_C_A" for j in range(p)],
            "effect_allele": "A",
            "other_allele": "C",
        }
    )
    people = sample_index(None, [f"I{i}" for i in range(n)])
    rng = np.random.default_rng(0)
    panel = Genotypes(
        correlated_dosages(n, p), people, variants, counted_allele="A", source="panel"
    )
    models, union = [], 0
    for g in range(n_genes):
        window = np.arange(max(0, near * (g - 1)), min(p, near * (g + 2)))
        chosen = [np.sort(rng.choice(window, n_model, replace=False)) for _ in range(n_tissues)]
        union += len(np.unique(chosen)) ** 2
        models += [
            GeneModel(f"G{g}", variants.iloc[rows], rng.normal(size=n_model), tissue=f"T{t}")
            for t, rows in enumerate(chosen)
        ]
    weights = ExpressionWeights.from_models(models)
    sumstats = variants.assign(z=rng.normal(size=p), n=1e5)
    return Operation(
        f"twas, {n_genes:,} genes in {n_tissues} tissues",
        lambda: twas(sumstats, weights, panel, n_jobs=1),
        2.0 * n * union,
        9.0 * n * p + 8.0 * union,
        "float64",
        "dosages of the panel are made floating, and those of each gene multiplied by each other",
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


def where(operation: Operation, most: int = 4) -> str:
    """Return the functions that hold the most of an operation's time, callees not counted."""
    profile = cProfile.Profile()
    profile.runcall(operation.call)
    times = {
        f"{Path(file).stem}.{name}" if line else name.strip("<>"): seconds
        for (file, line, name), (_, _, seconds, _, _) in pstats.Stats(profile).stats.items()
    }
    total = sum(times.values())
    largest = sorted(times, key=times.__getitem__, reverse=True)[:most]
    return ", ".join(f"{name} {times[name] / total:.0%}" for name in largest)


FROM_FILES = (plink_reading, bgen_reading, sumstats_reading, twas_tests)


def main() -> None:
    """Print a row per operation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--budget", type=float, default=3.0, help="seconds for repeats of each")
    parser.add_argument("--only", nargs="+", help="names of functions of operations.py")
    parser.add_argument("--where", action="store_true", help="also say where the time goes")
    arguments = parser.parse_args()
    chosen = [
        make
        for make in (*ON_HOST, *FROM_FILES)
        if arguments.only is None or make.__name__ in arguments.only
    ]
    counts = []
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        machine = measure_machine(np.asarray, lambda: None, min(1.0, arguments.scale))
        speeds = ", ".join(f"{f / 1e9:.0f} Gflop/s in {d}" for d, f in machine.flops.items())
        print(f"One thread: {speeds}, {machine.memory / 1e9:.1f} GB/s")
        print(f"{'operation':<72}{'seconds':>9}{'bound':>9}{'ratio':>8}")
        for make in chosen:
            operation = make(Path(folder) if make in FROM_FILES else np.asarray, arguments.scale)
            seconds = best_seconds(operation.call, lambda: None, arguments.budget)
            bound = machine.bound(operation)
            ratio = seconds / bound
            print(f"{operation.name:<72}{seconds:>9.3g}{bound:>9.2g}{ratio:>8.3g}", flush=True)
            if arguments.where:
                print(f"    {where(operation)}", flush=True)
            counts.append(f"{operation.name}: {operation.count}.")
    print("\nCounted:", *counts, sep="\n")


if __name__ == "__main__":
    main()
