"""About how fast this machine does the arithmetic of a pass, from the speed of its products."""

import time

import numpy as np
from threadpoolctl import threadpool_limits

from dgmm.engine.fit_options import FitOptions
from dgmm.mixture import feature_map
from dgmm.mixture.structures import structure_of

_FLOPS_OF_ROW, _FLOPS_OF_COMPONENT, _FLOPS_OF_ENTRY = 800, 64, 24
"""What a row, each component (an exponential) and each entry of the feature map cost beside the
products, as operations of products in the same time."""
_MATRIX = 256
_REPEATS = 5


def flops_per_row(options: FitOptions, n_features: int) -> float:
    """Floating-point operations for each row while all candidates run: 4 p a component."""
    return 4.0 * sum(k * _map_length(kind, n_features) for kind, k in options.models)


def estimate_pass_rate(options: FitOptions, n_features: int) -> float:
    """Rows a second that one thread takes through the E-step of all candidates.

    Matrix products are measured for it, not the compiled loops, which take a second to load.

    Parameters
    ----------
    options : FitOptions
    n_features : int
        Of the rows that are fitted.
    """
    n_components = sum(k for _, k in options.models)
    n_entries = max(_map_length(kind, n_features) for kind, _ in options.models)
    beside = _FLOPS_OF_ROW + _FLOPS_OF_COMPONENT * n_components + _FLOPS_OF_ENTRY * n_entries
    return _measure_flop_rate() / (flops_per_row(options, n_features) + beside)


def _map_length(covariance_type: str, n_features: int) -> int:
    return feature_map.length(structure_of(covariance_type).order, n_features)


def _measure_flop_rate() -> float:
    """Floating-point operations a second of one thread that multiplies matrices."""
    matrix, product = np.ones((2, _MATRIX, _MATRIX))
    seconds = []
    with threadpool_limits(1, user_api="blas"):
        for _ in range(_REPEATS):
            began = time.perf_counter()
            np.matmul(matrix, matrix, out=product)
            seconds.append(time.perf_counter() - began)
    return 2.0 * _MATRIX**3 / min(seconds)
