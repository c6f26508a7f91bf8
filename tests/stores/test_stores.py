"""What lies in a store is fitted, and the result lies in a store, as on a file system."""

import importlib.util
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner

from dgmm import GaussianMixture
from dgmm.cli import dgmm as command
from dgmm.errors import (
    ConfigurationError,
    DataError,
    InputNotFoundError,
    MissingExtraError,
    OutputError,
    StorageError,
)
from dgmm.io.results.result import open_result
from dgmm.io.sources.selection import Selection
from dgmm.io.sources.source import open_source
from dgmm.io.storage.atomic_writes import link_or_copy
from dgmm.io.storage.location import absolute_location, output_path
from dgmm.io.storage.zarr_arrays import zarr_store
from dgmm.run.config.configuration import dump_resolved, loads
from dgmm.run.fit_run import run
from dgmm.run.score_run import configuration_for, score
from tests.report.results import ATTRIBUTES, a_result
from tests.report.results import rows_of as rows_of_mixture
from tests.run.victim import digest
from tests.stores.runs import clumps, configuration, put, write_npy, write_zarr


def rows_of(source):
    return source.blocks.compute(scheduler="threads")


EXACTLY = ["model.tol=1e-8"]


@pytest.fixture(scope="module")
def local(tmp_path_factory):
    """A run on a file system: its rows, its result and the hash of that."""
    folder = tmp_path_factory.mktemp("local")
    rows = clumps()
    write_zarr(folder / "x.zarr", None, rows)
    result = run(loads(configuration(folder / "x.zarr", folder / "out"), EXACTLY))
    return rows, open_result(result.path), digest(result.path)


def test_a_run_from_and_to_a_store_has_the_bits_of_a_local_one(store, local):
    url, options = store
    rows, expected, expected_digest = local
    write_zarr(f"{url}/x.zarr", options, rows)
    text = configuration(f"{url}/x.zarr", f"{url}/out", options)
    done = run(loads(text, EXACTLY))
    assert not done.already_complete
    assert done.path.startswith(f"{url}/out/runs/")
    assert digest(done.path, options or None) == expected_digest

    result = open_result(f"{url}/out", options)
    assert str(result.path) == done.path
    labels = result.assignments["labels"][...]
    np.testing.assert_array_equal(labels, expected.assignments["labels"][...])
    in_memory = GaussianMixture(3, covariance_type="spherical", random_state=0).fit(rows)
    order = np.argsort(in_memory.means_ @ [1, 2])
    ranks = np.argsort(np.argsort(result.model.means @ [1, 2]))
    np.testing.assert_array_equal(ranks[labels], np.argsort(order)[in_memory.predict(rows)])

    tree = xarray.open_datatree(done.path, engine="zarr", storage_options=options or None)
    np.testing.assert_array_equal(tree["assignments/labels"], labels)
    assert "secret" not in str(result.attributes).lower()

    left = output_path(f"{url}/out", options)
    assert {path.name for path in left.iterdir()} == {".lock", "latest.json", "runs"}
    assert run(loads(text, EXACTLY)).already_complete


def test_commands_are_told_how_the_store_of_a_result_is_reached(s3, tmp_path):
    url, options = s3
    stored = dump_resolved(loads(configuration(f"{url}/x.zarr", f"{url}/out", options)))
    attributes = {**ATTRIBUTES, "configuration": stored}
    labels = np.zeros(100, np.int16)
    result = a_result(output_path(f"{url}/out", options), attributes=attributes, labels=labels)
    np.save(tmp_path / "rows.npy", rows_of_mixture(result.model))
    page, rows, scored = f"{url}/page.html", str(tmp_path / "rows.npy"), str(tmp_path / "scored")
    here = ["--set", "cluster={kind: threads, threads: 1}"]
    for arguments, told in (
        (["runs", f"{url}/out"], "run-1"),
        (["report", f"{url}/out", "--output", page], page),
        (["score", f"{url}/out", rows, "--output", scored, *here], "400 rows"),
    ):
        how = ["--storage-options", json.dumps(options)]
        done = CliRunner().invoke(command, [*arguments, *how])
        assert done.exit_code == 0, done.output
        assert told in done.stdout
    assert output_path(page, options).read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{secret: c4n4ry}", "found 'secret', which may be a secret"),
        ("endpoint_url=c4n4ry", "expected keys with values, such as {endpoint_url: "),
        ("", "expected keys with values"),
        ("{a: c4n4ry, a: 1}", "found the key a again"),
    ],
)
def test_options_of_a_store_on_the_command_line_are_those_of_a_configuration(text, found):
    for arguments in (["runs", "x"], ["report", "x"], ["score", "x", "y", "--output", "z"]):
        done = CliRunner().invoke(command, [*arguments, "--storage-options", text])
        assert done.exit_code == 78
        assert f"--storage-options: {found}" in done.stderr
        assert "c4n4ry" not in done.stderr


