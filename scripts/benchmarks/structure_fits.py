"""BIC of all fourteen structures on eight small real data sets, beside mclust's.

    Rscript scripts/benchmarks/structure_fits.R FOLDER 6
    python -m scripts.benchmarks.structure_fits FOLDER

The first line makes the rows and mclust's fits. Printed are, for each data set, how many BICs are
lower than mclust's, equal (to 0.02) and higher, each that is higher, what a sweep with its
defaults chooses, and CPU seconds. A fit of mclust's is sound unless a component holds fewer than
two rows or has a covariance that is all but singular.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import dgmm
from dgmm.registry import STRUCTURES, canonical_type

Model = tuple[str, int]
_EQUAL = 0.02  # of BIC
_FEWEST_ROWS = 2.0
_LEAST_CONDITION = 1e-12


def read_fits(path: Path) -> dict[str, dict[Model, tuple[float, bool]]]:
    """BIC of each of mclust's fits, and whether it is sound, for each data set."""
    found: dict[str, dict[Model, tuple[float, bool]]] = {}
    for line in path.read_text().splitlines():
        name, kind, k, _, bic, n_rows, condition = line.split()
        is_sound = float(n_rows) >= _FEWEST_ROWS and float(condition) > _LEAST_CONDITION
        model = canonical_type(kind), int(k)
        found.setdefault(name, {})[model] = float(bic), is_sound
    return found


def _sweep(
    rows: np.ndarray, theirs: dict[Model, tuple[float, bool]], seed: int, **options: Any
) -> dgmm.SweepResult:
    """All structures, with as many components as mclust was asked for."""
    counts = range(1, max(k for _, k in theirs) + 1)
    return dgmm.sweep(rows, counts, tuple(STRUCTURES), random_state=seed, **options)


def compare(rows: np.ndarray, theirs: dict[Model, tuple[float, bool]], seed: int) -> np.ndarray:
    """How many candidates are better, equal and worse, and how many mclust does not fit."""
    found = _sweep(rows, theirs, seed, tol=1e-9, finish_all=True)
    counts = np.zeros(4, int)
    best = min(bic for bic, is_sound in theirs.values() if is_sound)
    for result in found.results:
        model = result.covariance_type, result.n_components
        if model not in theirs:
            counts[3] += 1
            continue
        bic, is_sound = theirs[model]
        excess = result.criteria["bic"] - bic
        counts[int(excess > -_EQUAL) + int(excess > _EQUAL)] += 1
        if excess > _EQUAL:
            remark = "" if is_sound else ", mclust's is not sound"
            print(
                f"    {model[0]}-{model[1]}: +{excess:.2f}, {bic - best:.0f} above the best{remark}"
            )
    return counts


def main() -> None:
    """Print the comparison of each data set, and the sums."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    total = np.zeros(4, int)
    for name, theirs in read_fits(arguments.folder / "fits.txt").items():
        if arguments.only and name not in arguments.only:
            continue
        rows = np.loadtxt(arguments.folder / f"{name}.csv", delimiter=",")
        print(f"{name}, {len(rows)} x {rows.shape[1]}")
        began = time.process_time()
        counts = compare(rows, theirs, arguments.seed)
        cpu = time.process_time() - began
        chosen = _sweep(rows, theirs, arguments.seed).best
        (kind, k), (lowest, _) = min(theirs.items(), key=lambda item: item[1])
        print(
            f"  {counts[0]} better, {counts[1]} equal, {counts[2]} worse, {counts[3]} alone; "
            f"{cpu:.1f} s; chosen {chosen.covariance_type}-{chosen.n_components} "
            f"{chosen.bic(rows):.1f}, mclust's best {kind}-{k} {lowest:.1f}",
            flush=True,
        )
        total += counts
    print("all: {} better, {} equal, {} worse, {} alone".format(*total))


if __name__ == "__main__":
    main()
