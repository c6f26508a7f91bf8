"""Small real data, and the fits of other packages to them: the references of ``quality.py``."""

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from dgmm.mixture.structures import structure_of

Array = NDArray[np.float64]
Case = tuple[str, int]

KINDS = ("kmeans", "k-means++", "random", "random_from_data")
NARROWEST = 1e-6
BOUNDS = {"best of 120": NARROWEST, "best of 120, wide": 1e-3}
N_CONTINUED = 3
MCLUST_SCRIPT = Path(__file__).with_name("mclust_fits.R")

SCIKIT_LEARN_DATA: dict[str, Callable[[], Array]] = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "breast_cancer": lambda: load_breast_cancer().data[:, [1, 4, 5, 8, 9]],
    "diabetes": lambda: load_diabetes(scaled=False).data[:, [2, 3, 4, 6, 8]],
}
"""Shipped with scikit-learn (BSD-3-Clause; iris, wine and breast cancer from UCI, CC BY 4.0)."""

R_DATA = {
    "faithful": "datasets::faithful",
    "quakes": "datasets::quakes",
    "USArrests": "datasets::USArrests",
    "swiss": "datasets::swiss",
    "banknote": "mclust::banknote[, -1]",
    "reaven": "mclust::diabetes[, -1]",
    "thyroid": "mclust::thyroid[, -1]",
}
"""Shipped with R's datasets (GPL-2 or later) and with mclust (GPL-2 or later)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a method found in one case.

    Attributes
    ----------
    log_likelihood : float
        Sum over rows, in nats.
    narrowest : float
        Smallest eigenvalue of a component's covariance relative to the data's.
    fewest : float
        Rows in the smallest component, over the number that its covariance needs.
    note : str
        What the method says of the fit.
    """

    log_likelihood: float
    narrowest: float
    fewest: float
    note: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether no component is near singular."""
        return self.is_wider_than(NARROWEST)

    def is_wider_than(self, bound: float) -> bool:
        """Whether all components have the rows they need and a variance above the bound."""
        return self.narrowest >= bound and self.fewest >= 1

    def shortfall(self, reference: "Outcome") -> float:
        """By how much this fit is worse than the reference, in nats."""
        return reference.log_likelihood - self.log_likelihood

    def reaches(self, reference: "Outcome") -> bool:
        """Whether it is not worse by more than 1e-3 nats, or a millionth if that is larger."""
        return self.shortfall(reference) <= max(1e-3, 1e-6 * abs(reference.log_likelihood))


def assess(
    rows: Array,
    case: Case,
    weights: Array,
    matrices: Array,
    log_likelihood: float,
    note: str = "",
) -> Outcome:
    """How good and how sound a mixture is, whose covariances are given as (K, d, d) matrices."""
    n_rows, d = rows.shape
    pooled = np.atleast_2d(np.cov(rows.T, bias=True))
    narrowest = min(float(eigh(matrix, pooled, eigvals_only=True)[0]) for matrix in matrices)
    needed = {"full": d + 1.0, "tied": 0.5}.get(case[0], 2.0)
    fewest = float(weights.min()) * n_rows / needed
    return Outcome(float(log_likelihood), narrowest, fewest, note)


def datasets(names: Sequence[str] = ()) -> Iterator[tuple[str, Array | None]]:
    """Data sets of the given names, or all; None for one that this machine does not have."""
    for name, load in SCIKIT_LEARN_DATA.items():
        if not names or name in names:
            yield name, np.ascontiguousarray(load(), dtype=np.float64)
    for name, expression in R_DATA.items():
        if not names or name in names:
            text = run_r("-e", f"write.table({expression}, row.names=FALSE, col.names=FALSE)")
            lines = None if text is None else [line.split() for line in text.splitlines()]
            yield name, None if lines is None else np.array(lines, np.float64)


def run_r(*arguments: str) -> str | None:
    """The output of Rscript; None without Rscript or a package."""
    if shutil.which("Rscript") is None:
        return None
    found = subprocess.run(["Rscript", *arguments], capture_output=True, text=True, check=False)
    return found.stdout if found.returncode == 0 else None


def fit_mclust(rows: Array, cases: Sequence[Case]) -> dict[Case, Outcome] | None:
    """Fit by mclust: the cases in which it does not fail, or None if it is missing."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.txt"
        np.savetxt(path, rows, "%.17g")
        text = run_r(str(MCLUST_SCRIPT), str(path), str(max(k for _, k in cases)))
    if text is None:
        return None
    d = rows.shape[1]
    outcomes = {}
    for line in text.splitlines():
        structure, count, *fields = line.split()
        case, k = (structure, int(count)), int(count)
        log_likelihood, *numbers = map(float, fields)
        if case in cases:
            matrices = np.array(numbers[k + k * d :]).reshape(k, d, d)
            outcomes[case] = assess(rows, case, np.array(numbers[:k]), matrices, log_likelihood)
    return outcomes


