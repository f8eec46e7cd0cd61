"""Expression weights of one gene in its tissues: nested cross-validation of a mixture of models.

The people are in K folds. A fit without two of them serves both: when one is the outer fold, the
other is an inner one. So K (K - 1) / 2 fits of a model tell its share inside every outer fold, K
fits measure the mixture, and tell the shares of the models that are fitted to all people.
Performance in an outer fold is that of shares which were found without it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import nnls

from skgenetics.association._cis_heritability import CisHeritability, cis_heritability
from skgenetics.association._performance import Held, Performance, performance_over_folds
from skgenetics.association._selection import fewest_weights
from skgenetics.compose._adjustment import regress_features, residuals

Folds: TypeAlias = tuple[int, ...]
SMALLEST_SHARE = 0.01  # of a model that is named
SHARE_SD = 0.2  # of shares about equal ones, before errors are seen


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
    shares : dict of str to float
        Of each model in the mixture.
    performance : Performance
        Of the mixture: in each outer fold with the shares found without it.
    performance_of : dict of str to Performance
        Of each model alone.
    n_samples : int
    expression_sd : float
        Standard deviation of expression without covariates.
    z : ndarray of shape (n_variants,)
        Root n times the correlation of genotype and expression, both without covariates.
    heritability : CisHeritability
        REML estimate from all variants: `share`, `standard_error`, `pvalue`.
    """

    weights: np.ndarray
    shares: Mapping[str, float]
    performance: Performance
    performance_of: Mapping[str, Performance]
    n_samples: int
    expression_sd: float
    z: np.ndarray
    heritability: CisHeritability

    @property
    def model(self) -> str:
        """Names of the models with a share above 0.01, the largest first, joined by "+"."""
        names = sorted(self.shares, key=lambda name: -self.shares[name])
        return "+".join(name for name in names if self.shares[name] > SMALLEST_SHARE)


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
    """Return the weights of each tissue, by a mixture of models that held-out people choose.

    Parameters
    ----------
    data : GeneData
    models : sequence of WeightModel
        Those that are mixed. A single one needs no inner folds.
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
    Shares of models are those of least squared error in people left out, and near equal ones where
    the errors say little. Weights are on the fewest variants whose prediction correlates by 0.995
    with that of all effects, in the folds too.

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
    ('1+100', 0.53, 5)
    """
    folds = np.unique(data.fold).tolist()
    inner: dict[Cell, Held] = {}
    for pair in combinations(folds, 2) if len(models) > 1 else ():
        inner |= predict_left_out(data, models, pair, seed)
    held: dict[Cell, Held] = {}
    mixed: list[list[Held]] = [[] for _ in range(data.n_tissues)]
    for fold in folds:
        fits = Fits.of(data, (*models, *also), (fold,), seed)
        pairs = [((min(fold, k), max(fold, k)), k) for k in folds if k != fold]
        for tissue, part in enumerate(fits.trained):
            X, y = part.tested[fold]
            for name, effects in fits.effects.items():
                few = fewest_weights(part.X, effects[tissue])
                held[Cell(name, tissue, (fold,), fold)] = Held(y, X @ few)
            few = fits.mixed(tissue, model_shares(inner, models, tissue, pairs))
            mixed[tissue].append(Held(y, X @ few))
    fits = Fits.of(data, models, (), seed)
    result = []
    for tissue, part in enumerate(fits.trained):
        shares = model_shares(held, models, tissue, [((fold,), fold) for fold in folds])
        by_model = {
            model.name: performance_over_folds(
                [held[Cell(model.name, tissue, (fold,), fold)] for fold in folds]
            )
            for model in (*models, *also)
        }
        result.append(
            TissueWeights(
                weights=fits.mixed(tissue, shares),
                shares=shares,
                performance=performance_over_folds(mixed[tissue]),
                performance_of=by_model,
                n_samples=len(part.y),
                expression_sd=float(part.y.std()),
                z=marginal_z(part.X, part.y),
                heritability=cis_heritability(part.X, part.y, data.covariates[tissue].shape[1]),
            )
        )
    return result