@pytest.mark.slow
def test_a_score_of_grown_data_copies_within_the_store_what_is_known(store, local, monkeypatch):
    url, options = store
    model = local[1]
    rows, copied = clumps(500, seed=1), []
    given = json.dumps(options)
    how = [f"{section}.storage_options={given}" for section in ("input", "output")]
    how.append("cluster={kind: threads, threads: 1}")

    def scored(output):
        return score(model, configuration_for(model, f"{url}/x.zarr", output, how))

    def share(source, target):
        copied.append(str(target))
        assert link_or_copy(source, target)
        return True

    write_zarr(f"{url}/x.zarr", options, rows)
    scored(f"{url}/out")
    write_zarr(f"{url}/x.zarr", options, np.concatenate([rows, rows]), overwrite=True)
    monkeypatch.setattr("dgmm.io.results.assignment_arrays.link_or_copy", share)
    found, scratch = (scored(f"{url}/{name}") for name in ("out", "scratch"))
    assert (found.n_new, scratch.n_new) == (600, 1_000)
    assert [path.rpartition("/assignments/")[2] for path in sorted(copied)] == [
        "labels/c/0",
        "labels/c/1",
    ]
    assert digest(found.path, options or None) == digest(scratch.path, options or None)


def test_zarr_of_both_formats_in_a_store(store):
    url, options = store
    rows = clumps()
    for zarr_format in (2, 3):
        path = f"{url}/{zarr_format}.zarr"
        write_zarr(path, options, rows, zarr_format=zarr_format)
        source = open_source(path, storage_options=options)
        np.testing.assert_array_equal(rows_of(source), rows)
        assert source.n_bytes_stored > rows.nbytes // 2
        assert options == {} or options["endpoint_url"].encode() in pickle.dumps(source.blocks)


def test_a_member_of_a_sharded_group_in_a_store(memory):
    url, _ = memory
    rows = clumps()
    zarr.create_array(f"{url}/g/a/b", data=rows, chunks=(50, 2), shards=(200, 2))
    for group in (f"{url}/g", f"{url}/g/a"):
        zarr.create_group(group)
    source = open_source(f"{url}/g")
    np.testing.assert_array_equal(rows_of(source), rows)
    output_path(f"{url}/g/a/b/c/1/0").unlink()
    with pytest.raises(DataError, match=r"no chunk .*/g/a/b/c/1/0 \(rows 200 to 399\)"):
        rows_of(source)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_in_a_store(store, order):
    url, options = store
    rows = np.asarray(clumps(), order=order)
    write_npy(f"{url}/x.npy", options, rows)
    np.testing.assert_array_equal(
        rows_of(open_source(f"{url}/x.npy", storage_options=options)), rows
    )


def test_an_image_in_a_store(memory, tmp_path):
    from PIL import Image

    url, options = memory
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    put(f"{url}/x.png", options, (tmp_path / "x.png").read_bytes())
    np.testing.assert_array_equal(rows_of(open_source(f"{url}/x.png")), pixels.reshape(20, 3))


