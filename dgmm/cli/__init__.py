"""The ``dgmm`` command.

Little is imported here, so that signals are heard from the beginning; the commands themselves are
in :mod:`dgmm.cli.commands`.
"""

import gc
from importlib import import_module
from typing import TYPE_CHECKING

from dgmm.run.console.signals import exit_on_signals

if TYPE_CHECKING:
    from dgmm.cli.commands import dgmm

__all__ = ["dgmm", "main"]

_NEW_OBJECTS = 50_000
"""How many make Python look for cycles: by its own 700, a tenth of a short command is spent so."""


def main() -> None:
    """Run the command and exit with its code."""
    exit_on_signals()
    gc.set_threshold(_NEW_OBJECTS)
    try:
        import_module("dgmm.cli.commands").dgmm.main(
            prog_name="dgmm", obj={"is_main_program": True}
        )
    finally:
        gc.freeze()  # the process is over: to look for cycles in all modules takes half a second


def __getattr__(name: str) -> object:
    """The group of all commands, for programs that hold it as one of theirs."""
    if name == "dgmm":
        return import_module("dgmm.cli.commands").dgmm
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
