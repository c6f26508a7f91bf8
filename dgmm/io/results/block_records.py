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
from dgmm.mixture.component_summary import ComponentStatistics

_LAYOUT = (
    "first sample and end in each dimension, CRC-32C of rows and weights, log-likelihood; then of "
    "each component: labelled rows, sizes; then of each component and feature: sums of deviations "
    "from the mean, and of their squares"
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
    sums : ComponentStatistics
    log_likelihood : float
    """

    region: Region
    checksum: int
    sums: ComponentStatistics
    log_likelihood: float


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
    n_components, n_features = shape
    n_values = 2 * n_dims + 2 + n_components * (2 + 2 * n_features)
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
    sums, path = kept.sums, blocks_path(run)
    corners = [[part.start, part.stop] for part in kept.region]
    numbers = (sums.n_labelled, sums.sizes, sums.deviations, sums.squares)
    scalars = [kept.checksum, kept.log_likelihood]
    values = np.concatenate([np.ravel(part) for part in (corners, scalars, *numbers)])
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
    path, (n_components, n_features) = blocks_path(run), shape
    with storage_failures(path):
        array = zarr.open_array(zarr_store(path, read_only=True), mode="r")
        if number >= array.shape[0]:
            return None
        values = np.asarray(array[number], np.float64)
        n_matrix = n_components * n_features
        sizes = (2 * n_dims, 2, n_components, n_components, n_matrix, n_matrix)
        if values.shape != (sum(sizes),) or np.isnan(values[: 2 * n_dims]).any():
            raise StorageError(f"{path} holds nothing of block {number}, or something else.")
        corners, scalars, labelled, size, *matrices = np.split(values, np.cumsum(sizes)[:-1])
    deviations, squares = (matrix.reshape(shape) for matrix in matrices)
    return BlockRecord(
        region=tuple(slice(int(a), int(b)) for a, b in corners.reshape(-1, 2)),
        checksum=int(scalars[0]),
        sums=ComponentStatistics(labelled.astype(np.int64), size, deviations, squares),
        log_likelihood=float(scalars[1]),
    )


def has_block_records(run: AnyPath) -> bool:
    """Whether a run has records of its blocks."""
    return (blocks_path(run) / ROOT_METADATA).is_file()


def blocks_path(run: AnyPath) -> AnyPath:
    """The path of the records."""
    return run / "blocks" / "sums"
