"""The command ``skgenetics finemap``: its arguments, and the order of its work."""

import argparse
import warnings
from typing import TYPE_CHECKING, Any

from skgenetics.cli.cluster import add_scheduler, chunk, on_cluster
from skgenetics.cli.console import (
    OK,
    SOME_FAILED,
    Console,
    add_threads,
    at_least,
    check_prefix,
    genome_build,
    number_of_jobs,
    progress,
    share,
)
from skgenetics.cli.finemap.checks import check_arguments, of_one_panel
from skgenetics.cli.finemap.formats import FORMATS
from skgenetics.cli.parts import keeping, remove_parts
from skgenetics.cli.pictures import browser_lines, check_report
from skgenetics.cli.statistics import add_panel, add_statistics

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from skgenetics.cli.finemap.data import Locus, Study
    from skgenetics.cli.finemap.tracks import Tracks

_MOST_EFFECTS = 10  # of several traits, unless --max-num-causal says so
_BACKGROUNDS: dict[str, str | float] = {"auto": "auto", "none": 0.0}  # as the estimator is told

_DESCRIPTION = """\
Fine-map the loci of an association study: which variants are likely to have an effect.

It needs summary statistics and the LD of a panel (PLINK genotypes, or a matrix). It makes credible
sets, one per signal: each contains a causal variant with 95% probability. It also gives every
variant its posterior inclusion probability (PIP), and says which results are not to be trusted.
"""

_EPILOG = """\
examples:
  skgenetics finemap --demo
  skgenetics finemap --sumstats gwas.tsv.gz --bfile panel --build GRCh37 --out my_run
  skgenetics finemap --sumstats gwas.tsv.gz --bfile panel --build GRCh37 --n 250000 \\
                     --chr 1 --start 25269355 --end 26269355
  skgenetics finemap --sumstats chr3.regenie.gz --pfile panel --build GRCh38 --regions loci.bed
  skgenetics finemap --sumstats gwas.tsv.gz --coloc eqtl.tsv.gz --coloc-n 670 --bfile panel \\
                     --build GRCh38
  skgenetics finemap --sumstats ldl.tsv.gz hdl.tsv.gz tg.tsv.gz --bfile panel --build GRCh37
  skgenetics finemap --sumstats eur.tsv.gz eas.tsv.gz --bfile eur_panel eas_panel --populations \\
                     --build GRCh37
  skgenetics finemap --sumstats table.txt --columns effect_allele=EA other_allele=NEA beta=B \\
                     standard_error=SE chromosome=CHR base_pair_location=BP --n N --ld ld.npz \\
                     --build GRCh37

loci:
  Without --regions or --chr, each variant with p < 5e-8 that no stronger one leads within 500 kb
  gives a window of 500 kb on either side; windows that overlap are merged, up to 6 Mb. The MHC
  (chromosome 6, 25 to 34 Mb) is skipped and listed.

variants:
  They are matched by chromosome, position and alleles, or by ID if there are no positions.
  Exchanged alleles change the sign of z. Left out of the fit, and flagged in the tables, are
  variants with n below --min-n-fraction of the locus median (LOW_N), strand-ambiguous ones whose
  frequencies differ from the panel's (STRAND), and those that do not vary in the panel
  (MONOMORPHIC). Other strand-ambiguous ones that frequencies do not settle stay, flagged AMBIGUOUS.

several traits at once:
  With several files of --sumstats, each locus that any of them has is fine-mapped in all traits
  together: an effect is of one variant, and may act on some of the traits. OUT.trait_effects.tsv
  says what each credible set does to each trait, OUT.trait_variants.tsv.gz has their z.

several populations:
  With --populations the files are of one trait in several populations, and each has a panel of its
  own: --bfile EUR EAS. An effect is of one variant, which may act in some of them. A variant need
  not be in all files and panels. The tables are those of several traits.

two traits:
  --coloc names the statistics of another trait. Each locus of --sumstats is fine-mapped in both
  with the same panel, and every pair of their credible sets is tested: one causal variant (H4), or
  two (H3). OUT.coloc.tsv has a row per pair; the tables of the second trait begin with OUT.b.

results:
  OUT.loci.tsv, OUT.credible_sets.tsv, OUT.variants.tsv.gz, a picture of each locus and OUT.log;
  doc/formats.md describes every column. Finished loci are kept in OUT.parts/ until all are done:
  after an interruption the same command goes on where it stopped.

exit status: 0 all done; 2 bad input, no table is written; 3 some loci failed, the others are kept.
"""


