"""Text files as lines and fields: unpacked, decoded, split; words that mean missing."""

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from skgenetics.utils._optional import import_optional
from skgenetics.utils._typing import ArrayLike, PathLike

# in lower case and without sign: what the programs of the field write where they have no value
_MISSING = frozenset(
    ("", ".", "-", "na", "n/a", "nan", "null", "none", "nil", "inf", "infinity", "missing")
    + ("#na", "#n/a", "<na>", "na_real_", "1.#qnan", "1.#ind", "1.#inf", "#num!", "#value!")
)
# how files begin that are no text, and what to do with them
_KINDS = {
    b"PAR1": "a parquet file, which is not read here: write the table as text",
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or save the sheet as text",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as text",
    b"\x89HDF": "an HDF5 file: write the table as text",
    b"%PDF": "a PDF: the table itself is needed",
    b"SQLi": "an SQLite database: write the table as text",
    b"\x93NUM": "a NumPy array: the table itself is needed",
    b"\x6c\x1b\x01": "PLINK's binary genotypes",
    b"BCF": "a BCF file: bcftools view makes a VCF of it",
    b"BAM\x01": "a BAM file of sequences",
    b"RDX": "R's own format: write the table with write.table",
    b"X\n\x00": "R's own format: write the table with write.table",
    b"CSI\x01": "an index of a file: give the file itself",
    b"TBI\x01": "an index of a file: give the file itself",
}
_PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_LONGEST = 1 << 27  # characters of a line: calls of millions of variants in one person
_ZSTD = b"\x28\xb5\x2f\xfd"


def is_missing(text: str) -> bool:
    """Whether a text stands for no value: empty, NA, -nan, #N/A, 1.#QNAN and the like."""
    text = text.strip().lower()
    return text in _MISSING or (text[:1] in "+-" and text[1:] in _MISSING)


def missing_words() -> list[str]:
    """Return spellings for which :func:`is_missing` is true: lower, upper and as names."""
    words = {sign + word for word in _MISSING for sign in ("", "+", "-")}
    words |= {word.title() for word in words} | {word.upper() for word in words} | {"NaN", "-NaN"}
    return sorted(words)


@contextlib.contextmanager
def open_unpacked(path: PathLike) -> Iterator[IO[bytes]]:
    """Open a file of text as a stream of bytes, unpacked if gzip, bzip2, xz or zstd packed it."""
    with _open_any(Path(path)) as stream:
        _check_kind(Path(path).name, _peek(stream))
        yield stream


def unpacked_bytes(path: PathLike, max_bytes: int) -> bytes:
    """Return the bytes of a file, unpacked; raise ValueError if there are more than `max_bytes`."""
    content = bytearray()  # grows: read(n) takes n bytes at once, whatever the file holds
    with _open_any(Path(path)) as stream:
        while part := stream.read(2**20):
            content += part
            if len(content) > max_bytes:
                raise ValueError(f"{Path(path).name} holds more than {max_bytes >> 20} MB.")
    return bytes(content)


