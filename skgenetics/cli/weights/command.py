"""The command ``skgenetics weights``: its arguments, and the order of its work."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skgenetics.cli.cluster import add_scheduler, on_cluster
from skgenetics.cli.console import (
    OK,
    SOME_FAILED,
    Console,
    add_genotype_files,
    add_threads,
    at_least,
    folder,
    frequency,
    genome_build,
    is_demo,
    number_of_jobs,
    progress,
)
from skgenetics.cli.genotypes import stamp_of
from skgenetics.cli.parts import keeping, parts_of, remove_parts
from skgenetics.cli.weights.models import AUTO, FORMATS, MODELS, help_on_models

if TYPE_CHECKING:
    from skgenetics.cli.weights.data import Study

_EXAMPLES = """\
skgenetics weights --demo
skgenetics weights --bfile study --pheno liver.bed.gz --covar covariates.tsv --build GRCh38"""

_MANY_GENES = 100  # beyond, progress is printed by the hundredth

_DESCRIPTION = """\
Train weights that predict the expression of genes from the variants near them, for PrediXcan,
FUSION and skgenetics twas.

In each tissue a gene is predicted by the mixture of models that suits it best. Their shares are
found inside the training folds of a cross-validation, so that the performance reported comes from
people that no step has seen. Several tissues are trained together, and some models share effects
between them.
"""

_EPILOG = """\
{models}

examples:
  skgenetics weights --demo
  skgenetics weights --bfile study --pheno liver.bed.gz --covar covariates.tsv --build GRCh38 \\
                     --out my_weights
  skgenetics weights --pfile study --pheno liver.bed.gz blood.bed.gz --covar genotype_pcs.tsv \\
                     liver=liver_factors.tsv blood=blood_factors.tsv --build GRCh38

