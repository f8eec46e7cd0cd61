"""The directive ``gpu-results``: what `benchmarks/gpu.py` last measured, and when.

Without content. It reads ``gpu_results.json`` beside the page, and says so if there is none yet.
"""

import json
from pathlib import Path

from registries import table
from sphinx.util.docutils import SphinxDirective

LIBRARIES = {"cupy": "CuPy", "torch": "PyTorch"}


def seconds(place):
    """Return the cells of seconds and of the ratio to the bound."""
    if "error" in place:
        return ("failed", "")
    ratio = place["over_bound"]
    return (f"{place['seconds']:.3g}", f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}")


def lines_of(results):
    """Return the page's sentences and table."""
    told = ""
    for library, tests in results["tests"].items():
        cut = "" if tests["finished"] else ", before time was up"
        told += (
            f" Of the array API tests with {LIBRARIES.get(library, library)}, {tests['passed']} "
            f"passed and {len(tests['failed'])} failed{cut}."
        )
    speeds = results["machine"]["device"]
    rows = [
        (row.get("name", row["operation"]), *seconds(row["device"]), *seconds(row["host"]))
        for row in results["operations"]
    ]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    header = ("operation", "GPU, s", "over its bound", "host, s", "over its bound")
    return [
        f"Measured on {results['device']} on {results['date']}, beside a host of "
        f"{results['processors']} processors ({versions}).{told}",
        "",
        f"The GPU multiplies at {speeds['flops']['float64'] / 1e12:.1f} Tflop/s in float64 and "
        f"{speeds['flops']['float32'] / 1e12:.1f} in float32, and moves "
        f"{speeds['memory'] / 1e9:.0f} GB/s. A bound is the time that the work takes at these "
        "speeds.",
        "",
        table(header, rows),
    ]


class GpuResults(SphinxDirective):
    """What was measured on a GPU."""

    def run(self):
        """Return the sentences and the table."""
        path = Path(self.env.doc2path(self.env.docname)).with_name("gpu_results.json")
        if not path.exists():
            return self.parse_text_to_nodes("It has not been run on a GPU yet.")
        self.env.note_dependency(str(path))
        return self.parse_text_to_nodes("\n".join(lines_of(json.loads(path.read_text()))))


def setup(app):
    """Register the directive."""
    app.add_directive("gpu-results", GpuResults)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
