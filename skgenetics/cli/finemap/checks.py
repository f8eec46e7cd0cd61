"""Which arguments of ``skgenetics finemap`` go together."""

import argparse

from skgenetics.cli.console import is_demo
from skgenetics.cli.statistics import check_columns, has_panel

OF_PANELS = ("bfile", "pfile", "vcf", "ld", "ld_variants", "panel_size")  # one of each population
EXAMPLES = """\
skgenetics finemap --demo
skgenetics finemap --sumstats gwas.tsv.gz --bfile panel --build GRCh37 --out my_run"""


def check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments are missing or do not go together."""
    error = arguments.parser.error
    own = ("sumstats", "bfile", "pfile", "vcf", "ld", "n", "build", "regions", "chr")
    if is_demo(arguments, (*own, "prior_column", "coloc", "populations"), EXAMPLES):
        return
    if not arguments.sumstats:
        error("--sumstats is missing: a file of summary statistics")
    if not (has_panel(arguments) or arguments.ld):
        error("the LD is missing: give --bfile, --pfile or --vcf (genotypes of a panel), or --ld")
    if not arguments.build:
        error("--build is missing: GRCh37 or GRCh38, the genome build of the positions")
    if (arguments.n_cases is None) != (arguments.n_controls is None):
        error("--n-cases and --n-controls go together")
    if arguments.n_cases and arguments.n:
        error("give --n, or --n-cases and --n-controls, not both")
    check_columns(arguments)
    check_columns(arguments, "--coloc-columns")
    check_traits(arguments)
    check_panels(arguments)
    if not arguments.coloc and (
        arguments.coloc_n or arguments.coloc_columns or arguments.coloc_trait
    ):
        error("--coloc is missing: the summary statistics of the second trait")
    ends = [arguments.chr is not None, arguments.start is not None, arguments.end is not None]
    if not any(ends):
        return
    if not all(ends):
        error("--chr, --start and --end go together")
    if arguments.regions:
        error("give --regions, or --chr, --start and --end, not both")
    if arguments.start > arguments.end:
        error("--start is after --end")


def of_one_panel(arguments: argparse.Namespace) -> argparse.Namespace:
    """Return the arguments with one value in place of lists of one for each panel."""
    one = {name: (getattr(arguments, name) or [None])[0] for name in OF_PANELS}
    return argparse.Namespace(**vars(arguments) | one)


def check_panels(arguments: argparse.Namespace) -> None:
    """Exit with status 2 unless there is one panel, or one of each population."""
    error, n_files = arguments.parser.error, len(arguments.sumstats)
    given = {name: len(getattr(arguments, name) or []) for name in OF_PANELS}
    words = {name: f"--{name.replace('_', '-')}" for name in OF_PANELS}
    if not arguments.populations:
        for name, count in given.items():
            if count > 1:
                error(
                    f"{words[name]} takes one value; got {count}. With --populations it takes one "
                    "for each file of --sumstats"
                )
        return
    if n_files == 1:
        error("--populations is for several files of --sumstats, one of each population")
    for name, count in given.items():
        alike = name == "panel_size" and count == 1  # for all
        if count not in (0, n_files) and not alike:
            error(
                f"{words[name]} has {count} for {n_files} files of --sumstats: --populations needs "
                "one for each, in the same order"
            )
    if arguments.trait_correlation != "auto":
        error("--trait-correlation is of traits in one population: leave it out with --populations")


def check_traits(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments do not go with the number of files of --sumstats."""
    error, n_files = arguments.parser.error, len(arguments.sumstats)
    for name in ("n", "trait"):
        values = getattr(arguments, name) or []
        if len(values) not in (0, 1, n_files):
            files = "one file" if n_files == 1 else f"{n_files} files"
            error(f"--{name} takes one value, or one for each file; got {len(values)} for {files}")
    if n_files == 1:
        if arguments.trait_names or arguments.trait_correlation != "auto":
            error("--trait-names and --trait-correlation are for several files of --sumstats")
        return
    if arguments.trait_names and len(arguments.trait_names) != n_files:
        error(f"--trait-names has {len(arguments.trait_names)} names for {n_files} files")
    if arguments.trait_names and len(set(arguments.trait_names)) < n_files:
        error("--trait-names repeats a name")
    for name, alone in (
        ("--coloc", arguments.coloc),
        ("--prior-column", arguments.prior_column),
        ("--n-cases (give --n, 4 / (1/cases + 1/controls) of each)", arguments.n_cases),
        ("--format", arguments.format != "native"),
        ("--background none", arguments.background == "none"),
        ("--no-refine", not arguments.refine),
        ("--on-mismatch shrink", arguments.on_mismatch == "shrink"),
    ):
        if alone:
            error(f"{name} is for one trait; --sumstats has {n_files} files")
