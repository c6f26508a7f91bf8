"""What a run would do, from the input's metadata alone."""

from collections.abc import Iterator
from dataclasses import dataclass

from dgmm.engine.memory import Projection
from dgmm.errors import advise
from dgmm.mixture import feature_map
from dgmm.mixture.structures import structure_of
from dgmm.run.clusters import Capacity, capacity_from_options
from dgmm.run.config.advice import REMEDIES
from dgmm.run.config.cluster_options import Cluster
from dgmm.run.config.configuration import Configuration
from dgmm.run.run_plan import RunPlan, plan_run


@dataclass(frozen=True, slots=True, eq=False)
class PlanSummary:
    """What a run would read, compute and hold.

    Attributes
    ----------
    description : str
        Of the input: format, layout, dtype.
    n_rows, n_features, n_partitions, partition_rows : int
    n_models, n_starts : int
        Candidates, and starts over all of them.
    n_components : int
        Components of all candidates together, C.
    bytes_per_pass : int
        Stored bytes that a pass reads.
    flops_per_pass : float
        Useful ones while all candidates run: 4 p for each row and component.
    projection : Projection
    capacity : Capacity or None
        Of the cluster; None if only its scheduler can say.
    n_bytes_kept : int
        Of blocks that stay on workers of this capacity, so that one pass alone reads them; or 0.
    run_id : str
    started_from : str or None
        The run that this one would start from.
    """

    description: str
    n_rows: int
    n_features: int
    n_partitions: int
    partition_rows: int
    n_models: int
    n_starts: int
    n_components: int
    bytes_per_pass: int
    flops_per_pass: float
    projection: Projection
    capacity: Capacity | None
    n_bytes_kept: int
    run_id: str
    started_from: str | None

    def lines(self) -> Iterator[str]:
        """The plan for a person."""
        yield f"input       {self.description}"
        yield f"rows        {self.n_rows:,} x {self.n_features} features"
        yield f"partitions  {self.n_partitions:,} of {self.partition_rows:,} rows"
        yield (
            f"candidates  {self.n_models} models, {self.n_starts} starts, "
            f"{self.n_components} components in one pass"
        )
        yield (
            f"each pass   {self.bytes_per_pass / 2**20:,.1f} MiB read, "
            f"{self.flops_per_pass / 1e9:,.1f} GFLOP while all candidates run"
        )
        yield f"memory      {self._memory()}"
        yield f"run         {self.run_id}"
        if self.started_from is not None:
            yield f"starts from {self.started_from}"

    def _memory(self) -> str:
        if self.capacity is None:
            need = self.projection.worker(1) / 2**20
            return (
                f"{need:,.0f} MiB a worker of one thread; the cluster says its limit at the start"
            )
        need = self.projection.worker(self.capacity.threads_per_worker) / 2**20
        limit = self.capacity.memory_limit
        room = "without a limit" if limit is None else f"of {limit / 2**20:,.0f} MiB allowed"
        text = f"{need:,.0f} MiB {room} for each of {self.capacity.workers} worker(s)"
        kept = f"; {self.n_bytes_kept / 2**20:,.0f} MiB of blocks, read once, stay there in all"
        return text + (kept if self.n_bytes_kept else "")


@advise(REMEDIES)
def summarize_plan(configuration: Configuration) -> PlanSummary:
    """What a run of this configuration would do; opens metadata and reads no data.

    Raises
    ------
    DgmmError
        If the input cannot be opened.
    """
    plan = plan_run(configuration)
    capacity = capacity_from_options(configuration.cluster)
    dataset, options = plan.dataset, plan.options
    d = dataset.n_features
    length = {kind: feature_map.length(structure_of(kind).order, d) for kind, _ in options.models}
    return PlanSummary(
        description=plan.source.description,
        n_rows=dataset.n_rows,
        n_features=d,
        n_partitions=dataset.n_blocks,
        partition_rows=dataset.block_rows,
        n_models=len(options.models),
        n_starts=sum(options.n_init if k > 1 else 1 for _, k in options.models),
        n_components=sum(k for _, k in options.models),
        bytes_per_pass=plan.source.n_bytes_stored,
        flops_per_pass=4.0 * dataset.n_rows * sum(k * length[kind] for kind, k in options.models),
        projection=plan.projection,
        capacity=capacity,
        n_bytes_kept=_n_bytes_kept(configuration.cluster, capacity, plan),
        run_id=plan.run_id,
        started_from=None if plan.earlier is None else str(plan.earlier.path),
    )


def _n_bytes_kept(cluster: Cluster, capacity: Capacity | None, plan: RunPlan) -> int:
    n_bytes = plan.dataset.n_bytes
    is_wanted = cluster.kind != "threads" and cluster.keep_blocks
    is_room = capacity is not None and capacity.has_room(plan.projection, n_bytes)
    return n_bytes if is_wanted and is_room else 0
