"""Statistics, panel and regions as loci to fine-map."""

import argparse
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import Bunch

from skgenetics.cli.finemap.panel import Panel, read_panel
from skgenetics.cli.finemap.regions import choose_regions, given_region, region_numbers
from skgenetics.cli.finemap.work import describe
from skgenetics.cli.genotypes import bundled_genotypes
from skgenetics.cli.parts import parts_of
from skgenetics.datasets import load_geuvadis, make_summary_statistics
from skgenetics.io import (
    Region,
    harmonize,
    is_low_n,
    place_by_id,
    read_sumstats,
)
from skgenetics.loci._tables import add_flag
from skgenetics.utils._text import count_of, first_names, join_names

if TYPE_CHECKING:
    import pandas as pd

_DEMO_GENE, _DEMO_PEOPLE, _DEMO_WINDOW = "ENSG00000273295", 20_000, 100_000
_DEMO_EFFECTS = (0.07, -0.055)  # SD of the trait per SD of the genotype
_COLUMNS = "--columns effect_allele=A1 beta=B and so on"


@dataclass
class Locus:
    """A region, its matched variants, and how `finemap_loci` is told of it."""

    region: Region
    table: "pd.DataFrame"
    description: dict[str, Any]


@dataclass
class Study:
    """Loci of one trait, and the lines to print before and after them."""

    loci: list[Locus]
    build: str
    lines: list[str]
    out: Path
    """Beginning of the names of its results."""
    name: str = ""
    """Of the statistics; needed if there are two traits."""
    traits: Sequence[str] = ()
    """Names of the traits, if several are fine-mapped at once."""
    truth: tuple[str, ...] = ()
    """IDs of the variants that have an effect, if they are known."""

    @property
    def parts(self) -> Path:
        """Folder of the loci that are finished."""
        return parts_of(self.out)

    @property
    def of(self) -> str:
        """Say of which trait, if there are two."""
        return f" of {self.name}" if self.name else ""

    def closing_lines(self, result: Bunch) -> list[str]:
        """Return what is to be said of all loci."""
        if not self.truth:
            return []
        members = set(result.variants.loc[result.variants["cs"] > 0, "variant_id"])
        n_members = sum(name in members for name in self.truth)
        return [
            f"The simulated effects are at {join_names(self.truth)}: {n_members} of "
            f"{len(self.truth)} are in the sets."
        ]


