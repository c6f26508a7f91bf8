"""Workers of 600 MB read data of many times that size, and none is killed or even paused.

The data are those of scripts/simulate/make_mixture.py, or those that DGMM_LARGE_DATA names.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import zarr

from dgmm.run import fit_run, run_plan
from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.config.configuration import loads
from tests.run.clusters.faults import worker_processes

SCRIPT = Path(__file__).parents[2] / "scripts" / "simulate" / "make_mixture.py"
LIMIT = "600MB"
N_BYTES = 8 * 10**9


@pytest.fixture
def large(tmp_path):
    given = os.environ.get("DGMM_LARGE_DATA")
    if given:
        return Path(given)
    if psutil.disk_usage(str(tmp_path)).free < 2 * N_BYTES:
        pytest.skip(f"needs {2 * N_BYTES / 1e9:.0f} GB of disk, or DGMM_LARGE_DATA")
    path = tmp_path / "large.zarr"
    words = [str(path), "--rows", str(N_BYTES // (16 * 4)), "--features", "16"]
    subprocess.run([sys.executable, SCRIPT, *words], check=True, capture_output=True)
    return path


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_sweep_of_large_data_pauses_and_kills_no_worker(large, tmp_path, monkeypatch):
    array = zarr.open_array(large, mode="r")
    assert array.nbytes >= N_BYTES
    told = []
    pids = []

    @contextmanager
    def watched(*arguments):
        with open_cluster(*arguments) as opened:
            yield opened
            told.append(opened.execution.client.get_events())

    monkeypatch.setattr(run_plan, "open_cluster", watched)
    text = f"""
    input: {{path: {large}}}
    model: {{n_components: 2, covariance_type: [full, diag], n_init: 1, max_iter: 1}}
    output: {{path: {tmp_path / "out"}, report: false}}
    cluster: {{workers: 2, memory_limit: {LIMIT}}}
    """

    def observer(event):
        del event
        pids.append(frozenset(process.pid for process in worker_processes()))

    finished = fit_run.run(loads(text), observer)
    events = [event for topic in told[0].values() for _, event in topic if "action" in event]
    statuses = [event["status"] for event in events if event["action"] == "worker-status-change"]
    assert len(told) == 1
    assert events
    assert "paused" not in statuses
    assert not [e for e in events if e["action"] == "remove-worker" and not e["expected"]]
    assert len(set(pids)) == 1
    assert len(pids[0]) == 2
    assert len(finished.sweep.results) == 2
    assert np.isfinite(finished.sweep.selected.log_likelihood)
