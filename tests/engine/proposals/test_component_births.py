"""Components that the sample does not show are found among the least likely of all rows."""

import numpy as np
import pytest

from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit import fit
from dgmm.engine.fit_options import FitOptions
from dgmm.engine.proposals import component_births
from dgmm.mixture.candidate import Status
from dgmm.mixture.kernels.least_likely import n_least_likely
from dgmm.mixture.sweep_findings import find_births
from tests.engine.recording import SYNCHRONOUS, dataset_of
from tests.engine.test_fit_progress import bits

N_ROWS = 60_000
CENTRES = np.array([[0.0, 0.0, 0.0], [7.0, 0.0, 2.0], [0.0, 7.0, -3.0]])
PLACES = np.array([[12.0, 12.0, 0.0], [-8.0, -6.0, 4.0]])
BLOCKS = (20_000, 25_000, 15_000)


def rows_of(shares=(), tails=None, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(N_ROWS, 3))
    if tails is not None:
        z /= np.sqrt(rng.chisquare(tails, (N_ROWS, 1)) / tails)
    rows, start = CENTRES[rng.integers(0, 3, N_ROWS)] + z, 0
    for place, share in zip(PLACES, shares, strict=False):
        stop = start + int(share * N_ROWS)
        rows[start:stop] = place + 0.4 * rng.normal(size=(stop - start, 3))
        start = stop
    return rng.permutation(rows)


def options_of(*counts, kind="full", **others):
    return FitOptions(tuple((kind, k) for k in counts), sample_rows=1_500, **others)


def sweep_of(rows, options, execution=SYNCHRONOUS):
    return fit(dataset_of(rows, BLOCKS), options, execution).sweep


@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_rare_clusters_are_found_in_at_most_two_more_reads(kind, monkeypatch):
    rows = rows_of((2e-3, 7e-4))
    options = options_of(5, kind=kind)
    found = sweep_of(rows, options)
    nearest = np.linalg.norm(found.selected.parameters.means[:, None] - PLACES, axis=2).min(axis=0)
    assert found.selected.status is Status.CONVERGED
    assert (nearest < 0.3).all()
    monkeypatch.setattr(component_births, "_PASSES", 0)
    without = sweep_of(rows, options)
    assert found.selected.bic <= without.selected.bic + 1e-6
    assert found.n_passes <= without.n_passes + 2


def test_a_birth_is_said_of_the_result():
    found = sweep_of(rows_of((2e-3, 7e-4)), options_of(5)).selected
    assert found.n_births >= 1
    assert type(found.n_births) is int  # checkpoints take no number of NumPy
    sweep = sweep_of(rows_of((2e-3, 7e-4)), options_of(4, 5, 6))
    assert sweep.selected.n_components == 5
    assert any("least likely of all rows" in finding.text for finding in find_births(sweep))


@pytest.mark.parametrize("tails", [None, 4])
def test_nothing_is_born_where_there_is_nothing(tails):
    rows = rows_of((), tails)
    found = sweep_of(rows, options_of(2, 3))
    assert [result.n_births for result in found.results] == [0, 0]
    assert found.selected.n_components == 3
    assert not any("least likely" in finding.text for finding in find_births(found))


def test_the_bits_do_not_depend_on_threads_and_are_those_of_a_resumed_fit():
    rows, options, kept = rows_of((2e-3, 7e-4)), options_of(4, 5), []
    whole = fit(dataset_of(rows, BLOCKS), options, SYNCHRONOUS, save=kept.append)
    assert max(result.n_births for result in whole.sweep.results) >= 1
    assert bits(fit(dataset_of(rows, BLOCKS), options, LocalExecution())) == bits(whole)
    for progress in [one for one in kept if one.stage == "fit" and one.n_passes <= 3]:
        again = fit(dataset_of(rows, BLOCKS), options, SYNCHRONOUS, progress=progress)
        assert bits(again) == bits(whole)


def test_a_birth_that_loses_is_taken_back_for_one_read(monkeypatch):
    rows, options = rows_of(), options_of(3)
    expected = sweep_of(rows, options).selected
    honest = component_births.ComponentBirths.propose_step

    def lying(self, state, moments):
        """A component moved far away, once."""
        if len(state.trace) != 0:
            return honest(self, state, moments)
        moved = state.parameters.translate(np.full(3, 5.0))
        return component_births.ProposedStep(moved, 1.0, 1)

    monkeypatch.setattr(component_births.ComponentBirths, "propose_step", lying)
    found = sweep_of(rows, options).selected
    assert found.n_births == 0
    assert found.status is Status.CONVERGED
    assert (np.diff(found.trace) >= 0).all()
    assert abs(found.log_likelihood - expected.log_likelihood) < N_ROWS * 1e-6


def test_few_rows_are_not_kept():
    assert n_least_likely((1 << 15) - 1, 1, 3) == 0
    assert n_least_likely(1 << 15, 1, 3) == 4096
    assert n_least_likely(1 << 15, 80, 16) * 80 * 19 * 8 <= 1 << 22
