"""Arrays of expressions, which Dask makes with a switch and dask-array without, are fitted."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from tests.estimator.containers import __file__ as here

SCRIPT = Path(here).with_name("expressions.py")
ROOT = Path(here).parents[3]


def output_of(*arguments, **environment):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": "", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.mark.parametrize("module", ["dask.array", "dask_array"])
def test_expressions_are_fitted_as_the_same_rows_in_memory(module):
    if find_spec(module) is None:
        pytest.skip("needs dask-array: pip install dask-array")
    done = output_of(str(SCRIPT), module)
    assert (done.returncode, done.stderr[-2000:]) == (0, "")
    assert "_collection is fitted" in done.stdout


def test_a_run_has_the_same_name_and_numbers_with_query_planning(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(300, 2)))
    configuration = tmp_path / "run.yaml"
    configuration.write_text(
        f"input: {{path: {tmp_path}/x.npy}}\n"
        "model: {n_components: 2, covariance_type: full}\n"
        f"output: {{path: {tmp_path}/out, report: false}}\n"
        "cluster: {kind: threads}\n"
    )
    done = output_of("-m", "dgmm", "run", configuration, DASK_ARRAY__QUERY_PLANNING="True")
    assert done.returncode == 0, done.stderr
    again = CliRunner().invoke(command, ["run", str(configuration)])
    assert "already complete" in again.output
