"""What fits and scores have in common: memory, report, record, and the order of runs."""

import logging
from datetime import UTC, datetime

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.errors import MemoryLimitError
from dgmm.io.results import commit
from dgmm.io.results.output import Output
from dgmm.io.results.record import read_record
from dgmm.io.results.result import open_result
from dgmm.report import figure_style, publication
from dgmm.run.clusters import cluster
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.history import prune
from dgmm.run.run_plan import plan_run
from dgmm.run.score_run import configuration_for, score
from tests.run.victim import Crash, configuration, write_clumps

THREADS = "cluster={kind: threads, threads: 1}"


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(figure_style, "_DPI", 30)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "x.zarr"
    write_clumps(path)
    return path


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    """The result of a fit to three clumps."""
    return open_result(run(loads(configuration(data, tmp_path_factory.mktemp("fit")))).path)


def to_score(model, data, output, *overrides):
    return configuration_for(model, str(data), str(output), [THREADS, *overrides])


def no_cluster(*_, **__):
    raise AssertionError("a cluster was opened")


# Memory


@pytest.mark.parametrize("kind", ["fit", "score"])
def test_what_does_not_fit_is_refused_before_a_cluster_is_opened(
    model, data, tmp_path, monkeypatch, kind
):
    monkeypatch.setattr(cluster, "open_cluster", no_cluster)
    small = "cluster={kind: threads, threads: 1, memory_limit: 100MB}"
    call = {
        "fit": lambda: run(loads(configuration(data, tmp_path / "out"), [small])),
        "score": lambda: score(model, to_score(model, data, tmp_path / "out", small)),
    }
    with pytest.raises(MemoryLimitError, match=r"projected to need .* limit is 95 MiB"):
        call[kind]()
    assert not (tmp_path / "out").exists()


def test_a_score_needs_the_memory_of_its_model_and_not_of_the_sweep_that_found_it(model, data):
    wanted = to_score(model, data, "unused", "model.n_components=200", "model.sample_size=100000")
    fit, scored = plan_run(wanted), plan_run(wanted, model)
    assert scored.projection.kernel < fit.projection.kernel
    assert scored.projection.sample == 0
    assert scored.projection.block == fit.projection.block
    assert scored.chunk_shape == fit.chunk_shape, "on which the last bits depend"


# Report and record


def test_a_score_ends_with_its_report_as_a_fit_does(model, data, tmp_path, caplog):
    caplog.set_level(logging.INFO, "dgmm")
    output = tmp_path / "scores"
    scored = score(model, to_score(model, data, output, "output.report=true"))
    (report,) = (output / "reports").iterdir()
    assert f"report: {report}" in caplog.text
    text = report.read_text()
    assert (output / "report.html").read_text() == text
    assert f"which the run {model.path.stem} had fitted, was applied to 600 rows" in text
    assert "assignments" in text
    assert "kept no record" not in text
    assert report.stem in scored.path


def test_a_score_keeps_how_it_went_and_what_its_rows_are_like(model, tmp_path):
    rows = write_clumps(tmp_path / "x.zarr", seed=3, shift=2.0)
    scored = score(model, to_score(model, tmp_path / "x.zarr", tmp_path / "scores"))
    assert not (tmp_path / "scores" / "reports").exists(), "as the fit was told"
    record = read_record(open_result(scored.path).path / "record")
    assert [(stage.stage, stage.n_passes) for stage in record.stages] == [("assign", 1)]
    assert record.stages[0].n_bytes == rows.nbytes
    np.testing.assert_allclose(record.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(record.standard_deviation, rows.std(axis=0), rtol=1e-9)
    assert record.sample.shape == (0, 2)


def test_a_score_that_dies_while_it_draws_draws_when_it_is_started_again(
    model, data, tmp_path, monkeypatch
):
    wanted = to_score(model, data, tmp_path / "scores", "output.report=true")

    def crash(_):
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(publication, "publish_report", crash)
        with pytest.raises(Crash):
            score(model, wanted)
    assert not (tmp_path / "scores" / "report.html").exists()
    assert not score(model, wanted).already_complete
    assert (tmp_path / "scores" / "report.html").is_file()
    assert score(model, wanted).already_complete


# The order of runs


def write_night(folder, number):
    rng = np.random.default_rng(number)
    rows = np.array([[0, 0], [8, 0]])[rng.integers(0, 2, 400)] + rng.normal(size=(400, 2))
    zarr.create_array(folder / f"{number}.zarr", data=rows, chunks=(200, 2))


def night(folder, number):
    if not (folder / f"{number}.zarr").exists():
        write_night(folder, number)
    return loads(
        f"""
        input: {{path: {folder / f"{number}.zarr"}}}
        model: {{n_components: 2, covariance_type: spherical, n_init: 1,
                 start_from: {folder / "out"}}}
        output: {{path: {folder / "out"}, report: false}}
        cluster: {{kind: threads, threads: 1}}
        """
    )


class ClockAhead(datetime):
    """What a clock says that is years ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2090, 1, 1, tzinfo=tz or UTC)


def test_a_clock_that_was_ahead_hides_no_later_result(tmp_path, monkeypatch, caplog):
    with monkeypatch.context() as patch:
        patch.setattr(commit, "datetime", ClockAhead)
        first = run(night(tmp_path, 1))
    second = run(night(tmp_path, 2))
    kept = Output(tmp_path / "out")
    assert open_result(first.path).attributes["created"].startswith("2090")
    assert str(kept.latest()) == second.path
    assert "not what readers" not in caplog.text
    assert [str(run.path) for run in kept.runs()] == [second.path, first.path]
    gone = prune(tmp_path / "out", 1, grace_hours=0)
    assert [str(run.path) for run in gone] == [first.path]
    assert str(kept.latest()) == second.path


def test_an_earlier_version_had_hidden_one_and_its_command_publishes_it(tmp_path):
    """By the time of creation, which was the order of runs once."""
    paths = [run(night(tmp_path, number)).path for number in (1, 2)]
    kept = Output(tmp_path / "out")
    for path in paths:
        root = kept.place / "runs" / path.rpartition("/")[2] / "zarr.json"
        root.write_text(root.read_text().replace('"publication"', '"another_name"'))
    first, second = (kept.run(path.rpartition("/")[2].removesuffix(".zarr")) for path in paths)
    (kept.place / "latest.json").write_text(f'{{"run_id": "{first.run_id}"}}')
    assert "publication" not in first.attributes
    assert run(night(tmp_path, 2)).path == str(second.path)
    assert kept.latest() == second.path
    assert run(night(tmp_path, 1)).already_complete
    assert kept.latest() == second.path


def test_publishing_no_name_is_refused(tmp_path):
    run(night(tmp_path, 1))
    done = CliRunner().invoke(command, ["runs", str(tmp_path / "out"), "--publish", ""])
    assert done.exit_code == 66
    assert "has no run ''" in done.output


def test_pruning_spares_what_has_just_been_superseded(tmp_path):
    for number in (1, 2):
        run(night(tmp_path, number))
    prune_all = ["runs", str(tmp_path / "out"), "--prune", "--keep", "0"]
    spared = CliRunner().invoke(command, prune_all)
    assert (spared.exit_code, spared.output) == (0, "nothing to remove\n")
    gone = CliRunner().invoke(command, [*prune_all, "--grace", "0"])
    assert (gone.exit_code, gone.output.count("removed")) == (0, 1)
