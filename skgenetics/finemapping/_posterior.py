"""What a solver says of the effects of a locus."""

from typing import NamedTuple


class Posterior(NamedTuple):
    """What a solver says of the effects: Cov = diag(spread) + factors' diag(weights) factors."""

    pip: object  # (p,)
    mean: object  # (p,)
    spread: object  # (p,)
    factors: object  # (k, p)
    factor_weights: object  # (k,)
    slab_second: object  # (p,) E[beta^2; the variant has an effect]
    residual_variance: float
