"""What holds for all tests.

Examples that Hypothesis draws are the same in every run, however busy the machine is. Others are
tried with ``pytest --hypothesis-profile=default``.

Files of tests need not outlast a loss of power: nothing waits for the disk.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import dgmm

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


def _discard_old_machine_code():
    """Numba compares machine code with the file of its loop, not with those of what it calls."""
    folder = Path(dgmm.__file__).parent / "mixture" / "kernels" / "loops_numba"
    changed = max(path.stat().st_mtime for path in folder.glob("*.py"))
    for kept in folder.glob("__pycache__/*.nb?"):
        if kept.stat().st_mtime < changed:
            kept.unlink(missing_ok=True)


_discard_old_machine_code()
