"""Which regions are fine-mapped, and which variants lie in them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.io import MHC, Region, find_regions, read_regions, unify_chromosomes
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names

if TYPE_CHECKING:
    import pandas as pd

_FULL_WINDOW = 500_000  # of `find_regions`


def choose_regions(
    arguments: argparse.Namespace, sumstats: "pd.DataFrame", lines: list[str]
) -> list[Region]:
    """Return the regions asked for, or those around lead variants, without the MHC."""
    if arguments.regions:
        regions = read_regions(arguments.regions)
        origin = f"given in {Path(arguments.regions).name}"
    elif (region := given_region(arguments)) is not None:
        regions, origin = [region], "given"
    else:
        regions, origin = _around_leads(sumstats, lines), "around variants with p < 5e-8"
    # the count comes before what is skipped
    lines.append(f"{len(regions)} {'locus' if len(regions) == 1 else 'loci'} {origin}")
    if arguments.include_mhc:
        return regions
    inside = first_names([region.name for region in regions if region.overlaps(MHC)])
    outside = [region for region in regions if not region.overlaps(MHC)]
    if inside:
        lines.append(
            f"  Skipped: {inside} in the MHC, whose LD reaches too far for the sets to be trusted "
            "(--include-mhc)"
        )
    if not outside:
        raise ValueError(f"All loci lie in the MHC ({inside}): --include-mhc keeps them.")
    return outside


def given_region(arguments: argparse.Namespace) -> Region | None:
    """Return the region of --chr, --start and --end, if they are given."""
    if not arguments.chr:
        return None
    chromosome = unify_chromosomes([arguments.chr])[0]
    return Region(chromosome, arguments.start, arguments.end)


def _around_leads(sumstats: "pd.DataFrame", lines: list[str]) -> list[Region]:
    """Return the regions around the lead variants of the scan."""
    regions = find_regions(sumstats)
    if not regions:
        smallest = sumstats["p_value"].min()
        raise ValueError(
            f"No variant with a position has p < 5e-8 (the smallest p is {smallest:.2g}): name "
            "a region by --chr, --start and --end, or by --regions."
        )
    shrunk = [region.name for region in regions if (region.window or 0) < _FULL_WINDOW]
    if shrunk:
        lines.append(
            "  Windows of less than 500 kb, where merged ones would be wider than 6 Mb: "
            f"{first_names(shrunk)}"
        )
    return regions


def region_numbers(variants: "pd.DataFrame", regions: list[Region]) -> np.ndarray:
    """Return the number of the region of each variant, -1 outside of all."""
    pd = import_optional("pandas", extra="dataframe")
    codes, names = pd.factorize(variants["chromosome"].to_numpy(dtype=object))
    names = unify_chromosomes(names)
    base_pair = variants["base_pair_location"].to_numpy(dtype=np.int64, na_value=-1)
    numbers = np.full(len(base_pair), -1)
    for number, region in enumerate(regions):
        same = [code for code, name in enumerate(names) if name == region.chromosome]
        within = (base_pair >= region.start) & (base_pair <= region.end)
        numbers[within & np.isin(codes, same)] = number
    return numbers
