"""The command ``skgenetics predict``: its arguments, and the order of its work."""

import argparse
import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skgenetics.cli.console import (
    OK,
    SOME_FAILED,
    Console,
    add_genotype_files,
    add_threads,
    check_prefix,
    genome_build,
    is_demo,
    number_of_jobs,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import count_of

if TYPE_CHECKING:
    import pandas as pd

    from skgenetics.association import ExpressionWeights
    from skgenetics.io import Genotypes

_EXAMPLES = """\
skgenetics predict --demo
skgenetics predict --weights Whole_Blood.db --bfile study --out my_run"""

_DESCRIPTION = """\
Predict the expression of genes from genotypes, with weights that were trained on other people.
"""

_EPILOG = """\
examples:
  skgenetics predict --demo
  skgenetics predict --weights Whole_Blood.db --bfile study --out my_run
  skgenetics predict --weights skgenetics_weights --pfile study --build GRCh38 --out my_run

weights:
  A database of PredictDB (.db), a gene (.wgt.RDat) or a list (.pos) of FUSION, a scoring file of
  the PGS Catalog (.txt.gz), a model of skgenetics compare --save-model (.skops), or a folder of
  databases, lists or genes, such as skgenetics weights writes. Weights of FUSION are per standard
  deviation of the genotypes at hand.

variants:
  They are matched by chromosome, position and alleles, or by ID where there are no positions. If
  the other allele is counted, the dosage is turned over. A missing call counts as twice the
  frequency among the people at hand.

results:
  OUT.tsv.gz (OUT.parquet with --format parquet), one row per person and one column per gene; of
  several tissues OUT.TISSUE.tsv.gz each; OUT.genes.tsv: for each gene how many of its variants
  were found; OUT.log.

exit status: 0 all done; 2 bad input, nothing is written; 3 files of some genes could not be read.
"""

_SUFFIXES = {"tsv": "tsv.gz", "parquet": "parquet"}


def add_parser(commands: Any) -> None:
    """Add ``predict`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "predict",
        help="predict the expression of genes from genotypes",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_weights(parser)
    add_genotype_files(parser)
    parser.add_argument(
        "--demo",
        action="store_true",
        help="genes of the bundled GEUVADIS extract, trained on half of its people",
    )
    parser.add_argument(
        "--out", metavar="P", default="skgenetics_predict", help="prefix (skgenetics_predict)"
    )
    parser.add_argument(
        "--format", choices=tuple(_SUFFIXES), default="tsv", help="of the expression (tsv)"
    )
    add_threads(parser, "genes at a time")
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run_predict, parser=parser)


def add_weights(parser: Any) -> None:
    """Add the arguments that name weights."""
    parser.add_argument("--weights", metavar="W", help="weights: a file or a folder, see below")
    parser.add_argument(
        "--model", metavar="NAME", help="which model of FUSION's genes (the one that predicts best)"
    )
    parser.add_argument(
        "--build", type=genome_build, metavar="BUILD", help="GRCh37 or GRCh38, of your positions"
    )


def read_weights(
    arguments: argparse.Namespace, console: Console, covariance: str | None = None
) -> "tuple[ExpressionWeights, bool]":
    """Read --weights, say what they are, and return them and whether all files could be read."""
    from skgenetics.association import load_weights

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        weights = load_weights(arguments.weights, covariance=covariance, model=arguments.model)
    console.say(
        f"{Path(arguments.weights).name}: {count_of(weights.genes['gene'].nunique(), 'gene')} in "
        f"{count_of(len(weights.tissues), 'tissue')}, {count_of(len(weights.weights), 'weight')} "
        f"({weights.build or 'build unknown'})"
    )
    console.say(*(f"  Left out: {warning.message}" for warning in caught))
    if arguments.build and weights.build and arguments.build != weights.build:
        raise ValueError(
            f"The weights are of {weights.build}, your positions of {arguments.build}: lift one of "
            "them over to the other build."
        )
    return weights, not caught


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments are missing or do not go together."""
    genotypes = ("bfile", "pfile", "bgen", "genotypes")
    if is_demo(arguments, ("weights", "build", *genotypes), _EXAMPLES):
        return
    if not arguments.weights:
        arguments.parser.error("--weights is missing: a file or a folder of weights")
    if not any(getattr(arguments, name) for name in genotypes):
        arguments.parser.error(
            "genotypes are missing: give --bfile, --pfile, --bgen or --genotypes"
        )


def run_predict(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics predict``."""
    _check_arguments(arguments)
    from skgenetics.cli.genotypes import open_genotypes
    from skgenetics.cli.predict.demo import closing_line, load_demo

    console = Console("predict")
    check_prefix(arguments.out)
    if arguments.demo:
        (weights, genotypes), whole = load_demo(console), True
    else:
        weights, whole = read_weights(arguments, console)
        genotypes = open_genotypes(arguments)
    n_people, n_variants = genotypes.shape
    console.say(f"{genotypes.source}: {n_people:,} people, {n_variants:,} variants")
    expression, found = weights.predict(
        genotypes, return_matching=True, n_jobs=number_of_jobs(arguments)
    )
    console.say(*_lines(found))
    if arguments.demo:
        console.say(closing_line(weights, expression))
    files = _write(arguments, weights, genotypes, expression, found)
    console.say(f"Wrote {', '.join(files)}")
    console.write_log(Path(f"{arguments.out}.log"))
    return OK if whole else SOME_FAILED


def _lines(found: "pd.DataFrame") -> list[str]:
    """Return what is to be said of the variants that were found."""
    n_model, n_found = found["n_model"].sum(), found["n_found"].sum()
    lines = [
        f"  {n_found:,} of {n_model:,} weights ({n_found / n_model:.0%}) are of variants found"
    ]
    none, part = (found["n_found"] == 0).sum(), (found["n_found"] < found["n_model"]).sum()
    if part:
        lines.append(
            f"  {part - none:,} of {len(found):,} models lack variants, and {none:,} have none: "
            "these are NA"
        )
    low = (found["r_used"] < 0.8).sum() - none
    if low > 0:
        lines.append(
            f"  Warning: what was found of {low:,} models correlates below 0.8 with the whole "
            "(r_used)"
        )
    return lines


def _write(
    arguments: argparse.Namespace,
    weights: "ExpressionWeights",
    genotypes: "Genotypes",
    expression: "pd.DataFrame",
    found: "pd.DataFrame",
) -> list[str]:
    """Write predicted expression, one file per tissue, and what was found of each gene.

    All or none. The table of genes, which tells what an earlier run wrote, is put in place last.
    """
    from skgenetics.io import atomic_path
    from skgenetics.loci._tables import write_table, write_text

    tissues, build = weights.tissues, weights.build or "unknown"
    files, earlier = [], _earlier_files(arguments.out)
    suffix = _SUFFIXES[arguments.format]
    people = genotypes.samples.to_frame(index=False)
    genes = Path(f"{arguments.out}.genes.tsv")
    with atomic_path(genes) as of_genes:
        write_table(of_genes, found, build=build)
        with contextlib.ExitStack() as stack:
            for tissue in tissues:
                columns = (weights.genes["tissue"] == tissue).to_numpy()
                table = expression.loc[:, columns]
                table = table.set_axis(weights.genes.loc[columns, "gene"].tolist(), axis="columns")
                table = people.join(table.reset_index(drop=True))
                path = Path(f"{arguments.out}{_part(tissue, tissues)}.{suffix}")
                files.append(str(path))
                temporary = stack.enter_context(atomic_path(path))
                if suffix == "parquet":
                    table.to_parquet(temporary, index=False)
                else:
                    text = table.to_csv(sep="\t", index=False, na_rep="NA", float_format="%.6g")
                    write_text(temporary, text)
        for left_over in earlier.difference(files):  # they would be taken for this run's
            Path(left_over).unlink(missing_ok=True)
    return [*files, str(genes)]


def _part(tissue: str, tissues: list[str]) -> str:
    """Return what tells the file of a tissue from those of the others."""
    from skgenetics.utils._writing import file_name

    return f".{file_name(tissue, among=tissues)}" if len(tissues) > 1 else ""


def _earlier_files(out: str) -> set[str]:
    """Return the names of the files of expression that an earlier run with this --out wrote."""
    pd = import_optional("pandas", extra="dataframe")
    table = Path(f"{out}.genes.tsv")
    if not (table.is_file() and table.read_bytes().startswith(b"##skgenetics=")):
        return set()
    found = pd.read_csv(table, sep="\t", comment="#", dtype=str, keep_default_na=False)
    tissues = sorted(found["tissue"].unique()) if "tissue" in found else []
    names = (f"{out}{_part(tissue, tissues)}" for tissue in tissues)
    return {f"{name}.{suffix}" for name in names for suffix in _SUFFIXES.values()}
