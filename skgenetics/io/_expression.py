"""Expression of genes: GTEx and QTLtools BED, GCT, parquet and text; one tissue or several."""

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from skgenetics.io._genotypes import sample_index
from skgenetics.io._lines import (
    check_header,
    is_position,
    iterate_lines,
    parse_numbers,
    read_rows,
    split_lines,
)
from skgenetics.io._tables import id_columns
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

_GENE_HEADERS = frozenset(
    ("gene", "genes", "gene_id", "geneid", "gene_name", "phenotype_id", "ensembl_id")
)
_ENSEMBL = re.compile(r"(ENS[A-Z]*\d{11})(\.\d+)?")
_DECIMAL = re.compile(r"-?\d*\.\d+(e[+-]?\d+)?", re.IGNORECASE)
_GENE_COLUMNS = ("gene_id", "symbol", "chromosome", "start", "end", "strand")


def read_expression(
    path: PathLike | Mapping[str, PathLike],
    *,
    genes: Sequence[str] | None = None,
    genes_in_rows: bool | None = None,
    individual_of: str | Mapping[str, str] | None = None,
) -> Bunch:
    """Read expression (or other molecular phenotypes) of people, in one tissue or in several.

    Parameters
    ----------
    path : path-like, or dict of str to path-like
        One file, or ``{tissue: file}``. Formats are told by the ending (also gzipped):

        * ``.bed``: phenotypes of GTEx, tensorQTL and QTLtools: ``#chr start end gene_id``, with
          QTLtools ``gid strand`` too, then one column per person.
        * ``.gct``: version 1.2, as GTEx distributes TPM.
        * ``.parquet``, ``.csv``, ``.tsv``, ``.txt``: a table, whose first column (parquet: or
          index) holds IDs.
    genes : sequence of str, optional
        The genes to read, in this order; by default all, in the order of the files. Genes of
        Ensembl (ENSG00000134243.10) are found by any version, with a warning.
    genes_in_rows : bool, optional
        Which way round a table is. By default genes are in rows if the first column is named
        gene, gene_id, geneid, gene_name, phenotype_id or ensembl_id, or holds names of Ensembl;
        and people otherwise.
    individual_of : "gtex" or dict of str to str, optional
        Whose the samples are: "gtex" shortens IDs such as GTEX-1117F-0226-SM-5GZZ7 to GTEX-1117F.
        By default samples are people.

    Returns
    -------
    expression : Bunch
        * data : ndarray of float64, of shape (n_individuals, n_genes); or, from several tissues,
          (n_individuals, n_genes, n_tissues). NaN where the file has none, and where a tissue lacks
          a person or gene: the ``y`` of `MILAGERegressor`.
        * samples : pandas.MultiIndex, levels FID ("0") and IID, for `match_samples`.
        * genes : pandas.DataFrame with columns gene_id, symbol, chromosome, start, end, strand, as
          far as known. start and end count from 1 and include both.
        * tissues : list of str, or None for one file.

    Warns
    -----
    UserWarning
        If versions of Ensembl differ between files; genes are joined whatever their version.

    Raises
    ------
    ValueError
        Where a file is damaged, holds text for a number, or has a person or a gene twice.

    References
    ----------
    GTEx Consortium (2020), Science 369:1318; Delaneau et al. (2017), Nature Communications 8:15452
    (QTLtools).
    """
    files = path if isinstance(path, Mapping) else {None: path}
    if not files:
        raise ValueError("path is an empty dict; expected at least one tissue.")
    wanted = None if genes is None else list(dict.fromkeys(genes))
    tables = [
        _read_tissue(Path(file), wanted, genes_in_rows, individual_of) for file in files.values()
    ]
    people = list(dict.fromkeys(chain.from_iterable(table.people for table in tables)))
    tables = _joined_versions(tables, wanted)
    known: dict[str, dict] = {}
    for table in reversed(tables):  # what the first file says of a gene holds
        known |= table.genes
    chosen = list(dict.fromkeys(chain.from_iterable(table.genes for table in tables)))
    if wanted is not None:
        missing = [gene for gene in wanted if gene not in known]
        if missing:
            raise ValueError(
                f"Gene {missing[0]} ({len(missing)} of the {len(wanted)} asked for) is in none of "
                "the files: write genes as they do, with the version (ENSG00000134243.10) where "
                "they have it."
            )
        chosen = wanted
    row_of = {name: k for k, name in enumerate(people)}
    column_of = {gene: k for k, gene in enumerate(chosen)}
    values = np.full((len(people), len(chosen), len(tables)), np.nan)
    for t, table in enumerate(tables):
        rows = [row_of[name] for name in table.people]
        columns = [column_of[gene] for gene in table.genes]
        values[np.ix_(rows, columns, [t])] = table.values.T[:, :, None]
    pd = import_optional("pandas", extra="dataframe")
    frame = pd.DataFrame([known[gene] for gene in chosen], columns=list(_GENE_COLUMNS))
    several = isinstance(path, Mapping)
    return Bunch(
        data=values if several else values[:, :, 0],
        samples=sample_index(None, people),
        genes=frame.astype({"start": "Int64", "end": "Int64"}),
        tissues=[str(tissue) for tissue in files] if several else None,
    )


