"""The kinds of cluster in a configuration, each with its keys.

A closed list: no name of a class or module comes from a configuration. Keys that are not given come
from Dask's own configuration files, where the kind has one (``jobqueue.yaml``, ``gateway.yaml``).
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dgmm.run.config.exposure import is_exposed
from dgmm.run.config.field_types import (
    Address,
    Count,
    Line,
    Lines,
    Path,
    Scalar,
    Section,
    Size,
    Url,
    Walltime,
    validation_error,
)

_INSECURE = "Whether to go without TLS where others may read and write along."
_Patience = Annotated[
    float,
    Field(
        gt=0,
        le=86_400,
        description="Seconds in which no task begins or ends before the cluster counts as lost.",
    ),
]
_PATIENCE = 600.0
_KeepBlocks = Annotated[
    bool,
    Field(description="Whether blocks stay on the workers that read them, if all fit there."),
]
Arithmetic = Literal["native", "portable", "mixed"]
_Arithmetic = Annotated[
    Arithmetic,
    Field(
        description="The last bits: native are those of one type of processor, portable the same "
        "on all of x86-64 with AVX2, mixed those of whatever types there are.",
    ),
]


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
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"


class ThreadsCluster(Section):
    """Threads of the command's own process."""

    kind: Literal["threads"]
    threads: Count | None = Field(default=None, description="Threads; null takes every core.")
    memory_limit: Size | None = Field(
        default=None, description="Bytes of the process, such as 4GiB; null is all there are."
    )
    arithmetic: _Arithmetic = "native"


class AddressCluster(Section):
    """An existing Dask cluster."""

    kind: Literal["address"]
    address: Address | None = Field(
        default=None,
        description="The scheduler, such as tls://host:8786; null reads DASK_SCHEDULER_ADDRESS.",
    )
    scheduler_file: Path | None = Field(
        default=None, description="The file that the scheduler wrote, in place of an address."
    )
    tls_ca_file: Path | None = Field(
        default=None,
        description="Certificates to trust (PEM); null reads Dask's distributed.comm.tls.",
    )
    tls_cert: Path | None = Field(
        default=None, description="The certificate to show (PEM), with its key or beside tls_key."
    )
    tls_key: Path | None = Field(default=None, description="The key of tls_cert (PEM).")
    timeout: float = Field(
        default=60, gt=0, le=86_400, description="Seconds to wait for scheduler and first worker."
    )
    insecure: bool = Field(default=False, description=_INSECURE)
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"

    @model_validator(mode="after")
    def _check_address(self) -> Self:
        if self.address is not None and self.scheduler_file is not None:
            raise validation_error("found both address and scheduler_file, expected one of them")
        if (self.tls_ca_file is None) != (self.tls_cert is None):
            raise validation_error("found one of tls_ca_file and tls_cert, expected both")
        if self.tls_key is not None and self.tls_cert is None:
            raise validation_error("found tls_key without tls_cert, expected both")
        if self.address is not None and is_exposed(self.address) and not self.insecure:
            raise validation_error(
                f"found {self.address}, where anyone on the way may read and write, "
                'expected "tls://...", or insecure: true'
            )
        return self


class _BatchCluster(Section):
    jobs: Count = Field(default=1, description="Jobs to keep; one that ends early is replaced.")
    cores: Count | None = Field(default=None, description="Cores of a job.")
    memory: Size | None = Field(default=None, description="Bytes of a job, such as 16GiB.")
    processes: Count | None = Field(
        default=None, description="Workers of a job, which divide its cores and memory."
    )
    walltime: Walltime | None = Field(
        default=None, description="How long a job may take, as the batch system writes it."
    )
    queue: Line | None = Field(default=None, description="The queue or partition of the jobs.")
    interface: Line | None = Field(
        default=None, description="The network of scheduler and workers, such as ib0."
    )
    python: Line | None = Field(
        default=None, description="The interpreter of the workers; null takes this one."
    )
    local_directory: Line | None = Field(
        default=None, description="Fast storage of a node, for what workers spill."
    )
    shared_directory: Line | None = Field(
        default=None,
        description="Where nodes find the run's TLS credentials; null is the current directory.",
    )
    log_directory: Line | None = Field(default=None, description="Where jobs write what they say.")
    job_extra_directives: Lines | None = Field(
        default=None, description="More lines for the head of the job script, without its prefix."
    )
    prologue: Lines | None = Field(
        default=None, description="Commands that a job runs before its workers, in a shell."
    )
    timeout: float = Field(
        default=600, gt=0, le=864_000, description="Seconds to wait for the first worker."
    )
    insecure: bool = Field(default=False, description=_INSECURE)
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"

    @model_validator(mode="after")
    def _check_processes(self) -> Self:
        if self.cores is not None and self.processes is not None and self.processes > self.cores:
            text = f"found {self.processes} processes in a job of {self.cores} cores"
            raise validation_error(f"{text}, expected at most one for each core")
        return self


