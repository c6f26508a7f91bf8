import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

import dgmm.run
from dgmm.cli import dgmm as command
from dgmm.cli.options import import_dask
from dgmm.engine.events import Observer, PassFinished, PassStarted
from dgmm.errors import (
    ConfigurationError,
    DataError,
    DgmmError,
    InputNotFoundError,
    MemoryLimitError,
    MissingExtraError,
    OutputError,
    StorageError,
    TemporaryError,
    UsageError,
)
from dgmm.mixture.fit_result import Sweep
from dgmm.run.config.configuration import Configuration
from tests.run.sweeps import sweep

HEAVY = {"dask.array", "zarr", "sklearn", "scipy", "numpy", "distributed"}


@dataclass(frozen=True)
class Outcome:
    path: str
    sweep: Sweep
    already_complete: bool


@dataclass(frozen=True)
class Plan:
    text: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        return iter(self.text)

    def check_memory(self) -> None:
        pass


class Stages(ModuleType):
    """Stands for the stages of a run and its plan, which have tests of their own."""

    def __init__(self) -> None:
        super().__init__("stages")
        self.outcome = Outcome("results/runs/abc.zarr", sweep(), already_complete=False)
        self.error: BaseException | None = None
        self.configuration: Configuration | None = None
        self.fresh = False

    def run(self, configuration: Configuration, *, observer: Observer, fresh: bool) -> Outcome:
        self.configuration = configuration
        self.fresh = fresh
        if self.error is not None:
            raise self.error
        observer(PassStarted("fit", 0, 3, 4, 5, 6))
        observer(PassFinished("fit", 0, 0.5, 6, 3, -1.5))
        return self.outcome

    def collect_metrics(self, run: str, storage_options: dict[str, object]) -> dict[str, object]:
        return {"run_id": run, "storage_options": storage_options}

    def write_metrics(self, run: str, path: str, storage_options: dict[str, object]) -> None:
        self.metrics = (run, path, storage_options)

    def summarize_plan(self, configuration: Configuration) -> Plan:
        self.configuration = configuration
        return Plan((f"reads {configuration.input.path}", "fits 4 candidates"))


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Stages:
    fake = Stages()
    for name in ("fit_run", "plan_summary", "run_metrics"):
        monkeypatch.setitem(sys.modules, f"dgmm.run.{name}", fake)
        monkeypatch.setattr(dgmm.run, name, fake, raising=False)
    return fake


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "run.yaml"
    path.write_text("input: {path: data.zarr}\noutput: {path: results}\n")
    return str(path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, prog_name="dgmm")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--bogus",),
        ("frob",),
        ("run",),
        ("run", "a.yaml", "b.yaml"),
        ("run", "a.yaml", "--bogus"),
        ("run", "a.yaml", "--set"),
        ("validate",),
        ("schema", "more"),
    ],
)
def test_a_mistake_of_the_command_line_is_64_in_one_line(arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 64
    assert result.stdout == ""
    assert re.fullmatch(r"dgmm: .*\. See dgmm( \w+)? --help\.\n", result.stderr)


def test_no_command_at_all_is_64_and_answered_with_the_help() -> None:
    result = invoke()
    assert result.exit_code == 64
    assert "Usage: dgmm" in result.stderr


@pytest.mark.parametrize("name", ["run", "plan", "validate"])
def test_a_configuration_that_is_not_there_is_64(name: str) -> None:
    result = invoke(name, "nowhere.yaml")
    assert result.exit_code == 64
    assert result.stderr == (
        "dgmm: cannot read the configuration nowhere.yaml: No such file or directory\n"
    )


@pytest.mark.parametrize("name", ["run", "plan", "validate"])
def test_a_wrong_configuration_is_78_with_all_its_mistakes(config: str, name: str) -> None:
    result = invoke(name, config, "--set", "model.tol=0", "--set", "modle=1")
    assert result.exit_code == 78
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"dgmm: {config}: 2 mistakes",
        "  --set: model.tol: found 0, expected greater than 0",
        "  --set: modle: unknown key; did you mean model?",
    ]


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (UsageError, 64),
        (DataError, 65),
        (InputNotFoundError, 66),
        (DgmmError, 70),
        (OutputError, 73),
        (StorageError, 74),
        (TemporaryError, 75),
        (ConfigurationError, 78),
        (MemoryLimitError, 78),
        (MissingExtraError, 78),
    ],
)
def test_every_foreseen_error_is_one_line_and_its_code(
    stages: Stages, config: str, error: type[DgmmError], exit_code: int
) -> None:
    stages.error = error("found this, expected that; do so")
    result = invoke("run", config)
    assert result.exit_code == exit_code
    assert result.stdout == ""
    assert result.stderr == "dgmm: found this, expected that; do so\n"