def load_demo(arguments: argparse.Namespace) -> Study:
    """Return a locus of the bundled genotypes with simulated statistics as a `Study`."""
    data = load_geuvadis(_DEMO_GENE)
    genotypes = bundled_genotypes(data)
    p = genotypes.shape[1]
    causal, effects = np.array([p // 3, 2 * p // 3]), np.zeros(p)
    effects[causal] = _DEMO_EFFECTS
    simulated = make_summary_statistics(
        ld=np.corrcoef(data.data, rowvar=False),
        effects=effects,
        n_samples=_DEMO_PEOPLE,
        random_state=arguments.seed,
    )
    sumstats = genotypes.variants.assign(
        z=simulated.z,
        n=float(_DEMO_PEOPLE),
        effect_allele_frequency=data.variants.effect_allele_frequency,
    )
    start = int(data.genes.start[0])
    region = Region("22", start - _DEMO_WINDOW, start + _DEMO_WINDOW)
    lines = [
        f"A demonstration: the genotypes of {genotypes.shape[0]} Europeans (GEUVADIS, "
        f"{data.build}) are real; the statistics are simulated on them, of {_DEMO_PEOPLE:,} people "
        "and effects of 2 variants.",
        "Your own data:  skgenetics finemap --sumstats gwas.tsv.gz --bfile panel --build GRCh37 "
        "--out my_run",
        "",
    ]
    # the LD is as that of the study's own people
    known = {"build": data.build, "panel_size": _DEMO_PEOPLE}
    arguments = argparse.Namespace(**vars(arguments) | known)
    panel = Panel(genotypes.variants, "GEUVADIS", genotypes)
    study = _study(arguments, sumstats, panel, [region], lines)
    study.truth = tuple(data.feature_names[j] for j in causal)
    return study


def load_files(arguments: argparse.Namespace) -> list[Study]:
    """Return the user's files as a `Study`, or two; `arguments` are those of the command."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        sumstats = read_sumstats_of(of_one_file(arguments), lines)
        panel = read_panel(arguments)
    lines.append(panel.describe())
    lines += notes_of(caught)
    sumstats = placed(sumstats, panel.variants, "variants of the statistics", "panel", lines)
    panel.variants = placed(panel.variants, sumstats, "variants of the panel", "statistics", lines)
    regions = choose_regions(arguments, sumstats, lines)
    study = _study(arguments, sumstats, panel, regions, lines)
    if not arguments.coloc:
        return [study]
    study.name = sumstats.attrs["source"]
    return [study, _load_second(arguments, study, panel)]


def of_one_file(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with one value in place of lists of one for each file."""
    one = {name: (getattr(arguments, name) or [None])[0] for name in ("sumstats", "n", "trait")}
    return argparse.Namespace(**vars(arguments) | one)


def _load_second(arguments: argparse.Namespace, first: Study, panel: Panel) -> Study:
    """Return the loci of the first trait in the statistics of --coloc."""
    own = {"sumstats": arguments.coloc, "prior_column": None, "n_cases": None}
    own |= {name: getattr(arguments, f"coloc_{name}") for name in ("n", "columns", "trait")}
    own["out"] = f"{arguments.out}.b"
    arguments = argparse.Namespace(**vars(arguments) | own)
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            sumstats = read_sumstats_of(arguments, lines)
        except ValueError as error:  # said of the options of the first trait
            message = str(error).replace(", or --n-cases and --n-controls", "")
            message = re.sub(r"--(n|columns|trait)(?![\w-])", r"--coloc-\1", message)
            raise ValueError(message) from error
    lines += notes_of(caught)
    sumstats = placed(sumstats, panel.variants, "variants of --coloc", "panel", lines)
    regions = [locus.region for locus in first.loci]
    study = _study(arguments, sumstats, panel, regions, lines)
    study.name = sumstats.attrs["source"]
    if study.name == first.name:  # the same file, or files of the same name
        first.name, study.name = f"{first.name} (a)", f"{study.name} (b)"
    return study


def notes_of(caught: list[warnings.WarningMessage]) -> list[str]:
    """Return what readers warned of as lines."""
    return [f"  Note: {warning.message}" for warning in caught]


def placed(
    frame: "pd.DataFrame",
    reference: "pd.DataFrame",
    name: str,
    reference_name: str,
    lines: list[str],
) -> "pd.DataFrame":
    """Return `frame`; variants without a position get the position of their ID in `reference`."""
    lost = frame["base_pair_location"].isna()
    if lost.any():
        frame = place_by_id(frame, reference)
        n_placed = (lost & frame["base_pair_location"].notna()).sum()
        if frame["base_pair_location"].isna().all():
            tables = [
                table.reindex(columns=["rsid", "variant_id"]).astype(object)
                for table in (frame, reference)
            ]
            ids = [str(table["rsid"].fillna(table["variant_id"]).iloc[0]) for table in tables]
            raise ValueError(
                f"The {name} have no positions, and share no ID with the {reference_name}: IDs "
                f"are such as {' and '.join(ids)}."
            )
        lines.append(f"  {lost.sum():,} {name} have no position; {n_placed:,} got one by their ID")
    return frame


def read_sumstats_of(arguments: argparse.Namespace, lines: list[str]) -> "pd.DataFrame":
    """Read the statistics, and say what they are."""
    region = given_region(arguments)
    if arguments.n_cases:
        arguments = argparse.Namespace(
            **vars(arguments) | {"n": str(4 / (1 / arguments.n_cases + 1 / arguments.n_controls))}
        )
    sumstats = read_named_sumstats(
        arguments,
        build=arguments.build,
        region=region,
        extra_columns=[arguments.prior_column] if arguments.prior_column else (),
    )
    name = sumstats.attrs["source"]
    if not len(sumstats) and region is not None:
        raise ValueError(f"The statistics have no variant in {region.name}.")
    lines.append(f"{name}: {count_of(len(sumstats), 'variant')} ({sumstats.attrs['format']})")
    lines += [f"  Note: {note}" for note in sumstats.attrs["notes"]]
    if sumstats["n"].isna().all():
        raise ValueError(
            f"{name} does not say how many people were studied: give --n with their number or the "
            "name of its column, or --n-cases and --n-controls."
        )
    return sumstats


def read_named_sumstats(
    arguments: argparse.Namespace,
    *,
    build: str | None,
    region: Region | None,
    extra_columns: Sequence[str],
) -> "pd.DataFrame":
    """Read the statistics that --sumstats, --columns, --n, --trait and --strict describe."""
    n: float | str | None = arguments.n
    if arguments.n is not None and _is_number(arguments.n):
        n = float(arguments.n)
        if not n > 2:
            raise ValueError(f"--n must be a number of people, or a column; got {arguments.n}.")
    try:
        return read_sumstats(
            arguments.sumstats,
            columns=dict(pair.split("=", 1) for pair in arguments.columns),
            n_samples=n,
            build=build,
            extra_columns=extra_columns,
            trait=arguments.trait,
            region=region,
            strict=arguments.strict,
        )
    except ValueError as error:  # said in Python's words
        message = str(error).replace("columns={'effect_allele': 'A1', ...}", _COLUMNS)
        raise ValueError(message) from error


def _is_number(text: str) -> bool:
    """Whether `text` is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _study(
    arguments: argparse.Namespace,
    sumstats: "pd.DataFrame",
    panel: Panel,
    regions: list[Region],
    lines: list[str],
) -> Study:
    """Match the variants inside `regions`, say how many, and return the `Study`."""
    regions, skipped = within_panel(regions, panel)
    table, report = matched(sumstats, panel, regions)
    number = region_numbers(table, regions)
    loci = []
    for k, region in enumerate(regions):
        rows = table[number == k].reset_index(drop=True)
        if not len(rows) and region.window is not None:
            skipped.append(region.name)
            continue
        rows["flag"] = flags_of_n(arguments, rows)
        loci.append(Locus(region, rows, describe(arguments, panel, region, rows)))
    lines += skipped_lines(skipped)
    lines += match_lines(arguments, report, [locus.table for locus in loci])
    return Study(loci, arguments.build, lines, Path(arguments.out))


def flags_of_n(arguments: argparse.Namespace, rows: "pd.DataFrame") -> "pd.Series":
    """Return the flags of the variants of a locus with those of their numbers of people."""
    n = rows["n"].to_numpy(dtype=float, na_value=np.nan)
    flags = add_flag(rows["flag"], "NO_N", np.isnan(n))
    return add_flag(flags, "LOW_N", is_low_n(n, arguments.min_n_fraction))


def skipped_lines(skipped: Sequence[str]) -> list[str]:
    """Return a line on the regions without variants, if there are some."""
    if not skipped:
        return []
    return [f"  Skipped: {first_names(skipped)}, where the panel has no variant of the statistics"]


def within_panel(regions: list[Region], panel: Panel) -> tuple[list[Region], list[str]]:
    """Return the regions without those, found in the scan, where the panel has no variant.

    Returns the names of those, too. If they are all, none is left out: the error that follows says
    what the panel has.
    """
    number = region_numbers(panel.variants, regions)
    covered = set(number)
    empty = [
        region.name
        for k, region in enumerate(regions)
        if region.window is not None and k not in covered
    ]
    if len(empty) < len(regions):
        regions = [region for region in regions if region.name not in empty]
    return regions, empty


def matched(
    sumstats: "pd.DataFrame", panel: Panel, regions: list[Region]
) -> tuple["pd.DataFrame", Bunch]:
    """Return the variants of statistics and panel inside `regions`, matched, and the counts."""
    number = region_numbers(sumstats, regions)
    inside = sumstats[number >= 0].reset_index(drop=True)
    if not len(inside):
        names = first_names([region.name for region in regions])
        raise ValueError(f"The statistics have no variant in {names}.")
    number = region_numbers(panel.variants, regions)
    columns = np.flatnonzero(number >= 0)
    if not len(columns):  # the whole panel, so that the error can say what it has instead
        columns = np.arange(len(panel.variants))
    table, report = harmonize(inside, panel.select(columns), min_n_fraction=None)
    table["panel_index"] = columns[table["panel_index"]]
    return table, report


def match_lines(
    arguments: argparse.Namespace, report: Bunch, tables: "Sequence[pd.DataFrame]"
) -> list[str]:
    """Return how the variants were matched."""
    lines = [
        f"Variants in the loci: {report.n_sumstats:,} of the statistics and {report.n_panel:,} of "
        f"the panel; {report.matched:,} matched by position and alleles"
    ]
    flags = [flag for table in tables for flag in table["flag"].fillna("")]

    def count(name: str) -> int:
        return sum(name in flag.split(";") for flag in flags)

    fate = "left out" if arguments.drop_ambiguous else "kept"
    counts = [
        (report.swapped, "with effect and other allele exchanged: the sign of z is turned"),
        (report.completed, "without the other allele, which is taken from the panel"),
        (report.strand, "given on the other strand: turned over"),
        (report.ambiguous_kept, "strand-ambiguous, settled by their frequencies"),
        (count("AMBIGUOUS"), f"AMBIGUOUS: the strand is not settled by frequencies; {fate}"),
        (count("STRAND"), "STRAND: strand-ambiguous with other frequencies in the panel; left out"),
        (
            count("LOW_N"),
            f"LOW_N: fewer people than {arguments.min_n_fraction:g} of the locus median; left out",
        ),
        (count("NO_N"), "NO_N: the number of people is missing; left out"),
        (report.not_found, "of the statistics are not in the panel"),
        (report.other_alleles, "have other alleles in the panel"),
        (report.duplicates, "rows repeat a variant"),
        (report.conflicts, "rows of one variant differ in z: all left out"),
        (report.no_z, "have no z"),
        (report.no_alleles, "lack an allele"),
        (report.other_id, "have another rs ID in the panel: positions and alleles decide"),
    ]
    lines += [f"  {number:>7,} {words}" for number, words in counts if number]
    if report.matched < 0.5 * report.n_sumstats:
        lines.append(
            "  Note: more than half of the statistics' variants have no LD: a variant with an "
            "effect may be among them, and then the sets are of its neighbors."
        )
    if report.frequency_correlation < 0:
        lines.append(
            "  Note: the frequencies of statistics and panel are opposite (correlation "
            f"{report.frequency_correlation:.2f}): effect_allele_frequency may be that of the "
            "other allele, or effect and other allele be confused."
        )
    return lines
