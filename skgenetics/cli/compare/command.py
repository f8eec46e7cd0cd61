"""The command ``skgenetics compare``: its arguments, and the order of its work."""

import argparse
import contextlib
import re
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skgenetics.cli.cluster import add_scheduler, on_cluster
from skgenetics.cli.compare.models import (
    ModelEntry,
    chosen_models,
    help_on_models,
)
from skgenetics.cli.console import (
    OK,
    SOME_FAILED,
    Console,
    add_genotype_files,
    add_threads,
    at_least,
    folder,
    frequency,
    number_of_jobs,
    progress,
)
from skgenetics.cli.parts import keeping, parts_of, remove_parts
from skgenetics.cli.pictures import browser_lines, check_report
from skgenetics.cli.tissues import tissue_of
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import join_names

if TYPE_CHECKING:
    from skgenetics.cli.compare.report import FineMapped
    from skgenetics.cli.compare.scores import Scores
    from skgenetics.cli.compare.tasks import Study
    from skgenetics.cli.compare.work import Result

_DESCRIPTION = """\
Compare models that predict traits (or gene expression) from genotypes, by cross-validation.

Alone, it runs on a bundled extract of GEUVADIS: expression of 5 genes in 358 Europeans. With
--bfile (or --pfile, --bgen, --genotypes) and --pheno it runs on your data. People are matched by
name. Some models predict each trait alone, others fit all traits of a kind jointly, in the same
folds. Covariates are regressed out of traits and genotypes inside each training fold, and settings
of the models are chosen inside the training folds, so the scores come from people that no step
has seen.
"""

_EPILOG = """\
{models}

examples:
  skgenetics compare
  skgenetics compare --bfile study --pheno traits.tsv --covar covariates.tsv --out my_run
  skgenetics compare --bfile study --pheno traits.tsv --pheno-name LDL HDL --extract locus.txt \\
                     --models RidgeCV FinemapMiXeR --groups FID
  skgenetics compare --genotypes dosages.csv --pheno traits.csv
  skgenetics compare --pfile study --pheno liver.bed.gz blood.bed.gz --pheno-name ENSG00000134243 \\
                     --covar liver=liver_factors.txt blood=blood_factors.txt

files:
  phenotypes and covariates: separated by spaces, TAB or comma, gzipped or not; a header with
  #FID IID, or IID, or any name for a first column of IDs; NA and -9 are missing. Columns without
  a name and FID, IID, SID, PAT, MAT are no traits. A .fam will do. Covariates of words become one
  column per word; sex may be M and F. They may also be one row per covariate and one column per
  person, as GTEx and QTLtools have them.
  expression: --pheno takes BED files of GTEx or QTLtools (#chr start end gene_id, then people), one
  per tissue. Each gene is predicted from the variants within --window of its start.
  dosages: .csv or .tsv with sample IDs in the first column and one column per variant; .vcf,
  .vcf.gz or .bcf; .raw or .traw of PLINK; or .npz as skgenetics.io.write_genotypes makes it.

scores:
  R2 is measured against a prediction from the covariates alone. A trait of 0/1, 1/2 or PLINK's
  0/1/2 (0: missing) is binary and gets ROC AUC and average precision. "minus RidgeCV" is the mean
  of the differences by fold (of means over traits), with its standard error. "variants used" is
  the smallest number of variants that hold 95% of a linear model's squared effects per standard
  deviation; "-" where a model has none.

results:
  OUT/: tables, pictures and compare.log. Finished fits are kept in OUT.parts/ until all are done:
  after an interruption the same command goes on where it stopped.

exit status: 0 all done; 2 bad input, nothing is written; 3 some fits failed, the others are kept.
"""


