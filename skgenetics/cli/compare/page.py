"""The report of a comparison: one HTML file."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skgenetics._version import __version__
from skgenetics.cli.compare.report import (
    FineMapped,
    locus_display,
    score_displays,
    why_no_picture,
)
from skgenetics.cli.compare.scores import Scores
from skgenetics.cli.compare.tasks import Study
from skgenetics.inspection.pages import (
    Section,
    bullets,
    file_links,
    library_script,
    locus_pictures,
    locus_view,
    paragraphs,
    picture,
    sources,
    static_picture,
    table,
    write_page,
)
from skgenetics.utils._optional import import_optional

if TYPE_CHECKING:
    import pandas as pd

_NAME = "report.html"
_METHODS = (
    f"Models were compared by skgenetics {__version__}, by cross-validation over people. "
    "Covariates were regressed out of traits and genotypes inside each training fold, and settings "
    "of the models were chosen inside the training folds: scores are of people that no step has "
    "seen. Differences are paired by fold, and two standard errors of them decide.",
    "Credible sets are of all people, by FinemapMiXeR: each holds an effect with the probability "
    "of its coverage.",
)


def write_report(
    folder: Path, study: Study, scores: list[Scores], fits: list[FineMapped], files: list[str]
) -> str:
    """Write the report of a comparison into its folder, and return its name."""
    sections = [
        Section(
            "Summary",
            bullets([line.strip() for line in study.lines if line.strip()])
            + paragraphs([score.closing_sentence() for score in scores]),
        )
    ]
    sections += [
        Section(f"Scores: {score.metric}", _scores_part(score, study.unit)) for score in scores
    ]
    drawn = [fit for fit in fits if not why_no_picture(fit)]
    if drawn:
        views = [
            locus_view(fit.locus, locus_display(fit, study.build), fit.task.genotypes[:, :], None)
            for fit in drawn
        ]
        sections.append(Section("Loci", locus_pictures(views, notes={})))
    methods = [*_METHODS[: 1 + bool(fits)], *sources(fit.model.solver_ for fit in fits)]
    sections.append(Section("Methods", paragraphs(methods)))
    sections.append(Section("Files", file_links([name for name in files if "<" not in name])))
    library = library_script() if drawn else ""
    write_page(folder / _NAME, "Models compared", sections, library=library)
    return _NAME


def _scores_part(score: Scores, unit: str) -> str:
    """Return the picture and the table of one metric."""
    means = _means(score, unit)
    texts = {
        "scores": f"{score.metric} of {len(score.models)} models by {unit}; the best in the last "
        f"row of the table below is {score.best}.",
        "differences": f"{score.metric} of {score.best} minus that of each other model, the mean "
        "over folds with two standard errors; the sentence in the summary says which are clear.",
    }
    pictures = "".join(
        picture(static_picture(display), texts[name])
        for name, display in score_displays(score).items()
    )
    caption = f"Mean {score.metric} over {score.n_folds} folds; comparison.csv has every fold."
    return pictures + table(means, caption)


def _means(score: Scores, unit: str) -> "pd.DataFrame":
    """Return the mean scores: a row per trait, and their mean if there are several."""
    pd = import_optional("pandas", extra="dataframe")
    mean, _ = score.mean_and_error()
    names = [task.name for task in score.tasks]
    if len(names) > 1:
        names, mean = [*names, "mean"], np.vstack([mean, mean.mean(axis=0)])
    columns = [f"{model} (joint)" if score.is_joint[model] else model for model in score.models]
    frame = pd.DataFrame(mean, columns=columns)
    frame.insert(0, unit, names)
    return frame
