"""What fine-mapping needs to know of the data: z statistics, LD, and moments of genotypes.

z is sqrt(N) cor(x, y), its noise N(0, sigma_0^2 R) with R the LD (correlations of the variants).
An effect beta is per allele, in units of sd(y); a variant of variance H (the heterozygosity
2f(1-f) under Hardy-Weinberg) moves z by S beta, S = diag sqrt(N H): E z = R S beta.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np

from skgenetics.utils._array_api import (
    column_blocks,
    get_namespace_and_device,
    move_to,
    to_numpy,
)
from skgenetics.utils._validation import check_number

MAX_DENSE_LD = 4096  # beyond so many variants, fit applies LD through X and never forms it


class Locus(NamedTuple):
    """A locus as the solvers see it; arrays in the namespace of the data."""

    z: object  # (p,)
    ld: object  # DenseLD or GenotypeLD
    n_samples: object  # a number, or (p,)
    heterozygosity: object  # (p,) H
    scale: object  # (p,) sqrt(N H)
    trait_known: bool  # z comes from the trait and genotypes themselves
    xp: object
    device: object

    def array(self, values):
        """Return host `values` beside z."""
        return move_to(values, self.xp, self.device, self.z.dtype)


class Posterior(NamedTuple):
    """What a solver says of the effects: Cov = diag(spread) + factors' diag(weights) factors."""

    pip: object  # (p,)
    mean: object  # (p,)
    spread: object  # (p,)
    factors: object  # (k, p)
    factor_weights: object  # (k,)
    slab_second: object  # (p,) E[beta^2; the variant has an effect]
    residual_variance: float


class DenseLD:
    """LD as a symmetric matrix (p, p)."""

    def __init__(self, matrix, xp, device):
        self.matrix, self.xp, self.device = matrix, xp, device

    def dense(self):
        """Return itself."""
        return self

    def rows(self, variants):
        """Return R[variants, :] (k, p), for host integers `variants`."""
        return self.xp.take(self.matrix, move_to(variants, self.xp, self.device), axis=0)

    def product(self, effects):
        """Return R effects for effects (..., p)."""
        return effects @ self.matrix

    def scores(self):
        """Return the LD scores sum_j r_ij^2 (p,)."""
        return self.xp.sum(self.matrix * self.matrix, axis=1)

    def spectrum(self):
        """Return eigenvalues (k,), falling, and eigenvectors (p, k) of R."""
        values, vectors = self.xp.linalg.eigh(self.matrix)
        return self.xp.flip(values), self.xp.flip(vectors, axis=1)


class GenotypeLD:
    """LD of genotypes X, R = Z'Z with Z (n, p) the weighted, standardized X, which is not formed.

    X keeps its dtype; blocks of its columns are converted when they are needed.
    """

    def __init__(self, X, mean, inverse_sd, root_weight, xp, device):
        self.X, self.mean, self.inverse_sd, self.root_weight = X, mean, inverse_sd, root_weight
        self.xp, self.device = xp, device

    def blocks(self):
        """Yield column slices and the blocks Z[:, slice]."""
        for columns, block in column_blocks(self.X, self.xp, self.mean.dtype):
            centered = (block - self.mean[columns]) * self.inverse_sd[columns]
            yield columns, centered * self.root_weight[:, None]

    def dense(self):
        """Return Z'Z (p, p) by blocks, as a DenseLD."""
        p = self.mean.shape[0]
        matrix = self.xp.empty((p, p), dtype=self.mean.dtype, device=self.device)
        for rows, left in self.blocks():
            for columns, right in self.blocks():
                if columns.start >= rows.start:
                    block = left.T @ right
                    matrix[rows, columns] = block
                    matrix[columns, rows] = block.T
        return DenseLD(matrix, self.xp, self.device)

    def rows(self, variants):
        """Return R[variants, :] (k, p), for host integers `variants`."""
        index = move_to(variants, self.xp, self.device)
        chosen = self.xp.astype(self.xp.take(self.X, index, axis=1), self.mean.dtype)
        chosen = (chosen - self.xp.take(self.mean, index)) * self.xp.take(self.inverse_sd, index)
        chosen = (chosen * self.root_weight[:, None]).T
        return self.xp.concat([chosen @ block for _, block in self.blocks()], axis=1)

    def product(self, effects):
        """Return R effects for effects (..., p): two products with Z."""
        scores = sum(effects[..., columns] @ block.T for columns, block in self.blocks())
        return self.xp.concat([scores @ block for _, block in self.blocks()], axis=-1)

    def scores(self):
        """Return the LD scores sum_j r_ij^2 (p,): squared norms of Z (Z'Z)."""
        kernel = self.kernel()
        return self.xp.concat(
            [self.xp.sum(block * (kernel @ block), axis=0) for _, block in self.blocks()]
        )

    def spectrum(self):
        """Return the positive eigenvalues (k,), falling, and eigenvectors (p, k) of R."""
        values, vectors = self.xp.linalg.eigh(self.kernel())
        keep = values > values[-1] * self.mean.shape[0] * self.xp.finfo(values.dtype).eps
        values, vectors = self.xp.flip(values[keep]), self.xp.flip(vectors[:, keep], axis=1)
        loadings = [block.T @ vectors for _, block in self.blocks()]
        return values, self.xp.concat(loadings, axis=0) / self.xp.sqrt(values)

    def kernel(self):
        """Return Z Z' (n, n)."""
        return sum(block @ block.T for _, block in self.blocks())


