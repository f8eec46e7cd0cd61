"""Model comparison: the bundled data and the user's files, as tasks."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skgenetics._compare import Task, fold_numbers
from skgenetics.datasets import load_geuvadis
from skgenetics.io import (
    Genotypes,
    match_samples,
    read_genotypes,
    read_list,
    read_plink,
    read_table,
)
from skgenetics.io._genotypes import sample_index
from skgenetics.io._tables import read_rows
from skgenetics.utils._array_api import column_blocks
from skgenetics.utils._validation import import_optional

MANY_VARIANTS = 20_000
_MAX_PEOPLE_RELATED, _MAX_VARIANTS_RELATED = 3000, 4000


@dataclass
class Study:
    """Tasks, and the lines to print about them."""

    tasks: list
    unit: str  # "gene" or "trait"
    lines: list
    build: str = "unknown"


def load_bundled(*, folds, seed):
    """Return the bundled GEUVADIS extract as a `Study`."""
    pd = import_optional("pandas", extra="dataframe")
    everything = load_geuvadis()
    tasks = []
    for gene in everything.comparison_genes:
        data = load_geuvadis(gene)
        variants = pd.DataFrame(
            {
                "chromosome": data.variants.chromosome,
                "position": data.variants.position,
                "variant_id": data.feature_names,
                "effect_allele": data.variants.alt,
                "other_allele": data.variants.ref,
            }
        )
        start = int(data.genes.start[0])
        genotypes = Genotypes(
            data.data,
            sample_index(None, data.sample_ids),
            variants,
            counted_allele=data.counted_allele,
            source="GEUVADIS",
            build=data.build,
        )
        tasks.append(
            Task(
                gene,
                genotypes,
                data.target,
                data.covariates,
                fold_numbers(len(data.target), folds, seed=seed),
                covariate_names=tuple(f"PC{k + 1}" for k in range(data.covariates.shape[1])),
                gene={"name": gene, "start": start, "strand": str(data.genes.strand[0])},
            )
        )
    sizes = [task.genotypes.shape[1] for task in tasks]
    frequency = everything.variants.alt_frequency
    lowest = np.floor(100 * np.minimum(frequency, 1 - frequency).min()) / 100
    lines = [
        f"No files given, so this uses the bundled GEUVADIS extract: gene expression and genotypes "
        f"of {len(tasks[0].y)} Europeans.",
        "Your own data:  skgenetics compare --bfile study --pheno traits.tsv "
        "--covar covariates.tsv --out my_run",
        "",
        f"  {len(tasks)} genes, {min(sizes)}-{max(sizes)} variants each (100 kb around the gene "
        f"start, MAF >= {lowest:.2f}, {everything.build}, {everything.counted_allele} allele "
        "counted)",
        f"  {everything.covariates.shape[1]} covariates regressed out of expression and genotypes "
        "inside each fold",
        f"  {folds}-fold cross-validation over people, settings chosen inside the training folds, "
        f"seed {seed}",
        "  Genes were picked by their signal in these people: compare the columns, do not quote "
        "the R2.",
    ]
    return Study(tasks, "gene", lines, everything.build)


def load_files(options):
    """Return the user's files as a `Study`; `options` are the parsed arguments of the command."""
    lines = []
    genotypes = read_plink(options.bfile) if options.bfile else read_genotypes(options.genotypes)
    genotypes, phenotypes, covariates, groups = _matched(genotypes, options, lines)
    if options.extract:
        genotypes = _extract(genotypes, options.extract, lines)
    genotypes = _varying(genotypes, options.maf, lines)
    tasks = _tasks(genotypes, phenotypes, covariates, groups, options, lines)
    n_variants, n_covariates = genotypes.shape[1], covariates.shape[1]
    lines.append(
        f"  {len(tasks)} trait{'s' * (len(tasks) > 1)}, {n_variants:,} variants "
        f"({genotypes.counted_allele} counted)"
    )
    if n_covariates:
        lines.append(
            f"  {n_covariates} covariate{'s' * (n_covariates > 1)} regressed out of traits and "
            "genotypes inside each fold (binary traits: columns of the model)"
        )
    units = "people" if groups is None else f"groups of people ({options.groups})"
    lines.append(
        f"  {options.folds}-fold cross-validation over {units}, settings chosen inside the "
        f"training folds, seed {options.seed}"
    )
    if n_variants > MANY_VARIANTS:
        lines.append(
            f"  Note: {n_variants:,} variants make every model slow and large; --extract takes a "
            "locus or a pruned panel."
        )
    lines += _related(tasks[0], options.seed)
    return Study(tasks, "trait", lines, genotypes.build or "unknown")


