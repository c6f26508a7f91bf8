"""One writer for an output in a store, which knows no locks."""

import json
import logging
import threading

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from dgmm.errors import StorageError, TemporaryError
from dgmm.io.storage import lease
from dgmm.io.storage.lease import PATIENCE_SECONDS, hold_lease
from dgmm.io.storage.location import output_path
from dgmm.io.storage.lock import write_lock

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def output(memory):
    return output_path(memory[0])


def claims(output):
    return sorted(path.name for path in (output / ".lock").iterdir())


def dead(output, **facts):
    """A claim of a process that is no more."""
    claim = {"holder": "x", "host": "there", "pid": 7, "since": "then", **facts}
    place = output / ".lock" / "00000004.json"
    place.fs.pipe_file(place.path, json.dumps(claim).encode())
    return place


def test_an_output_that_was_given_back_is_free_at_once(output, clock):
    for number in range(1, 4):
        with write_lock(output) as confirm:
            confirm()
            assert claims(output) == [f"{number:08}.json"]
    assert clock.now == 0


def test_an_output_whose_holder_lives_is_refused_by_its_name(output, clock):
    with hold_lease(output) as confirm:
        clock.meanwhile = lambda: confirm.__self__._renew()
        with pytest.raises(TemporaryError, match=r"written to by process \d+ on .* since"):
            hold_lease(output).__enter__()
        confirm()
    assert clock.now < PATIENCE_SECONDS


def test_an_output_whose_holder_says_nothing_is_taken_over(output, clock, caplog):
    dead(output)
    with hold_lease(output) as confirm:
        confirm()
        assert claims(output) == ["00000005.json"]
    assert clock.now >= PATIENCE_SECONDS
    assert "held by process 7 on there since then" in caplog.text
    assert "taking it over" in caplog.text


def test_a_holder_that_gives_back_is_not_waited_for(output, clock):
    dead(output)
    clock.meanwhile = lambda: dead(output, is_released=True)
    with hold_lease(output):
        assert clock.now < 2


def test_a_holder_that_stood_still_leaves_and_disturbs_nobody(output):
    with hold_lease(output) as first:
        first()
        with hold_lease(output) as second:
            for _ in range(2):
                with pytest.raises(TemporaryError, match="is being written to by process"):
                    first()
                first.__self__._renew()
            second()
            assert claims(output) == ["00000002.json"]
    with hold_lease(output):
        assert claims(output) == ["00000003.json"]


def test_of_many_that_begin_together_one_goes_on(output, monkeypatch):
    monkeypatch.setattr(lease, "PATIENCE_SECONDS", -1.0)
    dead(output)
    together, outcomes = threading.Barrier(8), []
    exclusive, pipe_file = threading.Lock(), MemoryFileSystem.pipe_file

    def atomic(fs, path, value, mode="overwrite"):
        with exclusive:  # as stores are, and the one in memory is not
            pipe_file(fs, path, value, mode=mode)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", atomic)
    numbers = lease._Lease._free_number

    def all_at_once(self):
        number = numbers(self)
        together.wait()
        return number

    monkeypatch.setattr(lease._Lease, "_free_number", all_at_once)

    def tell(outcome):
        outcomes.append(outcome)
        told.release()

    def begin():
        try:
            with hold_lease(output):
                tell("held")
                finished.wait()
        except TemporaryError:
            tell("refused")

    told, finished = threading.Semaphore(0), threading.Event()
    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert all(told.acquire(timeout=60) for _ in threads)
    finished.set()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held"] + 7 * ["refused"]


def test_a_late_one_that_takes_an_old_number_leaves(output, monkeypatch):
    dead(output, is_released=True)
    monkeypatch.setattr(lease._Lease, "_free_number", lambda _: 2)
    with pytest.raises(TemporaryError, match="process 7 on there"):
        hold_lease(output).__enter__()


def test_a_request_that_is_repeated_meets_its_own_claim(output, monkeypatch):
    pipe_file = MemoryFileSystem.pipe_file

    def answer_lost(fs, path, value, mode="overwrite"):
        if mode == "create":
            pipe_file(fs, path, value)
        pipe_file(fs, path, value, mode=mode)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", answer_lost)
    with hold_lease(output) as confirm:
        confirm()


@pytest.mark.parametrize("answer", ["nothing", "501 Not Implemented"])
def test_a_store_that_knows_no_conditions_is_warned_of(output, monkeypatch, caplog, answer):
    pipe_file = MemoryFileSystem.pipe_file

    def unconditional(fs, path, value, mode="overwrite"):
        if mode == "create" and answer != "nothing":
            raise OSError(answer)
        pipe_file(fs, path, value)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", unconditional)
    with hold_lease(output) as confirm:
        confirm()
    assert "has no conditional writes" in caplog.text


def test_a_store_that_does_not_answer_ends_a_holding(output, clock, monkeypatch, caplog):
    def unreachable(*_, **__):
        raise OSError("no answer")

    caplog.set_level(logging.WARNING)
    with hold_lease(output) as confirm:
        monkeypatch.setattr(MemoryFileSystem, "ls", unreachable)
        confirm()  # it has been renewed only just now
        clock.now += PATIENCE_SECONDS + 1
        with pytest.raises(StorageError, match="no answer"):
            confirm()
    assert "could not be released" in caplog.text


def test_two_writers_of_a_bucket(s3, clock):
    url, options = s3
    output = output_path(f"{url}/out", options)
    with hold_lease(output) as confirm:
        clock.meanwhile = lambda: confirm.__self__._renew()
        with pytest.raises(TemporaryError, match="is being written to by process"):
            hold_lease(output).__enter__()
    with hold_lease(output):
        assert claims(output) == ["00000002.json"]


def test_a_holder_whose_claims_were_all_removed_leaves(output):
    with hold_lease(output) as confirm:
        output.fs.rm((output / ".lock").path, recursive=True)
        confirm.__self__._renew()
        with pytest.raises(TemporaryError, match="written to by another process"):
            confirm()
