"""The steps of a run that fits or scores, from the configuration to the published result."""

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.metadata import version
from typing import Any

from dgmm import __version__
from dgmm.engine.arithmetic.processes import Processes, describe_process
from dgmm.engine.events import Observer
from dgmm.engine.execution import Execution
from dgmm.engine.fit_progress import FitProgress
from dgmm.errors import advise
from dgmm.io.results.checkpoint import Checkpoint
from dgmm.io.results.checkpoint_files import RunFingerprint
from dgmm.io.results.commit import RunContents, commit_run
from dgmm.io.results.layout import attempt_path, run_name
from dgmm.io.results.output import Run
from dgmm.io.results.result import Result, open_result
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.report.publication import try_publish_report
from dgmm.run.clusters.capacity import capacity_from_options
from dgmm.run.clusters.cluster import enter_mpi
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration, dump_resolved
from dgmm.run.drift_check import raise_if_held_back
from dgmm.run.identity import mixture_digest
from dgmm.run.recorder import RunRecorder
from dgmm.run.run_plan import RunPlan, plan_run
from dgmm.text import join_names

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """One call that completes a run, and the only writer of its output meanwhile.

    Attributes
    ----------
    plan : RunPlan
    path : Path or StorePath
        The run.
    checkpoint : Checkpoint
    progress : FitProgress, or None
        How far a fit that was interrupted had come.
    recorder : RunRecorder
        To be told of every pass.
    """

    plan: RunPlan
    path: AnyPath
    checkpoint: Checkpoint
    progress: FitProgress | None
    recorder: RunRecorder

    @contextmanager
    def open_cluster(self, *, keep_blocks: bool = False) -> Iterator[Execution]:
        """Open the plan's cluster for the length of a ``with``, and remember who computes on it.

        Parameters
        ----------
        keep_blocks : bool, optional
            Whether blocks stay on workers that have room, for another pass.

        Raises
        ------
        ConfigurationError
            If other kinds of process have computed what the run is to go on with.
        """
        with self.plan.open_cluster(keep_blocks=keep_blocks) as cluster:
            self.checkpoint.admit(cluster.processes)
            yield cluster.execution
            self.checkpoint.note(cluster.check_again())


@advise(REMEDIES)
def complete_run(
    configuration: Configuration,
    work: Callable[[Attempt], RunContents],
    observer: Observer,
    model: Result | None = None,
    *,
    fresh: bool = False,
) -> tuple[Result, bool]:
    """Complete a run: plan, compute, commit and publish it, skipping what is done.

    Parameters
    ----------
    configuration : Configuration
    work : callable
        Computes what the run holds, and writes what is said of each row: the fit, or the score.
    observer : callable
        Told of every :mod:`event <dgmm.engine.events>`.
    model : Result, optional
        What is scored by it; without one the run is a fit.
    fresh : bool
        Whether to start again where an earlier call was interrupted; a complete run stays.

    Returns
    -------
    result : Result
    already_complete : bool
        Whether an earlier call had done it all.

    Raises
    ------
    DgmmError
        With the exit code of the command.
    """
    enter_mpi(configuration.cluster)
    recorder = RunRecorder(observer, configuration.redactor)
    with recorder.listen():
        plan = plan_run(configuration, model)
        _logger.info("features: %s", join_names(plan.dataset.feature_names))
        result, already_complete = _Lifecycle(plan, work, recorder).complete(fresh=fresh)
    output, run = plan.output, plan.output.run(plan.run_id)
    raise_if_held_back(output, run)
    if not (already_complete or run.is_latest):
        _logger.warning(
            "%s is complete, but not what readers of %s see, because another run has been "
            "published since; `dgmm runs %s --publish %s` lets them see it",
            *(run.path, output.place, output.place, run.run_id),
        )
    return result, already_complete


