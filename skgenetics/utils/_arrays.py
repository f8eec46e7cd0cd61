"""One code path for NumPy, CuPy, torch and array_api_strict.

The only file of the package that names an array library. scikit-learn decides whether arrays are
dispatched: with ``sklearn.set_config(array_api_dispatch=True)`` the computation stays in the
namespace and on the device of its input, without it everything is converted to NumPy.
"""

from collections.abc import Iterator
from typing import Any

import array_api_compat
import array_api_compat.numpy as numpy_namespace
import numpy as np
from sklearn import get_config

from skgenetics.utils._typing import Array

GPU_SIZE = 2**26  # numbers of a temporary array on a GPU


def get_namespace_and_device(*arrays: Any) -> tuple[Any, Any]:
    """Return the array namespace and the device shared by `arrays`.

    Objects that are not arrays (None, lists, data frames) are passed over. Without dispatch the
    answer is NumPy, and CuPy arrays, which cannot become NumPy arrays by themselves, raise.
    """
    dispatch = get_config()["array_api_dispatch"]
    if not dispatch and any(array_api_compat.is_cupy_array(array) for array in arrays):
        raise ValueError(
            "Got a CuPy array while array API dispatch is off. Set the environment variable "
            "SCIPY_ARRAY_API=1 before Python starts, then call "
            "sklearn.set_config(array_api_dispatch=True)."
        )
    libraries = [array for array in arrays if array_api_compat.is_array_api_obj(array)]
    if not dispatch or not libraries:
        return numpy_namespace, "cpu"
    return array_api_compat.array_namespace(*libraries), array_api_compat.device(libraries[0])


def namespace_of(*arrays: Array) -> Any:
    """Return the namespace of arrays that are in one already, whatever the dispatch."""
    if len(arrays) == 1 and type(arrays[0]) is np.ndarray:  # at no cost
        return numpy_namespace
    if all(isinstance(array, np.ndarray | np.generic) for array in arrays):
        return numpy_namespace
    return array_api_compat.array_namespace(*arrays)


def device_of(array: Array) -> Any:
    """Return the device of an array."""
    return array_api_compat.device(array)


def is_array(value: Any) -> bool:
    """Whether `value` is an array of a library that we know."""
    return bool(array_api_compat.is_array_api_obj(value))


def is_numpy(xp: Any) -> bool:
    """Whether `xp` is NumPy's namespace."""
    return xp is np or array_api_compat.is_numpy_namespace(xp)


def detached(array: Any) -> Any:
    """Return `array` without the gradients that a torch tensor may carry."""
    return array.detach() if getattr(array, "requires_grad", False) is True else array


def to_numpy(array: Any) -> np.ndarray:
    """Return `array` on the host as a NumPy array, without a copy if it is one already."""
    if isinstance(array, np.ndarray) or not array_api_compat.is_array_api_obj(array):
        return np.asarray(array)
    array = widened(detached(array))  # NumPy has no bfloat16
    if array_api_compat.is_array_api_strict_namespace(array_api_compat.array_namespace(array)):
        xp = array_api_compat.array_namespace(array)
        return np.asarray(array.to_device(xp.Device("CPU_DEVICE")))
    return np.asarray(array_api_compat.to_device(array, "cpu"))


def move_to(array: Any, xp: Any, device: Any, dtype: Any = None) -> Array:
    """Return `array` (of any namespace) in `xp`, on `device`, as `dtype` (unchanged if None)."""
    if isinstance(array, np.ndarray) and is_numpy(xp):  # the others take ten times as long
        return array if dtype is None else array.astype(dtype, copy=False)
    if array_api_compat.is_array_api_obj(array):
        array = detached(array)
        same = array_api_compat.array_namespace(array) is xp
        if same and array_api_compat.device(array) == device:
            return array if dtype is None else xp.astype(array, dtype, copy=False)
    return xp.asarray(to_numpy(array), dtype=dtype, device=device)


