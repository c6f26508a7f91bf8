"""Any request to a store fails once: what is published is the old result or the new one."""

import threading

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dgmm.errors import OutputError, StorageError
from dgmm.io.results.result import open_result
from dgmm.io.storage.location import output_path
from dgmm.run import lifecycle
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from tests.run.victim import Crash, crash_before, digest
from tests.stores.runs import clumps, configuration, write_zarr

REQUESTS = ("pipe_file", "cat_file", "info", "ls", "find", "rm")

pytestmark = pytest.mark.usefixtures("clock")


class Faults:
    """Counts the requests to a store in memory, and lets one of them fail."""

    def __init__(self, monkeypatch):
        self.n_requests, self.fail_at, self.said = 0, 0, ""
        self._counting = threading.Lock()
        for name in REQUESTS:
            monkeypatch.setattr(MemoryFileSystem, name, self._faulty(name))

    def _faulty(self, name):
        request = getattr(MemoryFileSystem, name)

        def call(*arguments, **options):
            with self._counting:
                self.n_requests += 1
                is_now = self.n_requests == self.fail_at
            if is_now:
                raise OSError(f"the store does not answer to {name}")
            return request(*arguments, **options)

        return call

    def run(self, text, fail_at):
        """Run with this request failing; whether there was one, and whether the run succeeded."""
        self.n_requests, self.fail_at = 0, fail_at
        try:
            run(loads(text))
        except (StorageError, OutputError) as error:
            self.said = str(error)
            return True, False
        finally:
            happened, self.fail_at = self.n_requests >= fail_at, 0
        return happened, True


def contents(url):
    root = output_path(url)
    return {key: root.fs.cat_file(key) for key in root.fs.find(root.path)}


def restore(url, before):
    root = output_path(url)
    if root.exists():
        root.fs.rm(root.path, recursive=True)
    for key, value in before.items():
        root.fs.pipe_file(key, value)


def seen_by_a_reader(url):
    result = open_result(url)
    for array in result.assignments.values():
        array[...]
    return digest(str(result.path))


def assert_clean(url):
    """Nothing is left of what was interrupted."""
    output = output_path(url)
    assert {path.name for path in output.iterdir()} == {".lock", "latest.json", "runs"}
    assert len(list((output / ".lock").iterdir())) == 1
    assert all((path / "zarr.json").is_file() for path in (output / "runs").iterdir())


@pytest.fixture
def prepared(memory):
    """An output with a complete run, the text of the next, and hashes of the old and the new."""
    url, _ = memory
    write_zarr(f"{url}/x.zarr", {}, clumps())
    new = run(loads(configuration(f"{url}/x.zarr", f"{url}/elsewhere")))
    old = run(loads(configuration(f"{url}/x.zarr", f"{url}/out", extra=", seed: 1")))
    hashes = [digest(done.path) for done in (old, new)]
    return f"{url}/out", configuration(f"{url}/x.zarr", f"{url}/out"), hashes


def fail_one_after_the_other(prepared, faults, steps):
    """Each of these requests fails in a run of its own from the same beginning; how many did."""
    output, text, hashes = prepared
    before = contents(output)
    n_faults = n_failed = 0
    for step in steps:
        restore(output, before)
        happened, succeeded = faults.run(text, step)
        if not happened:
            break
        n_faults += 1
        n_failed += not succeeded
        assert succeeded or "does not answer" in faults.said
        assert seen_by_a_reader(output) in hashes
        run(loads(text))
        assert seen_by_a_reader(output) == hashes[1]
        assert_clean(output)
    assert n_failed > n_faults // 2
    return n_faults


def interrupted(prepared, monkeypatch):
    """Let only the publication be missing."""
    _, text, _ = prepared

    def crash(*_, **__):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "commit_run", crash)
        with pytest.raises(Crash):
            run(loads(text))


@pytest.mark.slow  # test_ever_later_requests_fail_until_a_run_is_done has fewer of them
def test_some_requests_of_a_publication_fail(prepared, monkeypatch):
    interrupted(prepared, monkeypatch)
    faults = Faults(monkeypatch)
    assert fail_one_after_the_other(prepared, faults, range(40, 1000, 180)) > 1


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_request_of_a_publication_fails(prepared, monkeypatch):
    interrupted(prepared, monkeypatch)
    faults = Faults(monkeypatch)
    assert fail_one_after_the_other(prepared, faults, range(1, 10_000)) > 200


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_request_of_a_run_fails(prepared, monkeypatch):
    faults = Faults(monkeypatch)
    assert fail_one_after_the_other(prepared, faults, range(1, 10_000)) > 200


def test_ever_later_requests_fail_until_a_run_is_done(prepared, monkeypatch):
    output, text, hashes = prepared
    faults, happened, step = Faults(monkeypatch), True, 10
    while happened:
        happened, _ = faults.run(text, step)
        assert seen_by_a_reader(output) in hashes
        step += 150
    assert step > 200
    assert seen_by_a_reader(output) == hashes[1]
    assert_clean(output)


def test_a_run_in_a_store_goes_on_where_it_was_interrupted(prepared):
    output, text, hashes = prepared
    with pytest.raises(Crash):
        run(loads(text), crash_before("fit", 1))
    root = output_path(output)
    assert [path.name for path in next((root / "attempts").iterdir()).iterdir()]
    passes = []
    run(loads(text), lambda event: passes.append(type(event).__name__))
    assert "PassStarted" in passes
    assert seen_by_a_reader(output) == hashes[1]
    assert_clean(output)
