"""What is to be predicted: a trait alone or all traits of a kind jointly, and the folds."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from skgenetics.cli.compare.models import FitSettings, ModelEntry
from skgenetics.io import Genotypes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Task:
    """Traits, or the expression of genes, to be predicted from the genotypes of people."""

    name: str
    genotypes: Genotypes  # people used x variants
    y: np.ndarray  # (people, traits), NaN where not observed
    covariates: np.ndarray  # (people, covariates)
    fold: np.ndarray  # the fold in which each person is tested
    traits: tuple[str, ...] = ()
    covariate_names: tuple[str, ...] = ()
    groups: np.ndarray | None = None
    binary: bool = False
    joint: bool = False  # for the models of several traits
    windows: np.ndarray | None = None  # (genes, 2) columns around each gene, for joint models
    n_tissues: int = 1  # traits are genes x tissues, the tissue varying fastest
    gene: dict[str, Any] | None = None
    own: tuple[range, ...] = ()  # of each tissue, the columns of its covariates, if joint

    @property
    def shared(self) -> list[int]:
        """The columns of the covariates that are of all tissues."""
        own = {column for columns in self.own for column in columns}
        return [column for column in range(self.covariates.shape[1]) if column not in own]

    def covariates_of(self, trait: int) -> np.ndarray:
        """Return the covariates (people, covariates) of a trait."""
        own = self.own[trait % self.n_tissues] if self.own else ()
        return self.covariates[:, [*self.shared, *own]]

    @property
    def n_variants(self) -> int:
        """The number of variants."""
        return self.genotypes.shape[1]

    def models(self, entries: tuple[ModelEntry, ...]) -> list[ModelEntry]:
        """Return those of `entries` that can predict these traits."""
        kind = {"binary": self.binary, "joint": self.joint}
        has_covariates = self.covariates.shape[1] > 0
        return [entry for entry in entries if entry.suits(**kind, has_covariates=has_covariates)]

    def settings(self, cv: list[tuple[np.ndarray, np.ndarray]] | None, seed: int) -> FitSettings:
        """Return what models are built from."""
        return FitSettings(self.n_variants, cv, seed, self.windows)

    def metrics(self) -> tuple[str, ...]:
        """Return the names of the scores."""
        return ("ROC AUC", "average precision") if self.binary else ("R2",)

    def X(self, rows: Any) -> np.ndarray:
        """Return genotypes (missing NaN), then covariates, of some people."""
        X = self.genotypes[rows, :].astype(np.float64)
        return np.hstack([np.where(X < 0, np.nan, X), self.covariates[rows]])

    def target(self, rows: Any, shape: str) -> np.ndarray:
        """Return y of some people in the `target` shape of a `ModelEntry`."""
        y = self.y[rows]
        if y.shape[1] == 1:
            return y[:, 0]
        if self.own or (self.n_tissues > 1 and shape == "genes x tissues"):
            return y.reshape(len(y), -1, self.n_tissues)
        return y


@dataclass
class Study:
    """Tasks of one trait, tasks of all traits of a kind, and the lines to print about them."""

    tasks: list[Task]
    unit: str  # "gene" or "trait"
    lines: list[str]
    build: str = "unknown"
    joint: list[Task] = field(default_factory=list)

    @property
    def all_tasks(self) -> list[Task]:
        """Tasks of one trait, then joint ones."""
        return [*self.tasks, *self.joint]


def fold_numbers(
    n_samples: int,
    n_folds: int,
    *,
    labels: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
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
    if groups is not None and (n_groups := len(np.unique(groups))) < n_folds:
        raise ValueError(
            f"There are {n_groups} groups; {n_folds} folds need at least {n_folds}, because people "
            "of a group share a fold."
        )
    splitter = kind(n_folds, shuffle=True, random_state=seed)
    fold = np.empty(n_samples, dtype=int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        splits = splitter.split(np.empty((n_samples, 1)), pattern, groups)
        for number, (_, test) in enumerate(splits):
            fold[test] = number
    return fold


@dataclass(frozen=True)
class Genes:
    """Genes whose expression in tissues the traits are, the tissue varying fastest."""

    table: list[dict[str, Any]]  # name, start and strand of each
    windows: np.ndarray  # (genes, 2) the columns that a gene alone is predicted from
    n_tissues: int = 1
    own_covariates: "Sequence[pd.DataFrame]" = ()  # (people, covariates) of each tissue, or none


def make_tasks(
    genotypes: Genotypes,
    phenotypes: "pd.DataFrame",
    covariates: "pd.DataFrame",
    *,
    n_folds: int,
    seed: int,
    groups: np.ndarray | None = None,
    genes: Genes | None = None,
) -> tuple[list[Task], list[Task]]:
    """Return the tasks of each trait alone, and those of all traits of a kind jointly.

    All share the folds: people who are tested in one are tested in the others.

    Parameters
    ----------
    phenotypes, covariates : pandas.DataFrame
        One column per trait, with a value for everyone in some trait; and one per covariate.
    groups : array of shape (n_people,), optional
        People of a group share a fold.
    genes : Genes, optional
        What the traits are, if they are expression.
    """
    Y, names = phenotypes.to_numpy(dtype=float).copy(), [str(name) for name in phenotypes.columns]
    for y in Y.T:
        if is_plink_coded(y):
            y[y == 0] = np.nan
    binary = np.array([_is_binary(name, y, n_folds) for name, y in zip(names, Y.T, strict=True)])
    Y[:, binary] -= np.nanmin(Y[:, binary], axis=0)
    fold = fold_numbers(len(Y), n_folds, labels=Y[:, binary], groups=groups, seed=seed)
    for name, y, is_binary in zip(names, Y.T, binary, strict=True):
        _check_folds(name, y, fold, n_folds, is_binary)

    own = () if genes is None else genes.own_covariates
    n_shared = covariates.shape[1]

    def task(
        name: str, variants: Any, traits: Any, tissues: slice = slice(None), **fields: Any
    ) -> Task:
        observed = np.flatnonzero(np.isfinite(Y[:, traits]).any(axis=1))
        tables = [covariates, *own[tissues]]
        values = np.hstack([table.to_numpy(dtype=float) for table in tables])
        return Task(
            name,
            genotypes.select(observed, variants),
            Y[np.ix_(observed, traits)],
            values[observed],
            fold[observed],
            traits=tuple(names[j] for j in traits),
            covariate_names=tuple(name for table in tables for name in table.columns),
            groups=None if groups is None else groups[observed],
            binary=bool(binary[traits[0]]),
            **fields,
        )

    tasks = []
    for j, name in enumerate(names):
        if genes is None:
            tasks.append(task(name, slice(None), [j]))
        else:
            k, tissue = divmod(j, genes.n_tissues)
            where = slice(*genes.windows[k]), [j], slice(tissue, tissue + 1)
            tasks.append(task(name, *where, gene=genes.table[k]))
    joint = []
    for kind in (False, True):
        traits = np.flatnonzero(binary == kind)
        if not len(traits):
            continue
        noun = "genes" if genes else ("binary traits" if kind else "quantitative traits")
        name = f"{len(traits)} {noun} jointly" if len(traits) > 1 else names[traits[0]]
        fields: dict[str, Any] = {}
        if genes:
            fields = {"windows": genes.windows, "n_tissues": genes.n_tissues}
        if own:
            ends = np.cumsum([n_shared, *(table.shape[1] for table in own)]).tolist()
            fields["own"] = tuple(range(*ends_of) for ends_of in pairwise(ends))
        joint.append(task(name, slice(None), traits, joint=True, **fields))
    return tasks, joint


def is_plink_coded(y: np.ndarray) -> bool:
    """Return whether a trait is written as PLINK does: 0 missing, 1 control, 2 case."""
    return set(np.unique(y[np.isfinite(y)])) == {0.0, 1.0, 2.0}


def _is_binary(name: str, y: np.ndarray, n_folds: int) -> bool:
    """Return whether a trait has two classes; raise if there is too little of it."""
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


def _check_folds(name: str, y: np.ndarray, fold: np.ndarray, n_folds: int, binary: bool) -> None:
    """Raise if chance, or the groups, gave a fold nobody to score a trait on."""
    for number in range(n_folds):
        values = y[(fold == number) & np.isfinite(y)]
        if len(values) < 2 or (binary and values.min() == values.max()):
            lacks = "not both classes" if binary and len(values) else f"{len(values)} people"
            raise ValueError(
                f"Fold {number + 1} of {n_folds} has {lacks} of trait {name}: use fewer --folds "
                "or another --seed, or leave the trait out (--pheno-name)."
            )
