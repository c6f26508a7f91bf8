"""Optional packages of some kinds of cluster."""

import importlib
from types import ModuleType

from dgmm.errors import MissingExtraError


def require(module: str, kind: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    Raises
    ------
    MissingExtraError
        If it is not installed; the message says how to.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise MissingExtraError(
            f'a cluster of kind {kind} needs {package}: pip install "dgmm[{extra}]" ({error})'
        ) from error