def test_an_unforeseen_error_is_one_line_and_70(stages: Stages, config: str) -> None:
    stages.error = RuntimeError("several\nlines")
    result = invoke("run", config)
    assert result.exit_code == 70
    assert result.stderr == (
        "dgmm: unexpected RuntimeError: several lines; use --debug for the traceback\n"
    )


@pytest.mark.parametrize("error", [RuntimeError("why"), DataError("why")])
def test_debug_shows_the_traceback(stages: Stages, config: str, error: Exception) -> None:
    stages.error = error
    result = invoke("run", config, "--debug")
    assert result.stderr.startswith("Traceback (most recent call last)")
    assert "why" in result.stderr.splitlines()[-1]


def test_an_interrupt_is_130(stages: Stages, config: str) -> None:
    stages.error = KeyboardInterrupt()
    result = invoke("run", config)
    assert result.exit_code == 130
    assert result.stderr == "dgmm: interrupted\n"


def test_a_run_shows_progress_then_the_table_and_the_place(stages: Stages, config: str) -> None:
    result = invoke("run", config, "--set", "model.seed=5")
    assert result.exit_code == 0
    assert stages.configuration is not None
    assert stages.configuration.model.seed == 5
    table = result.stdout.splitlines()
    assert table[1].split()[:4] == ["*", "full", "2", "100.2"]
    assert table[-1] == "results/runs/abc.zarr"
    assert "INFO fit, pass 1, 3 of 4 candidates running" in result.stderr


def test_a_run_that_was_complete_says_so(stages: Stages, config: str) -> None:
    stages.outcome = Outcome("results/runs/abc.zarr", sweep(), already_complete=True)
    result = invoke("run", config)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "already complete: results/runs/abc.zarr"


def test_a_quiet_run_says_only_where(stages: Stages, config: str) -> None:
    result = invoke("run", config, "--quiet")
    assert (result.stdout, result.stderr) == ("results/runs/abc.zarr\n", "")
    assert stages.configuration is not None


def test_a_plan_is_printed(stages: Stages, config: str) -> None:
    result = invoke("plan", config, "--set", "input.path=other.npy")
    assert result.exit_code == 0
    assert result.stdout == "reads other.npy\nfits 4 candidates\n"
    assert stages.configuration is not None


def test_a_valid_configuration_is_called_so(config: str) -> None:
    result = invoke("validate", config, "--set", "model.n_components=1:12")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{config} is valid: 48 candidates; its input was not looked ")


def test_the_schema_is_json() -> None:
    result = invoke("schema")
    assert result.exit_code == 0
    sections = {"input", "prepare", "model", "output", "drift", "cluster"}
    assert set(json.loads(result.stdout)["properties"]) == sections


