"""BIC and log-likelihoods of the fourteen structures on eight small data sets, beside mclust's.

    Rscript scripts/benchmarks/structure_fits.R FOLDER 6
    python -m scripts.benchmarks.structure_fits FOLDER

The first line makes the rows and mclust's fits. Printed are, for each data set, how many BICs are
lower than mclust's, equal (to 0.02) and higher, each that is higher, what a sweep with its
defaults chooses, and CPU seconds; and how far log-likelihoods at mclust's own parameters are from
those that mclust reports. `--densities` prints these alone. A fit of mclust's is sound unless a
component holds fewer than two rows or has a covariance that is all but singular.
"""

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dgmm
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.structures import structure_of
from dgmm.registry import STRUCTURES, canonical_type

Model = tuple[str, int]
_EQUAL = 0.02  # of BIC
_SAME = 1e-9  # of a log-likelihood, relative
_FEWEST_ROWS = 2.0
_LEAST_CONDITION = 1e-12


@dataclass(frozen=True)
class Fit:
    """One of mclust's fits.

    Attributes
    ----------
    log_likelihood, bic : float
        As mclust reports them; smaller BIC are better.
    is_sound : bool
    weights, means, covariances : ndarray
        Of shapes (K,), (K, d) and (K, d, d).
    """

    log_likelihood: float
    bic: float
    is_sound: bool
    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


def read_fits(folder: Path) -> dict[str, dict[Model, Fit]]:
    """The fits of mclust to each data set."""
    found: dict[str, dict[Model, Fit]] = {}
    lines, parameters = ((folder / name).read_text() for name in ("fits.txt", "parameters.txt"))
    for line, numbers in zip(lines.splitlines(), parameters.splitlines(), strict=True):
        name, kind, count, log_likelihood, bic, n_rows, condition = line.split()
        k, values = int(count), np.array(numbers.split(), float)
        d = _n_features(len(values) // k)
        weights, means, covariances = np.split(values, [k, k + k * d])
        found.setdefault(name, {})[canonical_type(kind), k] = Fit(
            float(log_likelihood),
            float(bic),
            float(n_rows) >= _FEWEST_ROWS and float(condition) > _LEAST_CONDITION,
            weights,
            means.reshape(k, d),
            covariances.reshape(k, d, d),
        )
    return found


def _n_features(n_numbers: int) -> int:
    """The d of 1 + d + d^2 numbers."""
    return next(d for d in range(1, n_numbers) if 1 + d + d * d == n_numbers)


def log_likelihood(rows: np.ndarray, kind: str, fit: Fit) -> float:
    """The log-likelihood of rows at mclust's parameters, as a mixture of this structure."""
    structure = structure_of(kind)
    scatters = structure.diagonals(fit.covariances)
    covariances = structure.from_scatter(scatters, fit.weights)
    mixture = Parameters.from_covariances(kind, fit.weights, fit.means, covariances)
    return float(assign(mixture, rows).log_density.sum())


def compare_densities(rows: np.ndarray, theirs: dict[Model, Fit]) -> np.ndarray:
    """Relative differences of log-likelihoods at mclust's parameters, fit by fit."""
    differences = []
    for (kind, k), fit in theirs.items():
        ours = log_likelihood(rows, kind, fit)
        differences.append(abs(ours - fit.log_likelihood) / abs(fit.log_likelihood))
        if not differences[-1] <= _SAME:
            sound = "sound" if fit.is_sound else "not sound"
            print(f"    {kind}-{k}: {differences[-1]:.1e} from mclust's, which is {sound}")
    return np.array(differences)


def _sweep(
    rows: np.ndarray, theirs: dict[Model, Fit], seed: int, **options: Any
) -> dgmm.SweepResult:
    """All structures, with as many components as mclust was asked for."""
    counts = range(1, max(k for _, k in theirs) + 1)
    return dgmm.sweep(rows, counts, tuple(STRUCTURES), random_state=seed, **options)


def compare(rows: np.ndarray, theirs: dict[Model, Fit], seed: int) -> np.ndarray:
    """How many candidates are better, equal and worse, and how many mclust does not fit."""
    found = _sweep(rows, theirs, seed, tol=1e-9, finish_all=True)
    counts = np.zeros(4, int)
    best = min(fit.bic for fit in theirs.values() if fit.is_sound)
    for result in found.results:
        model = result.covariance_type, result.n_components
        if model not in theirs:
            counts[3] += 1
            continue
        fit = theirs[model]
        excess = result.criteria["bic"] - fit.bic
        counts[int(excess > -_EQUAL) + int(excess > _EQUAL)] += 1
        if excess > _EQUAL:
            remark = "" if fit.is_sound else ", mclust's is not sound"
            above = f"{fit.bic - best:.0f} above the best"
            print(f"    {model[0]}-{model[1]}: +{excess:.2f}, {above}{remark}")
    return counts


def main() -> None:
    """Print the comparison of each data set, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--densities", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    total, differences = np.zeros(4, int), [np.zeros(0)]
    for name, theirs in read_fits(arguments.folder).items():
        if arguments.only and name not in arguments.only:
            continue
        rows = np.loadtxt(arguments.folder / f"{name}.csv", delimiter=",")
        print(f"{name}, {len(rows)} x {rows.shape[1]}")
        differences.append(compare_densities(rows, theirs))
        if arguments.densities:
            continue
        began = time.process_time()
        counts = compare(rows, theirs, arguments.seed)
        cpu = time.process_time() - began
        chosen = _sweep(rows, theirs, arguments.seed).best
        (kind, k), lowest = min(theirs.items(), key=lambda item: item[1].bic)
        print(
            f"  {counts[0]} better, {counts[1]} equal, {counts[2]} worse, {counts[3]} alone; "
            f"{cpu:.1f} s; chosen {chosen.covariance_type}-{chosen.n_components} "
            f"{chosen.bic(rows):.1f}, mclust's best {kind}-{k} {lowest.bic:.1f}",
            flush=True,
        )
        total += counts
    all_fits = np.concatenate(differences)
    print(
        f"log-likelihoods at mclust's parameters: {(all_fits <= _SAME).sum()} of {len(all_fits)} "
        f"agree to {_SAME:g}, median {np.median(all_fits):.0e}, largest {all_fits.max():.0e}"
    )
    if not arguments.densities:
        print("all: {} better, {} equal, {} worse, {} alone".format(*total))


if __name__ == "__main__":
    main()