class _GeneNames:
    """Names of genes, which contain those of another Ensembl version too."""

    def __init__(self, names: Iterable[str]):
        self.unversioned = {_unversioned(name) for name in names}

    def __contains__(self, name: str) -> bool:
        return _unversioned(name) in self.unversioned


def _unversioned(gene: str) -> str:
    """Return a gene's name without the version, if it is of Ensembl (ENSG00000134243.10)."""
    match = _ENSEMBL.fullmatch(gene)
    return match[1] if match else gene


def _joined_versions(tables: list["_Tissue"], wanted: list[str] | None) -> list["_Tissue"]:
    """Return the tables with one name for a gene of several Ensembl versions: the first, or asked.

    A file that has both versions of a gene keeps its names.
    """
    name_of: dict[str, str] = {}
    for gene in wanted or []:
        name_of.setdefault(_unversioned(gene), gene)
    renamed: dict[str, str] = {}
    result = []
    for table in tables:
        bases = [_unversioned(gene) for gene in table.genes]
        if len(set(bases)) < len(bases):
            result.append(table)
            continue
        genes = {}
        for base, (gene, place) in zip(bases, table.genes.items()):
            name = name_of.setdefault(base, gene)
            if name != gene:
                renamed[gene] = name
            genes[name] = {**place, "gene_id": name}
        result.append(table._replace(genes=genes))
    if renamed:
        old, new = next(iter(renamed.items()))
        warnings.warn(
            f"{len(renamed)} gene(s) have another Ensembl version than asked for or than in the "
            f"file before, such as {old} and {new}: they count as one gene.",
            UserWarning,
            stacklevel=3,
        )
    return result


class _Tissue(NamedTuple):
    """Expression in one tissue."""

    people: list[str]
    genes: dict[str, dict]  # what is known of each
    values: np.ndarray  # (genes, people)


class _Table(NamedTuple):
    """A file of expression."""

    samples: list[str]
    genes: list[dict]  # `_GENE_COLUMNS`, as far as known
    values: np.ndarray  # (genes, samples)


