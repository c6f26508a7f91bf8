"""The files of a checkpoint: which there are, what each holds, and how one is read."""

import logging
from dataclasses import dataclass
from typing import TypeVar

from dgmm.engine.arithmetic.processes import Arithmetic, Processes
from dgmm.engine.profile import Profile
from dgmm.engine.profiling.observed_values import ObservedValues, PairwiseMoments
from dgmm.errors import StorageError
from dgmm.io.storage.atomic_writes import remove_tree
from dgmm.io.storage.location import AnyPath
from dgmm.io.storage.value_file import DamagedError, read_value
from dgmm.io.storage.zarr_arrays import storage_failures
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.em.quasi_newton import Iterate, QuasiNewtonState
from dgmm.mixture.identifiers import RisingIntegers
from dgmm.mixture.noise.noise_component import Noise
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.pooled_moments import PooledMoments
from dgmm.mixture.prior_knowledge.labelled_moments import LabelledMoments
from dgmm.mixture.sample_size import WeightTotals
from dgmm.mixture.variational.posterior import VariationalPosterior
from dgmm.mixture.variational.prior import Prior
from dgmm.mixture.variational.variational_state import VariationalState

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunFingerprint:
    """What must not change between the start of a run and its resumption.

    Attributes
    ----------
    run_id : str
    n_rows, n_features, block_rows : int
        Of the input.
    started_from : str
        The name of the run whose mixtures are starts; empty if there is none.
    """

    run_id: str
    n_rows: int
    n_features: int
    block_rows: int
    started_from: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
    """The profile, and the run that it is of."""

    facts: RunFingerprint
    profile: Profile


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """The states after a pass."""

    profile: int  # the checksum of the file that holds it
    stage: str
    n_passes: int
    states: tuple[FitState, ...]
    variational: VariationalState | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """Names under which a run was started."""

    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assigning:
    """The run, and the digest of the model whose assignments are being written."""

    run_id: str
    model: str


@dataclass(frozen=True, slots=True)
class ComputedBy:
    """Who has computed the content of the checkpoint."""

    processes: Processes


CLASSES: dict[str, type] = {  # by the names in files, which stay
    "_Begun": Begun,
    "_Reached": Reached,
    "_Runs": Runs,
    "_Assigning": Assigning,
    "ComputedBy": ComputedBy,
    "Processes": Processes,
    "Arithmetic": Arithmetic,
    "Facts": RunFingerprint,
    "Profile": Profile,
    "RisingIntegers": RisingIntegers,
    "ObservedValues": ObservedValues,
    "PairwiseMoments": PairwiseMoments,
    "LabelledMoments": LabelledMoments,
    "PooledMoments": PooledMoments,
    "FitState": FitState,
    "Candidate": Candidate,
    "Search": QuasiNewtonState,
    "Visit": Iterate,
    "Parameters": Parameters,
    "Noise": Noise,
    "WeightTotals": WeightTotals,
    "Status": Status,
    "VariationalState": VariationalState,
    "VariationalPosterior": VariationalPosterior,
    "VariationalPrior": Prior,
}
File = TypeVar("File", Begun, Reached, Runs, Assigning, ComputedBy)


def read_file(directory: AnyPath, name: str, kind: type[File]) -> tuple[File | None, int]:
    """The content of a file of a checkpoint and its checksum; None if it is missing or unusable.

    Raises
    ------
    StorageError
        If the file system refuses.
    """
    path = directory / name
    try:
        value, checksum = read_value(path, CLASSES)
    except (FileNotFoundError, NotADirectoryError):
        return None, 0
    except DamagedError as error:
        _logger.warning("%s is ignored: %s; its content is computed again", path, error)
        if path.is_dir():  # a file cannot replace a directory
            with storage_failures(path):
                remove_tree(path)
        return None, 0
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}.") from error
    if not isinstance(value, kind):
        _logger.warning("%s is ignored: it holds something else", path)
        return None, 0
    return value, checksum
