"""Data frames of any kind (pandas, polars, pyarrow), read through narwhals."""

from collections.abc import Iterator
from typing import Any

import narwhals
import numpy as np


def as_frame(values: Any) -> narwhals.DataFrame | None:
    """Return `values` as a narwhals data frame, or None if it is not a data frame."""
    frame = narwhals.from_native(values, eager_only=True, pass_through=True)
    return frame if isinstance(frame, narwhals.DataFrame) else None


def int8_columns(values: Any) -> Iterator[np.ndarray]:
    """Yield the int8 columns of a data frame as NumPy arrays; nothing for other values."""
    frame = as_frame(values)
    if frame is None:
        return
    for name, dtype in frame.schema.items():
        if dtype == narwhals.Int8:
            yield frame[name].to_numpy()


def row_labels(values: Any) -> np.ndarray | None:
    """Return the labels of the rows of a pandas object if all are str, as an array, or None."""
    return _text(getattr(values, "index", None))


def column_labels(values: Any) -> np.ndarray | None:
    """Return the names of the columns of a data frame if all are str, as an array, or None."""
    frame = as_frame(values)
    return None if frame is None else _text(frame.columns)


def _text(labels: Any) -> np.ndarray | None:
    """Return `labels` as an array of str objects, or None if some are not str."""
    if labels is None or callable(labels) or not all(isinstance(label, str) for label in labels):
        return None
    return np.asarray(labels, dtype=object)
