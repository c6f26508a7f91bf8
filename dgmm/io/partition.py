"""How many rows a task reads: a function of the dataset alone, so that results are too.

Sums depend on the partitions in their last bits; a rule that knew the cluster would give other
results on other machines.
"""

import math

TARGET_BYTES = 32 * 2**20  # a task then computes long enough to make Dask's 2 ms small
LARGEST_BYTES = 256 * 2**20
_TASKS_WANTED_AT_MOST = 1_000
_TASKS_WANTED_AT_LEAST = 16
_ROWS_WORTH_A_TASK = 8_192
_PARTS_TRIED = 1_000


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
