"""The command ``skgenetics check``: its arguments, and the order of its work."""

import argparse
from typing import Any

from skgenetics.cli.console import OK, Console
from skgenetics.cli.statistics import add_panel, add_statistics, check_columns, has_panel

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
    add_panel(parser)
    add_statistics(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run_check, parser=parser)


def run_check(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics check``."""
    check_columns(arguments)
    from skgenetics.cli.check.report import lines_of_panel, lines_of_sumstats, next_command
    from skgenetics.cli.finemap.data import read_named_sumstats
    from skgenetics.cli.finemap.panel import read_panel

    console = Console("check")
    sumstats = read_named_sumstats(arguments, build=None, region=None, extra_columns=())
    console.say(*lines_of_sumstats(sumstats))
    if has_panel(arguments):
        panel = read_panel(argparse.Namespace(**vars(arguments) | {"ld": None, "chr": None}))
        console.say(*lines_of_panel(sumstats, panel))
    console.say(next_command(arguments, sumstats))
    return OK
