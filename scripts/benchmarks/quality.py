"""Quality of the optima that dgmm reaches on small real data: every structure, K = 1 to 6.

    python scripts/benchmarks/quality.py --cache build/quality.json

Log-likelihoods of dgmm's sweeps, with the default number of starts and with 20, beside

- R's mclust, as it comes: one start, from a hierarchy, and no prior (``mclust_fits.R``);
- scikit-learn with 20 starts, by k-means and by k-means++, its best carried on to convergence;
- the best of 120 fits by scikit-learn, 30 each from four kinds of start with a ridge of a
  billionth of the smallest variance: of those that are sound, the three best are carried on to
  convergence; "wide" asks that no eigenvalue as below be less than 1e-3, which leaves out most
  maxima that owe their height to a few rows in a line.

The number of parameters of a case is given, so that the larger log-likelihood is the better BIC.
A fit is *sound* unless a component is narrower than a thousandth of the data in some direction (an
eigenvalue of its covariance relative to the data's below 1e-6) or holds fewer rows than its
covariance needs: d + 1 if full, 2 if diagonal or spherical. Only sound fits are references. A case
is reached if its log-likelihood is not lower by more than 1e-3 nats or, where that is more, a
millionth; "soundly" counts those that are reached by a sound fit.

References take some minutes and are cached; dgmm is fitted each time. Data come from
scikit-learn and, if Rscript and mclust are there (on Debian: r-base-core, r-cran-mclust), from R.
``--time`` runs scikit-learn as users run it, 20 starts with its own tol, beside dgmm: that says
something on a quiet machine only.
"""

import argparse
import json
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality_references import (
    Case,
    Outcome,
    assess,
    datasets,
    fit_mclust,
    fit_references,
    time_twenty_starts,
)

import dgmm
from dgmm.mixture.structures import structure_of
from dgmm.registry import DEFAULT_TYPES

Array = NDArray[np.float64]
Table = dict[str, dict[Case, Outcome]]

YARDSTICKS = ("mclust", "best of 120", "best of 120, wide")


@dataclass(frozen=True, slots=True)
class Row:
    """One case of one data set: what each method reached; methods that failed are missing."""

    dataset: str
    case: Case
    outcomes: dict[str, Outcome]

    def reference(self, yardstick: str) -> Outcome | None:
        """The fit to be reached, if there is a sound one."""
        found = self.outcomes.get(yardstick)
        return found if found is not None and found.is_sound else None


def fit_dgmm(rows: Array, cases: Sequence[Case], n_init: int, seed: int) -> dict[Case, Outcome]:
    """One sweep over all cases."""
    counts = sorted({k for _, k in cases})
    result = dgmm.sweep(rows, counts, n_init=n_init, random_state=seed)
    outcomes = {}
    for found in result.results:
        candidate, p = found.candidate, found.parameters
        case = (candidate.covariance_type, candidate.n_components)
        matrices = structure_of(case[0]).matrices(p.covariances, case[1], rows.shape[1])
        note = f"{found.status.value}, start {candidate.start}, {found.n_iter} steps"
        outcomes[case] = assess(rows, case, p.weights, matrices, found.log_likelihood, note)
    return outcomes


def compute_references(rows: Array, cases: Sequence[Case]) -> Table:
    """The references of a data set, by method."""
    table: Table = {}
    spawned = get_context("spawn")  # this process has threads, which a fork would not survive
    with ProcessPoolExecutor(mp_context=spawned) as pool:
        for case, found in zip(cases, pool.map(partial(fit_references, rows), cases), strict=True):
            for method, reached in found.items():
                if reached is not None:
                    table.setdefault(method, {})[case] = reached
    from_r = fit_mclust(rows, cases)
    return table if from_r is None else {"mclust": from_r, **table}


def load_references(path: Path | None, name: str, rows: Array, cases: Sequence[Case]) -> Table:
    """References from the file of a former run, or new ones, which go into the file."""
    known = json.loads(path.read_text()) if path is not None and path.exists() else {}
    if name not in known:
        began = time.perf_counter()
        known[name] = {
            method: {f"{kind}-{k}": asdict(found) for (kind, k), found in outcomes.items()}
            for method, outcomes in compute_references(rows, cases).items()
        }
        print(f"{name}: references in {time.perf_counter() - began:.0f} s", flush=True)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(known, indent=1) + "\n")
    return {
        method: {_case(key): Outcome(**values) for key, values in outcomes.items()}
        for method, outcomes in known[name].items()
    }


