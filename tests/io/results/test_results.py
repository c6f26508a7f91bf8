import json
import math
import os
import warnings
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import Crc32cCodec, ZstdCodec

from dgmm import GaussianMixture
from dgmm.cli import dgmm as command
from dgmm.errors import InputNotFoundError, OutputError, StorageError
from dgmm.io.grid import Grid
from dgmm.io.partition import chunk_shape
from dgmm.io.results import assignment_arrays, commit
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.layout import FORMAT_VERSION
from dgmm.io.results.output import Output
from dgmm.io.results.result import open_result
from dgmm.io.storage import atomic_writes
from dgmm.io.storage.atomic_writes import remove_tree
from dgmm.io.storage.zarr_arrays import create_array, read_small, storage_failures
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.density import RowPosteriors
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.parameters import Parameters
from dgmm.run.row_assignment import AssignmentWriter

NAMES = ("red", "grün")
ATTRIBUTES = {"configuration": {"model": {"seed": 0}}, "versions": {"dgmm": "0.1.0"}}
SHAPES = {"full": (3, 2, 2), "tied": (2, 2), "diag": (3, 2), "spherical": (3,)}


def fitted(covariance_type, seed=0, status=Status.CONVERGED, log_likelihood=-12.5):
    random = np.random.default_rng(seed)
    shape = SHAPES[covariance_type]
    parameters = Parameters(
        covariance_type,
        np.array([0.5, 0.3, 0.2]),
        random.normal(size=(3, 2)),
        random.uniform(1, 2, size=shape),
        random.uniform(1, 2, size=shape),
    )
    return FitResult(
        candidate=Candidate(covariance_type, 3, start=1),
        parameters=parameters,
        status=status,
        n_iter=7,
        trace=(-2.0, -1.5, -1.25),
        log_likelihood=log_likelihood,
        n_parameters=17,
        criteria={"bic": 40.0, "aic": 30.0, "icl": 45.0},
    )


def a_sweep(seed=0):
    results = tuple(fitted(covariance_type, seed) for covariance_type in SHAPES)
    return Sweep(results, "bic", results[2], n_passes=5)


def a_small_sweep(seed=0):
    result = fitted("diag", seed)
    return Sweep((result,), "aic", result, n_passes=5)


def create_assignments(run, n_samples, n_components, names, chunk_rows):
    grid = Grid(("sample",), (n_samples,), (n_samples,))
    assignment_arrays.create_assignments(
        run, grid, AssignmentSchema(tuple(names), tuple(range(n_components))), (chunk_rows,)
    )


def write_rows(run, name, start, rows):
    assignment_arrays.write_region(run, name, (slice(start, start + len(rows)),), rows)
    return len(rows)


def a_run(output, run_id="run-1", sweep=None):
    run = Output(output).start(run_id)
    create_assignments(run, 10, 3, ("labels", "responsibilities", "log_density"), 4)
    for start in (0, 4, 8):
        rows = np.arange(start, min(start + 4, 10))
        write_rows(run, "labels", start, rows.astype(np.int16))
        write_rows(run, "responsibilities", start, np.full((len(rows), 3), 1 / 3, np.float32))
        write_rows(run, "log_density", start, -rows.astype(np.float64))
    commit_run(run, RunContents(sweep or a_sweep(), NAMES, ATTRIBUTES))
    return run


def assert_same_sweep(found, expected):
    assert found.criterion == expected.criterion
    assert found.n_passes == expected.n_passes
    assert found.selected.candidate == expected.selected.candidate
    for one, other in zip(found.results, expected.results, strict=True):
        assert asdict(replace(one, parameters=None)) == asdict(replace(other, parameters=None))
        for name in ("weights", "means", "covariances", "precisions_cholesky"):
            a, b = getattr(one.parameters, name), getattr(other.parameters, name)
            np.testing.assert_array_equal(a, b, strict=True)


def test_results_that_do_not_name_their_criteria_have_the_first_three(tmp_path):
    root = a_run(tmp_path) / "zarr.json"
    document = json.loads(root.read_text())
    assert document["attributes"].pop("criteria") == ["bic", "aic", "icl"]
    root.write_text(json.dumps(document))
    assert_same_sweep(open_result(root.parent).sweep, a_sweep())


