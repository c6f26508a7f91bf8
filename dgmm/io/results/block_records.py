"""Records of every block of a run, which later runs on grown data reuse: ``blocks/``.

One number after the other, one chunk a block: where it lies, its checksum, and the sums over its
rows. A task writes what it found in one step, and a task of a later run reads no more than its own.
"""

from dataclasses import dataclass

import numpy as np
import zarr

from dgmm.errors import StorageError
from dgmm.io.grid import Region
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import (
    ROOT_METADATA,
    create_array,
    open_for_writing,
    storage_failures,
    zarr_store,
)
from dgmm.mixture.assignment_statistics import AssignmentStatistics

_LAYOUT = (
    "first sample and end in each dimension; CRC-32C of rows and weights; "
    "log-likelihood; weight of outliers; of each component: labelled rows, then sizes; "
    "of each component and feature: sums of deviations from the mean, then of their squares; "
    "of each component: histogram of squared Mahalanobis distances, then sums of their squares; "
    "entropy of 1, 2, ... clusters; "
    "of each merger: sizes of its two clusters, then how much of them is confused"
)


@dataclass(frozen=True, slots=True, eq=False)
class BlockRecord:
    """The record of one block.

    Attributes
    ----------
    region : tuple of slice
        Its samples.
    checksum : int
        Of its rows and weights.
    sums : AssignmentStatistics
    """

    region: Region
    checksum: int
    sums: AssignmentStatistics


def create_blocks(run: AnyPath, n_blocks: int, n_dims: int, shape: tuple[int, int]) -> None:
    """Create arrays for the records of so many blocks; existing ones are replaced.

    Parameters
    ----------
    run : Path or StorePath
    n_blocks : int
    n_dims : int
        Of the samples.
    shape : (int, int)
        Components and features.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    n_values = 2 * n_dims + 1 + sum(part.size for part in AssignmentStatistics.zero(*shape).arrays)
    path = blocks_path(run)
    with storage_failures(path):
        create_array(
            path,
            shape=(n_blocks, n_values),
            chunks=(1, n_values),
            dtype="float64",  # which holds rows, counts and checksums exactly
            dimensions=("block", "number"),
            fill_value=np.nan,
            attributes={"long_name": _LAYOUT},
        )


def write_block(run: AnyPath, number: int, kept: BlockRecord) -> None:
    """Write the record of a block; called in tasks, any number of them at a time.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    path = blocks_path(run)
    corners = [[part.start, part.stop] for part in kept.region]
    numbers = [array.ravel() for array in kept.sums.arrays]
    values = np.concatenate([np.ravel(corners), [kept.checksum], *numbers])
    with storage_failures(path):
        open_for_writing(path)[number] = values


def read_block(
    run: AnyPath, number: int, n_dims: int, shape: tuple[int, int]
) -> BlockRecord | None:
    """Read the record of a block, of the same number of dimensions, components and features.

    Returns
    -------
    BlockRecord or None
        None if the run has no block of this number.

    Raises
    ------
    StorageError
        If it is missing or damaged.
    """
    path, n_corners = blocks_path(run), 2 * n_dims
    with storage_failures(path):
        array = zarr.open_array(zarr_store(path, read_only=True), mode="r")
        if number >= array.shape[0]:
            return None
        values = np.asarray(array[number], np.float64)
    try:
        corners, (checksum,), numbers = np.split(values, [n_corners, n_corners + 1])
        region = tuple(slice(int(a), int(b)) for a, b in corners.reshape(-1, 2))
        sums = AssignmentStatistics.from_numbers(numbers, *shape)
    except ValueError as error:
        message = f"{path} holds nothing of block {number}, or something else."
        raise StorageError(message) from error
    return BlockRecord(region, int(checksum), sums)


def has_block_records(run: AnyPath) -> bool:
    """Whether a run has records of its blocks."""
    return (blocks_path(run) / ROOT_METADATA).is_file()


def blocks_path(run: AnyPath) -> AnyPath:
    """The path of the records."""
    return run / "blocks" / "sums"
