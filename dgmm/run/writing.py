"""What workers do with assignments: write them, or take them over from an earlier run."""

from collections.abc import Iterator
from dataclasses import dataclass

from dgmm.engine.assignment import Assigned, Origin
from dgmm.errors import StorageError
from dgmm.io.grid import Grid, Region, n_samples_in
from dgmm.io.results import assignment_arrays
from dgmm.io.results.assignment_schema import Wanted
from dgmm.io.results.block_records import KeptBlock, read_block, write_block
from dgmm.io.storage.location import Place
from dgmm.mixture.density import Assignment


@dataclass(frozen=True, slots=True)
class AssignmentWriter:
    """Writes assignments on the worker that computed them.

    Attributes
    ----------
    run : Path or UPath
    wanted : Wanted
    grid : Grid
        Of the samples.
    chunk_shape : tuple of int
        Extents of a stored chunk in the samples' dimensions.
    """

    run: Place
    wanted: Wanted
    grid: Grid
    chunk_shape: tuple[int, ...]

    def parts(self, start: int, n_rows: int) -> Iterator[tuple[int, int]]:
        """The samples of each chunk of a block."""
        first, stop = start, start + n_rows
        while first < stop:
            last = first + n_samples_in(self.region(first))
            yield first, last
            first = last

    def has(self, start: int, stop: int) -> bool:
        """Whether the chunk with these samples has been written."""
        del stop
        region = self.region(start)
        return all(
            assignment_arrays.has_part(self.run, name, region) for name in self.wanted.arrays()
        )

    def __call__(self, start: int, assignment: Assignment) -> None:
        """Write the chunk whose first sample this is."""
        region = self.region(start)
        for name, rows in self.wanted.values(assignment).items():
            assignment_arrays.write_part(self.run, name, region, rows)

    def take(self, base: Place, start: int) -> bool:
        """Whether another run has the chunk with this first sample, which is then taken over."""
        region = self.region(start)
        names = self.wanted.arrays()
        return all(assignment_arrays.take_part(base, self.run, name, region) for name in names)

    def region(self, start: int) -> Region:
        """Where the chunk with this first sample lies."""
        return self.grid.part(start, self.chunk_shape)


@dataclass(frozen=True, slots=True)
class BlockMemory:
    """Keeps what is found of blocks in the run, and knows what an earlier run has kept.

    Attributes
    ----------
    writer : AssignmentWriter
        Of the run.
    shape : (int, int)
        Components and features.
    base : Path or UPath, or None
        A complete run whose rows were assigned as these are, in chunks of the same extents.
    """

    writer: AssignmentWriter
    shape: tuple[int, int]
    base: Place | None

    def recall(self, start: int, n_rows: int, checksum: int) -> Assigned | Origin:
        """What the earlier run has found of a block, whose assignments are taken over."""
        if self.base is None:
            return Origin.NEW
        grid, writer = self.writer.grid, self.writer
        number = grid.number(start)
        try:
            kept = read_block(self.base, number, len(grid.dims), self.shape)
        except StorageError:
            return Origin.LOST
        if kept is None or kept.region != grid.region(number):
            return Origin.NEW
        if kept.checksum != checksum:
            return Origin.CHANGED
        for first, stop in writer.parts(start, n_rows):
            if not (writer.has(first, stop) or writer.take(self.base, first)):
                return Origin.LOST
        return Assigned(n_rows, (checksum,), kept.sums, kept.log_likelihood, (Origin.KNOWN,))

    def keep(self, start: int, found: Assigned) -> None:
        """Keep what was found of a block."""
        number, (checksum,) = self.writer.grid.number(start), found.checksums
        region = self.writer.grid.region(number)
        kept = KeptBlock(region, checksum, found.sums, found.log_likelihood)
        write_block(self.writer.run, number, kept)
