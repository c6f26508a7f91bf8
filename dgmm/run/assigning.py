"""The last pass of a run: every row is assigned, and what the components are like is summed up."""

import hashlib
from dataclasses import dataclass
from functools import partial

from dgmm.engine.assignment import Assigned, assign_all
from dgmm.engine.passes import Reader
from dgmm.engine.profile import Profile
from dgmm.errors import StorageError
from dgmm.io.results import assignment_arrays
from dgmm.io.results.assignment_arrays import write_coordinate
from dgmm.io.results.assignment_schema import Wanted
from dgmm.io.results.block_records import create_blocks
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.sources.source import Source
from dgmm.io.storage.location import Place
from dgmm.mixture.component_summary import outlier_threshold, pivots_of, sample_quantiles
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.transform import Preparation
from dgmm.mixture.types import Array
from dgmm.run.writing import AssignmentWriter, BlockMemory


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """What a sample of the rows says of a mixture, in bounded memory.

    Attributes
    ----------
    outlier_threshold : float
        Log density below which the asked-for share of the rows lies.
    quantiles : ndarray of shape (n_components, n_quantiles, n_features)
        Of every feature in every component, in the units of the data.
    """

    outlier_threshold: float
    quantiles: Array


def sampled(
    profile: Profile,
    mixture: Parameters,
    preparation: Preparation | None,
    outlier_quantile: float,
    quantile: tuple[float, ...],
) -> Sampled:
    """What the profile's sample says of a mixture."""
    rows, weights = profile.sample, profile.sample_weights
    if weights is not None:
        weights = weights if weights.any() else None
    found = assign(mixture, rows, preparation)
    return Sampled(
        outlier_threshold(found.log_density, weights, outlier_quantile),
        sample_quantiles(rows, weights, found.responsibilities, quantile),
    )


def assign_rows(
    reader: Reader,
    mixture: Parameters,
    preparation: Preparation | None,
    source: Source,
    wanted: Wanted,
    chunk_shape: tuple[int, ...],
    checkpoint: Checkpoint,
    path: Place,
    base: Place | None = None,
) -> Assigned:
    """Write the assignments that are not there yet, and the coordinates; all rows are read.

    What is found of every block is kept with them.

    Parameters
    ----------
    reader : Reader
    mixture : Parameters
    preparation : Preparation, or None
    source : Source
        Of the reader's rows.
    wanted : Wanted
    chunk_shape : tuple of int
        Extents of a stored chunk in the samples' dimensions.
    checkpoint : Checkpoint
        Knows what an interrupted call has begun.
    path : Path or UPath
        The run.
    base : Path or UPath, optional
        A complete run with the same basis (:func:`dgmm.run.growth.basis_of`), whose blocks are
        taken over where they hold the same rows.

    Raises
    ------
    StorageError
        If fewer rows were written than there are.
    """
    model = digest_of(mixture)
    if not (checkpoint.has_assignments(model) and assignment_arrays.are_begun(path, wanted)):
        beside = [found.name for found in source.coordinates if found.name not in source.grid.dims]
        assignment_arrays.create_assignments(path, source.grid, wanted, chunk_shape, beside)
        checkpoint.keep_assignments(model)
    shape = pivots_of(mixture, preparation).shape
    create_blocks(path, reader.dataset.n_blocks, len(source.grid.dims), shape)
    write = AssignmentWriter(path, wanted, source.grid, chunk_shape)
    memory = BlockMemory(write, shape, base)
    assigned = assign_all(reader, mixture, write, preparation, memory)
    n_rows = reader.dataset.n_rows
    if assigned.n_rows != n_rows:
        message = f"{assigned.n_rows} of {n_rows} rows were written to {path}; run it again."
        raise StorageError(message)
    for coordinate in source.coordinates:
        write_coordinate(path, coordinate, partial(source.read_coordinate, coordinate))
    return assigned


def digest_of(mixture: Parameters) -> str:
    """A name for a mixture that no other has."""
    found = hashlib.sha256(mixture.covariance_type.encode())
    for array in (mixture.weights, mixture.means, mixture.precisions_cholesky):
        found.update(array.tobytes())
    return found.hexdigest()
