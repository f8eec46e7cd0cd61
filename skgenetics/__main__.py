"""``python -m skgenetics``: the same as the console script."""

import sys

from skgenetics._cli import main

if __name__ == "__main__":
    sys.exit(main())
