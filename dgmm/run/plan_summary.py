"""The plan of a run, from the input's metadata alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from dgmm.errors import advise
from dgmm.mixture import feature_map
from dgmm.mixture.structures import structure_of
from dgmm.run.clusters import Capacity, capacity_from_options
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.configuration import Configuration
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
        """Floating-point operations a pass while all candidates run: 4 p a row and component."""
        dataset = self.plan.dataset
        lengths = (
            k * feature_map.length(structure_of(kind).order, dataset.n_features)
            for kind, k in self.plan.options.models
        )
        return 4.0 * dataset.n_rows * sum(lengths)

    @property
    def n_bytes_kept(self) -> int:
        """Bytes of blocks that stay in the workers' memory after the first pass; 0 if none."""
        cluster, n_bytes = self.plan.configuration.cluster, self.plan.dataset.n_bytes
        is_wanted = cluster.kind != "threads" and cluster.keep_blocks
        is_room = self.capacity is not None and self.capacity.has_room(
            self.plan.projection, n_bytes
        )
        return n_bytes if is_wanted and is_room else 0

    def lines(self) -> Iterator[str]:
        """The plan as text."""
        dataset, options, source = self.plan.dataset, self.plan.options, self.plan.source
        n_starts = sum(options.n_init if k > 1 else 1 for _, k in options.models)
        yield f"input       {source.description}"
        yield f"rows        {dataset.n_rows:,} x {dataset.n_features} features"
        yield f"features    {join_names(dataset.feature_names)}"
        if dataset.weights is not None:
            yield f"weights     {_IN_WORDS[options.normalize]}"
        yield f"partitions  {dataset.n_blocks:,} of {dataset.block_rows:,} rows"
        yield (
            f"candidates  {len(options.models)} models, {n_starts} starts, "
            f"{sum(k for _, k in options.models)} components in one pass"
        )
        yield (
            f"each pass   {source.n_bytes_stored / 2**20:,.1f} MiB read, "
            f"{self.flops_per_pass / 1e9:,.1f} GFLOP while all candidates run"
        )
        yield f"memory      {self._memory()}"
        yield f"run         {self.plan.run_id}"
        if self.plan.earlier is not None:
            yield f"starts from {self.plan.earlier.path}"

    def _memory(self) -> str:
        if self.capacity is None:
            need = self.plan.projection.worker(1) / 2**20
            return (
                f"{need:,.0f} MiB a worker of one thread; the cluster says its limit at the start"
            )
        need = self.plan.projection.worker(self.capacity.threads_per_worker) / 2**20
        usable = self.capacity.usable_memory
        room = "without a limit" if usable is None else f"of {usable / 2**20:,.0f} MiB usable"
        text = f"{need:,.0f} MiB {room} for each of {self.capacity.workers} worker(s)"
        kept = f"; {self.n_bytes_kept / 2**20:,.0f} MiB of blocks, read once, stay there in all"
        return text + (kept if self.n_bytes_kept else "")


@advise(REMEDIES)
def summarize_plan(configuration: Configuration) -> PlanSummary:
    """The plan of a run of this configuration; reads metadata only.

    Raises
    ------
    DgmmError
        If the input cannot be opened.
    """
    return PlanSummary(plan_run(configuration), capacity_from_options(configuration.cluster))
