"""Exponential and logarithm, in a form that becomes vector instructions."""

import math

import numpy as np
from numpy.polynomial.chebyshev import cheb2poly

from dgmm.mixture.kernels.loops_numba.compilation import inlined


def _economised_exp(degree: int) -> tuple[float, ...]:
    """Coefficients of exp(r) for |r| <= a = log(2) / 2, from 1 up to r^degree.

    Taylor's series, from which two more terms c r^n are taken as c (r^n - 2 (a/2)^n T_n(r / a)),
    T_n being Chebyshev's polynomials (Lanczos 1956): with degree 11 it is 7e-18 off.
    """
    half = 0.5 * math.log(2)
    series = [1 / math.factorial(n) for n in range(degree + 3)]
    for n in (degree + 2, degree + 1):
        largest = 2 * series[n] * (half / 2) ** n
        for power, coefficient in enumerate(cheb2poly([0] * n + [1]).tolist()):
            series[power] -= largest * coefficient / half**power
    return tuple(series[: degree + 1])


_NEGLIGIBLE = -600.0
"""Responsibilities below exp(-600) count as nothing: they are far below rounding, and arithmetic is
slow where they become subnormal."""

_LOG2_E = 1 / math.log(2)
_LN2_HIGH = float.fromhex("0x1.62e42fefap-1")  # 36 bits: products with |k| < 2^17 are exact
_LN2_LOW = float.fromhex("0x1.cf79abc9e3b39p-40")
_ROUND = 1.5 * 2.0**52  # a number this large has no bits behind the point
_EXP = _economised_exp(11)
_ODD = tuple(1 / (2 * n + 1) for n in range(12))
_SQRT_HALF = math.sqrt(0.5)
_LN2 = math.log(2)


@inlined
def _polynomial(coefficients: tuple[float, ...], x: float) -> float:
    """c_0 + c_1 x + c_2 x^2 + .. by Horner's rule; unrolled, since their number is known."""
    value = coefficients[-1]
    for n in range(len(coefficients) - 2, -1, -1):
        value = value * x + coefficients[n]
    return value


@inlined
def exp(x: float) -> float:
    """exp(x) for x <= 0, to less than one unit in the last place; 0 below -600.

    x = k log 2 + r with |r| <= log(2) / 2 (Cody & Waite 1980).
    """
    is_negligible = x < _NEGLIGIBLE
    x = _NEGLIGIBLE if is_negligible else x
    shifted = x * _LOG2_E + _ROUND
    k = shifted - _ROUND
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    series = _polynomial(_EXP, r)
    # the last bits of ``shifted`` are k, which belongs into the exponent
    power = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52).view(np.float64)
    return 0.0 if is_negligible else series * power


@inlined
def log(x: float) -> float:
    """log(x) for finite x >= 1, to two units in the last place of the result or of log 2.

    x = 2^e m with m between the roots of 1/2 and 2, and
    log m = 2 (f + f^3 / 3 + f^5 / 5 + ..), f = (m - 1) / (m + 1), |f| < 0.172.
    """
    bits = np.float64(x).view(np.int64)
    exponent = (bits - np.float64(_SQRT_HALF).view(np.int64)) >> 52
    m = np.int64(bits - (exponent << 52)).view(np.float64)
    f = (m - 1.0) / (m + 1.0)
    square = f * f
    series = _polynomial(_ODD[1:], square)
    return exponent * _LN2 + 2.0 * (f + f * square * series)
