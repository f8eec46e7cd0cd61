"""Model comparison: what is to be predicted, a trait alone or all of a kind jointly, and folds."""

import warnings
from dataclasses import dataclass, field

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from skgenetics.cli.compare.models import (
    classifiers,
    joint_classifiers,
    joint_regressors,
    regressors,
)
from skgenetics.io import Genotypes


@dataclass(frozen=True)
class Task:
    """Traits, or the expression of genes, to be predicted from the genotypes of people."""

    name: str
    genotypes: Genotypes  # people used x variants
    y: np.ndarray  # (people, traits), NaN where not observed
    covariates: np.ndarray  # (people, covariates)
    fold: np.ndarray  # the fold in which each person is tested
    traits: tuple = ()
    covariate_names: tuple = ()
    groups: np.ndarray | None = None
    binary: bool = False
    joint: bool = False  # for the models of several traits
    windows: np.ndarray | None = None  # (genes, 2) columns around each gene, for joint models
    n_tissues: int = 1  # traits are genes x tissues, the tissue varying fastest
    gene: dict | None = None

    def models(self, cv, seed):
        """Return the unfitted models by name."""
        n_variants = self.genotypes.shape[1]
        if self.joint and self.binary:
            return joint_classifiers(n_variants, cv, seed)
        if self.joint:
            return joint_regressors(n_variants, cv, seed, self.windows)
        if not self.binary:
            return regressors(n_variants, cv, seed)
        models = classifiers(n_variants, cv, seed)
        if not self.covariates.shape[1]:
            del models["covariates only"]
        return models

    def metrics(self):
        """Return the names of the scores."""
        return ("ROC AUC", "average precision") if self.binary else ("R2",)

    def X(self, rows):
        """Return genotypes (missing NaN), then covariates, of some people."""
        X = self.genotypes[rows, :].astype(np.float64)
        return np.hstack([np.where(X < 0, np.nan, X), self.covariates[rows]])

    def target(self, rows, model):
        """Return y of some people in the shape that a model takes."""
        y = self.y[rows]
        if y.shape[1] == 1:
            return y[:, 0]
        if self.n_tissues > 1 and model == "MILAGERegressor":
            return y.reshape(len(y), -1, self.n_tissues)
        return y


@dataclass
class Study:
    """Tasks of one trait, tasks of all traits of a kind, and the lines to print about them."""

    tasks: list
    unit: str  # "gene" or "trait"
    lines: list
    build: str = "unknown"
    joint: list = field(default_factory=list)


def fold_numbers(n_samples, n_folds, *, labels=None, groups=None, seed=0):
    """Return the fold in which each person is tested.

    Parameters
    ----------
    labels : array of shape (n_samples, n_traits), optional
        Binary traits, NaN where not observed: people of each pattern are spread evenly.
    groups : array of shape (n_samples,), optional
        People of a group share a fold.
    """
    pattern = None
    if labels is not None and labels.shape[1]:
        cells = np.where(np.isnan(labels), -1, labels)
        _, pattern = np.unique(cells, axis=0, return_inverse=True)
        if np.bincount(pattern).max() < n_folds:  # all are rare: the trait with fewest cases
            pattern = cells[:, np.argmin(np.nansum(labels, axis=0))]
    kind = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }[pattern is not None, groups is not None]
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    fold = np.empty(n_samples, dtype=int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        splits = splitter.split(np.empty((n_samples, 1)), pattern, groups)
        for number, (_, test) in enumerate(splits):
            fold[test] = number
    return fold


def make_tasks(
    genotypes,
    phenotypes,
    covariates,
    *,
    n_folds,
    seed,
    groups=None,
    genes=None,
    windows=None,
    n_tissues=1,
):
    """Return the tasks of each trait alone, and those of all traits of a kind jointly.

    All share the folds: people who are tested in one are tested in the others.

    Parameters
    ----------
    phenotypes, covariates : pandas.DataFrame
        One column a trait, with a value for everyone in some trait; and one a covariate.
    genes : list of dict, optional
        Name, start and strand of each trait, where they are genes.
    windows : int array of shape (n_genes, 2), optional
        The columns that a gene alone is predicted from.
    """
    Y, names = phenotypes.to_numpy(dtype=float).copy(), [str(name) for name in phenotypes.columns]
    binary = np.array([_is_binary(name, y, n_folds) for name, y in zip(names, Y.T, strict=True)])
    Y[:, binary] -= np.nanmin(Y[:, binary], axis=0)
    fold = fold_numbers(len(Y), n_folds, labels=Y[:, binary], groups=groups, seed=seed)
    for name, y, is_binary in zip(names, Y.T, binary, strict=True):
        _check_folds(name, y, fold, n_folds, is_binary)

    def task(name, columns, chosen, **others):
        observed = np.flatnonzero(np.isfinite(Y[:, chosen]).any(axis=1))
        return Task(
            name,
            genotypes.select(observed, columns),
            Y[np.ix_(observed, chosen)],
            covariates.to_numpy(dtype=float)[observed],
            fold[observed],
            traits=tuple(names[j] for j in chosen),
            covariate_names=tuple(covariates.columns),
            groups=None if groups is None else groups[observed],
            binary=bool(binary[chosen[0]]),
            **others,
        )

    tasks = []
    for j, name in enumerate(names):
        columns = slice(None) if windows is None else slice(*windows[j // n_tissues])
        tasks.append(task(name, columns, [j], gene=genes[j // n_tissues] if genes else None))
    joint = []
    for kind in (False, True):
        chosen = np.flatnonzero(binary == kind)
        if len(chosen):
            what = "genes" if genes else ("binary traits" if kind else "quantitative traits")
            name = f"{len(chosen)} {what} jointly" if len(chosen) > 1 else names[chosen[0]]
            own = {"windows": windows, "n_tissues": n_tissues} if genes else {}
            joint.append(task(name, slice(None), chosen, joint=True, **own))
    return tasks, joint


def _is_binary(name, y, n_folds):
    """Return whether a trait has two classes; raise where there is too little of it."""
    values, counts = np.unique(y[np.isfinite(y)], return_counts=True)
    if counts.sum() < 4 * n_folds:
        raise ValueError(
            f"Trait {name} has a value for {counts.sum()} of the {len(y)} people used; "
            f"{n_folds} folds need at least {4 * n_folds}."
        )
    if len(values) < 2:
        raise ValueError(f"Trait {name} is {values[0]:g} for everyone: nothing to predict.")
    binary = values.tolist() in ([0.0, 1.0], [1.0, 2.0])
    if binary and counts.min() < 2 * n_folds:
        raise ValueError(
            f"Trait {name} has {counts.min()} people of one class; {n_folds} folds need at least "
            f"{2 * n_folds}: use fewer --folds."
        )
    return binary


def _check_folds(name, y, fold, n_folds, binary):
    """Raise where chance, or the groups, left a fold without people to score a trait on."""
    for number in range(n_folds):
        values = y[(fold == number) & np.isfinite(y)]
        if len(values) < 2 or (binary and values.min() == values.max()):
            lacks = "not both classes" if binary and len(values) else f"{len(values)} people"
            raise ValueError(
                f"Fold {number + 1} of {n_folds} has {lacks} of trait {name}: use fewer --folds "
                "or another --seed, or leave the trait out (--pheno-name)."
            )
