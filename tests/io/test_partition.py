import math
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.io.grid import Grid
from dgmm.io.partition import block_shape, chunk_shape, partition_bounds

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


def cut_table(parts, row_bytes, size):
    """The grid of a table in parts of these numbers of rows, and the extent of its chunks."""
    stored = (0, *accumulate(parts))
    bounds, unit = partition_bounds(stored, row_bytes, size, 10**6)
    shape, largest = (stored[-1],), max(stop - start for start, stop in pairwise(bounds))
    grid = Grid(("sample",), shape, (largest,), bounds, unit)
    return grid, chunk_shape(shape, grid.common_shape, 2**18)[0]


parts_of_tables = st.lists(st.integers(1, 60_000), min_size=1, max_size=12)


@given(
    before=parts_of_tables,
    added=parts_of_tables,
    row_bytes=st.integers(1, 200),
    size=st.integers(1_000, 10**6),
)
def test_parts_added_to_a_table_change_its_last_block_alone(before, added, row_bytes, size):
    (first, chunk), (second, now) = (
        cut_table(parts, row_bytes, size) for parts in (before, before + added)
    )
    kept = first.bounds[:-1]
    assert second.bounds[: len(kept)] == kept
    if len(kept) > 1:  # else its only block is the last
        assert now == chunk


small_parts = st.lists(st.integers(1, 10_000), min_size=1, max_size=12)


@given(before=small_parts, added=small_parts)
def test_small_tables_that_grow_keep_their_default_blocks(before, added):
    first, second = (cut_table(parts, 64, None)[0] for parts in (before, before + added))
    assert second.bounds[: len(first.bounds) - 1] == first.bounds[:-1]


@given(parts=parts_of_tables, row_bytes=st.integers(1, 200), size=st.integers(1_000, 10**6))
def test_blocks_of_a_table_cover_it_in_whole_chunks(parts, row_bytes, size):
    grid, chunk = cut_table(parts, row_bytes, size)
    assert (grid.bounds[0], grid.bounds[-1]) == (0, sum(parts))
    assert all(start < stop for start, stop in pairwise(grid.bounds))
    assert all(bound % grid.unit == bound % chunk == 0 for bound in grid.bounds[1:-1])
    assert grid.block_shape[0] <= max(1, 2 * (size // row_bytes))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([15_000], (0, 15_000)),  # less than twice what is wanted
        ([30_000], (0, 7_680, 15_360, 23_040, 30_000)),  # steps of 15 units of 512 rows
        ([30_000, 9_000], (0, 7_680, 15_360, 23_040, 30_208, 39_000)),
        ([19_000], (0, 7_680, 19_000)),  # the rest is too small for two
        ([3_000, 3_000, 3_000], (0, 6_144, 9_000)),
    ],
)
def test_blocks_of_a_table_that_wants_8000_rows(parts, expected):
    assert cut_table(parts, 1, 8_000)[0].bounds == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([10**6], (0, 253_952, 507_904, 761_856, 10**6)),  # and not 31 pieces, each read from there
        ([2**20] * 3, range(0, 3 * 2**20 + 1, 2**18)),
        ([2**20] * 4, range(0, 2**22 + 1, 2**19)),
        ([2**20] * 8, range(0, 2**23 + 1, 2**20)),  # enough tasks
        ([2**22], range(0, 2**22 + 1, 2**19)),  # 32 MiB each
    ],
)
def test_default_blocks_of_a_table_are_few_pieces_of_its_parts(parts, expected):
    assert cut_table(parts, 64, None)[0].bounds == tuple(expected)
