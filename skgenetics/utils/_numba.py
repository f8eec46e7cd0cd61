"""The one way this package compiles a loop."""

import functools


def kernel(function=None, *, fastmath=()):
    """Compile `function` with numba when it is first called.

    numba is imported then and not before. Types are inferred (explicit signatures reject read-only
    arrays), the GIL is released, and the machine code is cached beside the source; an install that
    cannot be written to compiles once a process. Kernels are never parallel: callers fan out over
    genes, loci or chains instead. The Python function stays reachable as ``kernel.py_func``.

    fastmath : tuple of str
        What floating-point arithmetic is allowed beyond IEEE 754; numba lists the names.
    """
    if function is None:
        return functools.partial(kernel, fastmath=fastmath)
    compiled = None

    @functools.wraps(function)
    def call(*args):
        nonlocal compiled
        if compiled is None:
            compiled = _compile(function, set(fastmath))
        return compiled(*args)

    call.py_func = function
    return call


def _compile(function, fastmath):
    """Return `function` compiled, cached where some folder can be written to."""
    import numba

    try:
        return numba.njit(nogil=True, cache=True, fastmath=fastmath)(function)
    except RuntimeError:  # numba found no folder for the cache
        return numba.njit(nogil=True, fastmath=fastmath)(function)
