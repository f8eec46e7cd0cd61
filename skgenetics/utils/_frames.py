"""Data frames of any kind (pandas, polars, pyarrow), read through narwhals."""

from typing import Any

import narwhals
import numpy as np
from narwhals.exceptions import DuplicateError


def as_frame(values: Any) -> narwhals.DataFrame | None:
    """Return `values` as a narwhals data frame, or None if it is not a data frame."""
    frame = narwhals.from_native(values, eager_only=True, pass_through=True)
    return frame if isinstance(frame, narwhals.DataFrame) else None


def frame_beside(values: np.ndarray, names: list[str], frame: narwhals.DataFrame) -> Any:
    """Return an array as a data frame of the library of `frame`."""
    made = narwhals.from_numpy(values, schema=names, backend=frame.implementation)
    return made.to_native()


def column_dtypes(frame: narwhals.DataFrame) -> list[Any]:
    """Return the narwhals dtype of each column, asking once for each dtype of the library."""
    native = getattr(frame.to_native(), "dtypes", None)
    if native is None:
        return list(frame.schema.values())
    first: dict[Any, int] = {}
    for place, dtype in enumerate(native):
        first.setdefault(dtype, place)
    dtypes = {dtype: frame[:, [place]].schema.dtypes()[0] for dtype, place in first.items()}
    return [dtypes[dtype] for dtype in native]


def frame_values(frame: narwhals.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of a data frame as one array, and which of its columns are integers.

    Integers without missing values stay integers if all columns are; else missing values are NaN.

    Parameters
    ----------
    frame : narwhals.DataFrame
    name : str
        That of the argument, for the errors.

    Raises
    ------
    ValueError
        If two columns have one name.
    TypeError
        If a column is neither numbers nor booleans.
    """
    try:
        dtypes = column_dtypes(frame)
    except DuplicateError as error:
        raise ValueError(
            f"{name} has several columns of one name: {' '.join(str(error).split())}. Give each "
            "column a name of its own."
        ) from error
    integer = np.array([dtype.is_integer() or dtype == narwhals.Boolean for dtype in dtypes])
    readable = [dtype.is_numeric() or dtype in _OTHER_NUMBERS for dtype in dtypes]
    if not all(readable):
        place = readable.index(False)
        raise TypeError(
            f"{name} has the column {frame.columns[place]!r} of {dtypes[place]}, where numbers are "
            "expected. Leave it out, or make numbers of it, one column for each category "
            "(sklearn.preprocessing.OneHotEncoder)."
        )
    values = frame.to_numpy()
    if values.dtype.kind not in "biuf" and narwhals.Object not in dtypes:
        values = np.column_stack([column.to_numpy() for column in frame.iter_columns()])
        values = values if values.dtype.kind in "biuf" else values.astype(np.float64)
    return values, integer


# Object holds whatever pandas was given, for scikit-learn to read; an empty column is Unknown
_OTHER_NUMBERS = (narwhals.Boolean, narwhals.Object, narwhals.Unknown)
