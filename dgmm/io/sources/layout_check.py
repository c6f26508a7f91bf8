"""Warn of storage layouts that take more than twice the time of a good one."""

import logging

from dgmm.io.grid import Grid
from dgmm.io.partition import TARGET_BYTES
from dgmm.io.sources.format import DatasetMetadata, Format
from dgmm.io.storage.location import Location

_DECODED_PER_SECOND = 500e6  # bytes, by one core, in a good layout of any format
_MIN_BYTES = 64 << 20  # bytes; smaller datasets are read in no time

_logger = logging.getLogger(__name__)


def warn_slow_layout(
    chosen: Format, location: Location, stored: DatasetMetadata, grid: Grid
) -> None:
    """Log at most one warning, which names a faster layout.

    Small pieces take longer to find than to decode; large pieces are decoded again for every
    partition in them. Columns in separate pieces increase the number of pieces.

    Parameters
    ----------
    chosen : Format
        Which says what a piece costs, whatever its size.
    location : Location
        For the message.
    stored : DatasetMetadata
    grid : Grid
        The partitions.
    """
    row_bytes = stored.n_features * stored.dtype.itemsize
    n_bytes = stored.n_samples * row_bytes
    if len(grid.shape) == 1 and grid.block_shape[0] < stored.storage_chunks[0]:
        chunk_bytes = stored.storage_chunks[0] * row_bytes
        if chunk_bytes > 2 * TARGET_BYTES:
            _logger.warning(
                "%s is stored in chunks of %d rows (%d MiB), each of which is decoded again for "
                "every partition of %d rows; make a faster store of it with `dgmm ingest`",
                location,
                stored.storage_chunks[0],
                chunk_bytes // 2**20,
                grid.block_shape[0],
            )
    elif n_bytes > _MIN_BYTES and (
        stored.n_pieces * chosen.seconds_per_piece > n_bytes / _DECODED_PER_SECOND
    ):
        _logger.warning(
            "%s is stored in %d pieces, which take longer to find than to decode; make a faster "
            "store of it with `dgmm ingest`",
            location,
            stored.n_pieces,
        )
