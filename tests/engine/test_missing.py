"""Rows without a value: left out of every sum, and still in their place."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dgmm.engine import assignment
from dgmm.engine.block import Block
from dgmm.engine.dataset import Dataset
from dgmm.engine.events import ignore
from dgmm.engine.fit import FitOptions, fit
from dgmm.engine.passes import PassRunner
from dgmm.errors import DataError, advise
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.density import assign
from dgmm.run.config.advice import REMEDIES
from tests.engine.pieces import Pieces
from tests.engine.recording import SYNCHRONOUS, in_blocks
from tests.engine.test_fit import clumps
from tests.strategies import chunkings

OPTIONS = FitOptions((("full", 2), ("diag", 3)), n_init=2)


def with_holes(seed=0, n_rows=240, dtype=np.float64):
    """Clumps of which some rows, whole blocks among them, lack one value or all."""
    rng = np.random.default_rng(seed)
    rows = clumps(n_rows, seed=seed).astype(dtype)
    lost = rng.random(n_rows) < 0.3
    lost[100:140] = True
    rows[lost, rng.integers(0, 3, lost.sum())] = np.nan
    rows[0] = np.nan
    return rows


def in_blocks_or_none(values, chunks):
    return None if values is None else in_blocks(values, chunks)


def fitted(rows, chunks, weights=None):
    lazy = Dataset.from_array(
        in_blocks(rows, chunks), in_blocks_or_none(weights, chunks), missing="drop"
    )
    return fit(lazy, OPTIONS, SYNCHRONOUS)


@settings(max_examples=6)
@given(chunks=chunkings(240), is_weighted=st.booleans(), dtype=st.sampled_from(["f4", "f8"]))
def test_a_fit_is_that_of_the_rows_that_are_whole(chunks, is_weighted, dtype):
    rows = with_holes(dtype=dtype)
    weights = np.random.default_rng(1).integers(1, 4, len(rows)) * 1.0 if is_weighted else None
    whole = ~np.isnan(rows).any(axis=1)
    found = fitted(rows, chunks, weights)
    kept = None if weights is None else weights[whole]
    expected = fitted(rows[whole], (int(whole.sum()),), kept)
    assert found.profile.n_missing == (~whole).sum()
    assert found.profile.n_rows == whole.sum()
    # the sample of so few rows is all of them, so that both have the same starts
    for ours, theirs in zip(found.sweep.results, expected.sweep.results, strict=True):
        np.testing.assert_allclose(ours.log_likelihood, theirs.log_likelihood, rtol=1e-10)
        np.testing.assert_allclose(ours.bic, theirs.bic, rtol=1e-10)
        np.testing.assert_allclose(ours.parameters.means, theirs.parameters.means, rtol=1e-6)


def test_rows_that_are_left_out_keep_their_place_in_the_assignments():
    rows, chunks = with_holes(), (90, 60, 90)
    found = fitted(rows, chunks)
    mixture = found.sweep.selected.parameters
    labels = np.full(len(rows), 99)
    log_density = np.zeros(len(rows))

    def write(start, assignment):
        part = slice(start, start + len(assignment.log_density))
        labels[part], log_density[part] = assignment.labels, assignment.log_density

    lazy = Dataset.from_array(in_blocks(rows, chunks), missing="drop")
    runner = PassRunner(lazy, SYNCHRONOUS, ignore, found.profile.checksums)
    assert assignment.assign_all(
        runner, AssigningMixture(mixture), Pieces(write, 25)
    ).n_rows == len(rows)
    whole = ~np.isnan(rows).any(axis=1)
    expected = assign(mixture, rows[whole])
    np.testing.assert_array_equal(labels[whole], expected.labels)
    np.testing.assert_array_equal(labels[~whole], -1)
    np.testing.assert_array_equal(log_density[whole], expected.log_density)
    assert np.isnan(log_density[~whole]).all()


def test_infinite_values_are_an_error_and_named_by_their_own_row():
    rows = with_holes()
    place = int(np.flatnonzero(~np.isnan(rows).any(axis=1))[50])
    rows[place, 2] = -np.inf
    with pytest.raises(DataError, match=rf"have 1 values .* row {place} column 'x2' \(-inf\)"):
        fitted(rows, (90, 60, 90))


def test_weights_of_rows_that_are_left_out_do_not_matter():
    rows = with_holes()
    weights = np.where(np.isnan(rows).any(axis=1), np.nan, 2.0)
    assert fitted(rows, (240,), weights).profile.total_weight == 2 * (~np.isnan(weights)).sum()


def test_nothing_but_missing_rows_is_an_error_that_says_so():
    with pytest.raises(DataError, match=r"All 30 rows lack a value"):
        fitted(np.full((30, 2), np.nan), (10, 20))


def test_by_default_a_missing_value_is_an_error_that_names_the_way_out():
    rows = with_holes()
    with (
        pytest.raises(DataError, match=r"row 0 column 'x0' \(nan\).*missing: drop"),
        advise(REMEDIES),
    ):
        fit(Dataset.from_array(in_blocks(rows, (240,))), OPTIONS, SYNCHRONOUS)


@pytest.mark.parametrize("dtype", ["?", "u1", ">i4", "f2"])
def test_a_block_without_holes_is_not_copied(dtype):
    rows = np.ones((10, 2), dtype)
    block = Block.from_rows(rows, None, 5, "drop")
    assert block.rows is rows
    assert block.complete is None
    assert (block.index(3), block.n_missing) == (8, 0)


def test_a_block_with_holes_knows_its_rows_by_their_index():
    rows = np.array([[1.0], [np.nan], [3.0], [np.nan], [5.0]])
    block = Block.from_rows(rows, np.arange(5.0), 100, "drop")
    np.testing.assert_array_equal(block.rows, [[1], [3], [5]])
    np.testing.assert_array_equal(block.weights, [0, 2, 4])
    assert [block.index(i) for i in range(3)] == [100, 102, 104]
    part, weights, complete = block.part(1, 4)
    np.testing.assert_array_equal(part, [[3]])
    np.testing.assert_array_equal(weights, [2])
    np.testing.assert_array_equal(complete, [False, True, False])


def test_a_sample_without_a_whole_row_is_refused_in_a_sentence():
    rows = np.full((20_000, 2), np.nan)
    rows[[7_000, 12_000]] = [[0, 1], [1, 0]]
    lazy = Dataset.from_array(in_blocks(rows, (20_000,)), missing="drop")
    with (
        pytest.raises(DataError, match=r"Only 2 of 20,000 rows .* larger `model\.sample_size"),
        advise(REMEDIES),
    ):
        fit(lazy, FitOptions((("full", 1),), sample_rows=1), SYNCHRONOUS)
