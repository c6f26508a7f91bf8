"""Sweeps to show, without fitting anything."""

import numpy as np

from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.fit_result import FitResult, Sweep
from dgmm.mixture.parameters import Parameters


def result(
    covariance_type: str, n_components: int, bic: float, status: Status = Status.CONVERGED
) -> FitResult:
    ones = np.ones(n_components)
    return FitResult(
        candidate=Candidate(covariance_type, n_components),
        parameters=Parameters("spherical", ones / n_components, ones[:, None], ones, ones),
        status=status,
        n_iter=7,
        trace=(-2.0, -1.5),
        log_likelihood=-bic / 2,
        n_parameters=3,
        criteria={"bic": bic, "aic": -bic, "icl": bic},
    )


def sweep(n_more: int = 0) -> Sweep:
    results = [
        result("full", 1, 300.0),
        result("full", 2, 100.25),
        result("tied", 10, 200.0, Status.MAX_ITER),
        result("diag", 3, -500.0, Status.DEGENERATE),
        *(result("spherical", k, 1000.0 + k) for k in range(1, n_more + 1)),
    ]
    return Sweep(tuple(results), "bic", results[1], n_passes=5)
