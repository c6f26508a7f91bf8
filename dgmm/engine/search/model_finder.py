"""A mixture of one model: its start, its moves, and whether another start is better."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from dgmm.engine.search.component_moves import ComponentMoves
from dgmm.engine.search.first_mixtures import (
    FEW_ROWS,
    FIRST_STEPS,
    ROUNDS,
    STEPS,
    FirstMixtures,
)
from dgmm.engine.search.found_mixtures import quality_of
from dgmm.engine.search.prospects import Prospects
from dgmm.engine.search.race import SCHEDULE, race
from dgmm.engine.search.search_rows import SearchRows, always
from dgmm.engine.search.trial_budget import LARGE_BUDGET, LAST_BUDGET, TrialBudget
from dgmm.mixture.em.iteration import FitState
from dgmm.mixture.initialization import initializers
from dgmm.mixture.parameters import Parameters

_VERY_FEW_ROWS = 1 << 12  # up to which several kinds of start are tried
_FEW_COMPONENTS = 8  # up to which starts of other kinds are tried on many rows, too
_MOST_FINISHES = 6
_HARDLY = 0.1  # of a merge's loss: where splits gain less, no other start is tried
_COMPONENTS_OF_STARTS = 32  # of all these starts together
_ROWS_OF_GUESSES = 1 << 11
_FEWER_PER_PARAMETER = 5  # rows in which they race
STEPS_ON_MORE_ROWS = 2  # of EM
_STEPS_TO_COMPARE = 10
_MOST_STEPS = 60  # of EM on few rows


@dataclass(eq=False)
class ModelFinder(FirstMixtures):
    """Finds mixtures of one model.

    Attributes
    ----------
    prospects : Prospects
    """

    prospects: Prospects = field(kw_only=True)

    def _find(self, kind: str, n_components: int, index: int) -> Parameters:
        """A mixture after all kinds of moves."""
        rows = self._rows_for(kind, n_components)
        at = self._moves(rows, index)
        if are_few(rows):
            return self._find_in_few(at, kind, n_components, index)
        if n_components == 1:
            return rows.climb(self._start_simply(kind, n_components, index), STEPS)
        mixture = self._move_from_start(at, kind, n_components, index)
        if rows.n_rows == self.rows.n_rows and not at.is_plausible(mixture, _HARDLY):
            settled = self._settle(at, mixture)
            if not at.is_plausible(settled, _HARDLY):
                return settled
        mixture = self._find_other(at, self._repair(at, mixture), index)
        return self._finish(self._move_on_more_rows(mixture, index), index)

    def _move_from_start(
        self, at: ComponentMoves, kind: str, n_components: int, index: int
    ) -> Parameters:
        """The mixture after moves that bounds promise to pay."""
        start = self._start_simply(kind, n_components, index)
        return at.improve(self._move(at, start, index), ROUNDS)

    def _find_other(self, at: ComponentMoves, mixture: Parameters, index: int) -> Parameters:
        """The mixture, or a better one from a start of another kind if components are few."""
        kind, n_components = mixture.covariance_type, mixture.n_components
        if n_components > _FEW_COMPONENTS:
            return mixture
        some = self._fewer(kind, n_components, index)
        other = self._race_starts(some, kind, n_components, index)
        better = self._best(some.rows, [self._settle(some, each) for each in (mixture, other)])
        return at.make_sound(at.improve(at.rows.climb(better, STEPS), ROUNDS))

    def _best(self, rows: SearchRows, mixtures: list[Parameters]) -> Parameters:
        """The best of some mixtures of one model on some rows."""
        return max(mixtures, key=lambda one: quality_of(rows, one, self.rules))

    def _find_simply(self, kind: str, n_components: int, index: int) -> Parameters:
        """A mixture after moves that bounds promise to pay, from which smaller ones descend."""
        rows = self._rows_for(kind, n_components)
        if are_few(rows) or n_components == 1:
            return self._find(kind, n_components, index)
        at = self._moves(rows, index)
        mixture = at.make_sound(self._move_from_start(at, kind, n_components, index))
        return self._move_on_more_rows(mixture, index)

    def _find_best(self, mixture: Parameters) -> list[Parameters]:
        """The better of what moves make of a mixture and of starts of all kinds, finished.

        None where components are so far apart that nothing will be better, and no larger model says
        otherwise.
        """
        kind, n_components = mixture.covariance_type, mixture.n_components
        at = self._moves(self._rows_for(kind, n_components))
        if not at.is_plausible(mixture):
            return []
        other = self._repair(at, self._move_from_start(at, kind, n_components, 0))
        both = self._repair(at, mixture), self._find_other(at, other, 0)
        better = self._best(at.rows, [self._settle(at, one) for one in both])
        return [self._finish(self._move_on_more_rows(better, 0), 0)]

    def _find_better(
        self, mixture: Parameters, index: int, is_worthwhile: Callable[[FitState], bool]
    ) -> list[Parameters]:
        """Mixtures of the same model after moves, from it and from another start.

        The other start goes on unless it is clearly worse on few rows. Later searches have it
        alone.

        Parameters
        ----------
        mixture : Parameters
        index : int
            Of the search.
        is_worthwhile : callable
            Whether EM goes on from a state.
        """
        at = self._moves(self._rows_for(mixture.covariance_type, mixture.n_components), index)
        going = [] if index else [self._repair(at, mixture)]
        if (rival := self._find_rival(at, mixture, index)) is not None:
            going.append(self._repair(at, rival))
        return [self._settle(at, one, is_worthwhile) for one in going]

    def _find_rival(self, at: ComponentMoves, mixture: Parameters, index: int) -> Parameters | None:
        """A mixture from another start, unless it is clearly worse on few rows.

        The starts of later searches must be better there.
        """
        kind, n_components = mixture.covariance_type, mixture.n_components
        some, others = self._fewer(kind, n_components, index), []
        if not index or n_components > _FEW_COMPONENTS:
            start = self._start_simply(kind, n_components, index)
            others.append(some.improve(some.rows.climb(start, STEPS), ROUNDS))
        if n_components <= _FEW_COMPONENTS:
            others.append(self._race_starts(some, kind, n_components, index))
        each, values = some.rows.climb_each([mixture, *others], _STEPS_TO_COMPARE)
        best = 1 + int(values[1:].argmax())
        lead = (values[0] - values[best]) / some.rows.scatter.total_weight
        if lead >= (0.0 if index else self._least_lead(mixture)):
            return None
        return at.rows.climb(each[best], STEPS_ON_MORE_ROWS)

    def _least_lead(self, mixture: Parameters) -> float:
        """Nats per row by which a mixture is clearly better: what a component costs by BIC."""
        own = mixture.structure.n_component_parameters(mixture.n_features)
        n = self.prospects.n_effective
        return float(0.5 * own * np.log(n) / n)

    def _fewer(self, kind: str, n_components: int, index: int) -> ComponentMoves:
        """Moves on fewer rows."""
        return self._moves(self._rows_for(kind, n_components, _FEWER_PER_PARAMETER), index)

    def _race_starts(
        self, some: ComponentMoves, kind: str, n_components: int, index: int
    ) -> Parameters:
        """The best mixture from starts of several kinds: few components cost little."""
        n_starts = _COMPONENTS_OF_STARTS // n_components
        methods = self.options.init_params or tuple(initializers.METHODS)
        pairs = [(methods[i % len(methods)], i // len(methods)) for i in range(n_starts)]
        few = some.rows.thin(_ROWS_OF_GUESSES).distinct()
        guesses = [self._guess(few, kind, n_components, index, *pair) for pair in pairs]
        return self._repair(some, race(some.rows, guesses, self.rules, SCHEDULE))

    def _move(self, at: ComponentMoves, start: Parameters, index: int) -> Parameters:
        """The mixture after EM, and after moves on few rows if these are many."""
        some = self._moves(self.rows.thin(2 * FEW_ROWS), index)
        if 2 * some.rows.n_rows > at.rows.n_rows:
            return at.rows.climb(start, STEPS)
        start = some.improve(some.rows.climb(start, STEPS), ROUNDS)
        return at.rows.climb(start, STEPS_ON_MORE_ROWS)

    def _move_on_more_rows(self, mixture: Parameters, index: int) -> Parameters:
        """The mixture after moves on all rows, if these are many more."""
        rows = self._rows_for(mixture.covariance_type, mixture.n_components)
        if 2 * rows.n_rows >= self.rows.n_rows:
            return mixture
        every = self.rows.thin(self._most_rows(mixture.n_components))
        mixture = every.climb(mixture, STEPS_ON_MORE_ROWS)
        return self._moves(every, index).improve(mixture, ROUNDS)

    def _finish(self, mixture: Parameters, index: int) -> Parameters:
        """The mixture after EM has settled, and moves after it, as long as they gain.

        What merging two components loses falls for as long as they grow together.
        """
        at = self._moves(self.rows.thin(self._most_rows(mixture.n_components)), index)
        for _ in range(_MOST_FINISHES):
            settled = self._settle(at, mixture)
            mixture = at.make_sound(at.try_moves(at.improve(settled, ROUNDS), LAST_BUDGET))
            if mixture is settled:
                break
        return mixture

    def _repair(self, at: ComponentMoves, mixture: Parameters) -> Parameters:
        """The mixture after moves and trials of moves."""
        return at.make_sound(at.try_moves(at.improve(mixture, ROUNDS), TrialBudget()))

    def _settle(
        self,
        at: ComponentMoves,
        mixture: Parameters,
        is_worthwhile: Callable[[FitState], bool] = always,
    ) -> Parameters:
        """The mixture after accelerated EM, in a limited number of steps."""
        n_steps = min(_MOST_STEPS, STEPS * self.rules.max_iter)
        return at.rows.settle(mixture, replace(self.rules, max_iter=n_steps), is_worthwhile)

    def _find_in_few(
        self, at: ComponentMoves, kind: str, n_components: int, index: int
    ) -> Parameters:
        """A mixture of so few rows that several kinds of start cost little.

        They are tried where moves might pay that bounds do not promise to.
        """
        few = at.rows.distinct()
        mixture = at.rows.climb(self._guess(few, kind, n_components, index), FIRST_STEPS)
        if n_components == 1:
            return mixture
        mixture = at.improve(mixture, ROUNDS)
        if not at.is_plausible(mixture):
            return self._settle(at, mixture)
        guesses = self._guesses(few, kind, n_components, index)
        simple = self._start_simply(kind, n_components, index)
        found = at.improve(race(at.rows, [mixture, simple, *guesses], self.rules, SCHEDULE), ROUNDS)
        mixture = self._best(at.rows, [mixture, found])
        mixture = at.make_sound(at.try_moves(mixture, LARGE_BUDGET))
        return self._settle(at, mixture)


def are_few(rows: SearchRows) -> bool:
    """Whether EM of a whole mixture costs less than the bookkeeping of parts of it."""
    return rows.n_rows <= _VERY_FEW_ROWS
