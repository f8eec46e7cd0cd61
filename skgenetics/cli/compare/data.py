"""The bundled data and the user's files, as tasks."""

import argparse
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.cli.compare.people import match_people
from skgenetics.cli.compare.relatives import relatives_in_different_folds
from skgenetics.cli.compare.tasks import Genes, Study, Task, make_tasks
from skgenetics.cli.genotypes import (
    bundled_genotypes,
    in_genome_order,
    only_listed,
    only_varying,
    open_genotypes,
)
from skgenetics.datasets import load_geuvadis
from skgenetics.expression import cis_windows_from_positions
from skgenetics.io import Genotypes, unify_chromosomes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_MANY_VARIANTS, _MANY_TRAITS = 20_000, 50
_WINDOW, _BUNDLED_WINDOW = 1_000_000, 100_000  # base pairs around the starts of genes


def load_bundled(*, folds: int, seed: int) -> Study:
    """Return the bundled GEUVADIS extract as a `Study`."""
    pd = import_optional("pandas", extra="dataframe")
    data = load_geuvadis()
    rows = [data.target_names.index(gene) for gene in data.comparison_genes]
    genes = pd.DataFrame(dict(data.genes)).iloc[rows]
    genotypes = bundled_genotypes(data)
    names = [f"PC{k + 1}" for k in range(data.covariates.shape[1])]
    tasks, joint = tasks_of_genes(
        genotypes,
        pd.DataFrame(data.target[:, rows], genotypes.samples, data.comparison_genes),
        pd.DataFrame(data.covariates, genotypes.samples, names),
        genes,
        window=_BUNDLED_WINDOW,
        n_folds=folds,
        seed=seed,
    )
    sizes = [task.n_variants for task in tasks]
    frequency = data.variants.effect_allele_frequency
    lowest = np.floor(100 * np.minimum(frequency, 1 - frequency).min()) / 100
    lines = [
        f"No files given, so this uses the bundled GEUVADIS extract: gene expression and genotypes "
        f"of {genotypes.shape[0]} Europeans.",
        "Your own data:  skgenetics compare --bfile study --pheno traits.tsv "
        "--covar covariates.tsv --out my_run",
        "",
        f"  {len(tasks)} genes, {min(sizes)}-{max(sizes)} variants each (100 kb around the gene "
        f"start, MAF >= {lowest:.2f}, {data.build}, {data.counted_allele} allele counted)",
        f"  {data.covariates.shape[1]} covariates regressed out of expression and genotypes "
        "inside each fold",
        f"  {folds}-fold cross-validation over people, settings chosen inside the training folds, "
        f"seed {seed}",
        "  Genes were picked by their signal in these people: compare the columns, do not quote "
        "the R2.",
        "  Models of several traits take the genes as traits, which only demonstrates them: genes "
        "far apart share little.",
    ]
    return Study(tasks, "gene", lines, data.build, joint)


def load_files(arguments: argparse.Namespace) -> Study:
    """Return the user's files as a `Study`; `arguments` are those of the command."""
    lines: list[str] = []
    people = match_people(open_genotypes(arguments), arguments, lines)
    genotypes = people.genotypes
    if arguments.extract:
        genotypes = only_listed(genotypes, arguments.extract, lines)
    genotypes = only_varying(genotypes, arguments.maf, lines)
    data = genotypes, people.phenotypes.table, people.covariates
    settings = {"n_folds": arguments.folds, "seed": arguments.seed, "groups": people.groups}
    genes, n_tissues = people.phenotypes.genes, len(people.phenotypes.tissues)
    window = arguments.window or _WINDOW
    if genes is None:
        tasks, joint = make_tasks(*data, **settings)
    else:
        tasks, joint = tasks_of_genes(
            *data,
            genes,
            window=window,
            n_tissues=n_tissues,
            own_covariates=people.own,
            lines=lines,
            **settings,
        )
    study = Study(
        tasks, "trait" if genes is None else "gene", lines, genotypes.build or "unknown", joint
    )
    lines += [_describe(task) for task in tasks[:_MANY_TRAITS]]
    lines.append(_sizes(study, n_tissues, window, genotypes.counted_allele))
    n_own = [table.shape[1] for table in people.own]
    lines += _procedure(arguments, people.covariates.shape[1], n_own)
    lines += _warnings_of_size(study)
    lines += relatives_in_different_folds(tasks[0], arguments.seed, people.groups is not None)
    return study


