"""Columns of large text tables, only where they are wanted.

PyArrow splits the fields, some rows at a time, so that no second copy of the table is ever held.
What it cannot take is made alike first: the file is unpacked, spaces are joined to one, and lines
above the header are left out.
"""

import contextlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from skgenetics.io._lines import (
    check_header,
    encoding_of,
    endless_line,
    find_delimiter,
    missing_words,
    open_unpacked,
    split_lines,
    with_row_names,
)
from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import PathLike

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK = 1 << 21  # bytes that are parsed at once, few enough to stay in a cache
_SAMPLE = 20  # rows that are looked at first
_LONGEST = 1 << 24  # bytes of a line that is still one
_ENDS = re.compile(rb"\r\n|\r|\n")


class Layout(NamedTuple):
    """How a table is written."""

    header: list[str]
    delimiter: str | None  # None: spaces
    quoted: bool
    sample: list[list[str]]  # the first rows


Numbers = frozenset[str] | None  # columns to parse as numbers; None: all are texts as they stand


class NotPlain(Exception):
    """A table in which a number is none: it is to be read as texts."""


class Malformed(NamedTuple):
    """A row that has not as many fields as the header."""

    number: int  # from 1 below the header
    n_fields: int


class Batch(NamedTuple):
    """Some rows of the wanted columns: numbers where it was asked for, else texts."""

    columns: "dict[str, pa.Array]"
    first: int  # number of the first, from 1 below the header, without malformed ones


def read_layout(path: PathLike) -> Layout:
    """Read the header and the first rows of a table."""
    with _open_utf8(path) as stream:
        return _read_layout(Path(path).name, stream)[0]


def iterate_columns(
    path: PathLike, wanted: Sequence[str], malformed: list[Malformed], numbers: Numbers = None
) -> Iterator[Batch]:
    """Yield the wanted columns of a table, some rows at a time.

    Parameters
    ----------
    path : path-like
        Text, packed or not, with a header.
    wanted : sequence of str
        Columns as the header spells them.
    malformed : list
        Rows that have another number of fields are appended; they are not yielded.
    numbers : frozenset of str, optional
        Columns to parse as numbers; words for missing are null in all columns then. None: all are
        texts as they stand.

    Raises
    ------
    NotPlain
        With `numbers`, where one is none.
    """
    name = Path(path).name
    with _open_utf8(path) as stream:
        layout, begun = _read_layout(name, stream)
        cleaned = _Cleaned(name, begun, stream, layout)
        yield from _parse(name, layout, cleaned, wanted, malformed, numbers)


def lines_as_columns(
    name: str,
    layout: Layout,
    lines: bytes,
    wanted: Sequence[str],
    malformed: list[Malformed],
    numbers: Numbers = None,
) -> Iterator[Batch]:
    """Yield the wanted columns of rows that were taken out of a table."""
    cleaned = _Cleaned(name, b"", io.BytesIO(lines), layout)
    yield from _parse(name, layout, cleaned, wanted, malformed, numbers)


@contextlib.contextmanager
def _open_utf8(path: PathLike) -> Iterator[IO[bytes]]:
    """Open a text as bytes in UTF-8, without byte-order mark."""
    with open_unpacked(path) as stream:
        start = stream.peek(8)[:8]  # type: ignore[attr-defined]
        if encoding_of(start) == "utf-16":
            try:
                stream = io.BytesIO(stream.read().decode("utf-16").encode())
            except UnicodeError as error:
                name = Path(path).name
                raise ValueError(f"{name} is a damaged text in UTF-16: {error}.") from error
        elif start.startswith(b"\xef\xbb\xbf"):
            stream.read(3)
        yield stream


