"""Object stores to run against: one in memory, and moto's S3 server in an environment of its own.

moto pins another botocore than s3fs, so it is installed beside: ``scripts/check.sh`` does it, and
DGMM_MOTO_SERVER may name another ``moto_server``.
"""

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import pytest

from dgmm.io.storage import lease
from dgmm.io.storage.location import output_path

BESIDE = Path(__file__).parents[2] / ".venv-moto" / "bin" / "moto_server"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(process, url):
    """Until a server answers; a failure if it ends before."""
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # whatever it answers
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """The address of an S3 server that has a bucket."""
    server = os.environ.get("DGMM_MOTO_SERVER", str(BESIDE))
    if not os.access(server, os.X_OK):
        pytest.skip(f"needs moto's S3 server at {server}: scripts/check.sh installs it")
    port = free_port()
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        process = subprocess.Popen(
            [server, "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(process, f"{url}/moto-api/")
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


@pytest.fixture
def s3(moto, credentials):  # noqa: ARG001 - they are in the environment
    """A URL in a bucket, and how the store is reached."""
    options = {"endpoint_url": moto}
    place = output_path("s3://bucket", options)
    if not place.exists():
        place.fs.mkdir("bucket")
    return f"s3://bucket/{uuid.uuid4().hex}", options


@pytest.fixture
def memory():
    url = f"memory://{uuid.uuid4().hex}"
    yield url, {}
    place = output_path(url)
    if place.exists():
        place.fs.rm(place.path, recursive=True)


@pytest.fixture(params=["memory", "s3"])
def store(request):
    """One store after the other."""
    return request.getfixturevalue(request.param)


class Clock:
    """Time that passes where somebody sleeps, and what happens in the meantime."""

    def __init__(self):
        self.now = 0.0
        self.meanwhile = lambda: None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(lease, "time", clock)
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 1e6)  # by the threads; tests renew themselves
    return clock
