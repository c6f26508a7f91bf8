#!/bin/sh
# The second LocalCluster of a process ignores its configured `nanny.pre-spawn-environ`.
#
# Expected: the variables of `distributed.nanny.pre-spawn-environ` are those that a cluster's workers start
#   with, and the process that opens the cluster keeps its own environment.
# Found: nannies of a LocalCluster live in that process. Each adds the variables to its environment and leaves
#   them there after the cluster is closed. Variables that the process has go before configured ones. So
#   the workers of a later cluster, configured with OMP_NUM_THREADS=1, start with the 4 of an earlier one, and
#   so does every other process that is started from then on. A variable removed from the configuration (None)
#   is there all the same.
# Versions: distributed 2026.8.0, dask 2026.8.0.
# Why it matters: the number of BLAS threads, OPENBLAS_CORETYPE or MALLOC_* of an earlier cluster decide the speed
#   and the last bits of what a later one computes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0
unset OMP_NUM_THREADS OPENBLAS_NUM_THREADS
cat > "$work/clusters.py" <<'PYTHON'
import os
import subprocess
import sys
from importlib.metadata import version

import dask
from distributed import Client, LocalCluster

NAME = "OMP_NUM_THREADS"


def value_in_worker(configured):
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({f"distributed.nanny.pre-spawn-environ.{NAME}": configured}),
        LocalCluster(**settings) as cluster,
        Client(cluster) as client,
    ):
        return client.submit(os.environ.get, NAME).result()


if __name__ == "__main__":
    print("distributed", version("distributed"))
    found = [(value, value_in_worker(value)) for value in (4, 1, None)]
    for number, (configured, value) in enumerate(found, 1):
        print(f"cluster {number}: configured {configured!s:4} workers start with {value}")
    code = f"import os; print(os.environ.get('{NAME}'))"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    print("any other process that is started afterwards:", child.strip())
    values = [value for _, value in found]
    assert values == ["4", "4", "4"], "the behaviour has changed"
    assert child.strip() == "4", "the behaviour has changed"
PYTHON
cd "$work"
"$work/venv/bin/python" clusters.py
