"""What is said on stderr: for people, for machines, and without secrets."""

import json
import logging
import subprocess
import sys
import warnings
from contextlib import contextmanager

import pytest
from rich.console import Console

from dgmm.engine.events import BlocksDone, PassFinished, PassStarted
from dgmm.run.console.logs import JsonObserver, LogFormat, format_failure, log_to_stderr
from dgmm.run.redaction import Redactor
from tests.run.sweeps import sweep

SECRET = "correct horse battery staple"
CONCEALED = Redactor.from_environment(["KEY"], {"KEY": SECRET})
JSON, TEXT = LogFormat(True, CONCEALED), LogFormat(False, CONCEALED)


@contextmanager
def own_handler(name):
    """A logger that writes for itself, as Dask's do."""
    logger, handler = logging.getLogger(name), logging.StreamHandler(sys.stderr)
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    yield handler
    logger.handlers, logger.propagate = before


def logged(capsys, style, action, level=logging.INFO):
    with own_handler("distributed"), log_to_stderr(Console(stderr=True), style, level):
        action()
    return capsys.readouterr().err.splitlines()


def failing():
    try:
        raise ValueError(f"no entry with {SECRET}\nat all")
    except ValueError:
        logging.getLogger("zarr").exception("failed")


def test_every_line_for_machines_is_an_object(capsys):
    def action():
        logging.getLogger("dgmm.x").info("opening %s", f"s3://a:b@c/{SECRET}")
        logging.getLogger("dgmm.x").debug("not wanted")
        logging.getLogger("distributed").warning("lost a worker at %s", SECRET)
        logging.getLogger("distributed.nanny").error("Restarting")
        failing()

    lines = logged(capsys, JSON, action)
    said = [json.loads(line) for line in lines]
    assert [(s["level"], s["logger"]) for s in said] == [
        ("info", "dgmm.x"),
        ("warning", "distributed"),
        ("error", "distributed.nanny"),
        ("error", "zarr"),
    ]
    assert said[0]["message"] == "opening s3://***@c/${KEY}"
    assert said[1]["message"] == "lost a worker at ${KEY}"
    assert "ValueError: no entry with ${KEY}\nat all" in said[3]["traceback"]
    assert all(s["time"].endswith("+00:00") for s in said)


def test_lines_for_people_conceal_as_well(capsys):
    def action():
        logging.getLogger("dgmm.x").info(SECRET)
        logging.getLogger("distributed").warning(SECRET)
        failing()

    lines = logged(capsys, TEXT, action)
    assert lines[0].endswith(" INFO ${KEY}")
    assert lines[1].endswith(" WARNING ${KEY}")
    assert lines[-2:] == ["ValueError: no entry with ${KEY}", "at all"]
    assert SECRET not in "".join(lines)


def test_warnings_are_logged(capsys):
    def action():
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)  # which catch_warnings has just undone
            warnings.warn(f"beware of {SECRET}", UserWarning, stacklevel=1)

    (said,) = map(json.loads, logged(capsys, JSON, action))
    assert said["logger"] == "py.warnings"
    assert "UserWarning: beware of ${KEY}" in said["message"]


def test_all_is_as_before_afterwards():
    root = logging.getLogger()
    with own_handler("distributed") as handler:
        before = (root.handlers[:], warnings.showwarning)
        with log_to_stderr(Console(stderr=True), JSON, logging.DEBUG):
            assert (root.handlers, warnings.showwarning) != before
            assert handler.formatter is not None
        assert (root.handlers, warnings.showwarning) == before
        assert handler.formatter is None
    assert logging.getLogger("dgmm").level == logging.NOTSET


def test_what_happens_is_recorded_with_fields(capsys):
    def action():
        record = JsonObserver()
        for index in range(2):
            record(PassStarted("fit", index, 3, 4, 5, 6))
            record(BlocksDone(1, 5))
            record(PassFinished("fit", index, 0.5, 6, 3, float("-inf")))
        record(PassFinished("search", 0, 0.5, 6, 3, -1.0))
        metrics = {"run_id": "x", "rows": 6, "stage_seconds": {"fit": 1.0}}
        record.log_result(f"/{SECRET}/runs/x.zarr", sweep(), metrics, already_complete=False)

    started, first, second, finished = map(json.loads, logged(capsys, JSON, action))
    assert started.items() >= {"event": "stage_started", "stage": "fit", "n_rows": 6}.items()
    assert first["event"] == "pass_finished"
    assert (first["index"], second["index"], first["seconds"]) == (0, 1, 0.5)
    assert first["best_log_likelihood"] == "-inf"  # JSON has no number for it
    assert finished["event"] == "run_finished"
    assert finished["path"] == "/${KEY}/runs/x.zarr"
    assert finished["selected"] == "full-2"
    assert finished["value"] == 100.25
    assert finished.items() >= {"run_id": "x", "rows": 6, "stage_seconds": {"fit": 1.0}}.items()


def test_a_failure_is_one_line():
    facts = {"error": "DataError", "exit_code": 65, "traceback": f"Traceback\n{SECRET}"}
    assert format_failure(TEXT, f"bad {SECRET}", facts) == "dgmm: bad ${KEY}"
    said = json.loads(format_failure(JSON, f"bad {SECRET}\nand worse", facts))
    assert said["message"] == "bad ${KEY}\nand worse"
    assert (said["event"], said["exit_code"]) == ("failed", 65)
    assert said["traceback"] == "Traceback\n${KEY}"


WORKER = """
import logging, os, warnings, distributed
from dgmm.run.clusters.log_redaction import RedactLogs
from dgmm.run.console.worker_setup import dask_setup, worker_log_format
from dgmm.run.console.logs import LogFormat
from dgmm.run.redaction import Redactor
with worker_log_format(LogFormat({as_json})):
    dask_setup(None)
RedactLogs(Redactor.from_environment(["KEY"], os.environ)).setup(None)
logging.getLogger("distributed.worker").error("Compute Failed: %s", {secret!r})
logging.getLogger("dgmm.io").warning({secret!r})
warnings.warn({secret!r})
"""


@pytest.mark.parametrize("as_json", [True, False])
def test_workers_write_as_the_command_does(monkeypatch, as_json):
    monkeypatch.setenv("KEY", SECRET)
    code = WORKER.format(as_json=as_json, secret=SECRET)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert SECRET not in done.stderr.replace(f"warnings.warn({SECRET!r})", "")
    assert done.stderr.count("${KEY}") >= 3
    if as_json:
        levels = [json.loads(line)["level"] for line in done.stderr.splitlines()]
        assert levels == ["error", "warning", "warning"]
