"""Check the package on a GPU, and measure it there.

First the array API tests on the GPU, whose values must equal NumPy's. Then the operations of
`operations.py`, on the GPU and on the processor of the same machine, each beside what products and
memory of its own device allow. Last, where torch is and finds the GPU, the same tests with its
tensors. One JSON file holds the results, the device, versions and the date;
`doc/guide/gpu_results.json` is the one that the guide shows. Nothing is downloaded.

    SCIPY_ARRAY_API=1 python benchmarks/gpu.py [--library cupy] [--scale 1] [--no-tests]

The interpreter needs CuPy, scikit-learn, SciPy, numba, narwhals, array-api-compat,
array-api-extra, pytest and hypothesis. `--library torch` takes torch in the place of CuPy. Where
that finds no GPU, and with `--library array_api_strict`, the program is a trial of itself.
"""

import argparse
import functools
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import config_context

try:
    from . import operations
except ImportError:
    import operations

ROOT = Path(__file__).resolve().parents[1]
TESTS_SECONDS = 200
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "array-api-compat", "torch")


def device_functions(library: str) -> tuple[Any, Any, str]:
    """Return functions that move an array to the device and wait for it, and the device's name."""
    if library == "cupy":
        import cupy  # noqa: TID251

        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)
        return cupy.asarray, cupy.cuda.Device().synchronize, properties["name"].decode()
    if library == "torch":
        import torch  # noqa: TID251

        if cuda_of_torch():
            asarray = functools.partial(torch.asarray, device="cuda")
            return asarray, torch.cuda.synchronize, torch.cuda.get_device_name()
        return torch.asarray, lambda: None, f"{platform.machine()}, torch"
    import array_api_strict

    return array_api_strict.asarray, lambda: None, f"{platform.machine()}, array_api_strict"


def cuda_of_torch() -> bool:
    """Whether there is torch, and it finds a GPU."""
    if not importlib.util.find_spec("torch"):
        return False
    import torch  # noqa: TID251

    return bool(torch.cuda.is_available())


def run_tests(words: str, seconds: float, log_path: Path) -> dict[str, Any]:
    """Run all array API tests named by `words`, as many as fit into `seconds`; return counts.

    What pytest prints goes to `log_path`.
    """
    command = [sys.executable, "-m", "pytest", "-v", "--color=no", "-p", "no:cacheprovider"]
    command += ["-p", "no:benchmark"]  # where it is installed, it warns of xdist
    command += ["tests/test_array_api.py", "-k", words, "-m", ""]
    if importlib.util.find_spec("xdist"):
        command += ["-n", str(min(12, os.cpu_count() or 1))]
    begin = time.perf_counter()
    with log_path.open("w") as log:
        try:
            subprocess.run(command, cwd=ROOT, stdout=log, timeout=seconds, check=False)
            finished = True
        except subprocess.TimeoutExpired:
            finished = False
    output = log_path.read_text()
    print(output[-3000:])
    outcomes = {}
    for line in output.splitlines():
        outcome = re.search(r"\b(PASSED|FAILED|ERROR|SKIPPED)\b", line)
        test = re.search(r"tests/\S+::.+?\](?=\s|$)", line)
        if outcome and test:
            outcomes[test[0]] = outcome[0]
    counts = Counter(outcomes.values())
    return {
        "finished": finished,
        "passed": counts["PASSED"],
        "failed": [test for test, outcome in outcomes.items() if outcome in ("FAILED", "ERROR")],
        "skipped": counts["SKIPPED"],
        "seconds": time.perf_counter() - begin,
    }


def measure(make: Any, places: dict[str, Any], scale: float, budget: float) -> dict[str, Any]:
    """Return seconds and share of the bound of an operation in each place, or what it raised."""
    row: dict[str, Any] = {"operation": make.__name__}
    for place, (asarray, wait, machine) in places.items():
        try:
            operation = make(asarray, scale)
            seconds = operations.best_seconds(operation.call, wait, budget)
        except Exception as error:  # the others are measured all the same
            row[place] = {"error": f"{type(error).__name__}: {error}"[:500]}
            continue
        row |= {"name": operation.name, "count": operation.count}
        row[place] = {"seconds": seconds, "over_bound": seconds / machine.bound(operation)}
        del operation
    return row


def main() -> int:
    """Run the tests, then the operations, writing the file after each; 1 if a test failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", default="cupy", choices=("cupy", "torch", "array_api_strict"))
    parser.add_argument("--out", type=Path, default=ROOT / "doc" / "guide" / "gpu_results.json")
    parser.add_argument("--log-folder", type=Path, default=ROOT, help="for what the tests print")
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--budget", type=float, default=2.0, help="seconds for repeats of each")
    parser.add_argument("--no-tests", action="store_true")
    arguments = parser.parse_args()
    asarray, wait, name = device_functions(arguments.library)
    versions = {}
    for package in (*PACKAGES, "cupy-cuda12x", "cupy-cuda13x"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    results: dict[str, Any] = {
        "device": name,
        "processors": os.cpu_count(),
        "library": arguments.library,
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": versions,
        "scale": arguments.scale,
        "tests": {},
    }

    def write() -> None:
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")

    def test(library: str, words: str) -> None:
        if not arguments.no_tests:
            log = arguments.log_folder / f"gpu_tests_{library}.log"
            results["tests"][library] = run_tests(words, TESTS_SECONDS, log)
            write()

    on_cuda = cuda_of_torch()
    if arguments.library == "torch" and on_cuda:
        test("torch", "cuda-")
    else:
        test(arguments.library, f"{arguments.library}-")
    with config_context(array_api_dispatch=True):
        small = min(1.0, arguments.scale)
        host = (np.asarray, lambda: None)
        places = {
            "device": (asarray, wait, operations.measure_machine(asarray, wait, small)),
            "host": (*host, operations.measure_machine(*host, small)),
        }
        results["machine"] = {
            place: {"flops": machine.flops, "memory": machine.memory}
            for place, (_, _, machine) in places.items()
        }
        results["operations"] = []
        for make in operations.ON_DEVICE:
            row = measure(make, places, arguments.scale, arguments.budget)
            results["operations"].append(row)
            print(json.dumps(row), flush=True)
            write()
    if arguments.library == "cupy" and on_cuda:
        test("torch", "cuda-")
    return any(outcome["failed"] for outcome in results["tests"].values())


if __name__ == "__main__":
    sys.exit(main())
