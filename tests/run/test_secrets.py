"""A secret in the environment is used, and found nowhere afterwards."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from tests.run.victim import interrupt

CANARY = "c4n4ry-in-a-c0al-m1ne"


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A run whose every path goes through the secret."""
    monkeypatch.setenv("CANARY", CANARY)
    rows = np.random.default_rng(0).normal(size=(60, 2))
    array = zarr.create_array(
        str(tmp_path / CANARY / "x.zarr" / CANARY), shape=rows.shape, dtype="f8", chunks=(20, 2)
    )
    array[...] = rows
    zarr.create_group(str(tmp_path / CANARY / "x.zarr"), overwrite=False)
    path = tmp_path / "run.yaml"
    path.write_text(
        f"input: {{path: '{tmp_path}/${{CANARY}}/x.zarr', variable: '${{CANARY}}'}}\n"
        "model: {n_components: '1:2', covariance_type: diag, n_init: 2}\n"
        f"output: {{path: '{tmp_path}/out', assignments: [labels, log_density]}}\n"
        "cluster: {kind: threads, threads: 1}\n"
    )
    return path


def outputs(tmp_path):
    return [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def assert_nothing_told(*texts):
    for text in texts:
        content = text if isinstance(text, bytes) else text.encode()
        assert CANARY.encode() not in content


def invoke(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)), prog_name="dgmm")


@pytest.mark.parametrize(
    "options",
    [("-v",), ("-v", "--log-format", "json"), pytest.param(("--quiet",), marks=pytest.mark.slow)],
)
def test_a_run_tells_no_secret(config, tmp_path, options):
    result = invoke(
        "run", config, "--debug", *options, "--set", f"output.path={tmp_path}/out/${{CANARY}}"
    )
    assert result.exit_code == 0, result.stderr
    files = outputs(tmp_path)
    assert len(files) > 20
    assert "report.html" in {path.name for path in files}
    assert_nothing_told(result.output, *(path.read_bytes() for path in files))
    assert "/out/${CANARY}/runs/" in result.stdout
    root = next(
        path for path in files if path.parent.parent.name == "runs" and path.name == "zarr.json"
    )
    stored = json.loads(root.read_text())["attributes"]["configuration"]
    assert stored["input"]["variable"] == "${CANARY}"


@pytest.mark.parametrize("name", ["plan", "validate"])
def test_what_is_said_before_a_run_tells_no_secret(config, name):
    result = invoke(name, config, "--debug")
    assert result.exit_code == 0
    assert_nothing_told(result.output)


@pytest.mark.parametrize("stage", ["search", "fit", "assign"])
def test_what_an_interrupted_run_leaves_tells_no_secret(config, tmp_path, stage):
    interrupt(config.read_text(), stage)
    files = outputs(tmp_path)
    assert {"profile", "runs"} <= {path.name for path in files if "attempts" in path.parts}
    assert_nothing_told(*map(str, files), *(path.read_bytes() for path in files))


def damaged(config):
    chunk = next((config.parent / CANARY).rglob("c/1/0"))
    chunk.write_bytes(b"damaged")


def not_finite(config):
    stored = next((config.parent / CANARY).rglob("c")).parent
    zarr.open_array(str(stored), mode="r+")[30, 1] = np.nan


URL = "s3://user:{secret}@bucket/x.zarr"
FAILURES = {
    "nothing there": ((), ["input.path=${CANARY}/nothing.zarr"], 66),
    "a secret in a URL": ((), [f"input.path={URL.format(secret='${CANARY}')}"], 78),
    "a secret written in a URL": ((), [f"input.path={URL.format(secret=CANARY)}"], 78),
    "a secret in an option": ((), ["input.storage_options={secret: '${CANARY}'}"], 78),
    "a secret written in an option": (
        (),
        [f"output.storage_options={{client_kwargs: {{aws_secret_access_key: {CANARY}}}}}"],
        78,
    ),
    "a secret and a list in options": ((), [f"input.storage_options={{a: [1], b: {CANARY}}}"], 78),
    "a secret for options": ((), [f"input.storage_options={CANARY}"], 78),
    "no such variable": ((), ["input.variable=${CANARY}/no"], 78),
    "of no format": ((), ["input.path=${CANARY}"], 66),
    "a damaged chunk": ((damaged,), [], 74),
    "not finite": ((not_finite,), [], 65),
    "no scheduler": (
        (),
        ["cluster={kind: address, address: '${CANARY}.invalid:1', timeout: 0.2, insecure: true}"],
        75,
    ),
    "no file of a scheduler": (
        (),
        ["cluster={kind: address, scheduler_file: '${CANARY}', timeout: 0.1}"],
        75,
    ),
    "an unknown package": ((), ["input.path=package://${CANARY}/x.npy"], 66),
    "a wrong value": ((), ["model.criterion=${CANARY}", "model.n_init=${CANARY}"], 78),
    "an output in the way": ((), ["output.path=/dev/null/${CANARY}"], 73),
}


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_tells_no_secret(config, name, log_format, tmp_path):
    faults, overrides, code = FAILURES[name]
    for fault in faults:
        fault(config)
    options = [option for override in overrides for option in ("--set", override)]
    result = invoke("run", config, "--debug", "-v", "--log-format", log_format, *options)
    assert result.exit_code == code, result.output
    assert_nothing_told(result.output, *(path.read_bytes() for path in outputs(tmp_path)))
    if log_format == "json":
        said = [json.loads(line) for line in result.stderr.splitlines()]
        assert said[-1]["exit_code"] == code
        assert said[-1]["traceback"].startswith("Traceback")


def test_workers_of_their_own_tell_no_secret(config, tmp_path):
    damaged(config)
    options = ("--debug", "-v", "--log-format", "json", "--set", "cluster={workers: 1}")
    done = subprocess.run(
        [sys.executable, "-m", "dgmm", "run", str(config), *options],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 74, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert "cannot be read" in said[-1]["message"]
    assert_nothing_told(
        done.stdout, done.stderr, *(path.read_bytes() for path in outputs(tmp_path))
    )
