import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import dask
import distributed
import psutil
import pytest
from distributed.security import Security

from dgmm.engine.cluster_execution import ClusterExecution
from dgmm.engine.execution import LocalExecution
from dgmm.errors import ConfigurationError, MissingExtraError, TemporaryError
from dgmm.run.clusters import allocator, capacity, local
from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.clusters.cluster import enter_mpi, open_cluster
from dgmm.run.config.cluster_options import AddressCluster, Cluster, LocalCluster, ThreadsCluster
from dgmm.run.config.configuration import loads

GIB = 1024**3


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "CPU_COUNT", 8)
    monkeypatch.setattr(capacity, "MEMORY_LIMIT", 16 * GIB)


@pytest.mark.parametrize(
    ("cluster", "capacity"),
    [
        (LocalCluster(), Capacity(8, 1, 2 * GIB)),
        (LocalCluster(workers=2), Capacity(2, 1, 8 * GIB)),
        (LocalCluster(threads_per_worker=3), Capacity(2, 3, 8 * GIB)),
        (LocalCluster(threads_per_worker=9), Capacity(1, 9, 16 * GIB)),
        (LocalCluster(workers=3, memory_limit=GIB), Capacity(3, 1, GIB)),
        (LocalCluster(workers=1, memory_limit=99 * GIB), Capacity(1, 1, 16 * GIB)),
        (ThreadsCluster(kind="threads"), Capacity(1, 8, 16 * GIB, 1.0, True)),
        (
            ThreadsCluster(kind="threads", threads=2, memory_limit=GIB),
            Capacity(1, 2, GIB, 1.0, True),
        ),
        (AddressCluster(kind="address"), None),
    ],
)
def test_capacity_is_known_before_anything_starts(
    cluster: LocalCluster | ThreadsCluster | AddressCluster, capacity: Capacity | None
) -> None:
    assert capacity_from_options(cluster) == capacity


def test_the_memory_of_this_machine_is_what_dask_finds() -> None:
    assert capacity.memory_limit() == distributed.system.memory_limit()


def test_processes_are_paused_before_their_limit_and_threads_are_not() -> None:
    assert Capacity(2, 1, 1000).usable_memory == 900
    assert Capacity(2, 1, None).usable_memory is None
    threads = capacity_from_options(ThreadsCluster(kind="threads", memory_limit=GIB))
    assert threads is not None
    assert threads.usable_memory == GIB


def test_threads_are_of_this_process() -> None:
    with open_cluster(ThreadsCluster(kind="threads", threads=2)) as opened:
        assert opened.execution == LocalExecution("threads", 2)
        assert opened.capacity == Capacity(1, 2, 16 * GIB, pause=1.0, is_driver=True)


