"""Arrays of other namespaces, read on the host, and genotypes that are read by blocks."""

import array_api_compat
import numpy as np


def as_numpy(array):
    """Return `array` of any namespace and device as a NumPy array."""
    if isinstance(array, np.ndarray) or not array_api_compat.is_array_api_obj(array):
        return np.asarray(array)
    xp = array_api_compat.array_namespace(array)
    strict = array_api_compat.is_array_api_strict_namespace(xp)
    device = xp.Device("CPU_DEVICE") if strict else "cpu"
    return np.asarray(array_api_compat.to_device(array, device))


class Disk:
    """A reader of another make: it holds the calls, and notes what is read."""

    def __init__(self, calls, names=None, reads=None):
        import pandas as pd

        self.calls, self.shape = calls, calls.shape
        names = [f"rs{j}" for j in range(calls.shape[1])] if names is None else names
        self.variants = pd.DataFrame({"variant_id": names})
        self.reads = [] if reads is None else reads

    def __getitem__(self, key):
        rows, columns = (np.atleast_1d(np.arange(n)[k]) for n, k in zip(self.shape, key))
        self.reads.append((len(rows), len(columns)))
        return self.calls[np.ix_(rows, columns)]

    def select(self, rows=slice(None), columns=slice(None)):
        names = self.variants["variant_id"].to_numpy()[columns]
        return Disk(self.calls[rows][:, columns], names, self.reads)
