"""Rows in memory are not held twice, and lazy results one block a thread."""

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from dgmm import GaussianMixture
from dgmm.mixture.kernels import tiling


def test_rows_in_memory_are_fitted_and_predicted_where_they_are():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1 << 20, 4))
    model = GaussianMixture(1, sample_size=1000)
    part = X[: tiling.COMPILED_FROM]  # what imports and first calls hold is no copy
    model.fit(part, sample_weight=np.ones(len(part))).predict(part)
    tracemalloc.start()
    try:
        model.fit(X, sample_weight=np.ones(len(X)))
        of_fit = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        labels = model.predict(X)
        of_predict = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert X.nbytes / 4 <= of_fit < X.nbytes  # the weights at least
    assert labels.nbytes <= of_predict < X.nbytes


@pytest.mark.slow
def test_predictions_go_to_zarr_in_the_memory_of_a_block_a_thread(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "benchmarks" / "estimator_memory.py"
    command = [sys.executable, str(script), str(tmp_path), "--rows", "5000000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"(\w+)\.zarr: \((\d+)", done.stdout) == [
        ("score_samples", "5000000"),
        ("predict_proba", "5000000"),
    ]
    assert not list(tmp_path.iterdir())
