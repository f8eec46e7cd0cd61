"""Labels of variants or traits: values that carry them are matched by them, or refused.

Labels are the index of a pandas object, the names of the columns of a data frame of any library,
or the keys of a mapping: strings, integers or anything else, each once. Indices and names that a
library makes up (0, 1, 2, ...; column_0, column_1, ...) name nothing: such values, like arrays,
are in the order of the others.
"""

from collections.abc import Hashable, Iterable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import narwhals
import numpy as np


class Labels(NamedTuple):
    """Labels in the order of the data, which all arguments beside them follow."""

    names: np.ndarray | None
    """(p,) objects; None: the data have no labels."""
    source: str
    """The argument that they come from, or that has none."""
    noun: str = "variants"

    @property
    def text(self) -> np.ndarray | None:
        """The labels if all are str, else None."""
        if self.names is None or not all(isinstance(name, str) for name in self.names):
            return None
        return self.names

    def are_among(self, labels: np.ndarray | None) -> bool:
        """Whether an argument's `labels` hold every name."""
        if labels is None or self.names is None:
            return False
        known = set(labels)
        return all(name in known for name in self.names)

    def match(self, values: Any, argument: str) -> Any:
        """Return `values` without labels, in the order of the data along the first axis.

        Numbers, None, and arrays without labels stay as they are.

        Raises
        ------
        ValueError
            If labels are repeated, unknown, or not there to be matched; if values are masked.
        """
        order = self.order(row_labels(values), argument)
        array = without_labels(values, argument)
        return array if order is None else array[order]

    def match_square(self, matrix: Any, argument: str) -> Any:
        """Return a square `matrix` without labels, rows and columns in the order of the data.

        Each side is matched by its own labels; those of one side alone stand for both.
        """
        rows, columns = row_labels(matrix), column_labels(matrix)
        by_row = self.order(rows, f"the rows of {argument}")
        by_column = self.order(columns, f"the columns of {argument}")
        by_row = by_column if rows is None or is_numbering(rows) else by_row
        by_column = by_row if columns is None or is_numbering(columns) else by_column
        array = without_labels(matrix, argument)
        array = array if by_row is None else array[by_row]
        return array if by_column is None else array[:, by_column]

    def order(self, labels: np.ndarray | None, argument: str) -> np.ndarray | None:
        """Return where each of the names is among the `labels` of an argument; None: as they are.

        The same labels in the same order, and no labels, are as they are.
        """
        if labels is None or is_numbering(labels):
            if labels is not None and _is_renumbered(self.names):
                raise ValueError(
                    f"{self.source} is labelled by the integers 0, 1, 2, ... in "
                    f"another order, {argument} by them in order, which may be labels or none. "
                    f"Reset the index of both, or pass {argument}.to_numpy()."
                )
            return None
        place = _places(labels, argument, self.noun)
        if self.names is None:
            raise ValueError(
                f"{argument} is labelled, as by {labels[0]!r}, and {self.source} has no labels to "
                f"match it by. Label both, or pass {argument} as an array in the order of the "
                f"{self.noun}."
            )
        if np.array_equal(labels, self.names):
            return None
        _places(self.names, self.source, self.noun)
        absent = [name for name in self.names if name not in place]
        if absent:
            raise ValueError(
                f"{self.source} and {argument} name different {self.noun}: absent from {argument}, "
                f"{len(absent)} of {len(self.names)}, such as {absent[0]!r}. Keep the "
                f"{self.noun} that both have."
            )
        return np.array([place[name] for name in self.names])


def labels_of_columns(X: Any, source: str = "X") -> Labels:
    """Return the `Labels` that the columns of X have."""
    return first_labels({source: column_labels(X)}, source, "variants")


def labels_of_fit(estimator: Any, source: str = "X") -> Labels:
    """Return the `Labels` of the columns that an estimator was fitted to."""
    names = getattr(estimator, "feature_names_in_", None)
    return Labels(None if names is None else names.astype(object), source)


def first_labels(candidates: Mapping[str, np.ndarray | None], source: str, noun: str) -> Labels:
    """Return the first `Labels` there are by argument; `source` names all if there are none."""
    for argument, labels in candidates.items():
        if labels is not None and not is_numbering(labels):
            _places(labels, argument, noun)
            return Labels(labels, argument, noun)
    return Labels(None, source, noun)


def row_labels(values: Any) -> np.ndarray | None:
    """Return the labels of the rows (or values) as an array of objects, None if there are none."""
    if isinstance(values, Mapping):
        return _objects(values)
    index = getattr(values, "index", None)
    return None if index is None or callable(index) else _objects(index)  # lists have a method


def column_labels(values: Any) -> np.ndarray | None:
    """Return the names of the columns of a data frame as objects, None if it is no data frame."""
    columns = getattr(values, "column_names", None)  # of pyarrow
    if columns is None and hasattr(values, "dtypes"):  # of pandas and polars
        columns = getattr(values, "columns", None)
    return None if columns is None else _objects(columns)


def is_numbering(labels: np.ndarray) -> bool:
    """Whether labels are 0, 1, 2, ... as a library makes them up."""
    return all(
        (isinstance(label, Integral) and label == i) or label in (str(i), f"column_{i}")
        for i, label in enumerate(labels)
    )


def without_labels(values: Any, argument: str) -> Any:
    """Return labelled values as an array, nulls as NaN; other values as they are.

    Raises
    ------
    ValueError
        If some values are masked.
    """
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            raise ValueError(
                f"{argument} is a masked array of which {np.ma.count_masked(values)} values are "
                "masked: remove them here and in all other arguments."
            )
        return values.data
    if isinstance(values, Mapping):
        return np.array(list(values.values()))
    frame = narwhals.from_native(values, eager_only=True, allow_series=True, pass_through=True)
    return frame.to_numpy() if isinstance(frame, narwhals.DataFrame | narwhals.Series) else values


def _objects(labels: Iterable[Hashable]) -> np.ndarray:
    """Return labels, which may be tuples, as a 1-D array of objects."""
    labels = list(labels)
    objects = np.empty(len(labels), dtype=object)
    objects[:] = labels
    return objects


def is_missing_label(label: object) -> bool:
    """Whether a label is None, NaN or a data frame's NA."""
    return label is None or type(label).__name__ in ("NAType", "NaTType") or bool(label != label)


def _is_renumbered(labels: np.ndarray | None) -> bool:
    """Whether labels are the integers from 0 on, in another order."""
    if labels is None or not all(isinstance(label, Integral) for label in labels):
        return False
    return sorted(labels) == list(range(len(labels)))


def _places(labels: np.ndarray, argument: str, noun: str) -> dict[Hashable, int]:
    """Return the place of each label; raise ValueError if one comes twice or is missing."""
    place: dict[Hashable, int] = {}
    for i, label in enumerate(labels):
        if is_missing_label(label):
            raise ValueError(f"{argument} has a missing label at position {i}: name every one.")
        if place.setdefault(label, i) != i:
            raise ValueError(
                f"{argument} names {label!r} twice, at positions {place[label]} and {i}. Labels "
                f"of {noun} must be unique: drop one, or pass values without labels."
            )
    return place
