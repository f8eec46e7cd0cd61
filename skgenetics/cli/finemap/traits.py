"""Several traits fine-mapped at once: their statistics, matched, as loci of one study."""

import argparse
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

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
from skgenetics.cli.finemap.work import DROPPED, describe_rows, read_locus
from skgenetics.io import Region
from skgenetics.io._lines import parse_numbers, read_rows
from skgenetics.loci._tables import add_flag
from skgenetics.multitrait import noise_correlation
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

_MAX_CELLS = 5000  # variants times traits: up to here z may be missing, and n differ by variant
_KEY = ["chromosome", "base_pair_location", "one", "other"]


class Cells(NamedTuple):
    """What the scans say of P variants and J traits; NaN = not measured, or left out."""

    z: np.ndarray
    """(P, J)."""
    n_samples: np.ndarray
    """(P, J)."""


def load_traits(arguments: argparse.Namespace) -> Study:
    """Return the user's files of several traits as one `Study`."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        scans = [read_sumstats_of(one, lines) for one in of_each_file(arguments)]
        panel = read_panel(arguments)
    names = trait_names(arguments, scans)
    lines += [panel.describe(), *notes_of(caught)]
    scans = [placed(scan, panel.variants, "variants", "panel", lines) for scan in scans]
    pd = import_optional("pandas", extra="dataframe")
    everything = pd.concat(scans, ignore_index=True)
    panel.variants = placed(
        panel.variants, everything, "variants of the panel", "statistics", lines
    )
    correlation = trait_correlation(arguments, scans, names, lines)
    regions, skipped = within_panel(choose_regions(arguments, everything, lines), panel)
    scans_at = []  # by trait and region
    for name, scan in zip(names, scans, strict=True):
        table, report = matched(scan, panel, regions)
        number = region_numbers(table, regions)
        parts = [table[number == k] for k in range(len(regions))]
        parts = [part.assign(flag=flags_of_n(arguments, part)) for part in parts]
        scans_at.append(parts)
        lines += [f"{name}:", *(f"  {line}" for line in match_lines(arguments, report, parts))]
    loci = []
    for region, *at_region in zip(regions, *scans_at, strict=True):
        rows, cells = combined(arguments, at_region)
        if not len(rows) and region.window is not None:
            skipped.append(region.name)
            continue
        description = describe_traits(arguments, panel, region, rows, cells, names, correlation)
        loci.append(Locus(region, rows, description))
    lines += skipped_lines(skipped)
    return Study(loci, arguments.build, lines, Path(arguments.out), traits=names)


def of_each_file(
    arguments: argparse.Namespace, names: Sequence[str] = ("n", "trait")
) -> list[argparse.Namespace]:
    """Return the arguments of each file of --sumstats; one value of those in `names` is for all."""
    given = vars(arguments) | {"prior_column": None, "n_cases": None}
    n_files = len(arguments.sumstats)

    def value(name: str, file: int) -> Any:
        values = getattr(arguments, name) or [None]
        return values[file if len(values) == n_files else 0]

    return [
        argparse.Namespace(**given | {name: value(name, file) for name in ("sumstats", *names)})
        for file in range(n_files)
    ]


def trait_names(arguments: argparse.Namespace, scans: Sequence["pd.DataFrame"]) -> list[str]:
    """Return the names of the traits: those given, or those of the files up to the first dot."""
    if arguments.trait_names:
        return list(arguments.trait_names)
    names = [str(scan.attrs["source"]).split(".")[0] for scan in scans]
    if arguments.trait and len(arguments.trait) == len(names):
        names = list(arguments.trait)
    if len(set(names)) < len(names):
        raise ValueError(
            f"The files are of traits of the same name, {names[0]}: name them by --trait-names."
        )
    return names


def trait_correlation(
    arguments: argparse.Namespace,
    scans: Sequence["pd.DataFrame"],
    names: Sequence[str],
    lines: list[str],
) -> np.ndarray:
    """Return the correlations (J, J) of the noise of z, and say where they come from."""
    if arguments.trait_correlation == "none":
        lines.append("Noise of z: independent, since nobody is in two scans")
        return np.eye(len(names))
    if arguments.trait_correlation != "auto":
        return read_correlation(arguments.trait_correlation, names)
    z = common_z(scans)
    try:
        correlation = noise_correlation(z)
    except ValueError as error:
        raise ValueError(
            f"The files have {count_of(len(z), 'variant')} in common, too few to estimate how the "
            "noise of z correlates between traits: give --trait-correlation, none if nobody is in "
            "two of the scans, or a table of the correlations."
        ) from error
    pairs = [
        f"{names[i]} and {names[j]} {correlation[i, j]:.2f}"
        for i in range(len(names))
        for j in range(i + 1, len(names))
    ]
    lines.append(
        f"Noise of z, estimated from {count_of(len(z), 'variant')} in all files: {', '.join(pairs)}"
    )
    return correlation


def common_z(scans: Sequence["pd.DataFrame"]) -> np.ndarray:
    """Return z (m, J) of the variants that all scans have, counting the same alleles."""
    common = None
    for number, scan in enumerate(scans):
        alleles = scan[["effect_allele", "other_allele"]].astype("string")
        swapped = (alleles["effect_allele"] > alleles["other_allele"]).fillna(False).to_numpy(bool)
        table = scan[_KEY[:2]].assign(
            one=alleles["effect_allele"].where(~swapped, alleles["other_allele"]),
            other=alleles["other_allele"].where(~swapped, alleles["effect_allele"]),
            **{f"z{number}": np.where(swapped, -1, 1) * scan["z"].to_numpy(float)},
        )
        table = table.dropna().drop_duplicates(_KEY)
        common = table if common is None else common.merge(table, on=_KEY)
    assert common is not None
    return common.drop(columns=_KEY).to_numpy(float)


def read_correlation(path: str, names: Sequence[str]) -> np.ndarray:
    """Return the correlations (J, J) of a table with the names of the traits on both sides."""
    file = Path(path).name
    header, rows = read_rows(path)
    down = [row[0] for row in rows]
    missing = [n for n in names if n not in down or n not in header[1:]]
    if missing:
        raise ValueError(
            f"{file} has no row and column of {missing[0]}: it must have those of all traits, "
            f"{', '.join(names)}."
        )
    table = parse_numbers([row[1:] for row in rows], down, header[1:], file, missing_code=None)
    across = [header[1:].index(n) for n in names]
    return table[np.ix_([down.index(n) for n in names], across)]


def combined(
    arguments: argparse.Namespace, parts: Sequence["pd.DataFrame"]
) -> tuple["pd.DataFrame", Cells]:
    """Return the variants that any trait has at a locus, in the order of the panel, and the cells.

    A variant is described as in the trait of its largest abs(z). Its flags are those of all traits;
    a cell whose flag says that it misleads counts as not measured.
    """
    pd = import_optional("pandas", extra="dataframe")
    drops = DROPPED | ({"AMBIGUOUS"} if arguments.drop_ambiguous else set())
    index = np.unique(np.concatenate([part["panel_index"].to_numpy(dtype=int) for part in parts]))
    z, n = (np.full((len(index), len(parts)), np.nan) for _ in range(2))
    flags: list[set[str]] = [set() for _ in index]
    for j, part in enumerate(parts):
        place = np.searchsorted(index, part["panel_index"].to_numpy(dtype=int))
        own = [set(flag.split(";")) - {""} for flag in part["flag"].fillna("")]
        kept = np.array([not drops.intersection(flag) for flag in own], dtype=bool)
        z[place[kept], j] = part["z"].to_numpy(float)[kept]
        n[place, j] = part["n"].to_numpy(dtype=float, na_value=np.nan)
        for at, flag in zip(place.tolist(), own, strict=True):
            flags[at] |= flag
    nowhere = np.isnan(z).all(axis=1)
    strongest = np.argmax(np.abs(np.nan_to_num(z)), axis=1)
    table = pd.concat([part.assign(scan=j) for j, part in enumerate(parts)], ignore_index=True)
    table["weaker"] = table["scan"] != strongest[np.searchsorted(index, table["panel_index"])]
    table = table.sort_values(["panel_index", "weaker"], kind="stable")
    table = table.drop_duplicates("panel_index").drop(columns=["scan", "weaker"])
    told = [flag if lost else flag - drops for flag, lost in zip(flags, nowhere, strict=True)]
    joined = [";".join(sorted(flag)) for flag in told]
    table = table.reset_index(drop=True).assign(flag=pd.array(joined, dtype="string"))
    table["flag"] = table["flag"].where(table["flag"] != "", pd.NA)
    return table, Cells(z, np.where(np.isnan(z), np.nan, n))


def describe_traits(
    arguments: argparse.Namespace,
    panel: Panel,
    region: Region,
    rows: "pd.DataFrame",
    cells: Cells,
    names: Sequence[str],
    correlation: np.ndarray,
) -> dict[str, Any]:
    """Return what `finemap_loci` is told of a region with the variants `rows` of any trait."""
    return describe_rows(
        arguments,
        panel,
        region,
        rows,
        partial(read_traits, cells=cells, names=list(names), correlation=correlation),
    )


def read_traits(
    fields: dict[str, np.ndarray],
    source: Any,
    panel_size: int | None,
    *,
    cells: Cells,
    names: list[str],
    correlation: np.ndarray,
) -> dict[str, Any]:
    """Return the arguments of `fit_summary` for a locus of several traits, as `finemap_loci` asks.

    Where there are too many cells for some to be missing, variants that a trait lacks are left
    out, and the people of a trait are the median of its variants'.
    """
    pd = import_optional("pandas", extra="dataframe")
    many = cells.z.size > _MAX_CELLS
    if many:
        lacking = np.isnan(cells.z).any(axis=1) & ~fields["dropped"]
        flags = add_flag(pd.Series(fields["flag"]).replace("", None), "NOT_IN_ALL", lacking)
        fields = fields | {
            "flag": flags.fillna("").to_numpy(dtype=str),
            "dropped": fields["dropped"] | lacking,
        }
    locus = read_locus(fields | {"row": np.arange(len(cells.z))}, source, panel_size)
    rows = locus["variants"]["row"].to_numpy()
    z, n = cells.z[rows], cells.n_samples[rows]
    return locus | {
        "z": pd.DataFrame(z, columns=names),
        "n_samples": np.nanmedian(n, axis=0) if many else n,
        "trait_correlation": correlation,
    }
