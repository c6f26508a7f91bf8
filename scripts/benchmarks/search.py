"""How often fits find the true mixture, and at what cost.

    python scripts/benchmarks/search.py                      # all cases, three seeds
    python scripts/benchmarks/search.py --only d16 --seeds 1 --scikit-learn

Rows are drawn from mixtures of known parameters: clumps of one size or of very different shapes,
apart or overlapping, with equal or uneven weights; weights that fall to a few thousandths; clumps
with a common mean, long and thin ones, and clusters of clusters; needles through one region, a
wide cloud over small clumps, volumes that differ by powers of ten, one clump of half the rows,
covariances of a few factors, neighbours on a curve, and round clumps on a lattice; and cell
populations of which two are a thousandth of the rows. The reference of a case is EM from the true
parameters. Printed are

excess
    BIC of the fit less BIC of the reference;
work
    rows times components evaluated, in units of n K, of the search and of the whole fit;
CPU
    seconds of all threads of the process.

Work does not depend on the machine; CPU needs a quiet one.
"""

import argparse
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture as ScikitLearnMixture

import dgmm
from dgmm.engine.search.model_search import ModelSearch
from dgmm.mixture.kernels import loops_numba, loops_numpy

Array = NDArray[np.float64]
_HIT = 10.0  # BIC
_NEAR = 1e-3  # nats a row


@dataclass(frozen=True)
class Case:
    """A true mixture: shape of its components, their separation, and their balance."""

    d: int
    n_components: int
    n_rows: int
    separation: float
    shape: str
    evenness: float
    seed: int

    @property
    def name(self) -> str:
        """What a line of the table is called."""
        return f"d{self.d}-K{self.n_components}-{self.shape}-{self.separation:g}-s{self.seed}"

    def draw(self) -> tuple[Array, NDArray[np.intp]]:
        """Rows, and the component of each."""
        rng = np.random.default_rng([self.seed, self.d, self.n_components])
        weights = rng.dirichlet(np.full(self.n_components, self.evenness))
        weights = np.maximum(weights, 0.2 / self.n_components)
        if self.shape in ("lattice", "half"):
            weights[:] = 1.0
        if self.shape == "half":
            weights[0] = self.n_components - 1
        if self.shape == "zipf":
            weights = np.arange(1, self.n_components + 1) ** -1.5
        if self.shape == "cells":
            weights[-2:] = 1e-3
        labels = rng.choice(self.n_components, self.n_rows, p=weights / weights.sum())
        means, roots = self._components(rng)
        noise = rng.normal(size=(self.n_rows, self.d))
        return means[labels] + np.einsum("ni,nij->nj", noise, roots[labels]), labels

    def _components(self, rng: np.random.Generator) -> tuple[Array, Array]:
        shape = self.n_components, self.d
        means = self.separation * rng.normal(size=shape)
        unit = np.eye(self.d)
        if self.shape == "round":
            return means, np.broadcast_to(unit, (*shape, self.d))
        if self.shape == "axes":
            return means, rng.uniform(0.3, 2.0, shape)[:, :, None] * unit
        if self.shape == "cells":
            levels = rng.choice([0.3, 2.5, 5.0], size=shape, p=[0.5, 0.25, 0.25])
            return levels, rng.uniform(0.25, 0.5, shape)[:, :, None] * unit
        if self.shape == "lattice":
            side = round(self.n_components ** (1 / self.d))
            places = np.stack(np.meshgrid(*[np.arange(side)] * self.d), axis=-1)
            return self.separation * places.reshape(shape), np.broadcast_to(unit, (*shape, self.d))
        if self.shape == "factors":
            loadings = 0.8 * rng.normal(size=(*shape, 3))
            own = rng.uniform(0.05, 0.4, shape)[:, :, None] * unit
            return means, np.linalg.cholesky(loadings @ loadings.transpose(0, 2, 1) + own)
        roots = rng.normal(size=(*shape, self.d)) / np.sqrt(self.d) + 0.5 * unit
        if self.shape == "crossing":
            widths = np.array([4.0, *[0.15] * (self.d - 1)])
            return means, np.linalg.qr(roots).Q * widths
        if self.shape == "concentric":
            sizes = np.exp(rng.uniform(-1.6, 1.6, shape))
            return np.zeros(shape), np.linalg.qr(roots).Q * sizes[:, None, :]
        if self.shape == "volumes":
            sizes = np.geomspace(0.05, 3.0, self.n_components)
            return means, rng.permutation(sizes)[:, None, None] * roots
        if self.shape == "cloud":
            means[0], roots[0] = 0.0, 14.0 * self.separation * unit
            return means, 0.25 * roots
        if self.shape == "curve":
            t = np.linspace(0.0, np.pi, self.n_components)[:, None]
            waves = [
                5 * rng.normal(size=self.d) * np.sin(j * t + rng.uniform(0, 6, self.d))
                for j in (1, 2, 3)
            ]
            return self.separation * np.sum(waves, axis=0), 0.7 * roots
        if self.shape == "thin":
            widths = np.geomspace(1.5, 1 / 40, self.d)
            return means, np.linalg.qr(roots).Q * widths
        if self.shape == "nested":
            n_centres = self.n_components // 2
            inner = np.arange(self.n_components) >= n_centres
            means[n_centres:] = means[np.arange(self.n_components - n_centres) % n_centres]
            return means, np.where(inner, 0.3, 1.0)[:, None, None] * roots
        if self.shape == "grouped":
            n_groups = self.n_components // 5
            centres = 4 * self.separation * rng.normal(size=(n_groups, self.d))
            return means + centres[np.arange(self.n_components) % n_groups], roots
        return means, roots