def _read_tissue(
    path: Path,
    wanted: list[str] | None,
    genes_in_rows: bool | None,
    individual_of: str | Mapping[str, str] | None,
) -> _Tissue:
    """Read the file of one tissue."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    name, endings = path.name, set(path.suffixes)
    only = None if wanted is None else _GeneNames(wanted)
    if ".bed" in endings:
        table = _read_bed(path, only)
    elif ".gct" in endings:
        table = _read_gct(path, only)
    elif ".parquet" in endings:
        table = _read_parquet(path, genes_in_rows)
    elif endings & {".csv", ".tsv", ".txt"}:
        table = _read_text(path, genes_in_rows)
    else:
        raise ValueError(
            f"Cannot read expression from {name}: expected .bed, .gct, .parquet, .csv, .tsv or "
            ".txt."
        )
    if not table.samples or not (table.genes or only):
        raise ValueError(f"{name} has {len(table.samples)} people and {len(table.genes)} genes.")
    people = [_individual(sample, individual_of, name) for sample in table.samples]
    genes = [gene["gene_id"] for gene in table.genes]
    for noun, ids in (("person", table.samples), ("individual", people), ("gene", genes)):
        _check_once(noun, ids, name)
    rows = [k for k, gene in enumerate(genes) if only is None or gene in only]
    return _Tissue(people, {genes[k]: table.genes[k] for k in rows}, table.values[rows])


def _individual(sample: str, individual_of: str | Mapping[str, str] | None, source: str) -> str:
    """Return whose a sample is."""
    if individual_of is None:
        return sample
    if individual_of == "gtex":
        return "-".join(sample.split("-")[:2])
    if not isinstance(individual_of, Mapping):
        raise ValueError(f"individual_of must be 'gtex', a dict or None; got {individual_of!r}.")
    if sample not in individual_of:
        raise ValueError(f"{source}: individual_of does not say whose sample {sample} is.")
    return str(individual_of[sample])


def _check_once(noun: str, names: list[str], source: str) -> None:
    """Raise ValueError if a name is missing or comes twice."""
    seen = set()
    for name in names:
        if name in ("", "NA"):
            raise ValueError(f"{source} has a {noun} without a name.")
        if name in seen:
            raise ValueError(f"{source}: {noun} {name[:60]} comes more than once.")
        seen.add(name)


def _read_bed(path: Path, only: _GeneNames | None) -> _Table:
    """Read phenotypes in BED."""
    name = path.name
    lines = (line for line in iterate_lines(path) if line.strip() and not line.startswith("##"))
    header = [field.strip() for field in next(lines, "").split("\t")]
    fixed = [column.lstrip("#").lower() for column in header[:6]]
    if fixed[:1] not in (["chr"], ["chrom"], ["chromosome"]) or fixed[1:3] != ["start", "end"]:
        raise ValueError(
            f"{name} is not a BED of phenotypes: its header must be #chr, start, end, gene_id and "
            "one column per person, separated by TAB."
        )
    n_fixed = fixed.index("strand") + 1 if "strand" in fixed[4:] else 4
    _, rows, values = _read_genes(lines, header, n_fixed, 3, only, name)
    numbers = [row[3] for row in rows if _DECIMAL.fullmatch(row[3])]
    if numbers:
        raise ValueError(
            f"{name}: the fourth column, {header[3]!r}, must hold IDs of genes; it has "
            f"{numbers[0]}."
        )
    genes = []
    for chromosome, start, end, gene, *others in rows:
        if not chromosome:
            raise ValueError(f"{name}: {gene} has no chromosome; expected one in the first column.")
        for text in (start, end):
            if not is_position(text):
                raise ValueError(
                    f"{name}: start or end of {gene} is {text[:40]!r}; expected a whole number."
                )
        place = {"chromosome": chromosome, "start": int(start) + 1, "end": int(end)}
        genes.append({"gene_id": gene, "strand": others[-1] if others else None} | place)
    return _Table(header[n_fixed:], genes, values)


def _read_gct(path: Path, only: _GeneNames | None) -> _Table:
    """Read GCT 1.2."""
    name = path.name
    lines = (line for line in iterate_lines(path) if line.strip())
    version, sizes = next(lines, "").strip(), next(lines, "").split()
    header = [field.strip() for field in next(lines, "").split("\t")]
    if version != "#1.2" or not {"Name", "Description"} <= set(header[:3]):
        raise ValueError(
            f"{name} is not GCT 1.2: expected a line #1.2, a line with the numbers of rows and "
            "columns, and a header with Name, Description and samples, separated by TAB."
        )
    gene, symbol = header.index("Name"), header.index("Description")
    n_fixed = max(gene, symbol) + 1
    n_rows, rows, values = _read_genes(lines, header, n_fixed, gene, only, name)
    if sizes[:2] != [str(n_rows), str(len(header) - n_fixed)]:
        raise ValueError(
            f"{name} holds {n_rows} rows and {len(header) - n_fixed} samples, but its second line "
            f"says {' and '.join(sizes[:2])[:60]}: it is damaged."
        )
    genes = [{"gene_id": row[gene], "symbol": row[symbol]} for row in rows]
    return _Table(header[n_fixed:], genes, values)


def _read_genes(
    lines: Iterable[str],
    header: list[str],
    n_fixed: int,
    id_column: int,
    only: _GeneNames | None,
    name: str,
) -> tuple[int, list[list[str]], np.ndarray]:
    """Return the number of rows, and of those of `only` the first fields and the values."""
    check_header(header, name)
    fixed: list[list[str]] = []
    values: list[np.ndarray] = []
    number = 0
    for number, line in enumerate(lines, start=1):
        (row,) = split_lines([line], "\t", name)
        if len(row) != len(header):
            raise ValueError(
                f"{name}: row {number} has {len(row)} fields, the header has {len(header)}. Fields "
                "are separated by TAB."
            )
        row = [field.strip() for field in row]
        if only is None or row[id_column] in only:
            fixed.append(row[:n_fixed])
            values += list(
                parse_numbers(
                    [row[n_fixed:]], [row[id_column]], header[n_fixed:], name, missing_code=None
                )
            )
    return number, fixed, np.array(values).reshape(len(fixed), len(header) - n_fixed)


def _read_text(path: Path, genes_in_rows: bool | None) -> _Table:
    """Read a text table."""
    header, rows = read_rows(path)
    if genes_in_rows is None:
        genes_in_rows = _names_genes(header[0].lstrip("#"), [row[0] for row in rows])
    ids = (0,) if genes_in_rows else id_columns(header)
    columns = [k for k in range(len(header)) if k not in ids]
    names = [row[ids[-1]] for row in rows]
    values = parse_numbers(
        [[row[k] for k in columns] for row in rows],
        names,
        [header[k] for k in columns],
        path.name,
        missing_code=None,
    )
    return _oriented(names, [header[k] for k in columns], values, genes_in_rows)


def _read_parquet(path: Path, genes_in_rows: bool | None) -> _Table:
    """Read a parquet table."""
    pd = import_optional("pandas", extra="dataframe")
    import_optional("pyarrow", extra="parquet")
    try:
        frame = pd.read_parquet(path, engine="pyarrow")
    except Exception as error:
        words = " ".join(str(error).split())
        raise ValueError(f"{path.name} is not a readable parquet file: {words[:200]}") from error
    if isinstance(frame.index, pd.RangeIndex) and frame.shape[1]:
        frame = frame.set_index(frame.columns[0])
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            raise ValueError(f"{path.name}: column {column!r} does not hold numbers.")
    values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise ValueError(f"{path.name} holds infinite values; NaN means missing.")
    if genes_in_rows is None:
        genes_in_rows = _names_genes(str(frame.index.name), [*map(str, frame.index)])
    return _oriented([*map(str, frame.index)], [*map(str, frame.columns)], values, genes_in_rows)


def _names_genes(title: str, names: list[str]) -> bool:
    """Whether the first column of a table names genes, by its title or as Ensembl does."""
    return title.lower() in _GENE_HEADERS or all(_ENSEMBL.fullmatch(name) for name in names)


def _oriented(
    rows: list[str], columns: list[str], values: np.ndarray, genes_in_rows: bool
) -> _Table:
    """Return a table that is either way round."""
    samples, genes = (columns, rows) if genes_in_rows else (rows, columns)
    by_gene = values if genes_in_rows else values.T
    return _Table(samples, [{"gene_id": gene} for gene in genes], by_gene)
