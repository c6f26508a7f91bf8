from dgmm.engine.events import BlocksDone, PassFinished, PassStarted
from dgmm.run.console.time_left import TimeLeft
from tests.run.console.test_progress import Clock


def finish(stage, seconds, n_left):
    return PassFinished(stage, 0, seconds, 100, 1, None, n_left)


def test_nothing_is_said_before_there_is_something_to_go_by():
    left = TimeLeft(Clock())
    for event in (
        finish("profile", 9.0, None),
        finish("sample", 0.1, 40),
        finish("fit", 9.0, None),
    ):
        left(event)
        assert left.seconds is None


def test_passes_of_em_and_the_assignment_are_still_to_come():
    clock = Clock()
    left = TimeLeft(clock)
    left(finish("fit", 10.0, 4))
    assert left.seconds == 50
    clock.now += 30
    assert left.seconds == 20
    left(finish("fit", 10.0, None))  # a step that was taken back tells nothing
    assert left.seconds == 20
    clock.now += 30
    assert left.seconds == 0


def test_the_last_pass_goes_by_its_blocks():
    clock = Clock()
    left = TimeLeft(clock)
    left(PassStarted("assign", 0, 0, 0, 10, 100))
    left(BlocksDone(0, 10))
    assert left.seconds is None
    clock.now += 6
    left(BlocksDone(2, 10))
    assert left.seconds == 24


def test_blocks_of_other_passes_do_not_count():
    left = TimeLeft(Clock())
    left(PassStarted("fit", 0, 1, 1, 10, 100))
    left(BlocksDone(2, 10))
    assert left.seconds is None
