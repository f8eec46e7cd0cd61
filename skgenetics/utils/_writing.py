"""Names of files that cannot collide, and writing that leaves nothing partial behind."""

import contextlib
import errno
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

LONGEST_NAME = 100  # characters; endings and a file system's limit of 255 bytes leave room for it


def file_name(name: str, *, among: Iterable[str] = ()) -> str:
    """Return a readable name of a file for `name`, which no other name has.

    Letters, digits and ``+ - . _`` stay, all else becomes "_". The name then ends in a hash of
    `name`, as it does if `name` is long or differs from one of `among` by case alone, which some
    file systems do not tell apart.

    Parameters
    ----------
    name : str
        Such as that of a trait or a locus.
    among : iterable of str
        All names whose files lie in the same folder.

    Examples
    --------
    >>> from skgenetics.utils._writing import file_name
    >>> file_name("BMI_raw"), file_name("BMI/raw"), file_name("BMI:raw")
    ('BMI_raw', 'BMI_raw-c2634ceb', 'BMI_raw-3695ce01')
    """
    readable = re.sub(r"[^A-Za-z0-9._+-]+", "_", name).lstrip(".")[:LONGEST_NAME]
    looks_hashed = re.search(r"-[0-9a-f]{8}$", name)
    same_but_case = any(
        other != name and other.casefold() == name.casefold() for other in map(str, among)
    )
    if readable and readable == name and not looks_hashed and not same_but_case:
        return name
    return f"{readable or 'unnamed'}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary name to write to, and rename it to `path` when all went well.

    Parameters
    ----------
    path : path-like
        The file to write. Its folder must exist.

    Yields
    ------
    temporary : pathlib.Path
        A name in the same folder with the same endings (writers look at them). It is removed when
        the block raises, and `path` is then as it was before.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"Cannot write {path}: it is a folder, not a file.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Cannot write {path}: there is no folder {path.parent}.")
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        with _full_disk_named(path, temporary):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _full_disk_named(path: Path, temporary: Path) -> Iterator[None]:
    """Let an error of a full disk name what was to be written: files that are open do not."""
    try:
        yield
    except OSError as error:
        known = error.filename is not None and not str(error.filename).startswith(str(temporary))
        if known or error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def atomic_folder(
    path: str | os.PathLike, *, replaces: Sequence[str] = (), first: str = ""
) -> Iterator[Path]:
    """Give a temporary folder to fill, and move its files to the folder `path` when all went well.

    Parameters
    ----------
    path : path-like
        The folder of results. It is made, with its parents, if it does not exist; files of the same
        names in it are replaced, others are kept.
    replaces : sequence of str
        Patterns of files of earlier results, such as "locus_*.png", which are removed from the
        folder when the new ones are moved in.
    first : str
        Name of the file that tells which others are of this run, moved in before them: if the
        process is killed meanwhile, another one still knows whose they are.

    Yields
    ------
    temporary : pathlib.Path
        An empty folder beside `path`, removed when the block raises.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"Cannot write to {path}: it is a file, not a folder.")
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OSError(f"Cannot write to {path}: {error.strerror}.") from error
    try:
        with _full_disk_named(path, temporary):
            yield temporary
        path.mkdir(exist_ok=True)
        for pattern in replaces:
            for file in path.glob(pattern):
                if file.name != first:
                    file.unlink()
        for file in sorted(temporary.iterdir(), key=lambda file: (file.name != first, file)):
            os.replace(file, path / file.name)
    finally:
        shutil.rmtree(temporary)
        for folder in missing:  # the deepest first; a folder that was filled stays
            with contextlib.suppress(OSError):
                folder.rmdir()


def save_content(path: Path, content: dict[str, Any], key: str) -> None:
    """Save what JSON can hold under a `key` that says what it follows from."""
    path.parent.mkdir(parents=True, exist_ok=True)  # another run may have removed it at its end
    with atomic_path(path) as temporary:  # no partial file is ever read
        temporary.write_bytes(gzip.compress(json.dumps({"key": key, **content}).encode(), 1))


def load_content(path: Path, key: str) -> dict[str, Any] | None:
    """Return what was saved under `key`; None if there is no whole file, or one of another key."""
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error):
        return None
    return content if content.pop("key", None) == key else None
