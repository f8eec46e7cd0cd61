"""The MiXeR model's bound on the evidence of z, and its derivatives.

Source: Supplementary Notes of Finemap-MiXeR (Akdeniz et al., PLoS Genetics 2024), Table 1 and
equations (29)-(31), corrected. Arrays of variants have shape (..., p): leading axes are starts.
"""

from collections.abc import Callable
from numbers import Integral
from typing import Any, NamedTuple

from skgenetics.finemapping._posterior import Posterior
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._typing import Array

MIN_RESIDUAL_VARIANCE = 1e-4  # a learned s0^2 goes no lower: the data are then predicted exactly


class NoiseNorm(NamedTuple):
    """What s0^2 is learned from: numbers, or None if s0^2 is held at its first value."""

    z_norm: Any = None
    """z'V^+z with s0^2 V the covariance of the noise of z, or N if the trait is known."""
    rank: Any = None
    """Rank of V, or N - 1."""


class Quadratic(NamedTuple):
    """log p(z | beta) as a quadratic form: -[z_norm - 2 linear'beta + beta' G beta] / (2 s0^2).

    Both noise models have this form, A = S R being the design of z and S = diag sqrt(N H):

    * noise N(0, s0^2 R):  linear = S z,    G = S R S,    z_norm = z'R^+z, rank = rank(R);
    * noise N(0, s0^2 I):  linear = S R z,  G = S R R S,  z_norm = z'z,    rank = p.

    Where the trait y itself is known (in units of its deviation) and the noise is on R, z_norm = N
    and rank = N - 1 make this the likelihood of y beside a mean of its own, which says more of s0^2
    than that of z.
    """

    linear: Array
    """(p,)"""
    product: Callable[[Array], Array]
    """Effects (..., p) -> G effects (..., p)."""
    diagonal: Array
    """(p,) of G."""
    z_norm: Any
    """A number; None if it is not needed, since s0^2 is held at its first value."""
    rank: Any


def quadratic_form(
    locus: Locus,
    noise: str,
    *,
    n_components: int | float | None = None,
    norm: NoiseNorm | None = None,
) -> Quadratic:
    """Return the `Quadratic` of a `Locus` whose noise is "independent", or on the "ld".

    n_components : None, int or float
        The PCA form, equations (36)-(37): R is replaced, in the product G effects alone, by its
        leading eigenvectors, so many of them, or as many as hold this share of the trace.
    norm : NoiseNorm
        Needed if s0^2 is learned: see `learning_norm`.
    """
    z, ld, scale = locus.z, locus.ld, locus.scale
    independent = noise == "independent"

    def full_product(effects):
        moved = ld.product(effects * scale)
        return scale * (ld.product(moved) if independent else moved)

    norm = NoiseNorm() if norm is None else norm
    product = full_product
    if n_components is not None:
        values, vectors = ld.spectrum()
        values = values**2 if independent else values
        count = n_leading(values, n_components)
        values, vectors = values[:count], vectors[:, :count] * scale[:, None]

        def pca_product(effects):
            return ((effects @ vectors) * values) @ vectors.T

        product = pca_product

    if independent:
        return Quadratic(scale * ld.product(z), product, scale**2 * ld.scores(), *norm)
    return Quadratic(scale * z, product, scale**2, *norm)


def n_leading(values: Array, n_components: int | float) -> int:
    """Return how many leading `values` (falling) a count or a share of their sum asks for."""
    xp = namespace_of(values)
    if isinstance(n_components, Integral):
        return min(n_components, values.shape[0])
    below = xp.cumulative_sum(values) < n_components * xp.sum(values)  # none if nothing varies
    return min(int(xp.sum(xp.astype(below, xp.int64))) + 1, values.shape[0])


def learning_norm(locus: Locus, noise: str = "ld") -> NoiseNorm:
    """Return the `NoiseNorm` of a locus, from which s0^2 can be learned."""
    if noise == "independent":
        return NoiseNorm(float(locus.z @ locus.z), locus.z.shape[0])
    if locus.trait_known:
        return NoiseNorm(locus.n_samples, locus.n_samples - 1)  # one direction is the mean
    return range_norm(locus.z, *locus.ld.spectrum())


