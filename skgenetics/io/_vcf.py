"""Genotypes in VCF and BCF, through cyvcf2."""

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


def read_vcf(
    path: PathLike, *, region: Region | None = None, build: str | None = None
) -> Genotypes:
    """Read the genotypes of a VCF or BCF into memory.

    Parameters
    ----------
    path : path-like
        ``.vcf``, ``.vcf.gz`` or ``.bcf``.
    region : Region, optional
        Read only this part. A file that is indexed (``.tbi``, ``.csi``) is read there only.
    build : str, optional
        Genome build of the positions, such as "GRCh37".

    Returns
    -------
    genotypes : Genotypes
        Dosages DS of the alternate allele if the file has them (float32, missing NaN), else calls
        GT (int8, missing -127). The alternate allele is counted and is the effect allele; a variant
        of several has a column for each, whose other allele is the reference. Haploid calls are 0
        or 2. Variants without an ID get chr_pos_ref_alt.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where it is damaged, or holds neither GT nor DS, or nothing.

    Notes
    -----
    For more than a few thousand variants in many people, PLINK 2 makes files of which only what is
    needed is read: ``plink2 --vcf F --make-pgen``.
    """
    cyvcf2 = import_optional("cyvcf2", extra="vcf")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    fields: list[VariantFields] = []
    columns: list[np.ndarray] = []
    try:
        file = cyvcf2.VCF(str(path), lazy=False)
        samples = list(file.samples)
        if not samples:
            raise ValueError(f"{path.name} has no people: it is a VCF without genotypes.")
        for variant in _rows(file, path, region):
            for allele, alt in enumerate(variant.ALT, start=1):
                columns.append(_dosages(variant, allele, path.name))
                position = str(variant.POS)
                name = variant.ID or ""
                fields.append(VariantFields(variant.CHROM, position, name, alt, variant.REF))
        file.close()
    except (OSError, RuntimeError) as error:
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{path.name} is not a readable VCF: {words}.") from error
    if not columns:
        where = "" if region is None else f" in {region.name}"
        raise ValueError(f"{path.name} has no variant{where}.")
    values = np.stack(columns, axis=1)
    return Genotypes(
        _checked(values, path.name),
        sample_index(None, samples),
        variants_frame(fields, path.name),
        counted_allele=f"alternate allele of {path.name}",
        source=path.name,
        build=build,
    )


def _rows(file: Any, path: Path, region: Region | None) -> Any:
    """Return the variants of a file, those of a region by its index if there is one."""
    if region is None:
        return file
    indexed = any(path.with_name(path.name + end).is_file() for end in (".tbi", ".csi"))
    if indexed:
        contigs = dict(zip(unify_chromosomes(file.seqnames), file.seqnames, strict=True))
        if region.chromosome not in contigs:
            return ()
        rows = file(f"{contigs[region.chromosome]}:{region.start}-{region.end}")
    else:
        rows = file
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


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    """Return dosages, or raise ValueError if one is not from 0 to 2."""
    if values.dtype == np.int8:
        return values
    values[(values == MISSING) | (values < -1)] = np.nan
    with np.errstate(invalid="ignore"):
        wrong = (values < 0) | (values > 2)
    if wrong.any():
        raise ValueError(f"{name} has a dosage of {values[wrong][0]:g}; expected 0 to 2.")
    return values
