"""Likelihoods that are not z ~ N(R S b, s0^2 R), in the form that every solver takes.

A likelihood of effects b is log p(z | b) = l'b - b'Gb / 2 up to a constant. With S = diag G^(1/2),
R = S^-1 G S^-1 and z = S^-1 l it is that of a locus z ~ N(R S b, R): an equivalent locus, which a
solver fits as any other.
"""

import warnings

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from skgenetics.finemapping._data import MAX_DENSE_LD
from skgenetics.loci._ld import LD, DenseLD, GenotypeLD, factor_ld
from skgenetics.loci._summary import Locus
from skgenetics.utils._arrays import namespace_of, to_numpy
from skgenetics.utils._moments import reciprocal
from skgenetics.utils._typing import Array

SAME_PEOPLE = 1.02  # most over fewest people of a variant: below it all are of the same people
RIDGE = 1e-3  # of R, which with overlaps must have an inverse


def with_overlap(locus: Locus) -> Locus:
    """Return the locus of the same likelihood as `locus` if variants are known in different people.

    z ~ N(D R S b, s0^2 R o K), with D = diag sqrt(N_j), S = diag sqrt(H_j) and K_ij = N_ij /
    sqrt(N_i N_j), N_ij being the people with both variants. They are not known, and taken for the
    fewer of N_i and N_j: the people of one variant are among those of the other. With V = R o K and
    M = D R the form is M'V^-1 M, and the linear term M'V^-1 z. R is (1 - RIDGE) R + RIDGE I.
    """
    if same_people(locus):
        return locus
    n_samples, matrix = (
        to_numpy(array).astype(float)
        for array in (locus.n_samples + 0 * locus.z, locus.ld.dense().matrix)
    )
    matrix *= 1 - RIDGE
    np.fill_diagonal(matrix, 1.0)
    root = np.sqrt(n_samples)
    ratio = root[:, None] / root
    return normal_locus(locus, root[:, None] * matrix, matrix * np.minimum(ratio, 1 / ratio))


def normal_locus(locus: Locus, design: np.ndarray, covariance: np.ndarray) -> Locus:
    """Return the locus of the likelihood z ~ N(M b, s0^2 V), on the host, b per deviation.

    M is `design` (p, p) and V `covariance` (p, p); the form is M'V^-1 M, the linear term M'V^-1 z.
    """
    lower = cholesky(covariance, lower=True)
    design = solve_triangular(lower, design, lower=True)
    form = design.T @ design
    linear = design.T @ solve_triangular(lower, to_numpy(locus.z).astype(float), lower=True)
    size = np.sqrt(np.diag(form))
    inverse = reciprocal(size)
    form *= inverse[:, None] * inverse
    np.fill_diagonal(form, 1.0)
    return equivalent_locus(
        locus, locus.array(size), DenseLD(locus.array(form)), locus.array(linear)
    )


def log_density(values: np.ndarray, covariance: np.ndarray) -> float:
    """Return log N(values; 0, covariance), but for the constant."""
    lower = cholesky(covariance, lower=True)
    size = solve_triangular(lower, values, lower=True)
    return float(-np.sum(np.log(np.diag(lower))) - size @ size / 2)


def same_people(locus: Locus) -> bool:
    """Whether all variants are known in the same people, or it makes no difference."""
    n_samples = to_numpy(locus.n_samples + 0 * locus.z)
    if n_samples.max() <= SAME_PEOPLE * n_samples.min():
        return True
    if len(n_samples) > MAX_DENSE_LD:
        warnings.warn(
            f"n_samples differs between variants ({n_samples.min():.6g} to "
            f"{n_samples.max():.6g}). Beyond {MAX_DENSE_LD} variants this is not taken into "
            "account: split the locus, or leave out the variants that few people have.",
            stacklevel=2,
        )
        return True
    return False


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
    root = vectors * (values * shrink) ** 0.5
    size = namespace_of(root).sum(root * root, axis=1) ** 0.5
    constant = (size == 0)[:, None] * root.shape[1] ** -0.5  # its LD does not count
    ld = factor_ld(root * reciprocal(size)[:, None] + constant)  # of which few rows are needed
    return equivalent_locus(locus, size, ld, linear)


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
    xp, root, ld = namespace_of(locus.z), root_samples(locus), locus.ld
    if isinstance(ld, GenotypeLD) and ld.X.shape[0] <= ld.n_variants:  # in O(n^2 p)
        scaled = GenotypeLD(ld.X, ld.mean, ld.inverse_sd * root, ld.root_weight)
        values, vectors = scaled.spectrum()
    elif bool(xp.all(root == root[0])):
        values, vectors = ld.dense().spectrum()
        values = values * root[0] ** 2
    else:
        values, vectors = DenseLD(root[:, None] * ld.dense().matrix * root[None, :]).spectrum()
    return xp.clip(values, min=0.0), vectors


def equivalent_locus(locus: Locus, size: Array, ld: LD, linear: Array) -> Locus:
    """Return the `Locus` of G = diag(size) R diag(size) and l = `linear`, both per deviation."""
    return locus._replace(
        z=linear * reciprocal(size),
        ld=ld,
        scale=size * locus.heterozygosity**0.5,
        trait_known=False,
    )
