"""The last pass of a run: assign every row, and summarize the components."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from dgmm.engine.assignment import AssignmentSummary, BlockProvenance, assign_all
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.errors import StorageError
from dgmm.io.grid import Grid, Region, n_samples_in
from dgmm.io.results import assignment_arrays
from dgmm.io.results.assignment_arrays import write_coordinate
from dgmm.io.results.assignment_schema import RESERVED, AssignmentSchema
from dgmm.io.results.block_records import BlockRecord, create_blocks, read_block, write_block
from dgmm.io.storage.location import AnyPath
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.component_summary import outlier_threshold, sample_quantiles
from dgmm.mixture.density import RowPosteriors, assign
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import build_hierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.run.config.configuration import Output
from dgmm.run.identity import mixture_digest
from dgmm.run.lifecycle import Attempt


@dataclass(frozen=True, slots=True, eq=False)
class SampleSummary:
    """What the profile's sample says of a mixture.

    Attributes
    ----------
    outlier_threshold : float
        Log density below which the asked-for share of the rows lies.
    quantiles : ndarray of shape (n_components, n_quantiles, n_features)
        Of every feature in every component, in the units of the data.
    clustering : Clustering
        Which components are one cluster.
    """

    outlier_threshold: float
    quantiles: Array
    clustering: Clustering


def summarize_sample(
    profile: Profile, mixture: Parameters, transform: FeatureTransform | None, output: Output
) -> SampleSummary:
    """What the profile's sample says of a mixture, in bounded memory.

    Parameters
    ----------
    profile : Profile
    mixture : Parameters
    transform : FeatureTransform, or None
        Of rows for the mixture.
    output : Output
        What is asked for.
    """
    rows, weights = profile.sample, profile.sample_weights
    if weights is not None:
        weights = weights if weights.any() else None
    found = assign(mixture, rows, transform, may_lack=True)
    r, total = found.responsibilities, len(rows) if weights is None else float(weights.sum())
    hierarchy = build_hierarchy(r, weights, output.merge)
    mergers = MergeStatistics.from_responsibilities(r, weights, hierarchy)
    return SampleSummary(
        outlier_threshold(found.log_density, weights, output.outlier_quantile),
        sample_quantiles(rows, weights, r, output.quantiles),
        Clustering.from_sums(hierarchy, mergers, total, output.n_clusters),
    )


def assign_rows(
    attempt: Attempt,
    runner: PassRunner,
    by: AssigningMixture,
    schema: AssignmentSchema,
    base: AnyPath | None = None,
) -> AssignmentSummary:
    """Write missing assignments and the coordinates; all rows are read.

    What is found of every block is kept with them.

    Parameters
    ----------
    attempt : Attempt
        At the run; it knows what an interrupted one has begun.
    runner : PassRunner
        Of its rows.
    by : AssigningMixture
    schema : AssignmentSchema
    base : Path or UPath, optional
        A complete run with the same basis (:func:`dgmm.run.identity.assignment_key`), whose
        blocks are taken over where they hold the same rows.

    Raises
    ------
    StorageError
        If fewer rows were written than there are.
    """
    path, checkpoint, source = attempt.path, attempt.checkpoint, attempt.plan.source
    dataset, grid, chunk_shape = attempt.plan.layout
    model = mixture_digest(by.mixture)
    coordinates = [found for found in source.coordinates if found.name not in RESERVED]
    if not (checkpoint.has_assignments(model) and assignment_arrays.has_assignments(path, schema)):
        beside = [found.name for found in coordinates if found.name not in grid.dims]
        assignment_arrays.create_assignments(path, grid, schema, chunk_shape, beside)
        checkpoint.save_assignments(model)
    shape = by.pivots.shape
    create_blocks(path, dataset.n_blocks, len(grid.dims), shape)
    write = AssignmentWriter(path, schema, grid, chunk_shape)
    assigned = assign_all(runner, by, write, BlockMemory(write, shape, base))
    if assigned.n_rows != dataset.n_rows:
        raise StorageError(
            f"{assigned.n_rows} of {dataset.n_rows} rows were written to {path}; run it again."
        )
    for coordinate in coordinates:
        write_coordinate(path, coordinate, partial(source.read_coordinate, coordinate))
    return assigned


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
