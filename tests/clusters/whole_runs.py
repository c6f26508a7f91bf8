"""One small run of the command, and the bits of all that it finds."""

import hashlib
import sys
from pathlib import Path

import numpy as np

CONFIGURATION = """
input: {path: rows.npy, partition_size: 64KiB}
model: {n_components: 1:3, covariance_type: [full, diag], tol: 1e-13, max_iter: 30}
output: {path: out, assignments: [labels, responsibilities, log_density], report: false}
"""


def prepared(folder: Path) -> Path:
    """A directory with data and a configuration for them."""
    rng = np.random.default_rng(7)
    rows = rng.normal(size=(80_000, 4)) + 2.0 * rng.integers(0, 3, (80_000, 1))
    np.save(folder / "rows.npy", rows.astype(np.float32))
    (folder / "run.yaml").write_text(CONFIGURATION)
    return folder


def command(*options: str) -> list[str]:
    """The command of the run, to be called in its directory."""
    return [sys.executable, "-m", "dgmm", "run", "run.yaml", *options]


def bits(folder: Path) -> dict[str, str]:
    """A digest of every file of the result, by name, without what is said of how it was made."""
    (run,) = (folder / "out" / "runs").glob("*.zarr")
    told = (run, run / "record")  # their attributes hold times
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and path.parent not in told]
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
