"""The one way this package compiles a loop."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kernel(function: Callable | None = None, *, fastmath: tuple[str, ...] = ()) -> Any:
    """Compile `function` with numba when it is first called.

    numba is imported then and not before. Types are inferred (explicit signatures reject read-only
    arrays), the GIL is released, and the machine code is cached beside the source; an install that
    cannot be written to compiles once per process. Kernels are never parallel: callers fan out over
    genes, loci or chains instead. The Python function stays reachable as ``kernel.py_func``.

    A kernel may call kernels of its own folder, so that a long loop can be cut into named parts;
    they are compiled with it. If any source of that folder changes, it is compiled anew: numba by
    itself would go on with what the other files said before.

    fastmath : tuple of str
        What floating-point arithmetic is allowed beyond IEEE 754; numba lists the names. It does
        not pass to the kernels that are called.
    """
    if function is None:
        return functools.partial(kernel, fastmath=fastmath)
    return Kernel(function, set(fastmath))


class Kernel:
    """A function that numba compiles when Python or another kernel first calls it."""

    def __init__(self, function: Callable, fastmath: set[str]) -> None:
        functools.update_wrapper(self, function)
        self.py_func, self.fastmath = function, fastmath

    @functools.cached_property
    def compiled(self) -> Callable:
        """The function compiled, cached if some folder can be written to."""
        import numba

        _teach_numba()
        try:
            compile_it: Any = numba.njit(nogil=True, cache=True, fastmath=self.fastmath)
            compiled = compile_it(self.py_func)
            index = compiled._cache._cache_file
            folder = Path(self.py_func.__code__.co_filename).parent
            index._source_stamp = (index._source_stamp, sources_digest(folder))
        except (RuntimeError, AttributeError):  # no folder for the cache, or another kind of it
            return numba.njit(nogil=True, fastmath=self.fastmath)(self.py_func)
        return compiled

    def __call__(self, *args: Any) -> Any:
        """Call the compiled function."""
        return self.compiled(*args)


@functools.cache
def sources_digest(folder: Path) -> str:
    """Return a digest of the Python files of a folder, by which the cache knows that they changed.

    It goes beside numba's own stamp, the size and time of the one file in which a kernel is defined
    (or of the archive that holds it, where there is no folder).
    """
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def popcount(word: int) -> int:
    """Return how many bits of an unsigned integer are 1; in kernels, one instruction."""
    return int(word).bit_count()


@functools.cache
def _teach_numba() -> None:
    """Let numba see a `Kernel` that a compiled function refers to as the compiled function.

    And let it compile `popcount`.
    """
    from numba.extending import intrinsic, overload, typeof_impl

    @intrinsic
    def count_bits(typing_context: Any, word: Any) -> Any:
        return word(word), lambda context, builder, signature, args: builder.ctpop(args[0])

    count: Any = count_bits  # numba passes the first argument of an intrinsic itself
    overload(popcount)(lambda word: lambda word: count(word))

    @typeof_impl.register(Kernel)
    def typeof_kernel(value: Kernel, context: Any) -> Any:
        return typeof_impl(value.compiled, context)
