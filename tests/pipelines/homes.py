"""Directories from which schedulers start the jobs of pipelines."""

import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SCHEDULERS = ROOT / "pipelines" / "schedulers"

_STAND_IN = """\
#!/bin/sh
# python -m pipelines.NAME: ends with the codes that the file NAME lists, in turn, and then 0
name=${2#pipelines.}
echo "$name" >> calls
code=$(head -n 1 "$name")
sed -i 1d "$name"
exit "${code:-0}"
"""
_NIGHTLY = """\
run:
  input: {path: tonight.npy}
  model: {n_components: 1:3, covariance_type: spherical, n_init: 1, start_from: results/nightly}
  output: {path: results/nightly, report: false}
  cluster: {kind: threads}
"""
_SCORE = """\
model: results/nightly
run:
  input: {path: other.npy}
  output: {path: results/score, report: false}
  cluster: {kind: threads}
"""


def scripted(folder: Path, **codes: list[int]) -> Path:
    """A home in which pipelines do nothing but end with these codes; `calls` lists their names."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(_STAND_IN)
    python.chmod(0o755)
    for name in ("nightly", "score"):
        (folder / name).write_text("".join(f"{code}\n" for code in codes.get(name, [])))
    (folder / "logs").mkdir()
    return folder


def real(folder: Path) -> Path:
    """A home with the pipelines themselves, small data and small configurations."""
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "pipelines").symlink_to(ROOT / "pipelines")
    (folder / "configs").mkdir()
    (folder / "configs" / "nightly.yaml").write_text(_NIGHTLY)
    (folder / "configs" / "score.yaml").write_text(_SCORE)
    (folder / "logs").mkdir()
    for seed, name in enumerate(("tonight.npy", "other.npy")):
        rng = np.random.default_rng(seed)
        centres = np.array([[0, 0], [9, 0], [0, 9]])[rng.integers(0, 3, 900)]
        np.save(folder / name, centres + rng.normal(size=(900, 2)))
    return folder


def calls(home: Path) -> list[str]:
    """The pipelines that a scripted home was asked for, in their order."""
    path = home / "calls"
    return path.read_text().split() if path.exists() else []


def is_done(home: Path) -> bool:
    """Whether a real home has tonight's model, published, and scores by it."""
    return all((home / "results" / name / "latest.json").exists() for name in ("nightly", "score"))


def environment(home: Path, **others: str) -> dict[str, str]:
    """Variables of a scheduler that waits for seconds where others wait for minutes."""
    return {
        **os.environ,
        "HOME": str(home),
        "DGMM_HOME": str(home),
        "DGMM_RETRY_SECONDS": "1",
        **others,
    }
