"""The command ``skgenetics compare``: its arguments, and the order of its work."""

import argparse
import contextlib
import sys
import textwrap
from pathlib import Path

from skgenetics._version import __version__
from skgenetics.cli.console import OK, SOME_FAILED, Console, at_least, frequency, progress

_DESCRIPTION = """\
Compare models that predict traits (or gene expression) from genotypes, by cross-validation.

Alone, it runs on a bundled extract of GEUVADIS: expression of 5 genes in 358 Europeans. With
--bfile (or --pfile, --bgen, --genotypes) and --pheno it runs on your data. People are matched by
name. Some models predict each trait alone, others fit all traits of a kind jointly, in the same
folds. Covariates are regressed out of traits and genotypes inside each training fold, and settings
of the models are chosen inside the training folds, so the scores are those of people that no step
has seen.
"""

_EPILOG = """\
examples:
  skgenetics compare
  skgenetics compare --bfile study --pheno traits.tsv --covar covariates.tsv --out my_run
  skgenetics compare --bfile study --pheno traits.tsv --pheno-name LDL HDL --extract locus.txt \\
                     --models RidgeCV FinemapMiXeR --groups FID
  skgenetics compare --genotypes dosages.csv --pheno traits.csv
  skgenetics compare --pfile study --pheno liver.bed.gz blood.bed.gz --pheno-name ENSG00000134243

files:
  phenotypes and covariates: separated by spaces, TAB or comma, gzipped or not; a header with
  #FID IID, or IID, or any name for a first column of IDs; NA and -9 are missing. Covariates may
  also be one row a covariate and one column a person, as GTEx distributes them.
  expression: --pheno takes BED files of GTEx or QTLtools (#chr start end gene_id, then people), one
  a tissue. Each gene is predicted from the variants within --window of its start.
  dosages: .csv or .tsv with sample IDs in the first column and one column a variant; or .npz as
  skgenetics.io.write_genotypes makes it.

scores:
  R2 is measured against a prediction from the covariates alone. A trait of 0/1 or 1/2 is binary
  and gets ROC AUC and average precision. "minus RidgeCV" is the mean of the differences by fold
  (of means over traits), with its standard error. "variants used" is the smallest number of
  variants that hold 95% of a linear model's squared effects per standard deviation; "-" where a
  model has none.

exit status: 0 all done; 2 bad input, nothing is written; 3 some fits failed, the others are kept.
"""


