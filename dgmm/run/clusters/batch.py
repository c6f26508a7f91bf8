"""Workers in jobs of a batch system: SLURM, PBS, LSF, SGE, through dask-jobqueue."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import dask
import distributed

from dgmm.errors import ConfigurationError
from dgmm.run.clusters.extras import require
from dgmm.run.clusters.jobs import CHECK_EVERY, MaintainSize, track_jobs
from dgmm.run.clusters.recovery import worker_environment
from dgmm.run.clusters.security import write_credentials
from dgmm.run.clusters.waiting import AGAIN, wait_for_workers
from dgmm.run.config.cluster_options import BatchCluster

EXTRA = "jobqueue"

# Keys that are not dask-jobqueue's, or not by the same name.
_OWN_KEYS = {"kind", "jobs", "prologue", "shared_directory", "insecure"}
_OWN_KEYS |= {"timeout", "progress_timeout", "keep_blocks", "arithmetic"}
_STATUS_TIMEOUT = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class _System:
    """A batch system.

    Attributes
    ----------
    name : str
    cluster : str
        The class of dask-jobqueue.
    status : tuple of str
        The command that says why jobs wait; their numbers follow.
    separator : str or None
        Between those numbers; None where each is an argument.
    """

    name: str
    cluster: str
    status: tuple[str, ...]
    separator: str | None = None


_SYSTEMS = {
    "slurm": _System("SLURM", "SLURMCluster", ("squeue", "-h", "-o", "%i %T %r", "-j"), ","),
    "pbs": _System("PBS", "PBSCluster", ("qstat", "-s")),
    "lsf": _System("LSF", "LSFCluster", ("bjobs", "-p")),
    "sge": _System("SGE", "SGECluster", ("qstat", "-j"), ","),
}


@contextmanager
def batch_client(cluster: BatchCluster) -> Iterator[distributed.Client]:
    """Submit jobs, replace lost ones, and cancel them at the end.

    Raises
    ------
    ConfigurationError
        If jobs cannot be submitted from here, or their size is not known.
    MissingExtraError
        If dask-jobqueue is not installed.
    TemporaryError
        If no job is accepted, or no worker comes in time; with the reason of the batch system.
    """
    jobqueue = require("dask_jobqueue", cluster.kind, EXTRA)
    system = _SYSTEMS[cluster.kind]
    with ExitStack() as stack:
        arguments = _arguments(cluster)
        if not cluster.insecure:
            secrets = write_credentials(cluster.kind, EXTRA, _shared_directory(cluster))
            arguments["security"] = stack.enter_context(secrets)
        jobs = stack.enter_context(
            _start_cluster(system, getattr(jobqueue, system.cluster), arguments)
        )
        client = stack.enter_context(distributed.Client(jobs, set_as_default=False))
        jobs.scale(jobs=cluster.jobs)
        jobs.adapt(
            MaintainSize, minimum_jobs=cluster.jobs, maximum_jobs=cluster.jobs, interval=CHECK_EVERY
        )
        wait_for_workers(
            client,
            1,
            cluster.timeout,
            reason=lambda: _reason(system, jobs),
            is_hopeless=lambda: _all_refused(jobs),
        )
        yield client


def _arguments(cluster: BatchCluster) -> dict[str, Any]:
    """Arguments for dask-jobqueue; it reads everything else from Dask's own configuration."""
    section = f"jobqueue.{cluster.kind}"
    given = cluster.model_dump(exclude=_OWN_KEYS, exclude_none=True)
    for key in ("cores", "memory"):
        if key not in given and dask.config.get(f"{section}.{key}") is None:
            raise ConfigurationError(
                f"found no {key} of a job, expected cluster.{key}, "
                f"or {section}.{key} in Dask's configuration"
            )
    variables = worker_environment(cluster.arithmetic).items()
    exports = [f"export {name}={shlex.quote(text)}" for name, text in variables]
    prologue = cluster.prologue or dask.config.get(f"{section}.job-script-prologue")
    extra = dask.config.get(f"{section}.worker-extra-args")
    return {
        **given,
        "job_script_prologue": [*prologue, *exports],
        "worker_extra_args": [*extra, "--dashboard-address", "127.0.0.1:0"],
        "scheduler_options": {
            "dashboard_address": "127.0.0.1:0",
            **dask.config.get(f"{section}.scheduler-options"),
        },
    }


def _shared_directory(cluster: BatchCluster) -> str:
    configured = dask.config.get(f"jobqueue.{cluster.kind}.shared-temp-directory")
    return os.path.expandvars(os.path.expanduser(cluster.shared_directory or configured or "."))


@contextmanager
def _start_cluster(system: _System, cluster_class: Any, arguments: dict[str, Any]) -> Iterator[Any]:
    command = cluster_class.job_cls.submit_command
    if shutil.which(shlex.split(command)[0]) is None:
        raise ConfigurationError(
            f"found no {command} on this host, expected the command of {system.name}; "
            "run where jobs can be submitted"
        )
    try:
        jobs = cluster_class(job_cls=track_jobs(cluster_class.job_cls), **arguments)
    except (ValueError, RuntimeError, OSError) as error:
        raise ConfigurationError(f"cannot prepare jobs for {system.name}: {error}") from error
    with jobs:
        yield jobs


def _all_refused(jobs: Any) -> bool:
    refusals = [job.refusal for job in list(jobs.workers.values())]
    return bool(refusals) and all(refusals)


def _reason(system: _System, jobs: Any) -> str:
    """Why there are no workers, in the words of the batch system."""
    known = list(jobs.workers.values())
    says = list(dict.fromkeys(job.refusal for job in known if job.refusal))
    numbers = sorted((job.job_id for job in known if job.job_id), key=lambda n: (len(n), n))
    if numbers:
        says.append(_status(system, numbers))
    script = "\n  ".join(filter(None, jobs.job_script().splitlines()))
    return f"{system.name} says: {'; '.join(says)}; check it, {AGAIN}; the job script:\n  {script}"


def _status(system: _System, numbers: list[str]) -> str:
    joined = numbers if system.separator is None else [system.separator.join(numbers)]
    try:
        done = subprocess.run(
            [*system.status, *joined], capture_output=True, text=True, timeout=_STATUS_TIMEOUT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return " ".join((done.stdout or done.stderr).split()) or f"job {' '.join(numbers)} has ended"
