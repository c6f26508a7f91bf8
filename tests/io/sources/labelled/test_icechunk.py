"""Icechunk repositories: a snapshot of a branch, a tag or by its name, and nothing later."""

import numpy as np
import pytest

from dgmm.errors import ConfigurationError
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.run import loads, run, score

icechunk = pytest.importorskip("icechunk", reason="needs icechunk")
xarray = pytest.importorskip("xarray", reason="needs xarray")

SELECTION = Selection(variables=("t",), sample_dims=("time", "x"))


def dataset(shift=0.0):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 10, 2)) + 5 * rng.integers(0, 2, (30, 10, 1)) + shift
    coordinates = {"time": np.arange(30.0), "depth": [1.5, 3.0]}
    return xarray.Dataset({"t": (("time", "x", "depth"), values)}, coordinates)


@pytest.fixture
def repository(tmp_path):
    return icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "r.zarr")))


def commit(repository, data):
    session = repository.writable_session("main")
    encoding = {"t": {"chunks": (7, 10, 2)}}
    data.to_zarr(session.store, mode="w", consolidated=False, encoding=encoding)
    return session.commit("a version")


def rows_of(source):
    return source.blocks.compute(scheduler="synchronous")


def test_versions_are_branches_tags_and_snapshots(tmp_path, repository):
    first = commit(repository, dataset())
    repository.create_tag("published", snapshot_id=first)
    old = open_source(tmp_path / "r.zarr", selection=SELECTION)
    second = commit(repository, dataset(100.0))
    expected = dataset()["t"].to_numpy().reshape(300, 2)
    np.testing.assert_array_equal(rows_of(old), expected)  # as it was when it was opened
    for version, shift in ((None, 100), ("main", 100), ("published", 0), (first, 0), (second, 100)):
        chosen = Selection(variables=("t",), sample_dims=("time", "x"), version=version)
        source = open_source(tmp_path / "r.zarr", selection=chosen)
        np.testing.assert_array_equal(rows_of(source), expected + shift)
        assert source.feature_names == ("t[1.5]", "t[3.0]")
        assert source.selection.version == (first if shift == 0 else second)
        assert (source.fingerprint == old.fingerprint) == (shift == 0)
        (time,) = source.coordinates
        assert source.read_coordinate(time, (slice(2, 4),)).tolist() == [2.0, 3.0]
    with pytest.raises(ConfigurationError, match=r"no version 'v9'; .*main.*published"):
        open_source(tmp_path / "r.zarr", selection=Selection(sample_dims=("x",), version="v9"))
    with pytest.raises(ConfigurationError, match="has the dimensions time 30, x 10, depth 2"):
        open_source(tmp_path / "r.zarr")


def test_runs_and_scores_are_those_of_the_array(tmp_path, repository):
    snapshot = commit(repository, dataset())
    np.save(tmp_path / "x.npy", dataset()["t"].to_numpy().reshape(300, 2))

    def configured(source, output):
        return loads(f"""
        input: {{path: {tmp_path}/{source}}}
        model: {{n_components: 2, covariance_type: full}}
        output: {{path: {tmp_path}/{output}, report: false}}
        cluster: {{kind: threads}}
        """)

    labelled = "r.zarr, variables: t, sample_dims: [time, x]"
    run(configured(labelled, "icechunk"))
    run(configured("x.npy", "rows"))
    found, rows = open_result(tmp_path / "icechunk"), open_result(tmp_path / "rows")
    np.testing.assert_allclose(found.model.means, rows.model.means, rtol=1e-9)
    labels = found.assignments["labels"][:]
    np.testing.assert_array_equal(labels.ravel(), rows.assignments["labels"][:])
    assert found.attributes["input_version"] == snapshot
    score(found, configured(labelled, "scored"))
    np.testing.assert_array_equal(open_result(tmp_path / "scored").assignments["labels"][:], labels)
