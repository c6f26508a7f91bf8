import pytest
from hypothesis import given
from hypothesis import strategies as st

from dgmm.io.partition import rows_per_partition

MiB = 2**20
sizes = st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("n_rows", "row_bytes", "storage_rows", "expected"),
    [
        (125_000_000, 64, 500_000, 500_000),  # 30.5 MiB: the chunk nearest below 32 MiB
        (1_000_000, 64, 1_000, 62_000),  # small: 16 parts, whole chunks, rounded down
        (273_280, 3, 640, 16_640),  # a photograph: rows of pixels are kept whole
        (10_000, 64, 1, 8_192),  # too few rows for 16 tasks worth their cost
        (100, 64, 1, 100),  # one task
        (1_000_000_000, 128, 1, 1_000_000),  # 119 GiB: 1,000 tasks of 122 MiB
        (10**10, 128, 1, 2_097_152),  # 1.2 TiB: no task above 256 MiB
        (10**9, 128, 1_500_000, 1_500_000),  # needed 1e6: rounded up, 667 tasks
        (1_000_000, 64, 1_000_000, 62_500),  # one chunk: split into 16 even parts
        (10_000_019, 64, 10_000_019, 500_001),  # a prime number of rows has no even parts
        (10**6, 400, 10**6, 62_500),  # wanted 83,886: 12 parts are uneven, 16 are not
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
