"""The pipeline that scores: the published model, on new rows, published, old scores pruned."""

import json

import numpy as np
import pytest
import zarr

import dgmm
from dgmm.run import loads, run
from pipelines.score import main

pytestmark = pytest.mark.usefixtures("folder")

CONFIG = """\
model: out
skipped_exit_code: 99
run:
  input: {path: new.zarr}
  output: {path: scores, assignments: [labels, log_density], report: false}
  cluster: {kind: threads}
"""


def store(path, seed):
    rng = np.random.default_rng(seed)
    rows = np.array([[0, 0], [8, 0]])[rng.integers(0, 2, 400)] + rng.normal(size=(400, 2))
    zarr.create_array(path, data=rows, chunks=(100, 2), overwrite=True)
    return rows


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store("train.zarr", 0)
    store("new.zarr", 1)
    model = "{n_components: 2, covariance_type: spherical, n_init: 1}"
    text = f"""
        input: {{path: train.zarr}}
        model: {model}
        output: {{path: out, report: false}}
        cluster: {{kind: threads}}
        """
    run(loads(text))
    (tmp_path / "score.yaml").write_text(CONFIG)
    return tmp_path


def test_rows_are_scored_by_the_published_model_once(capsys):
    assert main(["score.yaml"]) == 0
    out = capsys.readouterr().out
    assert "400 rows, 0 of them missing; mean log density -3." in out
    model, scored = dgmm.open_result("out"), dgmm.open_result("scores")
    assert out.endswith(f"{scored.path}\n")
    assert scored.attributes["model_run"] == model.path.name.removesuffix(".zarr")
    assert set(scored.assignments) == {"labels", "log_density"}
    expected = model.assign(np.asarray(zarr.open_array("new.zarr", mode="r"))).labels
    np.testing.assert_array_equal(scored.assignments["labels"][:], expected)
    assert main(["score.yaml"]) == 99
    assert capsys.readouterr() == (f"already complete: {scored.path}\n", "")


def test_only_the_newest_scores_are_kept(folder, capsys):
    for seed in (2, 3, 4):
        store("new.zarr", seed)
        assert main(["score.yaml", "--set", "keep=2", "--set", "grace_hours=0"]) == 0
    assert capsys.readouterr().out.splitlines()[-2].endswith("; 1 old scores removed")
    assert len(list((folder / "scores" / "runs").iterdir())) == 2


def test_its_end_is_a_record_for_machines(capsys):
    assert main(["score.yaml", "--log-format", "json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert records[-1]["event"] == "score_finished"
    assert records[-1]["is_new"] is True


def test_a_model_of_its_own_is_refused(capsys):
    assert main(["score.yaml", "--set", "run.model={n_components: 3}"]) == 78
    said = capsys.readouterr().err
    assert "score.yaml: line 3: run: found model, expected none" in said


def test_its_sections_are_taken_as_they_are_written(folder, monkeypatch):
    monkeypatch.setenv("NEW_ROWS", "new.zarr")
    (folder / "score.yaml").write_text(CONFIG.replace("new.zarr", "'${NEW_ROWS}'"))
    assert main(["score.yaml"]) == 0
    stored = dgmm.open_result("scores").attributes["configuration"]
    assert stored["input"]["path"] == "${NEW_ROWS}"
    assert stored["output"]["assignments"] == ["labels", "log_density"]
    assert stored["cluster"]["kind"] == "threads"
    assert stored["model"]["covariance_type"] == ["spherical"]


def test_an_output_without_a_model_ends_with_66(capsys):
    assert main(["score.yaml", "--set", "model=nowhere"]) == 66
    assert "nowhere" in capsys.readouterr().err


def test_without_a_terminal_only_the_result_is_told(capsys):
    assert main(["score.yaml"]) == 0
    assert capsys.readouterr().err == ""
    store("new.zarr", 5)
    assert main(["score.yaml", "--verbose"]) == 0
    assert "assign, pass 1" in capsys.readouterr().err
