"""The command meets every bad array with the documented rule: numbers, or a clean refusal."""

import json
import re

import numpy as np
import pytest
import zarr
from click.testing import CliRunner

from dgmm.cli import dgmm as command
from dgmm.io.results.result import open_result
from tests.bad_arrays import FITTED, NOT_NUMBERS, REFUSED, SAME_BITS, plain

ALL = ["labels", "log_density"]


def stored(rows, path, kind):
    """Store rows in a format."""
    if kind == "npy":
        np.save(path / "x.npy", rows, allow_pickle=True)
        return path / "x.npy"
    array = zarr.create_array(
        str(path / "x.zarr"),
        shape=rows.shape,
        chunks=tuple(max(1, -(-extent // 2)) for extent in rows.shape),
        dtype=rows.dtype,
        zarr_format=2 if rows.dtype.kind in "USMmV" else 3,  # which has no such types yet
        config={"write_empty_chunks": True},
    )
    if rows.size:
        array[...] = rows
    return path / "x.zarr"


def run(path, *, tmp_path, numbers="[1, 3]"):
    model = {"covariance_type": "full", "n_init": 1, "max_iter": 3}
    settings = {
        "input": {"path": str(path)},
        "model": {"n_components": json.loads(numbers), **model},
        "output": {"path": str(tmp_path / path.suffix), "assignments": ALL, "report": False},
        "cluster": {"kind": "threads", "threads": 1},
    }
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps(settings))
    arguments = ["run", str(config), "--log-format", "json"]
    result = CliRunner().invoke(command, arguments, prog_name="dgmm")
    return result, [json.loads(line) for line in result.stderr.splitlines()]


EXPECTED = (
    "Constant features|No candidate is sound|The features .* are linearly dependent|There are only|"
    r"\d of \d candidates collapsed"
)


def fitted(path, tmp_path, numbers="[1, 3]"):
    result, said = run(path, tmp_path=tmp_path, numbers=numbers)
    assert result.exit_code == 0, result.output
    warned = [line["message"] for line in said if line["level"] == "warning"]
    assert all(re.match(EXPECTED, text) for text in warned), warned
    return open_result(tmp_path / path.suffix)


def numbers_of(found):
    for candidate in found.sweep.results:
        mixture = candidate.parameters
        yield from (mixture.weights, mixture.means, mixture.covariances)
        yield from (np.array(candidate.trace), mixture.precisions_cholesky)
        yield np.array([candidate.log_likelihood, candidate.bic, candidate.aic, candidate.icl])
    yield from (found.assignments[name][...] for name in ALL)


@pytest.mark.parametrize("kind", ["npy", pytest.param("zarr", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", FITTED)
def test_a_run_ends_in_numbers(tmp_path, name, kind):
    found = fitted(stored(FITTED[name], tmp_path, kind), tmp_path)
    assert all(np.isfinite(numbers).all() for numbers in numbers_of(found))
    assert (found.assignments["labels"][...] >= 0).all()
    if name == "fewer distinct rows than components":
        statuses = {r.candidate.n_components: r.status.value for r in found.sweep.results}
        assert statuses == {1: "converged", 3: "degenerate"}
        assert found.sweep.selected.candidate.n_components == 1


SIMILAR = {"int64", "big-endian float32", "big-endian int16"}  # to others of them
LAYOUTS = {"Fortran order", "every second row and column backwards", "read-only", "unaligned"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "npy") for name in SAME_BITS if name in LAYOUTS]  # Zarr keeps values only
    + [
        pytest.param(name, "zarr", marks=pytest.mark.slow if name in SIMILAR else ())
        for name in SAME_BITS
        if name not in LAYOUTS
    ]
    + [
        pytest.param(name, "npy", marks=pytest.mark.slow)
        for name in SAME_BITS
        if name not in LAYOUTS
    ],
)
def test_a_run_gives_the_bits_of_float64(tmp_path, name, kind):
    rows = SAME_BITS[name]
    (tmp_path / "plain").mkdir()
    as_stored = fitted(stored(rows, tmp_path, kind), tmp_path, "3")
    as_float64 = fitted(stored(plain(rows), tmp_path / "plain", kind), tmp_path / "plain", "3")
    for ours, theirs in zip(numbers_of(as_stored), numbers_of(as_float64), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def refused(result, said):
    assert result.exit_code == 65, result.output
    assert result.stdout == ""
    assert said[-1]["event"] == "failed"
    return said[-1]["message"]


@pytest.mark.parametrize("kind", ["npy", "zarr"])
@pytest.mark.parametrize("name", NOT_NUMBERS)
def test_a_run_refuses_what_is_no_number_by_its_dtype(tmp_path, name, kind):
    rows = NOT_NUMBERS[name]
    if kind == "zarr" and name == "object":
        (tmp_path / "x.zarr").mkdir()
        (tmp_path / "x.zarr" / ".zarray").write_text(OBJECTS)
        path = tmp_path / "x.zarr"
    else:
        path = stored(rows, tmp_path, kind)
    message = refused(*run(path, tmp_path=tmp_path))
    assert str(path) in message
    assert f"dtype {rows.dtype}" in message or name == "object"


OBJECTS = json.dumps(
    {"zarr_format": 2, "shape": [20, 3], "chunks": [5, 3], "dtype": "|O", "fill_value": None,
     "order": "C", "compressor": None, "filters": [{"id": "vlen-utf8"}]}
)  # fmt: skip


@pytest.mark.parametrize("kind", ["npy", "zarr"])
@pytest.mark.parametrize("name", REFUSED)
def test_a_run_refuses_what_cannot_be_fitted(tmp_path, name, kind):
    rows, expected = REFUSED[name]
    if kind == "zarr" and rows.ndim == 0:
        zarr.create_array(str(tmp_path / "x.zarr"), shape=(), dtype="f8")
        path = tmp_path / "x.zarr"
    else:
        path = stored(rows, tmp_path, kind)
    assert re.search(expected, refused(*run(path, tmp_path=tmp_path)))
    assert not list(tmp_path.rglob("*/latest*"))


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "[0, 1]"])
def test_a_run_refuses_numbers_of_components_that_are_none(tmp_path, number):
    path = stored(FITTED["all rows equal"], tmp_path, "npy")
    result, _ = run(path, tmp_path=tmp_path, numbers=number)
    assert result.exit_code == 78


DECLARED = json.dumps(
    {"zarr_format": 2, "shape": [2**39, 16], "chunks": [100_000, 16], "dtype": "<f8",
     "fill_value": 0, "order": "C", "compressor": None, "filters": None}
)  # fmt: skip


def test_64_terabytes_that_are_declared_and_not_there_are_refused_at_once(tmp_path):
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "x.zarr" / ".zarray").write_text(DECLARED)
    message = refused(*run(tmp_path / "x.zarr", tmp_path=tmp_path))
    assert "There is no chunk" in message
    assert "x.zarr/0.0 (rows 0 to 99999)" in message
