"""What every estimator of the package shares: its version in files, and moves between devices."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skgenetics._version import __version__
from skgenetics.utils._arrays import (
    device_of,
    get_namespace_and_device,
    is_array,
    move_to,
    namespace_of,
    numpy_namespace,
)
from skgenetics.utils._typing import Array

Converter = Callable[[Array], Array]


class InconsistentVersionWarning(UserWarning):
    """An estimator was saved by another version of skgenetics than the one that loads it."""


class GeneticsEstimator(BaseEstimator):
    """scikit-learn's estimator, which tells the version that saved it and moves as a whole."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the version of the package."""
        return {**super().__getstate__(), "_skgenetics_version": __version__}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take up a state, with a warning if another version of the package saved it."""
        state = dict(state)
        version = state.pop("_skgenetics_version", "without a number")
        if version != __version__:
            warnings.warn(
                f"This {type(self).__name__} was saved by skgenetics {version} and is loaded by "
                f"{__version__}: its attributes may mean something else. Fit it again, or load it "
                "with the version that saved it.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)

    def __sklearn_array_api_convert__(self, converter: Converter) -> Any:
        """Return the estimator with all its arrays converted, as scikit-learn asks for it."""
        return _with_attributes(self, _Conversion(converter))


def to_device(estimator: Any, like: Array) -> Any:
    """Return a copy of an estimator whose arrays lie beside those that it will be given.

    Parameters
    ----------
    estimator : estimator
        Any of this package, and pipelines and searches of scikit-learn around it.
    like : array
        Of the library and on the device to move to.

    Returns
    -------
    moved : estimator
        The estimator itself stays where it is. Numbers keep their dtype.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenetics import FinemapMiXeR
    >>> from skgenetics.utils import to_device
    >>> X = np.array([[0, 1], [1, 2], [2, 0], [1, 1]])
    >>> model = FinemapMiXeR().fit(X, X[:, 0])
    >>> type(to_device(model, like=np.zeros(1)).coef_)
    <class 'numpy.ndarray'>
    """
    if not is_array(like):
        raise TypeError(
            f"like must be an array of the library and on the device to move to; got {like!r}."
        )
    get_namespace_and_device(like)  # whether the library is switched on
    xp, device = namespace_of(like), device_of(like)
    return _Conversion(lambda array: move_to(array, xp, device))(estimator)


def to_host(estimator: Any) -> Any:
    """Return a copy of an estimator whose arrays are NumPy arrays in main memory.

    A model that was fitted on a GPU then predicts, and is loaded, where there is none.

    Parameters
    ----------
    estimator : estimator
        Any of this package, and pipelines and searches of scikit-learn around it.

    Returns
    -------
    moved : estimator
        The estimator itself stays where it is.
    """
    return _Conversion(lambda array: move_to(array, numpy_namespace, "cpu"))(estimator)


class _Conversion:
    """Applies a converter to the arrays in anything that an estimator holds."""

    def __init__(self, converter: Converter):
        self.converter = converter
        self.done: dict[int, tuple[Any, Any]] = {}  # an array held twice stays one

    def __call__(self, value: Any) -> Any:
        """Return `value` with its arrays converted; dicts of results stay on the host."""
        if is_array(value):
            return self._array(value)
        if isinstance(value, list | tuple):
            items = [self(item) for item in value]
            return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        is_ours = type(value).__module__.split(".")[0] == "skgenetics"
        if isinstance(value, BaseEstimator) or (is_ours and hasattr(value, "__dict__")):
            return value if isinstance(value, type) else _with_attributes(value, self)
        return value

    def _array(self, array: Any) -> Any:
        """Return an array converted; text, masked arrays and single numbers stay as they are."""
        if isinstance(array, np.ma.MaskedArray | np.generic):
            return array
        if isinstance(array, np.ndarray) and array.dtype.kind not in "biuf":
            return array
        if id(array) not in self.done:
            self.done[id(array)] = array, self.converter(array)
        return self.done[id(array)][1]


def _with_attributes(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return an object of the same class whose attributes are converted."""
    moved = object.__new__(type(value))
    moved.__dict__.update({name: convert(item) for name, item in vars(value).items()})
    return moved
