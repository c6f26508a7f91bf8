"""Identifiers, conditions and versions of a table, through plan, run and score."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from click.testing import CliRunner

from dgmm import GaussianMixture, open_result
from dgmm.cli import dgmm
from dgmm.run import loads, run, score

deltalake = pytest.importorskip("deltalake", reason="needs deltalake")

N = 1_200


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 2, N)
    return np.where(kind[:, None] == 1, 6.0, 0.0) + rng.normal(size=(N, 2))


@pytest.fixture
def path(tmp_path, rows):
    columns = {
        "a": rows[:, 0],
        "b": rows[:, 1],
        "year": pa.array(np.arange(N) * 3 // N + 2020),
        "cell": [f"cell-{i}" for i in range(N)],
    }
    deltalake.write_deltalake(tmp_path / "t", pa.table(columns), partition_by=["year"])
    return tmp_path / "t"


def configured(folder, path, more="", output="out"):
    return loads(
        f"""
        input:
          path: {path}
          id_columns: [cell, year]
          where: [[year, ">=", 2021]]
          partition_size: 4kB
          {more}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {folder / output}, report: false}}
        cluster: {{kind: threads}}
        """
    )


def test_labels_are_beside_the_identifiers_of_their_rows(tmp_path, path, rows):
    run(configured(tmp_path, path))
    result = open_result(tmp_path / "out")
    ids = result.coordinates["cell"][:]
    assert result.attributes["input_version"] == 0
    assert set(result.coordinates["year"][:]) == {2021, 2022}
    assert sorted(ids) == sorted(f"cell-{i}" for i in range(N // 3, N))
    wanted = rows[[int(name.removeprefix("cell-")) for name in ids]]
    found = result.assignments["labels"][:]
    named = pd.DataFrame(wanted, columns=["a", "b"])
    expected = GaussianMixture.from_zarr(tmp_path / "out").predict(named)
    np.testing.assert_array_equal(found, expected)


def test_a_version_that_is_named_is_read_again_when_there_are_others(tmp_path, path):
    first = run(configured(tmp_path, path, "version: 0"))
    deltalake.DeltaTable(path).delete("a > 3")
    again = run(configured(tmp_path, path, "version: 0"))
    assert (again.path, again.already_complete) == (first.path, True)
    score(open_result(tmp_path / "out"), configured(tmp_path, path, output="scored"))
    scored = open_result(tmp_path / "scored")
    live = deltalake.DeltaTable(path).to_pyarrow_table().to_pandas().query("year >= 2021")
    assert sorted(scored.coordinates["cell"][:]) == sorted(live["cell"])
    assert scored.attributes["input_version"] == 1


def test_a_plan_says_which_version(tmp_path, path):
    (tmp_path / "c.yaml").write_text(
        f"input: {{path: {path}}}\nmodel: {{n_components: 1}}\n"
        f"output: {{path: {tmp_path}/out, report: false}}\n"
    )
    outcome = CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")])
    assert outcome.exit_code == 0
    assert "Delta Lake version 0, 3 file(s)" in outcome.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("where: [year, '>=', 2021]", "expected a condition such as"),
        ("where: [[year, ~, 2021]]", "expected a condition such as"),
        ("where: [[year, in, 2021]]", "expected a condition such as"),
        ("id_columns: labels", "labels"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, path, more, said):
    text = f"input: {{path: {path}, {more}}}\nmodel: {{n_components: 1}}\noutput: {{path: out}}\n"
    (tmp_path / "c.yaml").write_text(text)
    outcome = CliRunner().invoke(dgmm, ["plan", str(tmp_path / "c.yaml")])
    assert outcome.exit_code == 78
    assert said in outcome.output
