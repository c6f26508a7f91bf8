"""What R's mclust and fpc join of the components that mclust fits to five small real data sets.

    python scripts/benchmarks/merging_references.py tests/mixture/merging/references.json

needs Rscript with mclust and fpc. The tests hold dgmm against the file.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

SCRIPT = Path(__file__).with_suffix(".R")

DATA: dict[str, tuple[Callable[[], NDArray[np.float64]], int]] = {
    "iris": (lambda: load_iris().data, 4),
    "wine": (lambda: load_wine().data[:, [0, 6, 9]], 5),
    "breast_cancer": (lambda: load_breast_cancer().data[:, [1, 4, 8]], 7),
    "diabetes": (lambda: load_diabetes(scaled=False).data[:, [2, 3, 8]], 6),
    "digits": (lambda: load_digits().data.reshape(-1, 8, 8).sum(axis=1)[:, [2, 3, 5]], 9),
}
"""Shipped with scikit-learn (BSD-3-Clause; from UCI, CC BY 4.0); how many components to fit."""


def main(target: str) -> None:
    """Write the references."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name, (load, n_components) in DATA.items():
            path = Path(folder, f"{name}.csv")
            np.savetxt(path, load(), "%.17g", ",")
            cases.append(f"{name}={path},{n_components}")
        command = ["Rscript", str(SCRIPT), *cases]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    Path(target).write_text(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
