"""What a function of one feature is; logarithms and arcsinh.

With z = f(x), the density of x is that of z times f'(x): the sum of log f' over rows is what the
log-likelihood of z lacks to be that of x. Each f rises, so that quantiles go back by its inverse.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import astuple, dataclass
from typing import ClassVar, Self

import numpy as np

from dgmm.errors import ConfigurationError
from dgmm.mixture.types import Array

COFACTOR = 5.0  # of mass cytometry; fluorescence takes about 150


@dataclass(frozen=True)
class ColumnFunction(ABC):
    """A rising function of one feature."""

    name: ClassVar[str]
    lower_bound: ClassVar[float] = -math.inf
    """Values have to be larger."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """All parameters, in their order; NaN where one is to be found from data."""
        return tuple(math.nan if value is None else value for value in astuple(self))

    @property
    def is_known(self) -> bool:
        """Whether no parameter is to be found from data."""
        return not any(map(math.isnan, self.parameters))

    def __str__(self) -> str:
        known = ", ".join(f"{value:g}" for value in self.parameters if not math.isnan(value))
        return f"{self.name}({known})" if known else self.name

    def fit(self, sample: Array) -> Self:
        """The function with all parameters, found from values of the feature if they were not."""
        del sample
        return self

    @abstractmethod
    def apply(self, x: Array) -> Array:
        """f(x); NaN or infinite where it is not defined."""

    @abstractmethod
    def undo(self, z: Array) -> Array:
        """The x with f(x) = z; infinite beyond the values that f takes."""

    @abstractmethod
    def log_derivative(self, x: Array) -> Array:
        """The logarithm of f'(x)."""


@dataclass(frozen=True)
class Log(ColumnFunction):
    """The logarithm."""

    name = "log"
    lower_bound = 0.0

    def apply(self, x: Array) -> Array:
        """The logarithm."""
        return np.log(x)

    def undo(self, z: Array) -> Array:
        """The exponential."""
        return np.exp(z)

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of 1 / x."""
        return -np.log(x)


@dataclass(frozen=True)
class Log1p(ColumnFunction):
    """log(1 + x)."""

    name = "log1p"
    lower_bound = -1.0

    def apply(self, x: Array) -> Array:
        """The logarithm of 1 + x."""
        return np.log1p(x)

    def undo(self, z: Array) -> Array:
        """The exponential less 1."""
        return np.expm1(z)

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of 1 / (1 + x)."""
        return -np.log1p(x)


@dataclass(frozen=True)
class Arcsinh(ColumnFunction):
    """arcsinh(x / cofactor).

    Examples
    --------
    >>> f = Arcsinh(5.0)
    >>> f.undo(f.apply(np.array([-3.0, 0.0, 40.0]))).round(12).tolist()
    [-3.0, 0.0, 40.0]
    """

    cofactor: float = COFACTOR

    name = "arcsinh"

    def __post_init__(self) -> None:
        if not 0 < self.cofactor < math.inf:
            message = f"The cofactor of arcsinh is {self.cofactor:g}; expected a positive number."
            raise ConfigurationError(message)

    def apply(self, x: Array) -> Array:
        """arcsinh(x / cofactor)."""
        return np.arcsinh(x / self.cofactor)

    def undo(self, z: Array) -> Array:
        """The cofactor times sinh z."""
        return np.sinh(z) * self.cofactor

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of 1 / sqrt(x^2 + cofactor^2)."""
        return -np.log(np.hypot(x, self.cofactor))
