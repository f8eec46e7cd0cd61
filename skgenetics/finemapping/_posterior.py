"""What a solver says of the effects of a locus."""

from typing import NamedTuple

from skgenetics.utils._arrays import column_blocks, namespace_of
from skgenetics.utils._typing import Array


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


def predictive_variance(X: Array, X_mean: Array, covariance: Covariance, noise: float) -> Array:
    """Return the variance (n,) of predictions at X (n, p): of the effects and of the noise."""
    xp = namespace_of(covariance.spread)
    variance, common = noise, 0.0
    for columns, block in column_blocks(X, covariance.spread.dtype):
        centered = block - X_mean[columns]
        variance = variance + (centered * centered) @ covariance.spread[columns]
        common = common + centered @ covariance.factors[:, columns].T
    return xp.clip(variance + (common * common) @ covariance.weights, min=0.0)