def add_parser(commands: Any) -> None:
    """Add ``finemap`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "finemap",
        help="find the variants behind associations, from summary statistics",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parser.add_argument_group("data"))
    _add_traits(parser.add_argument_group("several traits, or populations (files of --sumstats)"))
    _add_coloc(parser.add_argument_group("a second trait, fine-mapped alone"))
    _add_loci(parser.add_argument_group("loci (around the variants of p < 5e-8)"))
    _add_work(parser.add_argument_group("fine-mapping"))
    _add_output(parser.add_argument_group("output"))
    parser.set_defaults(run=run_finemap, parser=parser)


def _add_data(data: Any) -> None:
    """Add the arguments that name statistics and LD."""
    data.add_argument(
        "--sumstats",
        metavar="F",
        nargs="+",
        help="summary statistics; the format is found out. Several files: several traits at once",
    )
    add_statistics(data, several=True)
    panel = add_panel(data, several=True)
    panel.add_argument(
        "--ld", metavar="F", nargs="+", help="LD itself: correlations of variants, with names"
    )
    data.add_argument(
        "--ld-variants",
        metavar="F",
        nargs="+",
        help="variants of --ld if the file does not name them: a .bim, or a table with a header",
    )
    data.add_argument(
        "--panel-size",
        metavar="N",
        nargs="+",
        type=at_least(3),
        help="number of people that the LD comes from, if other than the study's: its errors "
        "count as noise (the people of --bfile or --pfile; --ld: the study's own)",
    )
    data.add_argument(
        "--n-cases",
        metavar="N",
        type=at_least(1),
        help="in place of --n, with --n-controls: n = 4 / (1/cases + 1/controls)",
    )
    data.add_argument("--n-controls", metavar="N", type=at_least(1), help="see --n-cases")
    data.add_argument(
        "--build", type=genome_build, metavar="BUILD", help="GRCh37 or GRCh38, of all positions"
    )
    data.add_argument(
        "--prior-column",
        metavar="COLUMN",
        help="of --sumstats: prior probabilities up to a factor, such as PolyFun's SNPVAR",
    )
    data.add_argument(
        "--demo",
        action="store_true",
        help="a locus of real genotypes (GEUVADIS) with statistics simulated on it",
    )


def _add_coloc(coloc: Any) -> None:
    """Add the arguments that name the statistics of a second trait."""
    coloc.add_argument(
        "--coloc",
        metavar="F",
        help="its summary statistics: tests whether its signals are of the same variants",
    )
    coloc.add_argument("--coloc-n", metavar="N|COLUMN", help="as --n, of --coloc")
    coloc.add_argument(
        "--coloc-columns",
        metavar="MEANING=COLUMN",
        nargs="+",
        default=[],
        help="as --columns, of --coloc",
    )
    coloc.add_argument("--coloc-trait", metavar="NAME", help="as --trait, of --coloc")


def _add_traits(traits: Any) -> None:
    """Add the arguments of several traits that are fine-mapped at once."""
    traits.add_argument(
        "--trait-names", metavar="NAME", nargs="+", help="of the files (up to their first dot)"
    )
    traits.add_argument(
        "--populations",
        action="store_true",
        help="the files are of one trait in several populations, nobody in two of them: give as "
        "many panels as files, in the same order",
    )
    traits.add_argument(
        "--trait-correlation",
        metavar="auto|none|F",
        default="auto",
        help="how the noise of z correlates between traits: estimated from the variants that all "
        "files have (auto, the default), not at all if nobody is in two scans (none), or a table",
    )


def _add_loci(loci: Any) -> None:
    """Add the arguments that choose the loci."""
    loci.add_argument("--regions", metavar="F", help="regions: a BED file")
    loci.add_argument("--chr", metavar="CHR", help="one region, with --start and --end")
    loci.add_argument("--start", metavar="BP", type=at_least(1), help="its first base pair")
    loci.add_argument("--end", metavar="BP", type=at_least(1), help="its last base pair")
    loci.add_argument("--include-mhc", action="store_true", help="do not skip the MHC")


def _add_work(work: Any) -> None:
    """Add the arguments of fine-mapping itself."""
    work.add_argument(
        "--max-num-causal",
        metavar="L",
        type=at_least(1),
        help="effects at most, of a sum of single effects (10 where that is the solver); if given, "
        "it is",
    )
    work.add_argument(
        "--background",
        choices=tuple(_BACKGROUNDS),
        default="auto",
        help="a small effect of every variant beside the few large ones: learned (auto, the "
        "default), or none",
    )
    work.add_argument(
        "--refine",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start single effects again from others and keep the best fit (the default); with "
        "the LD of a panel it is never done; if not, single effects are the solver",
    )
    work.add_argument(
        "--min-n-fraction",
        metavar="SHARE",
        type=share,
        default=0.8,
        help="leave out variants of fewer people than this share of the locus median (0.8)",
    )
    work.add_argument(
        "--drop-ambiguous",
        action="store_true",
        help="leave out the variants flagged AMBIGUOUS too",
    )
    work.add_argument(
        "--on-mismatch",
        choices=("one_effect", "shrink", "raise", "ignore"),
        default="one_effect",
        help="if z and LD do not fit: fit one effect in place of several (the default), shrink "
        "the LD, fail, or go on",
    )
    add_threads(work, "loci at a time")
    add_scheduler(work)
    work.add_argument(
        "--chunk",
        metavar="K/N",
        type=chunk,
        help="fine-map the K-th of N parts of the loci only, as one job of an array; when all are "
        "done, the same command without --chunk writes the results",
    )
    work.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="(0)")


def _add_output(output: Any) -> None:
    """Add the arguments that say what is written."""
    output.add_argument(
        "--out", metavar="P", default="skgenetics_finemap", help="prefix (skgenetics_finemap)"
    )
    output.add_argument(
        "--report",
        action="store_true",
        help="write OUT.report.html too: one file with tables and interactive pictures",
    )
    output.add_argument(
        "--genes", metavar="F", help="genes to draw below the loci: BED with names, GTF or GFF3"
    )
    output.add_argument(
        "--genetic-map",
        metavar="F",
        help="recombination to draw below the loci: chromosome, base pair and centimorgans, with a "
        "header, or a .map of PLINK",
    )
    output.add_argument(
        "--format",
        choices=("native", *FORMATS),
        default="native",
        help="write the tables of another tool too",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks")


def run_finemap(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics finemap``."""
    check_arguments(arguments)
    from skgenetics.cli.finemap.data import load_demo, load_files
    from skgenetics.cli.finemap.populations import load_populations
    from skgenetics.cli.finemap.tracks import read_tracks
    from skgenetics.cli.finemap.traits import load_traits

    if not arguments.populations:
        arguments = of_one_panel(arguments)
    console = Console("finemap")
    check_prefix(arguments.out)
    check_report(arguments.report)
    tracks = read_tracks(arguments)
    if arguments.demo:
        studies = [load_demo(arguments)]
    elif arguments.populations:
        studies = [load_populations(arguments)]
    elif len(arguments.sumstats) > 1:
        studies = [load_traits(arguments)]
    else:
        studies = load_files(arguments)
    for study in studies:
        console.say(*study.lines, "")
    parts = [study.parts for study in studies]
    with keeping("loci", *parts), on_cluster(arguments.scheduler):
        n_jobs = number_of_jobs(arguments)
        if arguments.chunk:
            return _finemap_part(arguments, studies, console, n_jobs)
        return _finemap(arguments, studies, tracks, console, n_jobs)


