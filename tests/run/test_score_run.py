"""A stored model applied to other data, by the command and from Python."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner

import dgmm
from dgmm.cli import dgmm as command
from dgmm.errors import DataError
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.mixture.transform import FeatureTransform
from dgmm.report import summary
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for
from dgmm.run.score_run import score as apply_model

MODEL = "model: {n_components: 3, covariance_type: full, n_init: 2}"


def clumps(seed, n_rows=3_000):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n_rows)
    return np.array([[0, 0], [8, 0], [0, 8]])[labels] + rng.normal(size=(n_rows, 2))


def store(path, rows):
    zarr.create_array(path, data=rows, chunks=(350, 2))
    return path


@pytest.fixture(scope="module", params=["plain", "prepared"])
def found(request, tmp_path_factory):
    """The output of a run that fitted three clumps, with rows missing."""
    folder = tmp_path_factory.mktemp(request.param)
    rows = clumps(0)
    rows[::11, 0] = np.nan
    prepare = "prepare: {scale: standardize, pca: 2}" if request.param == "prepared" else ""
    text = f"""
        input: {{path: {store(folder / "train.zarr", rows)}, missing: drop}}
        {prepare}
        {MODEL}
        output: {{path: {folder / "out"}, assignments: [labels, log_density, outlier],
                 report: false}}
        cluster: {{kind: threads}}
        """
    run(loads(text))
    return folder / "out"


def score(*arguments):
    return CliRunner().invoke(
        command, ["score", *map(str, arguments), "--set", "cluster.kind=threads"]
    )


def test_other_rows_are_assigned_by_the_stored_model_alone(found, tmp_path):
    rows = clumps(1)
    rows[5] = np.nan
    path = store(tmp_path / "new.zarr", rows)
    outcome = score(found, path, "--output", tmp_path / "scores")
    assert outcome.exit_code == 0, outcome.output
    assert "3,000 rows, 1 of them missing" in outcome.output
    model, scored = open_result(found), dgmm.open_result(tmp_path / "scores")
    whole = ~np.isnan(rows).any(axis=1)
    ours = assign(model.model, rows[whole], model.transform)
    np.testing.assert_array_equal(scored.assignments["labels"][:][whole], ours.labels)
    np.testing.assert_array_equal(scored.assignments["log_density"][:][whole], ours.log_density)
    outliers = scored.assignments["outlier"][:]
    np.testing.assert_array_equal(outliers[whole], ours.log_density < model.outlier_threshold)
    assert (scored.assignments["labels"][5], outliers[5]) == (-1, -1)
    facts = scored.attributes
    assert facts["kind"] == "score"
    assert facts["model_run"] == model.path.name.removesuffix(".zarr")
    assert (facts["n_samples"], facts["n_missing"]) == (3_000, 1)
    np.testing.assert_allclose(facts["mean_log_density"], ours.log_density.mean(), rtol=1e-12)
    np.testing.assert_allclose(scored.components.mean.mean(axis=0), [8 / 3, 8 / 3], atol=0.2)
    np.testing.assert_array_equal(scored.model.means, model.model.means)
    assert xarray.open_datatree(scored.path, engine="zarr")["assignments/labels"].size == 3_000
    told = summary.describe_run(scored)
    assert f"which the run {facts['model_run']} had fitted, was applied to 2,999 rows of" in told
    assert "rows" not in summary.tabulate_components(scored, None).header
    direct = model.assign(rows[whole])
    np.testing.assert_array_equal(direct.labels, ours.labels)
    for wrong in (rows[0], rows[None], np.zeros((5, 3))):
        with pytest.raises(DataError, match=r"have shape .*; expected \(number of rows, 2\)"):
            model.assign(wrong)
    with pytest.raises(DataError, match="dtype <U1"):
        model.assign(np.array([["a", "b"]]))


def test_the_same_command_again_finds_it_complete_and_new_data_another(found, tmp_path):
    path = store(tmp_path / "new.zarr", clumps(2))
    first = score(found, path, "--output", tmp_path / "scores", "-q")
    again = score(found, path, "--output", tmp_path / "scores", "-q")
    assert first.exit_code == again.exit_code == 0
    assert again.output == f"already complete: {first.output}"
    other = store(tmp_path / "newer.zarr", clumps(3))
    assert score(found, other, "--output", tmp_path / "scores", "-q").exit_code == 0
    assert len(Output(tmp_path / "scores").runs()) == 2
    listed = CliRunner().invoke(command, ["runs", str(tmp_path / "scores")])
    assert listed.exit_code == 0
    assert listed.output.count("score") == 2
    pruned = CliRunner().invoke(
        command, ["runs", str(tmp_path / "scores"), "--prune", "--keep=1", "--grace=0"]
    )
    assert (pruned.exit_code, pruned.output.count("removed")) == (0, 1)


def test_a_score_for_machines_is_told_in_records(found, tmp_path):
    arguments = [found, store(tmp_path / "x.zarr", clumps(9)), "--output", tmp_path / "scores"]
    done = score(*arguments, "--log-format", "json")
    assert done.exit_code == 0
    records = [json.loads(line) for line in done.stderr.splitlines()]
    events = [record["event"] for record in records if "event" in record]
    assert events[:2] == ["stage_started", "pass_finished"]
    assert events[-1] == "score_finished"
    scored = open_result(tmp_path / "scores")
    assert (records[-1]["path"], records[-1]["n_rows"]) == (str(scored.path), 3_000)
    assert records[-1]["mean_log_density"] == scored.attributes["mean_log_density"]


def test_the_fault_of_a_score_is_told_as_that_of_a_run_is(found, tmp_path):
    arguments = [found, tmp_path / "nothing.zarr", "--output", tmp_path / "scores"]
    for_machines = json.loads(score(*arguments, "--log-format", "json").stderr)
    assert (for_machines["error"], for_machines["exit_code"]) == ("InputNotFoundError", 66)
    assert "Traceback" in score(*arguments, "--debug").stderr
    assert "Traceback" not in score(*arguments).stderr


def test_data_with_other_features_are_refused_by_name(found, tmp_path):
    path = tmp_path / "wide.zarr"
    zarr.create_array(path, data=np.zeros((10, 3)))
    outcome = score(found, path, "--output", tmp_path / "scores")
    assert outcome.exit_code == DataError.exit_code
    assert "have the features x0, x1, x2" in outcome.output
    assert "fitted to x0, x1" in outcome.output
    assert not (tmp_path / "scores").exists()


def test_infinite_values_are_named_by_their_row(found, tmp_path):
    rows = clumps(4)
    rows[100] = np.nan
    rows[2_345, 1] = np.inf
    outcome = score(found, store(tmp_path / "x.zarr", rows), "--output", tmp_path / "scores")
    assert outcome.exit_code == DataError.exit_code
    assert "Row 2345 has a value that is NaN or infinite" in outcome.output


def test_missing_rows_are_refused_where_the_run_was_told_so(found, tmp_path):
    rows = clumps(5)
    rows[77, 0] = np.nan
    path = store(tmp_path / "x.zarr", rows)
    outcome = score(found, path, "--output", tmp_path / "scores", "--set", "input.missing=error")
    assert outcome.exit_code == DataError.exit_code
    assert "Row 77 has a value that is NaN" in outcome.output


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--keep", "3"], "--prune needs --keep"),
        (["--prune"], "--prune needs --keep"),
        (["--dry-run"], "--prune needs --keep"),
        (["--show", "nothing"], "no run 'nothing'"),
    ],
)
def test_runs_says_what_it_needs(found, arguments, text):
    outcome = CliRunner().invoke(command, ["runs", str(found), *arguments])
    assert outcome.exit_code in (64, 66)
    assert text in outcome.output


def test_one_run_is_shown_with_its_configuration(found):
    run_id = Output(found).runs()[0].run_id
    outcome = CliRunner().invoke(command, ["runs", str(found), "--show", run_id[:6]])
    assert outcome.exit_code == 0
    assert run_id in outcome.output
    assert '"covariance_type"' in outcome.output


def test_rows_too_far_for_float64_are_named(found, tmp_path):
    rows = clumps(6)
    rows[100] = np.nan
    rows[2_345, 1] = np.finfo(np.float64).max
    outcome = score(found, store(tmp_path / "x.zarr", rows), "--output", tmp_path / "scores")
    assert outcome.exit_code == DataError.exit_code
    assert "Row 2345 is so far from all components" in outcome.output


@pytest.mark.parametrize("weight", [np.nan, -1.0])
def test_weights_that_are_none_are_named_by_their_row(found, tmp_path, weight):
    weights = np.ones(3_000)
    weights[1_234] = weight
    np.save(tmp_path / "w.npy", weights)
    path = store(tmp_path / "x.zarr", clumps(7))
    named = ["--set", f"input.weights={{path: {tmp_path / 'w.npy'}}}"]
    outcome = score(found, path, "--output", tmp_path / "scores", *named)
    assert outcome.exit_code == DataError.exit_code
    assert f"not: row 1234 ({weight})" in outcome.output


def test_equal_mixtures_of_rows_prepared_otherwise_are_other_models(found, tmp_path):
    result = open_result(found)
    path = store(tmp_path / "x.zarr", clumps(8))
    configuration = configuration_for(
        result, str(path), str(tmp_path / "scores"), ["cluster.kind=threads"]
    )
    transform = FeatureTransform(np.zeros(2), np.full(2, 2.0))
    first = apply_model(result, configuration)
    second = apply_model(replace(result, transform=transform), configuration)
    assert not second.already_complete
    assert first.mean_log_density != second.mean_log_density


def test_in_an_mpi_job_one_process_goes_on(found, tmp_path, monkeypatch):
    def leave(cluster):
        raise SystemExit(cluster.kind)

    monkeypatch.setattr("dgmm.run.lifecycle.enter_mpi", leave)
    result = open_result(found)
    configuration = configuration_for(
        result, "there.zarr", str(tmp_path / "scores"), ["cluster.kind=threads"]
    )
    with pytest.raises(SystemExit, match="threads"):
        apply_model(result, configuration)
