"""The functions of single features that a configuration asks for."""

from typing import TYPE_CHECKING

from dgmm.errors import ConfigurationError
from dgmm.mixture.column_functions.columnwise import ColumnFunctions, choose_functions

if TYPE_CHECKING:
    from dgmm.io.results.result import Result


def functions_of_run(
    wanted: object, names: tuple[str, ...], earlier: "Result | None"
) -> ColumnFunctions | None:
    """A function, or none, for each feature.

    Parameters
    ----------
    wanted : str, mapping or None
        As in the configuration.
    names : tuple of str
        Of the features.
    earlier : Result, or None
        What the fit starts from: its parameters are kept, so that mixtures can be compared.

    Raises
    ------
    ConfigurationError
        If there are no such features, or if the earlier result has other functions.
    """
    found = choose_functions(wanted, names, "prepare.transform")
    if earlier is None:
        return found
    known = None if earlier.transform is None else earlier.transform.functions
    if _kinds(found) != _kinds(known):
        raise ConfigurationError(
            f"{earlier.path}, from which the fit is to start, has other functions of features "
            f"({_kinds(known)}) than prepare.transform asks for ({_kinds(found)}). Make them the "
            "same, or start from no result."
        )
    return known


def _kinds(functions: ColumnFunctions | None) -> tuple[str, ...]:
    return () if functions is None else functions.kinds
