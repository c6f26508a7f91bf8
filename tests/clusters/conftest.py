import subprocess
from pathlib import Path

import pytest

from tests.clusters.whole_runs import bits, command, prepared


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bits of the run on one thread of this machine."""
    folder = prepared(tmp_path_factory.mktemp("local"))
    done = subprocess.run(
        command("--set", "cluster={kind: threads, threads: 1}"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stderr
    found = bits(folder)
    assert len(found) > 50
    return found


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, str]) -> Path:
    """A directory for the same run elsewhere, after it is known what has to come out."""
    assert expected
    return prepared(tmp_path_factory.mktemp("run"))
