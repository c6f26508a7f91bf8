"""A run from its configuration to its published result."""

import hashlib
import logging
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from dgmm import __version__
from dgmm.engine import memory, passes
from dgmm.engine.events import Observer, ignore
from dgmm.engine.fit import Fit, fit
from dgmm.engine.passes import Reader
from dgmm.errors import MissingExtraError, StorageError
from dgmm.io import assignments, writer
from dgmm.io.arrays import storage_failures
from dgmm.io.checkpoint import Checkpoint, Facts
from dgmm.io.coordinates import write_coordinate
from dgmm.io.grid import Grid, n_samples_in
from dgmm.io.layout import attempt_path, run_path
from dgmm.io.location import Place, output_place
from dgmm.io.lock import only_writer
from dgmm.io.picture import picture_of
from dgmm.io.reader import open_result
from dgmm.io.selection import Region
from dgmm.mixture.candidate import Status
from dgmm.mixture.density import Assignment
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.result import Sweep
from dgmm.report import publish_report
from dgmm.run.clusters import Capacity, expected_capacity, open_cluster, take_part
from dgmm.run.configuration import Configuration, resolved
from dgmm.run.ledger import Ledger
from dgmm.run.preparation import Preparation, prepare

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A complete run.

    Attributes
    ----------
    path : str
        The run's Zarr group.
    sweep : Sweep
    already_complete : bool
        Whether an earlier command had done it all.
    """

    path: str
    sweep: Sweep
    already_complete: bool


def run(
    configuration: Configuration, observer: Observer = ignore, *, fresh: bool = False
) -> Finished:
    """Fit, assign, write, publish; go on where an earlier call was interrupted, or find all done.

    Parameters
    ----------
    configuration : Configuration
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.
    fresh : bool
        Whether to start anew where an earlier call was interrupted; a complete run stays.

    Returns
    -------
    Finished

    Raises
    ------
    DgmmError
        With the exit code of the command.
    """
    take_part(configuration.cluster)
    ledger = Ledger(observer, configuration.concealment)
    with ledger.listening():
        return _run(configuration, ledger, fresh=fresh)


def _run(configuration: Configuration, ledger: Ledger, *, fresh: bool) -> Finished:
    """Do what is left to do."""
    prepared = prepare(configuration)
    wanted, run_id = configuration.output, prepared.run_id
    output = output_place(wanted.path, wanted.storage_options)
    path, attempt = run_path(output, run_id), attempt_path(output, prepared.attempt_id)
    with storage_failures(output):
        already_complete = writer.is_complete(output, run_id)
        is_done = writer.is_published(output, run_id) and not attempt.exists()
    if not already_complete:  # better now than after the cluster has started
        _check_memory(prepared, expected_capacity(configuration.cluster))
    if not is_done:
        with only_writer(output) as confirm:
            already_complete = writer.is_complete(output, run_id)
            checkpoint = Checkpoint(attempt, _facts(prepared), confirm=confirm)
            if not already_complete:
                _complete(configuration, prepared, output, checkpoint, ledger, fresh=fresh)
            confirm()
            writer.publish_run(output, run_id)
            if configuration.output.report:
                _report(path)
            _discard(output, checkpoint.runs())
            checkpoint.discard()
    return Finished(str(path), open_result(path).sweep, already_complete)


def _complete(
    configuration: Configuration,
    prepared: Preparation,
    output: Place,
    checkpoint: Checkpoint,
    ledger: Ledger,
    *,
    fresh: bool,
) -> None:
    """Bring a run to its end."""
    begun = checkpoint.runs()
    if fresh:
        checkpoint.discard()
    progress = checkpoint.load()
    if progress is None:
        _discard(output, begun)
    checkpoint.begin()
    path = writer.start_run(output, prepared.run_id, resume=progress is not None)
    with open_cluster(configuration.cluster, configuration.concealment) as cluster:
        _check_memory(prepared, cluster.capacity)
        fitted = fit(
            prepared.dataset,
            prepared.options,
            cluster.execution,
            ledger,
            progress,
            checkpoint.keep,
        )
        reader = Reader(prepared.dataset, cluster.execution, ledger, fitted.profile.checksums)
        names = configuration.output.assignments
        _assign(reader, fitted, names, prepared, checkpoint, path)
    attributes = _attributes(configuration, prepared, fitted)
    wanted, is_image = configuration.input, prepared.source.format == "image"
    picture = picture_of(wanted.path, wanted.storage_options) if is_image else None
    record = ledger.record(prepared.dataset, fitted.profile, picture)
    features = prepared.dataset.feature_names
    checkpoint.confirm()
    writer.commit_run(path, fitted.sweep, features, attributes, fitted.preparation, record)


def _report(run: Place) -> None:
    """Draw the report of a run, which is complete with or without it."""
    try:
        logger.info("report: %s", publish_report(run))
    except MissingExtraError as error:
        logger.info("no report: %s", error)
    except Exception as error:  # whatever happens to a picture, the numbers are there
        logger.warning(
            "the report could not be made (%s: %s); try `dgmm report %s`",
            type(error).__name__,
            error,
            run,
            exc_info=logger.isEnabledFor(logging.DEBUG),
        )


def _discard(output: Place, run_ids: tuple[str, ...]) -> None:
    """Remove those of these runs that are not complete."""
    for run_id in run_ids:
        writer.discard_run(output, run_id)


def _check_memory(prepared: Preparation, capacity: Capacity | None) -> None:
    if capacity is not None:
        memory.check(prepared.projection, capacity.threads_per_worker, capacity.memory_limit)


def _facts(prepared: Preparation) -> Facts:
    dataset = prepared.dataset
    libraries = (f"{name} {version(name)}" for name in ("numpy", "scipy"))
    versions = (platform.machine(), f"dgmm {__version__}", *libraries)
    shape = (dataset.n_rows, dataset.n_features, dataset.block_rows)
    return Facts(prepared.run_id, *shape, versions)


def _assign(
    reader: Reader,
    fitted: Fit,
    names: tuple[str, ...],
    prepared: Preparation,
    checkpoint: Checkpoint,
    path: Place,
) -> None:
    """Write the assignments that are not there yet; read all rows in any case."""
    best = fitted.sweep.best
    if best.status is Status.DEGENERATE:
        logger.warning("No candidate is sound. %s", best.status.sentence)
    n_rows, mixture, source = reader.dataset.n_rows, best.parameters, prepared.source
    model = _digest(mixture)
    if not (checkpoint.has_assignments(model) and assignments.are_begun(path, names)):
        k, chunks = mixture.n_components, prepared.chunk_shape
        beside = [found.name for found in source.coordinates if found.name not in source.grid.dims]
        assignments.create_assignments(path, source.grid, k, names, chunks, beside)
        checkpoint.keep_assignments(model)
    write = AssignmentWriter(path, names, source.grid, prepared.chunk_shape)
    assigned = passes.assign_all(reader, mixture, write, fitted.preparation)
    if assigned.n_rows != n_rows:
        message = f"{assigned.n_rows} of {n_rows} rows were written to {path}; run it again."
        raise StorageError(message)
    for coordinate in source.coordinates:
        write_coordinate(path, coordinate, partial(source.read_coordinate, coordinate))


def _digest(mixture: Parameters) -> str:
    """A name for a mixture that no other has."""
    found = hashlib.sha256(mixture.covariance_type.encode())
    for array in (mixture.weights, mixture.means, mixture.precisions_cholesky):
        found.update(array.tobytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class AssignmentWriter:
    """Writes assignments on the worker that computed them.

    Attributes
    ----------
    run : Path or StorePath
    names : tuple of str
        Which arrays to write.
    grid : Grid
        Of the samples.
    chunk_shape : tuple of int
        Extents of a stored chunk in the samples' dimensions.
    """

    run: Place
    names: tuple[str, ...]
    grid: Grid
    chunk_shape: tuple[int, ...]

    def parts(self, start: int, n_rows: int) -> Iterator[tuple[int, int]]:
        """The samples of each chunk of a block."""
        first, stop = start, start + n_rows
        while first < stop:
            last = first + n_samples_in(self._region(first))
            yield first, last
            first = last

    def has(self, start: int, stop: int) -> bool:
        """Whether the chunk with these samples has been written."""
        del stop
        region = self._region(start)
        return all(assignments.has_part(self.run, name, region) for name in self.names)

    def __call__(self, start: int, assignment: Assignment) -> None:
        """Write the chunk whose first sample this is."""
        for name in self.names:
            rows = getattr(assignment, name)
            if name == "responsibilities":
                rows = rows.astype(np.float32)
            assignments.write_part(self.run, name, self._region(start), rows)

    def _region(self, start: int) -> Region:
        return self.grid.part(start, self.chunk_shape)


def _attributes(configuration: Configuration, prepared: Preparation, fitted: Fit) -> dict[str, Any]:
    libraries = ("dask", "distributed", "numpy", "scipy", "zarr")
    return {
        "configuration": resolved(configuration),
        "fingerprint": prepared.source.fingerprint,
        "input": prepared.source.description,
        "n_samples": prepared.dataset.n_rows,
        "n_missing": fitted.profile.n_missing,
        "n_features": prepared.dataset.n_features,
        "n_partitions": prepared.dataset.n_blocks,
        "status": fitted.sweep.best.status.value,
        "versions": {
            "dgmm": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in libraries},
        },
        "machine": platform.machine(),
    }
