"""Mixtures that R's mclust fits where the component of some rows is known, and their likelihoods.

    python scripts/benchmarks/label_references.py tests/mixture/prior_knowledge/labels.json

needs Rscript with mclust. The tests hold dgmm against the file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_iris, load_wine

SCRIPT = Path(__file__).with_suffix(".R")
N_COMPONENTS = 3


def iris() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All measurements, and every sixth label."""
    return load_iris().data, _some(load_iris().target, 3)


def wine() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Three measurements, and every sixth label of the first two classes; the third has none."""
    return load_wine().data[:, [0, 6, 9]], _some(load_wine().target, 2)


DATA = {"iris": iris, "wine": wine}
"""Shipped with scikit-learn (BSD-3-Clause; from UCI, CC BY 4.0)."""


def _some(target: NDArray[np.int64], n_classes: int) -> NDArray[np.int64]:
    is_known = (np.arange(len(target)) % 6 == 0) & (target < n_classes)
    return np.where(is_known, target, -1)


def main(target: str) -> None:
    """Write the references."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name, load in DATA.items():
            path = Path(folder, f"{name}.csv")
            np.savetxt(path, np.column_stack(load()), "%.17g", ",")
            cases.append(f"{name}={path},{N_COMPONENTS}")
        command = ["Rscript", str(SCRIPT), *cases]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    Path(target).write_text(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