def test_what_was_written_comes_back(tmp_path):
    a_run(tmp_path)
    Output(tmp_path).publish(Output(tmp_path).run("run-1"))
    result = open_result(tmp_path)
    assert_same_sweep(result.sweep, a_sweep())
    assert result.model.covariance_type == "diag"
    assert result.feature_names == NAMES
    assert result.attributes["configuration"] == ATTRIBUTES["configuration"]
    assert result.attributes["selected"] == "diag-3"
    labels = result.assignments["labels"]
    assert labels.dtype == np.int16
    assert labels.fill_value == -1
    np.testing.assert_array_equal(labels[...], np.arange(10))
    assert result.assignments["responsibilities"].shape == (10, 3)
    np.testing.assert_array_equal(result.assignments["log_density"][...], -np.arange(10.0))
    assert open_result(result.path).path == result.path
    assert open_result(tmp_path / "latest.zarr").attributes == result.attributes


def test_a_link_is_resolved_when_it_is_opened(tmp_path):
    output = Output(tmp_path)
    for number in (1, 2):
        a_run(tmp_path, f"run-{number}", a_sweep(number))
    output.publish(output.run("run-1"))
    result = open_result(tmp_path / "latest.zarr")
    assert result.path == tmp_path / "runs" / "run-1.zarr"
    output.publish(output.run("run-2"))
    remove_tree(tmp_path / "runs" / "run-2.zarr" / "assignments")
    np.testing.assert_array_equal(result.assignments["labels"][...], np.arange(10))


@pytest.mark.parametrize("name", ["labels", "responsibilities", "log_density"])
def test_what_was_pruned_after_it_was_opened_is_not_read_as_fill_values(tmp_path, name):
    output = Output(tmp_path)
    for number in (1, 2):
        output.publish(output.run(a_run(tmp_path, f"run-{number}").stem))
    array = open_result(output.run("run-1").path).assignments[name]
    output.prune(1, timedelta(0))
    with pytest.raises(StorageError, match=rf"run-1.zarr/assignments/{name}.* lacks its chunk"):
        array[2:5]