def _read_layout(name: str, stream: IO[bytes]) -> tuple[Layout, bytes]:
    """Return the layout of a table, and the bytes below the header that were read for it."""
    comments: list[str] = []
    lines: list[str] = []
    is_ended = True  # the last line that was read
    while len(lines) <= _SAMPLE and (read := stream.readline(_LONGEST)):
        is_ended = read.endswith((b"\n", b"\r"))
        for line in _decoded(name, read):
            if line.startswith("#") and not lines:
                comments.append(line)
            else:
                lines.append(line)
    if not (lines or comments):
        raise ValueError(f"{name} is empty; expected a header line and one row per variant.")
    titles = [line for line in comments if not line.startswith("##")]
    if titles and _is_header(titles[-1], lines):
        lines.insert(0, titles[-1])
    if not lines:
        raise ValueError(f"{name} is empty; expected a header line and one row per variant.")
    delimiter = find_delimiter(lines[0])
    if delimiter and len(lines) > 1 and delimiter not in "".join(lines[1:]):
        delimiter = None if find_delimiter(lines[1]) is None else delimiter
    header, *rows = split_lines(lines[: _SAMPLE + 1], delimiter, name)
    names = [field.strip() for field in header]
    names = with_row_names(names, {len(row) for row in rows})
    check_header(names, name)
    quoted = any('"' in line for line in lines)
    begun = ("\n".join(lines[1:]) + ("\n" if is_ended and lines[1:] else "")).encode()
    return Layout(names, delimiter, quoted, rows), begun


def _is_header(comment: str, lines: list[str]) -> bool:
    """Whether the last line that begins with # is a header.

    "#CHROM POS" is, "# made by" is not, nor is "#id=5" above a table of several columns.
    """
    n_fields, n_below = _n_fields(comment), _n_fields(lines[0]) if lines else 0
    if n_fields == n_below or not lines:
        return True
    return bool(comment[1:2].strip()) and not (n_fields == 1 and "=" in comment)


def _decoded(name: str, read: bytes) -> list[str]:
    """Return the lines of a text that are not blank, whichever mark ends them."""
    if len(read) >= _LONGEST and not _ENDS.search(read):
        raise endless_line(name, _LONGEST)
    if b"\0" in read:
        raise ValueError(f"{name} holds NUL bytes: it is damaged, or not text.")
    try:
        parts = [part.decode() for part in _ENDS.split(read)]
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not a text file in UTF-8: save it as such.") from error
    return [part for part in parts if part.strip()]


def _n_fields(line: str) -> int:
    """Return the number of fields of a line."""
    return len(line.split(find_delimiter(line)))


class _Cleaned:
    """A stream that PyArrow reads: lines without blank ones, ended and separated one way.

    Lines whose fields one mark separates, without quotes, are as PyArrow takes them already.
    """

    closed = False

    def __init__(self, name: str, begun: bytes, stream: IO[bytes], layout: Layout) -> None:
        self.name, self.begun, self.stream = name, begun, stream
        self.delimiter = layout.delimiter
        self.is_clean = layout.delimiter is not None and not layout.quoted
        self.rest = b""  # of the last line
        self.n_lines = 0
        self.ended = False

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes, whole lines if they are cleaned; none at the end."""
        while not self.ended:
            block = self.stream.read(max(size, _BLOCK))
            self.ended = not block
            if self.begun:
                block, self.begun = self.begun + block, b""
            if b"\0" in block:
                raise ValueError("NUL")
            if self.is_clean:
                return block
            text = self.rest + block
            cut = len(text) if self.ended else max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
            self.rest = text[cut:]
            if len(self.rest) > _LONGEST:
                raise endless_line(self.name, _LONGEST)
            if clean := self._clean(text[:cut]):
                self.n_lines += clean.count(b"\n")
                return clean
        return b""

    def _clean(self, text: bytes) -> bytes:
        """Return lines ended by one mark, without blank ones, with one space between fields."""
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self.delimiter is None:
            text = text.replace(b"\t", b" ")
            while b"  " in text:
                text = text.replace(b"  ", b" ")
            text = text.replace(b"\n ", b"\n").replace(b" \n", b"\n").strip(b" ")
        while b"\n\n" in text:
            text = text.replace(b"\n\n", b"\n")
        text = text.lstrip(b"\n")
        return text if not text or text.endswith(b"\n") else text + b"\n"

    def readable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Leave the stream to who opened it."""
        self.closed = True


