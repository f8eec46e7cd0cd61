"""PLINK 2 binary genotypes, through pgenlib."""

import os
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.io._genotypes import (
    MISSING,
    Genotypes,
    VariantFields,
    sample_index,
    variants_frame,
)
from skgenetics.io._joined import read_by_chromosome
from skgenetics.io._lines import iterate_lines, read_lines
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pandas as pd


class _Pgen:
    """A .pgen file that is opened anew at every read, so that it pickles.

    Column j counts allele `alleles[j]` of the file's variant `variants[j]`. `path` is absolute: a
    worker process may stand in another folder.
    """

    def __init__(self, path: str, n_samples: int, named: "PlinkVariants", dtype: np.dtype) -> None:
        self.path, self.offsets, self.dtype = path, named.offsets, dtype
        self.variants, self.alleles = named.variants, named.alleles
        self.shape = n_samples, len(named.variants)

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = (np.ravel(index) for index in key)
        values = np.empty((len(rows), len(columns)), dtype=self.dtype, order="F")
        buffer = np.empty(self.shape[0], dtype=self.dtype)
        with _open(self.path, allele_idx_offsets=self.offsets) as pgen:
            read = pgen.read if self.dtype == np.int8 else pgen.read_dosages
            for k, column in enumerate(columns):
                try:
                    read(self.variants[column], buffer, self.alleles[column])
                except RuntimeError as error:
                    raise ValueError(
                        f"{Path(self.path).name}: variant {self.variants[column] + 1} cannot be "
                        f"read, the file is damaged ({_said(error)})."
                    ) from error
                values[:, k] = buffer[rows]
        values[values == -9] = MISSING if self.dtype == np.int8 else np.nan
        return values


def read_plink2(prefix: PathLike, *, build: str | None = None) -> Genotypes:
    """Open PLINK 2 files: ``prefix.pgen``, ``.pvar`` (or ``.pvar.zst``, ``.bim``), ``.psam``.

    Parameters
    ----------
    prefix : path-like
        The common beginning of the three names; the name of the .pgen will do too. With ``@`` in
        place of the chromosome (``panel_chr@``) all of them are one panel.
    build : str, optional
        Genome build of the positions, such as "GRCh37".

    Returns
    -------
    genotypes : Genotypes
        Dosages, read when sliced: int8 with -127 for missing if the file holds plain hard calls,
        float32 with NaN if it may hold dosages or phase. The alternate allele is counted and is
        the effect allele; a variant of several alternate alleles has a column for each, whose other
        allele is the reference. Variants named "." get chr_pos_ref_alt. Hemizygous calls are 0 or
        2.

    Raises
    ------
    FileNotFoundError
        Where one of the three files is missing.
    ValueError
        Where a file is damaged, or they are not of one set.

    References
    ----------
    Chang et al. (2015), Second-generation PLINK, GigaScience 4:7.
    """
    import_optional("pgenlib", extra="plink")
    prefix = Path(prefix)
    if "@" in prefix.name:
        return read_by_chromosome(prefix, [".pgen"], partial(read_plink2, build=build))
    if prefix.suffix == ".pgen":
        prefix = prefix.with_suffix("")
    pgen = _existing(prefix, ".pgen")
    pvar = _existing(prefix, ".pvar", ".pvar.zst", ".bim")
    psam = _existing(prefix, ".psam", ".fam")
    family_ids, sample_ids = _read_psam(psam)
    named = read_pvar(pvar)
    with _open(pgen, allele_idx_offsets=named.offsets) as reader:
        n_samples, n_stored = reader.get_raw_sample_ct(), reader.get_variant_ct()
    if (n_samples, n_stored) != (len(sample_ids), named.n_variants):
        raise ValueError(
            f"{pgen.name} holds {n_samples} people and {n_stored} variants, but {psam.name} names "
            f"{len(sample_ids)} and {pvar.name} {named.n_variants}: they are not of one set."
        )
    with open(pgen, "rb") as file:
        header = file.read(12)
    # below 4, the types of records have 4 bits each, which can tell of neither phase nor dosages
    plain = header[2] == 0x10 and header[11] & 15 < 4
    dtype = np.dtype(np.int8 if plain else np.float32)
    return Genotypes(
        _Pgen(str(pgen.absolute()), n_samples, named, dtype),
        sample_index(family_ids, sample_ids),
        named.frame,
        counted_allele=f"alternate allele of {pvar.name}",
        source=pgen.name,
        build=build,
    )


