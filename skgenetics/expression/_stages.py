"""The stages of a fit: the cis part and the trans part in turn, until nothing improves."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skgenetics.expression._data import FitData, Placement
from skgenetics.expression.cis._prior import CisPrior, learn_prior
from skgenetics.expression.cis._regression import (
    ROUGH_TOL,
    CisEffects,
    CisSettings,
    fit_cis,
    no_effects,
    predict_cis,
)
from skgenetics.expression.trans._fit import (
    TransFit,
    finish,
    new_factors,
    scaled_trans,
    trans_values,
)
from skgenetics.expression.trans._kernel import CenteredGenotypes, GenotypeScale, cross_kernel
from skgenetics.expression.trans._objective import Params, TransProblem
from skgenetics.expression.trans._solvers import Solver, TransState
from skgenetics.expression.trans._targets import Targets, make_targets
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._typing import Array

LAYERS = {  # fitted attributes, and their names among the parameters
    "factor_loadings_": "loadings",
    "gene_factors_": "gene_factors",
    "tissue_factors_": "tissue_factors",
}
PATIENCE = 10  # iterations without a better validation score


class CisPart(NamedTuple):
    """The cis part and what it leaves."""

    effects: CisEffects  # on the host
    targets: Targets
    held_out: np.ndarray  # (n, J, K) expression of the individuals held out, on the host


class CisValues:
    """The cis part of individuals with its intercepts, as ``values[:, genes]`` (n, m, K)."""

    def __init__(self, X: Array, effects: CisEffects):
        self.X, self.effects = X, effects

    def __getitem__(self, index: tuple) -> np.ndarray:
        """Return the values of genes, the second index; all individuals."""
        _, genes = index
        return predict_cis(self.X, self.effects, genes) + self.effects.intercept.T[genes]


class CisStage:
    """The cis stage of a fit, which may run again on what the trans part leaves.

    The strength and the prior that its first run chooses stay.

    Parameters
    ----------
    annotations : array (S, q) or None
        Of the variants, for the prior.

    Attributes
    ----------
    prior : CisPrior or None
    """

    def __init__(
        self,
        data: FitData,
        settings: CisSettings,
        rng: np.random.RandomState,
        annotations: np.ndarray | None = None,
    ):
        self.data, self.settings, self.rng = data, settings, rng
        self.annotations = annotations
        self.prior: CisPrior | None = None

    def fit(self, trans: np.ndarray | None = None) -> CisPart:
        """Return the `CisPart` of expression less a trans part (I, J, K), on the host."""
        data = self.data
        effects = no_effects(data.moments.tissue_mean)
        if data.windows is not None:
            X, _ = data.training
            y = data.standardized(data.training, trans)
            given = X, y, data.weight, data.windows
            if self.annotations is not None and self.prior is None:
                learned = learn_prior(*given, self.settings, self.annotations, self.rng)
                self.settings, self.prior = learned
            effects = fit_cis(*given, self.settings, self.rng)
            self.settings = self.settings._replace(alpha=effects.alpha)
        return self._part(effects)

    def leave_out(self) -> CisPart:
        """Return the `CisPart` of a model without cis effects."""
        return self._part(no_effects(self.data.moments.tissue_mean))

    def _part(self, effects):
        """Return the `CisPart` of effects."""
        data = self.data
        after, held_out = (
            data.standardized(individuals, CisValues(individuals.X, effects))
            for individuals in (data.training, data.held_out)
        )
        targets = make_targets(after, data.weight, data.placement.xp, data.placement.device)
        return CisPart(effects, targets, held_out[:, :])

    def fit_without(self, held_out: np.ndarray) -> CisEffects:
        """Return the effects without some individuals (boolean), at the strength chosen."""
        data, settings = self.data, self.settings
        if data.windows is None:
            return no_effects(data.moments.tissue_mean)
        y, weight = data.standardized(data.training), data.weight * ~held_out
        settings = settings._replace(tol=ROUGH_TOL)
        return fit_cis(data.training.X, y, weight, data.windows, settings, self.rng)


class HeldOut(NamedTuple):
    """Individuals whose expression is predicted while fitting."""

    variation: float  # sum of squares about the training means
    kernel: Array  # (n, I) with the training individuals
    genotypes: CenteredGenotypes


def held_out_of(data: FitData, scale: GenotypeScale) -> HeldOut | None:
    """Return the `HeldOut` individuals of a fit, or None without any."""
    X, _ = data.held_out
    if not X.shape[0]:
        return None
    z = data.standardized(data.held_out)[:, :]
    variation = float(np.nansum((z - data.moments.tissue_mean.T) ** 2))
    kernel = cross_kernel(X, data.training.X, scale)
    return HeldOut(variation, kernel, CenteredGenotypes(X, scale))


def with_means(
    fit: TransFit, effects: CisEffects, share: float, tissue_mean: np.ndarray
) -> tuple[TransFit, CisEffects]:
    """Return the trans and the cis part of an average, by a share, with means (K, J) alone."""
    intercept = share * effects.intercept + (1 - share) * tissue_mean
    effects = effects._replace(coef=share * effects.coef, intercept=intercept)
    return scaled_trans(fit, share), effects


class BestIteration(NamedTuple):
    """The parameters of the iteration kept, and what they belong to."""

    params: Params
    cis: CisPart
    problem: TransProblem


class Stages:
    """The cis and the trans part, each fitted to what the other leaves.

    Parameters
    ----------
    cis_stage : CisStage
    cis : CisPart
        Its first run.
    problem : TransProblem
        With what `cis` leaves as targets.
    variation : float
        Sum of squares of the training cells within gene and tissue.
    held_out : HeldOut or None
        With it, the iteration that predicts it best is kept, else the last.

    Attributes
    ----------
    best : BestIteration
    loss_curve, train_scores, validation_scores : lists of float
        Objective, R2 within gene and tissue, and that of `held_out`, after each iteration.
    """

    def __init__(
        self,
        cis_stage: CisStage,
        cis: CisPart,
        problem: TransProblem,
        variation: float,
        held_out: HeldOut | None,
    ):
        self.cis_stage, self.cis, self.problem = cis_stage, cis, problem
        self.variation, self.held_out = variation, held_out
        self.best: Any = None
        self.loss_curve: list[float] = []
        self.train_scores: list[float] = []
        self.validation_scores: list[float] = []

    def run(
        self, solver: Solver, params: Params, *, tol: float, n_refits: int
    ) -> Iterator[TransState]:
        """Yield the states of the solver, over again after each refit of the cis part.

        A solver ends when it converges or, with individuals held out, `PATIENCE` iterations after
        the best; the refit goes on from the best, and is the last that brings no better one.
        """
        for remaining in range(n_refits, -1, -1):
            stale, before = 0, self.best
            for state in solver.run(params, self.problem, tol=tol):
                stale = 0 if self._record(state) else stale + 1
                ended = state.converged or stale >= PATIENCE
                last = not remaining or self.best is before
                yield state._replace(converged=ended and last)
                if ended:
                    break
            if last:
                return
            params, self.cis, self.problem = self.best
            self._refit_cis(params)

    def _record(self, state):
        """Append to the traces, and return whether the state is the best so far."""
        self.loss_curve.append(state.value)
        residual = 2 * self.problem.targets.n_cells * state.loss
        self.train_scores.append(_share_explained(residual, self.variation))
        if self.held_out is not None:
            score = self._validation_score(self.held_out, state)
            self.validation_scores.append(score)
            if score <= max(self.validation_scores[:-1], default=-np.inf):
                return False
        self.best = BestIteration(state.params, self.cis, self.problem)
        return True

    def _validation_score(self, held_out, state):
        """Return R2 within gene and tissue of the individuals held out."""
        variation, kernel, genotypes = held_out
        fit = finish(state.params, self.problem)
        factors = new_factors(fit, kernel, genotypes, self.problem.model)
        trans = to_numpy(trans_values(factors, fit.layers)) + to_numpy(fit.offset).T
        return _share_explained(float(np.nansum((self.cis.held_out - trans) ** 2)), variation)

    def _refit_cis(self, params):
        """Fit the cis part to what the trans part leaves, which changes the targets."""
        fit = finish(params, self.problem)
        self.cis = self.cis_stage.fit(to_numpy(trans_values(fit.factors, fit.layers)))
        self.problem = self.problem._replace(targets=self.cis.targets)

    def attributes(self, state: TransState) -> dict[str, Any]:
        """Return the fitted attributes of a state, for callbacks that score while fitting."""
        fit = finish(state.params, self.problem)
        return fitted_attributes(fit, self.cis.effects, self.cis_stage.data.placement)


def _share_explained(residual, variation):
    """Return R2 from sums of squares; 0 if nothing varies."""
    return 1 - residual / variation if variation > 0 else 0.0


def fitted_attributes(fit: TransFit, effects: CisEffects, placement: Placement) -> dict[str, Any]:
    """Return the fitted attributes of the cis and the trans part."""
    xp, dtype = placement.xp, placement.dtype
    arrays = {name: fit.layers[key] for name, key in LAYERS.items() if key in fit.layers}
    n_effective = int(xp.sum(xp.astype(_has_effects(fit.factors, arrays), xp.int64)))
    arrays |= {"dual_coef_": fit.dual_coef, "factors_": fit.factors}
    intercept, alpha = placement.put(effects.intercept), effects.alpha
    return {
        "cis_coef_": placement.put(effects.coef),
        "cis_variants_": placement.put(effects.variants, xp.int64),
        "cis_indptr_": placement.put(effects.indptr, xp.int64),
        "cis_intercept_": intercept,
        "cis_alpha_": placement.put(alpha) if isinstance(alpha, np.ndarray) else float(alpha),
        **{n: None if v is None else xp.astype(v, dtype, copy=False) for n, v in arrays.items()},
        "intercept_": intercept + xp.astype(fit.offset, dtype),
        "n_effective_components_": n_effective,
        "_variant_coef": fit.variant_coef,
        "_score_intercept": fit.intercept,
    }


def _has_effects(factors, layers):
    """Return which of the factors (I, T) are not 0 throughout, in themselves or in a layer."""
    xp = namespace_of(factors)
    used = xp.any(xp.abs(factors) > 0, axis=0)
    for name, values in layers.items():
        if name == "factor_loadings_":  # by tissue, since they are large
            sizes = [xp.max(xp.abs(values[k, :, :]), axis=1) for k in range(values.shape[0])]
            values = xp.stack(sizes)
        used = used & xp.any(values != 0, axis=0)
    return used
