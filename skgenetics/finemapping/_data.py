"""Fine-mapping from genotypes and a trait: their moments, and the units of a binary trait."""

from typing import NamedTuple

import numpy as np

from skgenetics.loci._ld import LD, GenotypeLD
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import device_of, namespace_of
from skgenetics.utils._moments import center, column_moments, is_constant, reciprocal
from skgenetics.utils._typing import Array

MAX_DENSE_LD = 4096  # beyond so many variants, fit applies LD through X and never forms it


class Moments(NamedTuple):
    """First and second moments of X (n, p) and y (n,) under frequency weights."""

    locus: Locus
    X_mean: Array
    """(p,)"""
    y_mean: float
    y_sd: float


class TraitUnits(NamedTuple):
    """How effects of a locus, in deviations of a trait of mean 0, become those of the trait."""

    effect: float
    """What an effect of 1 is on the trait's own scale."""
    center: float
    """The trait where all genotypes have their means."""
    X_mean: Array
    """Means (p,) of the genotypes."""


def data_moments(X: Array, y: Array, weight: Array | None) -> Moments:
    """Return the `Moments` of X and y, their LD dense up to MAX_DENSE_LD variants.

    Constant columns get variance and z of exactly 0. One pass over X by blocks of columns.
    """
    xp, device, dtype = namespace_of(y), device_of(y), y.dtype
    n_samples = float(X.shape[0]) if weight is None else float(xp.sum(weight))
    if weight is None:
        share = xp.full((X.shape[0],), 1 / n_samples, dtype=dtype, device=device)
    else:
        share = weight / n_samples
    y_mean, y_centered = center(y, share)
    y_variance = xp.sum(share * y_centered**2)
    y_variance = xp.where(is_constant(y_variance, y_mean), 0 * y_variance, y_variance)
    mean, variance, covariance = column_moments(X, share, y_centered)
    inverse_sd = reciprocal(xp.sqrt(variance))
    z = n_samples**0.5 * covariance * inverse_sd
    z = z * reciprocal(xp.sqrt(y_variance))
    ld: LD = GenotypeLD(X, mean, inverse_sd, xp.sqrt(share))
    if X.shape[1] <= MAX_DENSE_LD:
        ld = ld.dense()
    scale = xp.sqrt(n_samples * variance)
    locus = Locus(
        z=z,
        ld=ld,
        n_samples=n_samples,
        heterozygosity=variance,
        scale=scale,
        trait_known=True,
    )
    return Moments(locus, mean, float(y_mean), float(y_variance) ** 0.5)


def quantitative_units(moments: Moments) -> tuple[Locus, TraitUnits]:
    """Return the locus and the units of its effects, for a trait on a scale of its own."""
    return moments.locus, TraitUnits(moments.y_sd, moments.y_mean, moments.X_mean)


def case_control_units(moments: Moments, y: Array) -> tuple[Locus, TraitUnits]:
    """Return the locus and the units of its effects, if y (n,) is 0 or 1.

    The score test of a logistic regression is z = sqrt(n) cor(x, y), as for any trait. For log odds
    ratios b, a share f of cases and weak effects, E z = R diag sqrt(n f (1 - f) H) b: a study of
    n_eff = 4 n f (1 - f) people, half of them cases, in which b / 2 is an effect in deviations of
    the trait. Hence the unit 2, and the center logit(f).
    """
    if not bool(namespace_of(y).all((y == 0) | (y == 1))):
        raise ValueError(
            "trait='binary' needs y of 0 (control) and 1 (case); got other values. A trait from "
            "which covariates were regressed is quantitative: leave trait='quantitative'."
        )
    share = moments.y_mean
    if not 0 < share < 1:
        raise ValueError(f"trait='binary' needs cases and controls; every y is {share:g}.")
    locus, shrink = moments.locus, 4 * share * (1 - share)
    locus = locus._replace(
        n_samples=locus.n_samples * shrink, scale=locus.scale * shrink**0.5, trait_known=False
    )
    return locus, TraitUnits(2.0, float(np.log(share) - np.log1p(-share)), moments.X_mean)
