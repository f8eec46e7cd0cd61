"""R's saved objects as data: the reader of XDR serialization, versions 2 and 3.

Only data are read: vectors, lists, strings and their attributes. Code, environments and pointers
are refused, and nothing is ever evaluated. No array is made before the file is seen to hold its
values, and what takes more memory than bytes of the file, small objects and sequences, is counted.
See "Serialization Formats" in the manual "R Internals".
"""

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skgenetics.io._lines import unpacked_bytes
from skgenetics.utils._typing import PathLike

_NULL, _REFERENCE, _SYMBOL, _PAIR, _ATTRIBUTED_PAIR = 254, 255, 1, 2, 239
_CHARACTERS, _LOGICALS, _INTEGERS, _REALS, _STRINGS, _LIST = 9, 10, 13, 14, 16, 19
_VECTORS = (_LOGICALS, _INTEGERS, _REALS, _STRINGS, _LIST)
_ALTERNATIVE = 238
_ENVIRONMENTS = (241, 242, 253)  # base, empty and global: constants that attributes may hold
_IS_CODE = {3: "a function", 4: "an environment", 5: "a promise", 6: "a call", 8: "a function"}
_HAS_ATTRIBUTES, _HAS_TAG = 1 << 9, 1 << 10
_NO_INTEGER = -(2**31)
_LATIN1 = 1 << 14  # among the flags of a text
_ENDS = "it ends in the middle, as a file that was not copied as a whole"
_MAX_BYTES, _MAX_DEPTH = 2**28, 64
_MAX_OBJECTS = 2**21  # with the elements of sequences that a file does not hold one by one


