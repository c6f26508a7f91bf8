"""Workers that dgmm has not started log no secrets of a run either."""

import logging
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from dgmm.run.clusters.cluster import open_cluster
from dgmm.run.clusters.log_redaction import RedactLogs
from dgmm.run.config.cluster_options import AddressCluster
from dgmm.run.redaction import NO_SECRETS, Redactor
from tests.run.clusters.faults import sum_of_names

SECRET = "correct horse's battery staple"
CONCEALED = Redactor.from_environment(["KEY"], {"KEY": SECRET})


@pytest.fixture
def log():
    """What a logger has said that writes for itself."""
    said = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(logging.Formatter().format(record))
    logger = logging.getLogger("distributed.of-a-test")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, said
    logger.removeHandler(handler)


def fail(logger):
    try:
        raise ValueError(SECRET)
    except ValueError:
        logger.exception("%s: %r", SECRET, SECRET)


def test_a_worker_is_discreet_until_it_is_left(log):
    logger, said = log
    first, second = RedactLogs(CONCEALED), RedactLogs(NO_SECRETS)
    for plugin in (first, second):
        plugin.setup(None)
    second.teardown(None)
    fail(logger)
    first.teardown(None)
    fail(logger)
    discreet, as_before = said
    assert discreet.startswith('${KEY}: "${KEY}"\nTraceback')
    assert discreet.endswith("ValueError: ${KEY}")
    assert as_before.count(SECRET) >= 3


@contextmanager
def cluster_elsewhere(folder):
    """A scheduler and a worker that write to files, and a way to start one more worker."""
    file = folder / "scheduler.json"
    processes = []

    def start(kind, *options):
        words = [sys.executable, "-m", "dask", kind, "--no-dashboard", "--host=127.0.0.1"]
        with (folder / f"log{len(processes)}").open("wb") as log:
            command = [*words, f"--scheduler-file={file}", *options]
            processes.append(psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT))

    start("scheduler", "--port=0")
    start("worker", "--no-nanny", "--nthreads=1")
    try:
        yield AddressCluster(kind="address", scheduler_file=str(file), timeout=60), start
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Indiscreet:
    """Something that tells the secret wherever a task takes it up."""

    block, trap, in_tree = 3, None, False

    @property
    def seconds(self):
        raise ValueError(f"cannot read {SECRET}")


def test_no_log_of_a_cluster_that_others_own_tells_a_secret(tmp_path):
    with cluster_elsewhere(tmp_path) as (cluster, start):
        for redactor in (CONCEALED, NO_SECRETS):
            with open_cluster(cluster, redactor) as opened:
                client = opened.execution.client
                if redactor is CONCEALED:
                    start("worker", "--no-nanny", "--nthreads=1")
                    client.wait_for_workers(2, timeout=60)
                with pytest.raises(ValueError, match=SECRET):
                    sum_of_names(opened.execution, Indiscreet())
                for worker in client.scheduler_info(n_workers=-1)["workers"]:
                    logger = logging.getLogger("distributed.worker")
                    client.submit(fail, logger, workers=worker, pure=False).result()
            logs = "".join(path.read_text() for path in tmp_path.glob("log*"))
            assert ("battery" in logs) == (redactor is not CONCEALED)
            assert logs.count("Traceback (most recent call last)") >= 2
            assert "Compute Failed" in logs
            assert "cannot read ${KEY}" in logs
