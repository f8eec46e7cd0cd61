"""Expression weights of one gene in its tissues: nested cross-validation and the choice of a model.

The people are in K folds. A fit without two of them serves both: when one is the outer fold, the
other is an inner one. So K (K - 1) / 2 fits of a model choose it inside every outer fold, K fits
measure it, and these choose the model that is fitted to all people. Performance in an outer fold is
that of the model chosen without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from skgenetics.association._cis_heritability import CisHeritability, cis_heritability
from skgenetics.association._performance import Held, Performance, performance_over_folds
from skgenetics.association._selection import fewest_weights
from skgenetics.compose._adjustment import regress_features, residuals

Folds: TypeAlias = tuple[int, ...]


class WeightModel(NamedTuple):
    """A model of expression on the dosages of the variants near a gene, to train weights by.

    Parameters
    ----------
    name : str
    effects : callable
        Function of genotypes (n, p), expression (n,) and a seed, which returns effects per allele
        (p,). Of a joint model: expression is (n, n_tissues), NaN where it was not measured, and
        effects are (n_tissues, p).
    joint : bool, default=False
        Whether the model is of all tissues together.
    """

    name: str
    effects: Callable[[np.ndarray, np.ndarray, int], np.ndarray]
    joint: bool = False


@dataclass(frozen=True)
class GeneData:
    """The genotypes near a gene and its expression in tissues, to train weights on.

    Parameters
    ----------
    dosages : ndarray of shape (n_people, n_variants)
        NaN where a call is missing.
    expression : ndarray of shape (n_people, n_tissues)
        NaN where it was not measured.
    covariates : sequence of ndarray of shape (n_people, n_covariates)
        Of each tissue, complete for the people whose expression in it was measured.
    shared_covariates : ndarray of shape (n_people, n_shared)
        What joint models regress out of the genotypes; complete for all with any expression.
    fold : int ndarray of shape (n_people,)
        The fold in which each person is tested, from 0.
    """

    dosages: np.ndarray
    expression: np.ndarray
    covariates: Sequence[np.ndarray]
    shared_covariates: np.ndarray
    fold: np.ndarray

    @property
    def n_tissues(self) -> int:
        """The number of tissues."""
        return self.expression.shape[1]

    def people(self, tissue: int) -> np.ndarray:
        """Return a mask of those whose expression in a tissue was measured.

        Parameters
        ----------
        tissue : int

        Returns
        -------
        measured : bool ndarray of shape (n_people,)
        """
        return np.isfinite(self.expression[:, tissue])


@dataclass(frozen=True)
class TissueWeights:
    """The weights of a gene in one tissue, and how they did on people not used for training.

    Parameters
    ----------
    weights : ndarray of shape (n_variants,)
        Change of expression per allele; 0 for variants that are not needed.
    model : str
        Name of the model that was fitted to all people.
    performance : Performance
        Of the choice among the models: in each outer fold that of the model chosen without it.
    performance_of : dict of str to Performance
        Of each model, whether or not it was chosen.
    n_samples : int
    expression_sd : float
        Standard deviation of expression without covariates.
    z : ndarray of shape (n_variants,)
        Root n times the correlation of genotype and expression, both without covariates.
    heritability : CisHeritability
        REML estimate from all variants: `share`, `standard_error`, `pvalue`.
    """

    weights: np.ndarray
    model: str
    performance: Performance
    performance_of: Mapping[str, Performance]
    n_samples: int
    expression_sd: float
    z: np.ndarray
    heritability: CisHeritability


class Cell(NamedTuple):
    """What is predicted by what."""

    model: str
    tissue: int
    left_out: Folds
    """Folds that the fit did not see."""
    fold: int
    """The one of them whose people are predicted."""


def train_gene(
    data: GeneData,
    models: Sequence[WeightModel],
    *,
    also: Sequence[WeightModel] = (),
    seed: int = 0,
) -> list[TissueWeights]:
    """Return the weights of each tissue, by the model that predicts it best.

    Parameters
    ----------
    data : GeneData
    models : sequence of WeightModel
        Those to choose from. A single one needs no inner folds.
    also : sequence of WeightModel
        Others whose performance is wanted too.
    seed : int
        Of the models.

    Returns
    -------
    weights : list of TissueWeights

    Notes
    -----
    In every fit expression and genotypes are regressed on the covariates over the training people,
    and what is left of those who were left out, by the same regressions, is predicted and scored.
    Weights are on the fewest variants whose prediction correlates by 0.995 with that of all
    effects, in the folds too.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skgenetics.association import GeneData, WeightModel, train_gene
    >>> from skgenetics.datasets import make_genotypes
    >>> X = make_genotypes(200, 20, random_state=0).data.astype(float)
    >>> y = X[:, 3] + np.random.default_rng(0).normal(size=200)
    >>> none = np.empty((200, 0))
    >>> gene = GeneData(X, y[:, None], [none], none, np.arange(200) % 5)
    >>> models = [
    ...     WeightModel(str(a), lambda X, y, seed, a=a: Ridge(a).fit(X, y).coef_) for a in (1, 100)
    ... ]
    >>> (blood,) = train_gene(gene, models)
    >>> blood.model, round(blood.performance.rho, 2), int(np.count_nonzero(blood.weights))
    ('1', 0.49, 7)
    """
    folds = np.unique(data.fold).tolist()
    held: dict[Cell, Held] = {}
    for fold in folds:
        held |= predict_left_out(data, (*models, *also), (fold,), seed)
    if len(models) > 1:
        for pair in combinations(folds, 2):
            held |= predict_left_out(data, models, pair, seed)
    chosen, performances = [], []
    for tissue in range(data.n_tissues):
        outer = [
            held[Cell(_best_inside(held, models, tissue, fold, folds), tissue, (fold,), fold)]
            for fold in folds
        ]
        performances.append(performance_over_folds(outer))
        chosen.append(best_model(held, models, tissue, [((fold,), fold) for fold in folds]))
    names = {model.name for model in chosen}
    trained = [_Training.of(data, tissue, ()) for tissue in range(data.n_tissues)]
    effects = {
        model.name: fitted_effects(model, data, trained, (), seed)
        for model in models
        if model.name in names
    }
    result = []
    for tissue, (training, model) in enumerate(zip(trained, chosen, strict=True)):
        X, y = training.X, training.y
        by_model = {
            other.name: performance_over_folds(
                [held[Cell(other.name, tissue, (fold,), fold)] for fold in folds]
            )
            for other in (*models, *also)
        }
        result.append(
            TissueWeights(
                weights=effects[model.name][tissue],
                model=model.name,
                performance=performances[tissue],
                performance_of=by_model,
                n_samples=len(y),
                expression_sd=float(y.std()),
                z=marginal_z(X, y),
                heritability=cis_heritability(X, y, data.covariates[tissue].shape[1]),
            )
        )
    return result


def _best_inside(
    held: Mapping[Cell, Held],
    models: Sequence[WeightModel],
    tissue: int,
    outer: int,
    folds: Sequence[int],
) -> str:
    """Return the model that predicts best in the inner folds of an outer one."""
    if len(models) == 1:
        return models[0].name
    inner = [((min(outer, k), max(outer, k)), k) for k in folds if k != outer]
    return best_model(held, models, tissue, inner).name


def best_model(
    held: Mapping[Cell, Held],
    models: Sequence[WeightModel],
    tissue: int,
    cells: Iterable[tuple[Folds, int]],
) -> WeightModel:
    """Return the model of the smallest sum of squared errors over folds."""
    cells = list(cells)

    def error(model: WeightModel) -> float:
        parts = (held[Cell(model.name, tissue, left_out, fold)] for left_out, fold in cells)
        return sum(float(np.sum((part.y - part.guess) ** 2)) for part in parts)

    return min(models, key=error)


def marginal_z(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return root n times the correlation of each column, of mean 0, with y; 0 if constant."""
    scale = np.sqrt(np.einsum("ij,ij->j", X, X) * (y @ y))
    return np.sqrt(len(y)) * np.divide(X.T @ y, scale, out=np.zeros_like(scale), where=scale > 0)


