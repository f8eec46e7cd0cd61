"""The people who are in all files, row by row: genotypes, phenotypes, covariates, groups."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io import Genotypes, match_samples, read_expression, read_header, read_table
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

_NO_GROUP = ("", "NA", "-9")


@dataclass(frozen=True)
class Phenotypes:
    """The table of --pheno: traits, or the expression of genes in tissues."""

    table: "pd.DataFrame"  # (people, traits)
    genes: "pd.DataFrame | None" = None  # None: they are traits
    n_tissues: int = 1


@dataclass(frozen=True)
class People:
    """Data of people, row by row the same person."""

    genotypes: Genotypes
    phenotypes: Phenotypes
    covariates: "pd.DataFrame"  # (people, covariates)
    groups: np.ndarray | None  # (people,)

    def select(self, rows: np.ndarray) -> "People":
        """Return some of the people, by a mask."""
        return People(
            self.genotypes.select(np.flatnonzero(rows)),
            replace(self.phenotypes, table=self.phenotypes.table[rows]),
            self.covariates[rows],
            None if self.groups is None else self.groups[rows],
        )


def is_expression(path: str) -> bool:
    """Return whether a file is the expression of genes with their positions."""
    return ".bed" in Path(path).suffixes


def match_people(genotypes: Genotypes, arguments: argparse.Namespace, lines: list[str]) -> People:
    """Return the data of those who are in all files and have what the models need."""
    people = _in_all_files(genotypes, arguments, lines)
    complete = people.covariates.notna().all(axis=1).to_numpy()
    needed = "all covariates"
    if people.groups is not None:
        complete = complete & ~np.isin(people.groups, _NO_GROUP)
        needed += f" and {arguments.groups}"
    if not complete.any():
        raise ValueError(f"Nobody has {needed}: leave out the column that is mostly missing.")
    if not complete.all():
        lines.append(f"  {(~complete).sum()} more do not have {needed}")
    has_trait = people.phenotypes.table.notna().any(axis=1).to_numpy()
    if has_trait.any() and not has_trait[complete].all():
        lines.append(f"  {(complete & ~has_trait).sum()} more have no value in any trait")
        complete = complete & has_trait
    return people.select(complete)


def _in_all_files(genotypes: Genotypes, arguments: argparse.Namespace, lines: list[str]) -> People:
    """Return the data of the people in all files, matched by name, and say how many they are."""
    group_source = _source_of_groups(arguments)
    text_columns = {
        name: [arguments.groups] if group_source == name else [] for name in ("pheno", "covar")
    }
    phenotypes = _read_phenotypes(arguments, text_columns["pheno"])
    tables = {"pheno": phenotypes.table}
    if arguments.covar:
        tables["covar"] = read_table(
            arguments.covar,
            kind="covariates",
            text_columns=text_columns["covar"],
            samples=genotypes.samples,
        )
    if arguments.keep:
        tables["keep"] = read_table(arguments.keep, kind="people")
    files = {"pheno": arguments.pheno[0], "covar": arguments.covar, "keep": arguments.keep}
    titles = {name: f"{Path(files[name]).name} (--{name})" for name in tables}
    sources: dict[str, Any] = {genotypes.source: genotypes.samples}
    for name, table in tables.items():
        sources[titles[name]] = table.index
    positions, dropped = match_samples(**sources)
    rows = positions[genotypes.source]
    lines += [
        "People (matched by name): "
        + ", ".join(f"{len(index)} in {name}" for name, index in sources.items())
        + f"; {len(rows)} are in all of them.",
        "  Dropped: " + ", ".join(f"{count} of {name}" for name, count in dropped.items()),
    ]
    genotypes = genotypes.select(rows)
    tables = {name: table.iloc[positions[titles[name]]] for name, table in tables.items()}
    groups = None
    if group_source == "samples":
        groups = np.array(genotypes.samples.get_level_values("FID"), dtype=str)
    elif group_source:
        groups = tables[group_source][arguments.groups].to_numpy(dtype=str)
    traits = tables["pheno"].drop(columns=text_columns["pheno"])
    covariates = traits[[]]
    if arguments.covar:
        covariates = tables["covar"].drop(columns=text_columns["covar"])
    return People(genotypes, replace(phenotypes, table=traits), covariates, groups)


def _read_phenotypes(arguments: argparse.Namespace, text_columns: list[str]) -> Phenotypes:
    """Read --pheno: traits, or expression in one tissue or in several."""
    paths, names = arguments.pheno, arguments.pheno_name
    if not is_expression(paths[0]):
        return Phenotypes(read_table(paths[0], columns=names, text_columns=text_columns))
    pd = import_optional("pandas", extra="dataframe")
    tissues = {Path(path).name.partition(".")[0]: path for path in paths}
    if len(tissues) < len(paths):
        raise ValueError(
            "--pheno: tissues are named by their files up to the first dot, and two of them are "
            f"equal: {', '.join(Path(path).name for path in paths)}."
        )
    expression = read_expression(tissues, genes=names)
    traits = [
        gene if len(tissues) == 1 else f"{gene} {tissue}"
        for gene in expression.genes["gene_id"]
        for tissue in tissues
    ]
    values = expression.data.reshape(len(expression.samples), -1)
    table = pd.DataFrame(values, expression.samples, traits)
    return Phenotypes(table, expression.genes, len(tissues))


def _source_of_groups(arguments: argparse.Namespace) -> str | None:
    """Return which source has the column of groups: "pheno", "covar", "samples", or None."""
    if arguments.groups is None:
        return None
    searched = []
    tables = {"covar": arguments.covar}
    if not is_expression(arguments.pheno[0]):
        tables = {"pheno": arguments.pheno[0], **tables}
    for name, path in tables.items():
        if path:
            header = read_header(path)
            if arguments.groups in header and arguments.groups not in ("FID", "#FID"):
                return name
            searched.append(Path(path).name)
    if arguments.groups == "FID":
        return "samples"
    raise ValueError(
        f"--groups: there is no column {arguments.groups!r} in "
        f"{' or '.join(searched) or 'a table'}; FID takes the families of the genotypes."
    )
