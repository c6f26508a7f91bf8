"""How samples lie in the dimensions of their dataset, and the blocks in which they are read."""

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

Region = tuple[slice, ...]


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
    unit : int
        Of which all bounds but the last are multiples.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    block_shape: tuple[int, ...]
    bounds: tuple[int, ...] = ()
    unit: int = 1

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

    @property
    def common_shape(self) -> tuple[int, ...]:
        """Extents of which those of every block but the last of a dimension are multiples.

        Those of several blocks of a table do not depend on their bounds, which may change.
        """
        return (self.unit,) if len(self.bounds) > 2 else self.block_shape

    def region(self, block: int) -> Region:
        """Where the samples of a block lie."""
        if self.bounds:
            return (slice(self.bounds[block], self.bounds[block + 1]),)
        place = np.unravel_index(block, self.counts)
        return tuple(
            slice(int(i) * size, min((int(i) + 1) * size, extent))
            for i, size, extent in zip(place, self.block_shape, self.shape, strict=True)
        )

    def number(self, start: int) -> int:
        """The number of the block in which a sample lies, as rows are counted."""
        if self.bounds:
            return bisect_right(self.bounds, start) - 1
        corner = self.part(start, self.block_shape)
        place = [part.start // size for part, size in zip(corner, self.block_shape, strict=True)]
        return int(np.ravel_multi_index(place, self.counts))

    def part(self, start: int, extents: tuple[int, ...]) -> Region:
        """Where the part of a block lies that begins with a sample.

        Parameters
        ----------
        start : int
            Number of the sample, as rows are counted.
        extents : tuple of int
            Of every part but the last ones of a block; those whose samples follow each other are
            1 up to some dimension, and all of the block's after it.
        """
        if self.bounds:
            end = self.bounds[bisect_right(self.bounds, start)]
            return (slice(start, min(start + extents[0], end)),)
        rest, height, inner = start, 1, self.n_samples
        corner, ends = [], []
        for extent, size in zip(self.shape, self.block_shape, strict=True):
            inner //= extent
            number, rest = divmod(rest, height * size * inner)
            corner.append(number * size)
            ends.append(min(corner[-1] + size, extent))
            height *= ends[-1] - corner[-1]
        sizes = [end - first for first, end in zip(corner, ends, strict=True)]
        offsets = (int(i) for i in np.unravel_index(rest, sizes))
        begins = [first + offset for first, offset in zip(corner, offsets, strict=True)]
        return tuple(
            slice(begin, min(begin + extent, end))
            for begin, extent, end in zip(begins, extents, ends, strict=True)
        )


def n_samples_in(region: Region) -> int:
    """How many samples lie in a region."""
    return math.prod(part.stop - part.start for part in region)


@dataclass(frozen=True, slots=True)
class Coordinate:
    """A coordinate of samples, of which no value has been read.

    Attributes
    ----------
    name : str
    dims : tuple of str
        Some of the samples' dimensions.
    shape : tuple of int
    dtype : str
        ``"str"`` for text.
    attributes : tuple of (str, object)
        As JSON can hold them; times are numbers since a date that ``units`` says.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    attributes: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureAxis:
    """A dimension of a variable along which its features lie.

    Attributes
    ----------
    name : str
    values : tuple of float, or of str
        Its coordinate, or places if it has none.
    attributes : tuple of (str, object)
        As JSON can hold them.
    """

    name: str
    values: tuple[float, ...] | tuple[str, ...]
    attributes: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class FeatureGroup:
    """Features that are one variable of a labelled dataset, in C order of its own dimensions.

    Attributes
    ----------
    name : str
    axes : tuple of FeatureAxis
        None if it is a single feature.
    attributes : tuple of (str, object)
        As JSON can hold them.
    """

    name: str
    axes: tuple[FeatureAxis, ...] = ()
    attributes: tuple[tuple[str, Any], ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents of its dimensions."""
        return tuple(len(axis.values) for axis in self.axes)
