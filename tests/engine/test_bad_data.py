"""Data that cannot be fitted are refused, with the place and the remedy."""

import re

import dask.array as da
import numpy as np
import pytest

from dgmm.engine.dataset import Dataset
from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import DataError
from tests.engine.recording import SYNCHRONOUS, dataset_of, in_blocks

FULL_2 = FitOptions((("full", 2),))


def rows_of(n_rows=20, n_features=3):
    return np.random.default_rng(0).normal(size=(n_rows, n_features))


def refused(match, dataset, options=FULL_2):
    with pytest.raises(DataError, match=match) as caught:
        fit(dataset, options, SYNCHRONOUS)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("dtype", ["f2", ">f4", "f8"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_place(dtype, value):
    rows = rows_of().astype(dtype)
    rows[13, 2] = rows[17, 0] = value
    place = re.escape(f"The first: row 13 column 'x2' ({value}), row 17 column 'x0' ({value}).")
    advice = "Remove or fill these rows" if np.isnan(value) else "Infinite values do not count"
    refused(
        f"2 values that are NaN or infinite; .* {place} {advice}", dataset_of(rows, (5, 0, 10, 5))
    )


def test_places_are_named_by_the_features_own_names():
    rows = rows_of()
    rows[3, 1] = np.nan
    dataset = Dataset.from_array(in_blocks(rows, (20,)), None, ("red", "green", "blue"))
    refused("row 3 column 'green'", dataset)


def test_only_the_first_places_are_named_and_all_are_counted():
    with pytest.raises(DataError, match=r"3,000 values") as caught:
        fit(dataset_of(np.full((1000, 3), np.nan), (100,) * 10), FULL_2, SYNCHRONOUS)
    assert str(caught.value).count("row ") == 5


@pytest.mark.parametrize("value", [-1.0, -1e-300, np.nan, np.inf])
def test_weights_that_are_negative_or_not_finite_are_refused_with_their_rows(value):
    weights = np.ones(20)
    weights[[4, 11]] = value
    match = rf"first that are not: row 4 \({value}\), row 11 \({value}\)"
    refused(match, dataset_of(rows_of(), (10, 10), weights))


@pytest.mark.parametrize("dtype", ["f8", "i4", "?"])
def test_weights_that_are_all_zero_are_refused(dtype):
    refused("weights are zero", dataset_of(rows_of(), (10, 10), np.zeros(20, dtype)))


def test_fewer_rows_than_components_are_refused():
    match = r"rows is 3 \(n_samples = 3\); .* n_components = 5"
    refused(match, dataset_of(rows_of(3), (1, 2)), FitOptions((("full", 2), ("tied", 5))))


@pytest.mark.parametrize("value", [1.1e140, -1.1e140, 1.7e308])
def test_values_whose_squares_would_overflow_are_refused(value):
    rows = rows_of()
    rows[7, 1] = value
    refused("'x1' has values up to 1.*e.*; expected at most 1e[+]140", dataset_of(rows, (3, 17)))
    refused("'x1' has values up to", dataset_of(np.repeat(rows, 9, axis=0), (90, 90)))


def no_dataset(match, rows, weights=None, names=None):
    with pytest.raises(DataError, match=match) as caught:
        Dataset.from_array(rows, weights, names)
    assert caught.value.exit_code == 65


@pytest.mark.parametrize("shape", [(6,), (6, 2, 2)])
def test_other_than_two_dimensions_are_refused(shape):
    match = rf"{len(shape)} dimension\(s\), shape {re.escape(str(shape))}; expected two"
    no_dataset(match, da.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_no_rows_and_no_features_are_refused(shape):
    no_dataset(rf"shape {re.escape(str(shape))}; expected at least one", da.zeros(shape))


DTYPES = ["O", "U3", "S3", "M8[s]", "m8[s]", "c8", "c16", [("a", "f8")], np.longdouble]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_values_that_are_not_real_numbers_are_refused_with_their_dtype(dtype):
    dtype = np.dtype(dtype)
    if dtype.itemsize <= 8 and dtype.kind == "f":
        pytest.skip("long doubles of this machine have 64 bits")
    match = re.escape(f"dtype {dtype}; expected boolean, integer, or floating")
    no_dataset(match, in_blocks(np.zeros((4, 2), dtype), (2, 2)))


def test_blocks_of_unknown_size_are_refused():
    rows = in_blocks(rows_of(), (10, 10))
    no_dataset(r"unknown size; .* compute_chunk_sizes\(\)", rows[rows[:, 0] > 0])


@pytest.mark.parametrize(
    "weights",
    [
        da.ones(19),
        da.ones((20, 1)),
        da.ones(20, dtype="c16"),
        in_blocks(np.ones(20, object), (20,)),
    ],
    ids=["too few", "a column", "complex", "objects"],
)
def test_weights_that_do_not_match_are_refused(weights):
    shape = re.escape(f"weights have shape {weights.shape} and dtype {weights.dtype};")
    no_dataset(f"{shape} expected .* shape \\(20,\\)", in_blocks(rows_of(), (20,)), weights)


def test_names_that_do_not_match_are_refused():
    no_dataset("2 feature names for 3 features", in_blocks(rows_of(), (20,)), names=("one", "two"))


@pytest.mark.parametrize("chunks", [(0, 20), (10, 0, 10), (20, 0), (0, 0, 9, 0, 0, 11, 0)])
def test_empty_blocks_change_nothing(chunks):
    rows = rows_of()
    kept = tuple(size for size in chunks if size)
    ours, theirs = (fit(dataset_of(rows, c), FULL_2, SYNCHRONOUS).sweep for c in (chunks, kept))
    assert ours.selected.trace == theirs.selected.trace


def test_features_in_several_blocks_are_put_together():
    rows = da.from_array(rows_of(), chunks=(10, 1))
    dataset = Dataset.from_array(rows)
    assert dataset.rows.chunks == ((10, 10), (3,))
    theirs = fit(dataset_of(rows_of(), (10, 10)), FULL_2, SYNCHRONOUS).sweep
    assert fit(dataset, FULL_2, SYNCHRONOUS).sweep.selected.trace == theirs.selected.trace


def test_a_dataset_knows_its_blocks():
    dataset = dataset_of(rows_of(), (5, 0, 12, 3))
    assert (dataset.n_rows, dataset.n_features, dataset.n_blocks) == (20, 3, 4)
    assert dataset.block_rows == 12
    assert [dataset.bounds(i) for i in range(4)] == [(0, 5), (5, 5), (5, 17), (17, 20)]
    assert dataset.feature_names == ("x0", "x1", "x2")


# Blocks that are not what the array declares


def mapped(function):
    rows = in_blocks(rows_of(), (10, 10))
    return Dataset.from_array(
        da.map_blocks(function, rows, dtype=rows.dtype, chunks=rows.chunks, meta=np.zeros((0, 0)))
    )


LIES = {
    "fewer rows": lambda x: x[:-1],
    "fewer features": lambda x: x[:, :2],
    "one dimension": lambda x: x[:, 0],
    "complex": lambda x: x + 1j,
    "object": lambda x: x.astype(object),
    "text": lambda x: x.astype(str),
    "masked": lambda x: np.ma.masked_greater(x, 0.5),
}


@pytest.mark.parametrize("name", LIES)
def test_blocks_that_are_not_what_the_array_declares_are_refused(name):
    refused("The block of rows (0 to 9|10 to 19) is", mapped(LIES[name]))
