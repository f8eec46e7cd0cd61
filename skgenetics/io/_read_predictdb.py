"""Expression weights in the databases of PredictDB, and covariances beside them."""

import contextlib
import sqlite3
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from skgenetics.io._columns import Malformed, iterate_columns, read_layout
from skgenetics.io._weight_tables import WeightFile, numbers, words
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_BUILDS = {"b37": "GRCh37", "b38": "GRCh38", "hg19": "GRCh37", "hg38": "GRCh38"}
_VAR_ID = r"^(?:chr)?(\w+?)[_:](\d{1,10})[_:]([A-Za-z*<>-]+)[_:]([A-Za-z*<>-]+?)(?:[_:](\w+))?$"
_WEIGHTS = ("rsid", "gene", "weight", "ref_allele", "eff_allele")
_EXTRA = {  # names in the table extra
    "gene": ("gene",),
    "gene_name": ("genename", "gene_name"),
    "cv_r2": ("pred.perf.R2", "pred_perf_r2", "test_R2_avg"),
    "cv_pvalue": ("pred.perf.pval", "pred_perf_pval", "zscore_pval"),
    "phi": ("phi",),
}
_COVARIANCE = ("GENE", "RSID1", "RSID2", "VALUE")
_LONGEST_ROW = 2**20  # bytes; texts of a database are names
_FETCHED = 256  # rows at a time


def read_predictdb(path: PathLike) -> WeightFile:
    """Read the weights of one tissue from a database of PredictDB.

    Parameters
    ----------
    path : path-like
        An SQLite database with a table weights (rsid, gene, weight, ref_allele, eff_allele, varID)
        and, usually, a table extra (gene, genename, pred.perf.R2, pred.perf.pval). It is opened
        for reading only. The name of the file is that of the tissue.

    Returns
    -------
    file : WeightFile

    Raises
    ------
    ValueError
        If the file is no such database, or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with contextlib.closing(_connect(path)) as base:
            weights = _select(base, path, "weights", _WEIGHTS, ("varID",))
            wanted = [name for names in _EXTRA.values() for name in names]
            extra = _select(base, path, "extra", (), wanted)
            people = _select(base, path, "sample_info", (), ("n_samples",))
    except sqlite3.Error as error:
        raise ValueError(
            f"{path.name} cannot be read as an SQLite database ({error}): it is another format, or "
            "was not copied as a whole."
        ) from error
    table, build = _weights(weights, path)
    genes = _genes(extra, table, path.stem)
    n_samples = numbers(people["n_samples"]) if "n_samples" in people else np.array([])
    if len(n_samples) == 1:
        genes["n_samples"] = n_samples[0]
    notes = [] if len(table) else [f"{path.name} holds no weights: its table weights is empty."]
    return WeightFile(genes, table, build, notes=notes)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a database for reading only; nothing that its schema defines is run."""
    base = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)
    base.text_factory = lambda text: text.decode("utf-8", "replace")
    base.execute("PRAGMA trusted_schema = OFF")
    base.execute("PRAGMA query_only = ON")
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)
    return base


def _select(
    base: sqlite3.Connection,
    path: Path,
    table: str,
    required: tuple[str, ...],
    optional: "tuple[str, ...] | list[str]",
) -> "pd.DataFrame":
    """Return columns of a table; an absent table without required columns is empty."""
    pd = import_optional("pandas", extra="dataframe")
    # a virtual table has no page of its own, and runs the code of an extension
    query = "SELECT count(*) FROM sqlite_master WHERE type='table' AND rootpage > 0 AND name = ?"
    there = base.execute(query, (table,)).fetchone()[0] > 0
    if not there and required:
        raise ValueError(
            f"{path.name} has no table {table!r}: expected a database of PredictDB, with the "
            f"columns {', '.join(required)}."
        )
    found = []
    if there:
        query = "SELECT name FROM pragma_table_info(?)"
        found = [row[0] for row in base.execute(query, (table,))]
    missing = [name for name in required if name not in found]
    if missing:
        raise ValueError(
            f"{path.name}: the table {table!r} lacks {', '.join(missing)}; it has "
            f"{', '.join(found)}."
        )
    columns = [name for name in (*required, *optional) if name in found]
    if not columns:
        return pd.DataFrame()
    names = ", ".join(f'"{name}"' for name in columns)  # of the fixed ones above
    rows = _rows(base.execute(f'SELECT {names} FROM "{table}"'), path)
    return pd.DataFrame(rows, columns=columns)


def _rows(cursor: sqlite3.Cursor, path: Path) -> list[tuple]:
    """Return the rows of a query of a table, which are no longer than the file that holds them.

    A damaged or forged file may name a page many times.
    """
    rows: list[tuple] = []
    files = path, path.with_name(f"{path.name}-wal")  # what was written last
    room = sum(file.stat().st_size for file in files if file.is_file())
    while part := cursor.fetchmany(_FETCHED):
        rows += part
        room -= sum(4 + sum(len(v) for v in row if isinstance(v, str | bytes)) for row in part)
        if room < 0:
            raise sqlite3.DatabaseError("its tables hold more than the whole file")
    return rows


