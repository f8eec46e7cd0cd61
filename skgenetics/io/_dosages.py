"""Genotypes from any file: the readers by name, dosages in .npz and in text."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from skgenetics.io._arrays import load_arrays
from skgenetics.io._bgen import read_bgen
from skgenetics.io._genotypes import (
    MISSING,
    VARIANT_COLUMNS,
    Genotypes,
    VariantFields,
    sample_index,
    variants_frame,
    variants_from_names,
)
from skgenetics.io._lines import parse_numbers, read_rows
from skgenetics.io._plink import read_plink
from skgenetics.io._plink2 import read_plink2
from skgenetics.io._vcf import read_vcf
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import ArrayLike, PathLike
from skgenetics.utils._writing import atomic_path

_READERS: dict[str, Callable[..., Genotypes]] = {
    ".bed": read_plink,
    ".pgen": read_plink2,
    ".bgen": read_bgen,
}
_COUNTED = re.compile(r"^(.*)_([^_()]+?)(?:\(/([^()]+)\))?$")  # of a column of a .raw: ID_A(/C)
_RAW_IDS = ("FID", "IID", "PAT", "MAT", "SEX", "PHENOTYPE")
_TRAW_IDS = ("CHR", "SNP", "(C)M", "POS", "COUNTED", "ALT")


def read_genotypes(path: PathLike, *, build: str | None = None) -> Genotypes:
    """Open genotypes of any format that is read here, told by the ending of the name.

    Parameters
    ----------
    path : path-like
        * ``.bed``: PLINK 1, see `read_plink`. ``.pgen``: PLINK 2, see `read_plink2`. Or the common
          beginning of their names.
        * ``.bgen``: see `read_bgen`.
        * ``.npz`` with ``genotypes`` (n_samples, n_variants) and ``sample_ids``, and optionally
          ``family_ids``, ``variant_ids``, ``chromosome``, ``base_pair_location``,
          ``effect_allele``, ``other_allele``, ``build`` and ``counted_allele``: what
          `write_genotypes` writes.
        * ``.vcf``, ``.vcf.gz``, ``.bcf``: see `read_vcf`.
        * ``.raw``, ``.traw``: what PLINK's ``--recode A`` and ``--export A-transpose`` write; the
          allele that they name is counted.
        * ``.csv``, ``.tsv`` or ``.txt`` (also gzipped): a header, sample IDs in the first column,
          then one column per variant, named chr_pos_ref_alt or anything else; empty, NA and -9 are
          missing.
    build : str, optional
        Genome build of the positions, such as "GRCh37"; by default what an .npz says, else unknown.

    Returns
    -------
    genotypes : Genotypes
        int8 with -127 for missing calls, or floating dosages with NaN.

    Raises
    ------
    FileNotFoundError
        Where there is no such file.
    ValueError
        Where the ending is none of these, or both PLINK 1 and PLINK 2 files have that name, or a
        file is damaged: a dosage not in 0..2 or a code for missing, names and sizes that disagree.
    """
    path = Path(path)
    if {".vcf", ".bcf"} & set(path.suffixes):
        return read_vcf(path, build=build)
    if path.suffix in _READERS:
        return _READERS[path.suffix](path, build=build)
    endings = [] if path.is_file() else _endings_of(path)
    if len(endings) > 1:
        names = " and ".join(path.name + ending for ending in endings)
        raise ValueError(f"There are {names}: give the whole name of one.")
    if endings:
        return _READERS[endings[0]](path.with_name(path.name + endings[0]), build=build)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix == ".npz":
        return _read_npz(path, build)
    if {".raw", ".traw"} & set(path.suffixes):
        return (_read_traw if ".traw" in path.suffixes else _read_raw)(path, build)
    if {".csv", ".tsv", ".txt"}.isdisjoint(path.suffixes):
        raise ValueError(
            f"Cannot read genotypes from {path.name}: expected .bed, .pgen, .bgen, .vcf, .npz, "
            ".raw, .traw, .csv or .tsv."
        )
    return _read_text(path, build)


def _endings_of(path: Path) -> list[str]:
    """Return the endings of files whose names begin with `path`."""
    return [ending for ending in _READERS if path.with_name(path.name + ending).is_file()]


def _read_text(path: Path, build: str | None) -> Genotypes:
    """Read a table of dosages, one row per person."""
    header, rows = read_rows(path)
    names = header[1:]
    if not names:
        raise ValueError(
            f"{path.name} has one column only; expected sample IDs, then one column per variant."
        )
    sample_ids = [row[0] for row in rows]
    values = parse_numbers([row[1:] for row in rows], sample_ids, names, path.name)
    return Genotypes(
        _check_dosages(values, sample_ids, names, path.name),
        sample_index(None, sample_ids),
        variants_from_names(names),
        counted_allele="the last allele in the variant's name",
        source=path.name,
        build=build,
    )


def _read_raw(path: Path, build: str | None) -> Genotypes:
    """Read additive codes of PLINK, one row per person."""
    header, rows = read_rows(path)
    if tuple(header[:6]) != _RAW_IDS:
        raise ValueError(f"{path.name} is not a .raw of PLINK: it must begin {' '.join(_RAW_IDS)}.")
    fields, places = [], []
    for place, name in enumerate(header[6:], start=6):
        match = _COUNTED.match(name)
        if match is None:
            raise ValueError(
                f"{path.name}: column {name[:40]!r} does not name the allele that is counted."
            )
        if match[2] != "HET":  # of --recode AD
            fields.append(VariantFields("", "", match[1], match[2], match[3] or ""))
            places.append(place)
    if not fields:
        raise ValueError(f"{path.name} has no variant.")
    people = [row[1] for row in rows]
    names = [field.variant_id for field in fields]
    values = parse_numbers([[row[k] for k in places] for row in rows], people, names, path.name)
    return Genotypes(
        _check_dosages(values, people, names, path.name),
        sample_index([row[0] for row in rows], people),
        variants_frame(fields, path.name),
        counted_allele=f"allele in the names of {path.name}",
        source=path.name,
        build=build,
    )


def _read_traw(path: Path, build: str | None) -> Genotypes:
    """Read additive codes of PLINK, one row per variant."""
    header, rows = read_rows(path)
    if tuple(header[:6]) != _TRAW_IDS or len(header) == 6:
        raise ValueError(
            f"{path.name} is not a .traw of PLINK: it must begin {' '.join(_TRAW_IDS)}, and then "
            "name people."
        )
    fields = [
        VariantFields(chromosome, position, name, counted, other)
        for chromosome, name, _, position, counted, other in (row[:6] for row in rows)
    ]
    names = [field.variant_id for field in fields]
    values = parse_numbers([row[6:] for row in rows], names, header[6:], path.name).T
    families, people = zip(*map(_family_and_person, header[6:]), strict=True)
    return Genotypes(
        _check_dosages(values, people, names, path.name),
        sample_index(families, people),
        variants_frame(fields, path.name),
        counted_allele=f"allele COUNTED of {path.name}",
        source=path.name,
        build=build,
    )


def _family_and_person(name: str) -> tuple[str, str]:
    """Return FID and IID of ``FID_IID``; the whole as IID where it could be cut in several ways."""
    half = len(name) // 2
    if len(name) % 2 and name[half] == "_" and name[:half] == name[half + 1 :]:
        return name[:half], name[:half]
    if name.startswith("0_"):
        return "0", name[2:]
    family, mark, person = name.partition("_")
    return (family, person) if mark and "_" not in person else ("0", name)


_NPZ_KEYS = (
    *("genotypes", "sample_ids", "variant_ids", "chromosome", "base_pair_location"),
    *("effect_allele", "other_allele", "family_ids", "build", "counted_allele"),
)


def _read_npz(path: Path, build: str | None) -> Genotypes:
    """Read the .npz that `write_genotypes` documents."""
    pd = import_optional("pandas", extra="dataframe")
    arrays = load_arrays(path)
    if isinstance(arrays, np.ndarray):
        raise ValueError(f"{path.name} holds one array; expected genotypes and sample_ids.")
    missing = [key for key in ("genotypes", "sample_ids") if key not in arrays]
    unknown = [key for key in arrays if key not in _NPZ_KEYS]
    if missing or unknown:
        wrong = f"but not '{missing[0]}'" if missing else f"and '{unknown[0]}' is not known"
        raise ValueError(
            f"{path.name} holds {', '.join(sorted(arrays))}, {wrong}. Expected keys: "
            "genotypes (samples x variants), sample_ids, and optionally "
            f"{', '.join(_NPZ_KEYS[2:])}."
        )
    values, sample_ids = arrays["genotypes"], arrays["sample_ids"].astype(str)
    if values.ndim != 2 or values.dtype.kind not in "iuf":
        raise ValueError(
            f"genotypes in {path.name} must be numbers of shape (samples, variants); got "
            f"{values.dtype} of shape {values.shape}."
        )
    n_samples, n_variants = values.shape
    for key, array in arrays.items():
        expected = {"genotypes": None, "build": None, "counted_allele": None}.get(
            key, n_samples if key in ("sample_ids", "family_ids") else n_variants
        )
        if expected is not None and array.shape != (expected,):
            raise ValueError(
                f"{key} in {path.name} has shape {array.shape}; genotypes of shape "
                f"{values.shape} need ({expected},)."
            )
    names = arrays.get("variant_ids", np.array([f"variant{j}" for j in range(n_variants)]))
    names = names.astype(str)
    variants = variants_from_names(names)
    for key in set(VARIANT_COLUMNS) & set(arrays):
        variants[key] = pd.array(
            arrays[key], dtype="Int64" if key == "base_pair_location" else "str"
        )
    return Genotypes(
        _check_dosages(values, sample_ids, names, path.name),
        sample_index(arrays.get("family_ids"), sample_ids),
        variants,
        counted_allele=str(arrays.get("counted_allele", "effect allele")),
        source=path.name,
        build=build or (str(arrays["build"]) if "build" in arrays else None),
    )


def write_genotypes(path: PathLike, genotypes: Genotypes) -> None:
    """Write `genotypes` to an .npz that `read_genotypes` reads back.

    Parameters
    ----------
    path : path-like
        Ends in ``.npz``. Written under a temporary name, then renamed.
    genotypes : Genotypes
        Dosages and names.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"write_genotypes writes .npz; got {path}.")
    variants = genotypes.variants
    arrays = {
        "genotypes": genotypes[:, :],
        "family_ids": np.array(genotypes.samples.get_level_values("FID"), dtype=str),
        "sample_ids": np.array(genotypes.samples.get_level_values("IID"), dtype=str),
        "variant_ids": np.array(variants["variant_id"], dtype=str),
        "counted_allele": np.array(genotypes.counted_allele),
    }
    if genotypes.build is not None:
        arrays["build"] = np.array(genotypes.build)
    if variants["base_pair_location"].notna().all():
        arrays["base_pair_location"] = np.array(variants["base_pair_location"], dtype=np.int64)
        for key in ("chromosome", "effect_allele", "other_allele"):
            arrays[key] = np.array(variants[key], dtype=str)
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **arrays)


def _check_dosages(
    values: np.ndarray, sample_ids: ArrayLike, names: ArrayLike, source: str
) -> np.ndarray:
    """Return int8 (missing -127) or floating (missing NaN) dosages, all within 0..2."""
    missing = np.isnan(values) | (values == -9) | (values == MISSING)
    wrong = ~missing & ~((values >= 0) & (values <= 2))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{source}: the dosage of variant {names[column]} in sample {sample_ids[row]} is "
            f"{values[row, column]:g}; expected 0 to 2, or NA, -9 or -127 for missing."
        )
    if values.dtype == np.int8:
        return np.where(missing, np.int8(MISSING), values)
    if np.all(missing | (values == np.floor(values))):
        return np.where(missing, MISSING, values).astype(np.int8)
    return np.where(missing, np.nan, values)
