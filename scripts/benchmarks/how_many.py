"""How many components each rule believes in, on data whose clusters are known.

    python scripts/benchmarks/how_many.py --rows 10000 100000
    python scripts/benchmarks/how_many.py --dependent 1 5 50 500

Three clusters of a shape that no Gaussian has, or rows that depend on each other by so much. The
tables of docs/how_many.md are made by it.
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


def autoregressive(rng: np.random.Generator, n_rows: int, design_effect: float) -> Array:
    """Heavy-tailed rows that overlap, in an autoregressive order of a known design effect.

    A row is the one before with probability rho but for a little noise, and else a new one
    (Jacobs & Lewis 1978, J. R. Stat. Soc. B 40). Every function of a row then has the correlation
    rho^h with that of the row h before, and the design effect (1 + rho) / (1 - rho).
    """
    rho = (design_effect - 1) / (design_effect + 1)
    is_new = rng.random(n_rows) >= rho
    is_new[0] = True
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    n = int(is_new.sum())
    rows = centres[rng.integers(0, CLUSTERS, n)] + rng.standard_t(5, (n, 2))
    found: Array = rows[np.cumsum(is_new) - 1]
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
        chosen[rule] = "nan" if best is None else str(best.n_components)
    return chosen


def misspecified(shapes: list[str], n_rows: list[int], most: int, seed: int) -> None:
    """A line for each shape and number of rows."""
    print("| clusters | rows |", " | ".join(RULES), "| merged, DEMP | merged, entropy | seconds |")
    print("|---" * (len(RULES) + 5) + "|")
    for shape in shapes:
        for n in n_rows:
            rows = SHAPES[shape](np.random.default_rng(seed), n)
            began = time.monotonic()
            found = sweep(rows, most)
            merged = [
                found.best.merge(rows, method).n_clusters
                for method in ("misclassification", "entropy")
            ]
            seconds = time.monotonic() - began
            row = (shape, f"{n:,}", *choices(found).values(), *merged, f"{seconds:.0f}")
            print("|", " | ".join(map(str, row)), "|", flush=True)


def dependent(effects: list[int], n_rows: int, most: int, series: int) -> None:
    """A line for each design effect: how often it is found, and what is chosen in the middle."""
    print("| design effect | found | inside interval |", " | ".join(RULES), "|")
    print("|---" * (len(RULES) + 3) + "|")
    for effect in effects:
        found, inside, chosen = [], 0, []
        for seed in range(series):
            swept = sweep(autoregressive(np.random.default_rng(seed), n_rows, effect), most)
            measured = swept.dependence
            if measured is not None:
                found.append(measured.design_effect)
                inside += measured.low <= effect <= measured.high
            chosen.append([float(value) for value in choices(swept).values()])
        middle = [f"{value:g}" for value in np.median(np.array(chosen), axis=0)]
        row = (str(effect), f"{np.median(found):.3g}", f"{inside} of {series}", *middle)
        print("|", " | ".join(row), "|", flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[10_000])
    parser.add_argument("--shapes", nargs="*", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dependent", type=int, nargs="*", default=[])
    parser.add_argument("--components", type=int, default=12, help="most components of the sweep")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--series", type=int, default=10, help="of each design effect")
    arguments = parser.parse_args()
    if arguments.dependent:
        dependent(arguments.dependent, 100_000, arguments.components, arguments.series)
    else:
        misspecified(arguments.shapes, arguments.rows, arguments.components, arguments.seed)


if __name__ == "__main__":
    main()
