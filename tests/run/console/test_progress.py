import io
import logging
import re
from collections.abc import Iterator

import pytest
from rich.console import Console

from dgmm.engine.events import BlocksDone, Event, PassFinished, PassStarted
from dgmm.run.console.progress import LiveDisplay, LogLines, watch


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def one_pass(
    clock: Clock, stage: str, index: int, seconds: float, best: float | None = None
) -> Iterator[Event]:
    yield PassStarted(stage, index, 34, 48, n_blocks=10, n_rows=1000)
    yield BlocksDone(5, 10)
    clock.now += seconds
    yield PassFinished(stage, index, seconds, n_rows=1000, n_running=20, best_log_likelihood=best)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="dgmm")
    return caplog


def test_a_slow_pass_is_a_line_with_all_it_is_about(lines: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = LogLines(clock)
    for event in one_pass(clock, "fit", 3, 100.0, best=-3.25):
        log(event)
    assert lines.messages == [
        "fit, pass 4, 20 of 48 candidates running, log-likelihood -3.25 per row, "
        "100.0 s, 10 rows/s, 0:01:40 elapsed"
    ]


def test_a_pass_without_a_likelihood_says_nothing_of_candidates(
    lines: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = LogLines(clock)
    for event in one_pass(clock, "profile", 0, 2.0):
        log(event)
    assert lines.messages == ["profile, pass 1, 2.0 s, 500 rows/s, 0:00:02 elapsed"]


def test_fast_passes_are_a_line_a_second_with_the_first_and_last_of_each_stage(
    lines: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = LogLines(clock)
    for stage in ("sample", "fit"):
        for index in range(35):
            for event in one_pass(clock, stage, index, 0.125):
                log(event)
    log.flush()
    log.flush()
    passes = [re.match(r"(\w+), pass (\d+)", line) for line in lines.messages]
    found = [(match[1], int(match[2])) for match in passes if match]
    expected = [1, 9, 17, 25, 33, 35]
    assert found == [(stage, index) for stage in ("sample", "fit") for index in expected]


def test_the_log_of_a_day_can_be_read(lines: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = LogLines(clock)
    for index in range(24 * 60 * 60 // 10):
        for event in one_pass(clock, "fit", index, 10.0):
            log(event)
    assert 50 < len(lines.messages) < 400


def test_millions_of_rows_are_written_short(lines: pytest.LogCaptureFixture) -> None:
    log = LogLines(Clock())
    log(PassFinished("fit", 0, 2.0, 10**9, 1, None))
    assert "500.0M rows/s" in lines.text


def test_a_pass_in_no_time_has_no_speed(lines: pytest.LogCaptureFixture) -> None:
    log = LogLines(Clock())
    log(PassFinished("fit", 0, 0.0, 1000, 1, None))
    assert "rows/s" not in lines.text


def test_without_a_terminal_passes_are_logged(lines: pytest.LogCaptureFixture) -> None:
    file = io.StringIO()
    with watch(Console(file=file)) as observer:
        for index in range(3):
            for event in one_pass(Clock(), "fit", index, 0.1):
                observer(event)
    assert file.getvalue() == ""
    assert [line.split(", ")[1] for line in lines.messages] == ["pass 1", "pass 3"]


def test_a_terminal_shows_the_running_pass() -> None:
    clock = Clock()
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, color_system=None)
    display = LiveDisplay(console, clock)
    with display.progress:
        shown = []
        for index in range(2):
            for event in one_pass(clock, "fit", index, 2.0, best=-3.25):
                display(event)
                display.progress.refresh()
                with console.capture() as capture:
                    console.print(display.progress.get_renderable())
                shown.append(capture.get())
                clock.now += 1
    assert "fit, pass 1" in shown[0]
    assert "34/48 running" in shown[0]
    assert "0:00:00 elapsed" in shown[0]
    assert "500 rows/s" in shown[1]
    assert "-3.25/row" in shown[2]
    assert "fit, pass 2" in shown[3]
    assert "-3.25/row" in shown[3]
    assert "0:00:05 elapsed" in shown[3]
    assert "fit, pass 2" in file.getvalue()


def test_a_terminal_is_left_as_it_was() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=160)
    with watch(console) as observer:
        assert isinstance(observer, LiveDisplay)
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1


def test_a_line_says_how_long_the_run_still_takes(lines: pytest.LogCaptureFixture) -> None:
    log = LogLines(Clock())
    log(PassFinished("fit", 2, 60.0, 1000, 1, -1.0, n_passes_left=4))
    log.flush()
    assert lines.messages[-1].endswith("elapsed, about 0:05:00 left")
