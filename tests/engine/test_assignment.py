"""Blocks that an earlier call knows are not assigned again, and change no bit of the sums."""

from dataclasses import replace

import numpy as np
import pytest

from dgmm.engine.assignment import BlockProvenance, assign_all
from dgmm.engine.execution import LocalExecution
from dgmm.mixture.assignment_statistics import AssigningMixture
from dgmm.mixture.parameters import Parameters
from tests.engine.pieces import Pieces
from tests.engine.recording import SYNCHRONOUS, dataset_of, reader_of
from tests.strategies import random_mixture

BLOCKS = 40  # more than 32, so that the tree has a level


class Remembered:
    """What was kept of blocks; recalls those of equal checksums."""

    def __init__(self, earlier=None):
        self.kept = {}
        self._earlier = earlier or {}

    def load(self, start, n_rows, checksum):
        found = self._earlier.get(start)
        if found is None:
            return BlockProvenance.NEW
        assert found.n_rows == n_rows
        if found.checksums != (checksum,):
            return BlockProvenance.CHANGED
        return replace(found, origins=(BlockProvenance.KNOWN,))

    def save(self, start, found):
        self.kept[start] = found


@pytest.mark.parametrize("execution", [SYNCHRONOUS, LocalExecution("threads", 3)], ids=str)
def test_known_blocks_are_not_assigned_again_and_leave_the_sums_their_bits(execution):
    rows = np.random.default_rng(3).normal(size=(5 * BLOCKS, 2))
    mixture = Parameters.from_covariances(
        *random_mixture(np.random.default_rng(1), rows, "full", 3)
    )

    def assigned(n_blocks, memory):
        written = []
        runner = reader_of(dataset_of(rows[: 5 * n_blocks], (5,) * n_blocks), execution=execution)
        writer = Pieces(lambda start, _: written.append(start), 3)
        outcome = assign_all(runner, AssigningMixture(mixture), writer, memory=memory)
        assert len(memory.kept) == n_blocks
        return outcome, {start // 5 for start in written}

    before = Remembered()
    assigned(BLOCKS - 6, before)
    rows[12] += 1.0
    outcome, written = assigned(BLOCKS, Remembered(before.kept))
    new = range(BLOCKS - 6, BLOCKS)
    assert written == {2, *new}
    assert [outcome.origins[i] for i in (2, *new)] == [BlockProvenance.CHANGED] + [
        BlockProvenance.NEW
    ] * 6
    assert outcome.origins.count(BlockProvenance.KNOWN) == BLOCKS - 7
    scratch, written = assigned(BLOCKS, Remembered())
    assert len(written) == BLOCKS
    assert outcome.checksums == scratch.checksums
    assert outcome.n_rows == scratch.n_rows
    for pair in zip(outcome.sums.arrays, scratch.sums.arrays, strict=True):
        assert pair[0].tobytes() == pair[1].tobytes()
