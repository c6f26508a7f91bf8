"""The plan of a run, from the input's metadata alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dgmm.errors import advise
from dgmm.io.results.assignment_schema import AssignmentSchema
from dgmm.run.clusters.capacity import Capacity, capacity_from_options
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration
from dgmm.run.pass_rate import estimate_pass_rate, flops_per_row
from dgmm.run.run_plan import RunPlan, plan_run
from dgmm.text import join_names

_IN_WORDS = {
    None: "criteria count their sum as the number of rows, whatever it is",
    "counts": "criteria count their sum as the number of rows",
    "rows": "criteria count the rows of positive weight",
    "kish": "criteria count Kish's effective number of rows",
}
"""What becomes of weights, by how they are normalised."""


@dataclass(frozen=True, slots=True, eq=False)
class PlanSummary:
    """What a run would read, compute and need.

    Attributes
    ----------
    plan : RunPlan
    capacity : Capacity or None
        Of the cluster; None if only its scheduler can say.
    """

    plan: RunPlan
    capacity: Capacity | None

    @property
    def flops_per_pass(self) -> float:
        """Floating-point operations a pass while all candidates run."""
        dataset = self.plan.dataset
        return dataset.n_rows * flops_per_row(self.plan.options, dataset.n_features)

    @property
    def n_searches(self) -> int:
        """Searches on the sample: ``n_init`` down from the most components of each structure."""
        options = self.plan.options
        most = {
            kind: max(k for other, k in options.models if other == kind)
            for kind, _ in options.models
        }
        return sum(options.n_init if k > 1 else 1 for k in most.values())

    @property
    def n_bytes_written(self) -> int:
        """Bytes of the assignments before compression, with as many components as can be chosen."""
        output, options = self.plan.configuration.output, self.plan.options
        components = tuple(range(options.max_components))
        schema = AssignmentSchema(
            tuple(output.assignments), components, output.most_probable, clusters=components
        )
        row = sum(
            np.dtype(array.dtype).itemsize * math.prod(extent for _, extent in array.across)
            for array in schema.arrays().values()
        )
        return row * self.plan.dataset.n_rows

    @property
    def n_bytes_kept(self) -> int:
        """Bytes of blocks that stay in the workers' memory after the first pass; 0 if none."""
        cluster, n_bytes = self.plan.configuration.cluster, self.plan.dataset.n_bytes
        is_wanted = cluster.kind != "threads" and cluster.keep_blocks
        is_room = self.capacity is not None and self.capacity.has_room(
            self.plan.projection, n_bytes
        )
        return n_bytes if is_wanted and is_room else 0

    @advise(REMEDIES)
    def check_memory(self) -> None:
        """Refuse a plan whose run would be refused for its memory.

        Raises
        ------
        MemoryLimitError
        """
        self.plan.check_memory(self.capacity)

    def lines(self) -> Iterator[str]:
        """The plan as text."""
        dataset, options, source = self.plan.dataset, self.plan.options, self.plan.source
        yield f"input       {source.description}"
        yield f"rows        {dataset.n_rows:,} x {dataset.n_features} features"
        yield f"features    {join_names(dataset.feature_names)}"
        if dataset.weights is not None:
            yield f"weights     {_IN_WORDS[options.normalize]}"
        if dataset.labels is not None:
            yield "labels      the first components are the classes of labelled rows"
        yield f"partitions  {dataset.n_blocks:,} of {dataset.block_rows:,} rows"
        yield self._candidates()
        yield (
            f"each pass   {source.n_bytes_stored / 2**20:,.1f} MiB read, "
            f"{self.flops_per_pass / 1e9:,.1f} GFLOP while all candidates run"
        )
        yield f"time        {self._time()}"
        yield f"memory      {self._memory()}"
        yield f"written     {self.n_bytes_written / 2**20:,.1f} MiB of assignments, uncompressed"
        yield f"run         {self.plan.run_id}"
        if self.plan.earlier is not None:
            yield f"starts from {self.plan.earlier.path}"

    def _candidates(self) -> str:
        options = self.plan.options
        if options.variational is not None:
            ((kind, most),) = options.models
            return (
                f"candidate   a Bayesian mixture, {kind}, of at most {most} components; inference "
                f"starts from mixtures that {self.n_searches} search(es) of a sample find"
            )
        return (
            f"candidates  {len(options.models)} models, found by {self.n_searches} search(es) of a "
            f"sample; {sum(k for _, k in options.models)} components in one pass"
        )

    def _time(self) -> str:
        plan, capacity = self.plan, self.capacity
        rate = estimate_pass_rate(plan.options, plan.dataset.n_features)
        threads = 1 if capacity is None else capacity.workers * capacity.threads_per_worker
        seconds = max(plan.dataset.n_rows / rate / threads, 0.01)
        return (
            f"about {seconds:,.2g} s of arithmetic each pass on {threads} thread(s) like this one "
            f"({rate:,.0f} rows/s, by the speed of its matrix products), plus the time for reading"
        )

    def _memory(self) -> str:
        projection = self.plan.projection
        driver = f"the driver needs {projection.driver / 2**20:,.0f} MiB"
        if self.capacity is None:
            need = projection.worker(1) / 2**20
            text = f"{need:,.0f} MiB needed by a worker of one thread; its limit is not known yet"
            return f"{text}; {driver}"
        threads, usable = self.capacity.threads_per_worker, self.capacity.usable_memory
        room = "no limit" if usable is None else f"{usable / 2**20:,.0f} MiB usable"
        if self.capacity.is_driver:
            return f"{projection.worker(threads, is_driver=True) / 2**20:,.0f} MiB needed, {room}"
        need = projection.worker(threads) / 2**20
        text = f"{need:,.0f} MiB needed, {room}, for each of {self.capacity.workers} worker(s)"
        kept = f"; {self.n_bytes_kept / 2**20:,.0f} MiB of blocks, read once, stay there in all"
        return f"{text}; {driver}" + (kept if self.n_bytes_kept else "")


@advise(REMEDIES)
def summarize_plan(configuration: Configuration) -> PlanSummary:
    """The plan of a run of this configuration; reads metadata only.

    Raises
    ------
    DgmmError
        If the input cannot be opened.
    """
    return PlanSummary(plan_run(configuration), capacity_from_options(configuration.cluster))
