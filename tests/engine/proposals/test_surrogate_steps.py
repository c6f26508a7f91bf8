"""Few reads of all rows, and the same top as by many."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine.events import PassFinished
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.proposals.step_proposals import StepProposals
from dgmm.engine.search.search_rows import SearchRows
from dgmm.mixture.candidate import Status
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.strategies import COVARIANCE_TYPES

CENTRES = np.random.default_rng(5).normal(size=(4, 3)) * 3.0


def rows_of(seed=0, n_rows=24_000):
    rng = np.random.default_rng(seed)
    return CENTRES[rng.integers(0, 4, n_rows)] + rng.normal(size=(n_rows, 3))


def sweep_of(rows, options):
    n_read = []

    def count(event):
        if isinstance(event, PassFinished) and event.n_rows == len(rows):
            n_read.append(event.stage)

    found = fit(dataset_of(rows, (6_000,) * 4), options, SYNCHRONOUS, count).sweep
    assert len(n_read) == found.n_passes
    return found


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
def test_the_top_is_the_same_in_fewer_reads(covariance_type, monkeypatch):
    options = FitOptions(((covariance_type, 4),), n_init=2, sample_rows=4_000, tol=1e-7)
    led = sweep_of(rows_of(), options)
    nothing = StepProposals(None, None)
    monkeypatch.setattr(StepProposals, "for_rows", lambda *_, **__: nothing)
    alone = sweep_of(rows_of(), options)
    exact = sweep_of(rows_of(), replace(options, tol=1e-11))
    for found in (led, alone):
        assert found.selected.status is Status.CONVERGED
        assert 0 <= exact.selected.log_likelihood - found.selected.log_likelihood < 24_000 * 1e-7
    assert led.n_passes < alone.n_passes
    assert led.n_passes <= 7
    assert (np.diff(led.selected.trace) >= 0).all()


def test_a_sample_that_misleads_costs_a_read_and_nothing_else(monkeypatch):
    rows = rows_of()
    options = FitOptions((("full", 4),), n_init=2, sample_rows=4_000, tol=1e-7)
    honest = StepProposals.for_rows

    def lying(sample, *others, **choice):
        """Rows of elsewhere in place of the sample, once all is profiled."""
        elsewhere = np.ascontiguousarray(sample.rows[:, ::-1] * 0.5)
        other = SearchRows(elsewhere, sample.weights, sample.regularization)
        return honest(other, *others, **choice)

    exact = sweep_of(rows, replace(options, tol=1e-11)).selected
    monkeypatch.setattr(StepProposals, "for_rows", lying)
    found = sweep_of(rows, options).selected
    assert found.status is Status.CONVERGED
    assert 0 <= exact.log_likelihood - found.log_likelihood < 24_000 * 1e-6
    assert (np.diff(found.trace) >= 0).all()
