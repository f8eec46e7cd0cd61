"""Objects of R, as its ``save()`` writes them: serialization of version 2, XDR byte order.

An object is an integer that holds its type and whether attributes follow, the values, and then the
attributes as a list of pairs. Strings know their encoding. See "Serialization Formats" in the
manual "R Internals".
"""

import gzip
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from skgenetics.utils._typing import PathLike

_SYMBOL, _PAIR, _CHARACTERS, _INTEGERS, _REALS, _STRINGS, _LIST = 1, 2, 9, 13, 14, 16, 19
_IS_OBJECT, _HAS_ATTRIBUTES, _HAS_TAG = 1 << 8, 1 << 9, 1 << 10
_UTF8, _ASCII = 1 << 15, 1 << 18
_END_OF_PAIRS = 254
_NO_INTEGER = -(2**31)  # NA
_WRITTEN_BY, _READABLE_FROM = 0x00030600, 0x00020300  # R 3.6.0, R 2.3.0


def vector(values: Sequence | np.ndarray, attributes: Mapping[str, bytes] | None = None) -> bytes:
    """Return a vector of integers, reals or strings; a matrix lies in columns, one by one."""
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return _object(_INTEGERS, array.size, array.astype(">i4").tobytes("F"), attributes)
    if array.dtype.kind == "f":
        return _object(_REALS, array.size, array.astype(">f8").tobytes("F"), attributes)
    texts = [str(text) for text in array.tolist()]
    return _object(_STRINGS, len(texts), b"".join(map(_characters, texts)), attributes)


def matrix(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> bytes:
    """Return a matrix of reals with names of its rows and columns."""
    names = _list([vector(list(rows)), vector(list(columns))])
    return vector(
        np.asarray(values, dtype=np.float64), {"dim": vector(values.shape), "dimnames": names}
    )


def data_frame(columns: Mapping[str, Sequence | np.ndarray]) -> bytes:
    """Return a data frame of columns of one length, its rows numbered."""
    n_rows = len(next(iter(columns.values())))
    attributes = {
        "names": vector(list(columns)),
        "row.names": vector([_NO_INTEGER, -n_rows]),  # R's short form of 1 to n_rows
        "class": vector(["data.frame"]),
    }
    return _list([vector(column) for column in columns.values()], attributes, _IS_OBJECT)


def save_objects(path: PathLike, objects: Mapping[str, bytes]) -> None:
    """Write named objects as R's ``load()`` reads them, to the same bytes for the same objects."""
    header = b"RDX2\nX\n" + struct.pack(">iii", 2, _WRITTEN_BY, _READABLE_FROM)
    with open(path, "wb") as file:
        file.write(gzip.compress(header + _pairs(objects), mtime=0))


def _object(
    kind: int,
    length: int,
    content: bytes,
    attributes: Mapping[str, bytes] | None = None,
    flags: int = 0,
) -> bytes:
    """Return an object of some length, with its attributes."""
    if not attributes:
        return struct.pack(">ii", kind | flags, length) + content
    head = struct.pack(">ii", kind | flags | _HAS_ATTRIBUTES, length)
    return head + content + _pairs(attributes)


def _list(
    items: Sequence[bytes], attributes: Mapping[str, bytes] | None = None, flags: int = 0
) -> bytes:
    """Return a list of objects."""
    return _object(_LIST, len(items), b"".join(items), attributes, flags)


def _pairs(items: Mapping[str, bytes]) -> bytes:
    """Return named objects as R's list of pairs."""
    head = struct.pack(">ii", _PAIR | _HAS_TAG, _SYMBOL)
    pairs = [head + _characters(name) + value for name, value in items.items()]
    return b"".join(pairs) + struct.pack(">i", _END_OF_PAIRS)


def _characters(text: str) -> bytes:
    """Return one string."""
    encoding = _ASCII if text.isascii() else _UTF8
    return _object(_CHARACTERS, len(text.encode()), text.encode(), flags=encoding)
