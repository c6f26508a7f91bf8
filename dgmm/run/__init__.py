"""Runs for programs: what the ``dgmm`` command does, as functions.

A program that runs dgmm reads its configuration by :func:`load` (or :func:`load_as`, if it has keys
of its own), and calls :func:`run`, :func:`score`, :func:`publish` and :func:`prune`; what they
found is opened by :func:`dgmm.open_result`. It stores its own results from the blocks of
:func:`open_input` with :func:`write_group`. All errors are those of :mod:`dgmm.errors`. The modules
of the package are private.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dgmm.io.storage.group import Variable, read_group, write_group
    from dgmm.io.storage.lock import write_lock
    from dgmm.run.config.configuration import Configuration, dump_resolved, load, load_as, loads
    from dgmm.run.config.field_types import Section, validation_error
    from dgmm.run.console.exit_message import ExitMessage, exit_message
    from dgmm.run.console.logs import LogFormat
    from dgmm.run.console.observer import console_logging
    from dgmm.run.console.portable_restart import restart_if_portable
    from dgmm.run.console.signals import graceful_shutdown
    from dgmm.run.fit_run import RunResult, run
    from dgmm.run.history import prune, publish
    from dgmm.run.input_blocks import BlockFit, Blocks
    from dgmm.run.input_handle import InputHandle, open_input
    from dgmm.run.run_metrics import collect_metrics, write_metrics
    from dgmm.run.score_run import ScoreResult, configuration_for, score

__all__ = [
    "BlockFit",
    "Blocks",
    "Configuration",
    "ExitMessage",
    "InputHandle",
    "LogFormat",
    "RunResult",
    "ScoreResult",
    "Section",
    "Variable",
    "collect_metrics",
    "configuration_for",
    "console_logging",
    "dump_resolved",
    "exit_message",
    "graceful_shutdown",
    "load",
    "load_as",
    "loads",
    "open_input",
    "prune",
    "publish",
    "read_group",
    "restart_if_portable",
    "run",
    "score",
    "validation_error",
    "write_group",
    "write_lock",
    "write_metrics",
]

_HOMES = {
    "dgmm.io.storage.lock": ("write_lock",),
    "dgmm.io.storage.group": ("Variable", "read_group", "write_group"),
    "dgmm.run.config.configuration": ("Configuration", "load", "load_as", "loads", "dump_resolved"),
    "dgmm.run.console.exit_message": ("ExitMessage", "exit_message"),
    "dgmm.run.config.field_types": ("Section", "validation_error"),
    "dgmm.run.console.logs": ("LogFormat",),
    "dgmm.run.input_blocks": ("Blocks", "BlockFit"),
    "dgmm.run.input_handle": ("InputHandle", "open_input"),
    "dgmm.run.history": ("prune", "publish"),
    "dgmm.run.score_run": ("ScoreResult", "configuration_for", "score"),
    "dgmm.run.console.portable_restart": ("restart_if_portable",),
    "dgmm.run.console.signals": ("graceful_shutdown",),
    "dgmm.run.console.observer": ("console_logging",),
    "dgmm.run.fit_run": ("RunResult", "run"),
    "dgmm.run.run_metrics": ("collect_metrics", "write_metrics"),
}


def __getattr__(name: str) -> object:
    """Import lazily, so that commands start quickly."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
