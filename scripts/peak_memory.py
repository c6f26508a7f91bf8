"""Run a command and report the memory of its processes, each and together.

    python scripts/peak_memory.py dgmm run configs/out_of_core.yaml

Resident memory of the command and all its descendants is sampled ten times a second; pages that
several processes share count once for each, so that the sum is an upper bound. Files that Dask's
workers spill to disk are counted too. Ends with the command's exit code.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SECONDS_BETWEEN_SAMPLES = 0.1


def resident_bytes(process: psutil.Process) -> int:
    """Resident bytes of a process; 0 if it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def spilled_files() -> int:
    """Files in the spill directories of workers that dgmm started."""
    scratch = Path(tempfile.gettempdir()).glob("dgmm-*")
    return sum(1 for place in scratch for _ in place.glob("**/storage/*"))


def watch(command: list[str]) -> int:
    """Run ``command``, report on stderr, return its exit code."""
    peaks: dict[int, int] = {}
    most, spilled = 0, 0
    began = time.monotonic()
    with subprocess.Popen(command) as running:
        root = psutil.Process(running.pid)
        while running.poll() is None:
            try:
                tree = [root, *root.children(recursive=True)]
            except psutil.Error:
                break
            sizes = {process.pid: resident_bytes(process) for process in tree}
            peaks = {pid: max(size, peaks.get(pid, 0)) for pid, size in (peaks | sizes).items()}
            most = max(most, sum(sizes.values()))
            spilled = max(spilled, spilled_files())
            time.sleep(SECONDS_BETWEEN_SAMPLES)
    largest = ", ".join(f"{size / 2**20:.0f}" for size in sorted(peaks.values(), reverse=True)[:6])
    report = (
        f"{time.monotonic() - began:.1f} s; peak of all processes {most / 2**20:.0f} MiB; "
        f"of the largest: {largest} MiB; files spilled by workers: {spilled}; "
        f"exit code {running.returncode}"
    )
    print(report, file=sys.stderr)
    return running.returncode


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python scripts/peak_memory.py COMMAND [ARGUMENT ...]")
    sys.exit(watch(sys.argv[1:]))
