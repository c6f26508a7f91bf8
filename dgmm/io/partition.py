"""How many rows a task reads: a function of the dataset alone, so that results are too.

Sums depend on the partitions in their last bits; a rule that knew the cluster would give other
results on other machines.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

TARGET_BYTES = 32 * 2**20  # a task then computes long enough to make Dask's 2 ms small
LARGEST_BYTES = 256 * 2**20
_TASKS_WANTED_AT_MOST = 1_000
_TASKS_WANTED_AT_LEAST = 16
_ROWS_WORTH_A_TASK = 8_192
_PARTS_TRIED = 1_000
_LARGEST_UNIT = 2**18
_UNITS = 8  # at least, in a usual partition


def rows_per_partition(
    n_rows: int, row_bytes: int, storage_rows: int, partition_size: int | None = None
) -> int:
    """Rows in each partition but the last.

    A multiple of the rows that storage keeps together, so that nothing is read twice; only where
    these are more than twice what is wanted are they split.

    Parameters
    ----------
    n_rows, row_bytes : int
        Size of the dataset, at least 1 each.
    storage_rows : int
        Rows that storage keeps together, at least 1.
    partition_size : int, optional
        Bytes wanted. The default is 32 MiB; more, up to 256 MiB, where these would be more than
        1,000 tasks; less, down to 8,192 rows, where they would be fewer than 16.

    Returns
    -------
    int
        At least 1, at most ``n_rows``.
    """
    if partition_size is None:
        wanted, most = _default_rows(n_rows, row_bytes)
    else:
        wanted = most = max(1, partition_size // row_bytes)
    if storage_rows > 2 * wanted:
        rows = _even_part(storage_rows, wanted)
    else:
        rows = storage_rows * _multiple(wanted, most, storage_rows)
    return min(rows, n_rows)


def partition_bounds(
    storage_bounds: Sequence[int],
    row_bytes: int,
    partition_size: int | None,
    at_most: int,
) -> tuple[int, ...]:
    """Where partitions of a table begin that is stored in parts of different sizes.

    Partitions are runs of whole parts, their bounds rounded up to a multiple of a power of two, so
    that whatever is written for their rows can lie in chunks of equal size. The rows up to there
    are read from the head of the next part. Parts more than twice as large as is wanted are split.

    Parameters
    ----------
    storage_bounds : sequence of int
        Where each part begins, and the number of rows.
    row_bytes : int
    partition_size : int, optional
        As for `rows_per_partition`.
    at_most : int
        Partitions; the bounds of one more are found where there would be too many.

    Returns
    -------
    tuple of int
        The first is 0, the last, unless there are too many, the number of rows.
    """
    n_rows = storage_bounds[-1]
    if partition_size is None:
        wanted, most = _default_rows(n_rows, row_bytes)
    else:
        wanted = most = max(1, partition_size // row_bytes)
    unit = 1 << max(1, min(wanted // _UNITS, _LARGEST_UNIT)).bit_length() - 1
    rounded = sorted({min(-(-bound // unit) * unit, n_rows) for bound in storage_bounds})
    return (0, *islice(_cuts(rounded, wanted, most, unit), at_most + 1))


def _cuts(bounds: Sequence[int], wanted: int, most: int, unit: int) -> Iterator[int]:
    """Where partitions end."""
    start = 0
    while start < bounds[-1]:
        after = bisect_right(bounds, start + wanted)
        end = bounds[after - 1]
        if end < min(start + wanted, bounds[-1]) and bounds[after] <= start + most:
            end = bounds[after]
        if end <= start:
            end = bounds[after]
            if end - start > 2 * wanted:
                part = _even_part(end - start, wanted)
                end = start + -(-part // unit) * unit
        yield end
        start = end


def _default_rows(n_rows: int, row_bytes: int) -> tuple[int, int]:
    """Rows wanted, and how many more are acceptable to keep whole what storage keeps together."""
    usual = max(1, TARGET_BYTES // row_bytes)
    largest = max(1, LARGEST_BYTES // row_bytes)
    needed = math.ceil(n_rows / _TASKS_WANTED_AT_MOST)
    if needed > usual:
        return min(needed, largest), largest
    shared = max(_ROWS_WORTH_A_TASK, n_rows // _TASKS_WANTED_AT_LEAST)
    return min(usual, shared), min(usual, shared)


def _multiple(wanted: int, most: int, storage_rows: int) -> int:
    """How many storage units: rounded up if ``most`` allows it, else down, but at least one."""
    return max(1, min(math.ceil(wanted / storage_rows), most // storage_rows))


def _even_part(storage_rows: int, wanted: int) -> int:
    """At most ``wanted`` rows that divide ``storage_rows`` if a few more parts make that possible.

    Otherwise nearly even parts, some of which lie in two storage units.
    """
    fewest = math.ceil(storage_rows / wanted)
    candidates = range(fewest, min(2 * fewest, fewest + _PARTS_TRIED))
    parts = next((parts for parts in candidates if storage_rows % parts == 0), fewest)
    return math.ceil(storage_rows / parts)
