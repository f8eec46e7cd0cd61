"""What is drawn below the loci: genes and recombination."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from skgenetics.datasets import load_geuvadis
from skgenetics.io import Region, read_genes, read_genetic_map
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

_BEYOND = 100_000  # base pairs of a map beyond a region, whose ends lie between its positions


class Tracks(NamedTuple):
    """Genes and a genetic map, if they are given."""

    genes: "pd.DataFrame | None" = None
    genetic_map: "pd.DataFrame | None" = None

    def within(self, region: Region) -> dict[str, Any]:
        """Return what lies in a region, as arguments of displays."""
        genes, genetic_map = self.genes, self.genetic_map
        if genes is not None:
            here = genes["chromosome"] == region.chromosome
            genes = genes[here & (genes["end"] >= region.start) & (genes["start"] <= region.end)]
        if genetic_map is not None:
            near = genetic_map["base_pair_location"].between(
                region.start - _BEYOND, region.end + _BEYOND
            )
            genetic_map = genetic_map[near & (genetic_map["chromosome"] == region.chromosome)]
        return {"genes": genes, "genetic_map": genetic_map}


def read_tracks(arguments: argparse.Namespace) -> Tracks:
    """Return what the user gave; of the demonstration, the bundled genes."""
    if arguments.demo and not arguments.genes:
        pd = import_optional("pandas", extra="dataframe")
        known = load_geuvadis().genes
        genes = pd.DataFrame(dict(known))[["gene_id", "chromosome", "start", "strand"]]
        return Tracks(genes.assign(end=genes["start"]).rename(columns={"gene_id": "name"}))
    genes = read_genes(arguments.genes) if arguments.genes else None
    genetic_map = read_genetic_map(arguments.genetic_map) if arguments.genetic_map else None
    return Tracks(genes, genetic_map)


def track_notes(arguments: argparse.Namespace, tracks: Tracks, regions: list[Region]) -> list[str]:
    """Return a note on each file that has nothing to draw in any of the regions."""
    found = [tracks.within(region) for region in regions]
    notes = []
    for key in ("genes", "genetic_map"):
        if getattr(tracks, key) is not None and not any(len(below[key]) for below in found):
            name = Path(getattr(arguments, key) or "").name
            notes.append(f"Nothing of {name} lies in the loci: are chromosomes and build the same?")
    return notes
