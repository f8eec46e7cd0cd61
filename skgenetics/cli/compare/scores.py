"""The table of scores, and what the differences between models say."""

from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from skgenetics.cli.compare.models import reference_model
from skgenetics.cli.compare.tasks import Study
from skgenetics.cli.compare.work import Result
from skgenetics.utils._optional import import_optional
from skgenetics.utils._text import join_names

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class Panel:
    """Models side by side in the printed table: those of one trait, or those of all jointly."""

    title: str
    models: list[int]  # columns of the scores
    n_variants: list[int]  # by task


class Scores:
    """Scores (task, model, fold) of one metric, with what the table says about them.

    Parameters
    ----------
    study : Study
    results : list of Result
        Of all fits.
    metric : str
        One of the `Task.metrics`.
    """

    def __init__(self, study: Study, results: list[Result], metric: str) -> None:
        self.metric, self.unit = metric, study.unit
        self.tasks = [task for task in study.tasks if metric in task.metrics()]
        self.joint = next((task for task in study.joint if metric in task.metrics()), None)
        rows = {task.name: t for t, task in enumerate(self.tasks)}
        scored = [
            result for result in results if result.fold is not None and rows.keys() & result.traits
        ]
        self.is_joint = {result.model: result.joint for result in scored}
        self.models = list(self.is_joint)
        self.n_folds = 1 + max(result.fold for result in scored if result.fold is not None)
        shape = (len(self.tasks), len(self.models), self.n_folds)
        self.scores, self.n_used, self.seconds = (np.full(shape, np.nan) for _ in range(3))
        for result in scored:
            traits = [trait for trait in result.traits if trait in rows]
            for trait in traits if result.error is None else ():
                cell = rows[trait], self.models.index(result.model), result.fold
                self.scores[cell] = result.scores[trait][metric]
                self.n_used[cell] = result.n_used[trait]
                self.seconds[cell] = result.seconds / len(traits)

    def mean_and_error(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard error over folds, arrays (tasks, models)."""
        return _mean_and_error(self.scores)

    def panels(self) -> list[Panel]:
        """Return the parts of the printed table."""
        alone = [m for m, model in enumerate(self.models) if not self.is_joint[model]]
        jointly = [m for m, model in enumerate(self.models) if self.is_joint[model]]
        n_tasks = len(self.tasks)
        panels = []
        if alone:
            title = f"Each {self.unit} alone" if n_tasks > 1 and jointly else ""
            panels.append(Panel(title, alone, [task.n_variants for task in self.tasks]))
        if jointly and self.joint is not None:
            title = f"All {n_tasks} jointly, one model" if n_tasks > 1 else ""
            panels.append(Panel(title, jointly, [self.joint.n_variants] * n_tasks))
        return panels

    def table(self) -> list[str]:
        """Return the lines of the printed table."""
        label = self.metric[0].upper() + self.metric[1:]
        lines = [f"{label} on people not used for training (standard error over folds)"]
        for panel in self.panels():
            lines += self._panel_lines(panel)
        return lines

    def _panel_lines(self, panel: Panel) -> list[str]:
        """Return the lines of one part of the printed table."""
        first = max(17, *(len(task.name) + 2 for task in self.tasks))
        names = [self.models[m] for m in panel.models]
        widths = [max(15, len(name) + 2) for name in names]

        def row(label: str, count: str, cells: list[str]) -> str:
            text = "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            start = f"{label.ljust(first)}{count:>8}" if count else label.ljust(first + 8)
            return f"{start}   {text}".rstrip()

        mean, error = self.mean_and_error()
        lines = [panel.title] * bool(panel.title)
        lines.append(row(self.unit, "variants", names))
        for t, task in enumerate(self.tasks):
            cells = [_cell(mean[t, m], error[t, m]) for m in panel.models]
            lines.append(row(task.name, f"{panel.n_variants[t]:,}", cells))
        if len(self.tasks) > 1:
            average = _mean_and_error(self.scores.mean(axis=0))
            cells = [_cell(average[0][m], average[1][m]) for m in panel.models]
            lines.append(row("mean", "", cells))
        if len(self.models) > 1:
            reference = reference_model(self.models)
            cells = [
                "" if name == reference else _cell(*self.difference(name, reference), sign="+")
                for name in names
            ]
            lines.append(row(f"minus {reference}", "", cells))
        used = [_median(self.n_used[:, m]) for m in panel.models]
        lines.append(row("variants used (median)", "", used))
        seconds = [f"{np.nansum(self.seconds[:, m]):.1f}" for m in panel.models]
        lines.append(row("seconds, all folds", "", seconds))
        return lines

    def paired(self, model: str, other: str) -> np.ndarray:
        """Return the differences of two models by fold, the mean over the traits both have."""
        one, two = (self.scores[:, self.models.index(name)] for name in (model, other))
        return np.ma.masked_invalid(one - two).mean(axis=0).filled(np.nan)

    def difference(self, model: str, other: str) -> tuple[float, float]:
        """Return the mean over folds of the paired differences, and its standard error."""
        mean, error = _mean_and_error(self.paired(model, other))
        return float(mean), float(error)

    @property
    def best(self) -> str:
        """The model of the highest mean score."""
        average = np.ma.masked_invalid(self.scores.mean(axis=(0, 2)))
        return self.models[int(average.argmax())]

    def closing_sentence(self) -> str:
        """Return whom the highest model beats beyond two standard errors of paired differences."""
        if len(self.models) < 2:
            return "One model only: nothing to compare."
        unit = "two standard errors of the fold-paired differences"
        pairs = {(a, b): self.difference(a, b) for a, b in permutations(self.models, 2)}
        wins = {pair for pair, (mean, error) in pairs.items() if mean > 2 * error and mean > 0}
        if not wins:
            return f"No model beats another in {self.metric} beyond {unit}."
        best = self.best
        beaten = [model for model in self.models if (best, model) in wins]
        rest = [model for model in self.models if model != best and model not in beaten]
        sentence = f"{best} has the highest mean {self.metric}. Beyond {unit} it beats "
        sentence += join_names(beaten) if beaten else "no other model"
        if beaten and rest:
            sentence += f"; it does not differ from {join_names(rest)}"
        return f"{sentence}. All pairs are in differences.csv."

    def frame(self) -> "pd.DataFrame":
        """Return a tidy table, one row per task and model."""
        pd = import_optional("pandas", extra="dataframe")
        mean, error = self.mean_and_error()
        n_variants = {m: panel.n_variants for panel in self.panels() for m in panel.models}
        rows = []
        for t, task in enumerate(self.tasks):
            for m, model in enumerate(self.models):
                row = {
                    "target": task.name,
                    "n_people": len(task.y),
                    "n_variants": n_variants[m][t],
                    "n_traits": len(self.tasks) if self.is_joint[model] else 1,
                    "model": model,
                    "metric": self.metric,
                    "mean": mean[t, m],
                    "standard_error": error[t, m],
                }
                row |= {f"fold_{k + 1}": self.scores[t, m, k] for k in range(self.n_folds)}
                row |= {
                    "variants_used": np.median(self.n_used[t, m]),
                    "seconds": self.seconds[t, m].sum(),
                }
                rows.append(row)
        return pd.DataFrame(rows)

    def differences(self) -> "pd.DataFrame":
        """Return a table of the paired differences of all models, one row per pair."""
        pd = import_optional("pandas", extra="dataframe")
        rows = []
        for m, model in enumerate(self.models):
            for other in self.models[:m]:
                by_fold = self.paired(model, other)
                mean, error = self.difference(model, other)
                row: dict[str, object] = {"metric": self.metric, "model": model, "minus": other}
                row |= {"mean": mean, "standard_error": error}
                rows.append(row | {f"fold_{k + 1}": by_fold[k] for k in range(self.n_folds)})
        return pd.DataFrame(rows)


def _mean_and_error(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over the last axis."""
    return scores.mean(axis=-1), scores.std(axis=-1, ddof=1) / np.sqrt(scores.shape[-1])


def _cell(mean: float, error: float, sign: str = "") -> str:
    """Return ``0.673 (.025)``."""
    return f"{mean:{sign}.3f} ({error:.3f})".replace("(0.", "(.") if np.isfinite(mean) else "failed"


def _median(n_used: np.ndarray) -> str:
    """Return the median number of variants, "-" if a model does not say."""
    return f"{np.nanmedian(n_used):.0f}" if np.isfinite(n_used).any() else "-"
