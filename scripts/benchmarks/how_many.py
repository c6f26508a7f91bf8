"""How many components each rule believes in, on data whose clusters are known.

    python scripts/benchmarks/how_many.py --rows 10000 100000
    python scripts/benchmarks/how_many.py --dependent 1 5 50 500

Three clusters of a shape that no Gaussian has, or rows that are repeated so many times. The tables
of docs/how_many.md are made by it.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

import dgmm

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Array]

CLUSTERS = 3
RULES = (
    "bic",
    "aic",
    "icl",
    "bic_effective",
    "icl_effective",
    "bic_coarsened",
    "tolerance",
    "slope",
)


def _clusters(noise: Draw, distance: float) -> Draw:
    """Three clusters of equal weight whose rows lie about their centres as ``noise`` says."""
    centres = distance * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])

    def draw(rng: np.random.Generator, n_rows: int) -> Array:
        labels = rng.integers(0, CLUSTERS, n_rows)
        rows: Array = centres[labels] + noise(rng, n_rows)
        return rows

    return draw


SHAPES: dict[str, Draw] = {
    "gaussian": _clusters(lambda rng, n: rng.normal(size=(n, 2)), 6.0),
    "skewed": _clusters(lambda rng, n: rng.gamma(2.0, 1.0, (n, 2)), 9.0),
    "heavy-tailed": _clusters(lambda rng, n: rng.standard_t(4, (n, 2)), 12.0),
    "uniform": _clusters(lambda rng, n: rng.uniform(-2.0, 2.0, (n, 2)), 6.0),
}
"""Normal; gamma of shape 2; Student's t with 4 degrees of freedom; squares."""


def repeated(rng: np.random.Generator, n_rows: int, times: int) -> Array:
    """Heavy-tailed rows that overlap, each so many times in a row but for a little noise."""
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    n = n_rows // times
    rows = centres[rng.integers(0, CLUSTERS, n)] + rng.standard_t(5, (n, 2))
    found: Array = np.repeat(rows, times, axis=0)
    return found + 1e-3 * rng.normal(size=found.shape)


def sweep(rows: Array, most: int) -> dgmm.SweepResult:
    """All candidates, each fitted to the end, so that every rule sees them as they are."""
    counts = range(1, most + 1)
    return dgmm.sweep(rows, counts, "full", random_state=0, finish_all=True)


def choices(found: dgmm.SweepResult) -> dict[str, str]:
    """The number of components that each rule chooses."""
    sound = [result for result in found.results if result.status.value != "degenerate"]
    chosen = {}
    for rule in RULES:
        known = [result for result in sound if math.isfinite(result.criteria[rule])]
        best = min(known, key=lambda result: result.criteria[rule], default=None)
        chosen[rule] = "-" if best is None else str(best.n_components)
    return chosen


def misspecified(n_rows: list[int], most: int, seed: int) -> None:
    """A line for each shape and number of rows."""
    print("| clusters | rows |", " | ".join(RULES), "| merged, DEMP | merged, entropy | seconds |")
    print("|---" * (len(RULES) + 5) + "|")
    for shape, draw in SHAPES.items():
        for n in n_rows:
            rows = draw(np.random.default_rng(seed), n)
            began = time.monotonic()
            found = sweep(rows, most)
            merged = [
                found.best.merge(rows, method).n_clusters
                for method in ("misclassification", "entropy")
            ]
            seconds = time.monotonic() - began
            row = (shape, f"{n:,}", *choices(found).values(), *merged, f"{seconds:.0f}")
            print("|", " | ".join(map(str, row)), "|", flush=True)


def dependent(times: list[int], n_rows: int, most: int, seed: int) -> None:
    """A line for each number of repetitions."""
    print("| repeated | design effect | 95 % interval |", " | ".join(RULES), "|")
    print("|---" * (len(RULES) + 3) + "|")
    for number in times:
        rows = repeated(np.random.default_rng(seed), n_rows, number)
        found = sweep(rows, most)
        measured = found.dependence
        interval = effect = "-"
        if measured is not None:
            effect = f"{measured.design_effect:.3g}"
            interval = f"{measured.low:.3g} to {measured.high:.3g}"
        row = (str(number), effect, interval, *choices(found).values())
        print("|", " | ".join(row), "|", flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000])
    parser.add_argument("--dependent", type=int, nargs="*", default=[])
    parser.add_argument("--components", type=int, default=12, help="most components of the sweep")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.dependent:
        dependent(arguments.dependent, 300_000, arguments.components, arguments.seed)
    else:
        misspecified(arguments.rows, arguments.components, arguments.seed)


if __name__ == "__main__":
    main()