CASES = (
    Case(2, 8, 30_000, 3.0, "oblique", 3.0, 1),
    Case(3, 12, 40_000, 2.5, "axes", 2.0, 2),
    Case(4, 15, 50_000, 1.8, "oblique", 5.0, 3),
    Case(4, 15, 50_000, 2.2, "round", 5.0, 4),
    Case(6, 10, 50_000, 1.2, "axes", 3.0, 5),
    Case(8, 18, 60_000, 1.0, "oblique", 2.0, 6),
    Case(8, 18, 60_000, 1.1, "round", 4.0, 7),
    Case(12, 14, 80_000, 0.8, "oblique", 3.0, 8),
    Case(12, 22, 300_000, 1.0, "cells", 2.0, 9),
    Case(16, 12, 100_000, 0.8, "round", 4.0, 10),
    Case(16, 24, 120_000, 0.6, "oblique", 3.0, 11),
    Case(24, 10, 80_000, 0.5, "axes", 3.0, 12),
    Case(5, 20, 200_000, 1.6, "zipf", 3.0, 13),
    Case(10, 26, 300_000, 1.0, "zipf", 3.0, 14),
    Case(3, 12, 80_000, 2.5, "nested", 3.0, 15),
    Case(20, 8, 60_000, 0.4, "nested", 3.0, 16),
    Case(2, 15, 100_000, 6.0, "thin", 3.0, 17),
    Case(32, 12, 100_000, 0.5, "thin", 3.0, 18),
    Case(3, 24, 150_000, 1.0, "grouped", 3.0, 19),
    Case(10, 18, 120_000, 0.6, "grouped", 3.0, 20),
    Case(3, 14, 100_000, 1.5, "crossing", 4.0, 21),
    Case(10, 26, 200_000, 1.0, "cloud", 4.0, 22),
    Case(3, 6, 100_000, 0.0, "concentric", 4.0, 23),
    Case(5, 16, 100_000, 1.5, "volumes", 4.0, 24),
    Case(6, 26, 120_000, 1.2, "half", 4.0, 25),
    Case(16, 12, 100_000, 0.8, "factors", 4.0, 26),
    Case(3, 15, 80_000, 1.0, "curve", 4.0, 27),
    Case(3, 27, 200_000, 3.5, "lattice", 4.0, 28),
)


class Counter:
    """Counts rows times components evaluated by the kernel."""

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()
        for loops in (loops_numba, loops_numpy):
            loops.add = self._count(loops.add)
            loops.add_factored = self._count(loops.add_factored)

    def _count(self, function: Callable[..., None]) -> Callable[..., None]:
        def counted(x: Array, origin: Array, weights: Array, theta: Array, *rest: object) -> None:
            with self._lock:
                self.total += len(x) * len(theta)
            function(x, origin, weights, theta, *rest)

        return counted


def reference(rows: Array, labels: NDArray[np.intp]) -> float:
    """BIC of EM from the moments of the true components."""
    groups = [rows[labels == k] for k in range(labels.max() + 1)]
    precisions = np.stack([np.linalg.inv(np.cov(group.T, bias=True)) for group in groups])
    mixture = dgmm.GaussianMixture(
        len(groups),
        weights_init=np.array([len(group) for group in groups]) / len(rows),
        means_init=np.stack([group.mean(axis=0) for group in groups]),
        precisions_init=(precisions + precisions.transpose(0, 2, 1)) / 2,
    ).fit(rows)
    return float(mixture.bic_)


def main() -> None:
    """Print a line for each case and seed, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds")
    parser.add_argument("--n-init", type=int, default=1, help="searches of each fit")
    parser.add_argument("--scikit-learn", action="store_true", help="one start of it, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    counter, searches = Counter(), []
    find_all = ModelSearch.find_all

    def counted_search(self: ModelSearch, *given: object) -> object:
        before = counter.total
        found = find_all(self, *given)
        searches.append(counter.total - before)
        return found

    ModelSearch.find_all = counted_search
    cases = [case for case in CASES if arguments.only in case.name]
    excesses, nats = [], []
    for case in cases:
        rows, labels = case.draw()
        truth = reference(rows, labels)
        unit = case.n_rows * case.n_components
        for seed in range(arguments.seeds):
            before, began = counter.total, time.process_time()
            mixture = dgmm.GaussianMixture(
                case.n_components, n_init=arguments.n_init, random_state=seed
            ).fit(rows)
            seconds = time.process_time() - began
            excess = mixture.bic_ - truth
            excesses.append(excess)
            nats.append(excess / 2 / case.n_rows)
            print(
                f"{case.name:28s} seed {seed} excess {excess:10.1f}"
                f" search {searches[-1] / unit:6.1f}"
                f" whole {(counter.total - before) / unit:6.1f} CPU {seconds:6.1f}",
                flush=True,
            )
        if arguments.scikit_learn:
            began = time.process_time()
            other = ScikitLearnMixture(case.n_components, random_state=0, reg_covar=0.0).fit(rows)
            seconds = time.process_time() - began
            excess = other.bic(rows) - truth
            print(f"{case.name:28s} scikit-learn excess {excess:10.1f} CPU {seconds:6.1f}")
    hits = sum(excess <= _HIT for excess in excesses)
    near = sum(value <= _NEAR for value in nats)
    print(f"{hits} of {len(excesses)} within {_HIT:g} BIC, {near} within {_NEAR:g} nats a row")


if __name__ == "__main__":
    main()