files:
  --pheno takes BED files of GTEx or QTLtools (#chr start end gene_id, then people), one per tissue,
  named by their files up to the first dot. Weights are in the unit of the files: normalize
  expression first. Covariates are regressed out of expression and genotypes inside each training
  fold. Models of all tissues jointly regress out of the genotypes only the covariates that all
  tissues share.

results:
  OUT/TISSUE.db, OUT/covariance.txt.gz: PredictDB's files, of the genes with p < 0.05 and a mean
  correlation above 0.1; OUT/unfiltered/TISSUE.db: of all genes; OUT/fusion/: FUSION's files;
  OUT/genes.tsv: every gene and tissue, with its performance. doc/formats.md describes them.
  Finished genes are kept in OUT.parts/ until all are done: after an interruption the same command
  goes on where it stopped.

exit status: 0 all done; 2 bad input, nothing is written; 3 some genes failed, the others are kept.
"""


def add_parser(commands: Any) -> None:
    """Add ``weights`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "weights",
        help="train weights that predict the expression of genes",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(models=help_on_models()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parser.add_argument_group("data"))
    _add_work(parser.add_argument_group("training"))
    _add_output(parser.add_argument_group("output"))
    parser.set_defaults(run=run_weights, parser=parser)


def _add_data(data: Any) -> None:
    """Add the arguments that name genotypes, expression and people."""
    source = add_genotype_files(data)
    source.add_argument("--demo", action="store_true", help="six genes of the bundled GEUVADIS")
    data.add_argument(
        "--pheno", metavar="F", nargs="+", help="BED files of expression, one per tissue"
    )
    data.add_argument("--pheno-name", metavar="GENE", nargs="+", help="genes to train (all)")
    data.add_argument(
        "--covar",
        metavar="[TISSUE=]F",
        nargs="+",
        help="covariates, of all tissues or of one",
    )
    data.add_argument("--keep", metavar="F", help="people to use: FID and IID, or IID, a line")
    data.add_argument(
        "--build", type=genome_build, metavar="BUILD", help="GRCh37 or GRCh38, of all positions"
    )
    data.add_argument(
        "--maf",
        metavar="FREQUENCY",
        type=frequency,
        default=0.01,
        help="leave out variants rarer than this among the people used (0.01)",
    )
    data.add_argument(
        "--window",
        metavar="BP",
        type=at_least(1),
        default=1_000_000,
        help="base pairs on either side of a gene (1,000,000)",
    )
    data.add_argument(
        "--anchor",
        choices=("tss", "body"),
        default="tss",
        help="what the window is about: where transcription starts (tss), or the whole gene",
    )


def _add_work(work: Any) -> None:
    """Add the arguments of training itself."""
    names = [AUTO, *(entry.model.name for entry in MODELS)]
    work.add_argument("--model", choices=names, default=AUTO, help=f"listed below ({AUTO})")
    work.add_argument("--folds", type=at_least(3), default=5, metavar="K", help="folds (5)")
    work.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="(0)")
    add_threads(work, "genes at a time")
    add_scheduler(work)


def _add_output(output: Any) -> None:
    """Add the arguments that say what is written."""
    output.add_argument(
        "--out",
        metavar="DIR",
        type=folder,
        default="skgenetics_weights",
        help="folder (skgenetics_weights)",
    )
    output.add_argument(
        "--format",
        type=_formats,
        default=FORMATS,
        metavar="FORMAT,...",
        help=f"what to write ({','.join(FORMATS)})",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks")


def _formats(text: str) -> tuple[str, ...]:
    """Parse --format."""
    words = tuple(text.split(","))
    unknown = [word for word in words if word not in FORMATS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(FORMATS)}, got {unknown[0]!r}")
    return words


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments are missing or do not go together."""
    error = arguments.parser.error
    source = arguments.bfile or arguments.pfile or arguments.bgen or arguments.genotypes
    files = ("bfile", "pfile", "bgen", "genotypes", "pheno")
    if is_demo(arguments, (*files, "pheno_name", "covar", "keep", "build"), _EXAMPLES):
        return
    if not source:
        error("the genotypes are missing: give --bfile, --pfile, --bgen or --genotypes")
    if not arguments.pheno:
        error("--pheno is missing: BED files of expression, one per tissue")
    if not arguments.build:
        error("--build is missing: GRCh37 or GRCh38, the genome build of the positions")
    if arguments.sample and not arguments.bgen:
        error("--sample holds the IDs of a BGEN file: it needs --bgen")


def run_weights(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics weights``."""
    _check_arguments(arguments)
    from skgenetics.cli.weights.data import load_demo, load_files
    from skgenetics.cli.weights.report import earlier_databases

    console = Console("weights")
    out = arguments.out
    if out.exists() and not out.is_dir():
        raise NotADirectoryError(f"--out {out} is a file; give a folder.")
    earlier_databases(out)
    study = load_demo(arguments) if arguments.demo else load_files(arguments)
    console.say(*study.lines, "")
    parts = parts_of(out)
    with keeping("genes", parts), on_cluster(arguments.scheduler):
        return _weights(arguments, study, console, parts)


def _weights(arguments: argparse.Namespace, study: "Study", console: Console, parts: Path) -> int:
    """Train the genes of `study`, print and write what comes out, and return the exit status."""
    from skgenetics.cli.weights.report import (
        failure_lines,
        gene_frame,
        summary_lines,
        write_results,
    )

    results = _train(arguments, study, parts)
    genes = gene_frame(results)
    failures = failure_lines(genes)
    if not (genes["status"] == "ok").any():
        remove_parts(parts)
        rest = failures[0] if failures else f"All genes were skipped: {genes['message'].iloc[0]}."
        raise ValueError(f"No gene could be trained. {rest}")
    console.say(*summary_lines(genes))
    written = write_results(arguments, study, results, genes)
    console.say(f"Wrote {arguments.out}/: {', '.join(written)}")
    console.say(f"Next: skgenetics twas --weights {shlex.quote(str(arguments.out))} --help")
    console.say_failures(*failures)
    if failures:
        console.say(f"Those trained are kept in {parts}/: the same command tries the others again.")
    else:
        remove_parts(parts)
    console.write_log(arguments.out / "weights.log")
    return SOME_FAILED if failures else OK


def _train(arguments: argparse.Namespace, study: "Study", parts: Path) -> list[dict[str, Any]]:
    """Return what training each gene gives."""
    from skgenetics.cli.weights.work import Settings, Units, result_of_death, train_unit
    from skgenetics.utils._parallel import run_parallel

    tissues = tuple(study.tissues)
    settings = Settings(arguments.model, arguments.maf, tissues, study.covariates, study.fold)
    units = Units(study, parts.absolute(), stamp_of(study.genotypes))
    trained = run_parallel(
        train_unit,
        units,
        estimator=settings,
        n_jobs=min(number_of_jobs(arguments), len(units)),
        random_state=arguments.seed,
        names=units.names,
        died=result_of_death,
    )
    results = []
    with progress(len(units), "genes") as report:
        for result in trained:
            results.append(result)
            many = f"{100 * len(results) // len(units)}%"
            report(result["genes"][0]["gene"] if len(units) <= _MANY_GENES else many)
    return results
