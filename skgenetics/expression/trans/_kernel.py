"""The kernel of the genotypes: sums over variants, streamed, so that X is never copied.

K = (X - mean)(X - mean)' / c, with c such that the individuals' mean K_ii is 1. Scores that are
linear in the genotypes, with an L2 penalty of c / 2 sum alpha^2, depend on X through K alone.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._arrays import column_blocks, device_of, move_to, namespace_of, to_numpy
from skgenetics.utils._moments import column_moments
from skgenetics.utils._typing import Array

CANCELLATION = 1e-9  # share of the sum of squares below which the variance is summed by itself


class GenotypeScale(NamedTuple):
    """How genotypes enter the kernel."""

    mean: Array  # (S,) weighted means
    size: float  # c


class CenteredGenotypes:
    """(X - mean) / sqrt(c) as a matrix (n, S) to multiply with, on either side, by blocks.

    rows : array of int, optional
        The individuals that it is about; by default all. X is not copied.
    """

    def __init__(self, X: Array, scale: GenotypeScale, rows: Array | None = None):
        self.X, self.scale, self.rows = X, scale, rows
        self.T = _Transposed(self)

    def _of_rows(self, block: Array) -> Array:
        """Return the rows of a block (I, m) that this matrix is about."""
        return block if self.rows is None else namespace_of(block).take(block, self.rows, axis=0)

    def blocks(self) -> Iterator[tuple[slice, Array]]:
        """Yield slices of columns with their centered and scaled values."""
        mean, size = self.scale
        for columns, block in column_blocks(self.X, mean.dtype):
            yield columns, (self._of_rows(block) - mean[columns]) / size**0.5

    def __matmul__(self, coef: Array) -> Array:
        """Return the product (n, T) with coef (S, T)."""
        return sum(block @ coef[columns, :] for columns, block in self.blocks())

    def products(self, values: np.ndarray) -> Iterator[tuple[slice, Array]]:
        """Yield slices of columns and the products (m, T) of these columns with values (n, T).

        In single precision, of values on the host. The columns of `values` sum to 0, so that the
        means of X drop out.
        """
        xp = namespace_of(self.X)
        scaled = move_to(np.ascontiguousarray(values / self.scale.size**0.5), xp, self._device)
        scaled = xp.astype(scaled, xp.float32)
        for columns, block in column_blocks(self.X, xp.float32):
            yield columns, self._of_rows(block).T @ scaled

    def take(self, columns: np.ndarray) -> np.ndarray:
        """Return columns (n, m) on the host, in double precision."""
        xp = namespace_of(self.X)
        X = self._of_rows(xp.take(self.X, move_to(columns, xp, self._device), axis=1))
        mean = to_numpy(self.scale.mean)[columns]
        return (to_numpy(X).astype(np.float64) - mean) / self.scale.size**0.5

    @property
    def _device(self):
        """The device of the genotypes."""
        return device_of(self.scale.mean)


class _Transposed:
    """The transpose of `CenteredGenotypes`."""

    def __init__(self, genotypes: CenteredGenotypes):
        self.genotypes = genotypes

    def __matmul__(self, values: Array) -> Array:
        """Return the product (S, T) with values (n, T)."""
        parts = [block.T @ values for _, block in self.genotypes.blocks()]
        return namespace_of(values).concat(parts, axis=0)


class WithOnes:
    """A matrix with a column of ones added, for products on either side."""

    def __init__(self, matrix: Any, transposed: bool = False):
        self.matrix, self.transposed = matrix, transposed

    @property
    def T(self) -> "WithOnes":
        """The transpose."""
        return WithOnes(self.matrix, not self.transposed)

    def __matmul__(self, values: Array) -> Array:
        """Return the product with `values`."""
        if self.transposed:
            xp = namespace_of(values)
            total = xp.sum(values, axis=0, keepdims=True)
            return xp.concat([self.matrix.T @ values, total], axis=0)
        return self.matrix @ values[:-1, :] + values[-1:, :]


def genotype_kernel(X: Array, weight: Array) -> tuple[Array, GenotypeScale]:
    """Return the kernel (I, I) and the `GenotypeScale` of genotypes X (I, S) of any real dtype.

    Products of counts up to 2 are summed exactly in single precision, twice as fast: a block has
    fewer than 2^22 columns, so that sums stay below 2^24. Genotypes that do not vary at all have a
    kernel of zeros.
    """
    xp = namespace_of(X)
    counts = xp.isdtype(X.dtype, "integral") and int(xp.max(X)) <= 2
    share = weight / xp.sum(weight)
    means, kernel = [], 0.0
    for _, block in column_blocks(X, weight.dtype):
        means.append(weight @ block / xp.sum(weight))
        if counts:
            block = xp.astype(block, xp.float32)
        kernel = kernel + xp.astype(block @ block.T, weight.dtype)
    sum_of_squares = float(share @ xp.linalg.diagonal(kernel))
    kernel = kernel - (kernel @ share)[:, None]
    kernel = kernel - share @ kernel
    size = float(share @ xp.linalg.diagonal(kernel))
    if size <= CANCELLATION * sum_of_squares:
        size = float(xp.sum(column_moments(X, share)[1]))
        if size == 0:
            kernel, size = 0 * kernel, 1.0
    return kernel / size, GenotypeScale(xp.concat(means), size)


def cross_kernel(X: Array, X_fit: Array, scale: GenotypeScale) -> Array:
    """Return the kernel (n, I) between new individuals and those of the fit."""
    kernel = 0.0
    for columns, block in CenteredGenotypes(X, scale).blocks():
        # the widths of blocks depend on the number of rows, so X_fit is cut where X is
        fitted = namespace_of(X_fit).astype(X_fit[:, columns], block.dtype, copy=False)
        fitted = fitted - scale.mean[columns]
        kernel = kernel + block @ (fitted.T / scale.size**0.5)
    return kernel


def kernel_root(kernel: Array) -> tuple[Array, Array]:
    """Return a root A (I, r) of the kernel, A A' = K, and B (I, r) with A = K B."""
    xp = namespace_of(kernel)
    values, vectors = xp.linalg.eigh(kernel)
    floor = 1e-10 * float(xp.max(values))
    start = int(xp.sum(xp.astype(values <= max(floor, 0.0), xp.int64)))
    start = min(start, values.shape[0] - 1)  # a constant X leaves one column, of zeros
    root = xp.sqrt(xp.clip(values[start:], min=1e-300))
    return vectors[:, start:] * root, vectors[:, start:] / xp.clip(root, min=1e-100)
