"""NumPy's files."""

from pathlib import Path

import numpy as np
from scipy import sparse


def load_arrays(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    """Return the array of an .npy or of a sparse .npz, or {name: array} of another .npz."""
    try:
        with open(path, "rb") as file:  # np.load leaves damaged files open
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            arrays = {key: loaded[key] for key in loaded.files}
            if not {"format", "shape", "data"} <= set(arrays):
                return arrays
            file.seek(0)
            return sparse.load_npz(file).toarray()
    except Exception as error:
        words = " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{path.name} is not a readable {path.suffix} file: {words}.") from error
