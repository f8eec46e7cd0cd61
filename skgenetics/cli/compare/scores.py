"""Model comparison: the table of scores, and what the differences between models say."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np

from skgenetics.utils._optional import import_optional

_REFERENCES = ("covariates only", "RidgeCV")  # models that others are printed against


@dataclass
class Block:
    """Models side by side in the printed table: those of one trait, or those of all jointly."""

    title: str
    models: list  # columns of the scores
    n_variants: list  # by task


class Scores:
    """Scores (task, model, fold) of one metric, with what the table says about them."""

    def __init__(self, study, results, metric):
        self.metric, self.unit = metric, study.unit
        self.tasks = [task for task in study.tasks if metric in task.metrics()]
        self.joint = next((task for task in study.joint if metric in task.metrics()), None)
        rows = {task.name: t for t, task in enumerate(self.tasks)}
        own = [
            (result, [trait for trait in result.traits if trait in rows])
            for result in results
            if result.fold is not None
        ]
        own = [(result, traits) for result, traits in own if traits]
        self.is_joint = {result.model: result.joint for result, _ in own}
        self.models = list(self.is_joint)
        self.n_folds = 1 + max(result.fold for result, _ in own)
        shape = (len(self.tasks), len(self.models), self.n_folds)
        self.scores, self.n_used, self.seconds = (np.full(shape, np.nan) for _ in range(3))
        for result, traits in own:
            for trait in traits if result.error is None else ():
                cell = rows[trait], self.models.index(result.model), result.fold
                self.scores[cell] = result.scores[trait][metric]
                self.n_used[cell] = result.n_used.get(trait, 0.0)
                self.seconds[cell] = result.seconds / len(traits)

    def mean_and_error(self):
        """Return mean and standard error over folds, arrays (tasks, models)."""
        return _mean_and_error(self.scores)

    def blocks(self):
        """Return the parts of the printed table."""
        alone = [m for m, model in enumerate(self.models) if not self.is_joint[model]]
        jointly = [m for m, model in enumerate(self.models) if self.is_joint[model]]
        n_tasks = len(self.tasks)
        blocks = []
        if alone:
            title = f"Each {self.unit} alone" if n_tasks > 1 and jointly else ""
            blocks.append(Block(title, alone, [task.genotypes.shape[1] for task in self.tasks]))
        if jointly:
            title = f"All {n_tasks} jointly, one model" if n_tasks > 1 else ""
            blocks.append(Block(title, jointly, [self.joint.genotypes.shape[1]] * n_tasks))
        return blocks

    def table(self):
        """Return the lines of the printed table."""
        first = max(17, *(len(task.name) + 2 for task in self.tasks))
        label = self.metric[0].upper() + self.metric[1:]
        lines = [f"{label} on people not used for training (standard error over folds)"]
        mean, error = self.mean_and_error()
        average = _mean_and_error(self.scores.mean(axis=0))
        reference = next((name for name in _REFERENCES if name in self.models), self.models[0])
        gain = [self.difference(model, reference) for model in self.models]
        for block in self.blocks():
            widths = [max(15, len(self.models[m]) + 2) for m in block.models]

            def row(name, count, cells, widths=widths):
                cells = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
                start = f"{name.ljust(first)}{count:>8}" if count else name.ljust(first + 8)
                return f"{start}   {''.join(cells)}".rstrip()

            lines += [block.title] * bool(block.title)
            lines.append(row(self.unit, "variants", [self.models[m] for m in block.models]))
            for t, task in enumerate(self.tasks):
                cells = [_cell(mean[t, m], error[t, m]) for m in block.models]
                lines.append(row(task.name, f"{block.n_variants[t]:,}", cells))
            if len(self.tasks) > 1:
                cells = [_cell(average[0][m], average[1][m]) for m in block.models]
                lines.append(row("mean", "", cells))
            if len(self.models) > 1:
                cells = [
                    "" if self.models[m] == reference else _cell(*gain[m], sign="+")
                    for m in block.models
                ]
                lines.append(row(f"minus {reference}", "", cells))
            used = [_median(self.n_used[:, m]) for m in block.models]
            lines.append(row("variants used (median)", "", used))
            seconds = [f"{np.nansum(self.seconds[:, m]):.1f}" for m in block.models]
            lines.append(row("seconds, all folds", "", seconds))
        return lines

    def paired(self, model, other):
        """Return the differences of two models by fold, the mean over the traits both have."""
        one, two = (self.scores[:, self.models.index(name)] for name in (model, other))
        return np.ma.masked_invalid(one - two).mean(axis=0).filled(np.nan)

    def difference(self, model, other):
        """Return the mean over folds of the paired differences, and its standard error."""
        return _mean_and_error(self.paired(model, other))

    def closing_sentence(self):
        """Return whom the highest model beats beyond two standard errors of paired differences."""
        if len(self.models) < 2:
            return "One model only: nothing to compare."
        unit = "two standard errors of the fold-paired differences"
        pairs = {(a, b): self.difference(a, b) for a, b in permutations(self.models, 2)}
        wins = {pair for pair, (mean, error) in pairs.items() if mean > 2 * error and mean > 0}
        if not wins:
            return f"No model beats another in {self.metric} beyond {unit}."
        average = np.ma.masked_invalid(self.scores.mean(axis=(0, 2)))
        best = self.models[int(average.argmax())]
        beaten = [model for model in self.models if (best, model) in wins]
        rest = [model for model in self.models if model != best and model not in beaten]
        sentence = f"{best} has the highest mean {self.metric}. Beyond {unit} it beats "
        sentence += _join(beaten) if beaten else "no other model"
        if beaten and rest:
            sentence += f"; it does not differ from {_join(rest)}"
        return f"{sentence}. All pairs are in differences.csv."

    def frame(self):
        """Return a tidy table, one row a task and model."""
        pd = import_optional("pandas", extra="dataframe")
        mean, error = self.mean_and_error()
        n_variants = {m: block.n_variants for block in self.blocks() for m in block.models}
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

    def differences(self):
        """Return a table of the paired differences of all models, one row a pair."""
        pd = import_optional("pandas", extra="dataframe")
        rows = []
        for m, model in enumerate(self.models):
            for other in self.models[:m]:
                by_fold = self.paired(model, other)
                mean, error = _mean_and_error(by_fold)
                row = {"metric": self.metric, "model": model, "minus": other}
                row |= {"mean": mean, "standard_error": error}
                rows.append(row | {f"fold_{k + 1}": by_fold[k] for k in range(self.n_folds)})
        return pd.DataFrame(rows)


def _mean_and_error(scores):
    """Return mean and standard error over the last axis."""
    return scores.mean(axis=-1), scores.std(axis=-1, ddof=1) / np.sqrt(scores.shape[-1])


def _cell(mean, error, sign=""):
    """Return ``0.673 (.025)``."""
    return f"{mean:{sign}.3f} ({error:.3f})".replace("(0.", "(.") if np.isfinite(mean) else "failed"


def _median(n_used):
    """Return the median number of variants, "-" where a model does not say."""
    return f"{np.nanmedian(n_used):.0f}" if np.isfinite(n_used).any() else "-"


def _join(names):
    """Return names in a sentence."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
