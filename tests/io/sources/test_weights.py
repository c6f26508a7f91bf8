"""Weights of rows, and features chosen by name, from the formats that have them."""

import numpy as np
import pytest
import zarr

from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import ConfigurationError, DataError, InputNotFoundError, advise
from dgmm.io.sources.selection import Selection, Weights
from dgmm.io.sources.source import open_source
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import loads
from dgmm.run.run_plan import plan_run
from tests.engine.recording import SYNCHRONOUS

N = 60


@pytest.fixture
def rows():
    return np.random.default_rng(4).normal(size=(N, 3))


@pytest.fixture
def weights():
    return np.random.default_rng(5).uniform(0.5, 2, size=N)


@pytest.fixture
def group(tmp_path, rows, weights):
    path = tmp_path / "g.zarr"
    root = zarr.create_group(path)
    root.create_array("cells", data=rows, chunks=(7, 2), dimension_names=("cell", "band"))
    root.create_array("w", data=weights, chunks=(11,), dimension_names=("cell",))
    root.create_array("short", data=weights[1:])
    names = root.create_array("band", shape=(3,), dtype=str, dimension_names=("band",))
    names[...] = np.array(["red", "green", "blue"], dtype=object)
    return path


def opened(path, weights=None, columns=(), **options):
    selection = Selection(columns=columns, weights=weights)
    return open_source(path, selection=selection, partition_size=13 * 24, **options)


def values(array):
    return array.compute(scheduler="synchronous")


def test_an_array_of_the_same_group_holds_the_weights(group, rows, weights):
    source = opened(group, Weights("w"))
    assert source.weights.chunks == source.blocks.chunks[:1]
    assert source.weights.npartitions > 2
    np.testing.assert_array_equal(values(source.weights), weights)
    np.testing.assert_array_equal(values(source.blocks), rows)


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_weights_may_lie_elsewhere_and_in_another_format(group, weights, tmp_path, shape):
    np.save(tmp_path / "w.npy", weights.reshape(shape))
    elsewhere = (Weights(path=str(tmp_path / "w.npy")), Weights("w", str(group)))
    for place in elsewhere:
        np.testing.assert_array_equal(values(opened(group, place).weights), weights)


def test_weights_are_part_of_what_is_read(group, tmp_path, weights):
    np.save(tmp_path / "w.npy", weights)
    plain, weighted = opened(group), opened(group, Weights(path=str(tmp_path / "w.npy")))
    np.save(tmp_path / "w.npy", weights + 1)
    changed = opened(group, Weights(path=str(tmp_path / "w.npy")))
    fingerprints = {plain.fingerprint, weighted.fingerprint, changed.fingerprint}
    assert len(fingerprints) == 3
    assert len({weighted.weights.name, changed.weights.name}) == 2
    assert weighted.n_bytes_stored == plain.n_bytes_stored + (tmp_path / "w.npy").stat().st_size


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        (Weights("short"), DataError, r"weights short of .*g\.zarr have shape \(59,\), expected"),
        (Weights("cells"), DataError, r"weights cells of .* have shape \(60, 3\)"),
        (Weights("band"), DataError, r"weights band of .* holds values of dtype"),
        (Weights("none"), ConfigurationError, r"no array 'none'"),
        (Weights(path="/nowhere/w.npy"), InputNotFoundError, "nothing at /nowhere"),
    ],
)
def test_weights_that_are_none_are_refused(group, place, error, message):
    with pytest.raises(error, match=message):
        opened(group, place)


def test_a_single_array_has_no_weights_beside_it(group, tmp_path, rows):
    np.save(tmp_path / "x.npy", rows)
    for path in (tmp_path / "x.npy", group / "cells"):
        with pytest.raises(ConfigurationError, match=r"weights: \{path: PLACE\}"), advise(REMEDIES):
            opened(path, Weights("w"))


def test_columns_of_a_zarr_table_have_the_names_of_their_coordinate(group, rows):
    assert opened(group).feature_names == ("red", "green", "blue")
    chosen = opened(group, columns=("blue", "red"))
    assert chosen.feature_names == ("blue", "red")
    np.testing.assert_array_equal(values(chosen.blocks), rows[:, [2, 0]])
    with pytest.raises(ConfigurationError, match=r"no column 'pink'. It has red, green, blue\."):
        opened(group, columns=("pink",))
    with pytest.raises(ConfigurationError, match="no names for its columns"):
        opened(group / "cells", columns=("red",))


def test_bands_of_an_image_are_chosen_by_name(tmp_path):
    from PIL import Image

    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    source = opened(tmp_path / "x.png", columns=("blue", "green"))
    assert source.feature_names == ("blue", "green")
    np.testing.assert_array_equal(values(source.blocks), pixels.reshape(20, 3)[:, [2, 1]])


@pytest.mark.parametrize("written", ["w", "{variable: w}", "{path: W, variable: w}"])
def test_a_run_has_the_weights_that_its_configuration_names(
    group, rows, weights, tmp_path, written
):
    written = written.replace("W", str(group))
    text = f"""
    input: {{path: {group}, weights: {written}, columns: [green, red]}}
    model: {{n_components: 2}}
    output: {{path: {tmp_path / "out"}, report: false}}
    """
    dataset = plan_run(loads(text)).dataset
    assert dataset.feature_names == ("green", "red")
    options = FitOptions((("full", 1),), n_init=1)
    best = fit(dataset, options, SYNCHRONOUS).sweep.selected
    mean = np.average(rows[:, [1, 0]], axis=0, weights=weights)
    np.testing.assert_allclose(best.parameters.means, [mean], rtol=1e-12)
