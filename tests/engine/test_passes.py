"""Passes: what is read and how often, what is told of it, and what a changed input does."""

import dask.array as da
import numpy as np
import pytest

from dgmm.engine import assignment, events, passes
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import BlocksDone, PassFinished, PassStarted
from dgmm.engine.execution import LocalExecution
from dgmm.engine.fit import FitOptions, fit
from dgmm.errors import InputChangedError
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.candidate import Status
from dgmm.mixture.density import assign
from dgmm.mixture.parameters import Parameters
from tests.engine.pieces import Pieces
from tests.engine.recording import (
    SYNCHRONOUS,
    RecordedRows,
    bounds_of,
    dataset_of,
    in_blocks,
    reader_of,
)
from tests.strategies import COVARIANCE_TYPES, random_mixture

EVERYTHING = tuple((kind, k) for kind in COVARIANCE_TYPES for k in range(1, 7))
SOME = EVERYTHING[::2]


def clumps(n_rows=240, n_features=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_features)) + 4 * rng.integers(0, 3, (n_rows, 1))


def ignore_assignment(start, assignment):
    del start, assignment


# --- reads ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        FitOptions(SOME, n_init=1, max_iter=3, sample_rows=120),
        FitOptions(EVERYTHING, n_init=1, max_iter=2),
        FitOptions((("full", 1),)),
        FitOptions((("full", 2), ("tied", 3), ("diag", 1)), tol=1e-3),
    ],
    ids=["12 candidates, sampled", "24 candidates, whole", "one candidate", "leaving one by one"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_pass_reads_every_block_once_whatever_the_number_of_candidates(options, weighted):
    chunks = (50, 1, 9, 100, 80)
    source = RecordedRows(clumps())
    weights = in_blocks(np.linspace(0.5, 1.5, 240), chunks) if weighted else None
    seen = []
    dataset = Dataset.from_array(in_blocks(source, chunks), weights)
    found = fit(dataset, options, SYNCHRONOUS, seen.append)
    n_passes = found.sweep.n_passes
    assert sorted(source.reads) == sorted(bounds_of(chunks) * n_passes)
    for i in range(n_passes):  # and no pass begins before the one before it is over
        of_one_pass = source.reads[i * len(chunks) : (i + 1) * len(chunks)]
        assert sorted(of_one_pass) == bounds_of(chunks)
    stages = [event.stage for event in seen if isinstance(event, PassFinished)]
    assert sum(stage in events.READ_ALL_ROWS for stage in stages) == n_passes
    assert n_passes == 1 + stages.count("fit") + stages.count("repair")
    traces = [len(result.trace) for result in found.sweep.results]
    assert max(traces) == max(stages.count("fit"), stages.count("repair"))
    assert len(traces) == len(options.models)


def test_candidates_that_are_done_leave_the_passes():
    seen = []
    models = (("full", 1), ("full", 2), ("spherical", 6))
    options = FitOptions(models, n_init=2, accelerate=False)
    found = fit(dataset_of(clumps(), (100, 140)), options, SYNCHRONOUS, seen.append)
    running = [e.n_running for e in seen if isinstance(e, PassStarted) and e.stage == "fit"]
    traces = [len(result.trace) for result in found.sweep.results]
    assert len(set(traces)) > 1
    assert running == [sum(n > i for n in traces) for i in range(max(traces))]


def test_assigning_reads_every_block_once():
    rows = clumps()
    source, chunks = RecordedRows(rows), (100, 1, 139)
    mixture = some_mixture(rows)
    runner = reader_of(Dataset.from_array(in_blocks(source, chunks)))
    assignment.assign_all(runner, AssigningMixture(mixture), Pieces(ignore_assignment, 30))
    assert sorted(source.reads) == bounds_of(chunks)


# --- events -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "execution", [SYNCHRONOUS, LocalExecution("threads"), LocalExecution("threads", 3)], ids=str
)
def test_events_tell_every_pass_from_its_start_to_its_end(execution):
    seen = []
    options = FitOptions((("full", 2), ("diag", 3)), n_init=2, max_iter=3, sample_rows=100)
    found = fit(dataset_of(clumps(), (40,) * 6), options, execution, seen.append)
    told = iter(seen)
    stages = []
    for started in told:
        assert isinstance(started, PassStarted)
        n_parts = started.n_blocks
        done = [next(told) for _ in range(n_parts)]
        assert done == [BlocksDone(i + 1, n_parts) for i in range(n_parts)]
        finished = next(told)
        assert isinstance(finished, PassFinished)
        assert (finished.stage, finished.index) == (started.stage, started.index)
        assert finished.n_rows == started.n_rows
        assert finished.seconds >= 0
        assert finished.n_running <= started.n_running <= started.n_candidates
        stages.append((finished.stage, finished.index))
        if started.stage in ("profile", "fit"):
            assert (started.n_blocks, started.n_rows) == (6, 240)
    counts = {name: sum(stage == name for stage, _ in stages) for name in dict(stages)}
    assert list(counts) == ["profile", "search", "sample", "fit"]
    assert stages == [(name, i) for name, n in counts.items() for i in range(n)]
    assert seen[-1].n_running == 0
    best = max(result.trace[-1] for result in found.sweep.results)
    assert seen[-1].best_log_likelihood == best


# --- an input that changes --------------------------------------------------------------------


