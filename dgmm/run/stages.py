"""A run from its configuration to its published result."""

import logging
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from dgmm import __version__
from dgmm.engine import memory, passes
from dgmm.engine.events import Observer, ignore
from dgmm.engine.fit import Fit, fit
from dgmm.engine.passes import Reader
from dgmm.errors import StorageError
from dgmm.io import writer
from dgmm.io.layout import run_path
from dgmm.io.reader import open_result
from dgmm.mixture.candidate import Status
from dgmm.mixture.density import Assignment
from dgmm.mixture.result import Sweep
from dgmm.run.clusters import OpenCluster, expected_capacity, open_cluster, take_part
from dgmm.run.configuration import Configuration, resolved
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


def run(configuration: Configuration, observer: Observer = ignore) -> Finished:
    """Fit, assign, write, publish; or find that all of this is done.

    Parameters
    ----------
    configuration : Configuration
    observer : callable, optional
        Told of every :mod:`event <dgmm.engine.events>`.

    Returns
    -------
    Finished

    Raises
    ------
    DgmmError
        With the exit code of the command.
    """
    take_part(configuration.cluster)
    prepared = prepare(configuration)
    output = configuration.output.path
    if writer.is_complete(output, prepared.run_id):
        writer.publish_run(output, prepared.run_id)
        path = run_path(Path(output).absolute(), prepared.run_id)
        return Finished(str(path), open_result(path).sweep, already_complete=True)
    capacity = expected_capacity(configuration.cluster)
    if capacity is not None:  # better now than after the cluster has started
        memory.check(prepared.projection, capacity.threads_per_worker, capacity.memory_limit)
    path = writer.start_run(output, prepared.run_id)
    with open_cluster(configuration.cluster) as cluster:
        fitted = _fit_and_assign(configuration, prepared, cluster, path, observer)
    attributes = _attributes(configuration, prepared, fitted)
    writer.commit_run(path, fitted.sweep, prepared.dataset.feature_names, attributes)
    writer.publish_run(output, prepared.run_id)
    return Finished(str(path), fitted.sweep, already_complete=False)


def _fit_and_assign(
    configuration: Configuration,
    prepared: Preparation,
    cluster: OpenCluster,
    path: Path,
    observer: Observer,
) -> Fit:
    capacity = cluster.capacity
    memory.check(prepared.projection, capacity.threads_per_worker, capacity.memory_limit)
    fitted = fit(prepared.dataset, prepared.options, cluster.execution, observer)
    best = fitted.sweep.best
    if best.status is Status.DEGENERATE:
        logger.warning("No candidate is sound. %s", best.status.sentence)
    n_rows, names = prepared.dataset.n_rows, configuration.output.assignments
    k = best.candidate.n_components
    writer.create_assignments(path, n_rows, k, names, prepared.chunk_rows)
    reader = Reader(prepared.dataset, cluster.execution, observer, fitted.profile.checksums)
    write = AssignmentWriter(path, names)
    assigned = passes.assign_all(reader, best.parameters, write, prepared.chunk_rows)
    if assigned.n_rows != n_rows:
        message = f"{assigned.n_rows} of {n_rows} rows were written to {path}; run it again."
        raise StorageError(message)
    return fitted


@dataclass(frozen=True, slots=True)
class AssignmentWriter:
    """Writes assignments on the worker that computed them.

    Attributes
    ----------
    run : Path
    names : tuple of str
        Which arrays to write.
    """

    run: Path
    names: tuple[str, ...]

    def __call__(self, start: int, assignment: Assignment) -> None:
        """Write consecutive rows from ``start`` on; they cover whole chunks."""
        for name in self.names:
            rows = getattr(assignment, name)
            if name == "responsibilities":
                rows = rows.astype(np.float32)
            writer.write_rows(self.run, name, start, rows)


def _attributes(configuration: Configuration, prepared: Preparation, fitted: Fit) -> dict[str, Any]:
    libraries = ("dask", "distributed", "numpy", "scipy", "zarr")
    return {
        "configuration": resolved(configuration),
        "fingerprint": prepared.source.fingerprint,
        "input": prepared.source.description,
        "n_samples": prepared.dataset.n_rows,
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
