"""How samples lie in the dimensions of their dataset, and the blocks in which they are read."""

import math
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from dgmm.io.selection import Region


@dataclass(frozen=True, slots=True)
class Grid:
    """Samples on a grid, cut into blocks; a table is a grid of one dimension.

    Blocks are numbered in C order, and rows block by block, inside each of them in C order.

    Attributes
    ----------
    dims : tuple of str
    shape : tuple of int
        Samples in each dimension.
    block_shape : tuple of int
        Of every block but the last ones of each dimension.
    bounds : tuple of int
        Of a table in blocks of different sizes: where each begins, and the number of rows;
        ``block_shape`` is then that of the largest. Else empty.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    block_shape: tuple[int, ...]
    bounds: tuple[int, ...] = ()

    @property
    def n_samples(self) -> int:
        """Samples in all."""
        return math.prod(self.shape)

    @property
    def counts(self) -> tuple[int, ...]:
        """Blocks along each dimension."""
        if self.bounds:
            return (len(self.bounds) - 1,)
        pairs = zip(self.shape, self.block_shape, strict=True)
        return tuple(-(-extent // size) for extent, size in pairs)

    @property
    def block_rows(self) -> tuple[int, ...]:
        """Samples of each block, in the order of the blocks."""
        if self.bounds:
            return tuple(stop - start for start, stop in pairwise(self.bounds))
        extents = [
            [min(size, extent - start) for start in range(0, extent, size)]
            for extent, size in zip(self.shape, self.block_shape, strict=True)
        ]
        return tuple(math.prod(sizes) for sizes in product(*extents))

    def region(self, block: int) -> Region:
        """Where the samples of a block lie."""
        if self.bounds:
            return (slice(self.bounds[block], self.bounds[block + 1]),)
        place = np.unravel_index(block, self.counts)
        return tuple(
            slice(int(i) * size, min((int(i) + 1) * size, extent))
            for i, size, extent in zip(place, self.block_shape, self.shape, strict=True)
        )