def test_xarray_opens_a_run_as_it_stands(tmp_path):
    run = a_run(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xarray.open_datatree(run, engine="zarr") as tree:
            tree.load()
    assert tree["sweep/bic"].dims == ("candidate",)
    assert list(tree["sweep"].coords["candidate"].values) == [f"{name}-3" for name in SHAPES]
    assert tree["models/full-3/covariances"].dims == ("component", "feature", "feature_2")
    assert tree["models/tied-3/covariances"].dims == ("feature", "feature_2")
    assert tree["models/full-3/trace"].dims == ("iteration",)
    assert tree["model/means"].sel(feature="grün").shape == (3,)
    assert tree["model"].attrs["status"] == "converged"
    assert tree["assignments/labels"].dtype == np.int16
    with xarray.open_zarr(run / "sweep", consolidated=False) as sweep:
        assert list(sweep["status"].values) == ["converged"] * 4


def test_every_array_names_its_dimensions_and_carries_checksums(tmp_path):
    run = a_run(tmp_path)
    documents = [json.loads(path.read_bytes()) for path in run.rglob("zarr.json")]
    arrays = [document for document in documents if document["node_type"] == "array"]
    assert len(arrays) == 12 + 6 + 2 + 4 * 5 + 4
    for array in arrays:
        assert len(array["dimension_names"]) == len(array["shape"])
        serializer, *compressors = array["codecs"]
        assert serializer["name"] in ("bytes", "vlen-utf8")
        assert [codec["name"] for codec in compressors] == ["zstd"]
        assert compressors[0]["configuration"]["checksum"] is True
    assert all(document["zarr_format"] == 3 for document in documents)


@pytest.mark.parametrize("name", ["models/diag-3/weights", "model/feature"])
def test_no_flipped_bit_changes_a_value(tmp_path, name):
    array = a_run(tmp_path) / name
    (chunk,) = (path for path in (array / "c").rglob("*") if path.is_file())
    content, values = chunk.read_bytes(), read_small(array)
    refused = 0
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        chunk.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(read_small(array), values, strict=True)
        except StorageError:
            refused += 1
    assert refused > 8 * len(content) - 16  # the head of a frame has bits that mean nothing


def test_the_text_of_arrays_is_among_the_attributes_too(tmp_path):
    attributes = open_result(a_run(tmp_path)).attributes
    assert attributes["feature_names"] == attributes["input_feature_names"] == list(NAMES)
    assert attributes["candidates"] == [f"{name}-3" for name in SHAPES]


def test_a_sweep_opens_as_a_table_with_a_row_for_each_candidate(tmp_path):
    with xarray.open_datatree(a_run(tmp_path), engine="zarr") as tree:
        table = tree["sweep"].to_dataset().to_dataframe()
    assert list(table.index) == [f"{name}-3" for name in SHAPES]
    assert table["bic"].tolist() == [40.0] * 4


def test_chunks_of_runs_with_other_codecs_are_written_again_where_they_are_taken_over(tmp_path):
    base, run = (Output(tmp_path).start(name) for name in ("base", "run"))
    for place in (base, run):
        create_assignments(place, 10, 3, ("labels",), 4)
    codecs = (ZstdCodec(level=3), Crc32cCodec())  # those of the first results
    create_array(base / "assignments/labels", (10,), (4,), "int16", ("sample",), -1, codecs)
    write_rows(base, "labels", 0, np.arange(10, dtype=np.int16))
    for start in (0, 4, 8):
        region = (slice(start, min(start + 4, 10)),)
        assert assignment_arrays.copy_region(base, run, "labels", region)
    np.testing.assert_array_equal(read_small(run / "assignments/labels"), np.arange(10))
    chunks = [place / "assignments/labels/c/0" for place in (base, run)]
    assert chunks[0].read_bytes() != chunks[1].read_bytes()


def test_a_flipped_bit_is_noticed(tmp_path):
    run = a_run(tmp_path)
    chunk = run / "models" / "full-3" / "means" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(StorageError, match=r"models/full-3/means cannot be read"):
        open_result(run)


@pytest.mark.parametrize("chunk", ["assignments/labels/c/1", "model/../sweep/bic/c/0"])
def test_a_missing_chunk_is_noticed(tmp_path, chunk):
    run = a_run(tmp_path)
    (run / chunk).unlink()
    with pytest.raises(StorageError, match=r"lacks (1 of its|its chunk)"):
        open_result(run)


def test_numbers_that_are_not_finite_come_back_and_stay_out_of_attributes(tmp_path):
    failed = fitted("full", status=Status.DEGENERATE, log_likelihood=float("-inf"))
    failed = replace(failed, trace=(), criteria=failed.criteria | {"icl": float("nan")})
    run = Output(tmp_path).start("r")
    commit_run(run, RunContents(Sweep((failed,), "bic", failed, 2), NAMES, {}))
    found = open_result(run).sweep.selected
    assert found.log_likelihood == float("-inf")
    assert np.isnan(found.icl)
    assert found.trace == ()
    text = (run / "zarr.json").read_text()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert open_result(run).assignments == {}


@settings(max_examples=25)
@given(
    n_samples=st.integers(1, 60),
    chunk_rows=st.integers(1, 20),
    chunks_a_task=st.integers(1, 4),
    n_components=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_tasks_of_whole_chunks_in_any_order_write_every_row(
    tmp_path_factory, n_samples, chunk_rows, chunks_a_task, n_components, seed
):
    random = np.random.default_rng(seed)
    run = Output(tmp_path_factory.mktemp("output")).start("r")
    create_assignments(run, n_samples, n_components, ["responsibilities"], chunk_rows)
    values = random.random((n_samples, n_components), np.float32)
    unit = chunk_rows * chunks_a_task
    starts = random.permutation(np.arange(0, n_samples, unit))
    written = [
        write_rows(run, "responsibilities", int(start), values[start : start + unit])
        for start in starts
    ]
    assert sum(written) == n_samples
    array = zarr.open_array(run / "assignments" / "responsibilities", mode="r")
    assert array.nchunks_initialized == array.nchunks
    np.testing.assert_array_equal(array[...], values)


@given(start=st.integers(-1, 11), length=st.integers(0, 12))
def test_rows_that_do_not_cover_whole_chunks_are_refused(tmp_path_factory, start, length):
    run = _ten_labels(tmp_path_factory)
    stop = start + length
    whole = start % 4 == 0 and (stop % 4 == 0 or stop == 10) and 0 <= start < stop <= 10
    labels = np.zeros(length, np.int16)
    if whole:
        assert write_rows(run, "labels", start, labels) == length
    else:
        with pytest.raises(OutputError, match="do not cover whole chunks of 4"):
            write_rows(run, "labels", start, labels)


def _ten_labels(tmp_path_factory):
    output = tmp_path_factory.getbasetemp() / "ten-labels"
    if (output / "runs" / "r.zarr").exists():
        return output / "runs" / "r.zarr"
    run = Output(output).start("r")
    create_assignments(run, 10, 3, ["labels"], 4)
    return run


@pytest.mark.parametrize(
    "rows", [np.zeros((4, 2), np.int16), np.zeros(4, np.float64), np.zeros((4, 1), np.int16)]
)
def test_rows_of_another_shape_or_kind_are_refused(tmp_path, rows):
    run = Output(tmp_path).start("r")
    create_assignments(run, 10, 3, ["labels"], 4)
    with pytest.raises(OutputError, match=r"do not fit .*labels, which has shape \(10,\)"):
        write_rows(run, "labels", 0, rows)


def test_fill_values_are_written_too(tmp_path):
    run = Output(tmp_path).start("r")
    create_assignments(run, 4, 3, ["labels"], 2)
    write_rows(run, "labels", 0, np.full(4, -1, np.int16))
    assert zarr.open_array(run / "assignments" / "labels", mode="r").nchunks_initialized == 2


def test_many_components_need_wider_labels(tmp_path):
    run = Output(tmp_path).start("r")
    create_assignments(run, 4, 40_000, ["labels"], 4)
    assert zarr.open_array(run / "assignments" / "labels", mode="r").dtype == np.int32


def test_unknown_assignments(tmp_path):
    with pytest.raises(OutputError, match="known are labels, responsibilities, log_density"):
        create_assignments(Output(tmp_path).start("r"), 4, 2, ["colours"], 4)


def test_rows_that_were_not_written_prevent_the_commit(tmp_path):
    run = Output(tmp_path).start("r")
    create_assignments(run, 10, 3, ["labels"], 4)
    write_rows(run, "labels", 4, np.zeros(4, np.int16))
    with pytest.raises(StorageError, match="lacks 2 of its 3 chunks"):
        commit_run(run, RunContents(a_sweep(), NAMES, {}))
    assert not Output(tmp_path).run("r").is_complete


def test_storage_that_returns_other_values_prevents_the_commit(tmp_path, monkeypatch):
    original = commit.write_sweep

    def lie(run, sweep, names):
        original(run, sweep, names)
        zarr.open_array(run / "models" / "tied-3" / "means", mode="r+")[0, 0] = 0.25

    monkeypatch.setattr(commit, "write_sweep", lie)
    with pytest.raises(StorageError, match="tied-3 are read back with other values"):
        a_run(tmp_path)
    assert not Output(tmp_path).run("run-1").is_complete


class Crash(BaseException):
    pass


def _crash_at(monkeypatch, module, name, call):
    """Let the n-th call of a function end the process, as far as the code can tell."""
    original, calls = getattr(module, name), []

    def function(*arguments, **options):
        calls.append(name)
        if len(calls) == call:
            raise Crash
        return original(*arguments, **options)

    monkeypatch.setattr(module, name, function)
    return calls


CRASHES = [
    (commit, "write_sweep", 1),
    (commit, "_verify", 1),
    *((zarr, "create_group", call) for call in range(1, 7)),
    (commit, "sync_tree", 1),
    (commit, "replace_file", 1),
    (atomic_writes.os, "fsync", 1),
    (atomic_writes.Path, "replace", 1),
]


@pytest.mark.parametrize(("module", "name", "call"), CRASHES)
def test_a_crash_before_the_last_step_leaves_no_run_and_the_next_attempt_completes(
    tmp_path, monkeypatch, module, name, call
):
    with monkeypatch.context() as patch:
        calls = _crash_at(patch, module, name, call)
        with pytest.raises(Crash):
            a_run(tmp_path, sweep=a_small_sweep())
        is_called_by_threads = name == "fsync"  # which flush other files meanwhile
        assert len(calls) == call or (is_called_by_threads and len(calls) > call)
    run = tmp_path / "runs" / "run-1.zarr"
    assert run.is_dir()
    assert not Output(tmp_path).run("run-1").is_complete
    with pytest.raises(zarr.errors.GroupNotFoundError):
        zarr.open_group(run, mode="r")
    with pytest.raises(InputNotFoundError, match="has not finished"):
        open_result(run)
    with pytest.raises(OutputError, match="not complete"):
        Output(tmp_path).publish(Output(tmp_path).run("run-1"))
    a_run(tmp_path, sweep=a_small_sweep())
    assert_same_sweep(open_result(run).sweep, a_small_sweep())
    assert not list(run.glob(".zarr.json*"))


@pytest.mark.parametrize(("call", "expected"), [(1, "run-1"), (2, "run-2")])
def test_a_crash_while_publishing_leaves_the_old_or_the_new_run(
    tmp_path, monkeypatch, call, expected
):
    a_run(tmp_path, "run-1", a_small_sweep())
    Output(tmp_path).publish(Output(tmp_path).run("run-1"))
    a_run(tmp_path, "run-2", a_small_sweep(seed=1))
    with monkeypatch.context() as patch:
        _crash_at(patch, atomic_writes.Path, "replace", call)
        with pytest.raises(Crash):
            Output(tmp_path).publish(Output(tmp_path).run("run-2"))
    assert open_result(tmp_path).path.stem == expected
    Output(tmp_path).publish(Output(tmp_path).run("run-2"))
    assert open_result(tmp_path).path.stem == "run-2"
    assert os.readlink(tmp_path / "latest.zarr") == "runs/run-2.zarr"
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "latest.json", "latest.zarr"}


def test_without_symbolic_links_the_pointer_is_enough(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise PermissionError("no links here")

    a_run(tmp_path)
    monkeypatch.setattr(atomic_writes.Path, "symlink_to", refuse)
    Output(tmp_path).publish(Output(tmp_path).run("run-1"))
    assert "could not be linked: no links here" in caplog.text
    assert open_result(tmp_path).path.stem == "run-1"


def test_complete_runs_are_never_rewritten(tmp_path):
    a_run(tmp_path)
    with pytest.raises(OutputError, match="is complete and never rewritten"):
        Output(tmp_path).start("run-1")


def test_output_that_cannot_be_created(tmp_path):
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", Path("/proc/output")):
        with pytest.raises(OutputError, match=r"cannot be created.*Choose an output"):
            Output(output).start("r")


@pytest.mark.parametrize("run_id", ["", "..", "a/b", ".hidden", "a b"])
def test_run_names_stay_inside_the_output(tmp_path, run_id):
    with pytest.raises(OutputError, match="no name of a run"):
        Output(tmp_path).start(run_id)


def test_failure_to_write_is_a_storage_error(tmp_path, monkeypatch):
    run = Output(tmp_path).start("r")
    create_assignments(run, 4, 3, ["labels"], 4)
    (run / "assignments" / "labels" / "c").write_text("in the way")
    with pytest.raises(StorageError, match=r"assignments/labels cannot be read or written"):
        write_rows(run, "labels", 0, np.zeros(4, np.int16))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(commit, "sync_tree", full)
    with pytest.raises(StorageError, match=r"No space left on device.*free space"):
        commit_run(Output(tmp_path).start("s"), RunContents(a_sweep(), NAMES, {}))
    assert not Output(tmp_path).run("s").is_complete


def test_attributes_must_be_finite_json(tmp_path):
    run = Output(tmp_path).start("r")
    for value in (float("nan"), object()):
        with pytest.raises((ValueError, TypeError)):
            commit_run(run, RunContents(a_sweep(), NAMES, {"value": value}))
    assert list(run.iterdir()) == []


@pytest.mark.parametrize(
    "pointer", ["", "[]", "{}", '{"run_id": 3}', '{"run_id": "../x"}', '{"run_id": "gone"}']
)
def test_damaged_pointers_say_so(tmp_path, pointer):
    (tmp_path / "latest.json").write_text(pointer)
    with pytest.raises((OutputError, InputNotFoundError), match=r"latest\.json|no name of a run"):
        open_result(tmp_path)


def change_root(run, **attributes):
    root = run / "zarr.json"
    document = json.loads(root.read_text())
    document["attributes"] |= attributes
    root.write_text(json.dumps(document))


def test_a_result_of_a_newer_format_is_refused_as_such(tmp_path):
    run = a_run(tmp_path)
    change_root(run, format_version=FORMAT_VERSION + 1, versions={"dgmm": "9.1"})
    match = r"run-1.zarr was written by a newer dgmm \(9.1\), in format 3; this one .* up to 2\."
    with pytest.raises(OutputError, match=match):
        open_result(run)
    told = CliRunner().invoke(command, ["report", str(run)])
    assert (told.exit_code, told.output.count("\n")) == (73, 1)
    assert "was written by a newer dgmm (9.1)" in told.output
    with pytest.raises(OutputError, match="was written by a newer dgmm"):
        GaussianMixture.from_zarr(run)


def test_a_result_of_an_earlier_format_opens(tmp_path):
    run = a_run(tmp_path)
    change_root(run, format_version=1)
    assert_same_sweep(open_result(run).sweep, a_sweep())


def test_what_is_no_result(tmp_path):
    with pytest.raises(InputNotFoundError, match="nothing at"):
        open_result(tmp_path / "nowhere")
    with pytest.raises(InputNotFoundError, match="holds no complete run"):
        open_result(tmp_path)
    zarr.create_group(tmp_path / "other.zarr")
    with pytest.raises(
        OutputError, match="is no result of dgmm; expected a group whose format is dgmm"
    ):
        open_result(tmp_path / "other.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(StorageError, match=r"broken\.zarr cannot be read"):
        open_result(tmp_path / "broken.zarr")


@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple),
    block=st.lists(st.integers(1, 7), min_size=3, max_size=3),
    most=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_parts_of_blocks_in_any_order_fill_a_grid(tmp_path_factory, shape, block, most, seed):
    random = np.random.default_rng(seed)
    block = tuple(min(pair) for pair in zip(shape, block, strict=False))
    grid = Grid(tuple("tyx"[: len(shape)]), shape, block)
    chunk = chunk_shape(shape, block, most)
    run = Output(tmp_path_factory.mktemp("output")).start("r")
    schema = AssignmentSchema(("labels", "responsibilities"), (0, 1))
    assignment_arrays.create_assignments(run, grid, schema, chunk)
    table = random.random((*shape, 2)).astype(np.float32)
    writer_ = AssignmentWriter(run, schema, grid, chunk)
    parts, start = [], 0
    for number, n_rows in enumerate(grid.block_rows):
        rows = table[grid.region(number)].reshape(-1, 2)
        found = list(writer_.parts(start, n_rows))
        assert [first for first, _ in found] == [start, *(stop for _, stop in found[:-1])]
        assert found[-1][1] == start + n_rows
        parts += [(first, rows[first - start : stop - start]) for first, stop in found]
        start += n_rows
    assert start == math.prod(shape)
    for i in random.permutation(len(parts)):
        first, rows = parts[i]
        assert not writer_.has(first, first + len(rows))
        writer_(first, RowPosteriors(np.zeros(len(rows)), rows.astype(np.float64)))
        assert writer_.has(first, first + len(rows))
    stored = zarr.open_array(run / "assignments" / "responsibilities", mode="r")
    np.testing.assert_array_equal(stored[...], table)
    labels = zarr.open_array(run / "assignments" / "labels", mode="r")
    np.testing.assert_array_equal(labels[...], table.argmax(axis=-1))


def test_a_result_is_short_at_the_prompt(tmp_path):
    result = open_result(a_run(tmp_path))
    heading, *facts = repr(result).splitlines()
    assert heading == "<Result: 2 features, diag-3 by bic of 4 candidates>"
    assert f"  path:    {result.path}" in facts
    assert "  weights: 0: 0.5, 1: 0.3, 2: 0.2" in facts
    assert len(repr(result)) < 1_000
    page = result._repr_html_()
    assert page.startswith("<b>&lt;Result: 2 features")
    assert all(fact in page for fact in facts)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(28, "No space left on device"), r"Check free space, quota and permissions\.$"),
        (ValueError("checksum"), r"It may be damaged: check it if it was copied"),
    ],
)
def test_advice_about_storage_follows_the_error(error, advice):
    with pytest.raises(StorageError, match=advice), storage_failures("place"):
        raise error