class _Training(NamedTuple):
    """Genotypes and expression in a tissue without covariates, by regressions on training folds."""

    rows: np.ndarray
    X: np.ndarray
    y: np.ndarray
    tested: Mapping[int, tuple[np.ndarray, np.ndarray]]
    """Genotypes and expression of each fold that is left out."""

    @classmethod
    def of(cls, data: GeneData, tissue: int, left_out: Folds) -> "_Training":
        """Return a tissue's people in and outside of the training folds."""
        measured = data.people(tissue)
        rows = np.flatnonzero(measured & ~np.isin(data.fold, left_out))
        others = {fold: np.flatnonzero(measured & (data.fold == fold)) for fold in left_out}
        C, Y = data.covariates[tissue], data.expression[:, [tissue]]
        X_parts = without_covariates(data.dosages, C, rows, others.values())
        y_parts = without_covariates(Y, C, rows, others.values())
        tested = zip(X_parts[1:], (part[:, 0] for part in y_parts[1:]), strict=True)
        return cls(rows, X_parts[0], y_parts[0][:, 0], dict(zip(others, tested, strict=True)))


def without_covariates(
    values: np.ndarray, C: np.ndarray, rows: np.ndarray, others: Iterable[np.ndarray]
) -> list[np.ndarray]:
    """Return the residuals of columns at `rows`, and at each of the `others`.

    The columns are regressed on the covariates C over `rows`; missing values have the mean of those
    rows.
    """
    known = values[rows]
    missing = np.isnan(known)
    count = np.maximum((~missing).sum(axis=0), 1)
    mean = np.where(missing, 0.0, known).sum(axis=0) / count
    center = C[rows].mean(axis=0)
    filled = np.where(missing, mean, known)
    fit = regress_features(C[rows] - center, None, [filled], filled.dtype)
    parts = [residuals(C[rows] - center, [filled], fit)]
    for place in others:
        part = np.where(np.isnan(values[place]), mean, values[place])
        parts.append(residuals(C[place] - center, [part], fit))
    return parts


