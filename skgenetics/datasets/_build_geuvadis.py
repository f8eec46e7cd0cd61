"""Write the bundled extract of GEUVADIS that ``load_geuvadis`` reads.

Run ``python -m skgenetics.datasets._build_geuvadis SOURCE_FOLDER [OUTPUT]``. The source folder
holds chromosome 22 as it comes with the QTLtools example files: geno.npz (``G``, samples x
variants, and ``id``), expr.npz (``E``, RPKM; ``PC``; ``gene``; ``start`` and ``end`` as in BED;
``strand``) and variants.parquet (chr, pos, ref, alt, af). The result is the same byte for byte on
every run with the same NumPy and zlib; it needs pandas and pyarrow, which nothing else here does.

How the genes are chosen
------------------------
1. Expression is rank-normalised per gene, the first 20 covariates (and an intercept) are regressed
   out of expression and of genotypes, and the residual of expression is rank-normalised again.
2. The signal of a gene is its lead chi2: n times the largest squared correlation with a variant
   within 250 kb of its start. 183 of the 608 genes exceed 30.
3. Every 35th of those 183, from the third strongest on, gives the five genes for comparison.
4. The strongest gene and six at equal steps of rank from the 184th to the last show the ends.

Kept are the variants within 100 kb of the start of any of these 12 genes.
"""

import sys
from pathlib import Path

import numpy as np

from skgenetics.datasets._geuvadis import rank_normalize

N_COVARIATES = 20
SCAN_WINDOW = 250_000
WINDOW = 100_000
SIGNAL = 30.0


def lead_chi2(
    genotypes: np.ndarray,
    positions: np.ndarray,
    expression: np.ndarray,
    starts: np.ndarray,
    covariates: np.ndarray,
) -> np.ndarray:
    """Return the largest n r^2 of each gene with the variants within SCAN_WINDOW of its start."""
    n_samples = len(genotypes)
    basis = np.linalg.qr(np.column_stack([np.ones(n_samples), covariates]))[0]
    lead = np.zeros(len(starts))
    for gene, start in enumerate(starts):
        near = np.abs(positions - start) <= SCAN_WINDOW
        if not near.any():
            continue
        x = genotypes[:, near].astype(float)
        x -= basis @ (basis.T @ x)
        y = rank_normalize(expression[:, gene])
        y = rank_normalize(y - basis @ (basis.T @ y))
        lead[gene] = n_samples * np.max((x.T @ y) ** 2 / ((x**2).sum(axis=0) * (y @ y)))
    return lead


def choose_genes(lead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the 12 genes and of the 5 for comparison among them."""
    order = np.argsort(-lead, kind="stable")
    n_signal = int(np.sum(lead > SIGNAL))
    comparison = order[:n_signal][2::35][:5]
    rest = order[np.linspace(n_signal, len(order) - 1, 6).round().astype(int)]
    return np.concatenate([order[:1], comparison, rest]), comparison


def build(source: str | Path, output: str | Path) -> None:
    """Read the folder `source` and write the extract to the file `output`."""
    import pandas as pd

    folder = Path(source)
    genotypes_file, expression_file = np.load(folder / "geno.npz"), np.load(folder / "expr.npz")
    variants = pd.read_parquet(folder / "variants.parquet")
    genotypes, positions = genotypes_file["G"], variants["pos"].to_numpy()
    covariates = expression_file["PC"][:, :N_COVARIATES]
    starts = expression_file["end"]  # BED counts from 0, so its end is the 1-based start

    lead = lead_chi2(genotypes, positions, expression_file["E"], starts, covariates)
    rank = np.empty(len(lead), dtype=np.int16)
    rank[np.argsort(-lead, kind="stable")] = np.arange(1, len(lead) + 1)
    chosen, comparison = choose_genes(lead)
    near = np.any(np.abs(positions[:, None] - starts[chosen]) <= WINDOW, axis=1)

    names = np.char.partition(expression_file["gene"], ".")
    np.savez_compressed(
        output,
        genotypes=np.ascontiguousarray(genotypes[:, near].T),  # one row per variant packs best
        sample_ids=genotypes_file["id"],
        variant_position=positions[near].astype(np.int32),
        variant_ref=variants["ref"].to_numpy(dtype="U1")[near],
        variant_alt=variants["alt"].to_numpy(dtype="U1")[near],
        expression=expression_file["E"][:, chosen],
        covariates=covariates,
        gene_id=names[chosen, 0],
        gene_version=names[chosen, 2].astype(np.int16),
        gene_start=starts[chosen].astype(np.int32),
        gene_strand=expression_file["strand"][chosen],
        gene_rank=rank[chosen],
        gene_lead_chi2=lead[chosen],
        comparison_genes=names[comparison, 0],
    )


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python -m skgenetics.datasets._build_geuvadis SOURCE_FOLDER [OUTPUT]")
    bundled = Path(__file__).parent / "data" / "geuvadis.npz"
    build(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else bundled)