def test_a_local_cluster_is_closed_to_others_and_leaves_nothing(tmp_path: Path) -> None:
    me = psutil.Process()
    before = set(me.children(recursive=True))
    with pytest.MonkeyPatch.context() as patch:
        for name in allocator.ENVIRONMENT:  # other clusters of this process may have left them
            patch.delenv(name, raising=False)
        patch.setattr("tempfile.tempdir", str(tmp_path))
        with open_cluster(LocalCluster(workers=2, memory_limit=GIB)) as opened:
            assert opened.capacity == Capacity(2, 1, GIB)
            assert isinstance(opened.execution, ClusterExecution)
            client = opened.execution.client
            with pytest.raises(ValueError, match="client"):
                distributed.default_client()
            assert opened.execution.compute(
                lambda: [dask.delayed(os.getpid)()], lambda _: None
            ) != [me.pid]

            workers = client.scheduler_info(n_workers=-1)["workers"].values()
            assert [(w["nthreads"], w["memory_limit"]) for w in workers] == [(1, GIB)] * 2
            assert all(w["local_directory"].startswith(str(tmp_path)) for w in workers)
            seen = client.run(lambda: (dask.config.get("distributed"), dict(os.environ)))
            for settings, environment in seen.values():
                assert settings["worker"]["memory"]["pause"] == opened.capacity.pause == 0.9
                assert settings["comm"]["timeouts"]["connect"] == "5s"
                assert environment["OMP_NUM_THREADS"] == "1"
                assert environment.items() >= allocator.ENVIRONMENT.items()
            ignored = client.run(lambda: signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
            assert all(ignored.values())
            for modules in client.run(lambda: [*sys.modules]).values():  # each takes a second
                assert not {"dask.array", "pandas", "pydantic"}.intersection(modules)
            opened.execution.call_ahead(partial(import_module, "colorsys"))
            while not all(client.run(lambda: "colorsys" in sys.modules).values()):
                time.sleep(0.01)
            started = set(me.children(recursive=True)) - before
            listening = [
                connection.laddr.ip
                for process in {me, *started}
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
            assert listening
            assert set(listening) == {"127.0.0.1"}
        assert not allocator.ENVIRONMENT.keys() & os.environ.keys()
    assert list(tmp_path.iterdir()) == []
    _, alive = psutil.wait_procs([p for p in started if "resource_tracker" not in _command(p)], 10)
    assert alive == []


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def test_workers_that_do_not_start_in_time_end_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "START_TIMEOUT", 0.01)
    with (
        pytest.raises(TemporaryError, match=r"found 0 of 1 workers after 0 s; .* again"),
        open_cluster(LocalCluster(workers=1, memory_limit=GIB)),
    ):
        raise AssertionError


@pytest.fixture(scope="module")
def scheduler() -> Iterator[distributed.LocalCluster]:
    with distributed.LocalCluster(
        n_workers=6,
        threads_per_worker=2,
        processes=False,
        protocol="tcp://",
        memory_limit=16 * GIB,  # of a process that has run other tests before
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster


def test_a_running_cluster_is_joined_and_left_running(
    scheduler: distributed.LocalCluster,
) -> None:
    cluster = AddressCluster(kind="address", address=scheduler.scheduler_address)
    for _ in range(2):
        with open_cluster(cluster) as opened:
            assert opened.capacity == Capacity(6, 2, 16 * GIB, pause=0.8)  # of Dask
            assert opened.execution.compute(
                lambda: [dask.delayed(sum)([1, 2])], lambda _: None
            ) == [3]


def test_the_address_may_come_from_dask(scheduler: distributed.LocalCluster) -> None:
    with (
        dask.config.set({"scheduler-address": scheduler.scheduler_address}),
        open_cluster(AddressCluster(kind="address")) as opened,
    ):
        assert opened.capacity.workers == 6


def test_the_file_of_a_scheduler_may_come_late_and_in_pieces(
    scheduler: distributed.LocalCluster, tmp_path: Path
) -> None:
    path = tmp_path / "scheduler.json"
    text = json.dumps({"address": scheduler.scheduler_address})

    def write_slowly() -> None:
        time.sleep(0.3)
        path.write_text(text[:10])
        time.sleep(0.3)
        path.write_text(text)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    cluster = AddressCluster(kind="address", scheduler_file=str(path), timeout=30)
    with open_cluster(cluster) as opened:
        assert opened.capacity.workers == 6
    writer.join()


def test_a_scheduler_that_is_not_there_may_come_later(tmp_path: Path) -> None:
    nobody = AddressCluster(kind="address", address="tcp://127.0.0.1:1", timeout=0.5)
    with (
        pytest.raises(TemporaryError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1"),
        open_cluster(nobody),
    ):
        raise AssertionError
    nothing = AddressCluster(kind="address", scheduler_file=str(tmp_path / "s.json"), timeout=0.1)
    with (
        pytest.raises(TemporaryError, match=r"no Dask scheduler has written .*s\.json"),
        open_cluster(nothing),
    ):
        raise AssertionError


def test_a_scheduler_without_workers_may_get_some_later() -> None:
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
        ) as empty,
        pytest.raises(TemporaryError, match=r"found 0 of 1 workers after 1 s"),
        open_cluster(AddressCluster(kind="address", address=empty.scheduler_address, timeout=0.5)),
    ):
        raise AssertionError


@pytest.mark.parametrize(
    ("address", "match"),
    [
        (None, "found no address .* expected cluster.address, cluster.scheduler_file or"),
        ("nonsense", 'found the address nonsense, expected one as "tcp://host:8786"'),
    ],
)
def test_no_address_is_a_mistake(address: str | None, match: str) -> None:
    with (
        dask.config.set({"scheduler-address": address}),
        pytest.raises(ConfigurationError, match=match),
        open_cluster(AddressCluster(kind="address")),
    ):
        raise AssertionError


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a scheduler with TLS, and the files that let others in."""
    pytest.importorskip("cryptography", reason='cryptography is not installed (extra "jobqueue")')
    security = Security.temporary()
    folder = tmp_path_factory.mktemp("tls")
    keys = {}
    texts = security.get_tls_config_for_role("client")
    for key, name in (("tls_ca_file", "ca_file"), ("tls_cert", "cert"), ("tls_key", "key")):
        keys[key] = str(folder / f"{name}.pem")
        Path(keys[key]).write_text(texts[name])
    with distributed.LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tls://",
        security=security,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
    ) as cluster:
        yield cluster.scheduler_address, keys


def joined(address: str, **keys: str) -> int:
    cluster = AddressCluster(kind="address", address=address, timeout=5, **keys)  # type: ignore[arg-type]
    with open_cluster(cluster) as opened:
        return opened.capacity.workers


def test_a_scheduler_with_tls_takes_those_with_credentials(
    secured: tuple[str, dict[str, str]],
) -> None:
    address, keys = secured
    assert address.startswith("tls://")
    assert joined(address, **keys) == 1
    settings = {"ca-file": keys["tls_ca_file"]}
    settings |= {"client.cert": keys["tls_cert"], "client.key": keys["tls_key"]}
    with dask.config.set({f"distributed.comm.tls.{key}": settings[key] for key in settings}):
        assert joined(address) == 1


def test_a_scheduler_with_tls_takes_nobody_else(
    secured: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    address, keys = secured
    with pytest.raises(ConfigurationError, match=f"found no TLS credentials for {address}, exp"):
        joined(address)
    with pytest.raises(
        ConfigurationError, match=r"cannot use the TLS credentials .* correct clust"
    ):
        joined(address, **{**keys, "tls_cert": str(tmp_path / "nothing.pem")})
    other = tmp_path / "ca.pem"
    other.write_text(Security.temporary().get_tls_config_for_role("client")["ca_file"])
    with pytest.raises(TemporaryError, match=f"no Dask scheduler answers at {address}"):
        joined(address, **{**keys, "tls_ca_file": str(other)})


def test_a_scheduler_where_others_listen_is_not_joined(tmp_path: Path) -> None:
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"address": "tcp://192.0.2.1:8786"}))
    for cluster in (
        AddressCluster(kind="address", scheduler_file=str(path)),
        AddressCluster(kind="address"),
    ):
        with (
            dask.config.set({"scheduler-address": "tcp://192.0.2.1:8786"}),
            pytest.raises(
                ConfigurationError, match=r"found a scheduler at tcp://192\.0\.2\.1:8786"
            ),
            open_cluster(cluster),
        ):
            raise AssertionError


def started(cluster: Cluster) -> None:
    """Do with a cluster what a run does."""
    enter_mpi(cluster)
    with open_cluster(cluster):
        pass


@pytest.mark.parametrize(
    ("cluster", "package", "extra"),
    [
        ("{kind: kubernetes, image: a, insecure: true}", "dask_kubernetes", "kubernetes"),
        ("{kind: gateway, address: 'https://host'}", "dask_gateway", "gateway"),
        ("{kind: mpi}", "dask_mpi", "mpi"),
        ("{kind: pbs}", "dask_jobqueue", "jobqueue"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    cluster: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    configuration = loads("input: {path: a}\noutput: {path: b}\n", [f"cluster={cluster}"])
    kind = configuration.cluster.kind
    needs = f"a cluster of kind {kind} needs {package.replace('_', '-')}: "
    with pytest.raises(MissingExtraError, match=f"^{needs}") as caught:
        started(configuration.cluster)
    assert f'pip install "dgmm[{extra}]"' in str(caught.value)
    assert caught.value.exit_code == 78