def _finemap_part(
    arguments: argparse.Namespace, studies: "list[Study]", console: Console, n_jobs: int
) -> int:
    """Fit a part of the loci, which stay in the folder of finished ones; return the status."""
    status = OK
    for study in studies:
        loci = arguments.chunk.part(study.loci)
        failed = 0
        if loci:
            result = _fit(arguments, study, loci, n_jobs)
            failed = int((result.loci["status"] == "failed").sum())
        status = SOME_FAILED if failed else status
        console.say(
            f"Part {arguments.chunk}: {len(loci) - failed} of {len(study.loci)} loci{study.of} are "
            f"finished in {study.parts}/" + (f"; {failed} failed" if failed else "")
        )
    console.say("When all parts are done, the same command without --chunk writes the results.")
    return status


def _finemap(
    arguments: argparse.Namespace,
    studies: "list[Study]",
    tracks: "Tracks",
    console: Console,
    n_jobs: int,
) -> int:
    """Fit the loci of `studies`, print and write what comes out, and return the exit status."""
    from skgenetics.cli.finemap.coloc import coloc_lines, coloc_table
    from skgenetics.cli.finemap.report import Fitted, locus_lines, reason, write_results
    from skgenetics.cli.finemap.tracks import track_notes
    from skgenetics.io import atomic_path

    traits = [Fitted(study, _fit(arguments, study, study.loci, n_jobs)) for study in studies]
    coloc = coloc_table(*traits) if arguments.coloc else None
    lines_on = {}
    for locus in studies[0].loci:
        name = locus.region.name
        lines_on[name] = locus_lines(name, traits)
        if coloc is not None:
            lines_on[name] += coloc_lines(name, coloc, *traits)
        console.say(*lines_on[name], "")
    for study, result in traits:
        if (result.loci["status"] == "failed").all():
            remove_parts(study.parts)
            raise ValueError(
                f"No locus{study.of} could be fine-mapped: {reason(result.loci['message'].iloc[0])}"
            )
    files, notes = write_results(arguments, traits, coloc, lines_on, tracks, n_jobs)
    notes += track_notes(arguments, tracks, [locus.region for locus in studies[0].loci])
    console.say(*studies[0].closing_lines(traits[0].result), *notes)
    console.say(f"Wrote {', '.join(files)}", *browser_lines(files))
    status = OK
    for study, result in traits:
        failed = result.loci["status"] == "failed"
        if failed.any():
            status = SOME_FAILED
            console.say(
                f"{failed.sum()} of {len(failed)} loci{study.of} failed; the others are kept in "
                f"{study.parts}/, so that the same command tries those again."
            )
        else:
            remove_parts(study.parts)
    with atomic_path(f"{arguments.out}.log") as temporary:
        console.write_log(temporary)
    return status


