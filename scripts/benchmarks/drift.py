"""Verdicts of the drift comparison on nights with a change, without one, and damaged.

    python scripts/benchmarks/drift.py [--nights 200]

Nights are drawn from known mixtures. First: how often the test on held-out stretches is significant
where nothing changed (its size, to stay below the level), and where something did (its power).
Then: what accidents and harmless changes measure, and the verdict by the default limits.
"""

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import dask.array as da
import numpy as np
from numpy.typing import NDArray

from dgmm.engine.comparison import ComparedMixture, compare, refit
from dgmm.engine.dataset import Dataset
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.mixture.candidate import Status
from dgmm.mixture.drift.alignment import ComponentLabels, align
from dgmm.mixture.drift.decision import Drift
from dgmm.mixture.em.iteration import EMOptions
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.regularization import Regularization
from dgmm.run.config.drift_section import DriftLimits
from dgmm.run.drift_check import drift_thresholds

Array = NDArray[np.float64]

LIMITS = drift_thresholds(DriftLimits())
N_ROWS = 20_000
MIXTURES = ((5, 4, 8.0, 0.0), (5, 4, 3.0, 20.0), (8, 16, 8.0, 0.0))


def random_mixture(n_components: int, n_features: int, apart: float, seed: int) -> Parameters:
    """Components of unequal weights and round-ish shapes, about so many deviations apart."""
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(n_components, 4.0))
    means = rng.normal(size=(n_components, n_features)) * apart / np.sqrt(2 * n_features)
    factors = np.eye(n_features) + 0.3 * rng.normal(size=(n_components, n_features, n_features))
    covariances = factors @ np.swapaxes(factors, 1, 2) / n_features + 0.5 * np.eye(n_features)
    return Parameters.from_covariances("full", weights, means, covariances)


def draw_rows(mixture: Parameters, n_rows: int, rng: np.random.Generator) -> Array:
    """Rows of a mixture of full covariances, in random order."""
    which = rng.choice(mixture.n_components, n_rows, p=mixture.weights)
    factors = np.linalg.cholesky(mixture.covariances)
    noise = rng.normal(size=(n_rows, mixture.n_features))
    return mixture.means[which] + np.einsum("nij,nj->ni", factors[which], noise)