def range_norm(z: Array, values: Array, vectors: Array) -> NoiseNorm:
    """Return z'R^+z and rank(R); raise ValueError if z leaves the range of R."""
    xp = namespace_of(z)
    tolerance = values.shape[0] * float(xp.finfo(values.dtype).eps) * float(values[0])
    keep = values > max(tolerance, 1e-10 * float(values[0]))
    rotated = z @ vectors
    outside = float(z @ z) - float(xp.sum(xp.where(keep, rotated, 0 * rotated) ** 2))
    slack = max(1e-6, 1e3 * float(xp.finfo(values.dtype).eps))
    if outside > slack * max(float(z @ z), 1.0):
        raise ValueError(
            "residual_variance=None cannot be learned here: z is not in the range of ld "
            f"(squared length {outside:.3g} of z lies outside it), so the likelihood has no bound. "
            "Pass ld + lambda I with lambda > 0 (rescaled to a unit diagonal), or give "
            "residual_variance a number."
        )
    inverse = xp.where(keep, 1 / xp.where(keep, values, 1 + 0 * values), 0 * values)
    return NoiseNorm(float(xp.sum(rotated**2 * inverse)), int(xp.sum(xp.astype(keep, xp.int64))))


def expected_quadratic(quadratic: Quadratic, moved: Array, mean: Array, variance: Array) -> Array:
    """Return E_q of -2 linear'beta + beta' G beta, given moved = G mean; the paper's T_A - z'z."""
    xp = namespace_of(mean)
    return xp.sum((moved - 2 * quadratic.linear) * mean + quadratic.diagonal * variance, axis=-1)


def log_likelihood(quadratic: Quadratic, residual: Array, residual_variance: Array) -> Array:
    """Return E_q log p(z | beta) - log p(z | beta = 0, s0^2 = 1): T1 of the paper.

    `residual` is `expected_quadratic`. Where z_norm is None, s0^2 is a constant whose own terms are
    left out, so that the value is relative to beta = 0 at the same s0^2.
    """
    value = -residual / (2 * residual_variance)
    if quadratic.z_norm is None:
        return value
    xp = namespace_of(residual_variance)
    extra = quadratic.z_norm * (1 - 1 / residual_variance)
    return value + extra / 2 - quadratic.rank * xp.log(residual_variance) / 2


def log_sigmoid(logit: Array) -> tuple[Array, Array]:
    """Return log q and log(1 - q) of q = 1 / (1 + exp(-logit)), without overflow."""
    xp = namespace_of(logit)
    positive = logit > 0
    size = xp.where(positive, logit, -logit)
    log_gate = xp.where(positive, xp.zeros_like(logit), logit) - xp.log1p(xp.exp(-size))
    return log_gate, log_gate - logit


def elbo(
    quadratic: Quadratic,
    moved: Array,
    mean: Array,
    sd: Array,
    logit: Array,
    *,
    pi: Array,
    slab: Array,
    spike: Array,
    residual_variance: Array,
) -> Array:
    """Return L = T1 - T2 - T3, the bound for q(beta, u) = prod Bern(u|q) N(beta|mean, sd^2).

    Parameters
    ----------
    moved, mean, sd, logit : array (..., p)
        moved = G mean; q = 1 / (1 + exp(-logit)).
    pi, slab, spike, residual_variance : array (..., 1) or (p,)
        Prior probability of an effect, variances sigma_beta^2 of the slab and delta^2 of the spike,
        and s0^2.
    """
    residual = expected_quadratic(quadratic, moved, mean, sd**2)
    likelihood = log_likelihood(quadratic, residual, residual_variance[..., 0])
    prior = log_prior_ratio(mean, sd, logit, pi=pi, slab=slab, spike=spike)
    return likelihood + namespace_of(mean).sum(prior, axis=-1)


