"""Jobs of a batch system that record why they were refused, and are replaced when lost."""

import logging
import time

from distributed.core import Status
from distributed.deploy import Adaptive

logger = logging.getLogger(__name__)

CHECK_EVERY = 5.0  # seconds
LOST_AFTER = 30.0  # seconds without a worker; the nanny of a running job restarts one sooner


def track_jobs(job_class: type) -> type:
    """A subclass of a job class of dask-jobqueue that records what happened to each job.

    Its jobs have two attributes more: ``refusal``, what the batch system said when it did not
    accept the job, empty where it did; and ``last_seen``, when the job last had a worker or was
    refused, in monotonic seconds, None where neither has happened.
    """

    class WatchedJob(job_class):
        refusal: str = ""
        last_seen: float | None = None

        async def start(self) -> None:
            """Submit the job."""
            try:
                await super().start()
            except (RuntimeError, ValueError) as error:
                self.refusal = _scheduler_message(str(error))
                self.last_seen = time.monotonic()
                self.status = Status.running  # the cluster counts it until it is replaced
                logger.warning("A job was refused: %s", self.refusal)

    return WatchedJob


class MaintainSize(Adaptive):
    """Submits a new job for each lost or refused one.

    Dask's own rule replaces neither jobs of several processes nor refused ones, and it counts on
    ``distributed.deploy.lost-worker-timeout``, which must be long for nannies to do their work.
    """

    async def adapt(self) -> None:
        """Look at every job once."""
        now = time.monotonic()
        workers = [str(w["name"]) for w in self.cluster.scheduler_info["workers"].values()]
        lost = []
        for name, job in self.cluster.workers.items():
            if any(worker == name or worker.startswith(f"{name}-") for worker in workers):
                job.last_seen = now
            elif job.last_seen is not None and now - job.last_seen > LOST_AFTER:
                lost.append(name)
        if lost:
            logger.warning("Submitting %d job(s) again; they were lost or refused.", len(lost))
            await self.cluster.scale_down(lost)
            self.cluster.scale(self.minimum)


def _scheduler_message(message: str) -> str:
    """The batch system's message in an error of dask-jobqueue, on one line."""
    _, _, said = message.partition("stdout:")
    words = [word for word in said.split() if word != "stderr:"]
    return " ".join(words or message.split())
