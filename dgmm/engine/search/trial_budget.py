"""How many moves are tried, and which."""

from collections.abc import Sequence
from dataclasses import dataclass

from dgmm.mixture.initialization.moves import Merge, Move
from dgmm.mixture.initialization.split import Split


@dataclass(frozen=True, slots=True)
class TrialBudget:
    """How many moves are tried.

    Attributes
    ----------
    n_rounds, n_trials, n_steps : int
        Rounds, moves in each, and steps of EM of each; a race has steps of its own.
    least_ratio : float
        Of a merge's loss that the split must gain to be tried with it.
    is_whole : bool
        Whether trials are a race of whole mixtures on all rows, and components for which no split
        is known are cut in half.
    """

    n_rounds: int = 4
    n_trials: int = 6
    n_steps: int = 12
    least_ratio: float = 0.25
    is_whole: bool = False

    def choose_moves(self, splits: Sequence[Split], merges: Sequence[Merge]) -> list[Move]:
        """The moves whose bounds promise most, of each component and each pair at most two.

        Parameters
        ----------
        splits : sequence of Split
            Of each component.
        merges : sequence of Merge
        """
        every = sorted(
            (
                Move(merge, k, split)
                for k, split in enumerate(splits)
                if split.exists
                for merge in merges
                if k not in (merge.i, merge.j) and split.gain >= self.least_ratio * merge.loss
            ),
            key=lambda move: (-move.gain, move.k, move.merge.i, move.merge.j),
        )
        counts: dict[object, int] = {}
        chosen: list[Move] = []
        for move in every:
            keys = (move.k, (move.merge.i, move.merge.j))
            if len(chosen) < self.n_trials and all(counts.get(key, 0) < 2 for key in keys):
                chosen.append(move)
                counts.update({key: counts.get(key, 0) + 1 for key in keys})
        return chosen


LARGE_BUDGET = TrialBudget(6, 8, 0, 0.0, is_whole=True)
"""For rows so few that a trial costs next to nothing."""

LAST_BUDGET = TrialBudget(4, 12, 30, 0.0)
"""After EM has settled: what is left to gain is not seen by bounds."""
