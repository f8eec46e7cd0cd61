"""Names of types in signatures."""

import os
from typing import Any, TypeAlias

# An array of NumPy, CuPy, torch or another library with the array API's methods. The libraries
# share no class, so a type checker can promise no more; docstrings give shapes and meaning.
Array: TypeAlias = Any

# What becomes an array: an array, nested lists, or a data frame.
ArrayLike: TypeAlias = Any

# The name of a file.
PathLike: TypeAlias = str | os.PathLike[str]
