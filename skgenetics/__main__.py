"""``python -m skgenetics``: the same as the console script."""

import sys

from skgenetics.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
