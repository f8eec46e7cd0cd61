"""What a solver says of the effects of a locus."""

from typing import NamedTuple

import numpy as np

from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import column_blocks, move_to, namespace_of, to_numpy
from skgenetics.utils._typing import Array

NEGLIGIBLE = 1e-7  # effects below this share of the largest


class Covariance(NamedTuple):
    """Covariance diag(spread) + F' diag(weights) F of p effects, which is never formed."""

    spread: Array
    """Part (p,) that each variant has alone."""
    factors: Array
    """F (k, p): effects that move together, such as those of one signal's variants."""
    weights: Array
    """Weights (k,) of the factors, some of which may be negative."""

    def variances(self) -> Array:
        """Return the variance (p,) of each effect."""
        xp = namespace_of(self.spread)
        return xp.clip(self.spread + self.weights @ self.factors**2, min=0.0)

    def times(self, unit: float) -> "Covariance":
        """Return the covariance of the effects times `unit`."""
        return Covariance(unit**2 * self.spread, unit * self.factors, self.weights)


class Posterior(NamedTuple):
    """What a solver says of the effects of p variants, in the namespace of the data."""

    pip: Array
    """Posterior inclusion probabilities (p,)."""
    mean: Array
    """E[beta] (p,)."""
    covariance: Covariance
    """Of beta."""
    slab_second: Array
    """E[beta^2; the variant has an effect] (p,), of which variances and heritability are made."""
    residual_variance: float
    """s0^2, held or learned."""
    background: float | None = None
    """tau^2 of the background, if the solver learns it."""
    slopes: np.ndarray | None = None
    """Log odds ratios (k,) of the annotations, if the solver learns them, on the host."""


def explained_share(posterior: Posterior, locus: Locus) -> float:
    """Return E[b'SRSb] / N, the share of the trait's variance that the effects explain.

    With LD between the effects. Only variants that carry an effect enter the product with R.
    """
    xp = namespace_of(posterior.mean)
    spread, factors, weights = posterior.covariance
    effects = xp.concat([posterior.mean[None, :], factors], axis=0) * locus.heterozygosity**0.5
    size = np.max(np.abs(to_numpy(effects)), axis=0)
    carriers = np.flatnonzero(size > NEGLIGIBLE * size.max())
    if len(carriers) < len(size) // 4:
        index = move_to(carriers, xp, locus.device)
        rows = xp.take(locus.ld.rows(carriers), index, axis=1)
        effects = xp.take(effects, index, axis=1)
        quadratic = xp.sum((effects @ rows) * effects, axis=1)
    else:
        quadratic = xp.sum(locus.ld.product(effects) * effects, axis=1)
    own = xp.sum(locus.heterozygosity * spread)
    return float(quadratic[0] + own + xp.sum(weights * quadratic[1:]))


def residual_share(posterior: Posterior, locus: Locus, background: Array) -> float:
    """Return E||y - X (beta + u)||^2 / ((N - 1) var(y)), for E[u] = `background` (p,) per allele.

    The trait's variance is 1. One of N directions is its mean's. Of u the mean alone counts.
    """
    xp, deviation = namespace_of(posterior.mean), locus.heterozygosity**0.5
    fitted = 2 * float(xp.sum(locus.scale * locus.z * (posterior.mean + background)))
    small = deviation * background
    with_small = locus.ld.product(small) * (small + 2 * deviation * posterior.mean)
    explained = explained_share(posterior, locus) + float(xp.sum(with_small))
    people = locus.n_samples
    return max(1 - fitted / people + explained, 0.0) * people / (people - 1)


def predictive_variance(X: Array, X_mean: Array, covariance: Covariance, noise: float) -> Array:
    """Return the variance (n,) of predictions at X (n, p): of the effects and of the noise."""
    xp = namespace_of(covariance.spread)
    variance, common = noise, 0.0
    for columns, block in column_blocks(X, covariance.spread.dtype):
        centered = block - X_mean[columns]
        variance = variance + (centered * centered) @ covariance.spread[columns]
        common = common + centered @ covariance.factors[:, columns].T
    return xp.clip(variance + (common * common) @ covariance.weights, min=0.0)
