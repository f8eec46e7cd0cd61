"""Genotypes on disk in the place of an array: blocks of people or of variants, read when needed.

Estimators that work block by block take them as X. What they ask of a reader is
`OpenedGenotypes`; `Opened` is what they hold of it: missing calls are at the mean of training.
"""

from collections.abc import Iterator
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from skgenetics.utils._arrays import (
    device_of,
    get_namespace_and_device,
    move_to,
    namespace_of,
    slices,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import Array

HELD_BYTES = 2**28  # of rows that are read at a time
COLUMN_BYTES = 2**27  # of columns that are read at a time, as double precision


@runtime_checkable
class OpenedGenotypes(Protocol):
    """What estimators ask of genotypes on disk, such as `skgenetics.io.Genotypes`.

    Attributes
    ----------
    shape : tuple of int
        ``(n_samples, n_variants)``.
    variants : pandas.DataFrame of length n_variants
        With the column "variant_id", the names of the variants.
    """

    shape: tuple[int, int]
    variants: Any

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        """Read ``[rows, columns]``, each a slice or an array of integers, as an array (n, p).

        Integers, missing calls negative, or floats, missing calls NaN.
        """

    def select(self, rows: Any = slice(None), columns: Any = slice(None)) -> "OpenedGenotypes":
        """Return some rows and columns, without reading them."""


class Opened:
    """Genotypes on disk, or some held in memory, as an estimator slices them.

    Parameters
    ----------
    source : OpenedGenotypes or ndarray of shape (n, p)
        With its missing calls.
    mean : array of shape (p,), or None
        What a missing call counts as. None: training knew of none, and they are refused.
    """

    ndim, device, least_bytes = 2, "cpu", COLUMN_BYTES

    def __init__(self, source: Any, mean: np.ndarray | None) -> None:
        self.source, self.mean, self.shape = source, mean, tuple(source.shape)
        self.dtype = source[:1, :1].dtype
        """That of the calls; blocks of integers that miss some are float64."""

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """Return the namespace of the blocks, NumPy's."""
        return get_namespace_and_device()[0]

    def __getitem__(self, key: tuple[Any, Any]) -> np.ndarray:
        rows, columns = key
        block = self.source[rows, columns]
        missing = is_missing_call(block)
        if not missing.any():
            return block
        if self.mean is None:
            raise ValueError(
                "The genotypes miss calls, and the estimator was fitted on an array, which missed "
                "none: fit it on opened genotypes, whose means the missing calls then get, or "
                "impute these with skgenetics.preprocessing.GenotypeImputer."
            )
        return np.where(missing, self.mean[columns], block)

    def select(self, rows: Any = slice(None), columns: Any = slice(None)) -> Self:
        """Return some rows and columns, without reading them."""
        mean = None if self.mean is None else self.mean[columns]
        return type(self)(self.source.select(rows, columns), mean)

    def held(self, rows: np.ndarray) -> Self:
        """Return some rows in memory, read in the order of the file."""
        order = np.argsort(rows)
        held = np.empty((len(rows), self.shape[1]), dtype=self.dtype)
        held[order, :] = self.source[rows[order], :]
        return type(self)(held, self.mean)


def is_missing_call(block: np.ndarray) -> np.ndarray:
    """Return where calls read from a file are missing: below 0, or NaN."""
    return block < 0 if block.dtype.kind in "iu" else np.isnan(block)


def call_means(source: OpenedGenotypes) -> np.ndarray:
    """Return the means (p,) of the calls that are there, read once; 0 where there is none."""
    mean = np.zeros(source.shape[1])
    for columns in slices(source.shape[1], COLUMN_BYTES // (8 * max(source.shape[0], 1))):
        block = source[:, columns]
        there = ~is_missing_call(block)
        total = np.sum(block, axis=0, where=there, dtype=np.float64)
        mean[columns] = total / np.maximum(there.sum(axis=0), 1)
    return mean


def names_of_columns(source: OpenedGenotypes) -> Any:
    """Return an empty data frame with the names of the variants, for scikit-learn to read."""
    pd = import_optional("pandas", extra="dataframe")
    return pd.DataFrame(columns=np.asarray(source.variants["variant_id"], dtype=object))


def take(X: Any, index: np.ndarray, *, axis: int) -> Array:
    """Return rows (axis 0) or columns of X, an array or `Opened`, for host integers."""
    if isinstance(X, Opened):
        return X[index, :] if axis == 0 else X[:, index]
    xp = namespace_of(X)
    return xp.take(X, move_to(index, xp, device_of(X)), axis=axis)


def narrowed(X: Any, rows: np.ndarray) -> Any:
    """Return rows of X for host integers, a copy of an array; `Opened` are not read."""
    return X.select(rows) if isinstance(X, Opened) else take(X, rows, axis=0)


def rows_in_memory(
    X: Any, rows: np.ndarray, step: int
) -> Iterator[tuple[np.ndarray, Any, np.ndarray]]:
    """Yield ``rows, held, places``: `step` of the rows at a time, and where `held` has them.

    An array holds its rows itself. Those of genotypes on disk are read many steps at a time, since
    the files are laid out by variants: a few rows take as long to read as many.
    """
    ahead = max(len(rows), 1)
    if isinstance(X, Opened):
        bytes_of_step = step * X.shape[1] * X.dtype.itemsize
        ahead = step * max(1, HELD_BYTES // max(bytes_of_step, 1))
    for chunk in slices(len(rows), ahead):
        held, places = X, rows[chunk]
        if isinstance(X, Opened):
            held, places = X.held(rows[chunk]), np.arange(chunk.stop - chunk.start)
        for part in slices(len(places), step):
            yield rows[chunk][part], held, places[part]
