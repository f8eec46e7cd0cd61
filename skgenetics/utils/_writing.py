"""Writing so that nothing partial is ever left behind."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def atomic_path(path):
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
    if not path.parent.is_dir():
        raise FileNotFoundError(f"Cannot write {path}: there is no folder {path.parent}.")
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path, *, replaces=()):
    """Give a temporary folder to fill, and move its files to the folder `path` when all went well.

    Parameters
    ----------
    path : path-like
        The folder of results. It is made, with its parents, where there is none; files of the same
        names in it are replaced, others are kept.
    replaces : sequence of str
        Patterns of files of earlier results, such as "locus_*.png", which are removed from the
        folder when the new ones are moved in.

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
        yield temporary
        path.mkdir(exist_ok=True)
        for pattern in replaces:
            for file in path.glob(pattern):
                file.unlink()
        for file in sorted(temporary.iterdir()):
            os.replace(file, path / file.name)
    finally:
        shutil.rmtree(temporary)
        for folder in missing:  # the deepest first; a folder that was filled stays
            with contextlib.suppress(OSError):
                folder.rmdir()
