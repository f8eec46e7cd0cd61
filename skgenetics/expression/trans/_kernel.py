"""The kernel of the genotypes: sums over variants, streamed, so that X is never copied.

K = (X - mean)(X - mean)' / c, with c such that the individuals' mean K_ii is 1. Scores that are
linear in the genotypes, with an L2 penalty of c / 2 sum alpha^2, depend on X through K alone.
"""

from typing import NamedTuple

from skgenetics.utils._arrays import column_blocks


class GenotypeScale(NamedTuple):
    """How genotypes enter the kernel."""

    mean: object  # (S,) weighted means
    size: float  # c


class CenteredGenotypes:
    """(X - mean) / sqrt(c) as a matrix (n, S) to multiply with, on either side, by blocks."""

    def __init__(self, X, scale, xp):
        self.X, self.scale, self.xp = X, scale, xp
        self.T = _Transposed(self)

    def blocks(self):
        """Yield slices of columns with their centered and scaled values."""
        mean, size = self.scale
        for columns, block in column_blocks(self.X, self.xp, mean.dtype):
            yield columns, (block - mean[columns]) / size**0.5

    def __matmul__(self, coef):
        """Return the product (n, T) with coef (S, T)."""
        return sum(block @ coef[columns, :] for columns, block in self.blocks())


class _Transposed:
    """The transpose of `CenteredGenotypes`."""

    def __init__(self, genotypes):
        self.genotypes = genotypes

    def __matmul__(self, values):
        """Return the product (S, T) with values (n, T)."""
        parts = [block.T @ values for _, block in self.genotypes.blocks()]
        return self.genotypes.xp.concat(parts, axis=0)


def genotype_kernel(X, weight, xp):
    """Return the kernel (I, I) and the `GenotypeScale` of genotypes X (I, S) of any real dtype.

    Products of counts up to 2 are summed exactly in single precision, twice as fast: a block has
    fewer than 2^22 columns, so that sums stay below 2^24.
    """
    counts = xp.isdtype(X.dtype, "integral") and int(xp.max(X)) <= 2
    means, kernel = [], 0.0
    for _, block in column_blocks(X, xp, weight.dtype):
        means.append(weight @ block / xp.sum(weight))
        if counts:
            block = xp.astype(block, xp.float32)
        kernel = kernel + xp.astype(block @ block.T, weight.dtype)
    share = weight / xp.sum(weight)
    kernel = kernel - (kernel @ share)[:, None]
    kernel = kernel - share @ kernel
    size = float(share @ xp.linalg.diagonal(kernel))
    size = size if size > 1e-12 * X.shape[1] else 1.0
    return kernel / size, GenotypeScale(xp.concat(means), size)


def cross_kernel(X, X_fit, scale, xp):
    """Return the kernel (n, I) between new individuals and those of the fit."""
    left = CenteredGenotypes(X, scale, xp).blocks()
    right = CenteredGenotypes(X_fit, scale, xp)
    # the blocks' widths depend on the number of rows, so the second is cut where the first is
    kernel = 0.0
    for columns, block in left:
        other = right.X[:, columns]
        other = xp.astype(other, block.dtype, copy=False) - scale.mean[columns]
        kernel = kernel + block @ (other.T / scale.size**0.5)
    return kernel


def kernel_root(kernel, xp):
    """Return a root A (I, r) of the kernel, A A' = K, and B (I, r) with A = K B."""
    values, vectors = xp.linalg.eigh(kernel)
    floor = 1e-10 * float(xp.max(values))
    start = int(xp.sum(xp.astype(values <= max(floor, 0.0), xp.int64)))
    start = min(start, values.shape[0] - 1)  # a constant X leaves one column, of zeros
    root = xp.sqrt(xp.clip(values[start:], min=1e-300))
    return vectors[:, start:] * root, vectors[:, start:] / xp.clip(root, min=1e-100)
