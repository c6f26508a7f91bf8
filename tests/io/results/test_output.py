"""An output's pointer and its order of runs: by numbers, whatever clocks say."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from dgmm.errors import InputNotFoundError, OutputError, StorageError
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.layout import LATEST_POINTER
from dgmm.io.results.output import Output
from dgmm.io.results.pointer import read_pointer
from dgmm.io.results.result import open_result
from tests.io.results.test_results import NAMES, a_small_sweep

HOUR = timedelta(hours=1)


@pytest.fixture
def output(tmp_path):
    return Output(tmp_path)


def commit(output, name, created=None, **attributes):
    """A complete run, made at a time that a clock may have told wrongly."""
    run = output.start(name)
    commit_run(run, RunContents(a_small_sweep(), NAMES, attributes))
    if created is not None:
        root = json.loads((run / "zarr.json").read_text())
        root["attributes"]["created"] = created
        (run / "zarr.json").write_text(json.dumps(root))
    return output.run(name)


def numbered(output, name, created=None, **attributes):
    """The same, as this version commits it."""
    return commit(output, name, created, publication=output.next_publication(), **attributes)


def names(runs):
    return [run.run_id for run in runs]


def superseded_at(output, name, time):
    """Let a run be one that was replaced at this time."""
    document = json.loads((output.place / LATEST_POINTER).read_text())
    document["superseded"][name] = time.isoformat()
    (output.place / LATEST_POINTER).write_text(json.dumps(document))


def test_publications_are_counted(output):
    for number, name in enumerate("abc", start=1):
        run = numbered(output, name)
        assert run.attributes["publication"] == number
        output.publish(run)
    assert names(output.runs()) == ["c", "b", "a"]
    pointer = read_pointer(output.place)
    assert (pointer.run_id, pointer.number, list(pointer.superseded)) == ("c", 3, ["a", "b"])
    output.publish(output.run("a"))
    pointer = read_pointer(output.place)
    assert (pointer.run_id, pointer.number, list(pointer.superseded)) == ("a", 4, ["b", "c"])
    assert open_result(output.place).path == output.run("a").path
    assert (output.place / "latest.zarr").resolve() == output.run("a").path
    output.publish(output.run("a"))
    assert read_pointer(output.place) == pointer


def test_a_run_made_when_the_clock_was_ahead_is_older_than_those_that_followed(output):
    output.publish(numbered(output, "first", "2090-01-01T00:00:00+00:00"))
    second = numbered(output, "second", "2026-01-02T00:00:00+00:00")
    assert not output.is_superseded(second)
    output.publish(second)
    assert names(output.runs()) == ["second", "first"]
    assert output.is_superseded(output.run("first"))
    assert names(output.prune(1, timedelta(0), only_say=True)) == ["first"]


def test_a_run_is_overtaken_by_whatever_was_published_since_it_was_committed(output):
    output.publish(numbered(output, "first"))
    slow, fast = numbered(output, "slow"), numbered(output, "fast")
    assert not output.is_superseded(slow)
    output.publish(fast)
    assert output.is_superseded(slow)
    assert not output.is_superseded(fast)


def test_a_run_of_an_earlier_version_may_replace_what_it_started_from(output):
    output.publish(commit(output, "first"))
    second = commit(output, "second", started_from={"run_id": "first"})
    late = commit(output, "late", started_from={"run_id": "first"})
    assert not output.is_superseded(second)
    output.publish(second)
    assert output.is_superseded(late)
    assert output.is_superseded(output.run("first"))
    assert not output.is_superseded(numbered(output, "third"))


def test_a_pointer_of_an_earlier_version_is_followed(output):
    commit(output, "first")
    document = {"format": "dgmm", "format_version": 1, "run_id": "first"}
    (output.place / LATEST_POINTER).write_text(json.dumps(document))
    assert output.latest() == output.run("first").path
    second = numbered(output, "second")
    assert second.attributes["publication"] == 1
    output.publish(second)
    assert list(read_pointer(output.place).superseded) == ["first"]


def test_what_readers_saw_lately_is_spared(output):
    for name in "abc":
        output.publish(numbered(output, name))
    numbered(output, "d")  # held back, say
    assert names(output.prune(1, timedelta(0), only_say=True)) == ["b", "a"]
    assert output.prune(1, HOUR, only_say=True) == ()
    now = datetime.now(UTC)
    superseded_at(output, "a", now - 2 * HOUR)
    superseded_at(output, "b", now + 2 * HOUR)  # by a clock that was ahead
    assert names(output.prune(1, HOUR, only_say=True)) == ["b", "a"]
    assert names(output.prune(1, 3 * HOUR, only_say=True)) == []


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"run_id": "a", "superseded": {"b": "then"}}', '"run_id"']
)
def test_a_damaged_pointer_is_one_error_and_can_be_replaced(output, damage):
    run = numbered(output, "a")
    output.publish(run)
    (output.place / LATEST_POINTER).write_text(damage)
    for ask in (output.latest, lambda: open_result(output.place), lambda: output.prune(0, HOUR)):
        with pytest.raises(
            OutputError, match=r"latest\.json does not say which run is the latest.*Publish"
        ):
            ask()
    assert names(output.runs()) == ["a"]
    assert not output.run("a").is_latest
    output.publish(run)
    assert output.latest() == output.run("a").path
    assert read_pointer(output.place).number == 1


def test_a_pointer_that_cannot_be_read_is_an_error_of_the_storage(output):
    (output.place / LATEST_POINTER).mkdir()
    for ask in (output.latest, lambda: output.run("a")):
        with pytest.raises(StorageError, match=r"latest\.json cannot be read"):
            ask()


def test_no_name_names_no_run(output):
    numbered(output, "a")
    with pytest.raises(InputNotFoundError, match="no run ''; there are a"):
        output.find("")
