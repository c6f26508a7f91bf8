"""The scheduler files of pipelines as they are written: short, and of one mind about exit codes."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dgmm import errors
from tests.pipelines.homes import ROOT, SCHEDULERS, scripted

FILES = sorted(
    path for path in SCHEDULERS.rglob("*") if path.is_file() and "__pycache__" not in path.parts
)
TRY_AGAIN = errors.TemporaryError.exit_code
FINAL = {
    error.exit_code
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.DgmmError)
} - {TRY_AGAIN}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_face_is_thin_and_the_readme_tells_how_to_use_it(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
    assert path.name in (ROOT / "pipelines" / "README.md").read_text()


@pytest.mark.parametrize("name", ["airflow_dag.py", "prefect_flow.py"])
def test_programs_know_the_codes_that_are_no_failure(name: str) -> None:
    assert f"SKIPPED, TRY_AGAIN = 99, {TRY_AGAIN}\n" in (SCHEDULERS / name).read_text()


def test_kubernetes_ends_a_job_on_every_code_but_that_of_another_try() -> None:
    job: Any = YAML(typ="safe").load((SCHEDULERS / "kubernetes.yaml").read_text())
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    inner = job["spec"]["jobTemplate"]["spec"]
    assert inner["template"]["spec"]["restartPolicy"] == "Never"  # podFailurePolicy wants it
    rules = {rule["action"]: rule for rule in inner["podFailurePolicy"]["rules"]}
    assert set(rules["FailJob"]["onExitCodes"]["values"]) == FINAL
    assert "DisruptionTarget" in str(rules["Ignore"])


def test_so_does_systemd() -> None:
    unit = (SCHEDULERS / "systemd" / "dgmm.service").read_text()
    found = re.search("^RestartPreventExitStatus=(.*)$", unit, re.M)
    assert found is not None
    assert {int(code) for code in found[1].split()} == FINAL
    assert "Restart=on-failure" in unit


def test_slurm_queues_a_job_again_on_that_code_alone() -> None:
    script = SCHEDULERS / "slurm_chain.sh"
    assert f"[ $code -eq {TRY_AGAIN} ]" in script.read_text()
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0


def test_systemd_understands_its_units(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze, of systemd")
    home = scripted(tmp_path / "home")
    for name in ("dgmm.service", "dgmm.timer"):
        text = (SCHEDULERS / "systemd" / name).read_text()
        text = text.replace("/srv/dgmm", str(home)).replace("User=dgmm", "User=root")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [program, "verify", "dgmm.service", "dgmm.timer"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