def float_dtype(array: Array) -> Any:
    """Return the floating dtype of results computed from `array`.

    That is its own for float32 and float64, float32 for shorter floats, whose sums overflow, and
    float64 for longer floats and integers.
    """
    xp = namespace_of(array)
    if array.dtype in (xp.float32, xp.float64):
        return array.dtype
    short = xp.isdtype(array.dtype, "real floating") and xp.finfo(array.dtype).bits < 32
    return xp.float32 if short else xp.float64


def widened(array: Any) -> Any:
    """Return real numbers as integers, float32 or float64: others become their `float_dtype`.

    Integers keep their dtype, in the byte order of the machine. Anything else (None, lists, text,
    complex numbers) is returned as it is.
    """
    if not array_api_compat.is_array_api_obj(array):
        return array
    if isinstance(array, np.ndarray):
        if array.dtype.name == "bfloat16":
            return array.astype(np.float32)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
    xp = namespace_of(array)
    if not xp.isdtype(array.dtype, "real floating"):
        return array
    return xp.astype(array, float_dtype(array), copy=False)


def is_on_gpu(array: Any) -> bool:
    """Whether `array` lies in the memory of a GPU."""
    if array_api_compat.is_torch_array(array):
        return bool(array.device.type != "cpu")
    return bool(array_api_compat.is_cupy_array(array))


def working_size(size: int, like: Array) -> int:
    """Return how many numbers of a temporary array to work on at a time, beside `like`.

    That is `size`, chosen for the cache of a processor. On a GPU, where a call takes as long as
    some million numbers do, it is `GPU_SIZE` if that is more.
    """
    return max(size, GPU_SIZE) if is_on_gpu(like) else size


def slices(n: int, size: float, *, start: int = 0) -> Iterator[slice]:
    """Yield slices that cut range(start, n) into pieces of at most `size`, and of 1 at least."""
    step = max(1, int(size))
    for first in range(start, n, step):
        yield slice(first, min(first + step, n))


def column_blocks(
    X: Any, dtype: Any, *, max_bytes: int = 2**25, first: int = 0
) -> Iterator[tuple[slice, Array]]:
    """Yield ``(slice, X[:, slice] as dtype)`` so that no float copy of an integer X is made.

    X is an array, or anything whose slices of columns are arrays. A block holds at most
    `max_bytes`, or the `least_bytes` that X asks to be read at a time; `first` is the first column.
    If X already has `dtype`, the blocks are views.
    """
    n_samples, n_columns = X.shape
    max_bytes = max(max_bytes, getattr(X, "least_bytes", 0))
    for part in slices(n_columns - first, max_bytes // (8 * max(n_samples, 1))):
        columns = slice(first + part.start, first + part.stop)
        block = X[:, columns]
        yield columns, namespace_of(block).astype(block, dtype, copy=False)


def matvec(X: Array, vector: Array) -> Array:
    """Return X vector for X (n, p) of any real dtype and a floating vector (p,), by blocks."""
    return sum(block @ vector[columns] for columns, block in column_blocks(X, vector.dtype))


def check_same_namespace(estimator: Any, X: Any, *, attribute: str, method: str) -> None:
    """Raise ValueError if X is not in the namespace and on the device of `estimator`'s fit."""
    fitted = getattr(estimator, attribute)
    if not get_config()["array_api_dispatch"]:
        return
    xp, device = get_namespace_and_device(X)
    fitted_xp, fitted_device = get_namespace_and_device(fitted)
    if (xp is fitted_xp and device == fitted_device) or (is_numpy(xp) and is_numpy(fitted_xp)):
        return
    name = type(estimator).__name__
    raise ValueError(
        f"Inputs passed to {name}.{method}() must use the same namespace and the same device as "
        f"those passed to fit(). Got {xp.__name__} on {device}, fitted with "
        f"{fitted_xp.__name__} on {fitted_device}: move X, or fit again."
    )