def test_parquet_in_a_store(store, tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    url, options = store
    rows = clumps()
    for part, values in enumerate(np.split(rows, 2)):
        table = pa.table({"a": values[:, 0], "b": values[:, 1]})
        parquet.write_table(table, tmp_path / "x.parquet", row_group_size=100)
        put(f"{url}/t/{part}.parquet", options, (tmp_path / "x.parquet").read_bytes())
    for path in (f"{url}/t", f"{url}/t/*.parquet"):
        source = open_source(path, storage_options=options)
        np.testing.assert_array_equal(rows_of(source), rows)
        assert source.feature_names == ("a", "b")


def test_a_chunk_that_a_store_lost_is_named(store):
    url, options = store
    rows = clumps()
    write_zarr(f"{url}/x.zarr", options, rows)
    source = open_source(f"{url}/x.zarr", storage_options=options)
    chunk = output_path(f"{url}/x.zarr/c/2/0", options)
    chunk.unlink()
    with pytest.raises(DataError, match=r"no chunk .*/x\.zarr/c/2/0 \(rows 200 to 299\)"):
        rows_of(source)
    filled = open_source(
        f"{url}/x.zarr", selection=Selection(missing_chunks="fill"), storage_options=options
    )
    assert (rows_of(filled)[200:300] == 0).all()
    chunk.fs.pipe_file(chunk.path, b"damaged")
    with pytest.raises(StorageError, match=r"Chunk c/2/0 of .* \(rows 200 to 299\) cannot be read"):
        rows_of(source)


def test_the_fingerprint_knows_when_a_store_changed(store):
    url, options = store
    rows = clumps()

    def fingerprint():
        return open_source(f"{url}/x.zarr", storage_options=options).fingerprint

    write_zarr(f"{url}/x.zarr", options, rows)
    first = fingerprint()
    assert fingerprint() == first
    write_zarr(f"{url}/x.zarr", options, -rows, overwrite=True)
    assert fingerprint() != first


def test_blocks_of_a_store_are_read_without_looking_for_them(memory, monkeypatch):
    from fsspec.implementations.memory import MemoryFileSystem

    url, _ = memory
    write_zarr(f"{url}/x.zarr", {}, clumps())
    source = open_source(f"{url}/x.zarr", partition_size=3200)
    asked = []
    for name in ("info", "ls", "find", "cat_file"):
        method = getattr(MemoryFileSystem, name)

        def call(fs, path, *arguments, method=method, name=name, **options):
            asked.append((name, path.rpartition("/")[2]))
            return method(fs, path, *arguments, **options)

        monkeypatch.setattr(MemoryFileSystem, name, call)
    with dask.config.set(scheduler="synchronous"):
        source.blocks.blocks[1].compute()
    chunks = [name for name, key in asked if key == "0"]
    assert chunks == ["cat_file"] * 2
    assert {name for name, _ in asked} == {"cat_file"}


def test_nothing_in_a_store(store):
    url, options = store
    with pytest.raises(InputNotFoundError, match=rf"nothing at {url}/x\.zarr"):
        open_source(f"{url}/x.zarr", storage_options=options)
    with pytest.raises(InputNotFoundError, match="nothing at"):
        open_result(f"{url}/x.zarr", options)


def test_no_bucket(s3):
    _, options = s3
    with pytest.raises(InputNotFoundError, match=r"nothing at s3://no-bucket/x\.zarr"):
        open_source("s3://no-bucket/x.zarr", storage_options=options)
    url = "s3://bucket/rows.npy"
    write_npy(url, options, clumps())
    with pytest.raises(OutputError, match=r"s3://no-bucket/out cannot be created: .*bucket"):
        run(loads(configuration(url, "s3://no-bucket/out", options)))


def test_no_credentials(s3, monkeypatch, tmp_path):
    url, options = s3
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StorageError, match="cannot be reached: NoCredentialsError"):
        open_source(f"{url}/x.zarr", storage_options={**options, "use_ssl": False})


def test_a_location_shows_no_options():
    location = absolute_location("s3://bucket/x/", {"account": "c4n4ry"})
    assert "c4n4ry" not in f"{location} {location!r}"
    assert location.text == "s3://bucket/x"


DOCUMENT = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()


