"""Optional packages, imported when they are used."""

import importlib
import sys
from types import ModuleType


def import_optional(name: str, *, extra: str) -> ModuleType:
    """Import an optional package, or raise ImportError naming the `extra` that installs it."""
    if module := sys.modules.get(name):  # ten times as fast as importlib, which asks the same
        return module
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{name.split('.')[0]} is needed here and is not installed: "
            f"pip install 'skgenetics[{extra}]'."
        ) from error