@dataclass(frozen=True, slots=True, eq=False)
class _Lifecycle:
    """The steps of a run, each done once, however often the command is given."""

    plan: RunPlan
    work: Callable[[Attempt], RunContents]
    recorder: RunRecorder

    def complete(self, *, fresh: bool) -> tuple[Result, bool]:
        """Do the remaining steps; the result, and whether there were none."""
        plan, output = self.plan, self.plan.output
        directory = attempt_path(output.place, plan.attempt_id)
        with storage_failures(output.place):
            run, is_left = output.run(plan.run_id), directory.exists()
            is_done = run.is_latest or not self._may_be_published(run)
            if run.is_complete and is_done and not is_left:
                return open_result(run.path), True
        if not run.is_complete:  # better now than after the cluster has started
            plan.check_memory(capacity_from_options(plan.configuration.cluster))
        with output.lock() as confirm:
            mixes = plan.configuration.cluster.arithmetic == "mixed"
            checkpoint = Checkpoint(directory, _fingerprint(plan), confirm=confirm, mixes=mixes)
            is_complete, is_left = output.run(plan.run_id).is_complete, directory.exists()
            if not is_complete:
                self._compute(checkpoint, fresh=fresh)
            confirm()
            run = output.run(plan.run_id)
            if self._may_be_published(run):
                output.publish(run)  # again, in case a kill left an old link
            result = open_result(run.path)
            if plan.configuration.output.report:
                try_publish_report(result)
            output.discard(checkpoint.runs())
            checkpoint.discard()
        return result, is_complete and not is_left

    def _may_be_published(self, run: Run) -> bool:
        """Whether a complete run is neither held back nor superseded."""
        is_overtaken = self.plan.starts_from_another and self.plan.output.is_superseded(run)
        return not (run.is_held_back or is_overtaken)

    def _compute(self, checkpoint: Checkpoint, *, fresh: bool) -> None:
        """Resume an interrupted attempt or start one, up to the commit."""
        plan, output = self.plan, self.plan.output
        begun = checkpoint.runs()
        if fresh:
            checkpoint.discard()
        checkpoint.check(Processes((describe_process(),)))  # before a cluster starts
        is_assigning = plan.model is not None and checkpoint.has_assignments(
            mixture_digest(plan.model.model)
        )
        progress = None if is_assigning else checkpoint.load()
        is_resumed = is_assigning or progress is not None
        if not is_resumed:  # the interrupted attempt may be of an input that has changed
            output.discard(begun)
        checkpoint.begin()
        path = output.start(plan.run_id, resume=is_resumed)
        contents = self.work(Attempt(plan, path, checkpoint, progress, self.recorder))
        checkpoint.confirm()
        attributes = {
            **_origin(plan),
            "publication": output.next_publication(),
            "arithmetic": asdict(checkpoint.processes()),
            **contents.attributes,
        }
        groups = plan.source.feature_groups
        commit_run(path, replace(contents, attributes=attributes, feature_groups=groups))


def _fingerprint(plan: RunPlan) -> RunFingerprint:
    """What must be equal when an interrupted attempt is resumed."""
    dataset = plan.dataset
    shape = (dataset.n_rows, dataset.n_features, dataset.block_rows)
    origin = "" if plan.earlier is None else run_name(plan.earlier.path)
    return RunFingerprint(plan.run_id, *shape, origin)


def _origin(plan: RunPlan) -> dict[str, Any]:
    """The origin of a run, for its root."""
    origin: dict[str, Any] = {}
    if plan.model is None:
        origin["request"] = plan.request
    if plan.earlier is not None:
        path = plan.earlier.path
        origin["started_from"] = {"run_id": run_name(path), "path": str(path)}
    if plan.source.selection.version is not None:
        origin["input_version"] = plan.source.selection.version
    return {
        **origin,
        "configuration": dump_resolved(plan.configuration),
        "fingerprint": plan.source.fingerprint,
        "input": plan.source.description,
        "n_samples": plan.dataset.n_rows,
        "n_features": plan.dataset.n_features,
        "n_partitions": plan.dataset.n_blocks,
        "versions": {"dgmm": __version__, "python": platform.python_version(), **_versions()},
        "machine": platform.machine(),
    }


@cache
def _versions() -> dict[str, str]:
    """Those of libraries, for each of which a long file is read."""
    return {name: version(name) for name in ("dask", "distributed", "numpy", "scipy", "zarr")}
