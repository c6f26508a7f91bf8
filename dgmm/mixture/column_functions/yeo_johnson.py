"""The power transform of Yeo & Johnson (2000, Biometrika 87), which is defined for all x."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy

from dgmm.mixture.column_functions.column_function import ColumnFunction
from dgmm.mixture.types import Array

_POWERS = (-5.0, 5.0)


@dataclass(frozen=True)
class YeoJohnson(ColumnFunction):
    """Powers of 1 + |x|.

    Attributes
    ----------
    power : float, or None
        None has it found from a sample of the data.
    """

    power: float | None = None

    name = "yeo-johnson"

    def fit(self, sample: Array) -> Self:
        """The function with the power that has the largest likelihood of normal values."""
        if self.power is not None:
            return self
        varies = len(sample) > 0 and np.ptp(sample) > 0
        return type(self)(_likeliest_power(sample) if varies else 1.0)

    def apply(self, x: Array) -> Array:
        """((1 + x)^power - 1) / power of positive values, and the like of others."""
        return _yeo_johnson(x, self._known)

    def undo(self, z: Array) -> Array:
        """The x of z; infinite beyond the values that the function takes."""
        positive = z >= 0
        x = np.empty_like(z)
        x[positive] = _box_cox_undone(z[positive], self._known)
        x[~positive] = -_box_cox_undone(-z[~positive], 2.0 - self._known)
        return x

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of (1 + |x|)^(power - 1), or its inverse for negative x."""
        return (self._known - 1.0) * np.sign(x) * np.log1p(np.abs(x))

    @property
    def _known(self) -> float:
        if self.power is None:
            raise ValueError("the power of yeo-johnson is not known yet")
        return self.power


def _likeliest_power(x: Array) -> float:
    """The power after which values are most like normal ones (Yeo & Johnson 2000, equation 3.1)."""
    slope = np.mean(np.sign(x) * np.log1p(np.abs(x)))

    def loss(power: float) -> float:
        variance = np.var(_yeo_johnson(x, power))
        return float(np.log(variance) / 2 - (power - 1.0) * slope)

    return float(
        scipy.optimize.minimize_scalar(
            loss, bounds=_POWERS, method="bounded", options={"xatol": 1e-6}
        ).x
    )


def _yeo_johnson(x: Array, power: float) -> Array:
    positive = x >= 0
    z = np.empty_like(x)
    z[positive] = _box_cox(x[positive], power)
    z[~positive] = -_box_cox(-x[~positive], 2.0 - power)
    return z


def _box_cox(x: Array, power: float) -> Array:
    """((1 + x)^power - 1) / power."""
    return np.log1p(x) if power == 0 else np.expm1(power * np.log1p(x)) / power


def _box_cox_undone(z: Array, power: float) -> Array:
    if power == 0:
        return np.expm1(z)
    return np.expm1(np.log(np.maximum(1.0 + power * z, 0.0)) / power)
