"""50 million rows in 40 Parquet files: the memory that was projected, and every row assigned."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import load
from dgmm.run.run_plan import plan_run

PEAK_MEMORY = Path(__file__).parents[2] / "scripts" / "peak_memory.py"
N_FILES = 40
FILE_ROWS = 1_250_000
N_FEATURES = 8


def rows_of(number: int) -> np.ndarray:
    """Rows of one file: three clumps of different shapes."""
    shapes = np.random.default_rng(1).normal(size=(3, N_FEATURES, N_FEATURES + 12)).astype("f4")
    rng = np.random.default_rng([2, number])
    clump = rng.choice(3, size=FILE_ROWS, p=[0.5, 0.3, 0.2])
    rows = rng.standard_normal((FILE_ROWS, N_FEATURES), dtype="f4")
    for k, shape in enumerate(shapes):
        own = clump == k
        rows[own] = rows[own] @ shape[:, :N_FEATURES] + 6 * shape[:, -1]
    return rows


@pytest.fixture
def folder(tmp_path):
    needed = 2 * N_FILES * FILE_ROWS * N_FEATURES * 4
    if psutil.disk_usage(str(tmp_path)).free < 2 * needed:
        pytest.skip(f"needs {2 * needed / 1e9:.0f} GB of disk")
    for number in range(N_FILES):
        columns = {f"x{j}": column for j, column in enumerate(rows_of(number).T)}
        pq.write_table(pa.table(columns), tmp_path / f"part{number:02}.parquet")
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_large_table_is_assigned_within_the_projected_memory(folder):
    (folder / "run.yaml").write_text(f"""
    input: {{path: {folder}/*.parquet}}
    model: {{n_components: "1:4", covariance_type: full, n_init: 2}}
    output:
      path: {folder / "out"}
      assignments: [labels, responsibilities, log_density]
      report: false
    cluster: {{workers: 2, memory_limit: 3GiB}}
    """)
    command = [
        sys.executable,
        PEAK_MEMORY,
        sys.executable,
        "-m",
        "dgmm",
        "run",
        folder / "run.yaml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = int(re.search(r"of the largest: (\d+)", done.stderr)[1]) << 20
    assert peak < plan_run(load(folder / "run.yaml")).projection.worker(1)
    result = open_result(folder / "out")
    assert result.assignments["labels"].shape == (N_FILES * FILE_ROWS,)
    for number in (0, N_FILES // 2, N_FILES - 1):
        own = slice(number * FILE_ROWS, (number + 1) * FILE_ROWS)
        expected = assign(result.model, rows_of(number))
        assert np.array_equal(result.assignments["labels"][own], expected.labels)
        assert np.array_equal(result.assignments["log_density"][own], expected.log_density)
        shares = expected.responsibilities.astype("f4")
        assert np.array_equal(result.assignments["responsibilities"][own], shares)
