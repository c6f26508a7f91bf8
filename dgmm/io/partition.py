"""Which samples a task reads: a function of the dataset alone, so that results are too.

The last bits of sums depend on the partitions; a rule that depended on the cluster would give
different results on different machines.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice

TARGET_BYTES = 32 * 2**20  # a task then computes long enough to make Dask's 2 ms small
_LARGEST_BYTES = 256 * 2**20
_TASKS_WANTED_AT_MOST = 1_000
_TASKS_WANTED_AT_LEAST = 16
_ROWS_WORTH_A_TASK = 8_192
_PARTS_TRIED = 1_000
_LARGEST_UNIT = 2**18
_PIECES = 4  # at most, of a part of a table, if memory allows it
_UNITS = 8  # at least, in a usual partition

Shape = tuple[int, ...]


def block_shape(
    shape: Shape, row_bytes: int, storage_chunks: Shape, partition_size: int | None = None
) -> Shape:
    """Extents of every partition but the last ones of each dimension.

    Multiples of the extents that storage keeps together, so that nothing is read twice, of the
    last dimensions first; only where these are more than twice what is wanted are they split, along
    the first dimensions.

    Parameters
    ----------
    shape : tuple of int
        Samples in each of their dimensions, at least 1 each.
    row_bytes : int
        Of one sample, at least 1.
    storage_chunks : tuple of int
        Extents that storage keeps together, at least 1 each.
    partition_size : int, optional
        Bytes wanted. The default is 32 MiB; 64, 128 or 256 MiB where these would be more than
        1,000 tasks; a power of two rows, at least 8,192, where they would be fewer than 16.

    Returns
    -------
    tuple of int
        At least 1, at most ``shape``.
    """
    if partition_size is None:
        wanted, most = _default_rows(math.prod(shape), row_bytes)
    else:
        wanted = most = max(1, partition_size // row_bytes)
    chunk = tuple(min(pair) for pair in zip(storage_chunks, shape, strict=True))
    if math.prod(chunk) > 2 * wanted:
        return _split(chunk, wanted)
    return _join_chunks(shape, chunk, wanted, most)


def partition_bounds(
    storage_bounds: Sequence[int],
    row_bytes: int,
    partition_size: int | None,
    at_most: int,
) -> tuple[tuple[int, ...], int]:
    """Bounds of partitions of a table that is stored in parts of different sizes.

    Partitions are runs of whole parts, their bounds rounded up to a multiple of a power of two, so
    that whatever is written for their rows can lie in chunks of equal size. The rows up to there
    are read from the head of the next part. Parts more than twice as large as is wanted are split,
    at fixed distances from their beginning. So parts that are added to the end leave all bounds
    but the last as they were. Only so that there are more tasks, parts are split into fewer and
    at most four, because a piece is decoded from the head of its part.

    Parameters
    ----------
    storage_bounds : sequence of int
        Where each part begins, and the number of rows.
    row_bytes : int
    partition_size : int, optional
        As for `block_shape`.
    at_most : int
        Partitions; the bounds of one more are found where there would be too many.

    Returns
    -------
    bounds : tuple of int
        The first is 0, the last, unless there are too many, the number of rows.
    unit : int
        The power of two; it depends on the number of rows as `_default_rows` does.
    """
    n_rows = storage_bounds[-1]
    if partition_size is None:
        wanted, most = _default_rows(n_rows, row_bytes)
        longest = max(wanted, TARGET_BYTES // row_bytes)
    else:
        wanted = most = longest = max(1, partition_size // row_bytes)
    unit = 1 << max(1, min(wanted // _UNITS, _LARGEST_UNIT)).bit_length() - 1
    rounded = sorted({min(-(-bound // unit) * unit, n_rows) for bound in storage_bounds})
    return (0, *islice(_cuts(rounded, wanted, most, longest, unit), at_most + 1)), unit


def _cuts(bounds: Sequence[int], wanted: int, most: int, longest: int, unit: int) -> Iterator[int]:
    """Ends of the partitions; pieces of a part have ``wanted`` to ``longest`` rows, about."""
    start = 0
    while start < bounds[-1]:
        after = bisect_right(bounds, start + wanted)
        end = bounds[after - 1]
        if end < min(start + wanted, bounds[-1]) and bounds[after] <= start + most:
            end = bounds[after]
        if end <= start:
            end = bounds[after]
            if end - start > 2 * wanted:
                fewest = -(-(end - start) // (_PIECES * unit)) * unit
                step = min(max(2 * wanted, fewest), longest) // unit * unit
                yield from range(start + step, end - step // 2, step)
        yield end
        start = end


def _default_rows(n_rows: int, row_bytes: int) -> tuple[int, int]:
    """Rows wanted, and how many more are acceptable to keep whole what storage keeps together.

    In steps of two, so that data which grow keep their partitions until they have doubled.
    """
    usual = max(1, TARGET_BYTES // row_bytes)
    largest = max(1, _LARGEST_BYTES // row_bytes)
    needed = math.ceil(n_rows / _TASKS_WANTED_AT_MOST)
    if needed > usual:
        doublings = (math.ceil(needed / usual) - 1).bit_length()
        return min(usual << doublings, largest), largest
    shared = max(_ROWS_WORTH_A_TASK, n_rows // _TASKS_WANTED_AT_LEAST)
    shared = 1 << shared.bit_length() - 1
    return min(usual, shared), min(usual, shared)


def _join_chunks(shape: Shape, chunk: Shape, wanted: int, most: int) -> Shape:
    """Join neighbouring chunks, along the last dimension that they do not fill, then others."""
    block = list(chunk)
    for axis in reversed(range(len(shape))):
        n_chunks = math.ceil(shape[axis] / chunk[axis])
        n_joined = min(n_chunks, _multiple(wanted, most, math.prod(block)))
        if axis > 0 and n_joined < n_chunks:  # the first dimension alone may end in a small rest
            n_joined = math.ceil(n_chunks / math.ceil(n_chunks / n_joined))
        block[axis] = min(n_joined * chunk[axis], shape[axis])
        if block[axis] < shape[axis]:
            break
    return tuple(block)


def _multiple(wanted: int, most: int, storage_rows: int) -> int:
    """Number of storage units: rounded up if ``most`` allows it, else down, but at least one."""
    return max(1, min(math.ceil(wanted / storage_rows), most // storage_rows))


def _split(chunk: Shape, wanted: int) -> Shape:
    """Part of a chunk: along its first dimensions, as few of them as will do."""
    inner = math.prod(chunk)
    for axis, extent in enumerate(chunk):
        inner //= extent
        if inner <= wanted:
            return (*(1,) * axis, _even_part(extent, wanted // inner), *chunk[axis + 1 :])
    return chunk


def _even_part(storage_rows: int, wanted: int) -> int:
    """At most ``wanted`` rows that divide ``storage_rows`` if a few more parts make that possible.

    Otherwise nearly even parts, some of which lie in two storage units.
    """
    fewest = math.ceil(storage_rows / wanted)
    candidates = range(fewest, min(2 * fewest, fewest + _PARTS_TRIED))
    parts = next((parts for parts in candidates if storage_rows % parts == 0), fewest)
    return math.ceil(storage_rows / parts)


def chunk_shape(shape: Shape, block: Shape, most: int) -> Shape:
    """Extents of the chunks in which samples of a block are stored, a whole number to a block.

    They are parts of a block whose samples follow each other: cut along the first dimensions.

    Parameters
    ----------
    shape, block : tuple of int
        Extents of all samples, and of a block of them.
    most : int
        Samples of a chunk, exceeded only where a block has no nearly even parts.
    """
    inner = 1
    for axis in reversed(range(len(block))):
        extent = block[axis]
        if inner * extent > most:
            even = extent < shape[axis]
            part = _even_divisor(extent, most // inner) if even else _level(extent, most // inner)
            return (*(1,) * axis, part, *block[axis + 1 :])
        inner *= extent
    return block


def _level(extent: int, most: int) -> int:
    """The largest extent of parts that differ little; the last may be smaller."""
    return math.ceil(extent / math.ceil(extent / most))


def _even_divisor(extent: int, most: int) -> int:
    """The largest divisor that is at most ``most`` and not much less; else the extent itself."""
    fewest = math.ceil(extent / most)
    parts = next((n for n in range(fewest, 2 * fewest + 1) if extent % n == 0), 1)
    return extent // parts