def _matched(genotypes, options, lines):
    """Read the tables of people; return all data of the people who are in all of them.

    Returns genotypes, the frames of phenotypes and covariates, and groups or None, row by row the
    same person.
    """
    group_file = _file_of_groups(options)
    as_text = {name: [options.groups] if group_file == name else [] for name in ("pheno", "covar")}
    tables = {
        "pheno": read_table(
            options.pheno, columns=options.pheno_name, text_columns=as_text["pheno"]
        )
    }
    if options.covar:
        tables["covar"] = read_table(
            options.covar,
            kind="covariates",
            text_columns=as_text["covar"],
            samples=genotypes.samples,
        )
    if options.keep:
        tables["keep"] = read_table(options.keep, kind="people")
    titles = {name: f"{Path(getattr(options, name)).name} (--{name})" for name in tables}
    sources = {genotypes.source: genotypes.samples}
    sources |= {titles[name]: table.index for name, table in tables.items()}
    positions, dropped = match_samples(**sources)
    rows = positions[genotypes.source]
    lines += [
        "People (matched by name): "
        + ", ".join(f"{len(index)} in {name}" for name, index in sources.items())
        + f"; {len(rows)} are in all of them.",
        "  Dropped: " + ", ".join(f"{count} of {name}" for name, count in dropped.items()),
    ]

    tables = {name: table.iloc[positions[titles[name]]] for name, table in tables.items()}
    groups = None
    if group_file == "samples":
        groups = np.array(genotypes.samples[rows].get_level_values("FID"), dtype=str)
    elif group_file:
        groups = tables[group_file][options.groups].to_numpy(dtype=str)
    phenotypes = tables["pheno"].drop(columns=as_text["pheno"])
    covariates = phenotypes[[]]
    if options.covar:
        covariates = tables["covar"].drop(columns=as_text["covar"])

    complete = covariates.notna().all(axis=1).to_numpy()
    if groups is not None:
        complete = complete & ~np.isin(groups, ("", "NA", "-9"))
    wanted = "all covariates" if groups is None else f"all covariates and {options.groups}"
    if not complete.any():
        raise ValueError(f"Nobody has {wanted}: leave out the column that is mostly missing.")
    if not complete.all():
        lines.append(f"  {(~complete).sum()} more do not have {wanted}")
    groups = None if groups is None else groups[complete]
    return genotypes.select(rows[complete]), phenotypes[complete], covariates[complete], groups


def _extract(genotypes, path, lines):
    """Return the genotypes of the variants listed in a file."""
    file, names = Path(path).name, set(read_list(path))
    found = genotypes.variants["variant_id"].isin(names).to_numpy()
    if not found.any():
        raise ValueError(
            f"None of the {len(names)} variants in {file} is in {genotypes.source}: variants are "
            f"matched by ID, such as {genotypes.variants['variant_id'].iloc[0]}."
        )
    lines.append(
        f"Variants: {found.sum():,} of the {len(names):,} in {file} are in {genotypes.source}"
    )
    return genotypes.select(columns=np.flatnonzero(found))


def _file_of_groups(options):
    """Return which source has the column of groups: "pheno", "covar", "samples", or None."""
    if options.groups is None:
        return None
    headers = []
    for name in ("pheno", "covar"):
        path = getattr(options, name)
        if path:
            header, _ = read_rows(path)
            if options.groups in header and options.groups not in ("FID", "#FID"):
                return name
            headers.append(Path(path).name)
    if options.groups == "FID":
        return "samples"
    raise ValueError(
        f"--groups: there is no column {options.groups!r} in {' or '.join(headers)}; FID takes the "
        "families of the genotypes."
    )