def fitted_effects(
    model: WeightModel,
    data: GeneData,
    trained: Sequence[_Training],
    left_out: Folds,
    seed: int,
) -> np.ndarray:
    """Return the effects per allele (n_tissues, n_variants) on as few variants as will do."""
    if model.joint:
        used = ~np.isin(data.fold, left_out) & np.isfinite(data.expression).any(axis=1)
        rows = np.flatnonzero(used)
        (X,) = without_covariates(data.dosages, data.shared_covariates, rows, ())
        Y = np.full((len(used), data.n_tissues), np.nan)
        for tissue, training in enumerate(trained):
            Y[training.rows, tissue] = training.y
        effects = model.effects(X, Y[rows], seed)
    else:
        effects = np.stack([model.effects(part.X, part.y, seed) for part in trained])
    return np.stack(
        [fewest_weights(part.X, effect) for part, effect in zip(trained, effects, strict=True)]
    )


def predict_left_out(
    data: GeneData, models: Sequence[WeightModel], left_out: Folds, seed: int
) -> dict[Cell, Held]:
    """Return what models that did not see some folds predict in them."""
    trained = [_Training.of(data, tissue, left_out) for tissue in range(data.n_tissues)]
    held = {}
    for model in models:
        effects = fitted_effects(model, data, trained, left_out, seed)
        for tissue, (training, effect) in enumerate(zip(trained, effects, strict=True)):
            for fold, (X, y) in training.tested.items():
                held[Cell(model.name, tissue, left_out, fold)] = Held(y, X @ effect)
    return held