class SlurmCluster(_BatchCluster):
    """Workers in jobs of SLURM, submitted by the command."""

    kind: Literal["slurm"]
    account: Line | None = Field(default=None, description="The account that is charged.")


class PbsCluster(_BatchCluster):
    """Workers in jobs of PBS, submitted by the command."""

    kind: Literal["pbs"]
    account: Line | None = Field(default=None, description="The account that is charged.")
    resource_spec: Line | None = Field(
        default=None, description="What a job asks for; null writes it from cores and memory."
    )


class LsfCluster(_BatchCluster):
    """Workers in jobs of LSF, submitted by the command."""

    kind: Literal["lsf"]
    project: Line | None = Field(default=None, description="The project that is charged.")


class SgeCluster(_BatchCluster):
    """Workers in jobs of SGE, submitted by the command."""

    kind: Literal["sge"]
    project: Line | None = Field(default=None, description="The project that is charged.")
    resource_spec: Line | None = Field(default=None, description="What a job asks for.")


class KubernetesCluster(Section):
    """Pods that the Dask operator of a Kubernetes cluster starts."""

    kind: Literal["kubernetes"]
    workers: Count = Field(default=1, description="Pods with a worker each.")
    image: Line | None = Field(
        default=None, description="Of scheduler and workers; it holds dgmm, in the same version."
    )
    cores: Count = Field(default=1, description="Cores of a worker, and tasks it runs at a time.")
    memory: Size = Field(default=4 * 2**30, description="Bytes of a worker, such as 4GiB.")
    namespace: Line | None = Field(default=None, description="Where the pods are made.")
    manifest: Path | None = Field(
        default=None, description="A file with a DaskCluster, in place of workers, image and size."
    )
    timeout: float = Field(
        default=600, gt=0, le=86_400, description="Seconds to wait for the first worker."
    )
    insecure: bool = Field(default=False, description=_INSECURE)
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"

    @model_validator(mode="after")
    def _check_pods(self) -> Self:
        if (self.image is None) == (self.manifest is None):
            raise validation_error("expected one of image and manifest")
        if not self.insecure:
            raise validation_error(
                "the pods of dask-kubernetes talk without TLS, expected insecure: true "
                "where the network of the pods is guarded, or a DaskCluster with TLS "
                "that is joined by its address"
            )
        return self


class GatewayCluster(Section):
    """A cluster that a Dask Gateway starts."""

    kind: Literal["gateway"]
    address: Url | None = Field(
        default=None, description="The gateway, such as https://host; null reads gateway.yaml."
    )
    proxy_address: Line | None = Field(
        default=None, description="Its proxy of schedulers, where that is another address."
    )
    workers: Count = Field(default=1, description="Workers to keep.")
    options: dict[Line, Scalar] = Field(
        default_factory=dict, description="What this gateway lets its users choose."
    )
    timeout: float = Field(
        default=600, gt=0, le=86_400, description="Seconds to wait for the first worker."
    )
    insecure: bool = Field(default=False, description=_INSECURE)
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"


class MpiCluster(Section):
    """The processes of the MPI job in which the command runs, three or more."""

    kind: Literal["mpi"]
    threads_per_worker: Count = Field(default=1, description="Threads of each process.")
    memory_limit: Size | None = Field(
        default=None,
        description="Bytes of each process, such as 4GiB; null divides a node's by its cores.",
    )
    interface: Line | None = Field(
        default=None, description="The network of scheduler and workers, such as ib0."
    )
    local_directory: Line | None = Field(
        default=None, description="Fast storage of a node, for what workers spill."
    )
    timeout: float = Field(
        default=120, gt=0, le=86_400, description="Seconds to wait for the workers."
    )
    insecure: bool = Field(default=False, description=_INSECURE)
    progress_timeout: _Patience = _PATIENCE
    keep_blocks: _KeepBlocks = True
    arithmetic: _Arithmetic = "native"


BatchCluster = SlurmCluster | PbsCluster | LsfCluster | SgeCluster
DistributedCluster = (
    LocalCluster | AddressCluster | BatchCluster | KubernetesCluster | GatewayCluster | MpiCluster
)
Cluster = LocalCluster | ThreadsCluster | DistributedCluster  # in the order of messages