def tasks_of_genes(
    genotypes: Genotypes,
    expression: "pd.DataFrame",
    covariates: "pd.DataFrame",
    genes: "pd.DataFrame",
    *,
    window: int,
    n_tissues: int = 1,
    own_covariates: "Sequence[pd.DataFrame]" = (),
    lines: list[str] | None = None,
    **settings: Any,
) -> tuple[list[Task], list[Task]]:
    """Return the tasks of genes, alone and jointly, each with the variants around its start."""
    genotypes = in_genome_order(genotypes)
    variants = genotypes.variants
    starts = {
        "chromosome": unify_chromosomes(genes["chromosome"].tolist()),
        "start": transcription_starts(genes),
    }
    positions = {
        "chromosome": unify_chromosomes(variants["chromosome"].tolist()),
        "base_pair_location": variants["base_pair_location"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of genes without variants: lines and errors below say it
        windows = cis_windows_from_positions(starts, positions, window=window)
    has_variants = windows[:, 1] > windows[:, 0]
    if not has_variants.any():
        raise ValueError(
            f"No variant of {genotypes.source} lies within {window:,} base pairs of the start of "
            f"any gene, such as {genes['gene_id'].iloc[0]} on {genes['chromosome'].iloc[0]}: are "
            "chromosomes and build the same?"
        )
    if not has_variants.all() and lines is not None:
        lines.append(f"  {(~has_variants).sum():,} genes left out: no variant in their window")
    genes, windows = genes[has_variants], windows[has_variants]
    near = np.zeros(len(variants), dtype=bool)
    for first, stop in windows:
        near[first:stop] = True
    table = [
        {"name": name, "start": int(start), "strand": strand if strand in ("+", "-") else None}
        for name, start, strand in zip(
            genes["gene_id"], transcription_starts(genes), genes["strand"], strict=True
        )
    ]
    return make_tasks(
        genotypes.select(columns=np.flatnonzero(near)),
        expression.loc[:, np.repeat(has_variants, n_tissues)],
        covariates,
        genes=Genes(table, np.append(0, near.cumsum())[windows], n_tissues, own_covariates),
        **settings,
    )


def transcription_starts(genes: "pd.DataFrame") -> np.ndarray:
    """Return where genes start in base pairs: the end of those on the minus strand."""
    backward = (genes["strand"] == "-").to_numpy()
    if "end" in genes:
        backward = backward & genes["end"].notna().to_numpy()
        return np.where(backward, genes["end"], genes["start"]).astype(np.int64)
    return genes["start"].to_numpy(dtype=np.int64)


def _describe(task: Task) -> str:
    """Return a line on one trait."""
    kind = "quantitative"
    if task.binary:
        n_cases = int(task.y.sum())
        kind = f"binary, {n_cases} cases and {len(task.y) - n_cases} controls"
    return f"  {task.name}: {kind}, {len(task.y)} people"


def _sizes(study: Study, n_tissues: int, window: int, counted_allele: str) -> str:
    """Return a line on the numbers of traits and variants."""
    n_units = len(study.tasks) // n_tissues
    tissues = f" in {n_tissues} tissues" if n_tissues > 1 else ""
    n_variants = f"{study.joint[0].n_variants:,}"
    if study.unit == "gene":
        sizes = [task.n_variants for task in study.tasks]
        each = "-".join(f"{size:,}" for size in sorted({min(sizes), max(sizes)}))
        variants = (
            f"{each} variants each, {n_variants} in all ({window:,} base pairs around the start, "
            f"{counted_allele} counted)"
        )
    else:
        n_variants = count_of(study.joint[0].n_variants, "variant")
        variants = f"{n_variants} ({counted_allele} counted)"
    return f"  {n_units} {study.unit}{'s' * (n_units > 1)}{tissues}, {variants}"


def _procedure(arguments: argparse.Namespace, n_covariates: int, n_own: Sequence[int]) -> list[str]:
    """Return lines on covariates and folds."""
    lines = []
    if n_covariates:
        lines.append(
            f"  {n_covariates} covariate{'s' * (n_covariates > 1)} regressed out of traits and "
            "genotypes inside each fold (binary traits: columns of the model)"
        )
    if any(n_own):
        lines.append(
            f"  {', '.join(map(str, n_own))} covariates of each tissue regressed out of its "
            "expression, and out of the genotypes where a model is of one tissue"
        )
    units = f"groups of people ({arguments.groups})" if arguments.groups else "people"
    lines.append(
        f"  {arguments.folds}-fold cross-validation over {units}, settings chosen inside the "
        f"training folds, seed {arguments.seed}"
    )
    return lines


def _warnings_of_size(study: Study) -> list[str]:
    """Return notes on what will take long."""
    lines = []
    n_variants, n_traits = study.joint[0].n_variants, len(study.tasks)
    if n_variants > _MANY_VARIANTS:
        lines.append(
            f"  Note: {n_variants:,} variants make every model slow and large; --extract takes a "
            "locus or a pruned panel."
        )
    if n_traits > _MANY_TRAITS:
        lines.append(
            f"  Note: each of {n_traits:,} {study.unit}s is fitted by every model; --pheno-name "
            "takes some of them."
        )
    return lines
