"""The effects of the background themselves, which predictions need beside the few large ones.

Per deviation of the genotypes let G = T R T, T = diag sqrt(N), l = T z, K = I + (tau^2 / s0^2) G.
Given the large effects b, those of the background are normal, with the mean

    E[u | b, z] = (tau^2 / s0^2) K^-1 (l - G b),

which is linear in b, so that its mean over the posterior of b takes the mean of b.
"""

from skgenetics.finemapping._likelihood import root_samples, variance_per_deviation
from skgenetics.finemapping._posterior import Posterior
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
    root = to_numpy(root_samples(locus)).astype(float)
    form = root[:, None] * to_numpy(locus.ld.dense().matrix).astype(float) * root
    rest = root * to_numpy(locus.z) - form @ to_numpy(effects)
    mean = ratio * Point(rest, form, ratio, 0.0).linear  # K^-1 of what the effects leave
    mean[root == 0] = 0.0
    return namespace_of(effects).astype(locus.array(mean), effects.dtype, copy=False)
