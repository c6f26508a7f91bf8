"""What is written about clusters can be read, and says what the code does."""

import re
from pathlib import Path
from typing import get_args

import pytest

from dgmm.engine.arithmetic.portable import portable_environment
from dgmm.run.clusters.recovery import worker_environment
from dgmm.run.config.cluster_options import Cluster
from dgmm.run.config.configuration import loads

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "clusters.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
ELSEWHERE = (
    "docs/clusters.md",
    "scripts/slurm_allocation.sbatch",
    "scripts/kubernetes/dask-cluster.yaml",
)


def test_there_is_an_example_of_every_kind() -> None:
    found = {re.findall(r"kind: (\w+)", example)[0] for example in EXAMPLES}
    kinds = {get_args(member.model_fields["kind"].annotation)[0] for member in get_args(Cluster)}
    assert found == kinds


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r"kind: (\w+)", text)[0])
def test_an_example_can_be_read(example: str) -> None:
    assert loads(f"input: {{path: a}}\noutput: {{path: b}}\n{example}").cluster.kind in example


@pytest.mark.parametrize("path", ELSEWHERE)
def test_settings_are_the_same_wherever_they_are_written(path: str) -> None:
    pairs = re.findall(
        r"((?:DASK|MALLOC)_[A-Z_]+)[=:] ?\"?([^\"\n]+?)\"?$", (ROOT / path).read_text(), re.M
    )
    written = {name: value for name, value in pairs if "TLS" not in name and "ENCRYPT" not in name}
    wanted = worker_environment()
    del wanted["DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT"]  # of dgmm's own process
    assert written == wanted


def test_variables_of_portable_arithmetic_are_those_of_the_code() -> None:
    pairs = re.findall(
        r"^export ((?:OPENBLAS|NPY|NUMBA)\w+)=\"?([^\"#\n]+?)\"?(?: +#.*)?$", TEXT, re.M
    )
    assert dict(pairs) == portable_environment()