def add_parser(commands: Any) -> None:
    """Add ``compare`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "compare",
        help="compare models that predict traits from genotypes",
        description=_DESCRIPTION,
        epilog=_EPILOG.format(models=help_on_models()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_data(parser.add_argument_group("data (none: the bundled extract)"))
    _add_comparison(parser.add_argument_group("comparison"))
    _add_output(parser.add_argument_group("output"))
    parser.set_defaults(run=run_compare, parser=parser)


def _add_data(data: Any) -> None:
    """Add the arguments that name genotypes, traits and people."""
    add_genotype_files(data)
    data.add_argument(
        "--pheno",
        metavar="F",
        nargs="+",
        help="phenotypes, one column per trait; or BED files of expression, one per tissue",
    )
    data.add_argument(
        "--pheno-name", metavar="NAME", nargs="+", help="traits or genes to use (all)"
    )
    data.add_argument(
        "--window",
        metavar="BP",
        type=at_least(1),
        help="base pairs on either side of a gene's start (1,000,000)",
    )
    data.add_argument(
        "--covar",
        metavar="[TISSUE=]F",
        nargs="+",
        help="covariates, one column each; may be the file of --pheno. TISSUE=F: of one tissue",
    )
    data.add_argument("--covar-name", metavar="NAME", nargs="+", help="covariates to use (all)")
    data.add_argument("--keep", metavar="F", help="people to use: FID and IID, or IID, a line")
    data.add_argument("--extract", metavar="F", help="IDs of the variants to use, one per line")
    data.add_argument(
        "--maf",
        metavar="FREQUENCY",
        type=frequency,
        default=0.0,
        help="leave out variants rarer than this among the people used (0: a variant that does "
        "not vary is an error)",
    )
    data.add_argument(
        "--groups",
        metavar="COLUMN",
        help="column of --pheno or --covar, or FID, whose people stay in one fold (families)",
    )


def _add_comparison(work: Any) -> None:
    """Add the arguments of the comparison itself."""
    which = work.add_mutually_exclusive_group()
    which.add_argument(
        "--models", metavar="MODEL", nargs="+", help="models to compare, listed below (all)"
    )
    quick = join_names([entry.word for entry in chosen_models(None, quick=True)])
    which.add_argument("--quick", action="store_true", help=f"a first look: only {quick}")
    work.add_argument("--folds", type=at_least(2), default=5, metavar="K", help="folds (5)")
    work.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of folds (0)")
    add_threads(work, "processes that fit models")
    add_scheduler(work)


def _add_output(output: Any) -> None:
    """Add the arguments that say what is written."""
    output.add_argument(
        "--out",
        metavar="DIR",
        type=folder,
        default="skgenetics_compare",
        help="folder (skgenetics_compare)",
    )
    output.add_argument(
        "--report",
        action="store_true",
        help="write report.html too: one file with tables and interactive pictures",
    )
    output.add_argument(
        "--save-model",
        metavar="DIR",
        help="fit every model to all people too, and write them here (.skops)",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks")


_OF_FILES = ("pheno", "pheno_name", "window", "covar", "covar_name", "keep", "extract") + (
    "groups",
    "maf",
)


def _check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with status 2 if arguments do not go together."""
    error = arguments.parser.error
    has_genotypes = arguments.bfile or arguments.pfile or arguments.bgen or arguments.genotypes
    if has_genotypes and not arguments.pheno:
        error("--pheno is missing: a file with the traits of the people in the genotypes")
    if not has_genotypes:
        for name in _OF_FILES:
            if getattr(arguments, name):
                error(f"--{name.replace('_', '-')} needs --bfile, --pfile, --bgen or --genotypes")
    if arguments.sample and not arguments.bgen:
        error("--sample holds the IDs of a BGEN file: it needs --bgen")
    files = arguments.pheno or []
    if arguments.covar_name and not arguments.covar:
        error("--covar-name chooses columns of --covar, which is missing")
    same = {Path(f).resolve() for f in arguments.covar or []} & {Path(f).resolve() for f in files}
    if same and not (arguments.pheno_name or arguments.covar_name):
        error("--covar and --pheno are one file: name the columns by --pheno-name or --covar-name")
    if same and set(arguments.pheno_name or []) & set(arguments.covar_name or []):
        error("--pheno-name and --covar-name share a column: a trait would be its own covariate")
    expression = [".bed" in Path(file).suffixes for file in files]
    if len(files) > 1 and not all(expression):
        error("--pheno takes several files only if each is a BED of expression in one tissue")
    if any(tissue_of(word)[0] for word in arguments.covar or []) and not any(expression):
        error("--covar TISSUE=F is for expression: --pheno must be BED files, one per tissue")
    if arguments.window and not any(expression):
        error("--window is for genes: --pheno must be a BED of expression")


