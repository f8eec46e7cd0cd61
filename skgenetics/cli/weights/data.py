"""The user's files, or the bundled data, as genes to train weights of."""

import argparse
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import KFold

from skgenetics.cli.genotypes import bundled_genotypes, in_genome_order, open_genotypes
from skgenetics.cli.tissues import of_people, read_covariates, shared_covariates, tissue_files
from skgenetics.datasets import load_geuvadis
from skgenetics.expression import cis_windows_from_positions
from skgenetics.io import Genotypes, match_samples, read_expression, read_table
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_DEMO_WINDOW = 100_000
_DEMO_TISSUE = "LCL"


@dataclass(frozen=True)
class Covariates:
    """Covariates of each tissue, and those that all tissues share."""

    tables: list[np.ndarray]  # (people, covariates) of each tissue, NaN if one is not known
    shared: np.ndarray  # (people, covariates)


@dataclass(frozen=True)
class Study:
    """Genes, and the people whose expression and genotypes are known."""

    genotypes: Genotypes  # people x variants in the order of the genome
    genes: "pd.DataFrame"  # gene_id, symbol, chromosome, start, end, strand
    windows: np.ndarray  # (genes, 2) first and past-last column of each
    expression: np.ndarray  # (people, genes, tissues)
    tissues: list[str]
    covariates: Covariates
    fold: np.ndarray  # (people,)
    build: str
    lines: list[str]


def load_demo(arguments: argparse.Namespace) -> Study:
    """Return six genes of the bundled GEUVADIS extract as a `Study`."""
    pd = import_optional("pandas", extra="dataframe")
    data = load_geuvadis()
    genotypes = bundled_genotypes(data)
    names = [*data.comparison_genes, data.target_names[-1]]  # the last one without a signal
    rows = [data.target_names.index(name) for name in names]
    genes = pd.DataFrame(dict(data.genes)).iloc[rows].reset_index(drop=True)
    lines = [
        f"A demonstration: expression of {len(rows)} genes and genotypes of {len(data.target)} "
        f"Europeans (GEUVADIS, {data.build}).",
        "Your own data:  skgenetics weights --bfile study --pheno liver.bed.gz --covar "
        "covariates.tsv --build GRCh38 --out my_weights",
        "",
    ]
    given = argparse.Namespace(**vars(arguments) | {"window": _DEMO_WINDOW, "build": data.build})
    table = [(pd.DataFrame(data.covariates, genotypes.samples), f"{data.covariates.shape[1]} PCs")]
    expression = data.target[:, rows][:, :, None]
    return _study(given, genotypes, genes, expression, [_DEMO_TISSUE], [table], lines)


def load_files(arguments: argparse.Namespace) -> Study:
    """Return the user's files as a `Study`; `arguments` are those of the command."""
    lines: list[str] = []
    paths = tissue_files(arguments.pheno)
    genotypes = open_genotypes(arguments)
    tables = read_covariates(arguments.covar or [], list(paths), genotypes.samples)
    expression = read_expression(paths, genes=arguments.pheno_name)
    if expression.genes["start"].isna().any():
        gene = expression.genes["gene_id"][expression.genes["start"].isna()].iloc[0]
        raise ValueError(
            f"--pheno does not say where {gene} lies: expected BED files, with chr, start, end and "
            "gene_id before the people."
        )
    sources: dict[str, Any] = {genotypes.source: genotypes.samples, "--pheno": expression.samples}
    if arguments.keep:
        sources["--keep"] = read_table(arguments.keep, kind="people").index
    positions, dropped = match_samples(**sources)
    rows = positions[genotypes.source]
    lines += [
        "People (matched by name): "
        + ", ".join(f"{len(index)} in {name}" for name, index in sources.items())
        + f"; {len(rows)} are in all of them.",
        "  Dropped: " + ", ".join(f"{count} of {name}" for name, count in dropped.items()),
    ]
    values = expression.data[positions["--pheno"]]
    data = genotypes.select(rows), expression.genes, values
    return _study(arguments, *data, list(paths), tables, lines)


