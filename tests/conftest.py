from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared():
    """The folder of real data and reference results; tests skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip(f"needs the reference data, which are not part of the package: {folder}")
    return folder
