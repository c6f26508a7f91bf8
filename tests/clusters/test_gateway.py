"""Whole runs on a Dask Gateway that runs here; minutes, and the extra gateway with its server."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clusters.whole_runs import bits, command

pytestmark = pytest.mark.slow
pytest.importorskip("dask_gateway", reason='dask-gateway is not installed (extra "gateway")')
pytest.importorskip("dask_gateway_server", reason="dask-gateway-server[local] is not installed")

SERVER = """
from dask_gateway_server.options import Integer, Options

c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{private}"
c.Proxy.address = "127.0.0.1:{public}"
c.Proxy.tcp_address = "127.0.0.1:{proxy}"
c.ClusterConfig.scheduler_cmd = ["{dask}", "scheduler"]
c.ClusterConfig.worker_cmd = ["{dask}", "worker"]
c.LocalBackend.clusters_directory = "{folder}"
c.Backend.cluster_options = Options(Integer("worker_threads", default=1, min=1, max=2))
"""


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What the configuration says of a gateway that runs."""
    folder = tmp_path_factory.mktemp("gateway")
    private, public, proxy = free_port(), free_port(), free_port()
    programs = Path(sys.executable).parent
    text = SERVER.format(
        private=private, public=public, proxy=proxy, dask=programs / "dask", folder=folder
    )
    (folder / "config.py").write_text(text)
    server = shutil.which("dask-gateway-server", path=programs)
    assert server is not None
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(
            [server, "-f", "config.py"], cwd=folder, env=environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            while b"server started" not in (folder / "log").read_bytes():
                assert process.poll() is None
                time.sleep(0.2)
            yield f"address: 'http://127.0.0.1:{public}', proxy_address: '127.0.0.1:{proxy}'"
        finally:
            process.terminate()


def run(folder: Path, cluster: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("--set", f"cluster={{kind: gateway, {cluster}}}"),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=250,
    )


def test_a_run_on_a_gateway_has_the_same_bits(
    gateway: str, folder: Path, expected: dict[str, str]
) -> None:
    done = run(folder, f"{gateway}, workers: 2, options: {{worker_threads: 1}}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert bits(folder) == expected


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    [
        ("options: {worker_threads: 30}", 78, "refuses cluster.options: worker_threads must be <="),
        ("options: {frob: 1}", 78, "refuses cluster.options: Unknown fields ['frob']"),
        ("timeout: 0.1", 75, "did not start the cluster"),
    ],
)
def test_what_a_gateway_does_not_do_is_one_line(
    options: str, code: int, expected: str, gateway: str, folder: Path
) -> None:
    done = run(folder, f"{gateway}, {options}")
    assert done.returncode == code
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_gateway_that_does_not_answer_may_later(folder: Path) -> None:
    done = run(folder, f"address: 'http://127.0.0.1:{free_port()}'")
    assert done.returncode == 75
    assert "did not start a cluster (ClientConnectorError: Cannot connect to host" in done.stderr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("address: 'http://192.0.2.1'", "where anyone on the way may read credentials"),
        ("workers: 1", "found no address of a gateway, expected cluster.address"),
    ],
)
def test_a_gateway_needs_an_address_where_nobody_listens(
    address: str, expected: str, folder: Path
) -> None:
    done = run(folder, address)
    assert done.returncode == 78
    assert expected in done.stderr
