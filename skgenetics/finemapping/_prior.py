"""The prior of the effects, as far as it is known before z is seen.

The model: beta_i ~ (1 - pi_i) delta_0 + pi_i N(0, sigma_beta^2), and the heritability of the locus
h^2 = sigma_beta^2 sum_i pi_i H_i.
"""

from collections.abc import Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from skgenetics.loci._summary import Locus, per_variant
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._labels import Labels
from skgenetics.utils._typing import Array, ArrayLike


class Prior(NamedTuple):
    """The parameters of the prior; None if a solver learns them."""

    pi: Array | None
    """Prior probabilities (p,) of an effect. A solver without pi_1 takes them as weights."""
    slab: Array | None
    """sigma_beta^2 (p,), the variance of an effect."""
    pi_slab: float | None = None
    """pi sigma_beta^2, which a fixed heritability holds if both parameters are learned."""


class FixedPrior(NamedTuple):
    """What the user fixed of the prior, in the order of the variants; None for what is free."""

    causal_probability: ArrayLike | None
    effect_variance: ArrayLike | None
    heritability: float | None
    annotated: bool
    """Whether annotations explain pi."""

    @property
    def asks_pi(self) -> bool:
        """Whether the user fixed a number that only the spike and slab has."""
        return isinstance(self.causal_probability, Real) or self.heritability is not None


def fixed_prior(estimator: Any, labels: Labels) -> FixedPrior:
    """Return what the parameters of an estimator fix of the prior of labelled variants."""

    def matched(name: str) -> ArrayLike | None:
        values = getattr(estimator, name)
        if values is None or isinstance(values, Real):
            return values
        if not isinstance(values, Mapping) and np.ndim(values) == 0:
            return to_numpy(values).item()
        return labels.match(values, name)

    return FixedPrior(
        matched("causal_probability"),
        matched("effect_variance"),
        estimator.heritability,
        annotated=estimator.annotations is not None,
    )


def known_prior(fixed: FixedPrior, locus: Locus, *, has_pi: bool) -> Prior:
    """Return the `Prior` of a locus from what the user fixed.

    Under a heritability a solver without pi_1 expects one effect in the locus.
    """
    heritability = fixed.heritability
    pi = _beside_z(fixed.causal_probability, "causal_probability", locus, high=1, closed="both")
    slab = _beside_z(fixed.effect_variance, "effect_variance", locus, closed="neither")
    if heritability is None:
        if pi is not None and _none_possible(pi, locus):
            raise ValueError("causal_probability is 0 for every variant that varies.")
        return Prior(pi, slab)
    if pi is None and not has_pi:
        pi = 0 * locus.z + 1 / locus.z.shape[0]
    if pi is not None:
        return Prior(pi, slab_of_heritability(heritability, pi, locus))
    total = float(namespace_of(locus.z).sum(locus.heterozygosity))
    return Prior(None, None, heritability / max(total, 1e-300))


def _none_possible(pi: Array, locus: Locus) -> bool:
    """Return whether no variant that varies can have an effect."""
    possible, varies = to_numpy(pi) > 0, to_numpy(locus.scale) > 0
    return bool(varies.any() and not (possible & varies).any())


def _beside_z(values: ArrayLike | None, name: str, locus: Locus, **limits) -> Array | None:
    """Return `values`, a number or one per variant, as an array (p,) beside z; None stays None."""
    if values is None:
        return None
    in_order = Labels(None, "z")  # since `fixed_prior`
    return per_variant(values, name, locus.z, low=0, labels=in_order, **limits)


def slab_of_heritability(heritability: float, pi: Array, locus: Locus) -> Array:
    """Return sigma_beta^2 (p,), constant, from h^2 = sigma_beta^2 sum_i pi_i H_i."""
    total = float(namespace_of(pi).sum(pi * locus.heterozygosity))
    if total == 0:
        raise ValueError(
            "heritability needs a variant that varies and has causal_probability above 0."
        )
    return 0 * locus.z + heritability / total


def fixed_or_learned(
    fixed: ArrayLike | None, learned: float | Array, locus: Locus
) -> float | Array:
    """Return a parameter of the prior as the user fixed it, or the one learned."""
    if fixed is None:
        return learned
    return float(fixed) if isinstance(fixed, Real) else locus.array(fixed)