def _existing(prefix: Path, *endings: str) -> Path:
    """Return the first file that exists, or raise FileNotFoundError."""
    for ending in endings:
        path = prefix.with_name(prefix.name + ending)
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"There is no file {prefix}{' or '.join(endings)}: PLINK 2 data are three files, .pgen, "
        ".pvar and .psam, of one name."
    )


def _open(path: str | Path, **arguments: Any) -> Any:
    """Return pgenlib's reader of a .pgen."""
    pgenlib = import_optional("pgenlib", extra="plink")
    try:
        return pgenlib.PgenReader(os.fsencode(path), **arguments)
    except RuntimeError as error:
        raise ValueError(f"{Path(path).name} is not a readable .pgen: {_said(error)}") from error


def _said(error: Exception) -> str:
    """Return pgenlib's words."""
    words = error.args[0] if error.args else ""
    return (words.decode(errors="replace") if isinstance(words, bytes) else str(words)).strip()


class PlinkVariants(NamedTuple):
    """The variants of a .pvar: a column for each alternate allele of each."""

    variants: np.ndarray  # (n_columns,) number of the file's variant
    alleles: np.ndarray  # (n_columns,) number of its allele
    offsets: np.ndarray | None  # (n_variants + 1,) of alleles; None if each variant has two
    n_variants: int  # of the file
    frame: "pd.DataFrame"  # one row per column


def read_pvar(path: Path) -> PlinkVariants:
    """Read a .pvar, or a .bim."""
    lines: Iterator[str] = (
        line for line in iterate_lines(path) if line.strip() and not line.startswith("##")
    )
    first = next(lines, None)
    if first is None:
        raise ValueError(f"{path.name} is empty.")
    if first.startswith("#"):
        header = first[1:].split()
    else:  # as a .bim, whose centimorgans may be left out
        header = ["CHROM", "ID", "CM", "POS", "ALT", "REF"]
        if len(first.split()) == 5:
            header.remove("CM")
        lines = chain([first], lines)
    wanted = ("CHROM", "POS", "ID", "ALT", "REF")
    if not set(wanted) <= set(header):
        raise ValueError(
            f"{path.name} has columns {first_names(header, 8)}; expected #{', '.join(wanted)}."
        )
    places = [header.index(column) for column in wanted]
    fields_of_columns, variants, alleles, n_variants = [], [], [], 0
    for n_variants, line in enumerate(lines, start=1):
        fields = line.split(None, len(header))
        if len(fields) != len(header):
            raise ValueError(
                f"{path.name}, row {n_variants} has {len(fields)} fields; expected {len(header)}."
            )
        chromosome, position, name, alt, ref = (fields[k] for k in places)
        for allele, effect in enumerate(alt.split(","), start=1):
            fields_of_columns.append(VariantFields(chromosome, position, name, effect, ref))
            variants.append(n_variants - 1)
            alleles.append(allele)
    if not fields_of_columns:
        raise ValueError(f"{path.name} names no variant.")
    offsets = None
    if len(fields_of_columns) > n_variants:
        offsets = np.cumsum([0, *(1 + np.bincount(variants))]).astype(np.uintp)
    return PlinkVariants(
        np.array(variants, dtype=np.uint32),
        np.array(alleles, dtype=np.uint32),
        offsets,
        n_variants,
        variants_frame(fields_of_columns, path.name),
    )


def _read_psam(path: Path) -> tuple[list[str] | None, list[str]]:
    """Return the IDs of families, or None, and of people in a .psam or .fam."""
    rows = [line.split() for line in read_lines(path) if line.strip()]
    rows = [row for row in rows if not row[0].startswith("##")]
    header = ["#FID", "IID"]
    if rows and rows[0][0] in ("#FID", "#IID"):
        header, *rows = rows
    if not rows:
        raise ValueError(f"{path.name} names nobody; expected one row per person.")
    iid = 0 if header[0] == "#IID" else 1
    for number, row in enumerate(rows, start=1):
        if len(row) <= iid:
            raise ValueError(f"{path.name}, row {number} has {len(row)} fields; expected FID, IID.")
    return [row[0] for row in rows] if iid else None, [row[iid] for row in rows]
