"""Model comparison: the bundled data and the user's files, as tasks."""

from pathlib import Path

import numpy as np

from skgenetics.cli.compare.tasks import Study, make_tasks
from skgenetics.datasets import load_geuvadis
from skgenetics.expression import cis_windows_from_positions
from skgenetics.io import (
    Genotypes,
    match_samples,
    read_bgen,
    read_expression,
    read_genotypes,
    read_list,
    read_plink,
    read_plink2,
    read_table,
)
from skgenetics.io._genotypes import sample_index
from skgenetics.io._tables import read_rows
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._optional import import_optional

MANY_VARIANTS, MANY_TRAITS = 20_000, 50
WINDOW = 100_000  # base pairs around the starts of the bundled genes
_MAX_PEOPLE_RELATED, _MAX_VARIANTS_RELATED = 3000, 4000


def load_bundled(*, folds, seed):
    """Return the bundled GEUVADIS extract as a `Study`."""
    pd = import_optional("pandas", extra="dataframe")
    data = load_geuvadis()
    rows = [data.target_names.index(gene) for gene in data.comparison_genes]
    genes = pd.DataFrame(dict(data.genes)).iloc[rows]
    variants = pd.DataFrame(
        {
            "chromosome": data.variants.chromosome,
            "position": data.variants.position,
            "variant_id": data.feature_names,
            "effect_allele": data.variants.alt,
            "other_allele": data.variants.ref,
        }
    )
    people = sample_index(None, data.sample_ids)
    genotypes = Genotypes(
        data.data,
        people,
        variants,
        counted_allele=data.counted_allele,
        source="GEUVADIS",
        build=data.build,
    )
    expression = pd.DataFrame(data.target[:, rows], people, data.comparison_genes)
    names = [f"PC{k + 1}" for k in range(data.covariates.shape[1])]
    tasks, joint = tasks_of_genes(
        genotypes,
        expression,
        pd.DataFrame(data.covariates, people, names),
        genes.rename(columns={"id": "gene_id"}),
        window=WINDOW,
        n_folds=folds,
        seed=seed,
    )
    sizes = [task.genotypes.shape[1] for task in tasks]
    frequency = data.variants.alt_frequency
    lowest = np.floor(100 * np.minimum(frequency, 1 - frequency).min()) / 100
    lines = [
        f"No files given, so this uses the bundled GEUVADIS extract: gene expression and genotypes "
        f"of {len(people)} Europeans.",
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


def tasks_of_genes(
    genotypes, expression, covariates, genes, *, window, n_tissues=1, lines=None, **options
):
    """Return the tasks of genes, alone and jointly, each with the variants around its start."""
    variants = genotypes.variants
    if variants["position"].isna().any():
        raise ValueError(
            f"{genotypes.source} has variants without positions, which cis windows need."
        )
    places = {
        "chromosome": genes["chromosome"].str.removeprefix("chr"),
        "start": genes["start"],
    }
    variants = variants.assign(chromosome=variants["chromosome"].str.removeprefix("chr"))
    windows = cis_windows_from_positions(places, variants, window=window)
    found = windows[:, 1] > windows[:, 0]
    if not found.any():
        raise ValueError(
            f"No variant of {genotypes.source} lies within {window:,} base pairs of the start of "
            f"any gene, such as {genes['gene_id'].iloc[0]} on {genes['chromosome'].iloc[0]}: are "
            "chromosomes and build the same?"
        )
    if not found.all():
        lines.append(f"  {(~found).sum():,} genes left out: no variant in their window")
    genes, windows = genes[found], windows[found]
    near = np.zeros(len(variants), dtype=bool)
    for first, stop in windows:
        near[first:stop] = True
    return make_tasks(
        genotypes.select(columns=np.flatnonzero(near)),
        expression.loc[:, np.repeat(found, n_tissues)],
        covariates,
        genes=[
            {"name": gene.gene_id, "start": int(gene.start), "strand": _strand(gene)}
            for gene in genes.itertuples()
        ],
        windows=np.append(0, near.cumsum())[windows],
        n_tissues=n_tissues,
        **options,
    )


def load_files(options):
    """Return the user's files as a `Study`; `options` are the parsed arguments of the command."""
    lines = []
    genotypes, people = _matched(_open_genotypes(options), options, lines)
    if options.extract:
        genotypes = _extract(genotypes, options.extract, lines)
    genotypes = _varying(genotypes, options.maf, lines)
    covariates, groups = people["covariates"], people["groups"]
    settings = {"n_folds": options.folds, "seed": options.seed, "groups": groups}
    if people["genes"] is None:
        tasks, joint = make_tasks(genotypes, people["phenotypes"], covariates, **settings)
        n_variants = genotypes.shape[1]
        span = f"{n_variants:,} variants ({genotypes.counted_allele} counted)"
    else:
        window = options.window or 1_000_000
        tasks, joint = tasks_of_genes(
            genotypes,
            people["phenotypes"],
            covariates,
            people["genes"],
            window=window,
            n_tissues=people["n_tissues"],
            lines=lines,
            **settings,
        )
        sizes = [task.genotypes.shape[1] for task in tasks]
        n_variants = joint[0].genotypes.shape[1]
        each = "-".join(f"{size:,}" for size in sorted({min(sizes), max(sizes)}))
        span = (
            f"{each} variants each, {n_variants:,} in all ({window:,} base pairs around the start, "
            f"{genotypes.counted_allele} counted)"
        )
    unit = "trait" if people["genes"] is None else "gene"
    lines += [_describe(task) for task in tasks[:MANY_TRAITS]]
    across = f" in {people['n_tissues']} tissues" if people["n_tissues"] > 1 else ""
    n_units = len(tasks) // people["n_tissues"]
    lines.append(f"  {n_units} {unit}{'s' * (n_units > 1)}{across}, {span}")
    n_covariates = covariates.shape[1]
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
    if len(tasks) > MANY_TRAITS:
        lines.append(
            f"  Note: each of {len(tasks):,} {unit}s is fitted by every model; --pheno-name takes "
            "some of them."
        )
    lines += _related(tasks[0], options.seed, groups is not None)
    return Study(tasks, unit, lines, genotypes.build or "unknown", joint)


def _open_genotypes(options):
    """Return the genotypes in the files that the options name."""
    if options.bfile:
        return read_plink(options.bfile)
    if options.pfile:
        return read_plink2(options.pfile)
    if options.bgen:
        return read_bgen(options.bgen, sample=options.sample)
    return read_genotypes(options.genotypes)


def _describe(task):
    """Return a line on one trait."""
    kind = "quantitative"
    if task.binary:
        n_cases = int(task.y.sum())
        kind = f"binary, {n_cases} cases and {len(task.y) - n_cases} controls"
    return f"  {task.name}: {kind}, {len(task.y)} people"


def _strand(gene):
    """Return the strand of a gene, None where it is not known."""
    return gene.strand if gene.strand in ("+", "-") else None


def _matched(genotypes, options, lines):
    """Read the tables of people; return the data of those who are in all of them.

    Returns genotypes, and a dict of the frames of phenotypes and covariates and of groups (or
    None), row by row the same person; and what the phenotypes are.
    """
    group_file = _file_of_groups(options)
    as_text = {name: [options.groups] if group_file == name else [] for name in ("pheno", "covar")}
    tables = {}
    tables["pheno"], genes, n_tissues = _read_phenotypes(options, as_text["pheno"])
    if options.covar:
        tables["covar"] = read_table(
            options.covar,
            kind="covariates",
            text_columns=as_text["covar"],
            samples=genotypes.samples,
        )
    if options.keep:
        tables["keep"] = read_table(options.keep, kind="people")
    files = {"pheno": options.pheno[0], "covar": options.covar, "keep": options.keep}
    titles = {name: f"{Path(files[name]).name} (--{name})" for name in tables}
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

    kept = covariates.notna().all(axis=1).to_numpy()
    if groups is not None:
        kept = kept & ~np.isin(groups, ("", "NA", "-9"))
    wanted = "all covariates" if groups is None else f"all covariates and {options.groups}"
    if not kept.any():
        raise ValueError(f"Nobody has {wanted}: leave out the column that is mostly missing.")
    if not kept.all():
        lines.append(f"  {(~kept).sum()} more do not have {wanted}")
    observed = phenotypes.notna().any(axis=1).to_numpy()
    if observed.any() and not observed[kept].all():
        lines.append(f"  {(kept & ~observed).sum()} more have no value in any trait")
        kept = kept & observed
    return genotypes.select(rows[kept]), {
        "phenotypes": phenotypes[kept],
        "covariates": covariates[kept],
        "groups": None if groups is None else groups[kept],
        "genes": genes,
        "n_tissues": n_tissues,
    }


def _read_phenotypes(options, text_columns):
    """Return the frame of phenotypes, that of genes (None: they are traits), number of tissues."""
    if not is_expression(options.pheno[0]):
        table = read_table(options.pheno[0], columns=options.pheno_name, text_columns=text_columns)
        return table, None, 1
    pd = import_optional("pandas", extra="dataframe")
    files = {Path(path).name.partition(".")[0]: path for path in options.pheno}
    if len(files) < len(options.pheno):
        raise ValueError(
            "--pheno: tissues are named by their files up to the first dot, and two of them are "
            f"equal: {', '.join(Path(path).name for path in options.pheno)}."
        )
    found = read_expression(files, genes=options.pheno_name)
    names = [
        gene if len(files) == 1 else f"{gene} {tissue}"
        for gene in found.genes["gene_id"]
        for tissue in files
    ]
    values = found.data.reshape(len(found.samples), -1)
    return pd.DataFrame(values, found.samples, names), found.genes, len(files)


def is_expression(path):
    """Return whether a file is the expression of genes with their positions."""
    return ".bed" in Path(path).suffixes


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
    tables = {"covar": options.covar}
    if not is_expression(options.pheno[0]):
        tables = {"pheno": options.pheno[0], **tables}
    for name, path in tables.items():
        if path:
            header, _ = read_rows(path)
            if options.groups in header and options.groups not in ("FID", "#FID"):
                return name
            headers.append(Path(path).name)
    if options.groups == "FID":
        return "samples"
    raise ValueError(
        f"--groups: there is no column {options.groups!r} in {' or '.join(headers) or 'a table'}; "
        "FID takes the families of the genotypes."
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


def _related(task, seed, grouped):
    """Return warnings about relatives in different folds, found by genotype correlation.

    Where people are `grouped`, it goes unsaid that there are too few variants to tell.

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
        if grouped:
            return []
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
