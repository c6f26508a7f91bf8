#!/bin/sh
# In a Dask worker every new NumPy array of 1 MiB costs 257 page faults, in a plain process none.
#
# Expected: a task runs in a worker process as it does elsewhere. Memory that NumPy has freed is used
#   again for the next array of the same size.
# Found: the nanny starts its workers with MALLOC_TRIM_THRESHOLD_=65536, so that freed memory goes back
#   to the system. glibc has another rule for this variable: to set it at all, to any value, fixes the
#   size from which memory is mapped at 128 KiB (mallopt(3)), which otherwise grows with the first large
#   array that is freed. So each array above 128 KiB is mapped, faulted in page by page, and unmapped.
#   With this variable and MALLOC_MMAP_THRESHOLD_ both at 32 MiB (the most) the faults are gone in workers.
# Versions: distributed 2026.8.0, dask 2026.8.0, numpy 2.4.6; Linux with glibc and pages of 4 KiB only.
# Why it matters: EM and k-means in chunks make several such arrays per chunk and pass. The kernel clears
#   each page again each time, so the same code has other costs in a worker than where it was profiled.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    distributed==2026.8.0 dask==2026.8.0 numpy==2.4.6
unset MALLOC_TRIM_THRESHOLD_ MALLOC_MMAP_THRESHOLD_
cat > "$work/faults.py" <<'PYTHON'
import os
import platform
import resource
from importlib.metadata import version

import numpy as np
from distributed import Client, LocalCluster


def count_faults(arrays=200):
    """Page faults for each new array of 1 MiB, once the process has made some."""
    for count in (20, arrays):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(count):
            np.ones(131072)
        faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count
    return round(faults), os.environ.get("MALLOC_TRIM_THRESHOLD_")


def count_in_worker():
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**settings) as cluster, Client(cluster) as client:
        return client.submit(count_faults).result()


if __name__ == "__main__":
    print(*(f"{name} {version(name)}" for name in ("distributed", "numpy")), *platform.libc_ver())
    if platform.libc_ver()[0] != "glibc" or resource.getpagesize() != 4096:
        raise SystemExit("this needs glibc and pages of 4 KiB")
    here, worker = count_faults(), count_in_worker()
    for name, found in (("plain process", here), ("worker", worker)):
        print(f"{name:13}: {found[0]:3} page faults an array, MALLOC_TRIM_THRESHOLD_={found[1]}")
    assert here[0] < 10, "the behaviour has changed: plain processes fault too"
    both = "MALLOC_MMAP_THRESHOLD_" in os.environ
    assert both or worker[1] == "65536", "the behaviour has changed: the nanny sets another value"
    assert both == (worker[0] < 10), "the behaviour has changed"
PYTHON
cd "$work"
"$work/venv/bin/python" faults.py
echo "with both thresholds at 32 MiB in the environment:"
export MALLOC_TRIM_THRESHOLD_=33554432 MALLOC_MMAP_THRESHOLD_=33554432
"$work/venv/bin/python" faults.py
