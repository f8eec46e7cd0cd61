"""LD in its forms: a matrix, a sparse matrix, a factor, genotypes; and LD shrunk to the identity.

Each form has the methods of `LD`, so that no solver asks which it is.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import scipy.sparse

from skgenetics.utils._arrays import (
    column_blocks,
    device_of,
    float_dtype,
    move_to,
    namespace_of,
    numpy_namespace,
    slices,
    to_numpy,
)
from skgenetics.utils._labels import Labels, column_labels, without_labels
from skgenetics.utils._moments import column_moments
from skgenetics.utils._opened import take
from skgenetics.utils._typing import Array
from skgenetics.utils._validation import check_missing_codes

TEMPORARY_SIZE = 2**22  # elements of a temporary array
TILE, DEVICE_TILE = 256, 2048  # sides of a part of a matrix: in a cache, or worth a call of a GPU
ASYMMETRY, EXCESS = 1e-4, 1e-3  # of r that was computed in single precision or printed


class LD(ABC):
    """LD of p variants: their correlations R (p, p), in whatever form they are known.

    Indices and the values of `sparse_product` are on the host; all else is in the namespace and on
    the device of the data. Only `dense` makes a p x p matrix that was not there.
    """

    xp: Any
    device: Any
    dtype: Any
    n_variants: int

    @abstractmethod
    def dense(self) -> "DenseLD":
        """Return R as a matrix."""

    @abstractmethod
    def rows(self, variants: np.ndarray) -> Array:
        """Return R[variants, :] (k, p) for indices `variants` (k,)."""

    def sparse_product(self, variants: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return R[:, variants] values (p,), on the host, for indices and values (k,).

        Many variants are multiplied in one `product` of all.
        """
        if len(variants) > self.n_variants // 4:
            full = np.zeros(self.n_variants)
            full[variants] = values
            return to_numpy(self.product(move_to(full, self.xp, self.device, self.dtype)))
        values = move_to(values, self.xp, self.device, self.dtype)
        return to_numpy(self.product_of_few(variants, values))

    def product_of_few(self, variants: np.ndarray, values: Array) -> Array:
        """Return R[:, variants] values (p,), in O(p k); rows are copied piece by piece."""
        total = self.xp.zeros((self.n_variants,), dtype=self.dtype, device=self.device)
        for piece in slices(len(variants), TEMPORARY_SIZE // self.n_variants):
            total = total + values[piece] @ self.rows(variants[piece])
        return total

    @abstractmethod
    def product(self, effects: Array) -> Array:
        """Return R effects, for effects (..., p)."""

    @abstractmethod
    def scores(self) -> Array:
        """Return the LD scores (p,), the sums over j of r_ij^2."""

    @abstractmethod
    def spectrum(self) -> tuple[Array, Array]:
        """Return eigenvalues (k,), falling, and eigenvectors (p, k) of R.

        Eigenvalues of exactly 0 may be left out.
        """


class DenseLD(LD):
    """LD as a symmetric matrix (p, p)."""

    def __init__(self, matrix: Array):
        self.matrix, self.xp, self.device = matrix, namespace_of(matrix), device_of(matrix)
        self.dtype, self.n_variants = matrix.dtype, matrix.shape[0]

    def dense(self) -> "DenseLD":
        """Return itself."""
        return self

    def rows(self, variants: np.ndarray) -> Array:
        """Return R[variants, :] (k, p), for host integers `variants`."""
        return self.xp.take(self.matrix, move_to(variants, self.xp, self.device), axis=0)

    def product(self, effects: Array) -> Array:
        """Return R effects for effects (..., p)."""
        return effects @ self.matrix

    def scores(self) -> Array:
        """Return the LD scores sum_j r_ij^2 (p,)."""
        return self.xp.sum(self.matrix * self.matrix, axis=1)

    def spectrum(self) -> tuple[Array, Array]:
        """Return eigenvalues (k,), falling, and eigenvectors (p, k) of R."""
        values, vectors = self.xp.linalg.eigh(self.matrix)
        return self.xp.flip(values), self.xp.flip(vectors, axis=1)


class GenotypeLD(LD):
    """LD of genotypes X, R = Z'Z with Z (n, p) the weighted, standardized X, which is not formed.

    Parameters
    ----------
    X : array of shape (n, p)
        Keeps its dtype; blocks of its columns are converted when they are needed.
    mean, inverse_sd : array of shape (p,)
        Of the columns of X; inverse_sd is 0 for constant ones.
    root_weight : array of shape (n,)
        Square roots of the samples' weights, which sum to 1.
    n_people : float, default=inf
        People of a reference panel; infinity for a factor, or the people of the scan.
    """

    def __init__(
        self,
        X: Array,
        mean: Array,
        inverse_sd: Array,
        root_weight: Array,
        *,
        n_people: float = np.inf,
    ):
        self.X, self.mean, self.inverse_sd, self.root_weight = X, mean, inverse_sd, root_weight
        self.xp, self.device, self.n_people = namespace_of(X), device_of(X), n_people
        self.dtype, self.n_variants = mean.dtype, mean.shape[0]

    def blocks(self, first: int = 0) -> Iterator[tuple[slice, Array]]:
        """Yield column slices and the blocks Z[:, slice], from the column `first` on."""
        for columns, block in column_blocks(self.X, self.mean.dtype, first=first):
            centered = (block - self.mean[columns]) * self.inverse_sd[columns]
            yield columns, centered * self.root_weight[:, None]

    def dense(self) -> DenseLD:
        """Return Z'Z (p, p) by blocks, as a DenseLD."""
        p = self.n_variants
        matrix = self.xp.empty((p, p), dtype=self.dtype, device=self.device)
        for rows, Z_rows in self.blocks():
            for columns, Z_columns in self.blocks(rows.start):
                block = Z_rows.T @ Z_columns
                matrix[rows, columns] = block
                matrix[columns, rows] = block.T
        return DenseLD(matrix)

    def standardized(self, variants: np.ndarray) -> Array:
        """Return Z[:, variants] (n, k), for host integers."""
        index = move_to(variants, self.xp, self.device)
        chosen = self.xp.astype(take(self.X, variants, axis=1), self.mean.dtype)
        chosen = (chosen - self.xp.take(self.mean, index)) * self.xp.take(self.inverse_sd, index)
        return chosen * self.root_weight[:, None]

    def combine(self, effects: Array) -> Array:
        """Return effects Z' (..., n) for effects (..., p), without centering X, in one pass."""
        scaled = effects * self.inverse_sd
        products = (
            scaled[..., columns] @ block.T
            for columns, block in column_blocks(self.X, self.mean.dtype)
        )
        return (sum(products) - (scaled @ self.mean)[..., None]) * self.root_weight

    def project(self, scores: Array) -> Array:
        """Return scores Z (..., p) for scores (..., n), without centering X: one pass over it."""
        weighted = scores * self.root_weight
        total = self.xp.sum(weighted, axis=-1, keepdims=True)
        products = [
            (weighted @ block - total * self.mean[columns]) * self.inverse_sd[columns]
            for columns, block in column_blocks(self.X, self.mean.dtype)
        ]
        return self.xp.concat(products, axis=-1)

    def rows(self, variants: np.ndarray) -> Array:
        """Return R[variants, :] (k, p), for host integers `variants`."""
        return self.project(self.standardized(variants).T)

    def product_of_few(self, variants: np.ndarray, values: Array) -> Array:
        """Return R[:, variants] values (p,): Z'(Z[:, variants] values)."""
        scores = self.xp.zeros_like(self.root_weight)
        for piece in slices(len(variants), TEMPORARY_SIZE // scores.shape[0]):
            scores = scores + self.standardized(variants[piece]) @ values[piece]
        return self.project(scores)

    def product(self, effects: Array) -> Array:
        """Return R effects for effects (..., p): two products with Z."""
        return self.project(self.combine(effects))

    def scores(self) -> Array:
        """Return the LD scores sum_j r_ij^2 (p,): squared norms of Z (Z'Z)."""
        kernel = self.kernel()
        return self.xp.concat(
            [self.xp.sum(block * (kernel @ block), axis=0) for _, block in self.blocks()]
        )

    def spectrum(self) -> tuple[Array, Array]:
        """Return the positive eigenvalues (k,), falling, and eigenvectors (p, k) of R."""
        values, vectors = self.xp.linalg.eigh(self.kernel())
        least = values[-1] * self.mean.shape[0] * self.xp.finfo(values.dtype).eps
        first = int(self.xp.sum(self.xp.astype(values <= least, self.xp.int64)))  # they rise
        values = self.xp.flip(values[first:])
        vectors = self.xp.flip(vectors[:, first:], axis=1)
        loadings = [block.T @ vectors for _, block in self.blocks()]
        return values, self.xp.concat(loadings, axis=0) / self.xp.sqrt(values)

    def kernel(self) -> Array:
        """Return Z Z' (n, n)."""
        return sum(block @ block.T for _, block in self.blocks())


class SparseLD(LD):
    """LD as a `scipy.sparse` matrix (p, p), on the host: a band, or blocks."""

    xp, device = numpy_namespace, "cpu"

    def __init__(self, matrix: Any):
        self.matrix = scipy.sparse.csr_array(matrix)
        self.dtype, self.n_variants = self.matrix.dtype, self.matrix.shape[0]

    def dense(self) -> DenseLD:
        """Return the LD as a DenseLD."""
        return DenseLD(self.matrix.toarray())

    def rows(self, variants: np.ndarray) -> Array:
        """Return R[variants, :] (k, p)."""
        return self.matrix[variants].toarray()

    def sparse_product(self, variants: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return R[:, variants] values (p,)."""
        return values @ self.matrix[variants]

    def product(self, effects: Array) -> Array:
        """Return R effects for effects (..., p)."""
        return (self.matrix @ effects.T).T

    def scores(self) -> Array:
        """Return the LD scores sum_j r_ij^2 (p,)."""
        return self.matrix.multiply(self.matrix).sum(axis=1)

    def spectrum(self) -> tuple[Array, Array]:
        """Return eigenvalues (k,), falling, and eigenvectors (p, k) of R."""
        return self.dense().spectrum()


class ShrunkLD(LD):
    """(1 - share) R + share I: LD of a panel that is not the people of the scan."""

    def __init__(self, ld: LD, share: float):
        self.ld, self.share, self.xp, self.device = ld, share, ld.xp, ld.device
        self.dtype, self.n_variants = ld.dtype, ld.n_variants

    def dense(self) -> DenseLD:
        """Return the LD as a DenseLD."""
        matrix = (1 - self.share) * self.ld.dense().matrix
        eye = self.xp.eye(matrix.shape[0], dtype=matrix.dtype, device=self.device)
        return DenseLD(matrix + self.share * eye)

    def rows(self, variants: np.ndarray) -> Array:
        """Return the rows of `variants` (k, p), for host integers."""
        rows = (1 - self.share) * self.ld.rows(variants)
        diagonal = np.arange(rows.shape[1]) == np.asarray(variants)[:, None]
        return rows + self.share * move_to(diagonal, self.xp, self.device, rows.dtype)

    def sparse_product(self, variants: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the columns `variants` times values (p,) on the host, for host arrays."""
        product = (1 - self.share) * self.ld.sparse_product(variants, values)
        product[variants] += self.share * values
        return product

    def product(self, effects: Array) -> Array:
        """Return the product with effects (..., p)."""
        return (1 - self.share) * self.ld.product(effects) + self.share * effects

    def scores(self) -> Array:
        """Return the LD scores (p,); the diagonal of R is 1."""
        return (1 - self.share) ** 2 * (self.ld.scores() - 1) + 1

    def spectrum(self) -> tuple[Array, Array]:
        """Return eigenvalues (p,), falling, and eigenvectors (p, p)."""
        return self.dense().spectrum()


def panel_ld(X: Array) -> GenotypeLD:
    """Return the LD of a reference panel's genotypes X (n, p)."""
    xp = namespace_of(X)
    share = xp.full((X.shape[0],), 1 / X.shape[0], dtype=float_dtype(X), device=device_of(X))
    mean, variance, _ = column_moments(X, share)
    constant = np.flatnonzero(to_numpy(variance) == 0)
    if constant.size:
        raise ValueError(
            f"{constant.size} variants do not vary in the panel given as ld, the first at index "
            f"{constant[0]}: their LD is unknown. Remove them from z and ld."
        )
    return GenotypeLD(X, mean, 1 / xp.sqrt(variance), xp.sqrt(share), n_people=X.shape[0])


def factor_ld(factor: Array) -> GenotypeLD:
    """Return the LD F F' of a factor F (p, k) whose rows have length 1."""
    xp = namespace_of(factor)
    squared_lengths = xp.sum(factor * factor, axis=1)
    if float(xp.max(xp.abs(squared_lengths - 1))) > 1e-4:
        raise ValueError(
            "The rows of a low-rank factor given as ld must have length 1, so that F F' has a "
            "diagonal of 1; divide each row by its length."
        )
    zeros, ones = xp.zeros_like(factor[:, 0]), xp.ones_like(factor[0, :])
    return GenotypeLD(factor.T, zeros, 1 + zeros, ones)


def match_ld(ld: Any, labels: Labels) -> Any:
    """Return `ld` without labels of its own, its variants in the order of `labels`.

    The variants are rows and columns of a square matrix, whose rows and columns may each be
    labelled in an order of their own; the columns of genotypes; or the rows of a factor. Those
    without statistics are left out.
    """
    shape = np.shape(ld)
    if labels.names is None or len(shape) != 2:
        return without_labels(ld, "ld")
    if shape[0] == shape[1]:
        return labels.match_square(ld, "ld")
    columns = column_labels(ld)
    if shape[1] != len(labels.names) and not labels.are_among(columns):
        return labels.match(ld, "the rows of ld")
    order, array = labels.order(columns, "the columns of ld"), without_labels(ld, "ld")
    return array if order is None else array[:, order]


def make_ld(ld: Any, n_variants: int, names: np.ndarray | None = None) -> LD:
    """Return the LD of an array or `scipy.sparse` matrix in any of the forms of this module.

    A matrix is checked against `n_variants`; genotypes have a column, a factor has a row each.
    `names` are the labels of the variants, for the errors.
    """
    if scipy.sparse.issparse(ld):
        check_ld(ld.tocsr(), n_variants, names)
        return SparseLD(ld)
    xp = namespace_of(ld)
    if ld.ndim == 2 and ld.shape[0] != ld.shape[1]:
        if not bool(xp.all(xp.isfinite(ld))):
            raise ValueError("ld holds NaN or infinity: impute the panel's genotypes first.")
        if ld.shape[1] == n_variants:
            check_missing_codes(ld, name="ld")
            return panel_ld(ld)
        if ld.shape[0] == n_variants:
            return factor_ld(ld)
    square = 1 < n_variants == ld.shape[0] and ld.ndim == 2
    if square and ld.shape[1] == n_variants and _are_dosages(ld[:1, :]) and _are_dosages(ld):
        raise ValueError(
            f"ld holds dosages 0, 1 and 2 in an array of shape {tuple(ld.shape)}: genotypes of as "
            "many people as variants? A square array is always r. Pass their correlations, as by "
            "np.corrcoef(X.T), with panel_size=len(X)."
        )
    if not xp.isdtype(ld.dtype, "real floating"):
        ld = xp.astype(ld, xp.float64)
    check_ld(ld, n_variants, names)
    return DenseLD(ld)


def _are_dosages(values: Array) -> bool:
    """Return whether all values are 0, 1 or 2, and more than the diagonal of 1 of the identity."""
    xp = namespace_of(values)
    whole = bool(xp.all((values == 0) | (values == 1) | (values == 2)))
    return whole and (values.shape[0] == 1 or bool(xp.any(values == 2)))


def check_ld(ld: Any, n_variants: int, names: np.ndarray | None = None) -> None:
    """Raise ValueError unless `ld` is a correlation matrix (n_variants, n_variants).

    Finiteness, symmetry and range are checked by square tiles, in O(p^2) time and without a second
    matrix of the size of `ld`. Whether it is positive semi-definite is not, in O(p^3).
    """
    if ld.ndim != 2 or ld.shape != (n_variants, n_variants):
        raise ValueError(
            f"ld must be a square matrix with one row for each of the {n_variants} z statistics "
            "(or a panel's genotypes with one column each, or a factor with one row each); got an "
            f"array of shape {tuple(ld.shape)}."
        )
    xp = numpy_namespace if scipy.sparse.issparse(ld) else namespace_of(ld)
    asymmetry = largest = 0.0
    tiles = list(slices(n_variants, TILE if isinstance(ld, np.ndarray) else DEVICE_TILE))
    for rows, columns in combinations_with_replacement(tiles, 2):
        block, across = ld[rows, columns], ld[columns, rows].T
        if scipy.sparse.issparse(ld):
            block, across = block.toarray(), across.toarray()
        with np.errstate(invalid="ignore"):  # infinities, refused below
            difference = block - across
        asymmetry = max(asymmetry, float(xp.max(difference)), -float(xp.min(difference)))
        largest = max(largest, float(xp.max(block)), -float(xp.min(block)))
        if not bool(xp.all(xp.isfinite(difference))):
            raise ValueError(_what_is_not_finite(ld, names))
    diagonal = ld.diagonal() if scipy.sparse.issparse(ld) else to_numpy(xp.linalg.diagonal(ld))
    wrong = np.flatnonzero(np.abs(diagonal - 1) > EXCESS)
    if asymmetry > ASYMMETRY:
        raise ValueError(_why_not_symmetric(ld, asymmetry, wrong))
    if largest > 1 + EXCESS:
        raise ValueError(
            f"ld must hold correlations r between -1 and 1; got |r| up to {largest:.6g}. A "
            "covariance matrix must be divided by the standard deviations first, and of genotypes "
            "of as many people as variants the correlations be taken: a square array is always r."
        )
    if wrong.size:
        raise ValueError(
            f"ld must have 1 on its diagonal; entry {wrong[0]} is {diagonal[wrong[0]]:.6g} "
            f"({wrong.size} such entries). r^2, covariances and half-diagonal triangles are not LD."
        )


def _what_is_not_finite(ld: Any, names: np.ndarray | None) -> str:
    """Return the error that tells which entries of `ld` are NaN or infinite."""
    count = np.zeros(ld.shape[0], dtype=int)
    for rows in slices(ld.shape[0], TEMPORARY_SIZE // ld.shape[0]):
        block = ld[rows].toarray() if scipy.sparse.issparse(ld) else to_numpy(ld[rows, :])
        count[rows] = np.sum(~np.isfinite(block), axis=1)

    def shown(variant: int) -> str:
        return str(variant) if names is None else f"{variant} ({names[variant]!r})"

    unknown = np.flatnonzero(count >= max(2, ld.shape[0] - 1))
    if unknown.size:
        return (
            f"ld holds NaN or infinity in the whole rows of {unknown.size} variants, the first at "
            f"index {shown(unknown[0])}. Monomorphic variants have no correlation: remove them "
            "from z and ld."
        )
    first = int(np.flatnonzero(count)[0])
    row = ld[[first]].toarray() if scipy.sparse.issparse(ld) else to_numpy(ld[first : first + 1, :])
    second = int(np.flatnonzero(~np.isfinite(row))[0])
    return (
        f"ld holds NaN or infinity for the pair of variants at indices {shown(first)} and "
        f"{shown(second)}, the first of {count.sum()} such entries: that r is unknown. Compute it "
        "from people in whom both are called, or remove one of the two from z and ld."
    )


def _why_not_symmetric(ld: Any, asymmetry: float, off_diagonal: np.ndarray) -> str:
    """Return the error that tells how `ld` differs from its transpose."""
    if scipy.sparse.issparse(ld):
        halves = [abs(half).max() for half in (scipy.sparse.tril(ld, -1), scipy.sparse.triu(ld, 1))]
    else:
        xp = namespace_of(ld)
        halves = [float(xp.max(xp.abs(half))) for half in (xp.tril(ld, k=-1), xp.triu(ld, k=1))]
    reason = f"ld must be symmetric; entries (i, j) and (j, i) differ by up to {asymmetry:.2g}. "
    if min(halves) == 0:
        return reason + ("A triangle must be completed: ld + ld.T with the diagonal counted once.")
    if off_diagonal.size:
        return reason + (
            f"Row {off_diagonal[0]} does not have its 1 on the diagonal: are rows and columns in "
            "one order, and is it r at all, not genotypes of as many people as variants?"
        )
    return reason + "It was damaged on its way, or put together from different people."
