"""A SLURM of one machine for tests: everything in one directory, on loopback, for one user.

It needs the programs of Debian's packages ``slurm-wlm`` and ``munge`` and installs nothing. Munge,
controller and node are processes of its own, which end with it.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "munged")

CONFIGURATION = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} {size}
PartitionName=tests Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why there cannot be a SLURM here; empty where there can."""
    absent = [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]
    if absent:
        return f"no {', '.join(absent)}: install Debian's slurm-wlm and munge"
    return "" if os.geteuid() == 0 else "slurmd starts jobs as root alone"


def _path() -> str:
    return os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin"))


@dataclass(frozen=True)
class Slurm:
    """A SLURM that runs."""

    environment: dict[str, str]

    def call(self, *command: str, check: bool = True) -> str:
        """What a command of SLURM prints."""
        done = subprocess.run(
            command, env=self.environment, check=check, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def jobs(self) -> list[str]:
        """The numbers of jobs that wait or run."""
        return self.call("squeue", "--noheader", "--format=%A").split()


@contextmanager
def running_slurm(cpus: int = 4) -> Iterator[Slurm]:
    """Start a SLURM, with as many cores as it is told there are."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="slurm-")))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o600)
        text = CONFIGURATION.format(
            folder=folder,
            user=getuser(),
            host=socket.gethostname().partition(".")[0],
            controller_port=_free_port(),
            node_port=_free_port(),
            size=f"CPUs={cpus} CoresPerSocket={cpus} RealMemory={_half_the_memory()}",
        )
        (folder / "slurm.conf").write_text(text)
        environment = {**os.environ, "PATH": _path(), "SLURM_CONF": str(folder / "slurm.conf")}
        places = [
            f"--{what}={folder}/munge.{what.split('-')[0]}"
            for what in ("socket", "key-file", "pid-file", "log-file", "seed-file")
        ]
        for command in (
            ["munged", "--foreground", "--force", *places],
            ["slurmctld", "-D", "-c"],
            ["slurmd", "-D", "-N", "localhost"],
        ):
            stack.enter_context(_daemon(command, environment, folder))
        slurm = Slurm(environment)
        _until_idle(slurm)
        stack.callback(_no_jobs, slurm)
        yield slurm


def _half_the_memory() -> int:
    return psutil.virtual_memory().total // 2**21  # of it, in MiB


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _daemon(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (
        (folder / f"{command[0]}.out").open("wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _until_idle(slurm: Slurm) -> None:
    deadline = time.monotonic() + 30
    while slurm.call("sinfo", "--noheader", "--format=%t", check=False).strip() != "idle":
        if time.monotonic() > deadline:
            folder = Path(slurm.environment["SLURM_CONF"]).parent
            logs = [path.read_text() for path in sorted(folder.glob("*.out"))]
            raise RuntimeError("\n".join(["SLURM does not start", *logs]))
        time.sleep(0.2)


def _no_jobs(slurm: Slurm) -> None:
    for number in slurm.jobs():
        slurm.call("scancel", number, check=False)
    deadline = time.monotonic() + 30
    while slurm.jobs() and time.monotonic() < deadline:
        time.sleep(0.2)
