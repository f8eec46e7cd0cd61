"""The command ``skgenetics twas``: its arguments, and the order of its work."""

import argparse
from pathlib import Path
from typing import Any

from skgenetics.cli.cluster import add_scheduler, on_cluster
from skgenetics.cli.console import (
    OK,
    SOME_FAILED,
    Console,
    add_threads,
    at_least,
    check_prefix,
    is_demo,
    number_of_jobs,
    share,
)
from skgenetics.cli.pictures import browser_lines, check_report
from skgenetics.cli.predict.command import add_weights
from skgenetics.cli.statistics import add_panel, add_statistics, check_columns, has_panel

_EXAMPLES = """\
skgenetics twas --demo
skgenetics twas --sumstats gwas.tsv.gz --weights Whole_Blood.db --bfile panel --out my_run"""

_DESCRIPTION = """\
Test genes for association with a trait, from its summary statistics and weights of expression.

A gene is tested through the expression that its variants predict: in each tissue, and in all
tissues together. The LD of the variants comes from a panel, or from the file of covariances that
PredictDB has beside its weights.
"""

_EPILOG = """\
examples:
  skgenetics twas --demo
  skgenetics twas --sumstats gwas.tsv.gz --weights Whole_Blood.db --bfile panel --out my_run
  skgenetics twas --sumstats gwas.tsv.gz --weights elastic_net_models --covariance \\
                  smultixcan_covariance.txt.gz --build GRCh38 --out my_run
  skgenetics twas --sumstats gwas.tsv.gz --weights Whole_Blood.pos --bfile panel_chr@ \\
                  --finemap-genes --n 250000 --out my_run

weights:
  A database of PredictDB (.db), a gene (.wgt.RDat) or a list (.pos) of FUSION, a scoring file of
  the PGS Catalog (.txt.gz), a model of skgenetics compare --save-model (.skops), or a folder of
  databases, lists or genes, such as skgenetics weights writes.

variants:
  They are matched by chromosome, position and alleles, or by ID where there are no positions.
  Exchanged alleles change the sign of z. z that the statistics lack are imputed from the gene's
  other variants, as FUSION does; a gene with more than half of them missing, or a mean r2 below
  0.7, is skipped. --missing drop leaves them out, as S-PrediXcan does. r_used is the correlation of
  what the variants with a z predict with what all predict: below 0.8 the row is flagged LOW_R.

results:
  OUT.genes.tsv: each gene in each tissue; OUT.joint.tsv: each gene in all tissues (S-MultiXcan and
  ACAT); OUT.variants.tsv.gz: what was used; OUT.finemap.tsv, with --finemap-genes; OUT.png: a
  Manhattan plot of genes; OUT.log. doc/formats.md describes every column.

exit status: 0 all done; 2 bad input, no table is written; 3 files of some genes could not be read,
the others are kept.
"""


def add_parser(commands: Any) -> None:
    """Add ``twas`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "twas",
        help="test genes for association, from summary statistics and weights of expression",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parser.add_argument_group("data"))
    _add_work(parser.add_argument_group("tests"))
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="P", default="skgenetics_twas", help="prefix (skgenetics_twas)"
    )
    output.add_argument(
        "--report",
        action="store_true",
        help="write OUT.report.html too: one file with tables that sort, to open in a browser",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run_twas, parser=parser)


def _add_data(data: Any) -> None:
    """Add the arguments that name statistics, weights and LD."""
    data.add_argument("--sumstats", metavar="F", help="summary statistics; the format is found out")
    add_statistics(data)
    add_weights(data)
    panel = add_panel(data)
    panel.add_argument(
        "--covariance",
        metavar="F",
        help="in place of a panel: covariances of the weights' variants (GENE RSID1 RSID2 VALUE), "
        "a file or a folder of files; by default the file beside --weights",
    )
    data.add_argument(
        "--demo",
        action="store_true",
        help="genes of the bundled GEUVADIS extract and the statistics of a simulated trait",
    )


def _add_work(work: Any) -> None:
    """Add the arguments of the tests themselves."""
    work.add_argument(
        "--missing",
        choices=("impute", "drop"),
        default="impute",
        help="what happens to variants without a z (impute)",
    )
    work.add_argument(
        "--h2",
        metavar="H2",
        type=share,
        help="heritability of the trait: z without the inflation of polygenic traits, too, for "
        "weights that come with their phi",
    )
    work.add_argument(
        "--finemap-genes",
        action="store_true",
        help="say which gene of each significant locus: probabilities (PIP) under the correlation "
        "of predicted expression; needs a panel and --n",
    )
    add_threads(work, "genes at a time")
    add_scheduler(work)
    work.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of --demo (0)")


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments are missing or do not go together."""
    error = arguments.parser.error
    own = ("sumstats", "weights", "bfile", "pfile", "vcf", "covariance", "n", "build")
    if is_demo(arguments, own, _EXAMPLES):
        return
    if not arguments.sumstats:
        error("--sumstats is missing: a file of summary statistics")
    if not arguments.weights:
        error("--weights is missing: a file or a folder of weights")
    check_columns(arguments)
    if arguments.finemap_genes and not has_panel(arguments):
        error("--finemap-genes needs the genotypes of a panel: give --bfile, --pfile or --vcf")


def run_twas(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics twas``."""
    _check_arguments(arguments)
    from skgenetics import FinemapMiXeR
    from skgenetics.association import finemap_genes, twas
    from skgenetics.cli.twas.data import load_demo, load_files
    from skgenetics.cli.twas.mismatch import flag_mismatch
    from skgenetics.cli.twas.report import finemap_lines, gene_lines, match_lines, write_results

    console = Console("twas")
    check_prefix(arguments.out)
    check_report(arguments.report)
    study = (load_demo if arguments.demo else load_files)(arguments, console)
    with on_cluster(arguments.scheduler):
        result = twas(
            study.sumstats,
            study.weights,
            study.genotypes,
            missing=arguments.missing,
            h2=arguments.h2,
            n_jobs=number_of_jobs(arguments),
        )
    mismatched = flag_mismatch(result, study)
    lines = [
        *match_lines(result, study),
        *gene_lines(result, fine_mapped=arguments.finemap_genes),
        *mismatched,
    ]
    console.say(*lines)
    finemapped = None
    if arguments.finemap_genes and study.genotypes is not None:
        finemapped = finemap_genes(result, study.weights, study.genotypes, FinemapMiXeR())
        console.say(*finemap_lines(finemapped))
    files, notes = write_results(arguments, study, result, finemapped, lines)
    console.say(*notes, *study.closing)
    paths = [str(Path(arguments.out).with_name(name)) for name in files]
    console.say(f"Wrote {', '.join(paths)}", *browser_lines(paths))
    console.write_log(Path(f"{arguments.out}.log"))
    return OK if study.whole else SOME_FAILED
