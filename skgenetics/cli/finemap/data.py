"""Fine-mapping from files: statistics, panel and regions as loci."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skgenetics.cli.finemap.work import add_flag, describe, some
from skgenetics.datasets import load_geuvadis, make_summary_statistics
from skgenetics.io import (
    Genotypes,
    find_regions,
    harmonize,
    read_ld,
    read_plink,
    read_plink2,
    read_regions,
    read_sumstats,
)
from skgenetics.io._genotypes import sample_index
from skgenetics.io._harmonize import is_low_n, place_by_id
from skgenetics.io._regions import MHC, Region
from skgenetics.io._sumstats import unify_chromosomes
from skgenetics.io._tables import read_lines
from skgenetics.utils._optional import import_optional

_DEMO_GENE, _DEMO_PEOPLE = "ENSG00000273295", 20_000
_DEMO_EFFECTS = (0.07, -0.055)  # SD of the trait per SD of the genotype
_COLUMNS = "--columns effect_allele=A1 ..."
_SEXES = {"1": 1, "M": 1, "m": 1, "2": 2, "F": 2, "f": 2}  # copies of chromosome X


@dataclass
class Panel:
    """Where the LD comes from: genotypes, or correlations.

    `variants` has chromosome, position, variant_id, effect_allele (counted) and other_allele.
    """

    variants: object
    source: str
    genotypes: Genotypes | None = None
    ld: np.ndarray | None = None
    sexes: np.ndarray | None = None  # copies of chromosome X of each person, 0 where unknown
    stamp: tuple | None = None  # size and time of the file of genotypes

    def select(self, columns):
        """Return what `harmonize` takes as the panel of some variants."""
        if self.genotypes is not None:
            return self.genotypes.select(columns=columns)
        return self.variants.iloc[columns].reset_index(drop=True)


@dataclass
class Locus:
    """A region, its matched variants (a data frame), and how `finemap_loci` is told of it."""

    region: Region
    table: object
    description: dict


@dataclass
class Study:
    """Loci, and the lines to print before and after them."""

    loci: list
    build: str
    lines: list
    truth: tuple = ()  # IDs of the variants that have an effect, where they are known

    def closing_lines(self, result):
        """Return what is to be said of all loci."""
        if not self.truth:
            return []
        members = set(result.variants.loc[result.variants["cs"] > 0, "variant_id"])
        found = sum(name in members for name in self.truth)
        return [
            f"The simulated effects are at {' and '.join(self.truth)}: {found} of "
            f"{len(self.truth)} are in the sets."
        ]


def load_demo(options):
    """Return a locus of the bundled genotypes with simulated statistics as a `Study`."""
    pd = import_optional("pandas", extra="dataframe")
    data = load_geuvadis(_DEMO_GENE)
    variants = pd.DataFrame(
        {
            "chromosome": data.variants.chromosome,
            "position": pd.array(data.variants.position, dtype="Int64"),
            "variant_id": data.feature_names,
            "effect_allele": data.variants.alt,
            "other_allele": data.variants.ref,
        }
    )
    samples = sample_index(None, data.sample_ids)
    genotypes = Genotypes(
        data.data, samples, variants, counted_allele=data.counted_allele, source="GEUVADIS"
    )
    p = len(variants)
    causal, effects = np.array([p // 3, 2 * p // 3]), np.zeros(p)
    effects[causal] = _DEMO_EFFECTS
    simulated = make_summary_statistics(
        ld=np.corrcoef(data.data, rowvar=False),
        effects=effects,
        n_samples=_DEMO_PEOPLE,
        random_state=options.seed,
    )
    sumstats = variants.rename(columns={"position": "base_pair_location"}).assign(
        z=simulated.z, n=float(_DEMO_PEOPLE), effect_allele_frequency=data.variants.alt_frequency
    )
    start = int(data.genes.start[0])
    region = Region("22", start - 100_000, start + 100_000)
    lines = [
        f"A demonstration: the genotypes of {len(samples)} Europeans (GEUVADIS, {data.build}) are "
        f"real; the statistics are simulated on them, of {_DEMO_PEOPLE:,} people and effects of 2 "
        "variants.",
        "Your own data:  skgenetics finemap --sumstats gwas.tsv.gz --bfile panel --build GRCh37 "
        "--out my_run",
        "",
    ]
    options.build, options.panel_size = data.build, _DEMO_PEOPLE  # LD as of the study's own people
    study = _study(options, sumstats, Panel(variants, "GEUVADIS", genotypes), [region], lines)
    study.truth = tuple(data.feature_names[j] for j in causal)
    return study


def load_files(options):
    """Return the user's files as a `Study`; `options` are the parsed arguments of the command."""
    lines = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        sumstats = _read_sumstats(options, lines)
        panel = _read_panel(options)
    people = f"{panel.genotypes.shape[0]:,} people, " if panel.genotypes is not None else ""
    lines.append(f"{panel.source}: {people}{len(panel.variants):,} variants")
    lines += [f"  Note: {warning.message}" for warning in caught]
    sumstats = _placed(
        sumstats, panel.variants, "base_pair_location", "variants of the statistics", "panel", lines
    )
    panel.variants = _placed(
        panel.variants, sumstats, "position", "variants of the panel", "statistics", lines
    )
    return _study(options, sumstats, panel, _regions(options, sumstats, lines), lines)


