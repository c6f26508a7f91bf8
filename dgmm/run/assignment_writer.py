"""What writes assignments on workers, in a module that they import without ``dask.array``."""

from collections.abc import Iterator
from dataclasses import dataclass

from dgmm.engine.assignment import AssignmentSummary, BlockProvenance
from dgmm.errors import StorageError
from dgmm.io.grid import Grid, Region, n_samples_in
from dgmm.io.results import assignment_arrays
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.io.results.block_records import BlockRecord, read_block, write_block
from dgmm.io.storage.location import AnyPath
from dgmm.mixture.density import RowPosteriors


@dataclass(frozen=True, slots=True)
class AssignmentWriter:
    """Writes assignments on the workers that compute them.

    Attributes
    ----------
    run : Path or UPath
    schema : AssignmentSchema
    grid : Grid
        Of the samples.
    chunk_shape : tuple of int
        Extents of a stored chunk in the samples' dimensions.
    """

    run: AnyPath
    schema: AssignmentSchema
    grid: Grid
    chunk_shape: tuple[int, ...]

    @property
    def needs_responsibilities(self) -> bool:
        """Whether those of all components are written, or needed for what is."""
        return self.schema.needs_responsibilities

    def parts(self, start: int, n_rows: int) -> Iterator[tuple[int, int]]:
        """Bounds of the chunks of a block."""
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
            assignment_arrays.has_region(self.run, name, region) for name in self.schema.arrays()
        )

    def __call__(self, start: int, assignment: RowPosteriors) -> None:
        """Write the chunk whose first sample this is."""
        region = self.region(start)
        for name, rows in self.schema.values(assignment).items():
            assignment_arrays.write_region(self.run, name, region, rows)

    def take(self, base: AnyPath, start: int) -> bool:
        """Copy a chunk from another run, if that has it."""
        region = self.region(start)
        names = self.schema.arrays()
        return all(assignment_arrays.copy_region(base, self.run, name, region) for name in names)

    def region(self, start: int) -> Region:
        """The region of the chunk with this first sample."""
        return self.grid.part(start, self.chunk_shape)


@dataclass(frozen=True, slots=True)
class BlockMemory:
    """Saves summaries of blocks in the run, and loads those of an earlier run.

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
    base: AnyPath | None

    def load(self, start: int, n_rows: int, checksum: int) -> AssignmentSummary | BlockProvenance:
        """The summary of a block by the earlier run, whose assignments are copied."""
        if self.base is None:
            return BlockProvenance.NEW
        grid, writer = self.writer.grid, self.writer
        number = grid.number(start)
        try:
            kept = read_block(self.base, number, len(grid.dims), self.shape)
        except StorageError:
            return BlockProvenance.LOST
        if kept is None or kept.region != grid.region(number):
            return BlockProvenance.NEW
        if kept.checksum != checksum:
            return BlockProvenance.CHANGED
        for first, stop in writer.parts(start, n_rows):
            if not (writer.has(first, stop) or writer.take(self.base, first)):
                return BlockProvenance.LOST
        return AssignmentSummary(n_rows, (checksum,), kept.sums, (BlockProvenance.KNOWN,))

    def save(self, start: int, found: AssignmentSummary) -> None:
        """Save the summary of a block."""
        number, (checksum,) = self.writer.grid.number(start), found.checksums
        region = self.writer.grid.region(number)
        write_block(self.writer.run, number, BlockRecord(region, checksum, found.sums))
