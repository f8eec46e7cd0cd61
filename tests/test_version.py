"""The identity of the code changes with the code."""

import importlib.util
import shutil
import sys
from pathlib import Path

import skgenetics
from skgenetics._version import code_identity


def identity_of(folder):
    spec = importlib.util.spec_from_file_location("copied_version", folder / "_version.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "copied_version" not in sys.modules
    return module.code_identity()


def test_identity_changes_with_any_source(tmp_path):
    shutil.copy(Path(skgenetics.__file__).parent / "_version.py", tmp_path)
    (tmp_path / "room").mkdir()
    source = tmp_path / "room" / "_a.py"
    source.write_text("x = 1\n")
    first = identity_of(tmp_path)
    assert identity_of(tmp_path) == first != code_identity()
    source.write_text("x = 2\n")
    changed = identity_of(tmp_path)
    source.rename(source.with_name("_b.py"))
    assert len({first, changed, identity_of(tmp_path)}) == 3
