"""The effects of the background themselves, which predictions need beside the few large ones.

Per deviation of the genotypes let G = T R T, T = diag sqrt(N), l = T z, K = I + (tau^2 / s0^2) G.
Given the large effects b, those of the background are normal, with the mean

    E[u | b, z] = (tau^2 / s0^2) K^-1 (l - G b),

which is linear in b, so that its mean over the posterior of b takes the mean of b, and the variance
tau^2 K^-1.
"""

from typing import NamedTuple

import numpy as np

from skgenetics.finemapping._data import MAX_DENSE_LD
from skgenetics.finemapping._likelihood import (
    per_deviation_spectrum,
    root_samples,
    variance_per_deviation,
)
from skgenetics.finemapping._posterior import Posterior, residual_share
from skgenetics.finemapping.solvers import Problem
from skgenetics.finemapping.solvers._background import Point
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._moments import reciprocal
from skgenetics.utils._typing import Array


def background_effects(
    posterior: Posterior, problem: Problem, variance: float, *, in_likelihood: bool
) -> Array:
    """Return E[u] (p,) per allele, for tau^2 = `variance` per allele.

    `in_likelihood` says whether the locus of the problem is that of `with_background`, whose linear
    term and quadratic form are K^-1 l and K^-1 G. Else K is factorized on the host.
    """
    locus = problem.locus
    if variance == 0:
        return 0.0 * posterior.mean
    ratio = variance_per_deviation(problem.observed, variance) / posterior.residual_variance
    if in_likelihood:
        rest = locus.z - locus.ld.product(locus.scale * posterior.mean)
        return ratio * rest * locus.scale * reciprocal(locus.heterozygosity)
    per_deviation = _solved(posterior.mean * locus.heterozygosity**0.5, locus, ratio)
    return per_deviation * reciprocal(locus.heterozygosity) ** 0.5


def _solved(effects: Array, locus: Locus, ratio: float) -> Array:
    """Return E[u] (p,) per deviation, of a locus without a background in its likelihood."""
    root, form = _quadratic_form(locus)
    rest = root * to_numpy(locus.z) - form @ to_numpy(effects)
    mean = ratio * Point(rest, form, ratio, 0.0).linear  # K^-1 of what the effects leave
    mean[root == 0] = 0.0
    return namespace_of(effects).astype(locus.array(mean), effects.dtype, copy=False)


def _quadratic_form(locus: Locus) -> tuple[np.ndarray, np.ndarray]:
    """Return the diagonal (p,) of T, and G (p, p), on the host."""
    root = to_numpy(root_samples(locus)).astype(float)
    return root, root[:, None] * to_numpy(locus.ld.dense().matrix).astype(float) * root


class Spread(NamedTuple):
    """What is uncertain of predictions, as shares of the trait; mean over genotypes as the LD's."""

    of_effects: float
    """tr(R Var[K^-1 b]): what one effect more explains, the background explains less."""
    of_effects_alone: float
    """tr(R Var[b]), as if the background were known."""
    of_background: float
    """tau^2 tr(R K^-1), given b."""


def predictive_spread(posterior: Posterior, locus: Locus, variance: float) -> Spread:
    """Return the `Spread` beside a background of tau^2 = `variance` per allele."""
    held = variance_per_deviation(locus, variance)
    ratio, people = held / posterior.residual_variance, float(locus.n_samples)
    spread, factors, weights = (to_numpy(part).astype(float) for part in posterior.covariance)
    deviation = to_numpy(locus.heterozygosity).astype(float) ** 0.5
    spread, factors = spread * deviation**2, factors * deviation
    if locus.z.shape[0] > MAX_DENSE_LD:  # of fewer people
        values, vectors = (to_numpy(a).astype(float) for a in per_deviation_spectrum(locus))
        diagonals = [vectors**2 @ values, vectors**2 @ (values / (1 + ratio * values) ** 2)]
        along = (factors @ vectors) ** 2
        forms = [along @ values, along @ (values / (1 + ratio * values) ** 2)]
        trace = np.sum(values / (1 + ratio * values))
    else:
        root, form = _quadratic_form(locus)
        solved = np.empty_like(form)
        Point(root, form, ratio, 0.0).write_quadratic(solved)  # K^-1 G = G K^-1
        both = np.diag(solved) - ratio * np.sum(solved**2, axis=0)  # K^-1 G K^-1
        diagonals, moved = [np.diag(form), both], factors @ solved
        forms = [np.sum((factors @ form) * factors, axis=1), np.sum(moved * factors, axis=1)]
        forms[1] -= ratio * np.sum(moved**2, axis=1)
        trace = np.trace(solved)
    alone, beside = (spread @ own + weights @ of for own, of in zip(diagonals, forms, strict=True))
    return Spread(float(beside) / people, float(alone) / people, held * float(trace) / people)


def predictive_parts(
    posterior: Posterior, locus: Locus, background: Array, variance: float
) -> tuple[float, float]:
    """Return the share of Var[b] that predictions have, and the variance of all else, of the trait.

    `background` (p,) is E[u], `variance` tau^2, both per allele.
    """
    noise = residual_share(posterior, locus, background)
    if variance == 0:
        return 1.0, noise
    spread = predictive_spread(posterior, locus, variance)
    noise += spread.of_effects - spread.of_effects_alone + 2 * spread.of_background
    share = spread.of_effects / max(spread.of_effects_alone, 1e-300)
    return min(max(share, 0.0), 1.0), max(noise, 0.0)
