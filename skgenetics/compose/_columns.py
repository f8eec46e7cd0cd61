"""Columns of X named by the user."""

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from skgenetics.utils._parameters import Anything
from skgenetics.utils._typing import Array


class Columns(NamedTuple):
    """The columns of X."""

    covariates: Array
    """(n_samples, n_covariates), floating."""
    features: list[Any]
    """The other columns, as matrices side by side, or one data frame."""
    tissues: list[Array]
    """(n_samples, n_covariates of the tissue) each, NaN if not sampled there; none if not asked."""


class ColumnsPerTissue(Anything):
    """A list, of columns of X for each tissue, and not a word."""

    def fits(self, value: Any) -> bool:
        """Whether `value` is a list."""
        return bool(np.iterable(value)) and not isinstance(value, str)


def resolve_columns(
    columns: Any, n_features: int, names: np.ndarray | None = None, *, parameter: str
) -> list[int]:
    """Return the positions of `columns`, in the order given.

    Parameters
    ----------
    columns : None, str, int, slice or sequence of str or int
        Names or positions; negative positions count from the end.
    n_features : int
        Number of columns of X.
    names : ndarray of shape (n_features,), default=None
        Names of the columns, if X has them.
    parameter : str
        Whose value `columns` is, for the errors.

    Returns
    -------
    list of int
        Positions between 0 and ``n_features - 1``.

    Raises
    ------
    TypeError
        If `columns` is of another type, or mixes names and positions.
    ValueError
        If a name is unknown, a position is out of range, or a column comes twice.
    """
    if columns is None:
        return []
    if isinstance(columns, slice):
        for bound in (columns.start, columns.stop):
            if bound is not None and not (_is_integer(bound) and abs(bound) <= n_features):
                raise ValueError(
                    f"{parameter} is {columns!r}; its bounds must be integers between "
                    f"{-n_features} and {n_features}, since X has n_features={n_features}."
                )
        return list(range(n_features)[columns])
    if np.isscalar(columns) or not np.iterable(columns):
        columns = [columns]
    columns = list(columns)
    if all(isinstance(column, str) for column in columns):
        resolved = [_named(column, names, parameter) for column in columns]
    elif all(_is_integer(column) for column in columns):
        resolved = [_position(column, n_features, parameter) for column in columns]
    else:
        raise TypeError(
            f"{parameter} must be names, integers or a slice of integers; got {columns!r}."
        )
    if len(set(resolved)) < len(resolved):
        raise ValueError(f"{parameter} names a column twice: {columns!r}.")
    return resolved


def _is_integer(value: Any) -> bool:
    """Whether `value` is an integer and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool)


def _position(column: int, n_features: int, parameter: str) -> int:
    """Return a position counted from the start."""
    if not -n_features <= column < n_features:
        raise ValueError(
            f"{parameter} holds column {column}, but X has n_features={n_features}: columns 0 to "
            f"{n_features - 1}."
        )
    return int(column) % n_features


def _named(column: str, names: np.ndarray | None, parameter: str) -> int:
    """Return the position of the column named `column`."""
    if names is None:
        raise ValueError(
            f"{parameter} holds the name {column!r}, but X has no names of columns. Pass a data "
            "frame, or integers."
        )
    if column not in names:
        raise ValueError(
            f"{parameter} holds {column!r}, which is not a column of X. Its {len(names)} columns "
            f"are {', '.join(map(str, names[:5]))}{', ...' if len(names) > 5 else ''}."
        )
    return list(names).index(column)
