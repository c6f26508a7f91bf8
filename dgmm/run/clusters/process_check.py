"""The processes that compute: which kinds there are, and whether their numbers go together."""

import logging
import shlex

import distributed

from dgmm.engine.arithmetic.portable import portable_environment
from dgmm.engine.arithmetic.processes import Arithmetic, Processes, describe_process
from dgmm.engine.cluster_execution import ClusterExecution
from dgmm.engine.execution import Execution
from dgmm.errors import ConfigurationError
from dgmm.run.config.cluster_options import Arithmetic as ArithmeticOption

_logger = logging.getLogger(__name__)

_ANSWER = 60.0  # seconds for workers to import what they compute with


def find_processes(execution: Execution) -> Processes:
    """The process itself, and the workers that are there now.

    Raises
    ------
    ConfigurationError
        If a worker has no dgmm, or another version of it.
    """
    own = describe_process()
    if not isinstance(execution, ClusterExecution):
        return Processes((own,), (own,))
    return Processes((own,), tuple(sorted({*_ask(execution.client)})))


def _ask(client: distributed.Client) -> list[Arithmetic]:
    """What the workers say of themselves; those that are lost meanwhile say nothing."""
    try:
        answers = client.sync(
            client.run, describe_process, on_error="return", callback_timeout=_ANSWER
        )
    except OSError:  # timeouts and lost connections are such
        return []
    for address, answer in answers.items():
        if isinstance(answer, ImportError | AttributeError | TypeError):
            raise ConfigurationError(
                f"The worker {address} does not have this version of dgmm: {answer!r}. "
                "Install the same for the workers as here."
            )
    return [answer for answer in answers.values() if isinstance(answer, Arithmetic)]


def check_processes(processes: Processes, arithmetic: ArithmeticOption) -> None:
    """Refuse processes whose arithmetic is not portable though it is to be; warn of different ones.

    Raises
    ------
    ConfigurationError
    """
    first, *others = processes.workers or processes.drivers
    if arithmetic == "portable":
        found = [each for each in processes.drivers + processes.workers if not each.is_portable]
        if found:
            _refuse(found[0])
    if others and arithmetic != "mixed":
        differences = "; ".join(line for each in others for line in each.differences(first))
        _logger.warning(
            "the workers differ (%s), so that the last bits depend on which of them computes what; "
            "`cluster.arithmetic: portable` is for the same bits on all types of processor, "
            "`mixed` says that they may differ",
            differences,
        )


def _refuse(found: Arithmetic) -> None:
    variables = portable_environment().items()
    exports = " ".join(f"{name}={shlex.quote(value)}" for name, value in variables)
    raise ConfigurationError(
        "`cluster.arithmetic: portable` needs a processor of x86-64 with AVX2, OpenBLAS, and all "
        "processes of the cluster and of the program that uses it started with the variables "
        f"{exports}; found blas: {found.blas}; simd: {found.simd}; target: {found.target}; "
        f"system: {found.system}."
    )
