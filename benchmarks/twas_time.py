"""Print processor seconds of a TWAS of many genes in several tissues, on one thread.

    OMP_NUM_THREADS=1 python benchmarks/twas_time.py [--genes 10000] [--tissues 5] [--variants 15]

Genotypes of a panel of 500 people are in memory, in blocks of correlated variants. Each gene has
40 variants near it, of which a model takes `--variants` in each tissue; one in ten has no z and is
imputed. z are of a trait without effects, so that the share of p below .05 tells that the work was
done. The time is that of `twas`: variants are matched, covariances computed, z imputed, genes
tested in each tissue and jointly, tables made. Reading the files is not in it.
"""

import argparse
import time

import numpy as np
import pandas as pd

from skgenetics.association import ExpressionWeights, twas
from skgenetics.io import Genotypes

N_PEOPLE, NEAR = 500, 40


def panel(n_variants, rng):
    """Genotypes of correlated neighbors, and their variants."""
    X = np.empty((N_PEOPLE, n_variants), dtype=np.int8)
    for start in range(0, n_variants, NEAR):
        width = min(NEAR, n_variants - start)
        noise = rng.normal(size=(2, N_PEOPLE, width)).cumsum(axis=2) / np.sqrt(1 + np.arange(width))
        X[:, start : start + width] = (noise > rng.uniform(-0.5, 1, width)).sum(axis=0)
    place = np.arange(n_variants)
    per_chromosome = -(-n_variants // 22)
    variants = pd.DataFrame(
        {
            "chromosome": (1 + place // per_chromosome).astype(str),
            "base_pair_location": pd.array(1000 + 100 * (place % per_chromosome), dtype="Int64"),
            "variant_id": [f"rs{k}" for k in place],
            "effect_allele": "A",
            "other_allele": "G",
        }
    )
    people = pd.MultiIndex.from_product([["0"], [f"I{k}" for k in range(N_PEOPLE)]])
    people.names = ["FID", "IID"]
    return Genotypes(X, people, variants, counted_allele="A", source="panel", build="GRCh38")


def models(variants, n_genes, n_tissues, n_in_model, rng):
    """Weights of every gene in every tissue."""
    rows, genes, tissues = [], [], []
    for gene in range(n_genes):
        for tissue in range(n_tissues):
            rows.append(gene * NEAR + np.sort(rng.choice(NEAR, n_in_model, replace=False)))
            genes += [f"G{gene}"] * n_in_model
            tissues += [f"T{tissue}"] * n_in_model
    table = variants.iloc[np.concatenate(rows)].reset_index(drop=True)
    table = table.assign(gene=genes, tissue=tissues, weight=rng.normal(size=len(table)))
    return ExpressionWeights(
        table[["gene", "tissue"]].drop_duplicates(), table, build="GRCh38", source="models"
    )


def statistics(genotypes, rng):
    """z of a trait without effects, of nine variants in ten."""
    X = genotypes.values
    y = rng.normal(size=N_PEOPLE)
    center, deviation = X.mean(axis=0), X.std(axis=0)
    r = (X.T.astype(np.float32) @ (y - y.mean()).astype(np.float32)) / (N_PEOPLE * y.std())
    z = np.sqrt(N_PEOPLE) * r / np.where(deviation > 0, deviation, np.nan)
    table = genotypes.variants.assign(z=z, n=N_PEOPLE, effect_allele_frequency=center / 2)
    return table[np.arange(len(table)) % 10 > 0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--genes", type=int, default=10_000)
    parser.add_argument("--tissues", type=int, default=5)
    parser.add_argument("--variants", type=int, default=15, help="of a model")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    genotypes = panel(arguments.genes * NEAR, rng)
    weights = models(
        genotypes.variants, arguments.genes, arguments.tissues, arguments.variants, rng
    )
    sumstats = statistics(genotypes, rng)
    start, on_the_wall = time.process_time(), time.perf_counter()
    result = twas(sumstats, weights, genotypes)
    seconds, wall = time.process_time() - start, time.perf_counter() - on_the_wall
    tested = result.genes[result.genes["status"] == "ok"]
    print(
        f"{arguments.genes:,} genes x {arguments.tissues} tissues, {len(sumstats):,} z: "
        f"{seconds:.0f} s of the processor, {wall:.0f} s; {len(tested):,} tests, "
        f"{np.mean(tested['p_value'] < 0.05):.3f} of p below .05"
    )


if __name__ == "__main__":
    main()
