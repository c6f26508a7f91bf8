"""The problem that every peer reads, and the answer it prints."""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def load(dtype: str = "f8") -> tuple[dict[str, Any], int]:
    """The arrays of the file that the first argument names, and the iterations of the second."""
    with np.load(sys.argv[1]) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["rows"] = np.ascontiguousarray(arrays["rows"], dtype)
    arrays["covariance_type"] = str(arrays["covariance_type"])
    return arrays, int(sys.argv[2])


def answer(version: str, fit: Callable[[int], object], n_iterations: int, note: str = "") -> None:
    """Time a fit of one iteration and one of more, and print what an iteration costs."""
    fit(1)  # compiles, allocates, starts threads
    seconds = []
    for n in (1, 1 + n_iterations):
        start = time.perf_counter()
        fit(n)
        seconds.append(time.perf_counter() - start)
    found = {"version": version, "seconds": (seconds[1] - seconds[0]) / n_iterations, "note": note}
    print(json.dumps(found))
