"""Tissues: their files of expression, and covariates of all tissues or of one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.io import Genotypes, match_samples, read_table
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd


def tissue_files(paths: list[str]) -> dict[str, str]:
    """Return the files of expression by tissue: the name up to the first dot."""
    tissues = {Path(path).name.partition(".")[0]: path for path in paths}
    if len(tissues) < len(paths):
        raise ValueError(
            "--pheno: tissues are named by their files up to the first dot, and two of them are "
            f"equal: {', '.join(Path(path).name for path in paths)}."
        )
    for path in paths:
        if ".bed" not in Path(path).suffixes:
            raise ValueError(f"--pheno: {path} is not a BED file of expression (.bed, .bed.gz).")
    return tissues


def tissue_of(word: str) -> tuple[str, str]:
    """Return the tissue, "" for all, and the file of a word of --covar, [TISSUE=]F."""
    tissue, equals, path = word.partition("=")
    return (tissue, path) if equals and not Path(word).is_file() else ("", word)


def read_covariates(
    words: list[str], tissues: list[str], samples: "pd.MultiIndex"
) -> "list[list[tuple[pd.DataFrame, str]]]":
    """Return the tables of --covar, with the names of their files, that are for each tissue.

    `samples` are the people of the genotypes, by whose names tables of one row per covariate show.
    """
    tables: list[list] = [[] for _ in tissues]
    for word in words:
        tissue, path = tissue_of(word)
        if tissue and tissue not in tissues:
            raise ValueError(
                f"--covar {word}: there is no tissue {tissue!r}; those of --pheno are "
                f"{', '.join(tissues)}."
            )
        table = read_table(path, kind="covariates", samples=samples), Path(path).name
        for place, name in enumerate(tissues):
            if tissue in ("", name):
                tables[place].append(table)
    return tables


def of_people(table: "pd.DataFrame", name: str, genotypes: Genotypes) -> "pd.DataFrame":
    """Return a table's rows of the people of the genotypes, NaN for those it lacks."""
    sources: dict[str, Any] = {genotypes.source: genotypes.samples, name: table.index}
    positions, _ = match_samples(**sources)
    people = genotypes.samples[positions[genotypes.source]]
    return table.iloc[positions[name]].set_axis(people, axis=0).reindex(genotypes.samples)


def shared_covariates(frames: "list[pd.DataFrame]") -> "pd.DataFrame":
    """Return the columns that all tables have and that tell the same of the people in several.

    Rows are people, NaN where a table says nothing of them; 0 where none does.
    """
    pd = import_optional("pandas", extra="dataframe")
    shared = {}
    for name in frames[0].columns:
        if all(name in frame for frame in frames):
            columns = np.stack([frame[name].to_numpy(dtype=float) for frame in frames])
            known = np.isfinite(columns)
            low = np.where(known, columns, np.inf).min(axis=0)
            high = np.where(known, columns, -np.inf).max(axis=0)
            if np.all((low == high) | ~known.any(axis=0)):
                shared[name] = np.where(known.any(axis=0), low, 0.0)
    return pd.DataFrame(shared, frames[0].index)