def repeat_rows(rows: Array, length: int, rng: np.random.Generator) -> Array:
    """Each row repeated so many times with a little noise, as neighbours in time are alike."""
    repeated = np.repeat(rows[: len(rows) // length], length, axis=0)
    return repeated + 0.1 * rng.normal(size=repeated.shape)


def em_options(rows: Array) -> EMOptions:
    """The options of a fit to these rows with default settings."""
    covariance, mean = np.cov(rows.T, bias=True), rows.mean(axis=0)
    return EMOptions(1e-5, 1000, Regularization.for_data(covariance, mean), covariance)


def compare_night(older: Parameters, n_before: int, rows: Array) -> Drift:
    """A comparison with the optimum near the older mixture, as a warm fit finds it."""
    rules, origin = em_options(rows), rows.mean(axis=0)
    older = older.translate(-origin)
    newer = refit(older, rows - origin, None, rules)
    labels = tuple(range(older.n_components))
    sides = ComparedMixture(older, labels, n_before), ComparedMixture(newer, labels, len(rows))
    return compare(*sides, rows - origin, None, rules, LIMITS)


@dataclass(frozen=True)
class Case:
    """Nights of one kind: rows then and now, a feature's shift, how many rows on end are alike."""

    n_before: int
    n_rows: int = 20_000
    shift: float = 0.0
    run_length: int = 1


CASES = (
    Case(20_000),
    Case(200_000),
    Case(4_000),
    Case(1_000),
    Case(400, n_rows=400),
    Case(200_000, run_length=50),
    Case(200_000, shift=0.05),
    Case(200_000, shift=0.1),
    Case(500_000, n_rows=131_072),
    Case(500_000, n_rows=131_072, shift=0.03),
    Case(500_000, n_rows=131_072, shift=0.05),
)


def p_value(case: Case, night: int) -> float:
    """Of one night's test; the older mixture is an optimum for rows of the same truth."""
    truth, rng = random_mixture(4, 4, 6.0, seed=0), np.random.default_rng([1, night])
    before, now = (draw_rows(truth, n, rng) for n in (case.n_before, case.n_rows))
    if case.run_length > 1:
        before, now = (repeat_rows(rows, case.run_length, rng) for rows in (before, now))
    origin = before.mean(axis=0)
    start = truth.translate(-origin)
    older = refit(start, before - origin, None, em_options(before)).translate(origin)
    now[:, 0] += case.shift
    found = compare_night(older, case.n_before // case.run_length, now).test
    return 1.0 if found is None else found.p_value


def simulate_changes(truth: Parameters, rng: np.random.Generator) -> Iterator[tuple[str, Array]]:
    """Possible changes of a night's rows, by name."""
    rows, d = draw_rows(truth, N_ROWS, rng), truth.n_features
    sd = rows.std(axis=0)
    first, few = np.eye(d)[0], rng.random(N_ROWS) < 0.05
    yield "nothing", rows
    yield "all features drift by 0.1 sd", rows + 0.1 * sd
    for far in (4, 10, 30):
        new = rng.normal(size=rows.shape) + far * sd / np.sqrt(d)
        yield f"a new cluster of 5 %, {far} sd away", np.where(few[:, None], new, rows)
    heaviest = int(truth.weights.argmax())
    without = np.array([k for k in range(truth.n_components) if k != heaviest])
    left = Parameters.from_covariances(
        "full",
        truth.weights[without] / truth.weights[without].sum(),
        truth.means[without],
        truth.covariances[without],
    )
    yield f"the heaviest ({truth.weights.max():.2f}) dies", draw_rows(left, N_ROWS, rng)
    yield "a feature 10 times as large", rows * (1 + 9 * first)
    yield "a feature a tenth as large", rows * (1 - 0.9 * first)
    yield "a feature shifted by 1 sd", rows + sd * first
    yield "a feature shifted by 3 sd", rows + 3 * sd * first
    yield "half of the rows zero", np.where(rng.random(N_ROWS)[:, None] < 0.5, 0.0, rows)
    yield "a feature all zero", rows * (1 - first)
    yield "a tenth of the rows 1e6", np.where(rng.random(N_ROWS)[:, None] < 0.1, 1e6, rows)
    yield "two features exchanged", rows[:, [1, 0, *range(2, d)]]


def fit_sweep(
    rows: Array, n_components: tuple[int, ...], seed: int = 0
) -> tuple[Parameters, Status]:
    """The mixture that a cold sweep of full covariances selects."""
    models = tuple(("full", k) for k in n_components)
    found = fit(
        Dataset.from_array(da.from_array(rows)), FitOptions(models, seed=seed)
    ).sweep.selected
    return found.parameters, found.status


def measure(n_components: int, n_features: int, apart: float, offset: float) -> Iterator[str]:
    """Lines of the second table; each night is fitted with up to two components more and fewer."""
    truth = random_mixture(n_components, n_features, apart, seed=n_features).translate(offset)
    rng = np.random.default_rng(5)
    counts = tuple(range(max(1, n_components - 2), n_components + 3))
    older, _ = fit_sweep(draw_rows(truth, N_ROWS, rng), counts)
    labels = tuple(range(older.n_components))
    for name, rows in simulate_changes(truth, rng):
        newer, status = fit_sweep(rows, counts, seed=1)
        found = ComponentLabels.first(older.n_components).follow(align(older, newer)).labels
        origin = rows.mean(axis=0)
        sides = (
            ComparedMixture(older.translate(-origin), labels, N_ROWS),
            ComparedMixture(newer.translate(-origin), found, N_ROWS, status),
        )
        drift = compare(*sides, rows - origin, None, em_options(rows), LIMITS)
        of = drift.components
        shift, change = (np.nan_to_num(x).max() for x in (of.mean_shifts, abs(of.weight_changes)))
        gone, come = (
            of.older_weights[of.has_vanished].sum(),
            of.newer_weights[of.has_appeared].sum(),
        )
        p = np.nan if drift.test is None else drift.test.p_value
        yield (
            f"{name:32} {newer.n_components:2d} {shift:9.2f} {change:7.2f} {gone:7.2f} {come:7.2f} "
            f"{drift.prediction.loss.mean:6.2f} {drift.prediction.difference.mean:10.3g} "
            f"{p:8.1e} {drift.verdict.value}"
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nights", type=int, default=200)
    n_nights = parser.parse_args().nights
    print(f"{'rows before':>12} {'now':>8} {'alike':>6} {'shift':>6} {'at 5 %':>7} {'at 1 %':>7}")
    with ProcessPoolExecutor(2) as pool:
        for case in CASES:
            found = np.array(list(pool.map(partial(p_value, case), range(n_nights))))
            print(
                f"{case.n_before:12,} {case.n_rows:8,} {case.run_length:6} {case.shift:6.2f} "
                f"{(found < 0.05).mean():7.1%} {(found < 0.01).mean():7.1%}",
                flush=True,
            )
    for n_components, n_features, apart, offset in (
        (5, 4, 8.0, 0.0),
        (5, 4, 3.0, 20.0),
        (8, 16, 8.0, 0.0),
    ):
        print(f"\nK = {n_components}, d = {n_features}, {apart:g} apart, at {offset:g}")
        print(f"{'':32}  K     shift  weight    gone    come   loss  unbounded        p verdict")
        for line in measure(n_components, n_features, apart, offset):
            print(line, flush=True)


if __name__ == "__main__":
    main()
