"""Likelihoods that are not z ~ N(R S b, s0^2 R), in the form that every solver takes.

A likelihood of effects b is log p(z | b) = l'b - b'Gb / 2 up to a constant. With S = diag G^(1/2),
R = S^-1 G S^-1 and z = S^-1 l it is that of a locus z ~ N(R S b, R): an equivalent locus, which a
solver fits as any other.
"""

from skgenetics.loci._ld import DenseLD, GenotypeLD, factor_ld
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import namespace_of
from skgenetics.utils._moments import reciprocal
from skgenetics.utils._typing import Array


def with_background(locus: Locus, variance: float, residual_variance: float = 1.0) -> Locus:
    """Return the locus of the same likelihood as `locus` with a background of small effects.

    Every variant has an effect u_i per deviation of its genotype, N(0, tau^2), beside b. Per
    deviation let G = T R T, T = diag sqrt(N), and l = T z. Then l ~ N(G b, s0^2 G + tau^2 G^2), and
    with G = U D U' the likelihood of b has the quadratic form U D / (1 + tau^2 D / s0^2) U' and the
    linear term U (1 + tau^2 D / s0^2)^-1 U'l, both over s0^2 (SuSiE-inf, Cui et al. 2023).

    Parameters
    ----------
    locus : Locus
    variance : float
        tau^2 per allele of a variant of the mean heterozygosity, so that the background explains
        `variance` sum(H) of the trait.
    residual_variance : float
        s0^2.
    """
    if variance == 0:
        return locus
    ratio = variance_per_deviation(locus, variance) / residual_variance
    return background_locus(locus, *per_deviation_spectrum(locus), ratio)


def background_locus(locus: Locus, values: Array, vectors: Array, ratio: float) -> Locus:
    """Return `with_background` for D, U and tau^2 / s0^2 per deviation."""
    shrink = 1 / (1 + ratio * values)
    linear = locus.z * root_samples(locus)  # what lies outside the range of G stays
    linear = linear - vectors @ ((1 - shrink) * (linear @ vectors))
    return equivalent_locus(locus, vectors * (values * shrink) ** 0.5, linear)


def root_samples(locus: Locus) -> Array:
    """Return sqrt(N) (p,), by which an effect per deviation moves z; 0 for constant variants."""
    return locus.scale * reciprocal(locus.heterozygosity) ** 0.5


def variance_per_deviation(locus: Locus, variance: float) -> float:
    """Return the variance of background effects per deviation, given that per allele."""
    xp = namespace_of(locus.z)
    varies = locus.scale > 0
    total = float(xp.sum(xp.where(varies, locus.heterozygosity, 0 * locus.scale)))
    return variance * total / max(float(xp.sum(xp.astype(varies, locus.z.dtype))), 1.0)


def per_deviation_spectrum(locus: Locus) -> tuple[Array, Array]:
    """Return eigenvalues (k,) >= 0 and eigenvectors (p, k) of T R T, T = diag sqrt(N)."""
    xp, root = namespace_of(locus.z), root_samples(locus)
    largest = xp.max(root)
    if bool(xp.all((root == largest) | (root == 0))) and bool(xp.all(root > 0)):
        ld = locus.ld
        if isinstance(ld, GenotypeLD) and ld.X.shape[0] > ld.n_variants:
            ld = ld.dense()
        values, vectors = ld.spectrum()
        values = values * largest**2
    else:
        values, vectors = DenseLD(
            root[:, None] * locus.ld.dense().matrix * root[None, :]
        ).spectrum()
    return xp.clip(values, min=0.0), vectors


def equivalent_locus(locus: Locus, root: Array, linear: Array) -> Locus:
    """Return the `Locus` of G = `root` root' (p, k) and l = `linear` (p,) per deviation.

    Its LD stays a factor: single effects need few rows of it.
    """
    xp = namespace_of(locus.z)
    size = xp.sum(root * root, axis=1) ** 0.5
    inverse = reciprocal(size)
    constant = xp.astype(size == 0, root.dtype)[:, None] * root.shape[1] ** -0.5
    return locus._replace(
        z=linear * inverse,
        ld=factor_ld(root * inverse[:, None] + constant),
        scale=size * locus.heterozygosity**0.5,
        trait_known=False,
    )
