import sys
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _close_figures():
    """Close what a test drew: beyond 20 open figures matplotlib warns, in whatever test comes."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def shared():
    """The folder of real data and reference results; tests skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip(f"needs the reference data, which are not part of the package: {folder}")
    return folder
