"""A batch system of a few lines: commands of SLURM, PBS, LSF and SGE that keep their jobs in files.

It stands where none can be installed. Jobs are kept as they were submitted; they run, each in a
session of its own, where the test says so.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

SUBMIT = """#!/bin/sh
jobs={jobs}
if [ -e "$jobs/refuse" ]; then cat "$jobs/refuse" >&2; touch "$jobs/refused"; exit 1; fi
number=1
until mkdir "$jobs/$number" 2> /dev/null; do number=$((number + 1)); done
cat "${{1:-/dev/stdin}}" > "$jobs/$number.script"
if [ -e "$jobs/run" ]; then
    setsid sh "$jobs/$number.script" > "$jobs/$number.log" 2>&1 < /dev/null &
    echo $! > "$jobs/$number.pid"
fi
echo "Your job <$number> is submitted"
"""
CANCEL = """#!/bin/sh
touch {jobs}/$1.cancelled
[ ! -e {jobs}/$1.pid ] || kill -KILL -- "-$(cat {jobs}/$1.pid)"
"""
STATUS = """#!/bin/sh
echo "$0 $*: waits for the night" | sed 's|.*/||'
"""
COMMANDS = {
    SUBMIT: ("sbatch", "qsub", "bsub"),
    CANCEL: ("scancel", "qdel", "bkill"),
    STATUS: ("squeue", "qstat", "bjobs"),
}


@dataclass(frozen=True)
class FakeBatch:
    """What was submitted, and what becomes of it."""

    jobs: Path

    @classmethod
    def on_path(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "FakeBatch":
        """Put the commands where a shell finds them first."""
        jobs, commands = folder / "jobs", folder / "bin"
        jobs.mkdir()
        commands.mkdir()
        for text, names in COMMANDS.items():
            for name in names:
                (commands / name).write_text(text.format(jobs=jobs))
                (commands / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
        return cls(jobs)

    def run_jobs(self) -> None:
        (self.jobs / "run").touch()

    def refuse(self, why: str) -> None:
        (self.jobs / "refuse").write_text(why)

    def has_refused(self) -> bool:
        return (self.jobs / "refused").exists()

    def accept(self) -> None:
        (self.jobs / "refuse").unlink()

    def scripts(self) -> list[str]:
        """The job scripts, in the order of their numbers."""
        found = sorted(self.jobs.glob("*.script"), key=lambda path: int(path.stem))
        return [path.read_text() for path in found]

    def cancelled(self) -> list[int]:
        return sorted(int(path.stem) for path in self.jobs.glob("*.cancelled"))

    def kill(self, number: int) -> None:
        """End a job as its node would: all of its processes at once."""
        os.killpg(int((self.jobs / f"{number}.pid").read_text()), signal.SIGKILL)

    def end(self) -> None:
        """Leave nothing running, whatever a test did."""
        for path in self.jobs.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.killpg(int(path.read_text()), signal.SIGKILL)
