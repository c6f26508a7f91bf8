"""Compare an older mixture with a newer one on the sample of the newer fit."""

from dataclasses import dataclass, replace

import numpy as np

from dgmm.engine import blas, passes
from dgmm.engine.block import Missing
from dgmm.engine.events import Observer, ignore
from dgmm.engine.execution import LocalExecution
from dgmm.engine.in_memory import InMemoryRows
from dgmm.engine.passes import PassRunner
from dgmm.mixture.candidate import Candidate, Status
from dgmm.mixture.density import assign
from dgmm.mixture.drift import predictive_test
from dgmm.mixture.drift.component_drift import Labels, component_drift
from dgmm.mixture.drift.decision import Drift, DriftThresholds, assess_drift
from dgmm.mixture.drift.duplicates import DuplicateRates
from dgmm.mixture.drift.predictive_test import Estimate
from dgmm.mixture.em.iteration import EMOptions, FitState
from dgmm.mixture.kernels.centring import CentredScatter
from dgmm.mixture.parameters import Parameters
from dgmm.mixture.types import Array

_COMPARE = "compare"

_TOL = 1e-5
_LEAST = -1e200
_ROWS_AT_ONCE = 1 << 13
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True, eq=False)
class ComparedMixture:
    """One of the two mixtures of a comparison.

    Attributes
    ----------
    mixture : Parameters
    labels : tuple of int
        Of its components; equal labels mean the same component.
    n_rows : int
        That it was fitted to.
    status : Status
    """

    mixture: Parameters
    labels: Labels
    n_rows: int
    status: Status = Status.CONVERGED

    @property
    def expected_overfit(self) -> Estimate:
        """Loss expected from having been fitted to a finite number of rows."""
        return predictive_test.estimate_overfit(self.mixture.n_parameters, self.n_rows)


@blas.single_thread()
def compare(
    older: ComparedMixture,
    newer: ComparedMixture,
    rows: Array,
    weights: Array | None,
    rules: EMOptions,
    limits: DriftThresholds,
    repeats: DuplicateRates | None = None,
    observer: Observer = ignore,
) -> Drift:
    """What changed from an older mixture to a newer one, and whether it exceeds the limits.

    Parameters
    ----------
    older, newer : ComparedMixture
        In the coordinates of the rows.
    rows : ndarray of shape (m, n_features), float64
        A sample of the newer rows, in the order of the data, about an origin near their mean; NaN
        marks what is missing.
    weights : ndarray of shape (m,), or None
        Positive.
    rules : EMOptions
        Of the fit that found the newer mixture.
    limits : DriftThresholds
    repeats : DuplicateRates, or None
        Among the older rows and the newer; None if not known.
    observer : callable
        Told of passes of the stage ``"compare"``.

    Returns
    -------
    Drift
        A function of the arguments alone, bit by bit.
    """
    log_older, log_newer = (_log_densities(side.mixture, rows) for side in (older, newer))
    segment = predictive_test.row_segments(len(rows))
    held_out = predictive_test.is_held_out(segment)
    seen, unseen = (None if weights is None else weights[few] for few in (~held_out, held_out))
    again = refit(newer.mixture, rows[~held_out], seen, rules, observer)
    test = predictive_test.held_out_test(
        log_older[held_out],
        _log_densities(again, rows[held_out]),
        unseen,
        segment[held_out],
        older.expected_overfit,
    )
    became_unsound = newer.status is Status.DEGENERATE is not older.status
    return assess_drift(
        component_drift(older.mixture, newer.mixture, older.labels, newer.labels),
        predictive_test.compare_log_densities(log_older, log_newer, weights),
        test,
        older.expected_overfit.mean + newer.expected_overfit.mean,
        limits,
        newer.status.sentence if became_unsound else "",
        repeats,
    )


@blas.single_thread()
def refit(
    mixture: Parameters,
    rows: Array,
    weights: Array | None,
    rules: EMOptions,
    observer: Observer = ignore,
) -> Parameters:
    """The optimum for these rows that EM reaches from a given mixture.

    Parameters
    ----------
    mixture : Parameters
    rows : ndarray of shape (m, n_features), float64
        About an origin near their mean.
    weights : ndarray of shape (m,), or None
        Positive.
    rules : EMOptions
        The tolerance is 1e-5 or wider, and after 100 steps EM ends wherever it is.
    observer : callable
        Told of passes of the stage ``"compare"``.
    """
    rules = replace(rules, tol=max(rules.tol, _TOL), max_iter=_MOST_STEPS)
    centred = CentredScatter.of(rows, weights, np.zeros(rows.shape[1]))
    missing: Missing = "marginalize" if centred.lacks_values else "error"
    held = InMemoryRows(rows, weights, missing=missing)
    runner = PassRunner(held, LocalExecution(), observer)
    start = FitState(Candidate(mixture.covariance_type, mixture.n_components), mixture)
    *_, (_, (state,)) = passes.run_em(runner, _COMPARE, (start,), centred, rules)
    return state.parameters


def _log_densities(mixture: Parameters, rows: Array) -> Array:
    """Log densities, raised to the smallest that float64 holds."""
    found = np.empty(len(rows))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(rows), _ROWS_AT_ONCE):  # each has a responsibility for each k
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = np.fmax(assign(mixture, rows[part], may_lack=True).log_density, _LEAST)
    return found
