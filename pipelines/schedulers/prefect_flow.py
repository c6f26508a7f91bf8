"""A Prefect flow of the nightly pipelines: ``python prefect_flow.py`` serves it every night.

DGMM_HOME is a checkout of dgmm with its own environment in .venv; Prefect's needs nothing of dgmm.
"""

import os
import subprocess
from typing import Any

from prefect import flow, task
from prefect.states import Completed, State

HOME = os.environ.get("DGMM_HOME", "/srv/dgmm")
SECONDS_BETWEEN_TRIES = float(os.environ.get("DGMM_RETRY_SECONDS", "900"))
SKIPPED, TRY_AGAIN = 99, 75


class PipelineError(RuntimeError):
    """A pipeline ended with an exit code other than 0."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended with {code}")
        self.code = code


def _is_temporary(task: Any, run: Any, state: State) -> bool:
    """Whether a retry may help."""
    del task, run
    error = state.result(raise_on_failure=False)
    return isinstance(error, PipelineError) and error.code == TRY_AGAIN


@task(
    task_run_name="{name}",
    retries=5,
    retry_delay_seconds=SECONDS_BETWEEN_TRIES,
    retry_condition_fn=_is_temporary,
)
def pipeline(name: str) -> State:
    """Run a pipeline; completed as "Skipped" if nothing is new."""
    command = [f"{HOME}/.venv/bin/python", "-m", f"pipelines.{name}", f"configs/{name}.yaml"]
    options = ["--set", f"skipped_exit_code={SKIPPED}"]
    code = subprocess.run([*command, *options], cwd=HOME, check=False).returncode
    if code not in (0, SKIPPED):
        raise PipelineError(name, code)
    return Completed(name="Skipped", message="nothing is new") if code else Completed()


@flow(name="dgmm")
def nightly() -> None:
    """Fit tonight's data, then score other data by the same model."""
    pipeline("nightly")
    pipeline("score")


if __name__ == "__main__":
    nightly.serve(name="dgmm", cron="30 2 * * *", limit=1)
