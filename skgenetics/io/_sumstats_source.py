"""Where summary statistics come from: text, a part of an indexed text, GWAS-VCF, parquet."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.io._columns import (
    Batch,
    Layout,
    Malformed,
    Numbers,
    iterate_columns,
    lines_as_columns,
    read_layout,
)
from skgenetics.io._regions import Region
from skgenetics.io._sumstats_values import unify_chromosomes, without_missing_words
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pyarrow as pa

_VCF = ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
_ROWS_AT_ONCE = 100_000
_SAMPLE = 20

Batches = Callable[[Sequence[str], list[Malformed], Numbers], Iterator[Batch]]


class Source(NamedTuple):
    """A table: its columns, its first rows, and a function that reads some of its columns."""

    name: str
    header: list[str]
    sample: list[list[str]]
    batches: Batches
    is_of_trait: bool = False
    """Whether it is what a table of several traits says of the one that is read."""


def open_source(path: PathLike, trait: str | None = None, region: Region | None = None) -> Source:
    """Open summary statistics of any kind of file; where it is indexed, only a part of it."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet:
        return _open_parquet(path)
    layout = read_layout(path)
    lines = None if region is None else _lines_of(path, region)

    def batches(
        wanted: Sequence[str], malformed: list[Malformed], numbers: Numbers
    ) -> Iterator[Batch]:
        if lines is None:
            return iterate_columns(path, wanted, malformed, numbers)
        return lines_as_columns(path.name, layout, lines, wanted, malformed, numbers)

    if tuple(layout.header[:9]) == _VCF:
        return _open_vcf(path.name, layout, batches, trait)
    return Source(path.name, layout.header, layout.sample, batches)


def _open_parquet(path: Path) -> Source:
    """Open a parquet file."""
    parquet = import_optional("pyarrow.parquet", extra="dataframe")
    pa = import_optional("pyarrow", extra="dataframe")
    name = path.name
    try:
        file = parquet.ParquetFile(path)
        header = [column for column in file.schema_arrow.names if not column.startswith("__index")]
        first = next(file.iter_batches(_SAMPLE, columns=header), None)
        sample = [] if first is None else [list(row.values()) for row in first.to_pylist()]
    except (pa.ArrowException, OSError) as error:
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{name} is not a readable parquet file: {words}.") from error

    def batches(
        wanted: Sequence[str], malformed: list[Malformed], numbers: Numbers
    ) -> Iterator[Batch]:
        n_rows = 0
        try:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=list(wanted)):
                columns = {column: _plain(batch.column(column)) for column in wanted}
                yield Batch(columns, n_rows + 1)
                n_rows += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            words = " ".join(str(error).split())[:200].rstrip(".")
            raise ValueError(f"{name} is not a readable parquet file: {words}.") from error

    return Source(name, header, [[str(cell) for cell in row] for row in sample], batches)


def _plain(column: "pa.Array") -> "pa.Array":
    """Return a column as numbers, or as texts, null where they are words for missing."""
    pa = import_optional("pyarrow", extra="dataframe")
    types = pa.types
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_integer(column.type) or types.is_floating(column.type):
        return column
    return without_missing_words(column.cast(pa.large_string()))


def _lines_of(path: Path, region: Region) -> bytes | None:
    """Return the lines of a region by the index beside a file; None if there is no index."""
    indexes = [path.with_name(path.name + ending) for ending in (".tbi", ".csi")]
    if not any(index.is_file() for index in indexes):
        return None
    try:
        import pysam
    except ImportError:  # then all of the file is read
        return None
    try:
        with pysam.TabixFile(str(path)) as file:
            contigs = dict(zip(unify_chromosomes(file.contigs), file.contigs, strict=True))
            if region.chromosome not in contigs:
                return b""
            rows = file.fetch(contigs[region.chromosome], region.start - 1, region.end)
            return "".join(row + "\n" for row in rows).encode()
    except (OSError, ValueError) as error:
        raise ValueError(f"The index of {path.name} cannot be used: {error}.") from error


def _open_vcf(name: str, layout: Layout, batches: Batches, trait: str | None) -> Source:
    """Return the columns of a trait of a GWAS-VCF, those of FORMAT under their keys."""
    traits = layout.header[9:]
    rows = [row for row in layout.sample if len(row) == len(layout.header)]
    if trait is not None and trait not in traits:
        raise ValueError(f"{name} has no trait {trait!r}; it has {first_names(traits, 10)}.")
    keys = list(dict.fromkeys(k for row in rows for k in row[8].split(":")))
    if "ES" not in keys:
        raise ValueError(
            f"{name} is a VCF of genotypes, not of summary statistics (GWAS-VCF has ES, SE and LP "
            "in FORMAT)."
        )
    if len(traits) != 1 and trait is None:
        raise ValueError(
            f"{name} has {len(traits)} traits ({first_names(traits, 10)}): name one as trait "
            "(--trait)."
        )
    column = trait or traits[0]

    def expanded(
        wanted: Sequence[str], malformed: list[Malformed], numbers: Numbers
    ) -> Iterator[Batch]:
        fixed = [name for name in wanted if name in _VCF]
        needed = [*dict.fromkeys([*fixed, "FORMAT", column])]
        own = [name for name in wanted if name not in _VCF]
        of_table = None if numbers is None else numbers.intersection(_VCF)
        for batch in batches(needed, malformed, of_table):
            parts = _taken_apart(batch.columns["FORMAT"], batch.columns[column], own)
            yield Batch({name: batch.columns[name] for name in fixed} | parts, batch.first)

    place = layout.header.index(column)
    sample = [
        [*row[:8], *(dict(zip(row[8].split(":"), row[place].split(":"))).get(k, ".") for k in keys)]
        for row in rows
    ]
    return Source(name, [*_VCF[:8], *keys], sample, expanded, is_of_trait=True)


def _taken_apart(
    formats: "pa.Array", values: "pa.Array", wanted: Sequence[str]
) -> "dict[str, pa.Array]":
    """Return the values of wanted keys of FORMAT, one column each, null where they are missing.

    Rows of one FORMAT and as many fields are taken apart together; most often these are all.
    """
    pa = import_optional("pyarrow", extra="dataframe")
    pc = import_optional("pyarrow.compute", extra="dataframe")
    fields = pc.split_pattern(values, ":")
    written = pc.fill_null(formats, "").dictionary_encode()
    n_fields = pc.fill_null(pc.list_value_length(fields), 0).to_numpy().astype(np.int64)
    codes = written.indices.to_numpy() + len(written.dictionary) * n_fields
    order = np.argsort(codes, kind="stable")
    parts: dict[str, list[Any]] = {key: [] for key in wanted}
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        keys = formats[rows[0]].as_py()
        keys = [] if keys is None else keys.split(":")
        n = n_fields[rows[0]]
        same = fields if len(rows) == len(order) else fields.take(pa.array(rows))
        flat = same.flatten()
        for key, found in parts.items():
            place = keys.index(key) if key in keys else n
            if place < n:
                found.append(flat.take(pa.array(np.arange(place, len(flat), n))))
            else:
                found.append(pa.nulls(len(rows), pa.large_string()))
    back = None if len(order) == len(rows) else pa.array(np.argsort(order))
    return {
        key: without_missing_words(
            pa.concat_arrays(found) if back is None else pa.concat_arrays(found).take(back)
        )
        for key, found in parts.items()
    }