def add_parser(commands):
    """Add ``compare`` to the subcommands of the command line."""
    parser = commands.add_parser(
        "compare",
        help="compare models that predict traits from genotypes",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    data = parser.add_argument_group("data (none: the bundled extract)")
    source = data.add_mutually_exclusive_group()
    source.add_argument("--bfile", metavar="P", help="PLINK 1 files P.bed, P.bim and P.fam")
    source.add_argument("--pfile", metavar="P", help="PLINK 2 files P.pgen, P.pvar and P.psam")
    source.add_argument("--bgen", metavar="F", help="BGEN file of dosages")
    source.add_argument("--genotypes", metavar="F", help="dosages: .npz, .csv or .tsv")
    data.add_argument("--sample", metavar="F", help="IDs of --bgen (a .sample of the same name)")
    data.add_argument(
        "--pheno",
        metavar="F",
        nargs="+",
        help="phenotypes, one column a trait; or BED files of expression, one a tissue",
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
    data.add_argument("--covar", metavar="F", help="covariates, one column each")
    data.add_argument("--keep", metavar="F", help="people to use: FID and IID, or IID, a line")
    data.add_argument("--extract", metavar="F", help="IDs of the variants to use, one a line")
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
    work = parser.add_argument_group("comparison")
    work.add_argument(
        "--models",
        metavar="MODEL",
        nargs="+",
        help="models to compare (all): top-variant, RidgeCV, ElasticNet, FinemapMiXeR, "
        "HistGradientBoosting, MLP and, of all traits jointly, MMASHRegressor, MILAGERegressor, "
        "LINARegressor; for binary traits covariates-only, LogisticRegression, "
        "HistGradientBoosting and, jointly, LINAClassifier",
    )
    work.add_argument("--folds", type=at_least(2), default=5, metavar="K", help="folds (5)")
    work.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of folds (0)")
    work.add_argument(
        "--threads", type=at_least(1), metavar="N", help="processes that fit models (all cores)"
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out", metavar="P", default="skgenetics_compare", help="folder (skgenetics_compare)"
    )
    output.add_argument(
        "--save-model",
        metavar="DIR",
        help="fit every model to all people too, and write them here (joblib)",
    )
    output.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(run=run_compare, parser=parser)


def _check_options(options):
    """Exit with status 2 where options do not go together."""
    error = options.parser.error
    own = options.bfile or options.pfile or options.bgen or options.genotypes
    if own and not options.pheno:
        error("--pheno is missing: a file with the traits of the people in the genotypes")
    if not own:
        for name in ("pheno", "pheno_name", "window", "covar", "keep", "extract", "groups", "maf"):
            if getattr(options, name):
                error(f"--{name.replace('_', '-')} needs --bfile, --pfile, --bgen or --genotypes")
    if options.sample and not options.bgen:
        error("--sample holds the IDs of a BGEN file: it needs --bgen")
    files = options.pheno or []
    if options.covar and Path(options.covar).resolve() in [Path(file).resolve() for file in files]:
        error("--covar and --pheno are one file: a trait would be its own covariate; make two")
    genes = [".bed" in Path(file).suffixes for file in files]
    if len(files) > 1 and not all(genes):
        error("--pheno takes several files only where each is a BED of expression in a tissue")
    if options.window and not any(genes):
        error("--window is for genes: --pheno must be a BED of expression")


def _model_names(chosen, known):
    """Return the models asked for, under their names in the tables."""
    if chosen is None:
        return known
    by_word = {name.lower().replace(" ", "-"): name for name in known}
    words = [word for text in chosen for word in text.split(",") if word]
    for word in words:
        if word.lower() not in by_word:
            raise ValueError(
                f"--models: there is no {word!r}; choose from "
                f"{', '.join(name.replace(' ', '-') for name in known)}."
            )
    return [by_word[word.lower()] for word in words]


def run_compare(options):
    """Run ``skgenetics compare``."""
    _check_options(options)
    from joblib import effective_n_jobs
    from threadpoolctl import threadpool_limits

    from skgenetics.cli.compare.data import load_bundled, load_files
    from skgenetics.cli.compare.models import MODELS
    from skgenetics.cli.compare.report import (
        RESULT_FILES,
        credible_set_lines,
        save_models,
        write_results,
    )
    from skgenetics.cli.compare.scores import Scores
    from skgenetics.cli.compare.work import compare_models
    from skgenetics.io import atomic_folder

    names = _model_names(options.models, MODELS)
    n_jobs = options.threads or effective_n_jobs(-1)
    console = Console()
    console.say(f"skgenetics compare {__version__}")
    if options.pheno:
        study = load_files(options)
    else:
        study = load_bundled(folds=options.folds, seed=options.seed)
    console.say(*study.lines, "")
    tasks = [*study.tasks, *study.joint]
    for binary in (False, True):
        own = [task for task in tasks if task.binary == binary]
        if own and not any(set(task.models(None, 0)) & set(names) for task in own):
            kind = "binary" if binary else "quantitative"
            raise ValueError(
                f"--models: none of those asked for is for a {kind} trait such as {own[0].name}."
            )
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(atomic_folder(options.out, replaces=RESULT_FILES))
        model_folder = options.save_model and stack.enter_context(atomic_folder(options.save_model))
        stack.enter_context(threadpool_limits(n_jobs))
        n_fits, fits = compare_models(
            tasks, names, n_jobs=n_jobs, seed=options.seed, keep_all=bool(options.save_model)
        )
        results = []
        with progress(n_fits) as report:
            for result in fits:
                results.append(result)
                report(result.task)
        failed = [result for result in results if result.error]
        if len(failed) == len(results):
            raise ValueError(f"Every fit failed. {failed[0].model}: {failed[0].error}")

        metrics = dict.fromkeys(metric for task in study.tasks for metric in task.metrics())
        scores = [Scores(study, results, metric) for metric in metrics]
        for score in scores:
            console.say(*score.table(), score.closing_sentence(), "")
        mixers = {
            result.task: result.estimator
            for result in results
            if result.model == "FinemapMiXeR" and result.estimator is not None
        }
        if mixers:
            console.say(*credible_set_lines(study, mixers))
        console.say(*_summarize("Note", results, lambda result: result.warnings))
        files, notes = write_results(folder, study, scores, mixers)
        console.say(*notes, f"Wrote {options.out.rstrip('/')}/: {', '.join(files)}")
        if model_folder:
            save_models(model_folder, study, results)
            count = len(list(model_folder.iterdir()))
            console.say(f"Wrote {options.save_model.rstrip('/')}/: {count} models")
        console.say("Next: skgenetics finemap --help")
        failures = _summarize("Failed", results, lambda result: [result.error or ""])
        console.lines += failures
        sys.stderr.writelines(line + "\n" for line in failures)
        (folder / "compare.log").write_text("\n".join(console.lines) + "\n", encoding="utf-8")
    return SOME_FAILED if failed else OK


def _summarize(word, results, messages_of):
    """Return a line for each message of a model, with how many of its fits gave it."""
    counts, totals = {}, {}
    for result in results:
        totals[result.model] = totals.get(result.model, 0) + 1
        for message in filter(None, messages_of(result)):
            key = result.model, message
            counts[key] = counts.get(key, 0) + 1
    return [
        f"{word}: {model}, {count} of {totals[model]} fits: {textwrap.shorten(message, 200)}"
        for (model, message), count in counts.items()
    ]
