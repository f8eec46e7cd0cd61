"""Relatives in different folds, found by the correlation of their genotypes."""

import numpy as np

from skgenetics.cli.compare.tasks import Task

_MAX_PEOPLE, _MAX_VARIANTS = 3000, 4000
_MIN_CORRELATION, _N_SPREADS = 0.2, 8  # of relatives: at least, and above the median pair
_MAX_CORRELATION = 0.9  # above which a threshold tells nobody apart


def relatives_in_different_folds(task: Task, seed: int, grouped: bool) -> list[str]:
    """Return warnings about relatives in different folds.

    If people are `grouped`, it goes unsaid that there are too few variants to tell.

    The correlation of two unrelated people has a spread that depends on how many independent
    variants there are, and is estimated robustly from all pairs.
    """
    rng = np.random.default_rng(seed)
    n_people, n_variants = task.genotypes.shape
    rows = np.sort(rng.permutation(n_people)[:_MAX_PEOPLE])
    columns = np.linspace(0, n_variants - 1, min(n_variants, _MAX_VARIANTS)).astype(int)
    first, second = np.triu_indices(len(rows), k=1)
    r = _correlation_of_people(task.genotypes[rows, columns])[first, second]
    spread = 1.4826 * np.median(np.abs(r - np.median(r)))  # a normal's standard deviation
    threshold = max(_MIN_CORRELATION, np.median(r) + _N_SPREADS * spread)
    if threshold > _MAX_CORRELATION:
        if grouped:
            return []
        return [
            "  Note: relatives cannot be told from so few independent variants; if there are "
            "families, name them with --groups."
        ]
    fold = task.fold[rows]
    n_split = int(((r > threshold) & (fold[first] != fold[second])).sum())
    if not n_split:
        return []
    pairs = "1 pair of relatives is" if n_split == 1 else f"{n_split:,} pairs of relatives are"
    return [
        f"Warning: {pairs} split across folds (genotype correlation above {threshold:.2f}), which "
        "flatters every model: name families with --groups COLUMN."
    ]


def _correlation_of_people(dosages: np.ndarray) -> np.ndarray:
    """Return the correlations (people, people) of standardized genotypes, missing at the mean."""
    X = dosages.astype(np.float32)
    called = X >= 0
    mean = np.where(called, X, 0).sum(axis=0) / np.maximum(called.sum(axis=0), 1)
    X = np.where(called, X - mean, 0)
    X /= np.maximum(X.std(axis=0), 1e-6)
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-6)
    return X @ X.T
