"""What all pipelines share: settings, options, exit codes, and what is said where."""

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from pydantic import Field

from dgmm.errors import (
    ConfigurationError,
    DataError,
    DgmmError,
    HeldBackError,
    OutputError,
    StorageError,
    TemporaryError,
)
from dgmm.run.config.configuration import dump_resolved
from pipelines.execution import Observer, Outcome, Settings, execute

CONFIG = """\
keep: 3
run:
  input: {path: data.zarr}
  output: {path: results}
  cluster: {kind: threads}
"""


class Kept(Settings):
    keep: int = Field(default=7, ge=1)


@dataclass
class Recorder:
    """A job that does as it is told."""

    outcome: Outcome | BaseException = field(default_factory=lambda: Outcome(("found it",)))
    seen: list[Kept] = field(default_factory=list)

    def do(self, settings: Kept) -> Outcome:
        self.seen.append(settings)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


@pytest.fixture
def job() -> Recorder:
    return Recorder()


def executed(job: Recorder, folder: Path, text: str = CONFIG, options: Sequence[str] = ()) -> int:
    (folder / "job.yaml").write_text(text)

    def called(settings: Kept, observer: Observer) -> Outcome:
        """Do something."""
        del observer
        return job.do(settings)

    return execute("some", called, Kept, [str(folder / "job.yaml"), *options])


def test_a_job_gets_its_keys_and_the_configuration_of_a_run(job, tmp_path, capsys):
    options = ["--set", "run.model.n_components=1:3", "--set", "skipped_exit_code=99"]
    assert executed(job, tmp_path, options=options) == 0
    (settings,) = job.seen
    assert (settings.keep, settings.skipped_exit_code) == (3, 99)
    assert settings.run.model.n_components == (1, 2, 3)
    assert capsys.readouterr() == ("found it\n", "")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("keeep: 3", "job.yaml: line 6: keeep: unknown key; did you mean keep?"),
        ("skipped_exit_code: 300", "line 6: skipped_exit_code: found 300, expected less than or"),
        ("  modell: {}", "job.yaml: line 6: run.modell: unknown key; did you mean run.model?"),
        (
            "  model: {seeed: 1}",
            "line 6: run.model.seeed: unknown key; did you mean run.model.seed",
        ),
        ("  model: {tol: no}", 'line 6: run.model.tol: found "no", expected a number'),
    ],
)
def test_a_mistake_is_told_with_its_line(job, tmp_path, capsys, line, said):
    assert executed(job, tmp_path, f"{CONFIG}{line}\n") == 78
    assert said in capsys.readouterr().err
    assert not job.seen


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ("{kind: slrm}", 'run.cluster.kind: found "slrm", expected one of'),
        ("{kind: threads, jobs: 2}", "run.cluster.jobs: it belongs to another kind of cluster"),
        ("{kind: local, workres: 2}", "did you mean run.cluster.workers?"),
        ("{kind: local, workers: two}", 'run.cluster.workers: found "two", expected an integer'),
    ],
)
def test_so_is_one_of_the_cluster(job, tmp_path, capsys, cluster, said):
    assert executed(job, tmp_path, CONFIG.replace("{kind: threads}", cluster)) == 78
    error = capsys.readouterr().err
    assert "job.yaml: line 5: " in error
    assert said in error.replace("unknown key; it", "it")


