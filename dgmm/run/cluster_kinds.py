"""The kinds of cluster that a configuration may name, each with its keys.

A closed list: no name of a class or module comes from a configuration.
"""

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from dgmm.run.fields import Address, Count, Path, Section, Size
from dgmm.run.mistakes import CONFLICT


class LocalCluster(Section):
    """Worker processes on this machine, started for the run."""

    kind: Literal["local"] = "local"
    workers: Count | None = Field(
        default=None, description="Processes; null divides the cores by threads_per_worker."
    )
    threads_per_worker: Count = Field(default=1, description="Threads of each process.")
    memory_limit: Size | None = Field(
        default=None,
        description="Bytes of each process, such as 4GiB; null divides this machine's memory.",
    )


class ThreadsCluster(Section):
    """Threads of the command's own process."""

    kind: Literal["threads"]
    threads: Count | None = Field(default=None, description="Threads; null takes every core.")
    memory_limit: Size | None = Field(
        default=None, description="Bytes of the process, such as 4GiB; null is all there are."
    )


class AddressCluster(Section):
    """A Dask cluster that runs already."""

    kind: Literal["address"]
    address: Address | None = Field(
        default=None,
        description="The scheduler, such as tcp://host:8786; null reads DASK_SCHEDULER_ADDRESS.",
    )
    scheduler_file: Path | None = Field(
        default=None, description="The file that the scheduler wrote, in place of an address."
    )
    timeout: float = Field(
        default=60, gt=0, le=86_400, description="Seconds to wait for scheduler and first worker."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.address is not None and self.scheduler_file is not None:
            text = "found both address and scheduler_file, expected one of them"
            raise PydanticCustomError(CONFLICT, "{text}", {"text": text})
        return self


Cluster = LocalCluster | ThreadsCluster | AddressCluster
