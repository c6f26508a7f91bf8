"""Nights that are killed, or begin twice at once: last night's result or tonight's, never both."""

import shutil
import signal

import pytest

from tests.pipelines import interrupted
from tests.pipelines.interrupted import MOMENTS, PASSES, config, ended, night, seen, start, state_of


class Week:
    """Data of three nights, an output after two of them, and one after all three."""

    def __init__(self, folder, report="false"):
        self.folder, self.report = folder, report
        self.data = folder / "data"
        self.data.mkdir()
        for seed, name in enumerate(["1", "2", "3", "archive"]):
            interrupted.write_night(self.data / f"{name}.zarr", seed)
        for number in (1, 2):
            assert night(config(self.data, number, folder / "old", report))[0] == 0
        assert night(self.copy("clean"))[0] == 0
        self.old, self.new = (seen(folder / name) for name in ("old", "clean"))
        self.states = self.state("clean")
        assert self.old != self.new
        assert len(self.states[0][1]) == 2, "the first night is gone"

    def copy(self, name):
        """An output after two nights; the configuration of the third."""
        for kind in ("", "-scores"):
            found, copied = self.folder / f"old{kind}", self.folder / f"{name}{kind}"
            shutil.copytree(found, copied, symlinks=True)
        return config(self.data, 3, self.folder / name, self.report)

    def state(self, name):
        return [state_of(self.folder / f"{name}{kind}") for kind in ("", "-scores")]

    def remove(self, name):
        for kind in ("", "-scores"):
            shutil.rmtree(self.folder / f"{name}{kind}")


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    return Week(tmp_path_factory.mktemp("week"))


def killed_and_done_again(week, moment):
    path = week.copy("killed")
    assert night(path, moment) == (-signal.SIGKILL, "")
    assert seen(week.folder / "killed") in (week.old, week.new)
    exit_code, said = night(path)
    assert (exit_code, said.splitlines()[-1][-5:]) == (0, ".zarr")
    assert week.state("killed") == week.states
    week.remove("killed")


@pytest.mark.parametrize(
    "moment",
    [
        "EM is on all rows",
        "the run is committed",
        "the pointer is written",
        "a run is no run any more",
    ],
)
def test_a_night_that_is_killed_ends_the_second_time_as_if_nothing_had_been(week, moment):
    killed_and_done_again(week, moment)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_so_it_does_at_every_moment(tmp_path):
    week = Week(tmp_path, report="true")
    for moment in (*PASSES, *MOMENTS):
        killed_and_done_again(week, moment)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_so_it_does_if_it_is_killed_at_one_moment_after_the_other(tmp_path):
    week = Week(tmp_path, report="true")
    path = week.copy("killed")
    for moment in (*PASSES, *MOMENTS):
        assert night(path, moment) == (-signal.SIGKILL, ""), moment
        assert seen(week.folder / "killed") in (week.old, week.new), moment
    assert night(path)[0] == 0
    assert week.state("killed") == week.states


def test_of_two_that_begin_at_once_one_does_the_night(week):
    path = week.copy("twice")
    barrier = interrupted.barrier(2)
    running = [start(path, barrier=barrier) for _ in range(2)]
    ends = sorted(ended(*each) for each in running)
    assert ends[0][0] == 0
    code, said = ends[1]
    assert (code == 75 and "is being written to by" in said) or (
        code == 0 and any("nothing new" in words for _, words in ends)
    )
    assert night(path)[0] == 0
    assert week.state("twice") == week.states
    week.remove("twice")
