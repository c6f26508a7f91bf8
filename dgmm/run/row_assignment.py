"""The last pass of a run: assign every row, and summarize the components."""

from dataclasses import dataclass
from functools import partial

from dgmm.engine.assignment import AssignmentSummary, assign_all
from dgmm.engine.fit_options import RESPONSIBILITY_BYTES
from dgmm.engine.passes import PassRunner
from dgmm.engine.profile import Profile
from dgmm.errors import StorageError
from dgmm.io.results import assignment_arrays
from dgmm.io.results.assignment_arrays import write_coordinate
from dgmm.io.results.assignment_schema import RESERVED, AssignmentSchema
from dgmm.io.results.block_records import create_blocks
from dgmm.io.storage.location import AnyPath
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.component_summary import sample_quantiles
from dgmm.mixture.density import assign
from dgmm.mixture.merging.clustering import Clustering
from dgmm.mixture.merging.hierarchy import build_hierarchy
from dgmm.mixture.merging.merge_statistics import MergeStatistics
from dgmm.mixture.outlier_threshold import outlier_threshold, propose_thresholds
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import FeatureTransform
from dgmm.mixture.types import Array
from dgmm.run.assignment_writer import AssignmentWriter, BlockMemory
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
    outlier_thresholds : ndarray of shape (n,)
        Others, among which is that of all rows.
    quantiles : ndarray of shape (n_components, n_quantiles, n_features)
        Of every feature in every component, in the units of the data.
    clustering : Clustering
        Which components are one cluster.
    """

    outlier_threshold: float
    outlier_thresholds: Array
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
    step = max(1, 8 * profile.sample.shape[0] * mixture.n_components // RESPONSIBILITY_BYTES)
    rows, weights = profile.sample[::step], profile.sample_weights
    if weights is not None:
        weights = weights[::step]
        weights = weights if weights.any() else None
    found = assign(mixture, rows, transform, may_lack=True)
    r, total = found.responsibilities, len(rows) if weights is None else float(weights.sum())
    hierarchy = build_hierarchy(r, weights, output.merge)
    mergers = MergeStatistics.from_responsibilities(r, weights, hierarchy)
    return SampleSummary(
        outlier_threshold(found.log_density, weights, output.outlier_quantile),
        propose_thresholds(found.log_density, weights, output.outlier_quantile),
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
