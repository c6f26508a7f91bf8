"""One M-step of each of mclust's fourteen models, and what mclust says of the outcome.

    python scripts/benchmarks/structure_references.py tests/mixture/structures/references.json

needs Rscript with mclust. The tests hold dgmm against the file.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_iris, load_wine

SCRIPT = Path(__file__).with_suffix(".R")

DATA: dict[str, Callable[[], NDArray[np.float64]]] = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data[:, [0, 6, 9]],
}
"""Shipped with scikit-learn (BSD-3-Clause; from UCI, CC BY 4.0); both have three classes."""


def responsibilities(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unequal ones that favour thirds of the rows, shape (n, 3), without any randomness."""
    n = len(rows)
    third = np.minimum(np.arange(n) * 3 // n, 2)
    z = 1.5 + np.sin(np.outer(np.arange(n), [1.0, 2.0, 3.0])) + 8.0 * np.eye(3)[third]
    return z / z.sum(axis=1, keepdims=True)


def main(target: str) -> None:
    """Write the references."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name, load in DATA.items():
            files = Path(folder, f"{name}.csv"), Path(folder, f"{name}_z.csv")
            for path, array in zip(files, (load(), responsibilities(load())), strict=True):
                np.savetxt(path, array, "%.17g", ",")
            cases.append("{}={},{}".format(name, *files))
        command = ["Rscript", str(SCRIPT), *cases]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    Path(target).write_text(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
