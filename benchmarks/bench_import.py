"""Time to import the package, relative to scikit-learn's linear models.

The package needs these anyway. Each import runs in a fresh interpreter; the start of Python is
included.
"""

import subprocess
import sys
import time


def seconds_to_import(module):
    """Return the seconds a fresh interpreter takes to import `module`, start of Python included."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
    return time.perf_counter() - start


class Import:
    """Seconds to import skgenetics over those of sklearn.linear_model, the best of five each."""

    def track_times_sklearn_linear_model(self):
        ours, rival = [], []
        for _ in range(5):  # alternating, so load slows both
            rival.append(seconds_to_import("sklearn.linear_model"))
            ours.append(seconds_to_import("skgenetics"))
        return min(ours) / min(rival)
