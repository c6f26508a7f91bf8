import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.io.sources.source import open_source
from dgmm.mixture.parameters import Parameters

SCRIPT = Path(__file__).parents[2] / "scripts" / "simulate" / "make_mixture.py"


def _import_script():
    spec = importlib.util.spec_from_file_location("make_mixture", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_mixture = _import_script()


def made(path, *options):
    make_mixture.main([str(path), *map(str, options)])
    return open_source(path).blocks.compute(scheduler="synchronous")


def truth_of(path):
    return json.loads(path.with_name(path.name + ".truth.json").read_text())


def test_formats_chunks_and_threads_give_the_same_bits(tmp_path):
    common = ("--rows", 25_001, "--features", 3, "--seed", 5)
    one = made(tmp_path / "one.npy", *common, "--chunk-rows", 25_001, "--threads", 1)
    two = made(tmp_path / "two.npy", *common, "--chunk-rows", 777, "--threads", 3)
    three = made(tmp_path / "three.zarr", *common, "--chunk-rows", 6_000)
    four = made(tmp_path / "four.zarr", *common, "--chunk-rows", 9_000, "--no-compress")
    assert one.dtype == np.float32
    assert one.shape == (25_001, 3)
    for other in (two, three, four):
        np.testing.assert_array_equal(one, other, strict=True)
    assert zarr.open_array(tmp_path / "three.zarr", mode="r").chunks == (6_000, 3)
    other_seed = made(tmp_path / "five.npy", *common[:-1], 6)
    assert (other_seed == one).mean() < 0.001


@settings(max_examples=20)
@given(bounds=st.tuples(st.integers(0, 30_000), st.integers(0, 30_000)).map(sorted))
def test_any_rows_are_those_of_the_whole(bounds):
    mixture = make_mixture.Mixture.draw(3, 2, "full", 3.0, seed=1)
    start, stop = bounds
    whole = mixture.rows(0, 30_000, np.dtype("f4"))
    np.testing.assert_array_equal(mixture.rows(start, stop, np.dtype("f4")), whole[start:stop])


@pytest.mark.parametrize("structure", make_mixture.STRUCTURES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rows_have_the_moments_of_the_truth(tmp_path, structure, dtype):
    path = tmp_path / "x.npy"
    options = ("--covariance", structure, "--dtype", dtype, "--separation", 40, "--components", 3)
    rows = made(path, "--rows", 60_000, "--features", 4, *options).astype(np.float64)
    truth = truth_of(path)
    means = np.array(truth["means"])
    nearest = np.linalg.norm(rows[:, None] - means, axis=2).argmin(axis=1)
    parameters = Parameters.from_covariances(
        truth["covariance_type"], np.array(truth["weights"]), means, np.array(truth["covariances"])
    )
    expected = make_mixture.Mixture.draw(3, 4, structure, 40.0, 0).covariances
    np.testing.assert_allclose(np.bincount(nearest) / 60_000, parameters.weights, atol=0.01)
    for k in range(3):
        members = rows[nearest == k]
        np.testing.assert_allclose(members.mean(axis=0), means[k], atol=0.05)
        np.testing.assert_allclose(np.cov(members.T), expected[k], atol=0.1)


def test_separation_is_the_smallest_distance_in_standard_deviations():
    mixture = make_mixture.Mixture.draw(5, 3, "diag", 2.5, seed=2)
    deviation = np.sqrt(np.diagonal(mixture.covariances, axis1=1, axis2=2).mean())
    distances = np.linalg.norm(mixture.means[:, None] - mixture.means, axis=2)
    assert distances[np.triu_indices(5, 1)].min() == pytest.approx(2.5 * deviation)


def test_what_exists_is_replaced_only_when_asked(tmp_path, capsys):
    path = tmp_path / "x.zarr"
    small = ("--rows", 10, "--features", 2)
    made(path, *small)
    with pytest.raises(SystemExit):
        made(path, *small)
    assert "exists; give another path, or --overwrite" in capsys.readouterr().err
    assert made(path, "--rows", 20, "--features", 2, "--overwrite").shape == (20, 2)
    with pytest.raises(SystemExit):
        made(tmp_path / "x.csv")
    assert "expected .zarr or .npy" in capsys.readouterr().err


def test_interrupted_files_are_not_taken_for_whole(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(make_mixture.Mixture, "rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "x.npy", "--rows", 10)
    assert not (tmp_path / "x.npy").exists()
    monkeypatch.undo()
    assert made(tmp_path / "x.npy", "--rows", 10).shape == (10, 16)
    assert {path.name for path in tmp_path.iterdir()} == {"x.npy", "x.npy.truth.json"}
