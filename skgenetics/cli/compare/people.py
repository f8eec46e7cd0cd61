"""The people who are in all files, row by row: genotypes, phenotypes, covariates, groups."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.cli.compare.tasks import is_plink_coded
from skgenetics.cli.tissues import (
    of_people,
    read_covariates,
    shared_covariates,
    tissue_files,
    tissue_of,
)
from skgenetics.io import Genotypes, match_samples, read_expression, read_header, read_table
from skgenetics.io._tables import is_given, value_columns
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of, first_names, join_names

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Phenotypes:
    """The table of --pheno: traits, or the expression of genes in tissues."""

    table: "pd.DataFrame"  # (people, traits)
    genes: "pd.DataFrame | None" = None  # None: they are traits
    tissues: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class People:
    """Data of people, row by row the same person."""

    genotypes: Genotypes
    phenotypes: Phenotypes
    covariates: "pd.DataFrame"  # (people, covariates)
    groups: np.ndarray | None  # (people,)
    own: "tuple[pd.DataFrame, ...]" = ()  # (people, covariates) of each tissue, NaN where unknown

    def select(self, rows: np.ndarray) -> "People":
        """Return some of the people, by a mask."""
        return People(
            self.genotypes.select(np.flatnonzero(rows)),
            replace(self.phenotypes, table=self.phenotypes.table[rows]),
            self.covariates[rows],
            None if self.groups is None else self.groups[rows],
            tuple(table[rows] for table in self.own),
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
        complete = complete & np.array([is_given(group) for group in people.groups])
        needed += f" and {arguments.groups}"
    if not complete.any():
        raise ValueError(f"Nobody has {needed}: leave out the column that is mostly missing.")
    if not complete.all():
        lines.append(f"  {(~complete).sum()} more do not have {needed}")
    has_trait = people.phenotypes.table.notna().any(axis=1).to_numpy()
    if has_trait.any() and not has_trait[complete].all():
        lines.append(f"  {(complete & ~has_trait).sum()} more have no value in any trait")
        complete = complete & has_trait
    people = people.select(complete)
    _check_groups(people.groups, arguments)
    _say_plink_codes(people.phenotypes.table, lines)
    return people


def _check_groups(groups: np.ndarray | None, arguments: argparse.Namespace) -> None:
    """Raise ValueError if there are too few groups for the folds, and those inside them."""
    if groups is None:
        return
    n_groups, needed = len(np.unique(groups)), max(3, arguments.folds)
    if n_groups < needed:
        raise ValueError(
            f"--groups {arguments.groups} has {n_groups} group{'s' * (n_groups != 1)} among the "
            f"people used; {arguments.folds} folds need at least {needed}, because the people of a "
            "group share a fold: use fewer --folds, or other groups."
        )


def _say_plink_codes(traits: "pd.DataFrame", lines: list[str]) -> None:
    """Say which traits are coded as PLINK does."""
    coded = [str(name) for name, y in traits.items() if is_plink_coded(y.to_numpy(dtype=float))]
    if coded:
        lines.append(
            f"  {first_names(coded)}: 0, 1 and 2 are read as PLINK's missing, control and case"
        )


def _in_all_files(genotypes: Genotypes, arguments: argparse.Namespace, lines: list[str]) -> People:
    """Return the data of the people in all files, matched by name, and say how many they are."""
    group_source = _source_of_groups(arguments)
    text_columns = {
        name: [arguments.groups] if group_source == name else [] for name in ("pheno", "covar")
    }
    names = _names_of_columns(arguments)
    phenotypes = _read_phenotypes(arguments, names["pheno"], text_columns["pheno"])
    tables = {"pheno": phenotypes.table}
    covar = covariates_of_all(arguments)
    own = read_covariates(_of_one_tissue(arguments), list(phenotypes.tissues), genotypes.samples)
    if covar:
        tables["covar"] = read_table(
            covar,
            kind="covariates",
            columns=names["covar"],
            text_columns=text_columns["covar"],
            samples=genotypes.samples,
        )
    if arguments.keep:
        tables["keep"] = read_table(arguments.keep, kind="people")
    files = {"pheno": arguments.pheno[0], "covar": covar, "keep": arguments.keep}
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
    if covar:
        covariates = tables["covar"].drop(columns=text_columns["covar"])
    people = People(genotypes, replace(phenotypes, table=traits), covariates, groups)
    return _with_own_covariates(people, own, lines) if any(own) else people


def _with_own_covariates(
    people: People, tables: "list[list[tuple[pd.DataFrame, str]]]", lines: list[str]
) -> People:
    """Return people with the covariates of each tissue, without expression where they lack one.

    Covariates that all tissues share become covariates of all.
    """
    pd = import_optional("pandas", extra="dataframe")
    traits, tissues, frames = people.phenotypes.table.copy(), people.phenotypes.tissues, []
    for t, (tissue, of_tissue) in enumerate(zip(tissues, tables, strict=True)):
        parts = [of_people(table, name, people.genotypes) for table, name in of_tissue]
        frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=people.genotypes.samples)
        names = frame.columns.append(people.covariates.columns)
        if names.has_duplicates:
            raise ValueError(
                f"--covar gives {tissue} the covariate {names[names.duplicated()][0]} twice."
            )
        incomplete = frame.isna().any(axis=1).to_numpy()
        columns = slice(t, None, len(tissues))
        lost = int((incomplete & traits.iloc[:, columns].notna().any(axis=1).to_numpy()).sum())
        traits.iloc[incomplete, columns] = np.nan
        frame[incomplete] = np.nan
        frames.append(frame)
        lines.append(
            f"  {tissue}: {count_of(frame.shape[1], 'covariate')} of its own files"
            + (f"; {lost} people lack one" if lost else "")
        )
    shared = shared_covariates(frames).set_axis(people.covariates.index, axis=0)
    return replace(
        people,
        phenotypes=replace(people.phenotypes, table=traits),
        covariates=pd.concat([people.covariates, shared], axis=1),
        own=tuple(frame.drop(columns=shared.columns) for frame in frames),
    )


def covariates_of_all(arguments: argparse.Namespace) -> str | None:
    """Return the file of --covar that is for all tissues, if any."""
    files = [path for tissue, path in map(tissue_of, arguments.covar or []) if not tissue]
    if len(files) > 1:
        raise ValueError(
            f"--covar takes one file for everything, and TISSUE=F for one tissue; got "
            f"{join_names(files)}."
        )
    return files[0] if files else None


def _of_one_tissue(arguments: argparse.Namespace) -> list[str]:
    """Return the words of --covar that are for one tissue."""
    return [word for word in arguments.covar or [] if tissue_of(word)[0]]


def _names_of_columns(arguments: argparse.Namespace) -> dict[str, list[str] | None]:
    """Return the columns of --pheno and of --covar to read, None for all.

    If both are one file, the columns that are not named for one are those of the other.
    """
    names = {"pheno": arguments.pheno_name, "covar": arguments.covar_name}
    if not one_file(arguments):
        return names
    covar = covariates_of_all(arguments)
    assert covar is not None  # it is the file of --pheno
    header = read_header(covar)
    others = set(names["pheno"] or []) | set(names["covar"] or []) | {arguments.groups}
    for kind, title in (("pheno", "phenotypes"), ("covar", "covariates")):
        if names[kind] is None:
            columns = value_columns(covar, header, title)
            names[kind] = [column for column in columns if column not in others]
    return names


def one_file(arguments: argparse.Namespace) -> bool:
    """Return whether --pheno and --covar are one file."""
    covar = covariates_of_all(arguments)
    if not covar:
        return False
    return Path(covar).resolve() in [Path(file).resolve() for file in arguments.pheno]


def _read_phenotypes(
    arguments: argparse.Namespace, names: list[str] | None, text_columns: list[str]
) -> Phenotypes:
    """Read --pheno: traits, or expression in one tissue or in several."""
    paths = arguments.pheno
    if not is_expression(paths[0]):
        return Phenotypes(read_table(paths[0], columns=names, text_columns=text_columns))
    pd = import_optional("pandas", extra="dataframe")
    tissues = tissue_files(paths)
    expression = read_expression(tissues, genes=names)
    traits = [
        gene if len(tissues) == 1 else f"{gene} {tissue}"
        for gene in expression.genes["gene_id"]
        for tissue in tissues
    ]
    values = expression.data.reshape(len(expression.samples), -1)
    table = pd.DataFrame(values, expression.samples, traits)
    return Phenotypes(table, expression.genes, tuple(tissues))


def _source_of_groups(arguments: argparse.Namespace) -> str | None:
    """Return which source has the column of groups: "pheno", "covar", "samples", or None."""
    if arguments.groups is None:
        return None
    searched = []
    tables = {"covar": covariates_of_all(arguments)}
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
