"""CPU time of a pass over rows with missing values, against one over complete rows.

Run as ``python -m scripts.benchmarks.missing_cost``. Rows lack values by one of 64 patterns, the
complete one among them; times are CPU seconds of one thread.
"""

import time
from collections.abc import Callable
from functools import partial

import numpy as np

from dgmm.engine import blas
from dgmm.mixture.kernels import incomplete_rows, packed_models
from dgmm.mixture.parameters import Parameters
from dgmm.registry import DEFAULT_TYPES

N_PATTERNS = 64
CASES: tuple[tuple[str, int, tuple[int, ...]], ...] = (
    ("full", 8, (8,)),
    ("full", 8, (32,)),
    ("full", 8, tuple(range(1, 11))),
    ("full", 16, (16,)),
    ("full", 16, tuple(range(1, 11))),
    ("full", 32, (8,)),
    ("diag", 8, (8,)),
    ("diag", 16, tuple(range(1, 11))),
    ("tied", 8, (8,)),
    ("tied", 16, tuple(range(1, 11))),
    ("all", 8, tuple(range(1, 11))),
)
"""Covariance type, features, and numbers of components of the models of a pass."""


def mixture_of(covariance_type: str, d: int, n_components: int) -> Parameters:
    """Well separated components of unit variances."""
    means = np.random.default_rng(1).normal(0, 3, (n_components, d))
    weights = np.full(n_components, 1 / n_components)
    shapes = {
        "full": np.tile(np.eye(d), (n_components, 1, 1)),
        "tied": np.eye(d),
        "diag": np.ones((n_components, d)),
        "spherical": np.ones(n_components),
    }
    return Parameters.from_covariances(covariance_type, weights, means, shapes[covariance_type])


def lose_values(rows: np.ndarray, n_patterns: int) -> np.ndarray:
    """The rows without the values that a random pattern of each row lacks."""
    rng = np.random.default_rng(2)
    d = rows.shape[1]
    patterns = rng.random((n_patterns, d)) < 0.3
    patterns[0] = False
    patterns[:, 0] = False
    found = rows.copy()
    found[patterns[rng.integers(0, n_patterns, len(rows))]] = np.nan
    return found


def seconds(function: Callable[[], object]) -> float:
    """CPU seconds of the fastest of four calls; the first one, which compiles, is left out."""
    taken = []
    for _ in range(5):
        began = time.thread_time()
        function()
        taken.append(time.thread_time() - began)
    return min(taken[1:])


@blas.single_thread()
def main() -> None:
    """Print a line for each case."""
    n_rows = 1 << 18
    print("structure  d      K  complete  missing  ratio")
    for covariance_type, d, counts in CASES:
        rows = np.random.default_rng(0).normal(0, 3, (n_rows, d))
        lacking = lose_values(rows, N_PATTERNS)
        kinds = DEFAULT_TYPES if covariance_type == "all" else (covariance_type,)
        mixtures = [mixture_of(kind, d, k) for kind in kinds for k in counts]
        packed = packed_models.pack(mixtures, np.zeros(d))
        models = incomplete_rows.pack(mixtures, np.zeros(d))
        whole = seconds(partial(packed_models.accumulate, packed, rows))
        some = seconds(partial(incomplete_rows.accumulate, models, lacking))
        span = f"{counts[0]}:{counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        print(f"{covariance_type:9} {d:3} {span:>6} {whole:9.3f} {some:8.3f} {some / whole:6.2f}")


if __name__ == "__main__":
    main()
