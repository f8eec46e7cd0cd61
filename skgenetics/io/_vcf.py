"""Genotypes in VCF and BCF, through cyvcf2."""

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skgenetics.io._genotypes import (
    MISSING,
    Genotypes,
    VariantFields,
    sample_index,
    variants_frame,
)
from skgenetics.io._regions import Region
from skgenetics.io._sumstats_values import unify_chromosomes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

_BLOCK = 1000  # variants that are stacked at once
_FAR = 100_000  # base pairs without a wanted variant that are not read


def read_vcf(
    path: PathLike, *, region: Region | None = None, build: str | None = None
) -> Genotypes:
    """Open the genotypes of a VCF or BCF.

    Parameters
    ----------
    path : path-like
        ``.vcf``, ``.vcf.gz`` or ``.bcf``.
    region : Region, optional
        Read only this part.
    build : str, optional
        Genome build of the positions, such as "GRCh37".

    Returns
    -------
    genotypes : Genotypes
        Dosages DS of the alternate allele if the file has them (float32, missing NaN), else calls
        GT (int8, missing -127). The alternate allele is counted and is the effect allele; a variant
        of several has a column for each, whose other allele is the reference. Haploid calls are 0
        or 2. Variants without an ID get chr_pos_ref_alt. Where an index (``.tbi``, ``.csi``) lies
        beside the file, genotypes are read when sliced; else all are read, and stay in memory.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is damaged, or holds neither GT nor DS, or nothing. Of an indexed file, genotypes
        raise when they are sliced.

    Notes
    -----
    For many variants in many people, an index (``bcftools index``), or PLINK 2's files
    (``plink2 --vcf F --make-pgen``), spare memory.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    fields: list[VariantFields] = []
    places: list[tuple[str, int, int, int]] = []
    blocks: list[np.ndarray] = []
    columns: list[np.ndarray] = []
    indexed = _is_indexed(path)
    with _opened(path) as file:
        samples = list(file.samples)
    if not samples:
        raise ValueError(f"{path.name} has no people: it is a VCF without genotypes.")
    with _opened(path, with_genotypes=not indexed) as file:
        for variant, repeat in _numbered(_rows(file, path, region)):
            for allele, alt in enumerate(variant.ALT, start=1):
                position, name = str(variant.POS), variant.ID or ""
                fields.append(VariantFields(variant.CHROM, position, name, alt, variant.REF))
                places.append((variant.CHROM, variant.POS, repeat, allele))
                if not indexed:
                    columns.append(_dosages(variant, allele, path.name))
            if len(columns) >= _BLOCK:
                blocks, columns = [*blocks, np.stack(columns, axis=1)], []
    if not fields:
        where = "" if region is None else f" in {region.name}"
        raise ValueError(f"{path.name} has no variant{where}.")
    if columns:
        blocks.append(np.stack(columns, axis=1))
    values = _IndexedVcf(path, len(samples), places) if indexed else _joined(blocks, path.name)
    return Genotypes(
        values,
        sample_index(None, samples),
        variants_frame(fields, path.name),
        counted_allele=f"alternate allele of {path.name}",
        source=path.name,
        build=build,
    )


class _IndexedVcf:
    """Dosages of an indexed file, read where they are wanted, sliced as ``values[rows, columns]``.

    It is opened anew at every read, so that it pickles.
    """

    def __init__(self, path: Path, n_samples: int, places: list[tuple[str, int, int, int]]) -> None:
        self.path, self.shape = str(path.resolve()), (n_samples, len(places))
        chromosomes, positions, repeats, alleles = zip(*places, strict=True)
        self.contigs, codes = np.unique(chromosomes, return_inverse=True)
        self.variants = np.stack([codes, positions, repeats], axis=1)  # (p, 3)
        self.alleles = np.array(alleles)  # (p,) numbers of the alternate alleles

    def __getitem__(self, key: Any) -> np.ndarray:
        rows, columns = (np.ravel(index) for index in key)
        path, found = Path(self.path), {}
        wanted = {
            (*variant, allele)
            for variant, allele in zip(
                self.variants[columns].tolist(), self.alleles[columns].tolist(), strict=True
            )
        }
        with _opened(path) as file:
            for code, first, last in self._stretches(columns):
                records = file(f"{self.contigs[code]}:{first}-{last}")
                inside = (variant for variant in records if first <= variant.POS <= last)
                for variant, repeat in _numbered(inside):
                    for allele in range(1, len(variant.ALT) + 1):
                        place = (code, variant.POS, repeat, allele)
                        if place in wanted:
                            found[place] = _dosages(variant, allele, path.name)[rows]
        if len(found) < len(wanted):
            raise ValueError(f"{path.name} is not what it was when it was opened: open it again.")
        places = zip(self.variants[columns].tolist(), self.alleles[columns].tolist(), strict=True)
        values = [found[*variant, allele] for variant, allele in places]
        return _joined([np.stack(values, axis=1)] if values else [], path.name, len(rows))

    def _stretches(self, columns: np.ndarray) -> Iterator[tuple[int, int, int]]:
        """Yield contig, first and last position of parts of the genome that hold the columns."""
        places = np.unique(self.variants[columns, :2], axis=0)
        apart = np.any(np.diff(places, axis=0) > [0, _FAR], axis=1)
        for part in np.split(places, np.flatnonzero(apart) + 1):
            if len(part):
                yield int(part[0, 0]), int(part[0, 1]), int(part[-1, 1])


@contextlib.contextmanager
def _opened(path: Path, *, with_genotypes: bool = True) -> Iterator[Any]:
    """Open a VCF; whatever htslib cannot read is told in one sentence.

    Without genotypes, htslib does not parse them, which is most of the work.
    """
    cyvcf2 = import_optional("cyvcf2", extra="vcf")
    with contextlib.suppress(OSError, AttributeError):  # htslib writes to standard error itself
        ctypes.CDLL(cyvcf2.cyvcf2.__file__).hts_set_log_level(0)
    try:
        file = cyvcf2.VCF(str(path), lazy=False, samples=None if with_genotypes else [])
        yield file
        file.close()
    except Exception as error:  # cyvcf2 raises no narrower ones
        if isinstance(error, ValueError | MemoryError) and not isinstance(error, UnicodeError):
            raise
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{path.name} is not a readable VCF: {words}.") from error


def _is_indexed(path: Path) -> bool:
    """Whether an index lies beside a file."""
    return any(path.with_name(path.name + end).is_file() for end in (".tbi", ".csi"))


def _numbered(records: Any) -> Iterator[tuple[Any, int]]:
    """Yield records and how many before them stand at the same position."""
    place, repeat = None, 0
    for variant in records:
        repeat = repeat + 1 if place == (variant.CHROM, variant.POS) else 0
        place = variant.CHROM, variant.POS
        yield variant, repeat


def _rows(file: Any, path: Path, region: Region | None) -> Any:
    """Return the variants of a file, those of a region by its index if there is one."""
    if region is None:
        return file
    rows = file
    if _is_indexed(path):
        contigs = dict(zip(unify_chromosomes(file.seqnames), file.seqnames, strict=True))
        if region.chromosome not in contigs:
            return ()
        rows = file(f"{contigs[region.chromosome]}:{region.start}-{region.end}")
    return (
        variant
        for variant in rows
        if region.start <= variant.POS <= region.end
        and unify_chromosomes([variant.CHROM])[0] == region.chromosome
    )


def _dosages(variant: Any, allele: int, name: str) -> np.ndarray:
    """Return the dosages of an alternate allele: DS, else GT."""
    formats = variant.FORMAT or []
    calls = np.array(variant.genotype.array())[:, :-1] if "GT" in formats else None
    if "DS" in formats:
        dosages = np.asarray(variant.format("DS"), dtype=np.float32)
        if dosages.shape[1] == len(variant.ALT):
            dosage = dosages[:, allele - 1].copy()
            if calls is not None:
                haploid = (calls == -2).any(axis=1)
                if not (dosage[haploid] > 1).any():
                    dosage[haploid] *= 2
            return dosage
    if calls is None:
        raise ValueError(
            f"{name}: the variant at {variant.CHROM}:{variant.POS} has neither GT nor DS."
        )
    copies, n_copies = (calls == allele).sum(axis=1), (calls != -2).sum(axis=1)
    dosage = np.where(n_copies == 1, 2 * copies, copies)
    return np.where((calls == -1).any(axis=1) | (n_copies == 0), MISSING, dosage).astype(np.int8)


def _joined(blocks: list[np.ndarray], name: str, n_rows: int = 0) -> np.ndarray:
    """Return blocks of dosages as one array, or raise ValueError if one is not from 0 to 2."""
    if not blocks:
        return np.zeros((n_rows, 0), dtype=np.int8)
    values = np.empty((len(blocks[0]), sum(b.shape[1] for b in blocks)), np.result_type(*blocks))
    start = 0
    while blocks:  # each goes when it is copied
        block = _checked(blocks.pop(0), name)
        values[:, start : start + block.shape[1]] = block
        start += block.shape[1]
    return _checked(values, name)


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    """Return dosages, or raise ValueError if one is not from 0 to 2."""
    if values.dtype == np.int8:
        return values
    values[values < -1] = np.nan  # MISSING, and what DS says for it
    with np.errstate(invalid="ignore"):
        wrong = (values < 0) | (values > 2)
    if wrong.any():
        raise ValueError(f"{name} has a dosage of {values[wrong][0]:g}; expected 0 to 2.")
    return values