def _varying(genotypes, lowest_maf, lines):
    """Drop variants rarer than `lowest_maf`, or raise where one does not vary and it is 0."""
    n_variants = genotypes.shape[1]
    maf, observed = np.zeros(n_variants), np.zeros(n_variants, dtype=bool)
    for columns, block in column_blocks(genotypes, np, np.float64):
        known = block >= 0
        count = known.sum(axis=0)
        observed[columns] = count > 0
        frequency = np.where(known, block, 0).sum(axis=0) / (2 * np.maximum(count, 1))
        minimum = np.where(known, block, np.inf).min(axis=0)
        maximum = np.where(known, block, -np.inf).max(axis=0)
        maf[columns] = np.where(maximum > minimum, np.minimum(frequency, 1 - frequency), -1.0)
    kept = maf >= lowest_maf
    if lowest_maf == 0 and not kept.all():
        first = genotypes.variants["variant_id"].iloc[int(np.argmin(kept))]
        raise ValueError(
            f"{(~kept).sum():,} of {n_variants:,} variants do not vary among the "
            f"{genotypes.shape[0]} people used ({(~observed).sum():,} have no call at all; first: "
            f"{first}): leave them out with --maf 0.01."
        )
    if not kept.any():
        raise ValueError(
            f"None of {n_variants:,} variants has a minor allele frequency of {lowest_maf:g} or "
            f"more among the {genotypes.shape[0]} people used."
        )
    if lowest_maf:
        lines.append(f"  {(~kept).sum():,} variants left out by --maf {lowest_maf:g}")
    return genotypes.select(columns=np.flatnonzero(kept))


def _tasks(genotypes, phenotypes, covariates, groups, options, lines):
    """Return one task a trait, with the people who have a value."""
    tasks = []
    for name in phenotypes.columns:
        y = phenotypes[name].to_numpy(dtype=float)
        rows = np.flatnonzero(np.isfinite(y))
        values, counts = np.unique(y[rows], return_counts=True)
        if len(rows) < 4 * options.folds:
            raise ValueError(
                f"Trait {name} has a value for {len(rows)} of the {len(y)} people used; "
                f"{options.folds} folds need at least {4 * options.folds}."
            )
        if len(values) < 2:
            raise ValueError(f"Trait {name} is {values[0]:g} for everyone: nothing to predict.")
        binary = values.tolist() in ([0.0, 1.0], [1.0, 2.0])
        if binary and counts.min() < 2 * options.folds:
            raise ValueError(
                f"Trait {name} has {counts.min()} people of one class; {options.folds} folds need "
                f"at least {2 * options.folds}: use fewer --folds."
            )
        y = (y[rows] == values[1]).astype(float) if binary else y[rows]
        members = None if groups is None else groups[rows]
        if members is not None and len(np.unique(members)) < options.folds:
            raise ValueError(
                f"--groups {options.groups} has {len(np.unique(members))} groups; {options.folds} "
                "folds need as many at least."
            )
        fold = fold_numbers(
            len(y), options.folds, y=y if binary else None, groups=members, seed=options.seed
        )
        tasks.append(
            Task(
                name,
                genotypes.select(rows),
                y,
                covariates.to_numpy(dtype=float)[rows],
                fold,
                covariate_names=tuple(covariates.columns),
                groups=members,
                binary=binary,
            )
        )
        kind = f"binary, {counts[1]} cases and {counts[0]} controls" if binary else "quantitative"
        lines.append(f"  {name}: {kind}, {len(y)} people")
    return tasks


def _related(task, seed):
    """Return warnings about relatives in different folds, found by genotype correlation.

    The correlation of two unrelated people has a spread that depends on how many independent
    variants there are, and is estimated robustly from all pairs.
    """
    rng = np.random.default_rng(seed)
    n_people, n_variants = task.genotypes.shape
    rows = np.sort(rng.permutation(n_people)[:_MAX_PEOPLE_RELATED])
    columns = np.linspace(0, n_variants - 1, min(n_variants, _MAX_VARIANTS_RELATED)).astype(int)
    X = task.genotypes[rows, columns].astype(np.float32)
    known = X >= 0
    mean = np.where(known, X, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    X = np.where(known, X - mean, 0)
    X /= np.maximum(X.std(axis=0), 1e-6)
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-6)
    first, second = np.triu_indices(len(rows), k=1)
    r = (X @ X.T)[first, second]
    spread = 1.4826 * np.median(np.abs(r - np.median(r)))
    threshold = max(0.2, np.median(r) + 8 * spread)
    if threshold > 0.9:
        return [
            "  Note: relatives cannot be told from so few independent variants; where there are "
            "families, name them with --groups."
        ]
    fold = task.fold[rows]
    n_split = int(((r > threshold) & (fold[first] != fold[second])).sum())
    if not n_split:
        return []
    pairs = "1 pair of relatives is" if n_split == 1 else f"{n_split:,} pairs of relatives are"
    return [
        f"Warning: {pairs} split across folds (genotype correlation above {threshold:.2f}), which "
        "flatters every model: name families with --groups COLUMN."
    ]
