"""A function for each feature, and how a caller names them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgmm.errors import ConfigurationError, DataError
from dgmm.mixture.column_functions.column_function import Arcsinh, ColumnFunction, Log, Log1p
from dgmm.mixture.column_functions.logicle import Logicle
from dgmm.mixture.column_functions.yeo_johnson import YeoJohnson
from dgmm.mixture.types import Array
from dgmm.text import join_names

FUNCTIONS: Mapping[str, type[ColumnFunction]] = MappingProxyType(
    {kind.name: kind for kind in (Log, Log1p, Arcsinh, YeoJohnson, Logicle)}
)

_ALL_OTHERS = "*"


@dataclass(frozen=True, slots=True)
class ColumnFunctions:
    """A function, or none, for each feature.

    Attributes
    ----------
    functions : tuple of (ColumnFunction or None)
    names : tuple of str
        Of the features, for messages.
    """

    functions: tuple[ColumnFunction | None, ...]
    names: tuple[str, ...]

    @classmethod
    def from_table(
        cls, kinds: NDArray[Any], parameters: NDArray[Any], names: tuple[str, ...]
    ) -> "ColumnFunctions":
        """What has this ``table``."""
        rows = zip(kinds, parameters.reshape(len(names), -1), strict=True)
        found = (
            FUNCTIONS[str(kind)](*(float(each) for each in row if not np.isnan(each)))
            if kind
            else None
            for kind, row in rows
        )
        return cls(tuple(found), names)

    @property
    def table(self) -> tuple[NDArray[Any], Array]:
        """Names of functions, shape (n_features,); parameters, filled up with NaN."""
        known = [() if each is None else each.parameters for each in self.functions]
        parameters = np.full((len(known), max(map(len, known))), np.nan)
        for row, values in zip(parameters, known, strict=True):
            row[: len(values)] = values
        kinds = ["" if each is None else each.name for each in self.functions]
        return np.asarray(kinds, np.dtypes.StringDType()), parameters

    def apply(self, columns: Array) -> Array:
        """Rows after the functions, feature-major.

        Parameters
        ----------
        columns : ndarray of shape (n_features, T)

        Raises
        ------
        DataError
            If a function is not defined for a finite value.
        """
        found = np.array(columns, np.float64, order="C")
        for j, function in self._each():
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                z = function.apply(found[j])
            bad = np.isfinite(found[j]) & ~np.isfinite(z)
            if bad.any():
                raise DataError(
                    f"Feature {self.names[j]!r} has the value {found[j][bad][0]:g}; {function} "
                    f"takes {_describe_domain(function)}. Choose another function for it, such as "
                    "arcsinh, or leave such rows out."
                )
            found[j] = z
        return found

    def undo(self, columns: Array) -> Array:
        """Rows before the functions, feature-major."""
        found = np.array(columns, np.float64, order="C")
        for j, function in self._each():
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                found[j] = function.undo(found[j])
        return found

    def log_jacobian(self, columns: NDArray[np.generic]) -> Array:
        """The logarithm of |dz/dx| of each row, shape (T,).

        Parameters
        ----------
        columns : ndarray of shape (n_features, T)
            Before the functions; of any real dtype.
        """
        total = np.zeros(columns.shape[1])
        for j, function in self._each():
            total += function.log_derivative(columns[j].astype(np.float64))
        return total

    def fit(self, sample: Array) -> "ColumnFunctions":
        """The functions with all their parameters known.

        Parameters
        ----------
        sample : ndarray of shape (m, n_features)
            Of the data, before the functions.
        """
        found = tuple(
            None if function is None else function.fit(np.ascontiguousarray(sample[:, j]))
            for j, function in enumerate(self.functions)
        )
        return ColumnFunctions(found, self.names)

    def select(self, places: Sequence[int]) -> "ColumnFunctions":
        """Those of the features in these places."""
        return ColumnFunctions(
            tuple(self.functions[place] for place in places),
            tuple(self.names[place] for place in places),
        )

    def describe(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the features are after the functions, such as ``log(depth)``."""
        return tuple(
            name if function is None else f"{function.name}({name})"
            for name, function in zip(names, self.functions, strict=True)
        )

    @property
    def are_known(self) -> bool:
        """Whether no parameter is to be found from the data any more."""
        return all(function.is_known for _, function in self._each())

    @property
    def kinds(self) -> tuple[str, ...]:
        """What must be the same for mixtures to be comparable: all but powers that were found."""
        return tuple(
            "" if each is None else each.name if isinstance(each, YeoJohnson) else str(each)
            for each in self.functions
        )

    def _each(self) -> list[tuple[int, ColumnFunction]]:
        return [(j, each) for j, each in enumerate(self.functions) if each is not None]


def choose_functions(wanted: object, names: tuple[str, ...], of: str) -> ColumnFunctions | None:
    """A function, or none, for each feature.

    Parameters
    ----------
    wanted : str, mapping or None
        A function of all features, or a mapping from their names, or ``"*"`` for all others, to
        functions: ``"log"``, or with parameters such as ``{"arcsinh": 150}``.
    names : tuple of str
        Of the features.
    of : str
        What the caller calls ``wanted``, for messages.

    Raises
    ------
    ConfigurationError
        If there is no such function or feature; it is a ``ValueError``.
    """
    if wanted is None:
        return None
    if not isinstance(wanted, Mapping) or is_function(wanted):
        return ColumnFunctions((_function(wanted, of),) * len(names), names)
    unknown = [name for name in wanted if name not in (*names, _ALL_OTHERS)]
    if unknown:
        raise ConfigurationError(
            f"{of} names {join_names(unknown)}, which the data do not have; their features are "
            f"{join_names(names)}."
        )
    chosen = (wanted.get(name, wanted.get(_ALL_OTHERS)) for name in names)
    found = tuple(None if each is None else _function(each, of) for each in chosen)
    return ColumnFunctions(found, names)


def is_function(wanted: object) -> bool:
    """Whether a value names a function, with its parameters or without."""
    if not isinstance(wanted, Mapping):
        return isinstance(wanted, str) and wanted in FUNCTIONS
    if [*wanted] == [Arcsinh.name]:
        return _is_number(wanted[Arcsinh.name]) and 0 < wanted[Arcsinh.name] < math.inf
    if [*wanted] != [Logicle.name]:
        return False
    given = wanted[Logicle.name]
    known = {field.name for field in fields(Logicle)}
    return isinstance(given, Mapping) and {*given} <= known and all(map(_is_number, given.values()))


def _function(wanted: Any, of: str) -> ColumnFunction:  # a caller's value, checked here
    if not is_function(wanted):
        raise ConfigurationError(
            f"{of} has {wanted!r}; expected one of {join_names([*FUNCTIONS])}, or with parameters "
            "such as {'arcsinh': 150} or {'logicle': {'T': 262144, 'W': 0.5}}."
        )
    if isinstance(wanted, str):
        return FUNCTIONS[wanted]()
    if Arcsinh.name in wanted:
        return Arcsinh(float(wanted[Arcsinh.name]))
    return Logicle(**{name: float(value) for name, value in wanted[Logicle.name].items()})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _describe_domain(function: ColumnFunction) -> str:
    if function.lower_bound > -math.inf:
        return f"numbers above {function.lower_bound:g}"
    return "smaller numbers"