def run_compare(arguments: argparse.Namespace) -> int:
    """Run ``skgenetics compare``."""
    _check_arguments(arguments)
    from threadpoolctl import threadpool_limits

    from skgenetics.cli.compare.report import RESULT_FILES, save_models, write_results
    from skgenetics.io import atomic_folder

    models = chosen_models(arguments.models, quick=arguments.quick)
    check_report(arguments.report)
    console = Console("compare")
    study = _load(arguments)
    console.say(*study.lines, "")
    _check_models(models, study)
    out, parts = arguments.out, parts_of(arguments.out)
    with contextlib.ExitStack() as stack:
        stack.enter_context(keeping("fits", parts))
        stack.enter_context(on_cluster(arguments.scheduler))
        n_jobs = number_of_jobs(arguments)
        out_now = stack.enter_context(atomic_folder(out, replaces=RESULT_FILES))
        if arguments.save_model:
            import_optional("skops.io", extra="skops")  # before hours of work
            model_folder = stack.enter_context(atomic_folder(arguments.save_model))
        stack.enter_context(threadpool_limits(n_jobs))
        results = _fit(study, models, arguments, n_jobs)
        scores = _scores(study, results)
        for score in scores:
            console.say(*score.table(), score.closing_sentence(), "")
        fits = _credible_sets(study, results, models, console)
        console.say(*_summarize("Note", results, lambda result: result.warnings))
        files, notes = write_results(out_now, study, scores, fits)
        if arguments.report:
            from skgenetics.cli.compare.page import write_report

            files.append(write_report(out_now, study, scores, fits, files))
        console.say(*notes, f"Wrote {out}/: {', '.join(files)}")
        if arguments.save_model:
            n_models = save_models(model_folder, study, results)
            console.say(f"Wrote {arguments.save_model.rstrip('/')}/: {n_models} models")
        console.say(*browser_lines(f"{out}/{file}" for file in files))
        console.say("Next: skgenetics finemap --help")
        failures = _summarize("Failed", results, lambda result: [result.error or ""])
        console.say_failures(*failures)
        if failures:
            console.say(f"The others are kept in {parts}/: the same command tries those again.")
        console.write_log(out_now / "compare.log")
    if failures:
        return SOME_FAILED
    remove_parts(parts)
    return OK


def _load(arguments: argparse.Namespace) -> "Study":
    """Return the user's data, or the bundled ones."""
    from skgenetics.cli.compare.data import load_bundled, load_files

    if arguments.pheno:
        return load_files(arguments)
    return load_bundled(folds=arguments.folds, seed=arguments.seed)


def _check_models(models: tuple[ModelEntry, ...], study: "Study") -> None:
    """Raise ValueError if traits of a kind have no model."""
    for binary in (False, True):
        tasks = [task for task in study.all_tasks if task.binary == binary]
        if tasks and not any(task.models(models) for task in tasks):
            kind = "binary" if binary else "quantitative"
            raise ValueError(
                f"--models: none of those asked for is for a {kind} trait such as {tasks[0].name}."
            )


def _fit(
    study: "Study", models: tuple[ModelEntry, ...], arguments: argparse.Namespace, n_jobs: int
) -> "list[Result]":
    """Return the results of all fits; raise ValueError if every one failed."""
    from skgenetics.cli.compare.work import compare_models

    kinds, fits = compare_models(
        study.all_tasks,
        models,
        n_jobs=n_jobs,
        seed=arguments.seed,
        keep_all=bool(arguments.save_model),
        folder=parts_of(arguments.out).absolute(),  # processes may have started elsewhere
    )
    results = []
    with progress(len(kinds), kinds=kinds) as report:
        for result in fits:
            results.append(result)
            report(result.task)
    if all(result.error for result in results):
        raise ValueError(f"Every fit failed. {results[0].model}: {results[0].error}")
    return results


def _scores(study: "Study", results: "list[Result]") -> "list[Scores]":
    """Return the scores of each metric."""
    from skgenetics.cli.compare.scores import Scores

    metrics = dict.fromkeys(metric for task in study.tasks for metric in task.metrics())
    return [Scores(study, results, metric) for metric in metrics]


def _credible_sets(
    study: "Study",
    results: "list[Result]",
    models: tuple[ModelEntry, ...],
    console: Console,
) -> "list[FineMapped]":
    """Print the credible sets of all people, and return the fits that they are of."""
    from skgenetics.cli.compare.report import credible_set_lines, fine_mapped

    fits = fine_mapped(study, results, models)
    if fits:
        console.say(*credible_set_lines(fits, study.unit))
    return fits


def _summarize(
    word: str, results: "list[Result]", messages_of: "Callable[[Result], list[str]]"
) -> list[str]:
    """Return a line for each message of a model, with how many of its fits gave it.

    Messages that differ in numbers alone count as one, of which the first is shown.
    """
    n_fits = Counter(result.model for result in results)
    first: dict[tuple[str, str], str] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for result in results:
        by_text = {re.sub(r"\d[\d.,e+-]*", "0", text): text for text in messages_of(result) if text}
        for text, message in by_text.items():
            first.setdefault((result.model, text), message)
            counts[result.model, text] += 1
    return [
        f"{word}: {model}, {count} of {n_fits[model]} fits: "
        f"{textwrap.shorten(first[model, text], 200)}"
        for (model, text), count in counts.items()
    ]
