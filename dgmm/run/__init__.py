"""Runs for programs: what the ``dgmm`` command does, as functions.

A program that runs dgmm reads its configuration by :func:`load` (or :func:`load_as`, if it has keys
of its own), and calls :func:`run`, :func:`score` and :func:`prune`; what they found is opened by
:func:`dgmm.open_result`. Everything that can go wrong is of :mod:`dgmm.errors`. The package's
modules are not for import from outside.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dgmm.run.configuration import Configuration, load, load_as, loads
    from dgmm.run.endings import Ending, ending
    from dgmm.run.fields import Section
    from dgmm.run.logs import Style
    from dgmm.run.rows import OpenInput, open_input
    from dgmm.run.runs import prune
    from dgmm.run.scoring import Scored, configuration_for, score
    from dgmm.run.signals import stoppable
    from dgmm.run.speech import speaking
    from dgmm.run.stages import Finished, run

__all__ = [
    "Configuration",
    "Ending",
    "Finished",
    "OpenInput",
    "Scored",
    "Section",
    "Style",
    "configuration_for",
    "ending",
    "load",
    "load_as",
    "loads",
    "open_input",
    "prune",
    "run",
    "score",
    "speaking",
    "stoppable",
]

_HOMES = {
    "configuration": ("Configuration", "load", "load_as", "loads"),
    "endings": ("Ending", "ending"),
    "fields": ("Section",),
    "logs": ("Style",),
    "rows": ("OpenInput", "open_input"),
    "runs": ("prune",),
    "scoring": ("Scored", "configuration_for", "score"),
    "signals": ("stoppable",),
    "speech": ("speaking",),
    "stages": ("Finished", "run"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, so that commands answer at once."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
