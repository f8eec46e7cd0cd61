"""Version of the package, from its installed metadata, and the identity of its code."""

import functools
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

try:
    __version__ = version("skgenetics")
except PackageNotFoundError:  # the sources are on the path without an installation
    __version__ = "0.1.dev0"


@functools.cache
def code_identity() -> str:
    """Return a hash of the package's source files, which changes with any of them.

    What is computed once and kept (finished loci, for example) is taken up again only by the code
    that computed it. A version cannot tell: that of a checkout stays what it was when the checkout
    was installed.
    """
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
