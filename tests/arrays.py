"""Arrays of other namespaces, read on the host."""

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
