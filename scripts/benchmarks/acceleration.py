"""Number of passes that acceleration saves, and the optima reached, from the same starts.

    python scripts/benchmarks/acceleration.py

Data of different overlap, real and made; four covariance structures, K = 3 and 8, three starts
each. Fits that collapse without acceleration are left out. Both ways stop by their own rule at the
same tol; "short" counts fits from where 1,500 more steps of plain EM would still gain more than
twice that. Passes are counted, not timed. Takes about two minutes.
"""

import argparse
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.em import iteration
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.initialization import initializers
from dgmm.mixture.kernels import packed_models
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.regularization import Regularization
from dgmm.registry import DEFAULT_TYPES

Array = NDArray[np.float64]

TOL = 1e-6
MOST_PASSES = 3000
METHODS = ("k-means++", "kmeans", "random_from_data")


def datasets() -> dict[str, Array]:
    """Real data, and mixtures whose components overlap more and less."""
    rng = np.random.default_rng(0)
    digits = load_digits().data
    digits = digits - digits.mean(axis=0)
    return {
        "iris": load_iris().data,
        "wine, 6 features": load_wine().data[:, :6],
        "breast cancer, 8 features": load_breast_cancer().data[:, :8],
        "digits, 8 principal components": digits @ np.linalg.svd(digits)[2][:8].T,
        "overlapping, d=2": mixture_rows(rng, 3000, 2, 4, 1.0),
        "overlapping, d=4": mixture_rows(rng, 4000, 4, 6, 1.0),
        "overlapping, d=16": mixture_rows(rng, 5000, 16, 8, 0.7),
        "apart, d=8": mixture_rows(rng, 4000, 8, 6, 2.0),
        "heavy tails, d=3": rng.standard_t(4, size=(4000, 3)),
    }


def mixture_rows(rng: np.random.Generator, n: int, d: int, k: int, apart: float) -> Array:
    """Rows of a mixture whose means are ``apart`` standard deviations from the origin."""
    means = apart * rng.normal(size=(k, d))
    roots = 0.4 / np.sqrt(d) * rng.normal(size=(k, d, d)) + np.eye(d)
    labels = rng.integers(k, size=n)
    return means[labels] + np.einsum("nij,nj->ni", roots[labels], rng.normal(size=(n, d)))


@dataclass(frozen=True, slots=True)
class Problem:
    """EM from one start."""

    rows: Array
    centred: CentredScatter
    rules: EMOptions
    first: FitState

    @classmethod
    def from_rows(
        cls, rows: Array, covariance_type: str, n_components: int, seed: int
    ) -> "Problem":
        """A problem with a start by the method whose turn it is."""
        mean = rows.mean(axis=0)
        rows = rows - mean
        scatter, weights = rows.T @ rows, np.ones(len(rows))
        regularization = Regularization.for_data(scatter / len(rows), mean)
        rng = np.random.default_rng(seed)
        guess = initializers.METHODS[METHODS[seed % len(METHODS)]](rows, weights, n_components, rng)
        first = initializers.first_parameters(
            covariance_type, rows, guess, weights, regularization, rng
        )
        return cls(
            rows,
            CentredScatter(np.zeros(len(mean)), float(len(rows)), scatter),
            EMOptions(TOL, MOST_PASSES, regularization, scatter / len(rows)),
            FitState(Candidate(covariance_type, n_components, seed), first),
        )

    def run(self, state: FitState, rules: EMOptions) -> tuple[FitState, int]:
        """The final state and the number of passes."""
        n_passes = 0
        while state.is_running:
            packed = packed_models.pack([state.parameters], self.centred.origin)
            statistics = packed_models.accumulate(packed, self.rows)
            (moments,) = packed_models.moments(packed, [state.parameters], statistics, self.centred)
            state = iteration.step(state, moments, rules)
            n_passes += 1
        return state, n_passes

    def left_to_gain(self, state: FitState) -> float:
        """The gain that plain EM still finds, in nats per row."""
        rules = replace(self.rules, tol=1e-12, max_iter=1500, accelerate=False)
        onwards, _ = self.run(FitState(state.candidate, state.parameters), rules)
        return onwards.trace[-1] - state.trace[-1]


def main(arguments: list[str] | None = None) -> None:
    """Count, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", nargs="+", choices=list(datasets()), help="only these")
    parser.add_argument("--components", nargs="+", type=int, default=[3, 8])
    parser.add_argument("--starts", type=int, default=3)
    given = parser.parse_args(arguments)
    rows_of = datasets()
    print(f"{'data':32s} fits  passes plain  accelerated  median ratio  short plain  accelerated")
    everything = []
    for name in given.datasets or rows_of:
        found = []
        for case in product(DEFAULT_TYPES, given.components, range(given.starts)):
            problem = Problem.from_rows(rows_of[name], *case)
            plain, n_plain = problem.run(problem.first, replace(problem.rules, accelerate=False))
            if plain.status is Status.DEGENERATE:
                continue
            fast, n_fast = problem.run(problem.first, problem.rules)
            is_short = [problem.left_to_gain(state) > 2 * TOL for state in (plain, fast)]
            found.append((n_plain, n_fast, *is_short))
        print_row(name, np.array(found))
        everything += found
    print_row("all", np.array(everything))


def print_row(name: str, found: NDArray[np.int64]) -> None:
    """One line of the table."""
    plain, fast, short_plain, short_fast = found.sum(axis=0)
    ratio = np.median(found[:, 0] / found[:, 1])
    print(
        f"{name:32s} {len(found):4d} {plain:13d} {fast:12d} {ratio:13.1f} "
        f"{short_plain:12d} {short_fast:12d}",
        flush=True,
    )


if __name__ == "__main__":
    main()
