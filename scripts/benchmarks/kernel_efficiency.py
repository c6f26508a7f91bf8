"""The cost of a pass per row, compared with the speed of matrix products on this machine.

    python scripts/benchmarks/kernel_efficiency.py
    python scripts/benchmarks/kernel_efficiency.py --features 16 --components 16 210

For data of d features and models of C components in all (210 stands for K = 1..20 together), one
BLAS thread: time of the thread for a row, in nanoseconds; useful operations 4 C p, where p is the
length of the feature map; and their rate as a share of that of products of large matrices, which is
measured in turn with it. Each is the best of several, since others disturb. Takes a minute or two.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dgmm.mixture import feature_map
from dgmm.mixture.kernels import packed_models, tiling
from dgmm.mixture.kernels.packed_models import PackedModels
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.registry import STRUCTURES

Array = NDArray[np.float64]

SWEEP = 210
MATRIX = 768
WORK = 2e9
"""Operations in one measurement, about."""


def models(covariance_type: str, n_components: int, n_features: int) -> list[Parameters]:
    """Mixtures of ``n_components`` in all, on overlapping data."""
    rng = np.random.default_rng(1)
    counts = range(1, 21) if n_components == SWEEP else [n_components]
    structure = structure_of(covariance_type)
    found = []
    for k in counts:
        scatters = np.ones((k, n_features))
        if not structure.is_diagonal:
            scatters = np.broadcast_to(np.eye(n_features), (k, n_features, n_features))
        covariances = structure.from_scatter(scatters.copy(), np.ones(k))
        means = rng.normal(size=(k, n_features))
        weights = np.full(k, 1 / k)
        found.append(Parameters.from_covariances(covariance_type, weights, means, covariances))
    return found


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread."""
    start = time.thread_time()
    work()
    return time.thread_time() - start


def measure(covariance_type: str, d: int, n_components: int, repeats: int, work: float) -> str:
    """One line of the table."""
    order = structure_of(covariance_type).order
    operations = 4 * n_components * feature_map.length(order, d)
    n_rows = int(np.clip(work / operations, 2048, 200_000))
    rows = np.random.default_rng(0).normal(size=(n_rows, d))
    packed: PackedModels = packed_models.pack(models(covariance_type, n_components, d), np.zeros(d))
    a, b, product = np.random.default_rng(2).random((3, MATRIX, MATRIX))
    kernel, matrices = np.inf, np.inf
    for _ in range(repeats):
        kernel = min(kernel, seconds(lambda: packed_models.accumulate(packed, rows)))
        matrices = min(matrices, seconds(lambda: np.matmul(a, b, out=product)))
    nanoseconds = 1e9 * kernel / n_rows
    rate, most = operations / nanoseconds, 2 * MATRIX**3 / matrices / 1e9
    return (
        f"{covariance_type:<9} {d:4} {n_components:5} {nanoseconds:10.1f} {rate:8.1f}"
        f" {most:8.1f} {rate / most:6.0%}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--features", type=int, nargs="+", default=[2, 4, 8, 16, 32, 64, 128])
    parser.add_argument("--components", type=int, nargs="+", default=[8, 16, 64, SWEEP])
    parser.add_argument("--covariance-type", choices=list(STRUCTURES), default="full")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--work", type=float, default=WORK, help="operations in a measurement")
    options = parser.parse_args(arguments)
    tiling.COMPILED_FROM = 0
    print("type         d     C     ns/row  GFLOP/s    DGEMM  share")
    with threadpool_limits(1, user_api="blas"):
        for d in options.features:
            for c in options.components:
                line = measure(options.covariance_type, d, c, options.repeats, options.work)
                print(line, flush=True)


if __name__ == "__main__":
    main()