def test_codes_are_the_same_below_another_group() -> None:
    outer = click.Group("dask", commands=[command])
    runner = CliRunner()
    assert runner.invoke(outer, ["dgmm", "run", "nowhere.yaml"]).exit_code == 64
    assert runner.invoke(outer, ["dgmm", "frob"]).exit_code == 64
    assert runner.invoke(outer, ["dgmm", "schema"]).exit_code == 0


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["run", "--help"], ["report", "--help"], ["schema"], ["validate", "CONFIG"]],
)
def test_light_commands_import_nothing_heavy(config: str, arguments: list[str]) -> None:
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr))\n"
        "from dgmm.cli import main; main()"
    )
    done = python(code, *[config if argument == "CONFIG" else argument for argument in arguments])
    assert done.returncode == 0
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("caller", "imported"), [({"is_main_program": True}, [("dask.array", None)]), (None, [])]
)
def test_only_a_process_of_its_own_imports_dask_alone(
    monkeypatch: pytest.MonkeyPatch, caller: object, imported: list[object]
) -> None:
    seen: list[object] = []
    for name in ("dask.array", "xarray", "scipy.sparse", "scipy.fftpack", "jinja2"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(
        "dgmm.cli.options.import_module", lambda name: seen.append((name, sys.modules["xarray"]))
    )
    with click.Context(command, obj=caller):
        import_dask()
    assert seen == imported
    assert "xarray" not in sys.modules


def test_the_module_is_the_command(config: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dgmm", "validate", config, "--set", "model.tol=x"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 78
    assert done.stderr == f'dgmm: {config}: --set: model.tol: found "x", expected a number\n'


def test_a_reader_that_has_enough_is_no_bug() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        arguments = [sys.executable, "-m", "dgmm", "schema"]
        done = subprocess.run(arguments, stdout=closed, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr == b""


def test_a_run_starts_again_only_if_told_to(stages: Stages, config: str) -> None:
    for options in ((), ("--fresh",)):
        assert invoke("run", config, *options).exit_code == 0
        assert stages.fresh == bool(options)


STOPPED = """
import sys, threading, time, types
import dgmm.run
from dgmm.cli import main

def run(configuration, *, observer, fresh):
    if "--fresh" in sys.argv:
        threading.Thread(target=time.sleep, args=(300,)).start()
    try:
        print("running", flush=True)
        time.sleep(300)
    finally:
        print("closing", flush=True)
        time.sleep(1)
        print("closed", flush=True)

dgmm.run.fit_run = sys.modules["dgmm.run.fit_run"] = types.ModuleType("dgmm.run.fit_run")
dgmm.run.fit_run.run = run
main()
"""


@pytest.mark.parametrize(
    ("number", "options"),
    [
        (signal.SIGTERM, ()),
        (signal.SIGINT, ()),
        pytest.param(signal.SIGTERM, ("--fresh",), marks=pytest.mark.slow),
    ],
    ids=["SIGTERM", "SIGINT", "a thread that hangs"],
)
def test_a_signal_ends_a_run_in_order_whatever_follows_it(
    config: str, number: signal.Signals, options: tuple[str, ...]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STOPPED, "run", config, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(number)
        assert process.stdout.readline() == "closing\n"
        for second in (signal.SIGTERM, signal.SIGINT):
            process.send_signal(second)
        assert process.wait(10) == 75
        assert process.stdout.read() == "closed\n"
        said = f"dgmm: stopped by {number.name}; the same command again goes on from here\n"
        assert process.stderr.read() == said


def test_a_failure_for_machines_is_an_object(stages: Stages, config: str) -> None:
    stages.error = DataError("found this,\nexpected that")
    result = invoke("run", config, "--log-format", "json")
    said = json.loads(result.stderr)
    assert said["message"] == "found this, expected that"
    assert (said["level"], said["error"], said["exit_code"]) == ("error", "DataError", 65)
    assert "traceback" not in said


def test_mistakes_for_machines_are_one_object(config: str) -> None:
    result = invoke("validate", config, "--log-format", "json", "--set", "a=1", "--set", "b=2")
    assert result.exit_code == 78
    assert len(json.loads(result.stderr)["message"].splitlines()) == 3
    result = invoke("validate", "--log-format", "json")
    assert json.loads(result.stderr)["exit_code"] == 64


def test_what_would_steer_a_terminal_is_spelled_out() -> None:
    result = invoke("validate", "\x1b[31mnowhere\n")
    assert result.exit_code == 64
    assert "\x1b" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_metrics_are_written_where_they_are_asked_for(stages: Stages, config: str) -> None:
    assert invoke("run", config, "-q", "--metrics", "run.prom").exit_code == 0
    assert stages.metrics == ("results/runs/abc.zarr", "run.prom", {})


def test_a_run_for_machines_is_told_in_records(stages: Stages, config: str) -> None:
    result = invoke("run", config, "--log-format", "json")
    assert result.exit_code == 0
    assert stages.configuration is not None
    events = [json.loads(line)["event"] for line in result.stderr.splitlines()]
    assert events == ["stage_started", "pass_finished", "run_finished"]
    assert json.loads(result.stderr.splitlines()[-1])["run_id"] == "results/runs/abc.zarr"
    assert result.stdout.splitlines()[-1] == "results/runs/abc.zarr"