@dataclass
class RObject:
    """A vector or list of R with its attributes."""

    values: Any
    """An array of numbers, or a list of texts (None: NA) or of objects."""
    attributes: dict[str, "RObject"] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The names of its elements."""
        return self.texts_of("names")

    def texts_of(self, attribute: str) -> list[str]:
        """Return an attribute of texts, empty if there is none."""
        held = self.attributes.get(attribute)
        return [str(text) for text in held.values] if held is not None else []

    def column(self) -> Any:
        """Return the values of a column: those of a factor are its levels."""
        if "levels" not in self.attributes:
            return self.values
        levels, codes = self.texts_of("levels"), self.numbers()
        known = codes[codes != _NO_INTEGER]
        if not np.isin(known, np.arange(1, len(levels) + 1)).all():
            raise ValueError("it holds a factor with a level that it does not name")
        return [None if code == _NO_INTEGER else levels[int(code) - 1] for code in codes]

    def numbers(self) -> np.ndarray:
        """Return the values of a vector of numbers."""
        if not isinstance(self.values, np.ndarray):
            raise ValueError("it holds texts or a list where numbers are expected")
        return self.values.astype(np.float64)

    def matrix(self) -> tuple[np.ndarray, list[str], list[str]]:
        """Return a matrix with the names of its rows and columns."""
        values, dimensions = self.numbers(), self.attributes.get("dim")
        shape = dimensions.numbers() if dimensions is not None else np.empty(0)
        if len(shape) != 2 or np.prod(shape) != values.size or (shape < 0).any():
            raise ValueError("it holds a vector where a matrix is expected")
        values = values.reshape((int(shape[0]), int(shape[1])), order="F")
        held = self.attributes.get("dimnames")
        parts = [] if held is None else list(held.values)
        names = [
            [str(text) for text in part.values] if isinstance(part, RObject) else []
            for part in parts
        ]
        rows, columns = names if len(names) == 2 else ([], [])
        if len(rows) not in (0, values.shape[0]) or len(columns) not in (0, values.shape[1]):
            raise ValueError("its matrix has names of another number of rows or columns")
        return values, rows, columns


def read_r_objects(path: PathLike) -> dict[str, RObject]:
    """Read the objects in a file of R's ``save()``, packed or not.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    objects : dict of str to RObject

    Raises
    ------
    ValueError
        If the file is no such file, is damaged, or holds code.
    """
    path = Path(path)
    content = unpacked_bytes(path, _MAX_BYTES)
    if content[:7] not in (b"RDX2\nX\n", b"RDX3\nX\n"):
        kind = "of text" if content[:3] == b"RDA" else "that is none of R's"
        raise ValueError(f"{path.name} is a file {kind}: expected one that R's save() has written.")
    try:
        return _Reader(content).read()
    except (ValueError, struct.error, IndexError) as error:
        reason = str(error) if isinstance(error, ValueError) else _ENDS
        raise ValueError(f"{path.name} cannot be read as R's saved objects: {reason}.") from error


class _Reader:
    """A place in the bytes of a file."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 7
        self.references: list[str] = []
        self.n_objects = 0.0

    def read(self) -> dict[str, RObject]:
        """Return the named objects of the file."""
        version = self._integer()
        self.place += 8
        if version == 3:
            self._bytes(self._length())  # the encoding of the writer
        elif version != 2:
            raise ValueError(f"it is of version {version} of the format, 2 and 3 are read")
        objects = self._object(0)
        if not isinstance(objects, dict):
            raise ValueError("it holds one object without a name")
        return {name: value for name, value in objects.items() if isinstance(value, RObject)}

    def _integer(self) -> int:
        """Read an integer."""
        (value,) = struct.unpack_from(">i", self.content, self.place)
        self.place += 4
        return value

    def _length(self) -> int:
        """Read a number of elements."""
        length = self._integer()
        if length < 0:
            raise ValueError(f"it claims {length} elements")
        return length

    def _bytes(self, n_bytes: int) -> bytes:
        """Read bytes that the file must hold."""
        end = self.place + n_bytes
        if end > len(self.content):
            raise ValueError(_ENDS)
        held, self.place = self.content[self.place : end], end
        return held

    def _count(self, n: float) -> None:
        """Count objects, or elements that are to be made of few bytes."""
        self.n_objects += n if 0 <= n <= _MAX_OBJECTS else _MAX_OBJECTS + 1  # NaN too
        if self.n_objects > _MAX_OBJECTS:
            raise ValueError(f"it holds more than {_MAX_OBJECTS:,} objects")

    def _object(self, depth: int) -> Any:
        """Read an object: an RObject, a dict of a list of pairs, a text, or None."""
        if depth > _MAX_DEPTH:
            raise ValueError("its lists lie too deep in each other")
        return self._flagged(self._integer(), depth)

    def _flagged(self, flags: int, depth: int) -> Any:
        """Read the rest of an object that begins with `flags`."""
        self._count(1)
        kind = flags & 255
        if kind == _NULL or kind in _ENVIRONMENTS:
            return None
        if kind == _REFERENCE:
            place = flags >> 8 or self._integer()
            if not 0 < place <= len(self.references):
                raise ValueError("it refers to a name that it does not hold")
            return self.references[place - 1]
        if kind == _SYMBOL:
            name = self._object(depth + 1)
            self.references.append(name)
            return name
        if kind in (_PAIR, _ATTRIBUTED_PAIR):
            return self._pairs(flags, depth)
        if kind == _CHARACTERS:
            return self._characters(flags)
        if kind == _ALTERNATIVE:
            return self._alternative(depth)
        if kind not in _VECTORS:
            raise ValueError(f"it holds {_IS_CODE.get(kind, f'type {kind}')}, not data")
        result = RObject(self._values(kind, depth))
        if flags & _HAS_ATTRIBUTES:
            result.attributes = self._attributes(depth)
        return result

    def _values(self, kind: int, depth: int) -> Any:
        """Read the values of a vector or list."""
        length = self._length()
        if kind in (_LOGICALS, _INTEGERS):
            return np.frombuffer(self._bytes(4 * length), dtype=">i4").astype(np.int32)
        if kind == _REALS:
            return np.frombuffer(self._bytes(8 * length), dtype=">f8").astype(np.float64)
        if 4 * length > len(self.content) - self.place:  # four bytes each at least
            raise ValueError(_ENDS)
        return [self._object(depth + 1) for _ in range(length)]

    def _attributes(self, depth: int) -> dict[str, RObject]:
        """Read attributes."""
        held = self._object(depth + 1)
        if not isinstance(held, dict):
            raise ValueError("it has attributes that are no list")
        return {name: value for name, value in held.items() if isinstance(value, RObject)}

    def _pairs(self, flags: int, depth: int) -> dict[str, Any]:
        """Read a list of pairs to its end; elements without a name are named by their place."""
        result: dict[str, Any] = {}
        while flags & 255 in (_PAIR, _ATTRIBUTED_PAIR):
            if flags & _HAS_ATTRIBUTES:
                self._object(depth + 1)
            name = self._object(depth + 1) if flags & _HAS_TAG else None
            key = str(len(result)) if name is None else str(name)
            result[key] = self._object(depth + 1)
            flags = self._integer()
        if flags & 255 != _NULL:  # a pair of two objects
            result[str(len(result))] = self._flagged(flags, depth + 1)
        return result

    def _characters(self, flags: int) -> str | None:
        """Read a text, None if it is NA."""
        length = self._integer()
        if length == -1:
            return None
        if length < 0:
            raise ValueError(f"it claims a text of {length} bytes")
        encoding = "latin-1" if flags & _LATIN1 else "utf-8"
        return self._bytes(length).decode(encoding, "replace")

    def _alternative(self, depth: int) -> RObject:
        """Read a vector in one of R's compact forms."""
        info = self._object(depth + 1)
        state = self._object(depth + 1)
        attributes = self._object(depth + 1)
        form = str(next(iter(info.values()))) if isinstance(info, dict) and info else "unknown"
        result = RObject(self._expanded(form, state))
        if isinstance(attributes, dict):
            held = {k: v for k, v in attributes.items() if isinstance(v, RObject)}
            result.attributes = held
        return result

    def _expanded(self, form: str, state: Any) -> Any:
        """Return the values of one of R's compact forms."""
        if form in ("compact_intseq", "compact_realseq") and isinstance(state, RObject):
            length, first, step = state.numbers()
            self._count(length)
            return first + step * np.arange(int(length))
        parts = list(state.values()) if isinstance(state, dict) else getattr(state, "values", None)
        inner = parts[0] if isinstance(parts, list) and parts else None
        if form.startswith("wrap_") and isinstance(inner, RObject):
            return inner.values
        if form == "deferred_string" and isinstance(inner, RObject):
            numbers = inner.numbers()
            self._count(numbers.size)
            return [f"{number:.15g}" for number in numbers]
        raise ValueError(f"it holds the form {form!r}, which is not read")