def _fit(
    arguments: argparse.Namespace, study: "Study", loci: "list[Locus]", n_jobs: int
) -> "Bunch":
    """Return what `finemap_loci` makes of loci of a study, which it keeps in a folder."""
    from sklearn.exceptions import FitFailedWarning

    from skgenetics.cli.finemap.report import ReportLoci
    from skgenetics.finemapping import finemap_loci

    with progress(len(loci), "loci") as report, warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)  # each is printed later
        return finemap_loci(
            [locus.description for locus in loci],
            _estimator(arguments, study),
            n_jobs=min(n_jobs, len(loci)),
            output=study.parts,
            random_state=arguments.seed,
            callbacks=[ReportLoci(report)],
            effects=bool(arguments.coloc),
        )


def _estimator(arguments: argparse.Namespace, study: "Study") -> Any:
    """Return what fine-maps the loci of a study."""
    from skgenetics import FinemapMiXeR, MMASHRegressor
    from skgenetics.finemapping.solvers import SuSiE

    if study.traits:
        return MMASHRegressor(
            solver="single_effects",
            max_effects=arguments.max_num_causal or _MOST_EFFECTS,
        )
    single = bool(arguments.coloc) or not arguments.refine  # signals are compared one by one
    return FinemapMiXeR(
        solver=SuSiE(refine=arguments.refine) if single else "auto",
        background=_BACKGROUNDS[arguments.background],
        max_effects=arguments.max_num_causal,
    )