def fit_scikit_learn(rows: Array, case: Case, **options: Any) -> GaussianMixture | None:
    """A mixture fitted by scikit-learn; None if a covariance became singular."""
    mixture = GaussianMixture(case[1], covariance_type=case[0], **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return mixture.fit(rows)
        except ValueError:
            return None


def continue_fit(rows: Array, mixture: GaussianMixture) -> GaussianMixture | None:
    """The same mixture after EM until convergence."""
    return fit_scikit_learn(
        rows,
        (mixture.covariance_type, mixture.n_components),
        tol=1e-9,
        max_iter=5000,
        reg_covar=mixture.reg_covar,
        weights_init=mixture.weights_,
        means_init=mixture.means_,
        precisions_init=mixture.precisions_,
    )


def evaluate(rows: Array, mixture: GaussianMixture) -> Outcome:
    """The outcome of a mixture of scikit-learn."""
    case = (mixture.covariance_type, mixture.n_components)
    matrices = structure_of(case[0]).matrices(mixture.covariances_, case[1], rows.shape[1])
    return assess(rows, case, mixture.weights_, matrices, mixture.score(rows) * len(rows))


def fit_twenty_starts(rows: Array, case: Case, kind: str) -> Outcome | None:
    """scikit-learn with 20 starts of a kind and default settings except convergence."""
    options = {"init_params": kind, "n_init": 20, "random_state": 0}
    found = fit_scikit_learn(rows, case, tol=1e-5, max_iter=300, **options)
    return None if found is None else evaluate(rows, continue_fit(rows, found) or found)


def time_twenty_starts(rows: Array, cases: Sequence[Case], kind: str) -> float:
    """How long scikit-learn takes as users run it, with its own tol and max_iter."""
    began = time.perf_counter()
    for case in cases:
        fit_scikit_learn(rows, case, init_params=kind, n_init=20, random_state=0)
    return time.perf_counter() - began


def best_of_120(rows: Array, case: Case) -> dict[str, Outcome | None]:
    """The best of 120 fits by scikit-learn that are sound, and of those that are nowhere narrow."""
    ridge = 1e-9 * float(rows.var(axis=0).min())
    options = {"reg_covar": ridge, "tol": 1e-5, "max_iter": 300}
    tried: list[tuple[Outcome, GaussianMixture]] = []
    for kind, seed in product(KINDS, range(30 if case[1] > 1 else 1)):
        mixture = fit_scikit_learn(rows, case, init_params=kind, random_state=seed, **options)
        if mixture is not None:
            tried.append((evaluate(rows, mixture), mixture))
    tried.sort(key=lambda pair: pair[0].log_likelihood, reverse=True)
    best: dict[str, Outcome | None] = {}
    ends: dict[float, Outcome] = {}  # by the log-likelihood from which EM went on
    for name, bound in BOUNDS.items():
        sound = [pair for pair in tried if pair[0].is_wider_than(bound)][:N_CONTINUED]
        for before, mixture in sound:
            if before.log_likelihood not in ends:
                end = continue_fit(rows, mixture)
                ends[before.log_likelihood] = before if end is None else evaluate(rows, end)
        rivals = [before for before, _ in sound]
        rivals += [ends[before.log_likelihood] for before in rivals]
        wide = [found for found in rivals if found.is_wider_than(bound)]
        best[name] = max(wide, key=lambda found: found.log_likelihood, default=None)
    return best


def fit_references(rows: Array, case: Case) -> dict[str, Outcome | None]:
    """The fits of scikit-learn in a case, by method."""
    with threadpool_limits(1):
        return {
            "scikit-learn kmeans, 20": fit_twenty_starts(rows, case, "kmeans"),
            "scikit-learn k-means++, 20": fit_twenty_starts(rows, case, "k-means++"),
            **best_of_120(rows, case),
        }
