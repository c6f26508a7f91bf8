"""An Airflow DAG of the nightly pipelines; put it, or a link to it, into the DAGs folder.

DGMM_HOME is a checkout of dgmm with its own environment in .venv; Airflow's needs nothing of dgmm.
"""

import os
from datetime import datetime, timedelta
from typing import Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

HOME = os.environ.get("DGMM_HOME", "/srv/dgmm")
SECONDS_BETWEEN_TRIES = float(os.environ.get("DGMM_RETRY_SECONDS", "900"))
SKIPPED, TRY_AGAIN = 99, 75


class Pipeline(BaseOperator):
    """Runs a pipeline: skipped if nothing is new, tried again on 75, failed on any other code."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.hook = SubprocessHook()

    def execute(self, context: Any) -> None:
        """Run the pipeline and translate its exit code."""
        del context
        name = self.task_id
        command = [f"{HOME}/.venv/bin/python", "-m", f"pipelines.{name}", f"configs/{name}.yaml"]
        options = ["--set", f"skipped_exit_code={SKIPPED}", "--verbose"]
        code = self.hook.run_command([*command, *options], cwd=HOME).exit_code
        if code == SKIPPED:
            raise AirflowSkipException("nothing is new")
        if code == TRY_AGAIN:
            raise AirflowException(f"{name} can be tried again")
        if code != 0:
            raise AirflowFailException(
                f"{name} ended with {code}, which trying again does not help"
            )

    def on_kill(self) -> None:
        """End the pipeline in order; the next try resumes it."""
        self.hook.send_sigterm()


with DAG(
    "dgmm",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": timedelta(seconds=SECONDS_BETWEEN_TRIES)},
):
    (
        Pipeline(task_id="nightly")
        >> Pipeline(task_id="score", trigger_rule="none_failed")  # the same model, other data
    )
