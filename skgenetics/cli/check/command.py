"""The command ``skgenetics check``: its arguments, and the order of its work."""

import argparse
from typing import Any

from skgenetics.cli.console import OK, Console

_DESCRIPTION = """\
Say what is understood of summary statistics before anything is computed from them.

It prints the format, which column is taken for what, the rows that would be left out, n, whether z
and p agree, and the strongest variants. With a panel it says how many variants are in it, and
whether the genome builds and the frequencies agree. It writes nothing.
"""

_EPILOG = """\
examples:
  skgenetics check gwas.tsv.gz
  skgenetics check gwas.tsv.gz --bfile panel
  skgenetics check table.txt --columns effect_allele=EA other_allele=NEA beta=B standard_error=SE \\
                   chromosome=CHR base_pair_location=BP

exit status: 0 the file is understood; 2 it is not: one sentence says what to type instead.
"""


def add_parser(commands: Any) -> None:
    """Add ``check`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "check",
        help="say what is understood of a file of summary statistics",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sumstats", metavar="F", help="summary statistics")
    panel = parser.add_mutually_exclusive_group()
    panel.add_argument("--bfile", metavar="P", help="LD panel: PLINK 1 files P.bed, .bim, .fam")
    panel.add_argument("--pfile", metavar="P", help="LD panel: PLINK 2 files P.pgen, .pvar, .psam")
    panel.add_argument("--vcf", metavar="F", help="LD panel: VCF or BCF of genotypes")
    parser.add_argument(
        "--columns",
        metavar="MEANING=COLUMN",
        nargs="+",
        default=[],
        help="columns of a table of another format",
    )
    parser.add_argument("--n", metavar="N|COLUMN", help="number of people, or its column")
    parser.add_argument("--trait", metavar="NAME", help="which trait, if there are several")
    parser.add_argument("--strict", action="store_true", help="stop at the first bad row")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run_check, parser=parser)


def run_check(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics check``."""
    for pair in arguments.columns:
        if "=" not in pair:
            arguments.parser.error(f"--columns takes MEANING=COLUMN; got {pair!r}")
    from skgenetics.cli.check.report import lines_of_panel, lines_of_sumstats, next_command
    from skgenetics.cli.finemap.data import read_named_sumstats
    from skgenetics.cli.finemap.panel import read_panel

    console = Console("check")
    sumstats = read_named_sumstats(arguments, build=None, region=None, extra_columns=())
    console.say(*lines_of_sumstats(sumstats))
    if arguments.bfile or arguments.pfile or arguments.vcf:
        panel = read_panel(argparse.Namespace(**vars(arguments) | {"ld": None, "chr": None}))
        console.say(*lines_of_panel(sumstats, panel))
    console.say(next_command(arguments, sumstats))
    return OK
