import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.io.partition import block_shape, chunk_shape

MiB = 2**20
sizes = st.integers(1, 10**12)


def rows_per_partition(n_rows, row_bytes, storage_rows, partition_size=None):
    """What is true of tables, which are grids of one dimension."""
    (rows,) = block_shape((n_rows,), row_bytes, (storage_rows,), partition_size)
    return rows


@pytest.mark.parametrize(
    ("n_rows", "row_bytes", "storage_rows", "expected"),
    [
        (125_000_000, 64, 500_000, 500_000),  # 30.5 MiB: the chunk nearest below 32 MiB
        (1_000_000, 64, 1_000, 32_000),  # small: whole chunks below a power of two, 32 parts
        (273_280, 3, 640, 16_000),  # a photograph: rows of pixels are kept whole
        (10_000, 64, 1, 8_192),  # too few rows for 16 tasks worth their cost
        (100, 64, 1, 100),  # one task
        (1_000_000_000, 128, 1, 1_048_576),  # 119 GiB: 954 tasks of 128 MiB
        (10**10, 128, 1, 2_097_152),  # 1.2 TiB: no task above 256 MiB
        (10**9, 128, 1_500_000, 1_500_000),  # wanted 1,048,576: rounded up, 667 tasks
        (1_000_000, 64, 1_000_000, 31_250),  # one chunk: split into 32 even parts
        (10_000_019, 64, 10_000_019, 500_001),  # a prime number of rows has no even parts
        (10**6, 400, 10**6, 31_250),  # wanted 32,768: 31 parts are uneven, 32 are not
    ],
)
def test_default_partitions(n_rows, row_bytes, storage_rows, expected):
    assert rows_per_partition(n_rows, row_bytes, storage_rows) == expected


def test_partition_size_is_obeyed_in_whole_chunks():
    assert rows_per_partition(10**6, 64, 1_000, partition_size=MiB) == 16_000


@given(n_rows=sizes, row_bytes=st.integers(1, 10**6), storage_rows=st.integers(1, 10**9))
def test_chunks_stay_whole_unless_they_are_more_than_twice_what_a_task_may_read(
    n_rows, row_bytes, storage_rows
):
    rows = rows_per_partition(n_rows, row_bytes, storage_rows)
    assert 1 <= rows <= n_rows
    if rows % storage_rows and rows < n_rows:
        assert rows < storage_rows


@given(n_rows=sizes, row_bytes=st.integers(1, 10**5), size=st.integers(1, 10**9))
def test_without_chunks_no_partition_exceeds_its_size(n_rows, row_bytes, size):
    rows = rows_per_partition(n_rows, row_bytes, 1, size)
    assert rows == 1 or rows * row_bytes <= size


@given(
    n_rows=st.integers(2**14, 10**12),
    row_bytes=st.integers(1, 10**5),
    storage_rows=st.integers(1, 2**14),
)
def test_data_that_double_change_their_partitions_once(n_rows, row_bytes, storage_rows):
    sizes = [n_rows + n_rows * part // 40 for part in range(41)]
    found = {n: rows_per_partition(n, row_bytes, storage_rows) for n in sizes}
    assert len({rows for n, rows in found.items() if rows < n}) <= 2


@pytest.mark.parametrize(
    ("shape", "row_bytes", "chunks", "wanted", "expected"),
    [
        ((100, 721, 1440), 4, (1, 721, 1440), 32, (8, 721, 1440)),  # whole maps: 31.7 MiB
        ((100, 721, 1440), 4, (1, 1, 1), 32, (8, 721, 1440)),  # contiguous: the same
        ((100, 721, 1440), 4, (100, 721, 1440), 32, (5, 721, 1440)),  # one chunk: 20 even parts
        ((100, 720, 1440), 4, (100, 90, 180), 32, (100, 90, 720)),  # 4 of 8 chunks
        ((10, 4, 6), 8, (1, 2, 2), 1, (10, 4, 6)),  # all of it is small
        ((3, 10_000, 10_000), 8, (1, 10_000, 10_000), 1, (1, 10, 10_000)),  # maps in strips
        ((2, 5, 10**9), 1, (1, 1, 1), 1, (1, 1, 1_048_219)),  # 954 level parts
        ((5, 7), 1, (100, 100), 1, (5, 7)),  # chunks beyond the edge
    ],
)
def test_blocks_of_a_grid(shape, row_bytes, chunks, wanted, expected):
    assert block_shape(shape, row_bytes, chunks, wanted * MiB) == expected


grids = st.integers(1, 4).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(1, 400), min_size=n, max_size=n)] * 2)
)


@given(grid=grids, row_bytes=st.integers(1, 100), size=st.integers(1, 10**6) | st.none())
def test_blocks_of_a_grid_keep_chunks_whole_or_lie_within_one(grid, row_bytes, size):
    shape, chunks = (tuple(extents) for extents in grid)
    block = block_shape(shape, row_bytes, chunks, size)
    whole = [min(pair) for pair in zip(chunks, shape, strict=True)]
    assert all(1 <= extent <= most for extent, most in zip(block, shape, strict=True))
    multiple = all(
        extent == most or extent % unit == 0
        for extent, most, unit in zip(block, shape, whole, strict=True)
    )
    within = all(extent <= unit for extent, unit in zip(block, whole, strict=True))
    assert multiple or within
    if size is not None and multiple and math.prod(block) > math.prod(whole):
        assert math.prod(block) * row_bytes <= size


@given(grid=grids, most=st.integers(1, 10**6))
def test_chunks_are_runs_of_samples_and_blocks_have_whole_numbers_of_them(grid, most):
    shape, wanted = (tuple(extents) for extents in grid)
    block = tuple(min(pair) for pair in zip(wanted, shape, strict=True))
    chunk = chunk_shape(shape, block, most)
    for extent, size, whole in zip(chunk, block, shape, strict=True):
        assert size % extent == 0 or size == whole  # no other block follows
    cut = [axis for axis, extent in enumerate(chunk) if extent < block[axis]]
    if cut:
        assert all(extent == 1 for extent in chunk[: cut[-1]])
    elif math.prod(block) > most:  # a block without nearly even parts
        assert max(block) > 2
