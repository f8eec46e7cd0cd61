"""Expression weights in the files of PredictDB: what PrediXcan and MetaXcan read."""

import contextlib
import errno
import gzip
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skgenetics.utils._typing import PathLike
from skgenetics.utils._writing import atomic_path

if TYPE_CHECKING:
    import pandas as pd

_BUILD_SUFFIX = {"GRCh37": "b37", "GRCh38": "b38"}
_TABLES = (
    "CREATE TABLE weights (rsid TEXT, gene TEXT, weight REAL, ref_allele CHARACTER, "
    "eff_allele CHARACTER, varID TEXT)",
    "CREATE TABLE extra (gene TEXT, genename TEXT, gene_type TEXT, "
    '"n.snps.in.model" INTEGER, "pred.perf.R2" REAL, "pred.perf.pval" REAL, '
    '"pred.perf.qval" REAL)',
    "CREATE TABLE construction (property TEXT, value TEXT)",
    "CREATE TABLE sample_info (n_samples INTEGER, population TEXT)",
)
_INDICES = (
    "CREATE INDEX weights_rsid ON weights (rsid)",
    "CREATE INDEX weights_gene ON weights (gene)",
    "CREATE INDEX weights_rsid_gene ON weights (rsid, gene)",
    "CREATE INDEX extra_gene ON extra (gene)",
)


def write_predictdb(
    path: PathLike,
    genes: "pd.DataFrame",
    weights: "pd.DataFrame",
    *,
    build: str | None,
    construction: Mapping[str, Any],
    n_samples: int,
    population: str = "",
) -> None:
    """Write the weights of one tissue as a database of PredictDB.

    Parameters
    ----------
    path : path-like
        Such as "blood.db".
    genes : pandas.DataFrame
        One row per gene: gene, gene_name, n_variants, cv_r2, cv_pvalue and, if known, cv_qvalue and
        gene_type.
    weights : pandas.DataFrame
        One row per gene and variant: gene, chromosome, base_pair_location, effect_allele,
        other_allele, weight (change of expression per effect allele), variant_id and, if known,
        rsid.
    build : str or None
        "GRCh37" or "GRCh38", at the end of each varID.
    construction : mapping
        How the weights were made.
    n_samples, population
        Of the people they were trained on.
    """
    lacking = np.full(len(genes), None)
    columns = [genes.get(name, lacking) for name in ("gene", "gene_name", "gene_type")]
    columns += [genes[name] for name in ("n_variants", "cv_r2", "cv_pvalue")]
    extra = _rows([*columns, genes.get("cv_qvalue", lacking)])
    rows = _rows(
        [weight_ids(weights), weights["gene"], weights["weight"]]
        + [weights["other_allele"], weights["effect_allele"], _var_ids(weights, build)]
    )
    settings = [(name, str(value)) for name, value in construction.items()]
    with atomic_path(path) as temporary, _database(temporary) as base:
        for statement in _TABLES:
            base.execute(statement)
        base.executemany("INSERT INTO weights VALUES (?, ?, ?, ?, ?, ?)", rows)
        base.executemany("INSERT INTO extra VALUES (?, ?, ?, ?, ?, ?, ?)", extra)
        base.executemany("INSERT INTO construction VALUES (?, ?)", settings)
        base.execute("INSERT INTO sample_info VALUES (?, ?)", (n_samples, population))
        for statement in _INDICES:
            base.execute(statement)


@contextlib.contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a new database to fill; where it cannot be written, that is an OSError."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as base:
            yield base
            base.commit()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise OSError(errno.EIO, f"The database cannot be written ({error})", str(path)) from error


def weight_ids(weights: "pd.DataFrame") -> "pd.Series":
    """Return the name of each variant in PredictDB's files: its rsid, otherwise its ID."""
    if "rsid" not in weights:
        return weights["variant_id"]
    return weights["rsid"].fillna(weights["variant_id"])


def _var_ids(weights: "pd.DataFrame", build: str | None) -> "pd.Series":
    """Return names such as chr1_123_A_G_b38, the effect allele after the other."""
    name = "chr" + weights["chromosome"].astype(str)
    for part in (weights["base_pair_location"], weights["other_allele"], weights["effect_allele"]):
        name += "_" + part.astype(str)
    return name + f"_{_BUILD_SUFFIX[build]}" if build in _BUILD_SUFFIX else name


def _rows(columns: Iterable[Any]) -> list[tuple]:
    """Return the rows of some columns as Python's own values, None for missing ones."""
    plain = []
    for column in columns:
        values = np.asarray(column, dtype=object)
        missing = [value is None or value != value for value in values]  # NaN differs from itself
        plain.append([None if lost else value for value, lost in zip(values.tolist(), missing)])
    return list(zip(*plain, strict=True))


def write_covariances(
    path: PathLike, genes: Iterable[tuple[str, Iterable[str], np.ndarray]]
) -> None:
    """Write the covariances of the variants of each gene, for PrediXcan's summary statistics.

    Parameters
    ----------
    path : path-like
        Such as "covariance.txt.gz".
    genes : iterable of (str, list of str, ndarray of shape (n_variants, n_variants))
        A gene, the names of its variants as in `weight_ids`, and the covariance of their dosages.
        Written are the upper triangle and the diagonal.
    """
    with (
        atomic_path(path) as temporary,
        open(temporary, "wb") as raw,
        gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file,
    ):
        file.write(b"GENE RSID1 RSID2 VALUE\n")
        for gene, names, covariance in genes:
            names = list(names)
            for i, first in enumerate(names):
                lines = [
                    f"{gene} {first} {second} {value:.10g}\n"
                    for second, value in zip(names[i:], covariance[i, i:], strict=True)
                ]
                file.write("".join(lines).encode())
