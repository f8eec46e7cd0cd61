"""Coordinate ascent on the bound of the multivariate mixture regression.

Source: "M&M ASH model and inference" (2016), equations (17)-(22), corrected, in the eigenbasis of
the prior's covariances. Rows of Y are N(B'x, Sigma); a row beta_p of B has the prior
sum_t pi_t N(0, V_t) and the posterior q(beta_p) = sum_t alpha_pt N(mu_pt, S_pt). *Whitened* is what
was multiplied by Sigma^-1/2, so that the noise has the covariance I: there the V_t have their
eigenvectors. Scores and effects stay in the traits' units.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from skgenetics.multitrait._priors import Prior
from skgenetics.multitrait._residual_covariance import ResidualCovariance
from skgenetics.multitrait.solvers._variant_updates import Mixture, update_block

CYCLES = (1, 8)  # of accelerated EM for the weights, after the first sweep and at most
GROWTH = 1.5  # of their number from sweep to sweep
STEP_GAIN = 1e-8  # least gain of log likelihood by a step of EM that is worth another cycle
CHUNK = 256  # variants whose responsibilities are moved at a time


@dataclass
class Posterior:
    """q(B), which sweeps change; rows of variants that do not vary stay as they were made."""

    effects: np.ndarray  # (P, J) r, posterior means
    room: np.ndarray | None  # (P T,), whose beginning holds alpha; None: taken
    own: np.ndarray  # (P, J) g = x_p'R_(-p), which q(beta_p) was made of
    evidence: np.ndarray  # (P,) log sum_t pi_t BF_pt

    def alpha(self, n_weights):
        """Return the responsibilities (P, n_weights) of the components in the model."""
        return self.room[: len(self.own) * n_weights].reshape(-1, n_weights)


class State(NamedTuple):
    """After a sweep: the posterior and the parameters that the sweep used, with their bound."""

    posterior: Posterior
    places: np.ndarray  # (T',) which of the T components are in the model
    weights: np.ndarray  # (T,) pi
    covariance: ResidualCovariance  # Sigma
    bound: float
    converged: bool

    def take_responsibilities(self):
        """Return the alpha (P, T) of all components, once: the next sweep makes them anew."""
        alpha = self.posterior.alpha(len(self.places))
        spread = self.posterior.alpha(len(self.weights))
        for last in range(len(alpha), 0, -CHUNK):  # a row moves to the right, the last one first
            rows = slice(max(last - CHUNK, 0), last)
            moved = alpha[rows].copy()
            spread[rows] = 0.0
            spread[rows, self.places] = moved
        self.posterior.room = None
        return spread


def ahead_and_back(components, covariance):
    """Return (J, M) twice: from traits to whitened eigenvectors, and from these to traits."""
    ahead, back = components.basis @ covariance.whitener, components.basis @ covariance.root
    return np.ascontiguousarray(ahead.T), np.ascontiguousarray(back.T)


def make_mixture(components, weights, covariance):
    ahead, back = ahead_and_back(components, covariance)
    with np.errstate(divide="ignore"):
        log_weights = np.log(weights)
    return Mixture(log_weights, ahead, back, *components[1:])


def sweep(design, components, weights, covariance, posterior, *, learn_covariance):
    """Update every variant of `posterior` and `design` once; return the bound's terms.

    Returns
    -------
    gain : float
        sum_p [log sum_t pi_t BF_pt - g_p.r_p + d_p |r_p|^2 / 2], g and r whitened.
    spread : array (J, J) or None
        sum_p d_p Var_q(beta_p), where learn_covariance.
    """
    mixture = make_mixture(components, weights, covariance)
    first, back = mixture.first, mixture.from_eigenbasis
    moments = np.zeros((np.max(np.diff(first)), back.shape[1]) if learn_covariance else (0, 0))
    effects, own, evidence = posterior.effects, posterior.own, posterior.evidence
    alpha = posterior.alpha(len(weights))
    alpha[~design.used] = 0.0
    for block, gram in zip(design.blocks, design.grams, strict=True):
        columns = design.columns(block)
        score, d = design.score(columns), design.squared_norm[block]
        change = np.empty_like(score)
        parts = effects[block], change, alpha[block], own[block], evidence[block]
        for part, triangle, below in gram:
            update_block(
                (triangle, score[part], d[part]),
                tuple(mixture),
                tuple(array[part] for array in parts),
                learn_covariance,
                moments,
            )
            if len(below):
                score[part.stop :] -= below @ change[part]
        design.move(columns, change)
        if not isinstance(block, slice):  # else the parts are views
            effects[block], _, alpha[block], own[block], evidence[block] = parts
        del columns  # before the next ones are made
    design.settle()
    square, cross = effects.T @ (design.squared_norm[:, None] * effects), effects.T @ own
    gain = float(np.sum(evidence) + np.sum(covariance.inverse * (square / 2 - cross)))
    if not learn_covariance:
        return gain, None
    spread = -square
    for low, high in pairwise(first):
        inner = moments[: high - low, low:high]
        inner = inner + np.tril(inner, -1).T
        spread += back[:, low:high] @ inner @ back[:, low:high].T
    return gain, spread


def updated_weights(alpha, weights, design, n_cycles):
    """Return pi after one EM step, and after `n_cycles` of SQUAREM at fixed likelihoods.

    A cycle extrapolates two EM steps, unless that lowers the likelihood, and adds one (Varadhan and
    Roland 2008). They end where a step of EM gains next to nothing, as leaps from there would
    magnify rounding. The likelihoods alpha / pi are never formed: with rho = pi_new / pi, a step
    multiplies rho by mean_p alpha_pt / (pi_t sum_s alpha_ps rho_s).
    """
    if design.n_used == 0:
        return weights, weights
    present = weights > 1e-290
    inverse = present / np.where(present, weights, 1.0)

    def step(rho):
        """Return rho after a step, and the log likelihood before it."""
        total = alpha @ rho
        total[~design.used] = 1.0
        return rho * (alpha.T @ (1 / total)) * (inverse / design.n_used), np.sum(np.log(total))

    plain = alpha.T @ design.used / design.n_used
    rho, ahead, before = present.astype(float), inverse * plain, 0.0
    for _ in range(n_cycles):
        second, level = step(ahead)
        if level - before < STEP_GAIN:
            break
        first, turn = weights * (ahead - rho), weights * (second - 2 * ahead + rho)
        length = max(1.0, np.sqrt(first @ first / max(turn @ turn, 1e-300)))
        leap = weights * rho + length * (2 * first + length * turn)
        leap = np.maximum(leap, weights * second / 10)
        leap = inverse * leap / leap.sum()
        after, reached = step(leap)
        rho, ahead, before = (leap, after, reached) if reached >= level else (ahead, second, level)
    new = weights * ahead
    return plain / plain.sum(), new / new.sum()


def coordinate_ascent(
    design, prior: Prior, *, weights, learn_weights, covariance, covariance_step, tol,
    effects=None, weight_threshold=0.0,
):  # fmt: skip
    """Yield a `State` a sweep, of a bound that never falls.

    Parameters
    ----------
    design : GenotypeDesign or SummaryDesign
        The data; it holds the residual, which the sweeps update.
    prior : Prior
        Covariances and scales of the mixture.
    weights : array (T,)
        pi to start from, or to hold.
    learn_weights : bool
        Accelerated EM: several cycles between sweeps, more from sweep to sweep. Where the bound is
        lower after them, they are undone and replaced by one step of EM, which cannot lower it.
    covariance : ResidualCovariance
        Sigma to start from, or to hold.
    covariance_step : None or callable
        C (J, J), N -> `ResidualCovariance` that maximizes the bound given C.
    tol : float
        Stop when the bound rises by less.
    effects : array (P, J), optional
        Posterior means to start from; 0 where left out.
    weight_threshold : float
        Weights learned to be smaller become 0; covariances and scales without weight leave the
        model. An accelerated step that lowers the bound is undone with what it removed.
    """
    n_variants, n_traits = design.squared_norm.shape[0], covariance.matrix.shape[0]
    posterior = Posterior(
        np.zeros((n_variants, n_traits)) if effects is None else effects.copy(),
        None,
        np.zeros((n_variants, n_traits)),
        np.zeros(n_variants),
    )
    design.start(posterior.effects)
    n_weights, index = len(weights), np.arange(len(weights))
    components = prior.whitened(covariance)
    constant = design.log_normalizer

    def step():
        """Sweep once; return the bound and C."""
        if posterior.room is None:
            posterior.room = np.empty(n_variants * n_weights)
        imputed, log_imputed = design.impute(covariance)
        gain, spread = sweep(
            design, components, weights, covariance, posterior,
            learn_covariance=covariance_step is not None,
        )  # fmt: skip
        square = design.square()
        bound = (
            constant
            - (design.n_samples * covariance.log_det + np.sum(square * covariance.inverse)) / 2
        )
        bound += gain + log_imputed - covariance.penalty
        spread = 0.0 if spread is None else (spread + spread.T) / 2
        return float(bound), (square + spread + imputed) / design.n_samples

    bound, fallback, n_cycles = -np.inf, None, float(CYCLES[0])
    while True:
        if fallback is not None:
            saved = posterior.effects.copy(), design.save()
        value, moment = step()
        if fallback is not None and value < bound:
            posterior.effects[:] = saved[0]
            design.restore(*saved)
            weights, prior, index = fallback
            components, n_cycles = prior.whitened(covariance), float(CYCLES[0])
            value, moment = step()
        converged = value - bound < tol
        bound = value
        full = np.zeros(n_weights)
        full[index] = weights
        state, swept = State(posterior, index, full, covariance, bound, converged), prior
        if converged:
            yield state
            return
        if covariance_step is not None:
            covariance = covariance_step(moment, design.n_samples)
        if learn_weights:
            plain, weights = updated_weights(
                posterior.alpha(len(weights)), weights, design, int(n_cycles)
            )
            fallback = plain, prior, index
            n_cycles = min(GROWTH * n_cycles, float(CYCLES[1]))
            lowest = min(weight_threshold, weights.max())
            weights = np.where(weights < lowest, 0.0, weights)
            weights /= weights.sum()
            prior, kept = prior.without_empty(weights)
            weights, index = weights[kept], index[kept]
        if prior is not swept or covariance_step is not None:
            components = prior.whitened(covariance)
        yield state


def evidence_order(design, components, weights, covariance):
    """Return the variants by their evidence alone, log sum_t pi_t BF_pt, strongest first."""
    mixture = make_mixture(components, weights, covariance)
    evidence = np.full(design.squared_norm.shape[0], -np.inf)
    design.start(np.zeros((len(evidence), covariance.matrix.shape[0])))
    design.impute(covariance)
    for block in design.blocks:
        score, d = design.score(design.columns(block)), design.squared_norm[block]
        n_block, found = len(d), np.empty_like(d)
        update_block(
            (np.zeros(n_block * (n_block - 1) // 2), score, d),
            tuple(mixture),
            (
                np.zeros_like(score), np.empty_like(score), np.empty((n_block, len(weights))),
                np.empty_like(score), found,
            ),
            False, np.empty((0, 0)),
        )  # fmt: skip
        evidence[block] = found
    return np.argsort(-evidence, kind="stable")