def _study(
    arguments: argparse.Namespace,
    genotypes: Genotypes,
    genes: "pd.DataFrame",
    expression: np.ndarray,
    tissues: list[str],
    tables: "list[list[tuple[pd.DataFrame, str]]]",
    lines: list[str],
) -> Study:
    """Return a study of the people whose covariates are complete in some tissue."""
    pd = import_optional("pandas", extra="dataframe")
    expression = expression.copy()
    frames = []
    for t, (tissue, of_tissue) in enumerate(zip(tissues, tables, strict=True)):
        parts = [of_people(table, name, genotypes) for table, name in of_tissue]
        frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=genotypes.samples)
        repeated = frame.columns[frame.columns.duplicated()]
        if len(repeated):
            raise ValueError(f"--covar gives {tissue} the covariate {repeated[0]} twice.")
        measured = np.isfinite(expression[:, :, t]).any(axis=1)
        complete = np.isfinite(frame.to_numpy(dtype=float)).all(axis=1)
        expression[~complete, :, t] = np.nan
        n_lost = int((measured & ~complete).sum())
        lost = f"; {n_lost} more lack a covariate" if n_lost else ""
        lines.append(
            f"  {tissue}: {(measured & complete).sum()} people, "
            f"{count_of(frame.shape[1], 'covariate')}{lost}"
        )
        frame[~complete] = np.nan
        frames.append(frame)
    used = np.isfinite(expression).any(axis=(1, 2))
    if used.sum() < 4 * arguments.folds:
        raise ValueError(
            f"{used.sum()} people have genotypes, expression and covariates; {arguments.folds} "
            f"folds need at least {4 * arguments.folds}."
        )
    covariates = Covariates(
        [frame.to_numpy(dtype=float)[used] for frame in frames],
        shared_covariates(frames).to_numpy()[used],
    )
    genotypes = in_genome_order(genotypes.select(np.flatnonzero(used)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of genes without variants: a line and rows say it
        windows = cis_windows_from_positions(
            genes, genotypes.variants, arguments.window, anchor=arguments.anchor
        )
    _check_windows(windows, genes, genotypes, arguments)
    sizes = np.diff(windows[windows[:, 1] > windows[:, 0]])
    lines += [
        f"  {count_of(len(genes), 'gene')}, {_span(sizes)} "
        f"({arguments.window:,} base pairs around the {_anchor(arguments)}, {arguments.build}, "
        f"{genotypes.counted_allele} counted)",
        f"  {arguments.folds}-fold cross-validation over {used.sum()} people, the shares of models "
        f"found inside the training folds, seed {arguments.seed}",
    ]
    return Study(
        genotypes=genotypes,
        genes=genes,
        windows=windows,
        expression=expression[used],
        tissues=tissues,
        covariates=covariates,
        fold=_folds(int(used.sum()), arguments.folds, arguments.seed),
        build=arguments.build,
        lines=lines,
    )


def _check_windows(
    windows: np.ndarray, genes: "pd.DataFrame", genotypes: Genotypes, arguments: Any
) -> None:
    """Raise ValueError if no gene has a variant near it."""
    if (windows[:, 1] == windows[:, 0]).all():
        raise ValueError(
            f"No variant of {genotypes.source} lies within {arguments.window:,} base pairs of the "
            f"{_anchor(arguments)} of any gene, such as {genes['gene_id'].iloc[0]} on "
            f"{genes['chromosome'].iloc[0]}: are chromosomes and build the same?"
        )


def _span(sizes: np.ndarray) -> str:
    """Return numbers of variants in words."""
    low, high = int(sizes.min()), int(sizes.max())
    return count_of(high, "variant") if low == high else f"{low:,}-{high:,} variants each"


def _anchor(arguments: argparse.Namespace) -> str:
    """Return what windows are about, in words."""
    return {"tss": "transcription start", "body": "gene"}[arguments.anchor]


def _folds(n_people: int, n_folds: int, seed: int) -> np.ndarray:
    """Return the fold in which each person is tested."""
    fold = np.empty(n_people, dtype=int)
    splits = KFold(n_folds, shuffle=True, random_state=seed).split(fold)
    for number, (_, test) in enumerate(splits):
        fold[test] = number
    return fold
