"""Packages that only some features need."""

import importlib
from types import ModuleType

from dgmm.errors import MissingExtraError


def import_optional(module: str, need: str, requirement: str) -> ModuleType:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
    need : str
        What needs which package, for the message.
    requirement : str
        What to install, such as ``"dgmm[hdf5]"``.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        message = f'{need}: pip install "{requirement}" ({error})'
        raise MissingExtraError(message) from error
