"""Where the LD of fine-mapping comes from: genotypes of a panel, or correlations."""

import argparse
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.cli.finemap.regions import given_region
from skgenetics.cli.genotypes import Stamp, stamp_of
from skgenetics.io import Genotypes, read_ld, read_plink, read_plink2, read_sexes, read_vcf
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Panel:
    """Where the LD comes from: genotypes, or correlations.

    `variants` has `VARIANT_COLUMNS`; effect_allele is the one that is counted.
    """

    variants: "pd.DataFrame"
    source: str
    genotypes: Genotypes | None = None
    ld: np.ndarray | None = None  # (variants, variants)
    copies_of_x: np.ndarray | None = None  # (people,) 1, 2, or 0 where unknown
    stamp: Stamp | None = None  # of the genotypes

    def select(self, columns: np.ndarray) -> "Genotypes | pd.DataFrame":
        """Return what `harmonize` takes as the panel of some variants."""
        if self.genotypes is not None:
            return self.genotypes.select(columns=columns)
        return self.variants.iloc[columns].reset_index(drop=True)

    def describe(self) -> str:
        """Return a line on its size."""
        people = f"{self.genotypes.shape[0]:,} people, " if self.genotypes is not None else ""
        return f"{self.source}: {people}{count_of(len(self.variants), 'variant')}"


def read_panel(arguments: argparse.Namespace) -> Panel:
    """Open the genotypes of --bfile, --pfile or --vcf, or read --ld."""
    if arguments.ld:
        return _read_correlations(arguments.ld, arguments.ld_variants)
    if arguments.vcf:
        genotypes = read_vcf(arguments.vcf, region=given_region(arguments))
        samples = None
    else:
        read = read_plink if arguments.bfile else read_plink2
        genotypes = read(arguments.bfile or arguments.pfile)
        [first, *_] = getattr(genotypes.values, "parts", [genotypes.values])
        samples = Path(first.path).with_suffix(".fam" if arguments.bfile else ".psam")
    copies_of_x = np.zeros(genotypes.shape[0], dtype=int)
    if samples is not None and len(sexes := read_sexes(samples)) == len(copies_of_x):
        copies_of_x = sexes
    return Panel(
        genotypes.variants,
        genotypes.source,
        genotypes,
        copies_of_x=copies_of_x,
        stamp=stamp_of(genotypes),
    )


def _read_correlations(path: str, variants_path: str | None) -> Panel:
    """Read the LD, and warn of what was left out of it."""
    ld, variants = read_ld(path, variants=variants_path)
    name = Path(path).name
    if variants is None or (variants["effect_allele"] == "").all():
        raise ValueError(
            f"{name} does not say which alleles its variants count: give --ld-variants, such "
            "as the .bim of the genotypes it was made from."
        )
    for note in variants.attrs["notes"]:
        warnings.warn(note, stacklevel=2)
    return Panel(variants, name, ld=ld)
