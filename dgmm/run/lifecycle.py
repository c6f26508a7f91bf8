"""What every run checks, notes and leaves behind, whether it fits or scores."""

import platform
from importlib.metadata import version
from typing import Any

from dgmm import __version__
from dgmm.engine import memory
from dgmm.io.results import commit
from dgmm.io.results.checkpoint import RunFingerprint
from dgmm.io.results.layout import run_name
from dgmm.io.storage.location import AnyPath
from dgmm.run.clusters import Capacity
from dgmm.run.config.configuration import Configuration, dump_resolved
from dgmm.run.run_plan import RunPlan


def discard_incomplete(output: AnyPath, run_ids: tuple[str, ...]) -> None:
    """Remove those of these runs that are not complete."""
    for run_id in run_ids:
        commit.discard_run(output, run_id)


def check_memory(plan: RunPlan, capacity: Capacity | None) -> None:
    """Refuse a run that does not fit in its workers, as far as they are known."""
    if capacity is not None:
        memory.check(plan.projection, capacity.threads_per_worker, capacity.memory_limit)


def run_fingerprint(plan: RunPlan) -> RunFingerprint:
    """What an interrupted attempt must have in common with the one that goes on."""
    dataset = plan.dataset
    libraries = (f"{name} {version(name)}" for name in ("numpy", "scipy"))
    versions = (platform.machine(), f"dgmm {__version__}", *libraries)
    shape = (dataset.n_rows, dataset.n_features, dataset.block_rows)
    origin = "" if plan.earlier is None else run_name(plan.earlier.path)
    return RunFingerprint(plan.run_id, *shape, versions, origin)


def run_attributes(configuration: Configuration, plan: RunPlan) -> dict[str, Any]:
    """What the root of a run says of where it comes from."""
    libraries = ("dask", "distributed", "numpy", "scipy", "zarr")
    return {
        "configuration": dump_resolved(configuration),
        "fingerprint": plan.source.fingerprint,
        "input": plan.source.description,
        "n_samples": plan.dataset.n_rows,
        "n_features": plan.dataset.n_features,
        "n_partitions": plan.dataset.n_blocks,
        "versions": {
            "dgmm": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in libraries},
        },
        "machine": platform.machine(),
    }
