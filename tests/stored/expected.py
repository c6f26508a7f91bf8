"""What is stored, the numbers that must come back, and the command that is tried on it."""

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from dgmm.cli import dgmm as command

BUILD = "a272456"
ARCHIVE = Path(__file__).with_name(f"{BUILD}.tar.xz")
EXPECTED = json.loads(ARCHIVE.with_name(f"{BUILD}.json").read_text())
NIGHT_4 = "package://stored_inputs/night4.npy"
ON_THREADS = ("--set", "cluster={kind: threads, threads: 1}")


def dgmm(*arguments):
    """Invoke the command."""
    return CliRunner().invoke(command, [*map(str, arguments)], prog_name="dgmm")


def rows_of(name):
    """An input, in memory."""
    return np.load(f"stored_inputs/{name}.npy")


def files(folder):
    """Every file, with what would be other if it were written again."""
    found = (path for path in Path(folder).rglob("*") if path.is_file())
    stats = {path: path.stat() for path in found if path.name != ".lock"}
    return {path: (stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats.items()}
