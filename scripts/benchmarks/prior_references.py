"""Mixtures that R's mclust fits with its default prior, and their likelihoods.

    python scripts/benchmarks/prior_references.py tests/mixture/prior_knowledge/priors.json

needs Rscript with mclust. The tests hold dgmm against the file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris, load_wine

SCRIPT = Path(__file__).with_suffix(".R")
N_COMPONENTS = 3
DATA = {"iris": lambda: load_iris().data, "wine": lambda: load_wine().data[:, [0, 6, 9]]}
"""Shipped with scikit-learn (BSD-3-Clause; from UCI, CC BY 4.0)."""


def main(target: str) -> None:
    """Write the references."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name, load in DATA.items():
            path = Path(folder, f"{name}.csv")
            np.savetxt(path, load(), "%.17g", ",")
            cases.append(f"{name}={path},{N_COMPONENTS}")
        command = ["Rscript", str(SCRIPT), *cases]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    Path(target).write_text(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
