"""Finished units of work, each a file in a folder until all are done, so that others resume."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from skgenetics.utils._text import join_names

_FILES = "*.json.gz"  # as `save_content` and `finemap_loci` write them


def parts_of(out: Path) -> Path:
    """Return the folder of the finished units of results named `out`."""
    return out.with_name(f"{out.name}.parts")


@contextlib.contextmanager
def keeping(units: str, *folders: Path) -> Iterator[None]:
    """Say of what ends the work where finished units are kept, if there are any."""
    try:
        yield
    except BaseException as error:
        for folder in folders:
            with contextlib.suppress(OSError):  # not empty, or not there
                folder.rmdir()
        if filled := [f"{folder}/" for folder in folders if any(folder.glob(_FILES))]:
            error.add_note(
                f"finished {units} are in {join_names(filled)}, and the same command goes on from "
                "there"
            )
        raise


def remove_parts(folder: Path) -> None:
    """Remove a folder of finished units; files of someone else stay."""
    for path in folder.glob(_FILES):
        path.unlink()
    with contextlib.suppress(OSError):  # not empty, or not there
        folder.rmdir()
