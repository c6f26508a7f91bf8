"""What ``dgmm.run`` offers programs: its public names, and the blocks of an input."""

import json
from importlib import import_module

import numpy as np
import pytest
import zarr

import dgmm.run
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
                "output": {"path": str(tmp_path / "out")},
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
    assert part.sweep.best.candidate.name == "full-2"
    labels = part.assign(part.sweep.best, np.array([[6.0, 6.0], [0, 0], [6, 6]])).labels
    assert labels[0] == labels[2] != labels[1]


def test_a_block_is_read_without_the_rows_that_lack_a_value(configuration):
    with open_input(configuration).on_cluster() as blocks:
        rows = blocks.read(1)
    assert rows.shape == (99, 2)
    assert rows.dtype == np.float64
    assert np.isfinite(rows).all()