@contextlib.contextmanager
def _open_any(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of any kind as a stream of bytes, unpacked."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    with open(path, "rb") as file:
        start = file.read(8)
    opened: Any = next((f for magic, f in _PACKED.items() if start.startswith(magic)), open)
    damage: tuple = (gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError)
    if start.startswith(_ZSTD):
        zstandard = import_optional("zstandard", extra="plink")
        opened, damage = zstandard.open, (zstandard.ZstdError, EOFError)
    try:
        with opened(path, "rb") as raw:
            stream: Any = raw if isinstance(raw, io.BufferedIOBase) else io.BufferedReader(raw)
            yield stream
    except damage as error:
        raise ValueError(f"{path.name} is a damaged packed file: {error}.") from error
    except OSError as error:
        if error.filename is None and opened is bz2.open:
            raise ValueError(f"{path.name} is a damaged packed file: {error}.") from error
        raise


def _peek(stream: Any) -> bytes:
    """Return the first bytes of a stream, and leave them in it."""
    return stream.peek(8)[:8] if hasattr(stream, "peek") else b""


def _check_kind(name: str, start: bytes) -> None:
    """Raise ValueError if a file is of a kind that is no text."""
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            raise ValueError(f"{name} is not a text file but {kind}.")


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text by its first bytes."""
    is_utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return "utf-16" if is_utf16 else "utf-8-sig"


def iterate_lines(path: PathLike) -> Iterator[str]:
    """Yield lines of text, packed or not, without byte-order mark and line end."""
    path = Path(path)
    try:
        with (
            open_unpacked(path) as stream,
            io.TextIOWrapper(stream, encoding=encoding_of(_peek(stream))) as file,
        ):
            while line := file.readline(_LONGEST):
                if len(line) == _LONGEST and line[-1] != "\n":
                    raise endless_line(path.name, _LONGEST)
                if "\0" in line:
                    raise ValueError(f"{path.name} holds NUL bytes: it is damaged, or not text.")
                yield line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} is not a text file in UTF-8: save it as such.") from error
    except UnicodeError as error:
        raise ValueError(f"{path.name} is a damaged text in UTF-16: {error}.") from error


def endless_line(name: str, longest: int) -> ValueError:
    """Return the error of a text that has a line longer than any table's."""
    return ValueError(
        f"{name} has a line of more than {longest >> 20} MB: it is damaged, or no table."
    )


def read_lines(path: PathLike) -> list[str]:
    """Return the lines of a text file as a list."""
    return list(iterate_lines(path))


def find_delimiter(line: str) -> str | None:
    """Return what separates the fields of a header: TAB, comma, semicolon, or None for spaces."""
    return next((mark for mark in "\t,;" if mark in line), None)


def split_lines(lines: Sequence[str], delimiter: str | None, name: str) -> list[list[str]]:
    """Return lists of fields; quoted fields may hold the delimiter, but not an end of line."""
    if delimiter is None:
        if not any('"' in line for line in lines):
            return [line.split() for line in lines]
        lines, delimiter = [re.sub(r"\s+", " ", line.strip()) for line in lines], " "
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        rows = list(reader)
    except csv.Error as error:
        raise ValueError(f"{name} is not a table: {error}.") from error
    if len(rows) != len(lines):
        raise ValueError(f"{name} has a quotation mark that is not closed on its line.")
    return rows


def check_header(header: list[str], name: str) -> None:
    """Raise ValueError if two columns have one name, or a name is too long to be one."""
    named = [column for column in header if column]
    if len(set(named)) < len(named):
        repeated = next(column for column in named if named.count(column) > 1)
        numbers = [column for column in named if np.isfinite(to_number(column))]
        if repeated in numbers:
            raise ValueError(
                f"{name} has no header: its first line holds {repeated[:60]!r} more than once, "
                "where names of columns are expected."
            )
        if numbers:
            raise ValueError(
                f"{name} has no header, or more than one column named {repeated[:60]!r}: its first "
                f"line holds {numbers[0][:60]!r} too, where names of columns are expected."
            )
        raise ValueError(f"{name} has more than one column named {repeated[:60]!r}.")
    longest = max(header, key=len)
    if len(longest) > 200:
        raise ValueError(
            f"{name} has a column name of {len(longest)} characters, {longest[:40]!r}...: it is "
            "damaged, or its fields are not separated by TAB, comma or spaces."
        )


def with_row_names(header: list[str], lengths: set[int]) -> list[str]:
    """Return a header, with a nameless first column where R wrote names of rows below none."""
    return ["", *header] if lengths == {len(header) + 1} else header


def split_header(lines: Sequence[str], name: str) -> list[str]:
    """Return the names of columns in the first of some lines of a table."""
    first, *others = [
        [field.strip() for field in row]
        for row in split_lines(lines, find_delimiter(lines[0]), name)
    ]
    return with_row_names(first, {len(row) for row in others})


def split_rows(lines: list[str], name: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of lines that are not blank, all of as many fields as the header."""
    header, *rows = [
        [field.strip() for field in row]
        for row in split_lines(lines, find_delimiter(lines[0]), name)
    ]
    if not rows:
        raise ValueError(f"{name} has a header line only; expected rows below it.")
    header = with_row_names(header, {len(row) for row in rows})
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise ValueError(
                f"{name}: row {number} (ID {row[0][:60]}) has {len(row)} fields, the header has "
                f"{len(header)}. Fields are separated by TAB, comma or spaces, one way in a file."
            )
    check_header(header, name)
    return header, rows


def is_content(line: str) -> bool:
    """Whether a line of a table is neither blank nor a comment."""
    return bool(line.strip()) and not line.startswith("##")


def read_rows(path: PathLike) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a table, each a list of as many fields as the header."""
    name = Path(path).name
    lines = [line for line in read_lines(path) if is_content(line)]
    if not lines:
        raise ValueError(f"{name} is empty; expected a header line and rows below it.")
    return split_rows(lines, name)


def parse_numbers(
    rows: Sequence[Sequence[str]],
    row_names: ArrayLike,
    column_names: Sequence[str],
    source: str,
    *,
    missing_code: float | None = -9,
) -> np.ndarray:
    """Return rows of text as float64; words for missing and `missing_code` become NaN."""
    values = np.empty((len(rows), len(column_names)))
    for k, row in enumerate(rows):
        try:
            values[k] = [float(text) for text in row]
        except ValueError:
            values[k] = [to_number(text) for text in row]
        for j in np.flatnonzero(~np.isfinite(values[k])).tolist():
            if not is_missing(row[j]) and not np.isinf(values[k, j]):
                raise ValueError(
                    f"{source}: column {column_names[j]!r} of {row_names[k][:60]} is "
                    f"{str(row[j])[:40]!r}; expected a number (missing: NA)."
                )
            values[k, j] = np.nan
    if missing_code is not None:
        values[values == missing_code] = np.nan
    return values


def is_position(text: str) -> bool:
    """Whether a text is a whole number of base pairs."""
    return text.isascii() and text.isdigit() and len(text) < 11 and int(text) < 2**31


def to_number(text: Any) -> float:
    """Return a text as a float; NaN if it is not a number."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return np.nan
