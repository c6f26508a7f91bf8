"""How fast this machine does the arithmetic of a pass, measured on rows made for it."""

import time

import numpy as np

from dgmm.engine import blas
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.mixture.structures import structure_of

_MOST_FLOPS = 1e9  # of the measurement
_ROWS = (256, 8192)
_REPEATS = 3


def flops_per_row(options: FitOptions, n_features: int) -> float:
    """Floating-point operations for each row while all candidates run: 4 p a component."""
    return 4.0 * sum(
        k * feature_map.length(structure_of(kind).order, n_features) for kind, k in options.models
    )


@blas.single_thread()
def measure_pass_rate(options: FitOptions, n_features: int) -> float:
    """Rows a second that one thread takes through the E-step of all candidates.

    Parameters
    ----------
    options : FitOptions
    n_features : int
        Of the rows that are fitted.
    """
    n_rows = int(np.clip(_MOST_FLOPS / flops_per_row(options, n_features), *_ROWS))
    rng = np.random.default_rng(0)
    rows, identity = rng.standard_normal((n_rows, n_features)), np.eye(n_features)
    rules = Regularization.for_data(identity, np.zeros(n_features), None)
    mixtures = [
        Parameters.from_moments(
            kind,
            np.ones(k),
            rng.standard_normal((k, n_features)),
            np.broadcast_to(identity, (k, n_features, n_features)),
            rules,
        )
        for kind, k in options.models
    ]
    packed = packed_models.pack(mixtures, np.zeros(n_features))
    packed_models.accumulate(packed, rows)  # the first call may compile
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        packed_models.accumulate(packed, rows)
        seconds.append(time.perf_counter() - began)
    return n_rows / min(seconds)
