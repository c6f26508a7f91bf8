"""The functions of single features that a configuration asks for."""

from collections.abc import Mapping
from typing import Any

from dgmm.errors import ConfigurationError
from dgmm.io.results.result import Result
from dgmm.mixture.column_function import COFACTOR, ColumnFunction, ColumnFunctions
from dgmm.text import join_names

_ALL_OTHERS = "*"


def choose_functions(
    wanted: Any, names: tuple[str, ...], earlier: Result | None
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
    found = None if wanted is None else ColumnFunctions(_of_features(wanted, names), names)
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


def _of_features(wanted: Any, names: tuple[str, ...]) -> tuple[ColumnFunction | None, ...]:
    if isinstance(wanted, str) or [*wanted] == ["arcsinh"]:
        return (_function(wanted),) * len(names)
    unknown = [name for name in wanted if name not in (*names, _ALL_OTHERS)]
    if unknown:
        raise ConfigurationError(
            f"prepare.transform names {join_names(unknown)}, which the data do not have; their "
            f"features are {join_names(names)}."
        )
    chosen = (wanted.get(name, wanted.get(_ALL_OTHERS)) for name in names)
    return tuple(None if each is None else _function(each) for each in chosen)


def _function(wanted: str | Mapping[str, float]) -> ColumnFunction:
    if isinstance(wanted, Mapping):
        return ColumnFunction("arcsinh", float(wanted["arcsinh"]))
    return ColumnFunction(wanted, COFACTOR if wanted == "arcsinh" else None)


def _kinds(functions: ColumnFunctions | None) -> tuple[str, ...]:
    """What must be the same for mixtures to be comparable: all but powers that were found."""
    if functions is None:
        return ()
    return tuple(
        "" if each is None else each.name if each.name == "yeo-johnson" else str(each)
        for each in functions.functions
    )