def _placed(frame, others, position, name, other, lines):
    """Return `frame` where variants without a position have that of their ID in `others`."""
    lost = frame[position].isna()
    if lost.any():
        frame = place_by_id(frame, others)
        found = (lost & frame[position].notna()).sum()
        if frame[position].isna().all():
            tables = [
                table.reindex(columns=["rsid", "variant_id"]).astype(object)
                for table in (frame, others)
            ]
            ids = [str(table["rsid"].fillna(table["variant_id"]).iloc[0]) for table in tables]
            raise ValueError(
                f"The {name} have no positions, and share no ID with the {other}: IDs are such "
                f"as {' and '.join(ids)}."
            )
        lines.append(f"  {lost.sum():,} {name} have no position; {found:,} got one by their ID")
    return frame


def _read_sumstats(options, lines):
    """Read the statistics, and say what they are."""
    name, n = Path(options.sumstats).name, options.n
    if options.n_cases:
        n = 4 / (1 / options.n_cases + 1 / options.n_controls)
    elif n is not None and _is_number(n):
        n = float(n)
        if not n > 2:
            raise ValueError(f"--n must be a number of people, or a column; got {options.n}.")
    try:
        sumstats = read_sumstats(
            options.sumstats,
            columns=dict(pair.split("=", 1) for pair in options.columns),
            n_samples=n,
            build=options.build,
            extra_columns=[options.prior_column] if options.prior_column else (),
        )
    except ValueError as error:  # said in Python's words
        message = str(error).replace("columns={'effect_allele': 'A1', ...}", _COLUMNS)
        raise ValueError(message) from error
    known = sumstats.attrs
    lines.append(f"{name}: {len(sumstats):,} variants ({known['format']})")
    lines += [f"  Note: {note}" for note in known["notes"]]
    if sumstats["n"].isna().all():
        raise ValueError(
            f"{name} does not say how many people were studied: give --n with their number or the "
            "name of its column, or --n-cases and --n-controls."
        )
    return sumstats