def _weights(rows: "pd.DataFrame", path: Path) -> "tuple[pd.DataFrame, str | None]":
    """Return the table of weights, and the build in the varIDs."""
    pd = import_optional("pandas", extra="dataframe")
    rsid = words(rows["rsid"])
    name = words(rows["varID"]).fillna(rsid) if "varID" in rows else rsid
    parts = name.str.extract(_VAR_ID)
    builds = parts[4].str.lower().map(_BUILDS).dropna().unique()
    if len(builds) > 1:
        raise ValueError(f"{path.name}: its varIDs are of two builds, {' and '.join(builds)}.")
    placed = parts[1].notna()
    table = pd.DataFrame(
        {
            "gene": words(rows["gene"]),
            "tissue": path.stem,
            "chromosome": parts[0],
            "base_pair_location": pd.to_numeric(parts[1]).astype("Int64"),
            "effect_allele": words(rows["eff_allele"]).str.upper(),
            "other_allele": words(rows["ref_allele"]).str.upper(),
            "rsid": rsid.where(rsid.str.startswith("rs", na=False)),
            "weight": numbers(rows["weight"]),
        }
    )
    table["variant_id"] = name.where(~placed)  # else from the place and the alleles
    table["var_id"], table["label"] = name, rsid  # as covariances name variants
    return table, builds[0] if len(builds) else None


def _genes(extra: "pd.DataFrame", weights: "pd.DataFrame", tissue: str) -> "pd.DataFrame":
    """Return the table of the genes that have weights."""
    pd = import_optional("pandas", extra="dataframe")
    genes = pd.DataFrame({"gene": weights["gene"].dropna().unique()})
    if "gene" in extra:
        known = {}
        for name, spellings in _EXTRA.items():
            column = next((spelling for spelling in spellings if spelling in extra), None)
            if column is not None:
                text = name in ("gene", "gene_name")
                known[name] = words(extra[column]) if text else numbers(extra[column])
        table = pd.DataFrame(known).drop_duplicates("gene")
        genes = genes.merge(table, how="left", on="gene")
    return genes.assign(tissue=tissue)


def read_covariances(path: PathLike, weights: "pd.DataFrame") -> "dict[str, pd.DataFrame]":
    """Read the covariances of the variants of genes.

    Parameters
    ----------
    path : path-like
        A table of GENE, RSID1, RSID2 and VALUE: the covariance of the dosages of two variants of a
        gene. Pairs need not be there twice.
    weights : pandas.DataFrame
        Those whose genes are read: gene, variant_id and, as the file may name variants by them,
        rsid, label and var_id.

    Returns
    -------
    covariances : dict of str to pandas.DataFrame
        Of each gene, labeled by variant_id; NaN where the file has no value for a pair.
    """
    pd = import_optional("pandas", extra="dataframe")
    path = Path(path)
    header = read_layout(path).header
    missing = [name for name in _COVARIANCE if name not in header]
    if missing:
        raise ValueError(
            f"{path.name} lacks the column {missing[0]}: expected a table of "
            f"{', '.join(_COVARIANCE)}; got {first_names(header, 8)}."
        )
    genes, malformed = weights["gene"].unique(), list[Malformed]()
    parts = [pd.DataFrame(columns=_COVARIANCE, dtype="str")]
    for batch in iterate_columns(path, _COVARIANCE, malformed):
        part = pd.DataFrame({name: texts.to_pandas() for name, texts in batch.columns.items()})
        parts.append(part[part["GENE"].isin(genes)])
    table = pd.concat(parts, ignore_index=True)
    if malformed:
        raise ValueError(
            f"{path.name}: row {malformed[0].number} has {malformed[0].n_fields} fields, "
            f"the header has {len(header)}."
        )
    value = numbers(table["VALUE"])
    named = _names_of_variants(weights)
    first, second = (_variant_ids(table, column, named) for column in ("RSID1", "RSID2"))
    kept = np.isfinite(value) & (first != "") & (second != "")
    gene = table["GENE"].to_numpy(dtype=object)[kept]
    first, second, value = first[kept], second[kept], value[kept]
    order = np.argsort(gene, kind="stable")
    gene, first, second, value = gene[order], first[order], second[order], value[order]
    cuts = np.flatnonzero(np.r_[True, gene[1:] != gene[:-1], True]) if len(gene) else np.zeros(0)
    covariances = {}
    for start, end in pairwise(cuts.tolist()):
        number, names = pd.factorize(np.r_[first[start:end], second[start:end]])
        row, column = np.split(number, 2)
        matrix = np.full((len(names), len(names)), np.nan)
        matrix[row, column] = matrix[column, row] = value[start:end]
        covariances[str(gene[start])] = pd.DataFrame(matrix, index=names, columns=names)
    return covariances


def _names_of_variants(weights: "pd.DataFrame") -> dict[str, str]:
    """Return the variant_id of every name that a variant has."""
    named: dict[str, str] = {}
    for name in ("rsid", "label", "var_id", "variant_id"):
        if name in weights:
            known = weights[weights[name].notna()].drop_duplicates(name)
            named |= dict(zip(known[name], known["variant_id"]))
    return named


def _variant_ids(table: "pd.DataFrame", column: str, named: dict[str, str]) -> np.ndarray:
    """Return the variant_id of a column of names, empty where none has this name."""
    return table[column].map(named).fillna("").to_numpy(dtype=object)