def model_shares(
    held: Mapping[Cell, Held],
    models: Sequence[WeightModel],
    tissue: int,
    cells: Sequence[tuple[Folds, int]],
) -> dict[str, float]:
    """Return the shares of the mixture of a tissue, by the errors of its models over folds."""
    names = [model.name for model in models]
    if len(names) == 1:
        return {names[0]: 1.0}
    errors = [
        np.concatenate([np.subtract(*held[Cell(name, tissue, *cell)]) for cell in cells])
        for name in names
    ]
    return dict(zip(names, likely_mixture(np.stack(errors, axis=1)).tolist(), strict=True))


def likely_mixture(errors: np.ndarray) -> np.ndarray:
    r"""Return the likely shares a >= 0 of sum 1 of m models, from their errors (n, m) on people.

    Shares are near :math:`1/m` before any error is seen, with standard deviation `SHARE_SD`, so
    that they minimize

    .. math::

        \|E a\|^2 + \frac{\sigma^2}{\tau^2} \sum_i (a_i - 1/m)^2,

    where :math:`\sigma^2` is the mean square of the errors E, and :math:`\tau` that deviation. The
    errors of some hundred people tell little of models that all predict a gene: without the second
    term shares follow the noise.
    """
    m = errors.shape[1]
    weight = (np.sqrt(np.mean(errors**2)) or 1.0) / SHARE_SD
    return smallest_mixture(np.vstack([errors, weight * (np.eye(m) - 1 / m)]))


def smallest_mixture(errors: np.ndarray) -> np.ndarray:
    """Return the shares a >= 0 of sum 1 that minimize the sum of squares of errors @ a.

    Up to a factor they minimize that sum plus (sum a - 1)^2 under a >= 0 alone, which is a problem
    of non-negative least squares.
    """
    scale = np.sqrt(np.sum(errors**2)) or 1.0
    rows = np.vstack([errors / scale, np.ones(errors.shape[1])])
    shares, _ = nnls(rows, np.append(np.zeros(len(errors)), 1.0))
    return shares / shares.sum()


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


class Fits(NamedTuple):
    """Models that did not see some folds."""

    trained: Sequence[_Training]
    """Of each tissue."""
    effects: Mapping[str, np.ndarray]
    """Of each model, per allele (n_tissues, n_variants)."""

    @classmethod
    def of(
        cls, data: GeneData, models: Sequence[WeightModel], left_out: Folds, seed: int
    ) -> "Fits":
        """Fit models to the people outside of some folds."""
        trained = [_Training.of(data, tissue, left_out) for tissue in range(data.n_tissues)]
        return cls(
            trained,
            {model.name: fitted_effects(model, data, trained, left_out, seed) for model in models},
        )

    def mixed(self, tissue: int, shares: Mapping[str, float]) -> np.ndarray:
        """Return the effects of a mixture in a tissue, on as few variants as will do."""
        effects = sum(share * self.effects[name][tissue] for name, share in shares.items())
        return fewest_weights(self.trained[tissue].X, np.asarray(effects))


def fitted_effects(
    model: WeightModel,
    data: GeneData,
    trained: Sequence[_Training],
    left_out: Folds,
    seed: int,
) -> np.ndarray:
    """Return the effects per allele (n_tissues, n_variants) of a model that is fitted."""
    if not model.joint:
        return np.stack([model.effects(part.X, part.y, seed) for part in trained])
    used = ~np.isin(data.fold, left_out) & np.isfinite(data.expression).any(axis=1)
    rows = np.flatnonzero(used)
    (X,) = without_covariates(data.dosages, data.shared_covariates, rows, ())
    Y = np.full((len(used), data.n_tissues), np.nan)
    for tissue, training in enumerate(trained):
        Y[training.rows, tissue] = training.y
    return model.effects(X, Y[rows], seed)


def predict_left_out(
    data: GeneData, models: Sequence[WeightModel], left_out: Folds, seed: int
) -> dict[Cell, Held]:
    """Return what models that did not see some folds predict in them."""
    fits = Fits.of(data, models, left_out, seed)
    return {
        Cell(name, tissue, left_out, fold): Held(y, X @ effects[tissue])
        for name, effects in fits.effects.items()
        for tissue, part in enumerate(fits.trained)
        for fold, (X, y) in part.tested.items()
    }