def log_prior_ratio(
    mean: Array, sd: Array, logit: Array, *, pi: Array, slab: Array, spike: Array
) -> Array:
    """Return E_q log p(beta, u) - E_q log q(beta, u) of each variant: -T2 - T3."""
    xp = namespace_of(mean)
    log_gate, log_off = log_sigmoid(logit)
    gate, off = xp.exp(log_gate), xp.exp(log_off)
    second = mean**2 + sd**2
    slab_term = xp.log(pi) - log_gate - (xp.log(slab) + second / slab) / 2
    spike_term = xp.log(1 - pi) - log_off - (xp.log(spike) + second / spike) / 2
    return gate * slab_term + off * spike_term + xp.log(sd) + 0.5


def gradient(
    quadratic: Quadratic,
    moved: Array,
    mean: Array,
    sd: Array,
    logit: Array,
    *,
    pi: Array,
    slab: Array,
    spike: Array,
    residual_variance: Array,
) -> tuple[Array, Array, Array]:
    """Return the derivatives of `elbo` in mean, sd and q, given moved = G mean.

    Table 1 and (31) with their corrections: the mean multiplies its prior precision, and with noise
    on R the variance's likelihood term is N H in place of sum_j a_ij^2.
    """
    xp = namespace_of(mean)
    log_gate, log_off = log_sigmoid(logit)
    gate, off = xp.exp(log_gate), xp.exp(log_off)
    second = mean**2 + sd**2
    precision = off / spike + gate / slab
    d_mean = (quadratic.linear - moved) / residual_variance - precision * mean
    d_sd = 1 / sd - sd * (quadratic.diagonal / residual_variance + precision)
    d_gate = (
        xp.log(pi / (1 - pi)) - logit + (xp.log(spike / slab) + second * (1 / spike - 1 / slab)) / 2
    )
    return d_mean, d_sd, d_gate


def prior_gradient(
    quadratic: Quadratic,
    moved: Array,
    mean: Array,
    sd: Array,
    gate: Array,
    *,
    pi: Array,
    slab: Array,
    spike: Array,
    residual_variance: Array,
) -> tuple[Array, Array, Array]:
    """Return the derivatives (..., 1) of `elbo` in logit pi, log sigma_beta^2 and log s0^2.

    (31) with its corrections, times pi (1 - pi), sigma_beta^2 and s0^2. The last is 0 where z_norm
    is None; the spike has no part in any.
    """
    xp = namespace_of(mean)
    second = mean**2 + sd**2
    d_pi = xp.sum(gate - pi, axis=-1, keepdims=True)
    d_slab = xp.sum(gate * (second / slab - 1), axis=-1, keepdims=True) / 2
    if quadratic.z_norm is None:
        return d_pi, d_slab, 0 * d_pi
    error = quadratic.z_norm + expected_quadratic(quadratic, moved, mean, sd**2)[..., None]
    return d_pi, d_slab, (error / residual_variance - quadratic.rank) / 2


def closed_form_prior(
    total: Array, second: Array, n_variants: int, pi_slab: float | None = None
) -> tuple[Array, Array]:
    """Return the maximizers pi and sigma_beta^2 of the bound, given total = sum q.

    pi = total / p and sigma_beta^2 = second / total, second = sum q (mean^2 + sd^2). Where a given
    heritability holds pi sigma_beta^2 at `pi_slab`, pi is the root in (0, 1) of the quadratic
    k pi^2 - (p + total / 2 + k) pi + 3 total / 2, k = second / (2 pi_slab).
    """
    if pi_slab is None:
        return total / n_variants, second / total
    k = second / (2 * pi_slab)
    linear = n_variants + total / 2 + k
    pi = 3 * total / (linear + (linear**2 - 6 * k * total) ** 0.5)
    return pi, pi_slab / pi


def learned_prior(posterior: Posterior, pi_slab: float | None = None) -> tuple[float, float]:
    """Return what `closed_form_prior` makes of a `Posterior`: pi, its mean PIP, and the slab."""
    xp = namespace_of(posterior.pip)
    total, second = (float(xp.sum(part)) for part in (posterior.pip, posterior.slab_second))
    if total == 0:
        return 0.0, 0.0
    return closed_form_prior(total, second, posterior.pip.shape[0], pi_slab)
