"""Arguments of the commands that read summary statistics, and of the panel that their LD is of."""

import argparse
from typing import Any


def add_statistics(group: Any, *, several: bool = False) -> None:
    """Add the arguments that say how a file of summary statistics is read, or `several` files."""
    each: dict[str, Any] = {"nargs": "+"} if several else {}
    or_each = "; one for all files, or one for each" if several else ""
    group.add_argument(
        "--columns",
        metavar="MEANING=COLUMN",
        nargs="+",
        default=[],
        help="columns of a table of another format: effect_allele, other_allele, beta, "
        "standard_error, z, p_value, chromosome, base_pair_location, rsid, ...",
    )
    group.add_argument(
        "--trait",
        metavar="NAME",
        help="which trait, or population, if the statistics have columns of several" + or_each,
        **each,
    )
    group.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first row that cannot be read, in place of leaving it out",
    )
    group.add_argument(
        "--n",
        metavar="N|COLUMN",
        help="people in the study: a number, or the name of a column (the file's, if any)"
        + or_each,
        **each,
    )


def add_panel(group: Any, *, several: bool = False) -> Any:
    """Add the arguments that name genotypes of a panel, or `several` panels.

    Return those of which one may be given.
    """
    each: dict[str, Any] = {"nargs": "+"} if several else {}
    panel = group.add_mutually_exclusive_group()
    panel.add_argument(
        "--bfile",
        metavar="P",
        help="LD panel: PLINK 1 files P.bed, .bim, .fam; with @ in place of the chromosome, all",
        **each,
    )
    panel.add_argument(
        "--pfile", metavar="P", help="LD panel: PLINK 2 files P.pgen, .pvar, .psam", **each
    )
    panel.add_argument("--vcf", metavar="F", help="LD panel: VCF or BCF of genotypes", **each)
    return panel


def has_panel(arguments: argparse.Namespace) -> bool:
    """Return whether genotypes of a panel are given."""
    return bool(arguments.bfile or arguments.pfile or arguments.vcf)


def check_columns(arguments: argparse.Namespace, flag: str = "--columns") -> None:
    """Exit with status 2 unless every word of --columns, or of a flag like it, is a pair."""
    for pair in getattr(arguments, flag.removeprefix("--").replace("-", "_")):
        if "=" not in pair:
            arguments.parser.error(
                f"{flag} takes MEANING=COLUMN, such as effect_allele=A1; got {pair!r}"
            )
