"""Whole runs, small: from a configuration to a result that others can open."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from sklearn.metrics import adjusted_rand_score

from dgmm.engine.events import PassFinished
from dgmm.errors import DataError, MemoryLimitError
from dgmm.io.results.result import open_result
from dgmm.mixture.density import assign
from dgmm.run.config.configuration import loads
from dgmm.run.fit_run import run
from dgmm.run.plan_summary import summarize_plan

ALL = "labels, responsibilities, log_density"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three clumps in float32, stored in Zarr chunks of 350 rows, two to a partition."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [3000, 2000, 1000])
    rng.shuffle(truth)
    X = np.array([[0, 0], [8, 0], [0, 8]])[truth] + rng.normal(size=(6_000, 2))
    path = tmp_path_factory.mktemp("data") / "clumps.zarr"
    zarr.create_array(path, data=X.astype(np.float32), chunks=(350, 2))
    return path, X.astype(np.float32), truth


def configuration(path, output, cluster="kind: threads", extra=""):
    return loads(
        f"""
        input: {{path: {path}, partition_size: 5600}}
        model: {{n_components: "1:3", covariance_type: [full, tied], n_init: 2, tol: 1e-3 {extra}}}
        output: {{path: {output}, assignments: [{ALL}], report: false}}
        cluster: {{{cluster}}}
        """
    )


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """What a run by two threads says, the directory that keeps it, and its events."""
    output, events = tmp_path_factory.mktemp("finished"), []
    return (
        run(configuration(data[0], output, "kind: threads, threads: 2"), events.append),
        output,
        events,
    )


def digest(path):
    """Every stored number of a run, as one hash."""
    found = hashlib.sha256()
    root = zarr.open_group(path, mode="r")
    for name, member in sorted(root.members(max_depth=None)):
        if isinstance(member, zarr.Array):
            found.update(name.encode())
            found.update(repr(member[...].tolist()).encode())
    return found.hexdigest()


def test_a_run_finds_the_clumps_and_everything_agrees(data, finished):
    _, X, truth = data
    done, output, _ = finished
    assert done.sweep.selected.candidate.n_components == 3
    result = open_result(output)
    assert str(result.path) == done.path
    labels = result.assignments["labels"][:]
    assert adjusted_rand_score(truth, labels) > 0.98
    ours = assign(result.model, X)
    assert np.array_equal(labels, ours.labels)
    assert np.array_equal(result.assignments["log_density"][:], ours.log_density)
    responsibilities = result.assignments["responsibilities"][:]
    assert np.array_equal(responsibilities, ours.responsibilities.astype(np.float32))
    best = result.sweep.selected
    np.testing.assert_allclose(best.log_likelihood, ours.log_density.sum(), rtol=1e-12)
    assert (np.diff(result.model.weights) <= 0).all()
    counts = np.bincount(labels, minlength=3) / len(labels)
    np.testing.assert_allclose(counts, result.model.weights, atol=0.01)


def test_xarray_opens_a_result_as_it_stands(data, finished):
    X = data[1]
    tree = xarray.open_datatree(finished[1] / "latest.zarr", engine="zarr")
    assert tree["assignments/labels"].sizes == {"sample": len(X)}
    assert tree["model/means"].dims == ("component", "feature")
    assert tree["sweep/bic"].sizes == {"candidate": 6}
    assert tree.attrs["configuration"]["model"]["criterion"] == "bic"
    assert tree.attrs["selected"] == "full-3" or tree.attrs["selected"] == "tied-3"


def test_the_same_command_again_finds_its_run(data, tmp_path):
    path, _, _ = data
    first = run(configuration(path, tmp_path / "out"))
    events = []
    again = run(configuration(path, tmp_path / "out", "kind: local"), events.append)
    assert not first.already_complete
    assert again.already_complete
    assert again.path == first.path
    assert events == []
    other = run(configuration(path, tmp_path / "out", extra=", seed: 1"))
    assert other.path != first.path
    assert json.loads((tmp_path / "out/latest.json").read_text())["run_id"] in other.path
    assert Path(first.path).is_dir()


def test_one_pass_serves_all_candidates(finished):
    done, _, events = finished
    passes = [event for event in events if isinstance(event, PassFinished)]
    reads = [event for event in passes if event.stage in ("profile", "fit")]
    assert len(reads) == done.sweep.n_passes
    assert sum(event.stage == "assign" for event in passes) == 1


@pytest.mark.parametrize(
    "cluster",
    ["kind: threads, threads: 1", "kind: local, workers: 2, threads_per_worker: 2"],
)
def test_same_bits_on_any_cluster(data, finished, tmp_path, caplog, cluster):
    caplog.set_level("INFO", "dgmm")
    here, there = finished[0], run(configuration(data[0], tmp_path / "there", cluster))
    assert Path(here.path).name == Path(there.path).name
    assert digest(here.path) == digest(there.path)
    assert ("Keeping" in caplog.text) is ("local" in cluster)


def test_too_little_memory_is_refused_before_anything_starts(data, tmp_path):
    path, _, _ = data
    cluster = "kind: local, workers: 1, memory_limit: 50MiB"
    with pytest.raises(MemoryLimitError, match=r"projected to need \d+ MiB.* limit is 50 MiB"):
        run(configuration(path, tmp_path / "out", cluster))
    assert not (tmp_path / "out").exists()


def test_bad_data_leave_the_earlier_result_in_place(data, tmp_path):
    path, X, _ = data
    first = run(configuration(path, tmp_path / "out"))
    bad = X.copy()
    bad[777, 1] = np.nan
    np.save(tmp_path / "bad.npy", bad)
    with pytest.raises(DataError, match=r"1 values .* row 777 column 'x1' \(nan\)"):
        run(configuration(tmp_path / "bad.npy", tmp_path / "out"))
    assert str(open_result(tmp_path / "out").path) == first.path


def test_a_plan_reads_metadata_only_and_says_what_a_run_does(data, finished, tmp_path):
    path, X, _ = data
    found = summarize_plan(configuration(path, tmp_path / "out"))
    dataset = found.plan.dataset
    assert (dataset.n_rows, dataset.n_features) == X.shape
    assert dataset.n_blocks == -(-len(X) // dataset.block_rows)
    assert found.flops_per_pass == 4 * len(X) * (6 * 6 + 6 * 3)
    assert not (tmp_path / "out").exists()
    text = "\n".join(found.lines())
    assert "6,000 x 2 features" in text
    assert "candidates  6 models, found by 4 search(es) of a sample; 12 components" in text
    assert "written     " in text
    assert "MiB of assignments, uncompressed" in text
    assert "s of arithmetic each pass on" in text
    assert finished[0].path.endswith(f"{found.plan.run_id}.zarr")
    assert found.plan.run_id in text


@pytest.mark.parametrize(
    ("cluster", "kept"),
    [
        ("memory_limit: 2GiB", True),
        ("memory_limit: 2GiB, keep_blocks: false", False),
        ("memory_limit: 450MiB", False),
        ("kind: threads", False),
        ("kind: address", False),
    ],
)
def test_a_plan_says_whether_blocks_stay_on_the_workers(data, tmp_path, cluster, kept):
    found = summarize_plan(configuration(data[0], tmp_path / "out", cluster))
    assert found.n_bytes_kept == (data[1].nbytes if kept else 0)
    assert ("MiB of blocks, read once, stay there" in "\n".join(found.lines())) is kept


def test_events_are_plain_values(finished):
    assert json.dumps([asdict(event) for event in finished[2]])


def test_a_prepared_run_with_holes_says_how_to_apply_its_mixture(data, tmp_path):
    _, X, truth = data
    rows = X * np.float32([1e3, 1]) + np.float32([5, -7])
    rows[::7, 1] = np.nan
    path = tmp_path / "holes.zarr"
    zarr.create_array(path, data=rows, chunks=(350, 2))
    run(
        loads(
            f"""
            input: {{path: {path}, partition_size: 5600, missing: drop}}
            prepare: {{scale: standardize, pca: 2}}
            model: {{n_components: 3, covariance_type: full, n_init: 2}}
            output: {{path: {tmp_path / "out"}, assignments: [{ALL}], report: false}}
            cluster: {{kind: threads}}
            """
        )
    )
    result = open_result(tmp_path / "out")
    assert result.feature_names == ("x0", "x1")
    assert result.attributes["n_missing"] == len(X[::7])
    whole = ~np.isnan(rows).any(axis=1)
    labels = result.assignments["labels"][:]
    assert (labels[~whole] == -1).all()
    assert np.isnan(result.assignments["responsibilities"][:][~whole]).all()
    assert adjusted_rand_score(truth[whole], labels[whole]) > 0.98
    again = assign(result.model, rows[whole], result.transform)
    assert np.array_equal(labels[whole], again.labels)
    assert np.array_equal(result.assignments["log_density"][:][whole], again.log_density)
    tree = xarray.open_datatree(result.path, engine="zarr")
    assert tree["model/means"].coords["feature"].values.tolist() == ["pc1", "pc2"]
    assert tree["prepare/axes"].dims == ("feature", "input_feature")
    np.testing.assert_allclose(
        result.transform.inverse_means(result.model).mean(axis=0),
        np.array([[0, 0], [8, 0], [0, 8]]).mean(axis=0) * [1e3, 1] + [5, -7],
        rtol=0.05,
    )


def test_everything_that_can_be_said_of_a_row_is_written_and_agrees(data, tmp_path):
    path, X, _ = data
    run(
        loads(
            f"""
            input: {{path: {path}, partition_size: 5600}}
            model: {{n_components: 3, covariance_type: full, n_init: 2}}
            output:
              path: {tmp_path / "out"}
              assignments: [labels, responsibilities, log_density, uncertainty, outlier]
              most_probable: 2
              outlier_quantile: 0.02
            cluster: {{kind: threads}}
            """
        )
    )
    result = open_result(tmp_path / "out")
    found = {name: array[:] for name, array in result.assignments.items()}
    ours = assign(result.model, X)
    order = np.argsort(-ours.responsibilities, axis=1)[:, :2]
    np.testing.assert_array_equal(found["responsible"], order)
    largest = np.take_along_axis(ours.responsibilities, order, axis=1)
    np.testing.assert_array_equal(found["responsibilities"], largest.astype(np.float32))
    np.testing.assert_allclose(found["uncertainty"], 1 - largest[:, 0], atol=1e-7)
    # the sample is all of so few rows
    assert result.outlier_threshold == np.quantile(ours.log_density, 0.02, method="inverted_cdf")
    np.testing.assert_array_equal(found["outlier"], ours.log_density < result.outlier_threshold)
    assert 0.01 < found["outlier"].mean() < 0.02
    components = result.components
    assert components.n_labelled.sum() == len(X)
    np.testing.assert_allclose(components.size / len(X), result.model.weights, atol=1e-4)
    np.testing.assert_allclose(components.mean, result.model.means, atol=1e-2)
    np.testing.assert_allclose(components.quantiles[:, 2], components.mean, atol=0.1)
    tree = xarray.open_datatree(result.path, engine="zarr")
    assert tree["components/quantiles"].dims == ("component", "quantile", "input_feature")
    assert tree["components"].coords["quantile"].values.tolist() == [0.05, 0.25, 0.5, 0.75, 0.95]
    assert tree["assignments/responsible"].dims == ("sample", "rank")
