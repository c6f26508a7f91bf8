"""Functions that are applied to single features before anything else is done to them.

With z = f(x), the density of x is that of z times f'(x): the sum of log f' over rows is what the
log-likelihood of z lacks to be that of x. Each f rises, so that quantiles go back by its inverse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from dgmm.errors import DataError
from dgmm.mixture.types import Array

COFACTOR = 5.0  # of mass cytometry; fluorescence takes about 150

_POWERS = (-5.0, 5.0)
_LEAST = {"log": 0.0, "log1p": -1.0}  # values have to be larger


@dataclass(frozen=True, slots=True)
class ColumnFunction:
    """A rising function of one feature.

    Attributes
    ----------
    name : {"log", "log1p", "arcsinh", "yeo-johnson"}
        log x, log(1 + x), arcsinh(x / c), or the power transform of Yeo & Johnson (2000,
        Biometrika 87), which is defined for all x.
    parameter : float, or None
        The cofactor c of arcsinh, or the power of Yeo & Johnson; None has the latter found from a
        sample of the data.

    Examples
    --------
    >>> f = ColumnFunction("arcsinh", 5.0)
    >>> f.undo(f.apply(np.array([-3.0, 0.0, 40.0]))).round(12).tolist()
    [-3.0, 0.0, 40.0]
    """

    name: str
    parameter: float | None = None

    def __str__(self) -> str:
        return self.name if self.parameter is None else f"{self.name}({self.parameter:g})"

    def apply(self, x: Array) -> Array:
        """f(x); NaN or infinite where it is not defined."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.name == "log":
                return np.log(x)
            if self.name == "log1p":
                return np.log1p(x)
            if self.name == "arcsinh":
                return np.arcsinh(x / self._known)
            return _yeo_johnson(x, self._known)

    def undo(self, z: Array) -> Array:
        """The x with f(x) = z; infinite beyond the values that f takes."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.name == "log":
                return np.exp(z)
            if self.name == "log1p":
                return np.expm1(z)
            if self.name == "arcsinh":
                return np.sinh(z) * self._known
            return _yeo_johnson_undone(z, self._known)

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of f'(x)."""
        if self.name == "log":
            return -np.log(x)
        if self.name == "log1p":
            return -np.log1p(x)
        if self.name == "arcsinh":
            return -np.log(np.hypot(x, self._known))
        return (self._known - 1.0) * np.sign(x) * np.log1p(np.abs(x))

    def fit(self, sample: Array) -> "ColumnFunction":
        """The function whose parameter is known, found from values of the feature if it was not.

        The power is that with the largest likelihood of normal values.
        """
        if self.name != "yeo-johnson" or self.parameter is not None:
            return self
        varies = len(sample) > 0 and np.ptp(sample) > 0
        return ColumnFunction(self.name, _likeliest_power(sample) if varies else 1.0)

    @property
    def _known(self) -> float:
        if self.parameter is None:
            raise ValueError(f"the parameter of {self.name} is not known yet")
        return self.parameter


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
            z = function.apply(found[j])
            bad = np.isfinite(found[j]) & ~np.isfinite(z)
            if bad.any():
                raise DataError(
                    f"Feature {self.names[j]!r} has the value {found[j][bad][0]:g}; {function} "
                    f"takes {self._expected(function)}. Choose another function for it, such as "
                    "arcsinh, or leave such rows out."
                )
            found[j] = z
        return found

    def undo(self, columns: Array) -> Array:
        """Rows before the functions, feature-major."""
        found = np.array(columns, np.float64, order="C")
        for j, function in self._each():
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

    def describe(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the features are after the functions, such as ``log(depth)``."""
        return tuple(
            name if function is None else f"{function.name}({name})"
            for name, function in zip(names, self.functions, strict=True)
        )

    @property
    def are_known(self) -> bool:
        """Whether no parameter is to be found from the data any more."""
        return all(f.name != "yeo-johnson" or f.parameter is not None for _, f in self._each())

    def _each(self) -> list[tuple[int, ColumnFunction]]:
        return [(j, each) for j, each in enumerate(self.functions) if each is not None]

    def _expected(self, function: ColumnFunction) -> str:
        if function.name in _LEAST:
            return f"numbers above {_LEAST[function.name]:g}"
        return "smaller numbers"


def _likeliest_power(x: Array) -> float:
    """The power after which values are most like normal ones (Yeo & Johnson 2000, equation 3.1)."""
    slope = np.mean(np.sign(x) * np.log1p(np.abs(x)))

    def loss(power: float) -> float:
        variance = np.var(_yeo_johnson(x, power))
        return float(np.log(variance) / 2 - (power - 1.0) * slope)

    return float(minimize_scalar(loss, bounds=_POWERS, method="bounded", options={"xatol": 1e-6}).x)


def _yeo_johnson(x: Array, power: float) -> Array:
    positive = x >= 0
    z = np.empty_like(x)
    z[positive] = _box_cox(x[positive], power)
    z[~positive] = -_box_cox(-x[~positive], 2.0 - power)
    return z


def _yeo_johnson_undone(z: Array, power: float) -> Array:
    positive = z >= 0
    x = np.empty_like(z)
    x[positive] = _box_cox_undone(z[positive], power)
    x[~positive] = -_box_cox_undone(-z[~positive], 2.0 - power)
    return x


def _box_cox(x: Array, power: float) -> Array:
    """((1 + x)^power - 1) / power."""
    return np.log1p(x) if power == 0 else np.expm1(power * np.log1p(x)) / power


def _box_cox_undone(z: Array, power: float) -> Array:
    if power == 0:
        return np.expm1(z)
    return np.expm1(np.log(np.maximum(1.0 + power * z, 0.0)) / power)