def _case(key: str) -> Case:
    structure, count = key.rsplit("-", 1)
    return structure, int(count)


def summarize(table: Sequence[Row], methods: Sequence[str]) -> Iterator[str]:
    """How many references each method reaches."""
    for yardstick in YARDSTICKS:
        rows = [(row, row.reference(yardstick)) for row in table]
        pairs = [(row, reference) for row, reference in rows if reference is not None]
        if not pairs:
            yield f"{yardstick}: missing"
            continue
        yield f"reach {yardstick}, of {len(pairs)} cases with a sound one:"
        for method in methods:
            if method == yardstick:
                continue
            reached = [
                row.outcomes[method]
                for row, reference in pairs
                if method in row.outcomes and row.outcomes[method].reaches(reference)
            ]
            soundly = sum(found.is_sound for found in reached)
            yield f"  {method:28} {len(reached):4}, soundly {soundly:4}"


def describe_misses(table: Sequence[Row], method: str) -> Iterator[str]:
    """The cases in which a method misses a reference, and by how much."""
    for row in table:
        found = row.outcomes[method]
        gaps = []
        for yardstick in YARDSTICKS:
            reference = row.reference(yardstick)
            if reference is not None and not (found.reaches(reference) and found.is_sound):
                gaps.append(f"{yardstick} by {found.shortfall(reference):.4g}")
        if gaps:
            kind, k = row.case
            health = (
                "" if found.is_sound else f", UNSOUND ({found.narrowest:.1e}, {found.fewest:.2g})"
            )
            yield f"  {row.dataset:14} {kind:>9}-{k}  {'; '.join(gaps):44} {found.note}{health}"


def dump_references(table: Sequence[Row]) -> str:
    """Log-likelihoods of the sound references, for the tests."""
    known: dict[str, dict[str, dict[str, float]]] = {}
    for row in table:
        found = {yardstick: row.reference(yardstick) for yardstick in YARDSTICKS}
        known.setdefault(row.dataset, {})["{}-{}".format(*row.case)] = {
            yardstick: round(reference.log_likelihood, 4)
            for yardstick, reference in found.items()
            if reference is not None
        }
    return json.dumps(known, indent=1) + "\n"


def compare(options: argparse.Namespace) -> None:
    """Fit, compare and print."""
    cases = list(product(DEFAULT_TYPES, range(1, options.components + 1)))
    ours = {f"dgmm, {n_init}": n_init for n_init in options.starts}
    seconds = dict.fromkeys([*ours, "scikit-learn kmeans, 20", "scikit-learn k-means++, 20"], 0.0)
    table: list[Row] = []
    dgmm.sweep(np.eye(9), [1])  # what is imported on first use is not to be timed
    for name, rows in datasets(options.datasets):
        if rows is None:
            print(f"{name}: left out, needs Rscript and mclust")
            continue
        by_method = load_references(options.cache, name, rows, cases)
        for method, n_init in ours.items():
            began = time.perf_counter()
            by_method[method] = fit_dgmm(rows, cases, n_init, options.seed)
            seconds[method] += time.perf_counter() - began
        for kind in ("kmeans", "k-means++") if options.time else ():
            took = time_twenty_starts(rows, cases, kind)
            seconds[f"scikit-learn {kind}, 20"] += took
        for case in cases:
            reached = {m: found[case] for m, found in by_method.items() if case in found}
            table.append(Row(name, case, reached))
    if options.facts is not None:
        options.facts.write_text(dump_references(table))
    for method in ours:
        print(f"{method} misses soundly:", *describe_misses(table, method), sep="\n")
    print(*summarize(table, ["mclust", *seconds, "best of 120"]), sep="\n")
    for method, took in seconds.items():
        if took:
            print(f"{method:30} {took:7.1f} s for {len(table)} cases")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and compare."""
    parser = argparse.ArgumentParser(
        description="Compare the optima that starts reach with the best that are known."
    )
    add = parser.add_argument
    add("--cache", type=Path, help="JSON file that keeps the references between runs")
    add("--datasets", nargs="*", default=[], metavar="NAME", help="only these")
    add("--components", type=int, default=6, help="largest K (default: 6)")
    add("--starts", type=int, nargs="*", default=[5, 20], help="n_init of dgmm (default: 5 20)")
    add("--seed", type=int, default=0, help="of dgmm's starts")
    add("--facts", type=Path, help="write the references' log-likelihoods to this JSON file")
    add("--time", action="store_true", help="time scikit-learn too")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        compare(parser.parse_args(arguments))


if __name__ == "__main__":
    main()
