"""What ``dgmm.run`` offers programs: its public names, and the blocks of an input."""

import json
from importlib import import_module

import google_crc32c
import numpy as np
import pytest
import zarr

import dgmm.run
from dgmm import GaussianMixture
from dgmm.errors import DataError
from dgmm.run import Configuration, loads, open_input, run


@pytest.fixture
def configuration(tmp_path) -> Configuration:
    rows = np.random.default_rng(0).normal(size=(400, 2)).astype("f4")
    rows[:200] += 6
    rows[150, 1] = np.nan
    zarr.create_array(tmp_path / "x.zarr", data=rows, chunks=(100, 2))
    return loads(
        json.dumps(
            {
                "input": {
                    "path": str(tmp_path / "x.zarr"),
                    "partition_size": 800,
                    "missing": "drop",
                },
                "model": {"n_components": [1, 2], "covariance_type": "full"},
                "output": {"path": str(tmp_path / "out"), "report": False},
                "cluster": {"kind": "threads"},
            }
        )
    )


@pytest.mark.parametrize("name", dgmm.run.__all__)
def test_a_public_name_is_there(name):
    found = getattr(dgmm.run, name)
    assert found.__name__ == name
    assert found.__doc__
    assert name in dir(import_module("dgmm.run"))


def test_another_name_is_not():
    with pytest.raises(AttributeError, match="no attribute 'everything'"):
        dgmm.run.everything  # noqa: B018


def test_some_blocks_are_fitted_as_a_run_fits_all(configuration):
    opened = open_input(configuration)
    assert (opened.n_rows, opened.n_blocks, opened.block_rows) == (400, 4, 100)
    with opened.on_cluster() as blocks:
        whole = blocks.fit(range(4))
        part = blocks.fit([0, 2])
    ran = run(configuration).sweep
    assert [r.bic for r in whole.sweep.results] == [r.bic for r in ran.results]
    assert (whole.total_weight, part.total_weight) == (399, 200)
    assert part.sweep.selected.candidate.name == "full-2"
    labels = part.assign(part.sweep.selected, np.array([[6.0, 6.0], [0, 0], [6, 6]])).labels
    assert labels[0] == labels[2] != labels[1]


def test_a_block_is_read_without_the_rows_that_lack_a_value(configuration):
    with open_input(configuration).on_cluster() as blocks:
        rows = blocks.read(1)
    assert rows.shape == (99, 2)
    assert rows.dtype == np.float64
    assert np.isfinite(rows).all()


def test_a_checksum_is_of_rows_and_not_of_blocks(configuration, tmp_path):
    rows = zarr.open_array(tmp_path / "x.zarr", mode="r")[:]
    with open_input(configuration).on_cluster() as blocks:
        found = blocks.checksum(50, 350)
        assert blocks.checksum(51, 351) != found
    assert found == google_crc32c.value(np.ascontiguousarray(rows[50:350]).tobytes())


def test_rows_are_folded_in_from_one_on(configuration):
    mixture = GaussianMixture.from_zarr(run(configuration).path)
    with open_input(configuration).on_cluster() as blocks:
        blocks.update(mixture, 350)
        assert (mixture.n_samples_seen_, mixture.n_steps_) == (399 + 50, 1)
        blocks.update(mixture, 100)
        assert mixture.n_samples_seen_ == 449 + 299


def test_rows_that_cannot_be_folded_in_are_named_by_their_place_in_the_input(
    configuration, tmp_path
):
    mixture = GaussianMixture.from_zarr(run(configuration).path)
    zarr.open_array(tmp_path / "x.zarr", mode="r+")[390, 0] = np.inf
    with open_input(configuration).on_cluster() as blocks:
        with pytest.raises(DataError, match="Row 390 has a value that is NaN or infinite"):
            blocks.update(mixture, 350)
        other = GaussianMixture(1).fit(np.random.default_rng(1).normal(size=(10, 3)))
        with pytest.raises(DataError, match="The data have 2 features, x0, x1; the mixture was"):
            blocks.update(other, 0)
