"""A sum of single effects (SuSiE) on summary statistics, each there with a probability.

Source: Wang et al., JRSS B 2020, and Zou et al., PLoS Genetics 2022: effects that are each on one
variant, fitted in turn. Only the variants that carry an effect enter R b, O(p k) in place of
O(p^2). An effect l is there with a probability rho_l, which its evidence decides, and the number of
effects grows while the last of them is probable.
"""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

import numpy as np
from scipy.special import entr

from skgenetics.finemapping._elbo import MIN_RESIDUAL_VARIANCE, NoiseNorm
from skgenetics.finemapping._n_causal import poisson_binomial
from skgenetics.finemapping._posterior import Covariance, Posterior
from skgenetics.finemapping.solvers._contract import (
    Effects,
    Problem,
    Solver,
    check_bounded,
    on_host,
)
from skgenetics.finemapping.solvers._single_effect import (
    CountPrior,
    EffectPrior,
    count_prior,
    effect_prior,
    fit_single_effect,
)
from skgenetics.loci._credible_sets import CredibleSet, reported_effects, sets_of_effects
from skgenetics.loci._ld import LD
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import to_numpy
from skgenetics.utils._parameters import Constraints, Flag

NEGLIGIBLE = 1e-10  # |S alpha mu| below it, in units of z's noise, does not enter R b
SPARE = 0.5  # an effect this probable asks for one more
LINKED = 0.5  # absolute r of variants that may share a signal
MASKED = 0.95  # probability of the variants that a restart leaves out
FEW_SWEEPS, MANY_SWEEPS = 4, 30  # of a restart, which goes on if it comes close
FAR, CLOSE = 10.0, 1.0  # of the bound
BETTER = 0.01  # of the bound: a restart is worth it


class SusieState(NamedTuple):
    """L single effects after a sweep, on the host."""

    presence: np.ndarray
    """rho (L,), the probability that effect l is there."""
    alpha: np.ndarray
    """Probability (L, p) that effect l, if it is there, is this variant's."""
    mean: np.ndarray
    """Mean (L, p) of effect l if it is this variant's."""
    second: np.ndarray
    """Second moment (L, p), likewise."""
    log_bf: np.ndarray
    """Log Bayes factor (L,) of effect l against none, given the others."""
    residual_variance: float
    bound: float
    converged: bool

    def inclusion(self) -> np.ndarray:
        """Return the probability (L, p) that effect l is there and this variant's."""
        return self.presence[:, None] * self.alpha


