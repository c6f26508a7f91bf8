"""Optional packages of some kinds of cluster."""

from types import ModuleType

from dgmm.optional_packages import import_optional


def require(module: str, kind: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    Raises
    ------
    MissingExtraError
        If it is not installed; the message says how to.
    """
    package = module.partition(".")[0].replace("_", "-")
    return import_optional(module, f"a cluster of kind {kind} needs {package}", f"dgmm[{extra}]")