def changed_after(stage, rows, chunks, change, weights=None):
    """Fit, with ``change(rows, weights)`` as soon as a pass of ``stage`` is over."""
    source = RecordedRows(rows)
    weight_source = None if weights is None else RecordedRows(weights)

    def observe(event):
        if isinstance(event, PassFinished) and event.stage == stage:
            change(rows, weights)

    dataset = Dataset.from_array(
        in_blocks(source, chunks), None if weights is None else in_blocks(weight_source, chunks)
    )
    options = FitOptions((("full", 2),), n_init=1, tol=1e-12, max_iter=30)
    return fit(dataset, options, SYNCHRONOUS, observe)


def nothing_happens(rows, weights):
    del rows, weights


def nudge(rows, weights):
    del weights
    rows[130, 1] = np.nextafter(rows[130, 1], np.inf)


@pytest.mark.parametrize("stage", ["profile", "fit"])
def test_one_changed_bit_between_passes_ends_the_fit_and_is_located(stage):
    match = r"Rows 100 to 149 \(block 2\) are not what they were on the first pass"
    with pytest.raises(InputChangedError, match=match) as caught:
        changed_after(stage, clumps(), (60, 40, 50, 90), nudge)
    assert caught.value.exit_code == 65


def test_the_first_of_several_changed_blocks_is_named():
    def change(rows, weights):
        del weights
        rows[[70, 239]] += 1.0

    with pytest.raises(InputChangedError, match=r"Rows 60 to 99 \(block 1\)"):
        changed_after("profile", clumps(), (60, 40, 50, 90), change)


def test_an_input_that_stays_the_same_is_fitted():
    found = changed_after("profile", clumps(), (60, 40, 50, 90), nothing_happens)
    assert found.sweep.selected.status is not Status.DEGENERATE


def test_changed_weights_end_the_fit_too():
    def change(rows, weights):
        del rows
        weights[130] = 7.0

    with pytest.raises(InputChangedError, match=r"Rows 100 to 149"):
        changed_after("profile", clumps(), (60, 40, 50, 90), change, np.ones(240))


def test_rows_that_changed_since_the_profile_are_not_assigned_in_silence():
    rows = clumps()
    runner = reader_of(dataset_of(rows, (100, 140)))
    checksums = passes.profile(runner, passes.ProfileSpec(0, 0.0)).checksums
    other = rows.copy()
    other[120] += 1
    runner = passes.PassRunner(dataset_of(other, (100, 140)), SYNCHRONOUS, events.ignore, checksums)
    with pytest.raises(InputChangedError, match=r"Rows 100 to 239"):
        assignment.assign_all(
            runner, AssigningMixture(some_mixture(rows)), Pieces(ignore_assignment, 30)
        )


# --- assignments ------------------------------------------------------------------------------


def some_mixture(rows, covariance_type="full", n_components=3):
    mixture = random_mixture(np.random.default_rng(1), rows, covariance_type, n_components)
    return Parameters.from_covariances(*mixture)


@pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)
@pytest.mark.parametrize("rows_per_write", [1, 7, 30, 1000])
@pytest.mark.parametrize("execution", [SYNCHRONOUS, LocalExecution("threads", 3)], ids=str)
def test_every_row_is_written_once_in_pieces_of_its_block(
    execution, rows_per_write, covariance_type
):
    rows, chunks = clumps(), (50, 0, 1, 9, 100, 80)
    mixture, written = some_mixture(rows, covariance_type), []
    runner = reader_of(dataset_of(rows, chunks), execution=execution)
    outcome = assignment.assign_all(
        runner,
        AssigningMixture(mixture),
        Pieces(lambda *piece: written.append(piece), rows_per_write),
    )
    written.sort(key=lambda piece: piece[0])
    places = [(start, start + len(piece.log_density)) for start, piece in written]
    assert places == [
        (start, min(start + rows_per_write, stop))
        for first, stop in bounds_of(chunks)
        for start in range(first, stop, rows_per_write)
    ]
    whole = assign(mixture, rows)
    log_density = np.concatenate([piece.log_density for _, piece in written])
    responsibilities = np.concatenate([piece.responsibilities for _, piece in written])
    np.testing.assert_allclose(log_density, whole.log_density, rtol=1e-12)
    np.testing.assert_allclose(responsibilities, whole.responsibilities, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert outcome.n_rows == len(rows)
    assert len(outcome.checksums) == len(chunks)


def test_rows_far_from_every_component_are_still_assigned():
    rows = np.array([[1e6, -1e6], [0.0, 0.0], [-1e130, 3.0]])
    written = []
    assignment.assign_all(
        reader_of(dataset_of(rows, (1, 2))),
        AssigningMixture(some_mixture(clumps())),
        Pieces(lambda _, assignment: written.append(assignment), 10),
    )
    responsibilities = np.concatenate([piece.responsibilities for piece in written])
    assert np.isfinite(responsibilities).all()
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1.0, atol=1e-14)
    assert np.isfinite(np.concatenate([piece.log_density for piece in written])).all()


class FullDiskError(OSError):
    """What a failing write may raise."""


def test_a_write_that_fails_surfaces_as_it_is():
    def write(start, assignment):
        del assignment
        if start >= 100:
            raise FullDiskError("no space left")

    runner = reader_of(dataset_of(clumps(), (100, 140)), execution=LocalExecution("threads", 2))
    with pytest.raises(FullDiskError, match="no space left"):
        assignment.assign_all(runner, AssigningMixture(some_mixture(clumps())), Pieces(write, 50))


def test_a_read_that_fails_surfaces_as_it_is():
    def broken(block):
        del block
        raise FullDiskError("cannot read")

    rows = da.map_blocks(broken, in_blocks(clumps(), (100, 140)), meta=np.zeros((0, 0)))
    with pytest.raises(FullDiskError, match="cannot read"):
        fit(Dataset.from_array(rows), FitOptions((("full", 2),)))