def _parse(
    name: str,
    layout: Layout,
    stream: _Cleaned,
    wanted: Sequence[str],
    malformed: list[Malformed],
    numbers: Numbers,
) -> Iterator[Batch]:
    """Yield the wanted columns of the rows in a stream."""
    pa = import_optional("pyarrow", extra="dataframe")
    csv = import_optional("pyarrow.csv", extra="dataframe")
    n_rows = n_others = 0  # others: lines that are comments or blank

    def note(row: Any) -> str:
        nonlocal n_others
        if row.text.strip() and not row.text.startswith("#"):
            malformed.append(Malformed(row.number - n_others, row.actual_columns))
        else:
            n_others += 1
        return "skip"

    column_of = {column: str(layout.header.index(column)) for column in wanted}
    options = _options(layout, column_of, numbers, note)
    with _told_of(name):
        try:
            for batch in csv.open_csv(pa.PythonFile(stream, mode="r"), **options):
                if batch.num_rows:
                    columns = {column: batch.column(k) for column, k in column_of.items()}
                    yield Batch(columns, n_rows + 1)
                    n_rows += batch.num_rows
        except pa.ArrowInvalid as error:
            if "conversion error to double" in str(error):
                raise NotPlain from error
            if "Empty CSV" not in str(error) or n_rows:
                raise
    if layout.quoted and n_rows + len(malformed) + n_others != stream.n_lines:
        raise _open_quote(name)


def _options(
    layout: Layout, column_of: dict[str, str], numbers: Numbers, note: Callable[[Any], str]
) -> dict[str, Any]:
    """Return the options of PyArrow's reader; `note` is told of rows that are none."""
    pa = import_optional("pyarrow", extra="dataframe")
    csv = import_optional("pyarrow.csv", extra="dataframe")
    types = {
        k: pa.float64() if column in (numbers or ()) else pa.large_string()  # pandas' texts
        for column, k in column_of.items()
    }
    return {
        "read_options": csv.ReadOptions(
            column_names=[str(k) for k in range(len(layout.header))],
            block_size=_BLOCK,
            use_threads=False,  # with them, rows have no numbers
        ),
        "parse_options": csv.ParseOptions(
            delimiter=layout.delimiter or " ",
            quote_char='"' if layout.quoted else False,
            invalid_row_handler=note,
        ),
        "convert_options": csv.ConvertOptions(
            include_columns=[*dict.fromkeys(column_of.values())],
            column_types=types,
            null_values=missing_words(),
            strings_can_be_null=numbers is not None,
        ),
    }


@contextlib.contextmanager
def _told_of(name: str) -> Iterator[None]:
    """Turn what PyArrow says of a table into a sentence."""
    pa = import_optional("pyarrow", extra="dataframe")
    try:
        yield
    except pa.ArrowInvalid as error:
        words = str(error)
        if "UTF8" in words:
            raise ValueError(f"{name} is not a text file in UTF-8: save it as such.") from error
        raise ValueError(f"{name} is not a table: {' '.join(words.split())[:200]}") from error
    except ValueError as error:
        if str(error) == "NUL":
            raise ValueError(f"{name} holds NUL bytes: it is damaged, or not text.") from error
        raise


def _open_quote(name: str) -> ValueError:
    """Return the error of a field that a quotation mark opens, and none closes on its line."""
    return ValueError(f"{name} has a quotation mark that is not closed on its line.")


def row_numbers(first: int, n_rows: int, malformed: Sequence[Malformed]) -> list[int]:
    """Return the numbers below the header of rows that are numbered without malformed ones."""
    others = iter(sorted(row.number for row in malformed))
    numbers, gap, following = [], 0, next(others, None)
    for number in range(first, first + n_rows):
        while following is not None and following <= number + gap:
            gap, following = gap + 1, next(others, None)
        numbers.append(number + gap)
    return numbers
