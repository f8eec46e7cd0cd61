import importlib
import os
import sys

import pytest

from skgenetics.utils import _numba

OUTER = """
from skgenetics.utils._numba import kernel
from {package}._inner import step

@kernel
def twice(x):
    return step(step(x))
"""
INNER = """
from skgenetics.utils._numba import kernel

@kernel
def step(x):
    return x + {step}
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write a package of two kernels, one of which calls the other's file, and import it anew."""
    package = "kernels_in_two_files"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "__init__.py").touch()
    outer = folder / "_outer.py"
    outer.write_text(OUTER.format(package=package))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def import_anew(step):
        (folder / "_inner.py").write_text(INNER.format(step=step))
        os.utime(outer, (0, 0))  # as numba sees it, nothing changed
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]
        importlib.invalidate_caches()
        _numba.sources_digest.cache_clear()
        return importlib.import_module(f"{package}._outer").twice, folder

    yield import_anew
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


def test_a_kernel_is_compiled_anew_if_one_of_another_file_changes(make):
    twice, _ = make(1.0)
    assert twice(0.0) == 2.0
    twice, _ = make(5.0)
    assert twice(0.0) == 10.0


def test_a_kernel_is_read_from_the_cache_if_nothing_changes(make):
    twice, folder = make(1.0)
    twice(0.0)
    assert list(folder.glob("__pycache__/_outer.twice*.nbi"))
    twice, _ = make(1.0)
    assert twice(0.0) == 2.0
    assert sum(twice.compiled.stats.cache_hits.values()) == 1


def test_without_a_cache_kernels_are_compiled_all_the_same(make, monkeypatch):
    twice, folder = make(1.0)

    def fail(folder):
        raise AttributeError

    monkeypatch.setattr(_numba, "sources_digest", fail)
    assert twice(0.0) == 2.0
    assert not list(folder.glob("__pycache__/_outer.twice*.nbi"))
