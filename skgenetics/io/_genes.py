"""Genes of an annotation, and maps of recombination: what is drawn below a locus."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io._lines import (
    find_delimiter,
    is_content,
    is_position,
    iterate_lines,
    read_lines,
    split_lines,
    to_number,
)
from skgenetics.io._sumstats_values import unify_chromosomes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd

_NAME_KEYS = ("gene_name", "Name", "gene", "gene_id", "ID")  # of an attribute of GTF or GFF3
_MAP_COLUMNS = {  # how headers of maps name what is needed, in lower case
    "chromosome": ("chromosome", "chr", "chrom", "#chr", "#chrom"),
    "base_pair_location": ("position(bp)", "position", "pos", "bp", "base_pair_location"),
    "cm": ("map(cm)", "genetic_map(cm)", "genetic_map", "map", "cm", "pos_cm"),
}
_PLINK_MAP = (0, 3, 2)  # chromosome, base pair and cM of a .map of PLINK, which has no header


def read_genes(path: PathLike) -> "pd.DataFrame":
    """Read where genes lie.

    Parameters
    ----------
    path : path-like
        A BED file (chromosome, start, end, name and, if there are six columns, the strand), or the
        genes of a GTF or GFF3 file such as GENCODE's; packed or not.

    Returns
    -------
    genes : pandas.DataFrame
        name, chromosome, start, end (base pairs from 1, both included) and strand ("+", "-" or
        None), a row per gene.

    Raises
    ------
    ValueError
        Where a line is not of either format, or there is no gene.

    See Also
    --------
    skgenetics.inspection.LocusDisplay : Draws them.
    """
    pd = import_optional("pandas", extra="dataframe")
    name, rows = Path(path).name, []
    for number, line in enumerate(iterate_lines(path), start=1):
        fields = line.split("\t") if "\t" in line else line.split()
        if not fields or fields[0][:1] in ("", "#") or fields[0].split()[0] in ("track", "browser"):
            continue
        gene = _gene_of_annotation(fields) if len(fields) == 9 else _gene_of_bed(fields)
        if gene is None:
            raise ValueError(
                f"{name}, line {number} is {line[:60]!r}; expected chromosome, start, end and name "
                "of a gene, separated by TAB (BED), or GTF or GFF3."
            )
        if gene:
            rows.append(gene)
    if not rows:
        raise ValueError(f"{name} has no gene; expected a BED file with names, GTF or GFF3.")
    genes = pd.DataFrame(rows, columns=["name", "chromosome", "start", "end", "strand"])
    genes["chromosome"] = unify_chromosomes(genes["chromosome"].tolist())
    genes["strand"] = genes["strand"].astype(object)
    return genes


def _gene_of_bed(fields: list[str]) -> tuple | None:
    """Return the row of a line of BED, None if it is none."""
    if len(fields) < 4 or not all(map(is_position, fields[1:3])):
        return None
    strand = fields[5] if len(fields) > 5 and fields[5] in ("+", "-") else None
    start, end = int(fields[1]) + 1, int(fields[2])
    return fields[3], fields[0], start, max(start, end), strand


def _gene_of_annotation(fields: list[str]) -> tuple | None:
    """Return the row of a line of GTF or GFF3: empty if it is no gene, None if it is none."""
    if not all(map(is_position, fields[3:5])):
        return _gene_of_bed(fields)  # which may have nine columns too
    if not fields[2].endswith("gene"):
        return ()
    known = dict(_attributes(fields[8]))
    name = next((known[key] for key in _NAME_KEYS if key in known), "")
    strand = fields[6] if fields[6] in ("+", "-") else None
    return name, fields[0], int(fields[3]), int(fields[4]), strand


def _attributes(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of attributes, ``a "b"; ...`` of GTF or ``a=b;...`` of GFF3."""
    for part in text.split(";"):
        key, _, value = part.strip().partition("=" if "=" in part.split('"')[0] else " ")
        yield key, value.strip().strip('"')


def read_genetic_map(path: PathLike) -> "pd.DataFrame":
    """Read a genetic map, from which rates of recombination are drawn.

    Parameters
    ----------
    path : path-like
        A table with a header that names chromosome, position in base pairs and position in
        centimorgans, as HapMap's and Eagle's; or a .map of PLINK, without one: chromosome, ID,
        centimorgans, base pair. Packed or not.

    Returns
    -------
    genetic_map : pandas.DataFrame
        chromosome, base_pair_location and cm, in the order of the genome.

    Raises
    ------
    ValueError
        Where a column is missing, a value is not a number, or cm falls along a chromosome.

    See Also
    --------
    skgenetics.inspection.LocusDisplay : Draws it.
    """
    pd = import_optional("pandas", extra="dataframe")
    name = Path(path).name
    lines = [line for line in read_lines(path) if is_content(line)]
    if not lines:
        raise ValueError(f"{name} is empty; expected a genetic map.")
    rows = split_lines(lines, find_delimiter(lines[0]), name)
    columns: tuple[int, ...] = _PLINK_MAP
    if np.isnan(to_number(rows[0][-1])):
        columns = _columns_of_map(rows[0], name)
        rows = rows[1:]
    for number, row in enumerate(rows, start=1):
        values = [to_number(row[k]) if k < len(row) else np.nan for k in columns[1:]]
        if not np.isfinite(values).all():
            raise ValueError(
                f"{name}: row {number} is {' '.join(row)[:60]!r}; expected chromosome, base pair "
                "and centimorgans."
            )
    genetic_map = pd.DataFrame(
        {
            "chromosome": unify_chromosomes([row[columns[0]] for row in rows]),
            "base_pair_location": [int(float(row[columns[1]])) for row in rows],
            "cm": [float(row[columns[2]]) for row in rows],
        }
    ).sort_values(["chromosome", "base_pair_location"], kind="stable", ignore_index=True)
    falls = genetic_map.groupby("chromosome")["cm"].diff() < 0
    if falls.any():
        first = genetic_map[falls].iloc[0]
        raise ValueError(
            f"{name}: centimorgans fall at base pair {first['base_pair_location']} of chromosome "
            f"{first['chromosome']}; expected positions that rise along a chromosome, not rates."
        )
    return genetic_map


def _columns_of_map(header: list[str], name: str) -> tuple[int, ...]:
    """Return the places of chromosome, base pair and cM in a header."""
    lower = [column.lower() for column in header]
    found = []
    for meaning, names in _MAP_COLUMNS.items():
        place = next((lower.index(known) for known in names if known in lower), None)
        if place is None:
            raise ValueError(
                f"{name} has no column of {meaning} (it may be called "
                f"{', '.join(islice(names, 3))}); it has {', '.join(header)[:100]}."
            )
        found.append(place)
    return tuple(found)
