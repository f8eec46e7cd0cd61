"""Credible sets, tables, pictures and models that are written."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skgenetics.cli.compare.models import ModelEntry
from skgenetics.cli.compare.scores import Scores
from skgenetics.cli.compare.tasks import Study, Task
from skgenetics.cli.compare.work import Result, inner_model
from skgenetics.cli.pictures import draw_into, without_pictures
from skgenetics.inspection import LocusDisplay, ScoreDifferencesDisplay, ScoresDisplay
from skgenetics.io import SavedModel, write_model
from skgenetics.loci._tables import credible_sets_table, variants_table, write_table
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._optional import import_optional
from skgenetics.utils._writing import file_name

if TYPE_CHECKING:
    import pandas as pd

RESULT_FILES = (
    *("comparison.csv", "differences.csv", "credible_sets.tsv", "variants.tsv.gz"),
    *("scores*.png", "differences*.png", "locus_*.png", "report.html", "compare.log"),
)
_WIDEST_LOCUS = 6_000_000
_FLOAT = "%.7g"


class FineMapped(NamedTuple):
    """A model with credible sets, fitted to all people of a task."""

    locus: str  # as in the tables: the task, and the model if several models have sets
    task: Task
    model: Any


def fine_mapped(
    study: Study, results: list[Result], models: tuple[ModelEntry, ...]
) -> list[FineMapped]:
    """Return the fits to all people of the models that give credible sets, task by task."""
    names = [entry.name for entry in models if entry.credible_sets]
    estimators = {
        (result.task, result.model): result.estimator
        for result in results
        if result.estimator is not None and not result.joint
    }
    fits = []
    for task in study.tasks:
        for name in names:
            if (task.name, name) in estimators:
                locus = task.name if len(names) == 1 else f"{task.name} {name}"
                fits.append(FineMapped(locus, task, inner_model(estimators[task.name, name])))
    return fits


def credible_set_lines(fits: list[FineMapped], unit: str) -> list[str]:
    """Return the printed table of credible sets."""
    first = max(16, *(len(fit.locus) for fit in fits))
    names = [str(name) for fit in fits for name in fit.task.genotypes.variants["variant_id"]]
    width = max(12, *(len(name) for name in names)) + 2
    header = f"{unit.ljust(first)} set  variants  {'lead variant'.ljust(width)} PIP   min |r|"
    lines = ["Credible sets (95%), all people", header]
    for locus, task, model in fits:
        pip, variants = to_numpy(model.pip_), task.genotypes.variants["variant_id"]
        for number, credible_set in enumerate(model.credible_sets_, start=1):
            members = credible_set["variants"]
            lines.append(
                f"{locus.ljust(first)} {number:>3}  {len(members):>8}  "
                f"{variants.iloc[members[0]].ljust(width)}{pip[members[0]]:4.2f}   "
                f"{credible_set['min_abs_r']:6.3f}"
            )
        if not model.credible_sets_:
            lines.append(f"{locus.ljust(first)}   0  (no signal is narrowed down to a set)")
    return lines


def variants_of(fit: FineMapped) -> "pd.DataFrame":
    """Return the table of the variants of one fit."""
    task, variants = fit.task, fit.task.genotypes.variants
    dosages = task.X(slice(None))[:, : task.n_variants]
    return variants_table(
        fit.locus,
        fit.model.to_frame(),
        n_samples=len(task.y),
        variants=variants.assign(
            rsid=variants["variant_id"].where(variants["variant_id"].str.startswith("rs")),
            effect_allele_frequency=np.nanmean(dosages, axis=0) / 2,
        ),
    )


def write_results(
    folder: Path, study: Study, scores: list[Scores], fits: list[FineMapped]
) -> tuple[list[str], list[str]]:
    """Write tables and pictures to `folder`; return their names, and notes to print."""
    names = _write_scores(folder, scores)
    if fits:
        names += _write_variants(folder, study.build, fits)
    notes = without_pictures()
    if not notes:
        names += _draw_scores(folder, scores)
        pictures, notes = _draw_loci(folder, study, fits)
        names += pictures
    return names, notes


def _write_scores(folder: Path, scores: list[Scores]) -> list[str]:
    """Write the tables of scores and differences; return their names."""
    pd = import_optional("pandas", extra="dataframe")
    tables = {"comparison.csv": pd.concat([score.frame() for score in scores])}
    if tables["comparison.csv"]["model"].nunique() > 1:
        tables["differences.csv"] = pd.concat([score.differences() for score in scores])
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, float_format=_FLOAT)
    return list(tables)


def _write_variants(folder: Path, build: str, fits: list[FineMapped]) -> list[str]:
    """Write the tables of credible sets and variants; return their names."""
    pd = import_optional("pandas", extra="dataframe")
    variants = [variants_of(fit) for fit in fits]
    sets = [
        credible_sets_table(
            fit.locus, fit.model.credible_sets_, table, min_purity=fit.model.min_purity
        )
        for fit, table in zip(fits, variants, strict=True)
    ]
    # an empty frame would make every column one of objects
    sets = [table for table in sets if len(table)] or sets
    tables = {"credible_sets.tsv": sets, "variants.tsv.gz": variants}
    for name, parts in tables.items():
        write_table(folder / name, pd.concat(parts), build=build)
    return list(tables)


def _draw_scores(folder: Path, scores: list[Scores]) -> list[str]:
    """Draw scores and differences of each metric; return the names of the pictures."""
    names = []
    for score in scores:
        metric = "" if len(scores) == 1 else "_" + score.metric.replace(" ", "_")
        for name, display in score_displays(score).items():
            draw_into(folder / f"{name}{metric}.png", display)
            names.append(f"{name}{metric}.png")
    return names


def score_displays(score: Scores) -> dict[str, Any]:
    """Return the pictures of one metric: the scores, and the best model against the others."""
    displays: dict[str, Any] = {
        "scores": ScoresDisplay.from_frame(score.frame(), metric=score.metric)
    }
    if len(score.models) > 1 and score.n_folds > 1:
        displays["differences"] = ScoreDifferencesDisplay.from_frame(
            score.differences(), model=score.best, metric=score.metric
        )
    return displays


def _draw_loci(folder: Path, study: Study, fits: list[FineMapped]) -> tuple[list[str], list[str]]:
    """Draw each task whose variants lie in one locus; return names of pictures, and notes."""
    notes = {note for note in map(why_no_picture, fits) if note}
    drawn = [fit for fit in fits if not why_no_picture(fit)]
    loci = [fit.locus for fit in fits]
    for fit in drawn:
        path = folder / f"locus_{file_name(fit.locus, among=loci)}.png"
        draw_into(path, locus_display(fit, study.build))
    return [f"locus_<{study.unit}>.png"] * bool(drawn), sorted(notes)


def why_no_picture(fit: FineMapped) -> str:
    """Return why a fit has no picture of its locus, or nothing if it has."""
    variants = fit.task.genotypes.variants
    if variants["base_pair_location"].isna().any():
        return "No locus pictures: the variants have no positions."
    wide = np.ptp(variants["base_pair_location"]) > _WIDEST_LOCUS
    if variants["chromosome"].nunique() > 1 or wide:
        return "No locus pictures: the variants lie in more than one locus (see --extract)."
    return ""


def locus_display(fit: FineMapped, build: str) -> LocusDisplay:
    """Return the picture of one locus."""
    variants = fit.task.genotypes.variants
    return LocusDisplay.from_estimator(
        fit.model,
        positions=variants["base_pair_location"].to_numpy(dtype=np.int64),
        X=fit.task.genotypes[:, :],
        genes=fit.task.gene,
        chromosome=variants["chromosome"].iloc[0],
        build=None if build == "unknown" else build,
        title=fit.locus,
    )


def save_models(folder: Path, study: Study, results: list[Result]) -> int:
    """Write every model fitted to all people, with its variants, their alleles and build.

    Returns how many were written.
    """
    tasks = {(task.name, task.joint): task for task in study.all_tasks}
    names = [task.name for task in study.all_tasks]
    fits = [result for result in results if result.estimator is not None]
    for result in fits:
        task = tasks[result.task, result.joint]
        content = SavedModel(
            result.estimator,
            variants=task.genotypes.variants,
            traits=list(task.traits),
            n_covariates=task.covariates.shape[1],
            build=study.build,
        )
        # the name of several traits is ours, that of one is the user's
        name = task.name.replace(" ", "_") if len(task.traits) > 1 else task.name
        model = result.model.replace(" ", "-")
        write_model(folder / f"{file_name(name, among=names)}.{model}.skops", content)
    return len(fits)
