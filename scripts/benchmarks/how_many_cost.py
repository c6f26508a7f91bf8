"""What is found beside the fit costs of a pass: 20 models, K = 1 to 20, in 16 features.

    python scripts/benchmarks/how_many_cost.py

CPU seconds of one block: the E-step of all models, and assignment by one of them, plain and with
everything that runs sum up by default. Labels of one component less and more are compared once for
at most so many rows: their share is that of a pass over ten million.
"""

import time
from collections.abc import Callable

import numpy as np

from dgmm.engine.label_comparison import compare_labels
from dgmm.mixture.assignment_statistics import (
    AssigningMixture,
    AssignmentStatistics,
    assign_and_add,
)
from dgmm.mixture.density import assign
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.merging.hierarchy import build_hierarchy
from dgmm.mixture.parameters import Parameters

ROWS, FEATURES, MOST = 65_536, 16, 20
OF_ROWS = 10_000_000
REPEATS = 5


def draw(rng: np.random.Generator, n_components: int) -> Parameters:
    """A mixture of well-conditioned components that overlap."""
    roots = 0.2 * rng.normal(size=(n_components, FEATURES, FEATURES)) + np.eye(FEATURES)
    means = rng.normal(size=(n_components, FEATURES))
    weights = np.full(n_components, 1 / n_components)
    return Parameters.from_covariances("full", weights, means, roots @ roots.swapaxes(1, 2))


def seconds(work: Callable[[], object]) -> float:
    """The least CPU time of some calls."""
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    """Print a table."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(ROWS, FEATURES))
    mixtures = {k: draw(rng, k) for k in range(1, MOST + 1)}
    packed = packed_models.pack(list(mixtures.values()), np.zeros(FEATURES))
    e_step = seconds(lambda: packed_models.accumulate(packed, rows))
    print(f"E-step of all models: {e_step:.3f} s")
    print("| K | assigned | with sums | sums | neighbours | together |")
    print("|---" * 6 + "|")
    for k in (5, 10, 19):
        hierarchy = build_hierarchy(assign(mixtures[k], rows[:4096]).responsibilities)
        by = AssigningMixture(mixtures[k], hierarchy=hierarchy)

        def summed(by: AssigningMixture = by) -> None:
            sums = AssignmentStatistics.zero(*by.pivots.shape)
            assign_and_add(rows, None, by, sums, with_responsibilities=False)

        others = mixtures[k - 1], mixtures[k + 1]
        plain = seconds(lambda k=k: assign(mixtures[k], rows))
        both = seconds(summed)
        compared = seconds(
            lambda k=k, others=others: compare_labels(mixtures[k], others, rows, None)
        )
        shares = np.array([both - plain, compared * ROWS / OF_ROWS]) / e_step
        parts = " | ".join(f"{share:.1%}" for share in (*shares, shares.sum()))
        print(f"| {k} | {plain:.3f} | {both:.3f} | {parts} |")


if __name__ == "__main__":
    main()