def test_without_a_run_there_is_no_job(job, tmp_path, capsys):
    assert executed(job, tmp_path, "keep: 3\n") == 78
    assert "job.yaml: run: missing, expected a value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("is_new", "options", "code"),
    [(True, (), 0), (False, (), 0), (False, ("--set", "skipped_exit_code=99"), 99)],
)
def test_nothing_new_ends_as_the_scheduler_wants_it(job, tmp_path, is_new, options, code):
    job.outcome = Outcome(("nothing new",), is_new=is_new)
    assert executed(job, tmp_path, options=options) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DataError("x"), 65),
        (HeldBackError("x"), 65),
        (OutputError("x"), 73),
        (StorageError("x"), 74),
        (TemporaryError("x"), 75),
        (ConfigurationError("x"), 78),
        (DgmmError("x"), 70),
        (ZeroDivisionError("x"), 70),
        (KeyboardInterrupt("x"), 130),
    ],
)
def test_an_error_is_one_line_and_its_code(job, tmp_path, capsys, error, code):
    job.outcome = error
    assert executed(job, tmp_path) == code
    out, said = capsys.readouterr()
    assert (out, said.count("\n")) == ("", 1)
    assert said.startswith("dgmm: ")


@pytest.mark.parametrize("arguments", [[], ["a", "b"], ["a", "--what"]])
def test_a_wrong_command_line_ends_with_64(arguments, capsys):
    assert execute("some", lambda *_: Outcome(()), Settings, arguments) == 64
    assert "See dgmm some --help." in capsys.readouterr().err


def test_help_is_given(job, capsys):
    def called(settings: Kept, observer: Observer) -> Outcome:
        del settings, observer
        return job.do(Kept.model_construct())

    assert execute("some", called, Kept, ["--help"]) == 0
    out = capsys.readouterr().out
    assert "Usage: dgmm some [OPTIONS] CONFIG" in out
    assert "What all pipelines share: settings, options, exit codes" in out
    assert "dgmm validate --for some some.yaml" in out
    assert not job.seen


def test_a_file_that_is_not_there_ends_with_64(tmp_path, capsys):
    assert execute("some", lambda *_: Outcome(()), Settings, [str(tmp_path / "none.yaml")]) == 64
    assert "cannot read the configuration" in capsys.readouterr().err


def test_errors_are_json_for_machines(job, tmp_path, capsys):
    job.outcome = DataError("found this")
    assert executed(job, tmp_path, options=["--log-format", "json"]) == 65
    said = json.loads(capsys.readouterr().err)
    assert (said["event"], said["error"], said["exit_code"]) == ("failed", "DataError", 65)


def test_what_variables_stand_for_is_used_and_never_told(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DATA", "s3cret-place")
    job.outcome = Outcome(("read s3cret-place",))
    assert executed(job, tmp_path, CONFIG.replace("data.zarr", "'${DATA}/x.zarr'")) == 0
    (settings,) = job.seen
    assert settings.run.input.path == "s3cret-place/x.zarr"
    assert dump_resolved(settings.run)["input"]["path"] == "${DATA}/x.zarr"
    assert capsys.readouterr().out == "read ${DATA}\n"


PROGRAM = """
import os, signal, sys
from pipelines.execution import Outcome, Settings, execute

def job(settings, observer):
    {act}
    return Outcome(("found it",))

sys.exit(execute("some", job, Settings, sys.argv[1:]))
"""


def run_alone(folder: Path, act: str, stdout: int | IO[str]) -> subprocess.CompletedProcess[str]:
    """A job in a process of its own."""
    (folder / "job.yaml").write_text(CONFIG.replace("keep: 3\n", ""))
    (folder / "job.py").write_text(PROGRAM.format(act=act))
    return subprocess.run(
        [sys.executable, str(folder / "job.py"), str(folder / "job.yaml")],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_signal_ends_a_job_with_75(tmp_path):
    done = run_alone(tmp_path, "os.kill(os.getpid(), signal.SIGTERM)", subprocess.PIPE)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr == (
        f"dgmm: stopped by {signal.SIGTERM.name}; the same command again goes on from here\n"
    )


def test_a_log_on_a_full_disk_is_one_line_and_74(tmp_path):
    with open("/dev/full", "w") as full:
        done = run_alone(tmp_path, "pass", full)
    assert done.returncode == 74
    assert done.stderr == (
        "dgmm: all is done, but stdout cannot be written to: No space left on device\n"
    )
