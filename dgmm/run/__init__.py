"""Runs for programs: what the ``dgmm`` command does, as functions.

A program that runs dgmm reads its configuration by :func:`load` (or :func:`load_as`, if it has keys
of its own), and calls :func:`run`, :func:`score`, :func:`publish` and :func:`prune`; what they
found is opened by :func:`dgmm.open_result`. What it finds itself in the blocks of
:func:`open_input` it keeps by :func:`write_group`. Everything that can go wrong is of
:mod:`dgmm.errors`. The package's modules are not for import from outside.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgmm.io.storage.group import Variable, read_group, write_group
    from dgmm.io.storage.lock import write_lock
    from dgmm.run.config.configuration import Configuration, load, load_as, loads, resolved
    from dgmm.run.config.field_types import Section, conflict
    from dgmm.run.console.exit_message import Ending, ending
    from dgmm.run.console.logs import Style
    from dgmm.run.console.observer import speaking
    from dgmm.run.console.signals import stoppable
    from dgmm.run.fit_run import Finished, run
    from dgmm.run.history import prune, publish
    from dgmm.run.input_handle import Blocks, FittedBlocks, OpenInput, open_input
    from dgmm.run.score_run import Scored, configuration_for, score

__all__ = [
    "Blocks",
    "Configuration",
    "Ending",
    "Finished",
    "FittedBlocks",
    "OpenInput",
    "Scored",
    "Section",
    "Style",
    "Variable",
    "configuration_for",
    "conflict",
    "ending",
    "load",
    "load_as",
    "loads",
    "open_input",
    "prune",
    "publish",
    "read_group",
    "resolved",
    "run",
    "score",
    "speaking",
    "stoppable",
    "write_group",
    "write_lock",
]

_HOMES = {
    "dgmm.io.storage.lock": ("write_lock",),
    "dgmm.io.storage.group": ("Variable", "read_group", "write_group"),
    "dgmm.run.config.configuration": ("Configuration", "load", "load_as", "loads", "resolved"),
    "dgmm.run.console.exit_message": ("Ending", "ending"),
    "dgmm.run.config.field_types": ("Section", "conflict"),
    "dgmm.run.console.logs": ("Style",),
    "dgmm.run.input_handle": ("Blocks", "FittedBlocks", "OpenInput", "open_input"),
    "dgmm.run.history": ("prune", "publish"),
    "dgmm.run.score_run": ("Scored", "configuration_for", "score"),
    "dgmm.run.console.signals": ("stoppable",),
    "dgmm.run.console.observer": ("speaking",),
    "dgmm.run.fit_run": ("Finished", "run"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that commands answer at once."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
