"""Blocks that stay in the memory of a cluster's workers, so that later passes read nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import dask.array as da
from distributed import Client, futures_of

Arrays = tuple[da.Array, ...]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class BlockCache:
    """Keeps blocks where they were read, for as long as their cluster does not fail.

    A worker's blocks are lost with it, and the scheduler has them read anew.

    Attributes
    ----------
    has_room : callable
        ``has_room(client, n_bytes) -> bool``: whether its workers can hold so many bytes. It is
        asked before every pass until they can, because workers may join.
    """

    has_room: Callable[[Client, int], bool]
    _kept: dict[str, da.Array] = field(default_factory=dict)

    def nearest(self, client: Client, arrays: Arrays) -> Arrays:
        """The same arrays, of blocks that are kept if the workers have room for all of them."""
        n_bytes = sum(array.nbytes for array in arrays)
        if any(array.name not in self._kept for array in arrays) and self.has_room(client, n_bytes):
            logger.info(
                "Keeping %.0f MiB of blocks on the workers that read them.", n_bytes / 2**20
            )
            for array in arrays:  # what waits for a block comes before the next block is read
                self._kept[array.name] = client.persist(array, priority=-1)
        return tuple(self._kept.get(array.name, array) for array in arrays)

    def release(self) -> None:
        """Give the memory back."""
        for future in futures_of(list(self._kept.values())):
            future.release()
        self._kept.clear()
