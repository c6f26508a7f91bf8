"""The scheduler files of pipelines as schedulers run them: cron, SLURM, Airflow, Prefect.

Minutes, and what pipelines/README.md says to install; run with ``-m slow``.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clusters.slurm import Slurm, missing, running_slurm
from tests.pipelines.homes import ROOT, SCHEDULERS, calls, environment, is_done, real, scripted

pytestmark = pytest.mark.slow

AIRFLOW, PREFECT, KUBERNETES = (ROOT / f".venv-{name}" for name in ("airflow", "prefect", "k8s"))


def needs(place: Path) -> pytest.MarkDecorator:
    reason = f"needs an environment {place.name}: pipelines/README.md says how it is made"
    return pytest.mark.skipif(not place.exists(), reason=reason)


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # for no longer than a test may take
        time.sleep(0.2)


class Airflow:
    """An Airflow whose database is in a directory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.call("db", "migrate", home=folder)

    def call(self, *command: str, home: Path) -> subprocess.CompletedProcess[str]:
        variables = {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(SCHEDULERS),
            "PATH": os.pathsep.join((str(AIRFLOW / "bin"), os.environ["PATH"])),
        }
        return subprocess.run(
            [AIRFLOW / "bin" / "airflow", *command],
            env=environment(home, **variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    def night(self, home: Path) -> tuple[int, str]:
        done = self.call("dags", "test", "dgmm", home=home)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Airflow:
    return Airflow(tmp_path_factory.mktemp("airflow"))


@needs(AIRFLOW)
def test_airflow_tries_again_on_75_and_skips_what_is_not_new(
    airflow: Airflow, tmp_path: Path
) -> None:
    home = scripted(tmp_path, nightly=[75, 0], score=[99])
    code, said = airflow.night(home)
    assert code == 0, said
    assert calls(home) == ["nightly", "nightly", "score"]
    assert "new_state=skipped" in said


@needs(AIRFLOW)
def test_airflow_scores_after_a_night_without_news(airflow: Airflow, tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[99])
    assert airflow.night(home)[0] == 0
    assert calls(home) == ["nightly", "score"]


@needs(AIRFLOW)
def test_airflow_fails_on_65_at_once(airflow: Airflow, tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[65, 0])
    code, said = airflow.night(home)
    assert code == 1
    assert calls(home) == ["nightly"]
    assert "nightly ended with 65, which trying again does not help" in said


@needs(AIRFLOW)
def test_airflow_runs_the_pipelines(airflow: Airflow, tmp_path: Path) -> None:
    home = real(tmp_path)
    code, said = airflow.night(home)
    assert code == 0, said
    assert is_done(home)
    code, said = airflow.night(home)
    assert code == 0, said
    assert said.count("new_state=skipped") == 2


def prefect(home: Path) -> tuple[int, str]:
    """One run of the flow, with a server of its own."""
    done = subprocess.run(
        [PREFECT / "bin" / "python", "-c", "from prefect_flow import nightly; nightly()"],
        env=environment(
            home,
            PREFECT_HOME=str(home / "prefect"),
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="120",
            PYTHONPATH=str(SCHEDULERS),
            PYTHONDONTWRITEBYTECODE="1",
        ),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@needs(PREFECT)
def test_prefect_tries_again_on_75_and_says_what_is_not_new(tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[75, 0], score=[99])
    code, said = prefect(home)
    assert code == 0, said
    assert calls(home) == ["nightly", "nightly", "score"]
    assert "Finished in state Skipped('nothing is new', type=COMPLETED)" in said


@needs(PREFECT)
def test_prefect_fails_on_65_at_once(tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[65, 0])
    code, said = prefect(home)
    assert code == 1
    assert calls(home) == ["nightly"]
    assert "PipelineError: nightly ended with 65" in said


@needs(PREFECT)
def test_prefect_runs_the_pipelines(tmp_path: Path) -> None:
    home = real(tmp_path)
    code, said = prefect(home)
    assert code == 0, said
    assert is_done(home)


def private_mounts() -> bool:
    """Whether a process may see another spool of cron than the machine's."""
    if shutil.which("cron") is None or shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


@pytest.mark.skipif(not private_mounts(), reason="needs Debian's cron, and root")
@pytest.mark.parametrize("is_real", [False, True], ids=["codes", "pipelines"])
def test_cron_runs_one_pipeline_after_the_other(is_real: bool, tmp_path: Path) -> None:
    """A daemon of the test's own, in a spool of its own, on a table for every minute."""
    home, spool = tmp_path / "home", tmp_path / "spool"
    home.mkdir()
    spool.mkdir()
    home = real(home) if is_real else scripted(home, nightly=[75, 0])
    table = (SCHEDULERS / "crontab").read_text().replace("/srv/dgmm", str(home))
    (tmp_path / "crontab").write_text(table.replace("30 2-6 ", "* * "))
    script = f"mount --bind {spool} /var/spool/cron/crontabs && crontab {tmp_path}/crontab"
    daemon = subprocess.Popen(["unshare", "--mount", "sh", "-c", f"{script} && exec cron -f"])
    try:
        if is_real:
            log = home / "logs" / "score.log"
            until(lambda: log.exists() and "900 rows, 0 of them missing" in log.read_text())
            assert is_done(home)
        else:
            until(lambda: len(calls(home)) >= 3)
            assert calls(home) == ["nightly", "nightly", "score"]
        assert daemon.poll() is None
    finally:
        daemon.terminate()
        daemon.wait(10)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running_slurm() as found:
        yield found


def chain(slurm: Slurm, home: Path) -> None:
    """Submit the chain, and wait until no job of it is left."""
    script = str(SCHEDULERS / "slurm_chain.sh")
    submitted = subprocess.run(
        [script],
        env={**slurm.environment, "DGMM_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert len(submitted.stdout.split()) == 2
    until(lambda: not slurm.jobs())


needs_slurm = pytest.mark.skipif(bool(missing()), reason=f"SLURM cannot be started: {missing()}")


@needs_slurm
def test_slurm_runs_the_pipelines(slurm: Slurm, tmp_path: Path) -> None:
    home = real(tmp_path)
    chain(slurm, home)
    logs = "".join(path.read_text() for path in (home / "logs").iterdir())
    assert is_done(home), logs


@needs_slurm
def test_slurm_queues_again_on_75(slurm: Slurm, tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[75, 0])
    chain(slurm, home)
    assert calls(home) == ["nightly", "nightly", "score"]


@needs_slurm
def test_slurm_leaves_out_what_comes_after_a_failure(slurm: Slurm, tmp_path: Path) -> None:
    home = scripted(tmp_path, nightly=[65])
    chain(slurm, home)
    assert calls(home) == ["nightly"]


@needs(KUBERNETES)
def test_kubernetes_knows_every_key() -> None:
    program = KUBERNETES / "bin" / "kubernetes-validate"
    done = subprocess.run(
        [program, "--strict", SCHEDULERS / "kubernetes.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