def test_the_configuration_in_the_document_can_be_read():
    (text,) = re.findall(r"```yaml\n(.*?)```", DOCUMENT, flags=re.DOTALL)
    configuration = loads(text)
    assert configuration.input.storage_options == {"anon": True}
    assert configuration.output.storage_options["endpoint_url"].startswith("https://")


def test_a_store_of_one_process_is_refused_for_others():
    text = "input: {path: 'memory://a/x.zarr'}\noutput: {path: out}"
    with pytest.raises(ConfigurationError, match=r"memory:// and cluster\.kind local"):
        loads(text)
    with pytest.raises(ConfigurationError, match=r"memory:// and cluster\.kind address"):
        loads("input: {path: x}\noutput: {path: 'memory://a'}\ncluster: {kind: address}")
    assert loads(text, ["cluster.kind=threads"])


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("s3://b/x", "s3fs", "s3"), ("gs://b/x", "gcsfs", "gcs"), ("abfs://b/x", "adlfs", "azure")],
)
def test_a_package_that_is_not_there_is_named_with_its_command(monkeypatch, url, module, extra):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == module else find_spec(name)
    )
    with pytest.raises(MissingExtraError, match=rf'needs {module}: pip install "dgmm\[{extra}\]"'):
        output_path(url)


def test_results_are_not_kept_in_packages():
    with pytest.raises(ConfigurationError, match="where no results are kept"):
        output_path("package://dgmm/out")


def test_a_mixture_is_kept_on_file_systems(memory):
    mixture = GaussianMixture(2).fit(clumps())
    with pytest.raises(OutputError, match="object store"):
        mixture.to_zarr(f"{memory[0]}/mixture.zarr")


def test_files_have_urls_too(tmp_path):
    write_zarr(tmp_path / "x.zarr", None, clumps())
    assert open_source(f"file://{tmp_path}/x.zarr").grid.n_samples == 600


def test_what_runs_in_stores_tells_no_secret(memory, monkeypatch, caplog):
    url, _ = memory
    monkeypatch.setenv("CANARY", "c4n4ry-in-a-c0al-m1ne")
    write_zarr(f"{url}/x.zarr", {}, clumps())
    text = configuration(f"{url}/x.zarr", f"{url}/out")
    text = text.replace("storage_options: {}", "storage_options: {note: '${CANARY}'}")
    done = run(loads(text))
    found = output_path(f"{url}/out")
    contents = found.fs.cat(found.fs.find(found.path))
    assert len(contents) > 20
    assert not any(b"c4n4ry" in content for content in contents.values())
    assert "c4n4ry" not in caplog.text
    stored = open_result(done.path).attributes["configuration"]
    assert stored["input"]["storage_options"] == {"note": "${CANARY}"}


def test_a_local_run_knows_nothing_of_stores(tmp_path):
    write_zarr(tmp_path / "x.zarr", None, clumps())
    (tmp_path / "run.yaml").write_text(configuration(tmp_path / "x.zarr", tmp_path / "out"))
    code = (
        "import sys, zarr; theirs = {*sys.modules}; "  # zarr 3.4 imports upath where it is there
        "from dgmm.run.config.configuration import load; from dgmm.run.fit_run import run; "
        f"run(load({str(tmp_path / 'run.yaml')!r})); ours = {{*sys.modules}} - theirs; "
        "print([name for name in ours if name == 'dgmm.io.storage.object_store' or "
        "name.partition('.')[0] in ('upath', 's3fs', 'gcsfs', 'adlfs')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_names_of_columns_in_a_store_are_found(store):
    url, options = store
    rows = clumps()
    group = zarr.open_group(zarr_store(output_path(f"{url}/g.zarr", options)), mode="w")
    group.create_array("data", data=rows, dimension_names=("sample", "feature"))
    names = np.array(["a", "b"], np.dtypes.StringDType())
    group.create_array("feature", data=names, dimension_names=("feature",))
    source = open_source(
        f"{url}/g.zarr", "zarr", Selection(columns=("b",)), storage_options=options
    )
    assert source.feature_names == ("b",)
    np.testing.assert_array_equal(rows_of(source), rows[:, 1:])
