"""A run with the default cluster can be reached from this machine only."""

import psutil
import zarr

from dgmm.engine.events import PassStarted
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.clusters.faults import worker_processes
from tests.run.test_fit_run import data  # noqa: F401 - a fixture


def listening() -> set[tuple[str, int]]:
    """Address and port of every socket that this process or one below it listens on."""
    me = psutil.Process()
    return {
        tuple(connection.laddr)
        for process in (me, *me.children(recursive=True))
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_default_run_listens_on_loopback_only(data, tmp_path):  # noqa: F811
    text = f"""
    input: {{path: {data[0]}}}
    model: {{n_components: 2, covariance_type: full, n_init: 1}}
    output: {{path: {tmp_path}, report: false}}
    """
    before = listening()
    seen = {}

    def observer(event):
        if isinstance(event, PassStarted):
            seen[event.stage] = (listening() - before, len(worker_processes()))

    configuration = loads(text)
    assert configuration.cluster.kind == "local"
    finished = run(configuration, observer)
    assert {"profile", "fit", "assign"} <= set(seen)
    for sockets, n_workers in seen.values():
        assert n_workers >= 1
        assert len(sockets) > 2 * n_workers  # scheduler, dashboard, and two of each worker
        assert {host for host, _ in sockets} == {"127.0.0.1"}
    assert listening() == before
    assert zarr.open_group(finished.path, mode="r").attrs["n_samples"] == 6000
