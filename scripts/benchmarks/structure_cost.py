"""What a sweep of all fourteen structures costs, in units of ``full`` alone.

    python -m scripts.benchmarks.structure_cost

Rows are drawn from mixtures whose covariances differ in all respects, in volume and orientation,
and in nothing. Printed are CPU seconds of all threads and rows times components evaluated, each of
the search and of all passes, and what BIC chooses.
"""

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dgmm.engine.events import Event, PassFinished
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.in_memory import InMemoryRows
from dgmm.registry import STRUCTURES
from scripts.benchmarks.search import Array, Counter

SHAPES = ("VVV", "VEV", "EEE")
MOST_COMPONENTS = 8


def draw(shape: str, n_rows: int, d: int, n_components: int = 5) -> Array:
    """Rows of components that overlap."""
    rng = np.random.default_rng([n_rows, d])
    labels = rng.choice(n_components, n_rows, p=rng.dirichlet(np.full(n_components, 5.0)))
    means = 1.3 * rng.normal(size=(n_components, d))
    roots = rng.normal(size=(n_components, d, d)) / np.sqrt(d) + 0.5 * np.eye(d)
    if shape == "VEV":
        axes = np.linalg.qr(rng.normal(size=roots.shape))[0]
        roots = (
            rng.uniform(0.6, 1.5, (n_components, 1, 1)) * axes * np.geomspace(0.3, 2, d)[:, None]
        )
    if shape == "EEE":
        roots = np.broadcast_to(roots[:1], roots.shape)
    noise = rng.normal(size=(n_rows, d))
    return means[labels] + np.einsum("ni,nij->nj", noise, roots[labels])


def in_memory(rows: Array) -> InMemoryRows:
    """Rows with names of features."""
    return InMemoryRows(rows, feature_names=tuple(f"x{i}" for i in range(rows.shape[1])))


@dataclass
class Costs:
    """CPU seconds and evaluated rows times components of each stage, by an observer."""

    counter: Counter
    stages: dict[str, list[float]] = field(default_factory=dict)
    last: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self.last = time.process_time(), self.counter.total

    def __call__(self, event: Event) -> None:
        """Book what was spent since the last pass."""
        if isinstance(event, PassFinished):
            self.book(event.stage)

    def book(self, stage: str) -> None:
        """Book what was spent since the last entry."""
        now = time.process_time(), self.counter.total
        entry = self.stages.setdefault(stage, [0.0, 0.0])
        entry[0] += now[0] - self.last[0]
        entry[1] += now[1] - self.last[1]
        self.last = now


def measure(rows: Array, kinds: Sequence[str], counter: Counter) -> Costs:
    """The costs of a sweep."""
    models = tuple((kind, k) for kind in kinds for k in range(1, MOST_COMPONENTS + 1))
    costs = Costs(counter)
    found = fit(in_memory(rows), FitOptions(models), observer=costs)
    costs.book("rest")
    best = found.sweep.selected
    text = ", ".join(
        f"{stage} {cpu:.1f} s {work / len(rows):.0f}" for stage, (cpu, work) in costs.stages.items()
    )
    print(f"  {text}; {best.candidate.name} {best.criteria['bic']:.1f}", flush=True)
    return costs


def main() -> None:
    """Print the costs of both sweeps of each case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 400_000])
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    counter = Counter()
    fit(in_memory(draw("VVV", 5_000, arguments.features)), FitOptions((("full", 2),)))
    for n_rows in arguments.rows:
        for shape in arguments.shapes:
            rows = draw(shape, n_rows, arguments.features)
            print(f"{n_rows} x {arguments.features}, {shape}")
            one, every = (measure(rows, kinds, counter) for kinds in (("full",), tuple(STRUCTURES)))
            totals = [np.sum(list(costs.stages.values()), axis=0) for costs in (one, every)]
            cpu, work = totals[1] / totals[0]
            print(f"  ratio: CPU {cpu:.1f}, work {work:.1f}", flush=True)


if __name__ == "__main__":
    main()
