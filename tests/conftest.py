"""What holds for all tests.

Examples that Hypothesis draws are the same in every run, however busy the machine is. Others are
tried with ``pytest --hypothesis-profile=default``.

Files of tests need not outlast a loss of power: nothing waits for the disk.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