class SuSiE(Solver):
    """A sum of single effects, each on one variant; calibrated, fast, and sets directly.

    At most `max_effects` of FinemapMiXeR, 10 by default. Each effect is there with a probability,
    for which one more effect has the prior odds sum_i pi_i / (1 - pi_i) if `causal_probability` is
    given (with probabilities of 1 every effect is certain, as in the original), and else as many as
    fit.

    Parameters
    ----------
    refine : bool, default=True
        Whether to look for a better optimum: fit again without the variants of each set, go on
        with all variants from there, and keep what has the highest bound. Not with the LD of a
        panel, whose errors decide between optima that are close.

    See Also
    --------
    skgenetics.FinemapMiXeR : The estimator.

    References
    ----------
    Wang et al., "A simple new approach to variable selection in regression", JRSS B 2020, and Zou
    et al., PLoS Genetics 2022, for summary statistics.
    """

    name: ClassVar[str] = "susie"
    source: ClassVar[str] = (
        "Solver susie: a sum of single effects. Wang et al., J R Stat Soc B 82:1273 (2020); for "
        "summary statistics, Zou et al., PLoS Genet 18:e1010299 (2022)."
    )
    calibrated: ClassVar[bool] = True
    sums_effects: ClassVar[bool] = True

    _constraints: ClassVar[Constraints] = {"refine": [Flag()]}

    def __init__(self, *, refine: bool = True):
        self.refine = refine

    def start(self, problem: Problem) -> Iterator[SusieState]:
        """Return the sweeps over the effects."""
        locus = problem.locus
        z, scale, pi, slab = on_host(locus.z, locus.scale, problem.prior.pi, problem.prior.slab)
        weights = np.ones_like(z) if pi is None else pi
        n_samples = float(np.median(on_host(locus.n_samples + 0 * locus.z)[0]))
        n_variants = int(max(np.sum((scale > 0) & (weights > 0)), 1))
        n_effects = min(problem.max_effects, n_variants)
        return susie(
            z,
            locus.ld,
            scale,
            n_effects=n_effects,
            prior=effect_prior(scale, n_samples, weights, slab),
            count=count_prior(pi, n_effects, n_variants),
            residual_variance=problem.residual_variance,
            norm=problem.noise_norm,
            tol=problem.tol,
            refine=self.refine and problem.observed.panel_size == np.inf,
        )

    def quick(self) -> "SuSiE":
        """Return the solver without restarts."""
        return SuSiE(refine=False)

    def posterior(self, state: SusieState, locus: Locus) -> Posterior:
        """Return the `Posterior`: PIP_i = 1 - prod_l (1 - rho_l alpha_li)."""
        inclusion = state.inclusion() * (on_host(locus.scale)[0] > 0)
        log_none = np.sum(np.log1p(-np.minimum(inclusion, 1 - 1e-16)), axis=0)
        second = locus.array(np.sum(inclusion * state.second, axis=0))
        effects = inclusion * state.mean
        return Posterior(
            pip=locus.array(-np.expm1(log_none)),
            mean=locus.array(np.sum(effects, axis=0)),
            covariance=Covariance(
                second, locus.array(effects), locus.array(-np.ones(len(effects)))
            ),
            slab_second=second,
            residual_variance=float(state.residual_variance),
        )

    def credible_sets(self, state: SusieState, problem: Problem) -> list[CredibleSet]:
        """Return one set per effect that is there."""
        return sets_of_effects(
            state.alpha, state.log_bf, problem.observed.ld, presence=state.presence,
            **problem.set_rules(),
        )  # fmt: skip

    def effects(
        self, state: SusieState, problem: Problem, credible_sets: list[CredibleSet]
    ) -> Effects:
        """Return the effects that are there, sets of low purity or not; they are Bayes factors.

        alpha_j is proportional to pi_j BF_j, and the Bayes factor of any variant is their sum.
        """
        told = reported_effects(state.log_bf, state.presence)
        alpha, mean, second = (part[told] for part in (state.alpha, state.mean, state.second))
        weights = on_host(problem.prior.pi)[0]
        weights = np.ones(alpha.shape[1]) if weights is None else weights
        weights = np.where(on_host(problem.locus.scale)[0] > 0, weights, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.log(alpha) - np.log(weights / max(weights.sum(), 1e-300))
        log_bf = np.where(weights > 0, relative + state.log_bf[told, None], -np.inf)
        return Effects(
            alpha=alpha,
            mean=mean,
            sd=np.sqrt(np.maximum(second - mean**2, 0.0)),
            log_bf=log_bf,
            log_bf_of_any=state.log_bf[told],
            presence=state.presence[told],
        )

    def limit_reached(self, state: SusieState, problem: Problem) -> str | None:
        """Return that every effect is in use, where one more might be found."""
        n_effects = len(state.presence)
        full = n_effects == problem.max_effects < problem.locus.z.shape[0]
        if full and n_effects > 1 and np.all(state.presence >= SPARE):
            return (
                f"All {n_effects} effects are in use: the locus may have more. Increase "
                "max_effects."
            )
        return None

    def n_causal(self, state: SusieState, posterior: Posterior) -> np.ndarray:
        """Return the distribution of the number of variants that the effects fall on.

        Effect l falls on a variant that none of those before it has with probability
        sum_i rho_l alpha_li prod_{k<l} (1 - rho_k alpha_ki); the sum over l is that of the PIPs.
        """
        inclusion = state.inclusion()
        untouched = np.cumprod(1 - inclusion, axis=0)
        new = inclusion[1:] * untouched[:-1]
        return poisson_binomial(np.append(inclusion[:1].sum(axis=1), new.sum(axis=1)))


def susie(
    z: np.ndarray,
    ld: LD,
    scale: np.ndarray,
    *,
    n_effects: int,
    prior: EffectPrior,
    count: CountPrior,
    residual_variance: float | None,
    norm: NoiseNorm,
    tol: float,
    refine: bool = False,
) -> Iterator[SusieState]:
    """Yield a `SusieState` per sweep over the effects (iterative Bayesian stepwise selection).

    Parameters
    ----------
    z, scale : array (p,), on the host
        z statistics and sqrt(N H); variants of scale 0 are left out.
    ld : any form of LD
    n_effects : int
        The largest number of effects.
    prior : EffectPrior
    count : CountPrior
    residual_variance : None or float
        s0^2; None: learned.
    norm : NoiseNorm
        Needed if s0^2 is learned.
    tol : float
        Stop when the bound changes by less.
    refine : bool
        Whether to restart without the variants of each effect once the effects have converged.
    """
    fit = EffectsFit(z, ld, scale, n_effects, prior, count, residual_variance, norm)
    change = np.inf
    while change >= tol:
        change = fit.sweep()
        if change < tol and refine:
            fit = refined(fit, tol)
        yield fit.state(converged=change < tol)


def refined(fit: "EffectsFit", tol: float) -> "EffectsFit":
    """Return the fit of the best bound among `fit` and restarts without an effect's variants."""
    best = fit
    for k in np.flatnonzero(fit.presence[: fit.n_fitted] >= SPARE):
        order = np.argsort(-fit.alpha[k], kind="stable")
        reached = int(np.searchsorted(np.cumsum(fit.alpha[k][order]), MASKED)) + 1
        restart = fit.without(order[:reached])
        if restart is None:
            continue
        restart.run(tol, FEW_SWEEPS)
        if restart.bound < best.bound - FAR:
            continue
        restart.prior = fit.prior
        restart.run(tol, FEW_SWEEPS)
        if restart.bound > best.bound - CLOSE:
            restart.run(tol, MANY_SWEEPS)
        if restart.bound > best.bound + BETTER:
            best = restart
    return best


class EffectsFit:
    """Single effects as they are fitted in turn: arrays as in `SusieState`, of those so far."""

    def __init__(
        self,
        z: np.ndarray,
        ld: LD,
        scale: np.ndarray,
        n_effects: int,
        prior: EffectPrior,
        count: CountPrior,
        residual_variance: float | None,
        norm: NoiseNorm,
    ):
        self.arguments = z, ld, scale, n_effects, prior, count, residual_variance, norm
        self.ld, self.scale, self.prior, self.count, self.norm = ld, scale, prior, count, norm
        self.linear, self.diagonal = scale * z, scale**2
        shape = n_effects, len(z)
        self.alpha, self.mean, self.second, self.moved = (np.zeros(shape) for _ in range(4))
        self.presence, self.log_bf, self.divergence = (np.zeros(n_effects) for _ in range(3))
        self.total = np.zeros(len(z))  # G b = the sum of moved, G rho alpha mean of each effect
        self.n_fitted, self.n_allowed = 1, n_effects
        self.learns_noise = residual_variance is None
        self.noise = 1.0 if residual_variance is None else residual_variance
        self.bound = -np.inf

    def without(self, variants: np.ndarray) -> "EffectsFit | None":
        """Return a new fit whose effects are on none of `variants`; None if no other is left."""
        log_weights = self.prior.log_weights.copy()
        log_weights[variants] = -np.inf
        if not np.any(log_weights > -np.inf):
            return None
        log_weights -= np.logaddexp.reduce(log_weights)
        other = EffectsFit(*self.arguments)
        other.prior = self.prior._replace(log_weights=log_weights)
        return other

    def run(self, tol: float, max_sweeps: int) -> None:
        """Sweep until the bound changes by less than `tol`, so often at most."""
        for _ in range(max_sweeps):
            if self.sweep() < tol:
                break

    def sweep(self) -> float:
        """Fit every effect given the others, then s0^2; return by how much the bound changes."""
        k = 0
        while k < self.n_fitted:
            self.update_effect(k)
            k += 1
            if k == self.n_fitted < self.n_allowed and self.presence[k - 1] >= SPARE:
                self.gather(k - 1)
                self.n_fitted += 1
        self.drop_surplus()
        previous, self.bound = self.bound, self.evidence_bound()
        return abs(self.bound - previous)

    def update_effect(self, k: int) -> None:
        """Fit effect k given all others, G b of which is kept up to date."""
        self.total -= self.moved[k]
        alpha, mean, second = self.alpha[k], self.mean[k], self.second[k]
        residual, precision = (self.linear - self.total) / self.noise, self.diagonal / self.noise
        check_bounded(residual / np.sqrt(np.max(precision, initial=1.0)))
        self.log_bf[k] = fit_single_effect(residual, precision, self.prior, alpha, mean, second)
        self.presence[k] = self.count.presence(self.log_bf[k], np.delete(self.presence, k))
        self.divergence[k] = self.divergence_of(k)
        self.move(k)

    def divergence_of(self, k: int) -> float:
        """Return KL(q_k || prior) of effect k, which has no part of G b yet, if it is there."""
        residual, precision = (self.linear - self.total) / self.noise, self.diagonal / self.noise
        fitted = residual @ (self.alpha[k] * self.mean[k])
        return fitted - precision @ (self.alpha[k] * self.second[k]) / 2 - self.log_bf[k]

    def move(self, k: int) -> None:
        """Add effect k to G b, of which it is no part yet."""
        effect = self.scale * self.presence[k] * self.alpha[k] * self.mean[k]
        carriers = np.flatnonzero(np.abs(effect) > NEGLIGIBLE)
        self.moved[k] = 0.0
        if carriers.size:  # LD by genotypes costs a pass over them
            self.moved[k] = self.scale * self.ld.sparse_product(carriers, effect[carriers])
        self.total += self.moved[k]

    def gather(self, k: int) -> None:
        """Leave a new effect to the variants in LD with its lead, before the next one is fitted.

        Two signals of equal strength would else be half of each of two effects, for good.
        """
        lead = np.array([np.argmax(self.alpha[k])])
        linked = np.abs(to_numpy(self.ld.rows(lead))[0]) >= LINKED
        linked[lead] = True
        if np.all(linked | (self.alpha[k] == 0)):
            return
        self.total -= self.moved[k]
        self.alpha[k] = np.where(linked, self.alpha[k], 0.0)
        share = self.alpha[k].sum()
        self.alpha[k] /= share
        self.log_bf[k] += np.log(share)
        self.divergence[k] = self.divergence_of(k)
        self.move(k)

    def drop_surplus(self) -> None:
        """Keep only the most probable of the effects that are hardly there; it comes last."""
        used = np.arange(self.n_fitted)
        spare = used[self.presence[used] < SPARE]
        if len(spare) < 2:
            return
        kept = spare[np.argmax(self.presence[spare])]
        order = np.append(np.setdiff1d(used, spare), kept)
        for matrix in (self.alpha, self.mean, self.second, self.moved):
            matrix[: len(order)] = matrix[order]
        for array in (self.presence, self.log_bf, self.divergence):
            array[: len(order)] = array[order]
            array[len(order) :] = 0.0
        self.n_fitted = self.n_allowed = len(order)  # no coming and going
        self.moved[self.n_fitted :] = 0.0
        self.total = self.moved.sum(axis=0)

    def evidence_bound(self) -> float:
        """Return the bound on the log evidence relative to no effect; s0^2 is learned first."""
        used = slice(self.n_fitted)
        residual, presence = self.expected_quadratic(), self.presence[used]
        likelihood = -residual / (2 * self.noise)
        if self.learns_noise:
            error, rank = self.norm.z_norm + residual, self.norm.rank
            self.noise = max(error / rank, MIN_RESIDUAL_VARIANCE)
            likelihood = (self.norm.z_norm - error / self.noise - rank * np.log(self.noise)) / 2
        choice = self.count.log_prior(presence) + np.sum(entr(presence) + entr(1 - presence))
        return float(likelihood - presence @ self.divergence[used] + choice)

    def inclusion(self) -> np.ndarray:
        """Return rho alpha (L, p), 0 for effects that are not fitted."""
        return self.presence[:, None] * self.alpha

    def expected_quadratic(self) -> float:
        """Return E[-2 linear'b + b'Gb]: the effects are independent, each on one variant."""
        used = slice(self.n_fitted)
        inclusion = self.presence[used, None] * self.alpha[used]
        effects = inclusion * self.mean[used]
        expected = (self.total - 2 * self.linear) @ effects.sum(axis=0)
        squares = np.sum((inclusion * self.second[used]) @ self.diagonal)
        return expected + (squares - np.sum(effects * self.moved[used]))

    def state(self, *, converged: bool) -> SusieState:
        """Return what the effects are now."""
        used = slice(self.n_fitted)
        return SusieState(
            presence=self.presence[used].copy(),
            alpha=self.alpha[used].copy(),
            mean=self.mean[used].copy(),
            second=self.second[used].copy(),
            log_bf=self.log_bf[used].copy(),
            residual_variance=self.noise,
            bound=self.bound,
            converged=converged,
        )
