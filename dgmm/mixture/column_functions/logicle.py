"""The logicle scale of flow cytometry: logarithmic far from zero, linear about it.

Parks, Roederer & Moore (2006, Cytometry A 69), in the form of Moore & Parks (2012, Cytometry A 81)
and of Gating-ML 2.0. Values go to about 0 to 1, the top of the scale to 1.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy

from dgmm.errors import ConfigurationError
from dgmm.mixture.column_functions.column_function import ColumnFunction
from dgmm.mixture.types import Array

_STEPS = 12  # a fixed number, so that the bits of a value do not depend on its neighbours


class _Biexponential(NamedTuple):
    """The inverse of the scale, B(z) = a exp(b z) - c exp(-d z) + f, which is zero at ``zero``."""

    a: float
    b: float
    c: float
    d: float
    f: float
    zero: float


@dataclass(frozen=True)
class Logicle(ColumnFunction):
    """The z with a exp(b z) - c exp(-d z) + f = x.

    Attributes
    ----------
    T : float
        The top of the scale of the data.
    W : float
        Decades that are linear; at most half of M.
    M : float
        Decades of the scale in all.
    A : float
        More decades of negative values.
    """

    T: float = 262_144.0
    W: float = 0.5
    M: float = 4.5
    A: float = 0.0

    name = "logicle"

    def __post_init__(self) -> None:
        sound = self.T > 0 and self.M > 0 and 0 <= self.W <= self.M / 2
        if not (sound and -self.W <= self.A <= self.M - 2 * self.W):
            raise ConfigurationError(
                f"The parameters of logicle are T={self.T:g}, W={self.W:g}, M={self.M:g}, "
                f"A={self.A:g}; expected T > 0, M > 0, 0 <= W <= M / 2, -W <= A <= M - 2 W."
            )

    def apply(self, x: Array) -> Array:
        """The z of x, by Newton's method from above; B is convex where x is positive."""
        curve, size = _biexponential(self.T, self.W, self.M, self.A), np.abs(x)
        a, b, c, d, f, zero = curve
        z = np.log((size - f + c * math.exp(-d * zero)) / a) / b
        for _ in range(_STEPS):
            rising, falling = a * np.exp(b * z), c * np.exp(-d * z)
            z -= (rising - falling + f - size) / (b * rising + d * falling)
        return np.where(x < 0, 2 * zero - z, z)

    def undo(self, z: Array) -> Array:
        """B(z)."""
        a, b, c, d, f, zero = _biexponential(self.T, self.W, self.M, self.A)
        above = zero + np.abs(z - zero)
        return np.sign(z - zero) * (a * np.exp(b * above) - c * np.exp(-d * above) + f)

    def log_derivative(self, x: Array) -> Array:
        """The logarithm of 1 / B'(z)."""
        a, b, c, d, _, _ = _biexponential(self.T, self.W, self.M, self.A)
        z = self.apply(np.abs(x))
        return -np.log(a * b * np.exp(b * z) + c * d * np.exp(-d * z))


@cache
def _biexponential(T: float, W: float, M: float, A: float) -> _Biexponential:
    """The coefficients by which B'' is zero where B is, and B(1) = T."""
    decades = M + A
    w, start = W / decades, A / decades
    zero, first = start + w, start + 2 * w
    b = decades * math.log(10.0)

    def second_derivative(d: float) -> float:
        return 2 * math.log(d / b) + w * (b + d)

    d = b
    if w > 0:
        least = b * math.exp(-w * b)
        d = float(scipy.optimize.brentq(second_derivative, least, b, xtol=1e-15))
    c_by_a = math.exp(first * (b + d))
    f_by_a = c_by_a * math.exp(-d * zero) - math.exp(b * zero)
    a = T / (math.exp(b) - c_by_a * math.exp(-d) + f_by_a)
    return _Biexponential(a, b, c_by_a * a, d, f_by_a * a, zero)
