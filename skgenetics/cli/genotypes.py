"""Genotypes that the commands start from: files, the bundled extract, some of their variants."""

import argparse
import os
from pathlib import Path
from typing import Any, TypeAlias

import joblib
import numpy as np
from sklearn.utils import Bunch

from skgenetics.io import (
    VARIANT_COLUMNS,
    Genotypes,
    read_bgen,
    read_genotypes,
    read_list,
    read_plink,
    read_plink2,
    sample_index,
    unify_chromosomes,
)
from skgenetics.utils._arrays import column_blocks
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

Stamp: TypeAlias = tuple[Any, ...]


def stamp_of(genotypes: Genotypes) -> Stamp:
    """Return what changes when genotypes do: name, size and time of files, and a hash of arrays.

    Results that are kept are taken up again only if it is the same.
    """
    stamp: list[Any] = []
    for part in getattr(genotypes.values, "parts", [genotypes.values]):
        if isinstance(part, np.ndarray):
            stamp.append(joblib.hash(part))
        else:
            facts = os.stat(part.path)
            stamp.append((part.path, facts.st_size, facts.st_mtime_ns))
    return tuple(stamp)


def open_genotypes(arguments: argparse.Namespace) -> Genotypes:
    """Return the genotypes in the file that --bfile, --pfile, --bgen or --genotypes names."""
    if arguments.bfile:
        return read_plink(arguments.bfile)
    if arguments.pfile:
        return read_plink2(arguments.pfile)
    if arguments.bgen:
        return read_bgen(arguments.bgen, sample=arguments.sample)
    return read_genotypes(arguments.genotypes)


def bundled_genotypes(data: Bunch) -> Genotypes:
    """Return the genotypes that `load_geuvadis` gave, with the names of people and variants."""
    pd = import_optional("pandas", extra="dataframe")
    variants = pd.DataFrame({column: data.variants[column] for column in VARIANT_COLUMNS})
    variants = variants.astype({"base_pair_location": "Int64"})
    return Genotypes(
        data.data,
        sample_index(None, data.sample_ids),
        variants,
        counted_allele=data.counted_allele,
        source="GEUVADIS",
        build=data.build,
    )


def in_genome_order(genotypes: Genotypes) -> Genotypes:
    """Return the genotypes with variants by chromosome and position; those without are left out."""
    placed = genotypes.variants["base_pair_location"].notna().to_numpy()
    if not placed.any():
        raise ValueError(
            f"{genotypes.source} has variants without positions, which cis windows need."
        )
    genotypes = genotypes.select(columns=np.flatnonzero(placed))
    variants = genotypes.variants
    pd = import_optional("pandas", extra="dataframe")
    place = pd.DataFrame({"chromosome": unify_chromosomes(variants["chromosome"].tolist())})
    place["position"] = variants["base_pair_location"].to_numpy(dtype=np.int64)
    place = place.sort_values(["chromosome", "position"], kind="stable")
    return genotypes.select(columns=place.index.to_numpy())


def only_listed(genotypes: Genotypes, path: str, lines: list[str]) -> Genotypes:
    """Return the genotypes of the variants listed in a file (--extract)."""
    file, names = Path(path).name, set(read_list(path))
    listed = genotypes.variants["variant_id"].isin(names).to_numpy()
    if not listed.any():
        raise ValueError(
            f"None of the {len(names)} variants in {file} is in {genotypes.source}: variants are "
            f"matched by ID, such as {genotypes.variants['variant_id'].iloc[0]}."
        )
    lines.append(
        f"Variants: {listed.sum():,} of the {len(names):,} in {file} are in {genotypes.source}"
    )
    return genotypes.select(columns=np.flatnonzero(listed))


def only_varying(genotypes: Genotypes, lowest_maf: float, lines: list[str]) -> Genotypes:
    """Drop variants rarer than `lowest_maf`; if it is 0, raise if one does not vary."""
    n_people, n_variants = genotypes.shape
    maf, has_call = _minor_allele_frequencies(genotypes)
    common = maf >= lowest_maf
    if lowest_maf == 0 and not common.all():
        first = genotypes.variants["variant_id"].iloc[int(np.argmin(common))]
        raise ValueError(
            f"{(~common).sum():,} of {n_variants:,} variants do not vary among the "
            f"{n_people} people used ({(~has_call).sum():,} have no call at all; first: "
            f"{first}): leave them out with --maf 0.01."
        )
    if not common.any():
        raise ValueError(
            f"None of {n_variants:,} variants has a minor allele frequency of {lowest_maf:g} or "
            f"more among the {n_people} people used."
        )
    if lowest_maf:
        n_left_out = count_of(int((~common).sum()), "variant")
        lines.append(f"  {n_left_out} left out by --maf {lowest_maf:g}")
    return genotypes.select(columns=np.flatnonzero(common))


def _minor_allele_frequencies(genotypes: Genotypes) -> tuple[np.ndarray, np.ndarray]:
    """Return for each variant its minor allele frequency, -1 if it does not vary, and any call."""
    n_variants = genotypes.shape[1]
    maf, has_call = np.zeros(n_variants), np.zeros(n_variants, dtype=bool)
    for columns, block in column_blocks(genotypes, np.float64):
        called = block >= 0
        count = called.sum(axis=0)
        has_call[columns] = count > 0
        frequency = np.where(called, block, 0).sum(axis=0) / (2 * np.maximum(count, 1))
        minimum = np.where(called, block, np.inf).min(axis=0)
        maximum = np.where(called, block, -np.inf).max(axis=0)
        maf[columns] = np.where(maximum > minimum, np.minimum(frequency, 1 - frequency), -1.0)
    return maf, has_call