class Moments(NamedTuple):
    """First and second moments of X (n, p) and y (n,) under frequency weights."""

    locus: Locus
    X_mean: object  # (p,)
    y_mean: float
    y_sd: float


def data_moments(X, y, weight, xp, device):
    """Return the `Moments` of X and y, their LD dense up to MAX_DENSE_LD variants.

    Constant columns get variance and z of exactly 0. One pass over X by blocks of columns.
    """
    dtype = y.dtype
    n_samples = float(X.shape[0]) if weight is None else float(xp.sum(weight))
    if weight is None:
        share = xp.full((X.shape[0],), 1 / n_samples, dtype=dtype, device=device)
    else:
        share = weight / n_samples
    y_mean = xp.sum(share * y)
    y_centered = y - y_mean
    y_variance = xp.sum(share * y_centered**2)
    eps = float(xp.finfo(dtype).eps)
    if float(y_variance) <= (10 * eps * abs(float(y_mean))) ** 2:
        y_variance = 0 * y_variance
    means, variances, covariances = [], [], []
    for _, block in column_blocks(X, xp, dtype):
        mean = share @ block
        centered = block - mean
        variance = share @ (centered * centered)
        means.append(mean)
        variances.append(xp.where(variance > (10 * eps * mean) ** 2, variance, 0 * variance))
        covariances.append((share * y_centered) @ centered)
    mean, variance = xp.concat(means), xp.concat(variances)
    inverse_sd = reciprocal(xp.sqrt(variance), xp)
    z = n_samples**0.5 * xp.concat(covariances) * inverse_sd
    z = z * reciprocal(xp.sqrt(y_variance), xp)
    ld = GenotypeLD(X, mean, inverse_sd, xp.sqrt(share), xp, device)
    if X.shape[1] <= MAX_DENSE_LD:
        ld = ld.dense()
    scale = xp.sqrt(n_samples * variance)
    locus = Locus(z, ld, n_samples, variance, scale, True, xp, device)
    return Moments(locus, mean, float(y_mean), float(y_variance) ** 0.5)


def reciprocal(values, xp):
    """Return 1 / values, and 0 where values are 0."""
    positive = values > 0
    return xp.where(positive, 1 / xp.where(positive, values, 1 + 0 * values), 0 * values)


def wald_to_correlation_z(wald, n_samples):
    """Return z = sqrt(n) cor(x, y) from Wald statistics t of single-variant regressions.

    t = r sqrt(n - 2) / sqrt(1 - r^2), hence z = t sqrt(n / (t^2 + n - 2)).
    """
    return wald * (n_samples / (wald**2 + n_samples - 2)) ** 0.5