def _is_number(text):
    """Whether `text` is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_panel(options):
    """Open the LD panel, or read the LD and warn of what was left out of it."""
    if options.ld:
        ld, variants = read_ld(options.ld, variants=options.ld_variants)
        name = Path(options.ld).name
        if variants is None or (variants["effect_allele"] == "").all():
            raise ValueError(
                f"{name} does not say which alleles its variants count: give --ld-variants, such "
                "as the .bim of the genotypes it was made from."
            )
        for note in variants.attrs["notes"]:
            warnings.warn(note, stacklevel=2)
        return Panel(variants, name, ld=ld)
    if options.bfile:
        genotypes = read_plink(options.bfile)
        table, column = Path(f"{options.bfile}.fam"), 4
    else:
        genotypes = read_plink2(options.pfile)
        table, column = Path(f"{options.pfile}.psam"), None
    sexes = _read_sexes(table, column, genotypes.shape[0])
    file = Path(genotypes.values.path).stat()
    stamp = file.st_size, file.st_mtime_ns
    return Panel(genotypes.variants, genotypes.source, genotypes, sexes=sexes, stamp=stamp)


def _read_sexes(path, column, n_people):
    """Return the copies of chromosome X of the people in a .fam or .psam, 0 where unknown."""
    rows = [line.split() for line in read_lines(path) if line.strip() and line[:2] != "##"]
    if column is None and rows and rows[0][0].startswith("#"):
        header = [name.lstrip("#").upper() for name in rows.pop(0)]
        column = header.index("SEX") if "SEX" in header else None
    elif column is None:
        column = 4
    if column is None or len(rows) != n_people:
        return np.zeros(n_people, dtype=int)
    return np.array([_SEXES.get(row[column], 0) for row in rows])


def _regions(options, sumstats, lines):
    """Return the regions asked for, or those around lead variants, without the MHC."""
    if options.regions:
        regions, how = read_regions(options.regions), f"given in {Path(options.regions).name}"
    elif options.chr:
        chromosome = unify_chromosomes([options.chr])[0]
        regions, how = [Region(chromosome, options.start, options.end)], "given"
    else:
        regions, how = find_regions(sumstats), "around variants with p < 5e-8"
        if not regions:
            smallest = sumstats["p_value"].min()
            raise ValueError(
                f"No variant with a position has p < 5e-8 (the smallest p is {smallest:.2g}): name "
                "a region by --chr, --start and --end, or by --regions."
            )
        shrunk = [region.name for region in regions if region.window < 500_000]
        if shrunk:
            lines.append(
                f"  Windows of less than 500 kb, where merged ones would be wider than 6 Mb: "
                f"{some(shrunk)}"
            )
    lines.append(f"{len(regions)} {'locus' if len(regions) == 1 else 'loci'} {how}")
    if not options.include_mhc:
        inside = [region.name for region in regions if region.overlaps(MHC)]
        regions = [region for region in regions if not region.overlaps(MHC)]
        if inside:
            lines.append(
                f"  Skipped: {some(inside)} in the MHC, whose LD reaches too far for the sets to "
                "be trusted (--include-mhc)"
            )
        if not regions:
            raise ValueError(f"All loci lie in the MHC ({some(inside)}): --include-mhc keeps them.")
    return regions


def _study(options, sumstats, panel, regions, lines):
    """Match the variants inside `regions`, say how many, and return the `Study`."""
    known = panel.variants["chromosome"], panel.variants["position"]
    covered = set(_region_of(*known, regions))
    empty = [
        region.name
        for number, region in enumerate(regions)
        if region.window is not None and number not in covered
    ]
    if len(empty) < len(regions):  # else the error below says what the panel has
        regions = [region for region in regions if region.name not in empty]
    columns = np.flatnonzero(_region_of(*known, regions) >= 0)
    of_row = _region_of(sumstats["chromosome"], sumstats["base_pair_location"], regions)
    inside = sumstats[of_row >= 0].reset_index(drop=True)
    if not len(inside):
        raise ValueError(
            f"The statistics have no variant in {some([region.name for region in regions])}."
        )
    if not len(columns):  # the whole panel, so that the error can say what it has instead
        columns = np.arange(len(panel.variants))
    table, report = harmonize(inside, panel.select(columns), min_n_fraction=None)
    table["panel_index"] = columns[table["panel_index"]]
    where = _region_of(table["chromosome"], table["base_pair_location"], regions)
    loci = []
    for number, region in enumerate(regions):
        rows = table[where == number].reset_index(drop=True)
        if not len(rows) and region.window is not None:
            empty.append(region.name)
            continue
        n = rows["n"].to_numpy(dtype=float, na_value=np.nan)
        rows["flag"] = add_flag(rows["flag"], "NO_N", np.isnan(n))
        rows["flag"] = add_flag(rows["flag"], "LOW_N", is_low_n(n, options.min_n_fraction))
        loci.append(Locus(region, rows, describe(options, panel, region, rows)))
    if empty:
        lines.append(f"  Skipped: {some(empty)}, where the panel has no variant of the statistics")
    lines += _match_lines(options, report, loci)
    return Study(loci, options.build, lines)


def _region_of(chromosome, position, regions):
    """Return the number of the region of each variant, -1 outside of all."""
    pd = import_optional("pandas", extra="dataframe")
    codes, names = pd.factorize(chromosome.to_numpy(dtype=object))
    names = unify_chromosomes(names)
    position = position.to_numpy(dtype=np.int64, na_value=-1)
    result = np.full(len(position), -1)
    for number, region in enumerate(regions):
        same = [code for code, name in enumerate(names) if name == region.chromosome]
        within = (position >= region.start) & (position <= region.end)
        result[within & np.isin(codes, same)] = number
    return result


def _match_lines(options, report, loci):
    """Return how the variants were matched."""
    lines = [
        f"Variants in them: {report.n_sumstats:,} of the statistics and {report.n_panel:,} of the "
        f"panel; {report.matched:,} matched by position and alleles"
    ]
    flags = [row for locus in loci for row in locus.table["flag"].fillna("")]

    def count(name):
        return sum(name in flag.split(";") for flag in flags)

    fates = "left out" if options.drop_ambiguous else "kept"
    told = [
        (report.swapped, "with effect and other allele exchanged: the sign of z is turned"),
        (report.strand, "given on the other strand: turned over"),
        (report.ambiguous_kept, "strand-ambiguous, settled by their frequencies"),
        (count("AMBIGUOUS"), f"AMBIGUOUS: the strand is not settled by frequencies; {fates}"),
        (count("STRAND"), "STRAND: strand-ambiguous with other frequencies in the panel; left out"),
        (
            count("LOW_N"),
            f"LOW_N: fewer people than {options.min_n_fraction:g} of the locus median; left out",
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
    lines += [f"  {number:>7,} {what}" for number, what in told if number]
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
