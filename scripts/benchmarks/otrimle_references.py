"""Mixtures with noise of several densities that R's otrimle fits to five small real data sets.

    python scripts/benchmarks/otrimle_references.py tests/mixture/noise/otrimle_references.json

needs Rscript with mclust and otrimle. The tests hold dgmm against the file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from merging_references import DATA

SCRIPT = Path(__file__).with_suffix(".R")
N_COMPONENTS = 2


def main(target: str) -> None:
    """Write the references."""
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for name, (load, _) in DATA.items():
            path = Path(folder, f"{name}.csv")
            np.savetxt(path, load(), "%.17g", ",")
            cases.append(f"{name}={path},{N_COMPONENTS}")
        command = ["Rscript", str(SCRIPT), *cases]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    Path(target).write_text(found)


if __name__ == "__main__":
    main(*sys.argv[1:])