def check_ld(ld, n_variants, xp):
    """Raise ValueError unless `ld` is a correlation matrix (n_variants, n_variants).

    Finiteness, symmetry and range are checked by blocks of rows, in O(p^2) time and without a
    matrix of the size of `ld`. Whether it is positive semi-definite is not: that costs O(p^3).
    """
    if ld.ndim != 2 or ld.shape != (n_variants, n_variants):
        raise ValueError(
            f"ld must be a square matrix with one row for each of the {n_variants} z statistics; "
            f"got an array of shape {tuple(ld.shape)}."
        )
    tolerance = max(1e-6, 100 * float(xp.finfo(ld.dtype).eps))
    width = max(1, 2**22 // n_variants)
    for start in range(0, n_variants, width):
        rows = slice(start, min(start + width, n_variants))
        block = ld[rows, :]
        if not bool(xp.all(xp.isfinite(block))):
            raise ValueError(
                "ld holds NaN or infinity. Monomorphic variants have no correlation: remove them "
                "from z and ld."
            )
        asymmetry = float(xp.max(xp.abs(block - ld[:, rows].T)))
        if asymmetry > tolerance:
            raise ValueError(
                f"ld must be symmetric; entries (i, j) and (j, i) differ by up to {asymmetry:.2g}. "
                "A triangle must be completed: ld + ld.T with the diagonal counted once."
            )
        largest = float(xp.max(xp.abs(block)))
        if largest > 1 + tolerance:
            raise ValueError(
                f"ld must hold correlations r between -1 and 1; got |r| up to {largest:.6g}. "
                "A covariance matrix must be divided by the standard deviations first."
            )
    diagonal = to_numpy(xp.linalg.diagonal(ld))
    wrong = np.flatnonzero(np.abs(diagonal - 1) > max(tolerance, 1e-4))
    if wrong.size:
        raise ValueError(
            f"ld must have 1 on its diagonal; entry {wrong[0]} is {diagonal[wrong[0]]:.6g} "
            f"({wrong.size} such entries). r^2, covariances and half-diagonal triangles are not LD."
        )


def validate_summary(z, ld, *, n_samples, beta, se, heterozygosity):
    """Return the `Locus` of summary statistics and the variants' names (or None)."""
    if (z is None) == (beta is None) or (beta is None) != (se is None):
        raise ValueError("fit_summary needs either z, or both beta and se.")
    if ld is None:
        raise ValueError("fit_summary needs ld, the LD matrix (n_variants, n_variants).")
    names, ld_names = labels(beta if z is None else z), labels(ld)
    if names is not None and ld_names is not None and not np.array_equal(names, ld_names):
        raise ValueError(
            "z and ld name different variants, or the same in another order. Align them first, "
            "as in ld.loc[z.index, z.index]."
        )
    xp, device = get_namespace_and_device(ld)
    ld = move_to(ld, xp, device)
    if not xp.isdtype(ld.dtype, "real floating"):
        ld = xp.astype(ld, xp.float64)
    if z is None:
        beta, se = to_numpy(beta), to_numpy(se)
        if beta.shape != se.shape or not np.all(se > 0):
            raise ValueError("beta and se must have one shape, and every se must be positive.")
        z = beta / se
    z = move_to(z, xp, device, ld.dtype)
    if z.ndim != 1 or z.shape[0] == 0:
        raise ValueError(f"z must have shape (n_variants,); got {tuple(z.shape)}.")
    wrong = np.flatnonzero(~np.isfinite(to_numpy(z)))
    if wrong.size:
        raise ValueError(
            f"z holds NaN or infinity for {wrong.size} variants, the first at index {wrong[0]}: "
            "remove those variants from z and ld."
        )
    check_ld(ld, z.shape[0], xp)
    n_samples = per_variant(n_samples, "n_samples", z, xp, device, low=2, closed="neither")
    if heterozygosity is None:
        heterozygosity = 1.0
    heterozygosity = per_variant(
        heterozygosity, "heterozygosity", z, xp, device, low=0, closed="left"
    )
    locus = Locus(
        z=wald_to_correlation_z(z, n_samples),
        ld=DenseLD(ld, xp, device),
        n_samples=n_samples,
        heterozygosity=heterozygosity,
        scale=xp.sqrt(n_samples * heterozygosity),
        trait_known=False,
        xp=xp,
        device=device,
    )
    return locus, ld_names if names is None else names


def labels(values):
    """Return the row labels of a pandas object, where they are all str, as an array, or None."""
    index = getattr(values, "index", None)
    if index is None or callable(index) or not all(isinstance(label, str) for label in index):
        return None
    return np.asarray(index, dtype=object)


def per_variant(values, name, z, xp, device, *, low, closed, high=None):
    """Return `values`, a number or (p,), as an array (p,) beside z, all in their interval."""
    if isinstance(values, Real):
        check_number(values, name, low=low, high=high, closed=closed)
        return float(values) + 0 * z
    values = move_to(values, xp, device, z.dtype)
    if values.shape != z.shape:
        raise ValueError(
            f"{name} must be a number or have one value for each of the {z.shape[0]} variants; "
            f"got shape {tuple(values.shape)}."
        )
    for extreme in (xp.min(values), xp.max(values)):
        check_number(float(extreme), f"every {name}", low=low, high=high, closed=closed)
    return values
