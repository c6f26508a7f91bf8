"""Identifiers among the features are warned of, however the rows are cut into blocks."""

import logging
from itertools import pairwise

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm import GaussianMixture, sweep
from dgmm.mixture.identifiers import RisingIntegers, find_identifiers

N = 300
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2)) * 50


def with_column(values):
    return np.column_stack([X[:, 0], values, X[:, 1]])


RISING = {
    "an index": np.arange(N),
    "numbers of customers": np.cumsum(RNG.integers(1, 9, N)) + 1_000_000,
    "times": np.arange(N) * 3_600 + 1_700_000_000,
}
OTHERS = {
    "one repeated": np.maximum(np.arange(N), 1),
    "one out of order": np.r_[np.arange(N - 1), 5],
    "not whole": np.sort(RNG.normal(size=N)),
    "counts": RNG.poisson(4, N),
    "falling at the join": np.r_[np.arange(150), np.arange(150)],
}


@pytest.mark.parametrize("values", [*RISING.values(), *OTHERS.values()], ids=[*RISING, *OTHERS])
@given(cuts=st.lists(st.integers(0, N), max_size=4))
def test_rising_integers_are_found_in_any_blocks(values, cuts):
    rows = with_column(values)
    edges = [0, *sorted(cuts), N]
    blocks = [RisingIntegers.from_rows(rows[a:b]) for a, b in pairwise(edges)]
    whole = sum(blocks[1:], blocks[0])
    is_rising = any(values is each for each in RISING.values())
    np.testing.assert_array_equal(whole.rising, [False, is_rising, False])
    assert whole.n_rows == N


@pytest.mark.parametrize("dtype", ["i4", "u8", "f4", ">f8"])
def test_the_dtype_makes_no_difference(dtype):
    rows = np.stack([np.arange(N), np.arange(N)[::-1]], axis=1).astype(dtype)
    np.testing.assert_array_equal(RisingIntegers.from_rows(rows).rising, [True, False])
    assert not RisingIntegers.from_rows(rows > 5).rising.any()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("customer_id", True),
        ("id", True),
        ("userId", True),
        ("Unnamed: 0", True),
        ("Index", False),
        ("humid", False),
        ("idle", False),
        ("pressure", False),
    ],
)
def test_integers_that_are_all_different_are_found_by_their_name(name, expected):
    shuffled = RNG.permutation(N).astype(float)
    known = RisingIntegers.from_rows(shuffled[:, None])
    assert bool(find_identifiers(known, shuffled[:, None], (name,))) == expected
    twice = np.repeat(shuffled[::2], 2)[:, None]
    assert not find_identifiers(RisingIntegers.from_rows(twice), twice, (name,))


def test_the_estimator_and_the_sweep_warn_of_them(caplog):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": X[:, 0], "customer": RISING["numbers of customers"]})
    for rows in (frame, da.from_array(frame.to_numpy(), chunks=(70, 2))):
        with caplog.at_level(logging.WARNING):
            GaussianMixture(1).fit(rows)
        name = "customer" if rows is frame else "x1"
        assert f"Feature {name!r} looks like an identifier: integers that rise" in caplog.text
        assert "Feature 'a'" not in caplog.text
        caplog.clear()
    with caplog.at_level(logging.WARNING):
        sweep(frame.sample(frac=1, random_state=0).rename(columns={"customer": "row"}), 1)
    assert "Feature 'row' looks like an identifier: integers, all different" in caplog.text
