"""One trait in several populations, each with a panel of its own, as loci of one study."""

import argparse
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.cli.finemap.checks import OF_PANELS
from skgenetics.cli.finemap.data import (
    Locus,
    Study,
    flags_of_n,
    match_lines,
    matched,
    notes_of,
    placed,
    read_sumstats_of,
    skipped_lines,
    within_panel,
)
from skgenetics.cli.finemap.panel import Panel, read_panel
from skgenetics.cli.finemap.regions import choose_regions, region_numbers
from skgenetics.cli.finemap.traits import Cells, combined, of_each_file, trait_names
from skgenetics.cli.finemap.work import (
    PanelDosages,
    describe_region,
    exact_correlations,
    fail,
    fields_of,
    fitted_rows,
    ld_source,
    table_of,
)
from skgenetics.io import Region
from skgenetics.io._match_variants import comparable_variants, match_variants
from skgenetics.loci._ld import panel_ld
from skgenetics.loci._tables import add_flag
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import first_names

if TYPE_CHECKING:
    import pandas as pd

_ALLELES = ["effect_allele", "other_allele"]


class Population(NamedTuple):
    """A scan and its panel, and where the variants of all populations are in the panel."""

    name: str
    scan: "pd.DataFrame"
    panel: Panel
    panel_size: int | None
    place: np.ndarray
    """(U,) column of each variant in the panel; -1 if it lacks it."""
    sign: np.ndarray
    """(U,) -1 where the panel counts the other allele."""


class PopulationLD(NamedTuple):
    """Where the LD of a locus comes from in one population."""

    source: np.ndarray | PanelDosages | None
    """LD, or dosages, of the variants that the panel has; None: it has none."""
    has: np.ndarray
    """(P,) whether the panel has a variant."""
    sign: np.ndarray
    """(P,) -1 where the panel counts the other allele."""
    panel_size: int | None
    """People that the LD comes from; None: those of the dosages, or the scan's."""

    def read(self, n_samples: float) -> tuple[np.ndarray, int | None]:
        """Return the LD (P, P), NaN where a variant is lacking or does not vary, and its people."""
        has, people, ld = self.has.copy(), self.panel_size, np.empty((0, 0))
        if isinstance(self.source, PanelDosages):
            dosages, varies = self.source.read()
            has[has] = varies
            if varies.any():
                ld = panel_ld(dosages[:, varies]).dense().matrix
            if people is None and len(dosages) < n_samples:  # else they are the scan's people
                people = len(dosages)
        elif self.source is not None:
            ld = exact_correlations(self.source)
        everything = np.full((len(has), len(has)), np.nan)
        everything[np.ix_(has, has)] = ld * np.outer(self.sign[has], self.sign[has])
        return everything, people


def load_populations(arguments: argparse.Namespace) -> Study:
    """Return the user's files of several populations as one `Study`."""
    lines: list[str] = []
    read = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        for one in of_each_file(arguments, ("n", "trait", *OF_PANELS)):
            scan, panel = read_sumstats_of(one, lines), read_panel(one)
            lines.append(panel.describe())
            scan = placed(scan, panel.variants, "variants", "panel", lines)
            panel.variants = placed(
                panel.variants, scan, "variants of the panel", "statistics", lines
            )
            read.append((scan, panel, one.panel_size))
    lines += notes_of(caught)
    names = trait_names(arguments, [scan for scan, *_ in read])
    pd = import_optional("pandas", extra="dataframe")
    everything = pd.concat([scan for scan, *_ in read], ignore_index=True)
    regions = choose_regions(arguments, everything, lines)
    variants, places = all_variants([panel for _, panel, _ in read], regions)
    populations = [
        Population(name, *one, *place) for name, one, place in zip(names, read, places, strict=True)
    ]
    regions, skipped = within_panel(regions, Panel(variants, "the panels"))
    scans_at = []  # by population and region
    for population in populations:
        parts, own = scans_of(arguments, population, regions, variants)
        scans_at.append(parts)
        lines += [f"{population.name}:", *(f"  {line}" for line in own)]
    loci = []
    for region, *at_region in zip(regions, *scans_at, strict=True):
        rows, cells = combined(arguments, at_region)
        if not len(rows) and region.window is not None:
            skipped.append(region.name)
            continue
        lacking = [name for name, z in zip(names, cells.z.T, strict=True) if np.isnan(z).all()]
        if len(rows) and lacking:
            lines.append(f"  {region.name} has no variant of {first_names(lacking)}")
        description = describe_populations(arguments, populations, region, rows, cells)
        loci.append(Locus(region, rows, description))
    lines += skipped_lines(skipped)
    return Study(loci, arguments.build, lines, Path(arguments.out), traits=names)


