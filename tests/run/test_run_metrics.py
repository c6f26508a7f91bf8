"""A run in numbers, for programs that watch it."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from dgmm import open_result
from dgmm.cli import dgmm
from dgmm.run.run_metrics import collect_metrics, write_metrics

LINE = re.compile(r'dgmm_run_(\w+)\{output="([^"]*)"(?:,([^}]*))?\} (\S+)')


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("metrics")
    rng = np.random.default_rng(0)
    np.save(home / "x.npy", rng.normal(size=(300, 2)) + 8 * rng.integers(0, 2, size=(300, 1)))
    (home / "x.yaml").write_text(f"""
input: {{path: {home}/x.npy}}
model: {{n_components: 2, covariance_type: full}}
output: {{path: {home}/out, assignments: [labels, log_density], report: false}}
cluster: {{kind: threads}}
""")
    return home


def test_the_last_event_has_the_metrics_and_so_has_the_file(home):
    metrics = home / "made" / "x.prom"
    command = ["run", str(home / "x.yaml"), "--log-format", "json", "--metrics", str(metrics)]
    done = CliRunner().invoke(dgmm, command)
    assert done.exit_code == 0, done.output
    last = json.loads(done.stderr.splitlines()[-1])
    result = open_result(home / "out")
    expected = result.assignments["log_density"][...].mean()
    assert last["event"] == "run_finished"
    facts = {"run_id": result.path.stem, "rows": 300, "features": 2, "components": 2}
    assert last.items() >= {**facts, "missing_rows": 0, "held_back": 0, "drift": None}.items()
    assert last["log_likelihood_per_row"] == pytest.approx(expected, rel=1e-9)
    assert last["stage_seconds"].keys() >= {"profile", "fit"}

    lines = [line for line in metrics.read_text().splitlines() if not line.startswith("#")]
    found = {(m[1], m[3]): m[4] for m in map(LINE.fullmatch, lines)}
    assert {line for line in lines if f'output="{home}/out"' not in line} == set()
    assert float(found["rows", None]) == 300
    assert float(found["log_likelihood_per_row", None]) == last["log_likelihood_per_row"]
    assert ("stage_duration_seconds", 'stage="profile"') in found
    info = f'run_id="{result.path.stem}",model="full-2",drift=""'
    assert found["info", info] == "1"
    assert metrics.read_text().endswith("# EOF\n")


def test_a_file_is_replaced_whole(home, tmp_path):
    if not (home / "out").exists():
        CliRunner().invoke(dgmm, ["run", str(home / "x.yaml"), "-q"])
    path = tmp_path / "x.prom"
    path.write_text("old")
    write_metrics(str(home / "out"), path)
    assert path.read_text().startswith("# HELP dgmm_run_rows Rows of the input.")
    assert list(tmp_path.iterdir()) == [path]
    assert collect_metrics(str(home / "out"))["model"] == "full-2"