def all_variants(
    panels: Sequence[Panel], regions: list[Region]
) -> tuple["pd.DataFrame", list[tuple[np.ndarray, np.ndarray]]]:
    """Return the variants that any panel has in `regions`, and their `place` and `sign` in each.

    They are matched by position and alleles, and count the allele of the first panel that has them.
    """
    pd = import_optional("pandas", extra="dataframe")
    known, found = None, []
    for panel in panels:
        columns = np.flatnonzero(region_numbers(panel.variants, regions) >= 0)
        own = comparable_variants(panel.variants.iloc[columns], "the panel")
        known = own if known is None else known
        match = match_variants(own, known)
        new = match.row < 0
        row = np.where(new, len(known) + np.cumsum(new) - 1, match.row)
        known = pd.concat([known, own[new]], ignore_index=True)
        first = ~pd.Series(row).duplicated().to_numpy()
        sign = np.where(match.swapped, -1.0, 1.0)
        found.append((row[first], columns[first], sign[first]))
    assert known is not None
    order = np.argsort(known["base_pair_location"].to_numpy(dtype=float), kind="stable")
    rank = np.argsort(order)
    places = []
    for row, columns, own_sign in found:
        place, sign = np.full(len(known), -1), np.ones(len(known))
        place[rank[row]], sign[rank[row]] = columns, own_sign
        places.append((place, sign))
    return known.iloc[order].reset_index(drop=True), places


def scans_of(
    arguments: argparse.Namespace,
    population: Population,
    regions: list[Region],
    variants: "pd.DataFrame",
) -> tuple[list["pd.DataFrame"], list[str]]:
    """Return the scan of a population at each region, counting the alleles of `variants`.

    panel_index is the row in `variants`. Returns lines on how they were matched, too.
    """
    try:
        table, report = matched(population.scan, population.panel, regions)
    except ValueError as error:
        raise ValueError(f"{population.name}: {error}") from error
    row_of = np.full(len(population.panel.variants), -1)
    known = population.place >= 0
    row_of[population.place[known]] = np.flatnonzero(known)
    row = row_of[table["panel_index"].to_numpy(dtype=int)]
    table, row = table[row >= 0].reset_index(drop=True), row[row >= 0]
    sign = population.sign[row]
    table = table.assign(panel_index=row, z=sign * table["z"].to_numpy(dtype=float))
    table[_ALLELES] = variants[_ALLELES].iloc[row].to_numpy()
    if "effect_allele_frequency" in table:
        f = table["effect_allele_frequency"].to_numpy(dtype=float, na_value=np.nan)
        table["effect_allele_frequency"] = np.where(sign < 0, 1 - f, f)
    number = region_numbers(table, regions)
    parts = [table[number == k] for k in range(len(regions))]
    parts = [part.assign(flag=flags_of_n(arguments, part)) for part in parts]
    return parts, match_lines(arguments, report, parts)


def describe_populations(
    arguments: argparse.Namespace,
    populations: Sequence[Population],
    region: Region,
    rows: "pd.DataFrame",
    cells: Cells,
) -> dict[str, Any]:
    """Return what `finemap_loci` is told of a region with the variants `rows` of any population."""
    if not len(rows):
        reason = "no variant of the statistics is in its panel"
        return describe_region(arguments, region, partial(fail, reason))
    index, lds = rows["panel_index"].to_numpy(dtype=int), []
    for population in populations:
        columns = population.place[index]
        has = columns >= 0
        own = rows[has].assign(panel_index=columns[has])
        source = ld_source(arguments, population.panel, region, own) if has.any() else None
        if isinstance(source, str):
            return describe_region(arguments, region, partial(fail, source))
        lds.append(PopulationLD(source, has, population.sign[index], population.panel_size))
    names = [population.name for population in populations]
    opened = partial(read_populations, fields_of(arguments, rows), lds, cells=cells, names=names)
    return describe_region(arguments, region, opened)


def read_populations(
    fields: dict[str, np.ndarray], lds: Sequence[PopulationLD], *, cells: Cells, names: list[str]
) -> dict[str, Any]:
    """Return the arguments of `fit_summary` for a locus, as `finemap_loci` asks.

    A variant that a population's panel has and its scan lacks is seen through its neighbors. A z
    whose variant the panel lacks is not used. Populations without any z are left out.
    """
    pd = import_optional("pandas", extra="dataframe")
    table, z, n = table_of(fields), cells.z.copy(), cells.n_samples
    matrices, sizes = [], []
    for j, own in enumerate(lds):
        ld, people = own.read(np.nanmax(n[:, j], initial=0.0))
        z[np.isnan(np.diag(ld)), j] = np.nan
        matrices.append(ld)
        sizes.append(people)
    nowhere = np.isnan(z).all(axis=1)
    table["flag"] = add_flag(table["flag"], "MONOMORPHIC", nowhere & ~fields["dropped"])
    dropped = fields["dropped"] | nowhere
    kept, fitted = ~dropped, fitted_rows(table, dropped)
    here = np.flatnonzero(~np.isnan(z[kept]).all(axis=0))
    return {
        "z": pd.DataFrame(z[kept][:, here], columns=[names[j] for j in here]),
        "n_samples": np.nanmedian(n[kept][:, here], axis=0),
        "ld": [matrices[j][np.ix_(kept, kept)] for j in here],
        "panel_size": [sizes[j] for j in here],
        "variants": fitted,
        "set_aside": table[dropped],
    }
